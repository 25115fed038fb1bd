/**
 * Import tracepoints on Wine: that they tell of the sample what its own rings tell.
 * Seen on Wine alone; on Windows the driver's side has no process to place them in.
 */
import assert from 'node:assert/strict';
import { flowWakes } from '../../trace/flow-wakes.js';
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

/** Return addresses of the calls that made records of one kind. */
const callersOf = ({ records }: TraceModel, kind: number): ReadonlySet<bigint> =>
  new Set(
    [...records.kind].flatMap((one, index) => (one === kind ? records.words.toBigInt(records.caller[index] ?? 0) : [])),
  );

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
        // The calls are made in functions of the trace header, which a recorder looks through.
        const missing = [...callersOf(rings, kind)].filter((caller) => !callersOf(tracepoints, kind).has(caller));
        assert.deepEqual(missing, [], `callers of kind ${kind}`);
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
});
