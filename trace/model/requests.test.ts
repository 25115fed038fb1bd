import assert from 'node:assert/strict';
import { RecordingBuilder, type Side } from '../recording.js';
import { RingWriter } from '../ring-writer.js';
import { buildModel, type TraceModel } from './model.js';
import { Kind } from './records.js';

const SIDES: readonly Side[] = ['user', 'kernel'];

/** Requests and completions at these moments (us), all of one id, of an application and a driver with one clock. */
function modelOfRequests(requests: readonly number[], completes: readonly number[]): TraceModel {
  const builder = new RecordingBuilder({ target: '', host: '', versions: {}, startUtcMs: 0 });
  for (const [source, moments] of [requests, completes].entries()) {
    const ring = new RingWriter();
    const common = { process: 8, thread: 12 };
    const calibrate = (us: number): number =>
      ring.write({
        ...{ ...common, kind: Kind.Calibration, tsc: BigInt(us) * 3_000n, caller: 10_000_000n },
        ...{ object: 133_000_000_000_000_000n + BigInt(us) * 10n, argument: BigInt(us) * 10n },
      });
    calibrate(0);
    for (const us of moments) {
      const fields = { ...common, tsc: BigInt(us) * 3_000n, duration: 300, argument: 7n };
      ring.write({ ...fields, kind: source === 0 ? Kind.Request : Kind.Complete, object: 4n });
    }
    calibrate(1_000_000);
    const side = SIDES[source] ?? 'user';
    builder.addSource({ side, description: side, process: 8, ringCount: 1, slotsPerRing: 64 });
    builder.slots(source, 0, 0n, 0n, ring.bytes);
  }
  return buildModel(builder.finish(1));
}

/** Moments (us) of the request of each completion, in order. */
function links({ records, requests }: TraceModel): readonly (readonly [number, number])[] {
  const moment = (record: number): number => Math.round((records.time[record] ?? 0) / 1e3);
  return Array.from(requests.requestOf, ([complete, request]) => [moment(request), moment(complete)]);
}

describe('requests and their completions', () => {
  it('of an id that is used over and over go in pairs, and none of them is in doubt', () => {
    const begins = Array.from({ length: 3_000 }, (_, request) => request * 100);
    const model = modelOfRequests(
      begins,
      begins.map((us) => us + 20),
    );
    assert.deepEqual(
      links(model),
      begins.map((us) => [us, us + 20]),
    );
    assert.equal(model.requests.ambiguous.size, 0);
  });

  it('of an id of which several are open: the last one, and it is in doubt', () => {
    const model = modelOfRequests([0, 100, 200], [250, 300, 350, 400]);
    assert.deepEqual(links(model), [
      [200, 250],
      [100, 300],
      [0, 350],
    ]);
    assert.equal(model.requests.ambiguous.size, 2);
  });
});
