/** Points recorded from a debug session: by tracepoints in both sides, to a trace file that is whole when the session ends. */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { TracepointsBody } from '../../protocol/debug-requests.js';
import { readTrace } from '../../target/trace-file.js';
import { toColumns } from '../../trace/columns/from-model.js';
import { flowWakes } from '../../trace/flow.js';
import { buildModel } from '../../trace/model/model.js';
import { DapTestClient, lineOf, SIGNAL_LINE, signalsFromDpc } from './dap-client.js';
import { debugMachine } from './debug-machine.js';

const HELD_MS = 350;

describe('recording points from a debug session on the Wine target', function () {
  this.timeout(120_000);
  let folder = '';
  let dap: DapTestClient;

  before(async () => {
    ({ folder } = await debugMachine());
  });
  beforeEach(async () => {
    dap = await DapTestClient.start();
  });
  afterEach(() => dap.close());

  it('records both sides from a stop on; the recording is kept when the session ends', async () => {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    await dap.launch(signalsFromDpc(folder, 1_000), () => dap.breakAt('sys/events.c', line));
    await dap.stop();
    const { message } = await dap.request<TracepointsBody>('eventscope/startTracepoints');
    assert.equal(message, 'Recording begins when the target goes on');
    assert.match(await dap.refusal('eventscope/startTracepoints'), /are being recorded already/);
    await dap.setBreakpoints('sys/events.c', []);
    await dap.continue();
    await dap.until('the recording', () => dap.eventsOf('eventscope/tracepointsStarted').length > 0);
    const started = dap.eventsOf('eventscope/tracepointsStarted')[0]?.body as TracepointsBody;
    const mechanisms = new Map(started.points.map(({ point, mechanism }) => [point, mechanism]));
    assert.equal(mechanisms.get('KeSetEvent'), 'importTracepoint', started.message);
    assert.equal(mechanisms.get('WaitForSingleObject'), 'importTracepoint', started.message);
    // From one signal to the next the wait for the first has been satisfied.
    await dap.breakAt('sys/events.c', line);
    const stop = await dap.stop();
    // The application waits for the signal before which its driver stands.
    await setTimeout(HELD_MS);
    await dap.continueToStop();
    await dap.request('terminate');
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
    const ended = dap.eventsOf('eventscope/tracepointsEnded')[0]?.body as TracepointsBody;
    assert.ok(ended.file !== undefined, ended.message);
    const { recording } = await readTrace(ended.file);
    assert.deepEqual(recording.sources.map(({ side }) => side).sort(), ['kernel', 'user']);
    const held = (recording.metadata.stops ?? []).find((one) => one.untilUtcMs - one.fromUtcMs >= HELD_MS);
    assert.equal(held?.reason, stop.description ?? stop.reason, 'the time that the target stood is told');
    const model = buildModel(recording);
    const drawn = toColumns(model).stops.filter(({ from, until }) => until - from >= HELD_MS * 1e6);
    assert.ok(drawn.length > 0, 'the timeline hatches it');
    const prolonged = flowWakes(model).filter(({ wait }) => wait.held >= HELD_MS * 1e6);
    assert.ok(prolonged.length > 0, 'a wait that spanned it is told as such');
    // The driver had its reference to the application's event long before the recording.
    const across = flowWakes(model).filter(({ signal, wait }) => signal?.side === 'kernel' && wait.side === 'user');
    assert.ok(across.length > 0, 'the signals of the driver release the waits of the application');
    const event = model.objects[across[0]?.object ?? -1];
    assert.deepEqual([event?.type, event?.sources.length], ['event', 2]);
    assert.notEqual(event?.kind, 'unknown');
  });
});
