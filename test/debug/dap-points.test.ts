/** Signal and wait points as an editor meets them: the stand-alone adapter over the sample's driver and application on Wine. */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DispatcherObjectsBody, FlowBody, SetPointsBody, WhoSignalsBody } from '../../protocol/debug-requests.js';
import { type DapTestClient, lineOf, SOURCES } from './dap-client.js';
import { adapterForEach } from './dap-fixture.js';
import { join } from 'node:path';

const NAME = '\\BaseNamedObjects\\EventscopePoints';
const ON_NAME = `event == "${NAME.replaceAll('\\', '\\\\')}"`;

describe('signal and wait points on the Wine target', function () {
  this.timeout(120_000);
  let folder = '';
  let dap: DapTestClient;

  adapterForEach((started, machine) => ([dap, folder] = [started, machine]));

  const named = (count = 3): object => ({
    project: folder,
    build: false,
    deploy: false,
    application: {
      arguments: [
        'app-name',
        '--name',
        'EventscopePoints',
        '--count',
        String(count),
        '--period',
        '600',
        '--timeout',
        '60000',
      ],
    },
  });

  const filters = (filterOptions: readonly object[]): Promise<{ breakpoints: DebugProtocol.Breakpoint[] }> =>
    dap.request('setExceptionBreakpoints', { filters: [], filterOptions });

  /** The frame that an editor selects: the innermost one with source that is not put in the background. */
  const selected = async (threadId: number): Promise<DebugProtocol.StackFrame> => {
    const frames = await dap.frames(threadId);
    const found = frames.find(({ source }) => source !== undefined && source.presentationHint !== 'deemphasize');
    assert.ok(found !== undefined, frames.map(({ name }) => name).join('\n'));
    return found;
  };

  it('follows a signal of the driver to the wait of the application, and shows who woke it', async () => {
    await dap.launch(named(), () => filters([{ filterId: 'signal.kernel', condition: ON_NAME }]));
    const stop = await dap.stop();
    assert.equal(stop.reason, 'signal point');
    assert.match(
      stop.description ?? '',
      /^KeSetEvent on \\BaseNamedObjects\\EventscopePoints: was not signaled; 1 waiter: eventapp thread \d+/,
    );
    const line = await lineOf('sys/events.c', 'const LONG previous = KeSetEvent');
    const frame = await selected(stop.threadId);
    assert.deepEqual([frame.source?.path, frame.line], [join(SOURCES, 'sys/events.c'), line]);

    const { objects } = await dap.request<DispatcherObjectsBody>('eventscope/dispatcherObjects');
    const object = objects.find(({ name }) => name === NAME);
    assert.ok(object !== undefined, JSON.stringify(objects));
    assert.equal(object.type, 'Event');
    assert.match(object.state, /^not signaled/);
    assert.equal(object.waiters.length, 1);
    const references = object.references.map(({ side, process, kind }) => `${side} ${process} ${kind}`);
    assert.deepEqual(references, ['user eventapp.exe handle']);
    assert.match(object.lastSignal?.caller ?? '', /^eventsys!EsEventSignal, events\.c:\d+$/);

    const flow = await dap.request<FlowBody>('eventscope/followSignal');
    assert.equal(flow.outcome, 'following', flow.message);
    const landed = await dap.stop();
    assert.equal(landed.reason, 'follow signal');
    assert.match(landed.description ?? '', /^The wait of eventapp thread \d+.* for .*EventscopePoints has returned: KeSetEvent of winedevice thread \d+.* satisfied it$/); // prettier-ignore
    const waiter = await selected(landed.threadId);
    assert.equal(waiter.source?.path, join(SOURCES, 'app/take_signals.c'));
    const frames = await dap.frames(landed.threadId);
    const label = frames.findIndex(({ presentationHint }) => presentationHint === 'label');
    assert.match(frames[label]?.name ?? '', /^woken by KeSetEvent on .*EventscopePoints, winedevice thread \d+/);
    const signaler = frames.slice(label + 1);
    assert.ok(signaler.some(({ name }) => name === 'eventsys!EsEventSignal'));
    const { scopes } = await dap.request<{ scopes: unknown[] }>('scopes', { frameId: signaler[0]?.id });
    assert.deepEqual(scopes, []);
  });

  it('counts single points, knows an object on both sides, and tells who signals it', async () => {
    let mistakes: DebugProtocol.Breakpoint[] = [];
    let set: SetPointsBody = { points: [] };
    await dap.launch(named(6), async () => {
      mistakes = (await filters([{ filterId: 'signal.kernel', condition: 'event ==' }])).breakpoints;
      set = await dap.request('eventscope/setPoints', {
        points: [
          { id: 'second', point: 'nt!KeSetEvent', hitCondition: '2' },
          { id: 'none', point: 'KeNothing' },
        ],
      });
    });
    const [mistake] = mistakes;
    assert.ok(mistake?.verified === false);
    assert.match(mistake.message ?? '', /^The condition is not understood: /);
    assert.match(set.points[1]?.message ?? '', /^KeNothing is no signal or wait point/);
    const stop = await dap.stop();
    assert.match(stop.description ?? '', /^KeSetEvent on .*EventscopePoints: was not signaled; 1 waiter: eventapp/);
    const told = dap.eventsOf('eventscope/pointsChanged').flatMap(({ body }) => (body as SetPointsBody).points);
    const last = told.filter(({ id }) => id === 'second').at(-1);
    assert.deepEqual([last?.verified, last?.mechanism, last?.hits], [true, 'breakpoint', 2]);

    const { objects } = await dap.request<DispatcherObjectsBody>('eventscope/dispatcherObjects');
    const object = objects.find(({ name }) => name === NAME);
    const sides = object?.references.map(({ side, kind }) => `${side} ${kind}`).sort();
    assert.deepEqual(sides, ['kernel pointer', 'user handle'], JSON.stringify(objects));
    await dap.request('eventscope/setPoints', { points: [] });

    const listed = await dap.request<WhoSignalsBody>('eventscope/whoSignals', { object: object?.id, run: false });
    assert.deepEqual([listed.outcome, listed.message], ['listed', '1 seen']);
    assert.match(listed.signalers[0]?.caller ?? '', /^eventsys!EsEventSignal, events\.c:\d+$/);
    const stillThere = await dap.request<{ totalFrames?: number }>('stackTrace', { threadId: stop.threadId });
    assert.ok(stillThere.totalFrames !== 0, 'it was only asked: the target stands where it stood');
    const who = await dap.request<WhoSignalsBody>('eventscope/whoSignals', { object: object?.id });
    assert.equal(who.outcome, 'following');
    assert.match(who.signalers[0]?.caller ?? '', /^eventsys!EsEventSignal, events\.c:\d+$/);
    const times = who.signalers.reduce((sum, each) => sum + each.times, 0);
    assert.equal(times, 2);
    const next = await dap.stop();
    assert.match(next.description ?? '', /^KeSetEvent on .*EventscopePoints/);

    const wait = await dap.request<FlowBody>('eventscope/runToNextWait', { object: object?.id });
    assert.equal(wait.outcome, 'following', wait.message);
    const waiting = await dap.stop();
    assert.equal(waiting.reason, 'wait point');
    assert.match(
      waiting.description ?? '',
      /^NtWaitForMultipleObjects on .*EventscopePoints: not signaled; waits for /,
    );
    assert.equal((await selected(waiting.threadId)).source?.path, join(SOURCES, 'app/take_signals.c'));

    await filters([{ filterId: 'waitSatisfied.user', condition: ON_NAME }]);
    const satisfied = await dap.continueToStop(waiting.threadId);
    assert.match(satisfied.description ?? '', /^The wait of eventapp thread .* for .*EventscopePoints was satisfied$/);
  });
});
