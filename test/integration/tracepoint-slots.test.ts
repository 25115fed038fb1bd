/**
 * What import tracepoints leave behind in application, driver host and a program that knows nothing of us, after they were stopped and after
 * the agent was killed: import slots are read by the host's own means. Seen on Wine alone.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { RECORD_OFFSET, TraceKind } from '../../protocol/trace-layout.js';
import type { AgentClient } from '../../target/agent-client.js';
import { deployedPaths } from '../../target/deploy.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';
import { startTracepoints, type TracedProcess, type TracepointRun } from '../../target/tracepoints.js';
import { toHostPath } from '../../target/wine/paths.js';
import { WineTarget } from '../../target/wine/wine-target.js';
import { TestOperation } from './fixture.js';
import { ImportSlots } from './import-slots.js';
import { deploySample, type Sample } from './sample-run.js';

const WAITER = 'C:\\eventscope\\tmp\\plain_waiter.exe';
const EVENT = 'EventscopePlainWaiter';

describe('import slots of tracepoints, seen from outside', function () {
  this.timeout(120_000);
  let sample: Sample;
  let recording: AgentClient;

  before(async function () {
    this.timeout(240_000);
    sample = await deploySample('wine');
  });
  after(() => sample.client.close());
  beforeEach(async () => {
    recording = await sample.target.connect(new TestOperation());
  });
  afterEach(() => recording.close().catch(() => {}));

  async function slotsOf(windowsPath: string): Promise<ImportSlots> {
    assert.ok(sample.target instanceof WineTarget);
    return ImportSlots.of(await toHostPath(sample.target.prefix.folder, windowsPath));
  }

  const start = (
    processes: readonly TracedProcess[],
    onSlots: (slots: Uint8Array) => void = () => {},
  ): Promise<TracepointRun> =>
    startTracepoints(recording, processes, {
      sink: { slots: (_source, _ring, _first, _lost, bytes) => onSlots(bytes) },
      onSources: () => {},
      signal: new AbortController().signal,
    });

  const stopped = async (run: TracepointRun): Promise<void> => {
    for (const { error } of await run.stop()) assert.equal(error, undefined);
  };
  const killed = async (): Promise<void> => {
    const { processId } = await recording.request('agent/info', {});
    await sample.client.request('process/end', { process: processId, exitCode: 9 });
    await recording.closed;
  };
  const ends = [
    { name: 'after they were stopped', end: stopped },
    { name: 'after the agent was killed', end: killed },
  ];

  describe('of application and driver, attached to while they run', () => {
    let processes: TracedProcess[];
    let slots: ImportSlots[];
    let original: (readonly bigint[])[];

    beforeEach(async () => {
      const { application, driver } = deployedPaths(sample.target, sample.project);
      const args = ['app-name', '--strict', '--count', '100000', '--period', '50'];
      const started = await sample.client.request('process/start', {
        ...{ program: application, arguments: args, environment: {}, endWithAgent: true },
      });
      const { status } = await sample.client.request('service/query', { name: sample.project.driver.service });
      processes = [
        { process: started.process, side: 'user', description: 'eventapp.exe' },
        { process: status?.processId ?? 0, side: 'kernel', description: 'eventsys.sys', modules: ['eventsys.sys'] },
      ];
      slots = [await slotsOf(application), await slotsOf(driver)];
      original = await Promise.all(slots.map((one) => one.whenBound()));
    });
    afterEach(async () => {
      await sample.client.request('process/end', { process: processes[0]?.process ?? 0, exitCode: 1 });
      await slots[0]?.gone();
    });

    for (const { name, end } of ends) {
      it(`hold ${name} what they held before, and both sides go on`, async () => {
        let records = 0;
        const run = await start(processes, (bytes) => (records += bytes.length));
        for (const [side, one] of slots.entries()) {
          const during = await one.read();
          assert.deepEqual(
            during.map((value, index) => value !== original[side]?.[index]),
            one.arePoints,
            'exactly the points lead to the recorder',
          );
          assert.ok(one.arePoints.filter(Boolean).length > 5);
        }
        await end(run);
        assert.ok(records > 0);
        for (const [side, one] of slots.entries()) {
          await one.until(async () => (await one.read()).every((value, index) => value === original[side]?.[index]));
          assert.equal(await one.isAlive(300), true);
        }
      });
    }
  });

  describe('of a program that knows nothing of us, with a thread that waits for ever inside', () => {
    let said: string;
    let exits: Map<number, number>;
    let wake: () => void;
    let quiet: (() => void)[] = [];

    const until = async (condition: () => boolean): Promise<void> => {
      while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
    };
    const startWaiter = async (...args: readonly string[]): Promise<number> => {
      const request = { program: WAITER, arguments: [EVENT, ...args], endWithAgent: true };
      return (await sample.client.request('process/start', request)).process;
    };
    const setEvent = async (): Promise<void> => {
      const process = await startWaiter('set');
      await until(() => exits.has(process));
      assert.equal(exits.get(process), 0);
    };

    before(async () => {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'eventscope-waiter-'));
      try {
        const { clang } = await findLinuxToolchain();
        const program = path.join(folder, 'plain_waiter.exe');
        const source = path.join(import.meta.dirname, 'agent/plain_waiter.c');
        const options = [
          '--target=x86_64-w64-mingw32',
          '-fuse-ld=lld',
          '-municode',
          '-O2',
          '-Wall',
          '-Wextra',
          '-Werror',
        ];
        await promisify(execFile)(clang, [...options, source, '-o', program]);
        await sample.target.upload(program, WAITER, new TestOperation());
      } finally {
        await rm(folder, { recursive: true });
      }
    });
    beforeEach(() => {
      said = '';
      exits = new Map();
      wake = () => {};
      quiet = [
        sample.client.onNotification('process/output', ({ data }) => {
          said += Buffer.from(data).toString('utf8');
          wake();
        }),
        sample.client.onNotification('process/exited', ({ process, exitCode }) => {
          exits.set(process, exitCode);
          wake();
        }),
      ];
    });
    afterEach(() => {
      for (const end of quiet) end();
    });

    for (const { name, end } of ends) {
      it(`hold ${name} what they held before; the wait returns through the recorder, and the program ends as it would`, async () => {
        const process = await startWaiter();
        const slots = await slotsOf(WAITER);
        const original = await slots.whenBound();
        await until(() => said.includes('waits 1'));
        const kinds: number[] = [];
        const run = await start([{ process, side: 'user', description: 'plain_waiter.exe' }], (bytes) => {
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          for (let at = 0; at < bytes.length; at += 64) kinds.push(view.getUint16(at + RECORD_OFFSET.kind, true));
          wake();
        });
        // The first wait began before; the second is recorded, and it lasts.
        await setEvent();
        await until(() => kinds.includes(TraceKind.WaitBegin));
        await end(run);
        assert.ok(!kinds.includes(TraceKind.WaitEnd), 'the wait that is recorded has not ended');
        await slots.until(async () => (await slots.read()).every((value, index) => value === original[index]));
        assert.ok(!said.includes('waits 3'));
        for (const next of ['waits 3', 'waits 4']) {
          await setEvent();
          await until(() => said.includes(next));
        }
        await setEvent();
        await until(() => exits.has(process));
        assert.equal(exits.get(process), 7);
      });
    }
  });
});
