/**
 * Import tracepoints on Wine: that they tell of the sample what its own rings tell, what they leave behind, and who takes them back.
 * Seen on Wine alone; on Windows the driver's side has no process to place them in.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, open } from 'node:fs/promises';
import { BufferSource } from '../../machine/pe/byte-source.js';
import { readImports } from '../../machine/pe/imports.js';
import { PeImage } from '../../machine/pe/pe-image.js';
import { pointOfImport } from '../../machine/points.js';
import { deployedPaths } from '../../target/deploy.js';
import { toHostPath } from '../../target/wine/paths.js';
import { WineTarget } from '../../target/wine/wine-target.js';
import { startTracepoints, type TracepointRun } from '../../target/tracepoints.js';
import type { AgentClient } from '../../target/agent-client.js';
import { flowWakes } from '../../trace/flow.js';
import { buildModel, type TraceModel } from '../../trace/model/model.js';
import { Kind } from '../../trace/model/records.js';
import type { Recording } from '../../trace/recording.js';
import { traceRun } from '../../target/traced-run.js';
import { TestOperation } from './fixture.js';
import { deploySample, type Sample } from './sample-run.js';

/** Sources of one kind alone: 0 and 1 are the rings of driver and application, 2 and 3 the tracepoints of both. */
function only(recording: Recording, ids: readonly number[]): Recording {
  return {
    ...recording,
    sources: recording.sources.filter(({ id }) => ids.includes(id)),
    chunks: recording.chunks.filter(({ source }) => ids.includes(source)),
  };
}

/**
 * What counts of a flow: which call of which thread released which wait, in order. A dispatch routine runs on a thread of the driver host,
 * which tracepoints tell; the rings tell the requestor's, as the kernel does.
 */
const wakesOf = (model: TraceModel): string[] =>
  flowWakes(model).flatMap(({ signal, wait, released }) =>
    signal === undefined || released !== true
      ? []
      : [
          `${signal.action} ${signal.side === 'user' ? `user ${signal.thread}` : 'kernel'} -> ${wait.side} ${wait.thread} ${wait.status}`,
        ],
  );

/** Whether all of `part` is in `whole`, in that order. */
function isWithin(part: readonly string[], whole: readonly string[]): boolean {
  let found = 0;
  for (const one of whole) if (one === part[found]) found += 1;
  return found === part.length;
}

const countOf = ({ records }: TraceModel, kind: number): number =>
  records.kind.reduce((count, one) => count + (one === kind ? 1 : 0), 0);

describe('import tracepoints', function () {
  this.timeout(240_000);
  let sample: Sample;

  before(async () => {
    sample = await deploySample('wine');
  });
  after(() => sample.client.close());

  for (const args of [
    ['app-handle', '--count', '3'],
    ['driver-handle', '--count', '3'],
    ['app-name', '--strict', '--count', '3'],
    ['driver-name', '--count', '3'],
    ['shared-buffer', '--count', '3'],
  ]) {
    it(`tells the same flow of ${args[0] ?? ''} as the rings of the same run`, async () => {
      const { result, recording } = await traceRun(
        sample,
        { arguments: args, tracepoints: {} },
        {},
        new TestOperation(),
      );
      assert.equal(result.exitCode, 0, result.standardError);
      for (const { source, slots, lost, error } of result.totals) {
        assert.equal(error, undefined);
        assert.equal(lost, 0n, `records of source ${source} were lost`);
        assert.ok(slots > 0n, `source ${source} recorded nothing`);
      }
      const rings = buildModel(only(recording, [0, 1]));
      const tracepoints = buildModel(only(recording, [2, 3]));
      const expected = wakesOf(rings);
      assert.ok(expected.length >= 3);
      // More than the rings: also what the sample leaves out of its own trace, such as the events of its requests.
      assert.ok(
        isWithin(expected, wakesOf(tracepoints)),
        `${expected.join('\n')}\n--\n${wakesOf(tracepoints).join('\n')}`,
      );
      for (const kind of [Kind.Set, Kind.WaitBegin, Kind.WaitEnd, Kind.Reset]) {
        assert.ok(countOf(tracepoints, kind) >= countOf(rings, kind), `records of kind ${kind}`);
      }
    });
  }

  it('records driver and application that nobody asked to record themselves', async () => {
    const { result, recording } = await traceRun(
      sample,
      { arguments: ['app-name', '--strict', '--count', '3'], trace: false, tracepoints: {} },
      {},
      new TestOperation(),
    );
    assert.equal(result.exitCode, 0, result.standardError);
    const model = buildModel(recording);
    const shared = model.objects.filter(({ paths, sources }) => paths.length > 0 && sources.length === 2);
    assert.equal(shared.length, 1, 'one named object, known on both sides');
    assert.equal(flowWakes(model).filter(({ signal }) => signal?.side === 'kernel').length, 3);
  });

  describe('import slots, seen from outside', () => {
    let application: number;
    let slots: ImportSlots;
    let original: readonly bigint[];

    beforeEach(async () => {
      const program = deployedPaths(sample.target, sample.project).application;
      const args = ['app-name', '--strict', '--count', '100000', '--period', '50'];
      const started = await sample.client.request('process/start', {
        ...{ program, arguments: args, environment: {}, endWithAgent: true },
      });
      application = started.process;
      assert.ok(sample.target instanceof WineTarget);
      slots = await ImportSlots.of(await toHostPath(sample.target.prefix.folder, program));
      original = await slots.whenBound();
    });
    afterEach(async () => {
      await sample.client.request('process/end', { process: application, exitCode: 1 });
      await slots.gone();
    });

    const start = (client: AgentClient, onSlots: () => void = () => {}): Promise<TracepointRun> =>
      startTracepoints(client, [{ process: application, side: 'user', description: 'eventapp.exe' }], {
        sink: { slots: onSlots },
        onSources: () => {},
        signal: new AbortController().signal,
      });

    it('lead to the recorder while it records, and hold what they held after it, with a thread still waiting inside', async () => {
      const run = await start(sample.client);
      const during = await slots.read();
      const changed = during.filter((value, index) => value !== original[index]).length;
      assert.ok(changed > 5, `${changed} import slots lead to the recorder`);
      assert.deepEqual(
        during.map((value, index) => value !== original[index]),
        slots.arePoints,
      );
      // Each of its waits lasts 50 ms: it is inside of one nearly always, and comes out through the recorder's code.
      const [total] = await run.stop();
      assert.equal(total?.error, undefined);
      assert.deepEqual(await slots.read(), original);
      assert.equal(await slots.isAlive(300), true, 'the application goes on');
    });

    it('hold what they held when the agent is killed', async () => {
      const other = await sample.target.connect(new TestOperation());
      let recorded = false;
      await start(other, () => (recorded = true));
      const { processId } = await other.request('agent/info', {});
      assert.notDeepEqual(await slots.read(), original);
      await sample.client.request('process/end', { process: processId, exitCode: 9 });
      await other.closed;
      assert.equal(recorded, true);
      await slots.until(async () => (await slots.read()).every((value, index) => value === original[index]));
      assert.equal(await slots.isAlive(300), true, 'the application goes on');
      await other.close().catch(() => {});
    });
  });
});

/** The import slots of a program in the memory of its process, read by the host's own means. */
class ImportSlots {
  private constructor(
    private readonly hostProcess: number,
    private readonly addresses: readonly number[],
    /** By slot: whether it leads to a function of the catalogue that can be recorded. */
    readonly arePoints: readonly boolean[],
  ) {}

  /** Of the youngest process that has the file loaded: others of the name may run in other prefixes on this host. */
  static async of(file: string): Promise<ImportSlots> {
    for (let tries = 0; tries < 200; tries += 1) {
      const processes = (await readdir('/proc')).filter((one) => /^\d+$/.test(one)).map(Number);
      for (const entry of processes.sort((left, right) => right - left)) {
        const maps = await readFile(`/proc/${entry}/maps`, 'latin1').catch(() => '');
        const line = maps.split('\n').find((one) => one.endsWith(file) && /^\S+ \S+ 0{8} /.test(one));
        if (line === undefined) continue;
        const base = Number.parseInt(line, 16);
        const image = await PeImage.open(new BufferSource(await readFile(file)), 'file');
        const imports = await readImports(image);
        const recordable = (module: string, called: string | undefined): boolean => {
          const point = called === undefined ? undefined : pointOfImport(module, called);
          return point !== undefined && point.action !== 'delay' && point.object !== 'address';
        };
        return new ImportSlots(
          entry,
          imports.map(({ slotRva }) => base + slotRva),
          imports.map(({ module, name: called }) => recordable(module, called)),
        );
      }
      await pause(50);
    }
    return assert.fail(`no process has ${file} loaded`);
  }

  async read(): Promise<readonly bigint[]> {
    const memory = await open(`/proc/${this.hostProcess}/mem`);
    try {
      const values: bigint[] = [];
      for (const address of this.addresses) {
        const bytes = Buffer.alloc(8);
        await memory.read(bytes, 0, 8, address);
        values.push(bytes.readBigUInt64LE());
      }
      return values;
    } finally {
      await memory.close();
    }
  }

  /** Until the loader has bound them, they hold RVAs. */
  async whenBound(): Promise<readonly bigint[]> {
    await this.until(async () => (await this.read()).every((value) => value > 0x100_0000n));
    return this.read();
  }

  async isAlive(afterMs: number): Promise<boolean> {
    await pause(afterMs);
    return this.read().then(
      () => true,
      () => false,
    );
  }

  async gone(): Promise<void> {
    await this.until(() => this.isAlive(0).then((alive) => !alive));
  }

  async until(condition: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if (await condition()) return;
      await pause(50);
    }
    assert.fail('it did not happen within 10 s');
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
