/**
 * Tracepoints over a kernel debugging link, as an editor records them: the bundled adapter, our own KD target. Each call costs a stop, of
 * which the client is told nothing.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TracepointsBody } from '../../protocol/debug-requests.js';
import { readTrace } from '../../target/trace-file.js';
import { buildModel } from '../../trace/model/model.js';
import type { DapTestClient } from './dap-client.js';
import { withKdAdapter } from './kd-dap-fixture.js';
import { type KdBench, until } from './kd-fixture.js';

const SHARED = '\\BaseNamedObjects\\SharedEvent';

describe('recording over a kernel debugging link', function () {
  this.timeout(60_000);
  let bench: KdBench;
  let dap: DapTestClient;

  withKdAdapter('all', (made) => ({ bench, dap } = made));

  it('leads from each driver’s signal to the application’s wait that it ended, although its object was made long before', async () => {
    const { kernel } = bench.target;
    const code = (): Uint8Array => kernel.app.space.read(kernel.image.base, kernel.image.bytes.length);
    const before = code();
    await dap.attach({ kd: { connect: bench.address }, application: { name: 'eventapp.exe' }, project: undefined });
    const file = join(bench.folder, 'kernel.evtrace');
    const points = ['KeSetEvent', 'KeWaitForSingleObject', 'NtWaitForSingleObject'];
    const started = await dap.request<TracepointsBody>('eventscope/startTracepoints', { points, file });
    const served = started.points.map(({ point, mechanism }) => [point, mechanism]);
    assert.deepEqual(
      served,
      points.map((point) => [point, 'stoppingTracepoint']),
    );
    const rounds = bench.counter(1);
    await until('rounds of the worker', () => bench.counter(1) > rounds + 10n);
    const kept = await dap.request<TracepointsBody>('eventscope/stopTracepoints');
    assert.equal(kept.file, file, kept.message);
    assert.equal(dap.hasUnreadStop, false);
    await bench.runs();
    assert.deepEqual(code(), before);

    const { recording } = await readTrace(file);
    assert.deepEqual(
      recording.sources.map(({ side, process }) => [side, process]),
      [
        ['kernel', 4],
        ['user', 1_204],
      ],
    );
    const { objects, wakes, records, waits } = buildModel(recording);
    const shared = objects.filter(({ paths }) => paths.includes(SHARED));
    assert.deepEqual(
      shared.map(({ sources }) => sources),
      [[0, 1]],
      'one object, whichever side calls it by its own name',
    );
    const ended = Array.from({ length: wakes.count }, (_, wake) => wake).filter(
      (wake) => wakes.object[wake] === shared[0]?.id,
    );
    assert.ok(ended.length > 5, `${ended.length} waits`);
    const threadOf = (record = -1): number | undefined => records.thread[record];
    const idOf = (name: string): number | undefined => kernel.threads.find((each) => each.name === name)?.threadId;
    for (const wake of ended) {
      assert.equal(threadOf(wakes.signal[wake]), idOf('EsTimerThread'));
      assert.equal(threadOf(waits.beginRecord[wakes.wait[wake] ?? -1]), idOf('main'));
    }
  });
});
