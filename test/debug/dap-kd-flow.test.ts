/**
 * Signal and wait points and Follow Signal over a kernel debugging link, as an editor meets them: the bundled adapter, our own KD target.
 * Where the waiters are, its wait lists tell.
 */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type {
  DispatcherObjectsBody,
  FlowBody,
  PointSetting,
  SetPointsBody,
  WhoSignalsBody,
} from '../../protocol/debug-requests.js';
import type { DapTestClient } from './dap-client.js';
import { withKdAdapter } from './kd-dap-fixture.js';
import { type KdBench, until } from './kd-fixture.js';

const on = (name: string): string => `event == "\\\\BaseNamedObjects\\\\${name}"`;

describe('signals over a kernel debugging link', function () {
  this.timeout(60_000);
  let bench: KdBench;
  let dap: DapTestClient;

  withKdAdapter('each', (made) => ({ bench, dap } = made));

  const attach = (configure: () => Promise<unknown>): Promise<void> =>
    dap.attach(
      { kd: { connect: bench.address }, application: { name: 'eventapp.exe' }, project: undefined },
      configure,
    );
  const filter = (filterId: string, condition: string): Promise<unknown> =>
    dap.request('setExceptionBreakpoints', { filters: [], filterOptions: [{ filterId, condition }] });
  const points = (settings: readonly PointSetting[]): Promise<SetPointsBody> =>
    dap.request('eventscope/setPoints', { points: settings });
  const follow = (): Promise<FlowBody> => dap.request('eventscope/followSignal');
  const threadId = (name: string): number =>
    bench.target.kernel.threads.find((thread) => thread.name === name)?.threadId ?? 0;
  const names = (frames: readonly DebugProtocol.StackFrame[]): string[] => frames.map(({ name }) => name);

  it('follows a driver’s signal across the system call to the application’s wait, and shows who woke it', async () => {
    await attach(() => filter('signal.kernel', on('SharedEvent')));
    let stop = await dap.stop();
    // Until the application has come to its wait, nobody waits.
    while (/nobody waits/.test(stop.description ?? '')) stop = await dap.continueToStop();
    assert.equal(stop.reason, 'signal point');
    const main = threadId('main');
    assert.equal(
      stop.description,
      `KeSetEvent on \\BaseNamedObjects\\SharedEvent: was not signaled; 1 waiter: eventapp thread ${main}`,
    );
    const { objects } = await dap.request<DispatcherObjectsBody>('eventscope/dispatcherObjects');
    const [object] = objects;
    assert.deepEqual([object?.type, object?.state], ['Event', 'not signaled, synchronization']);

    const flow = await follow();
    assert.equal(flow.outcome, 'following', flow.message);
    const landed = await dap.stop();
    assert.equal(landed.reason, 'follow signal');
    assert.match(
      landed.description ?? '',
      new RegExp(`^The wait of eventapp thread ${main}.* has returned: KeSetEvent of .* satisfied it$`),
    );
    const frames = await dap.frames(landed.threadId);
    const label = frames.findIndex(({ presentationHint }) => presentationHint === 'label');
    assert.match(names(frames)[0] ?? '', /^eventapp/);
    assert.match(names(frames)[label] ?? '', /^woken by KeSetEvent on .*SharedEvent/);
    assert.match(names(frames)[label + 1] ?? '', /^ntoskrnl!KeSetEvent/);
    assert.match(names(frames)[label + 2] ?? '', /^eventsys/);
  });

  it('follows a signal within the kernel, on an event without a name', async () => {
    const address = `0x${bench.target.kernel.namespace.workEvent.toString(16)}`;
    await attach(() => filter('signal.kernel', `address == ${address}`));
    let stop = await dap.stop();
    while (/nobody waits/.test(stop.description ?? '')) stop = await dap.continueToStop();
    assert.match(
      stop.description ?? '',
      new RegExp(`^KeSetEvent on an event without a name .*1 waiter: .* thread ${threadId('EsWorker')}$`),
    );
    assert.equal((await follow()).outcome, 'following');
    const landed = await dap.stop();
    assert.equal(landed.reason, 'follow signal');
    const rounds = bench.counter(1);
    const [top] = await dap.frames(landed.threadId);
    assert.match(top?.name ?? '', /^eventsys/);
    // It stands where the wait returns, before the round is counted.
    await dap.request('setExceptionBreakpoints', { filters: [] });
    await dap.continue();
    await until('the worker’s round', () => bench.counter(1) > rounds);
  });

  it('follows a signal to the one of two waiters that it released, though the other passes the same place', async () => {
    bench.target.kernel.startSecondWorker();
    const address = `0x${bench.target.kernel.namespace.workEvent.toString(16)}`;
    await attach(() => filter('signal.kernel', `address == ${address}`));
    let stop = await dap.stop();
    while (!/2 waiters: .* thread \d+/.test(stop.description ?? '')) stop = await dap.continueToStop();
    const first = /2 waiters: .*? thread (\d+)/.exec(stop.description ?? '')?.[1];
    assert.equal((await follow()).outcome, 'following');
    const landed = await dap.stop();
    assert.equal(landed.reason, 'follow signal');
    const { threads } = await dap.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.match(threads.find(({ id }) => id === landed.threadId)?.name ?? '', new RegExp(`\\b${first}\\b`));
  });

  it('says so when nobody waits', async () => {
    const address = `0x${bench.target.kernel.namespace.doneEvent.toString(16)}`;
    await attach(() => filter('signal.kernel', `address == ${address}`));
    const stop = await dap.stop();
    assert.match(stop.description ?? '', /nobody waits$/);
    const { outcome, message } = await follow();
    assert.equal(outcome, 'nobodyWaits');
    assert.match(message, /stays signaled until a wait or a reset takes it$/);
  });

  it('follows an alert by thread id, the way of locks and WaitOnAddress', async () => {
    bench.target.kernel.startLock();
    await attach(() => points([{ id: 'alert', point: 'NtAlertThreadByThreadId' }]));
    const stop = await dap.stop();
    const waiter = threadId('lock waiter');
    assert.equal(
      stop.description,
      `NtAlertThreadByThreadId on the alert of thread ${waiter}: its state is not known; 1 waiter: eventapp thread ${waiter}`,
    );
    assert.equal((await follow()).outcome, 'following');
    const landed = await dap.stop();
    assert.equal(landed.reason, 'follow signal');
    const { threads } = await dap.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.match(threads.find(({ id }) => id === landed.threadId)?.name ?? '', new RegExp(`${waiter}`));
    assert.match(names(await dap.frames(landed.threadId))[0] ?? '', /^eventapp/);
  });

  it('watches the state of a named object instead of a function that all call', async () => {
    const set: SetPointsBody[] = [];
    await attach(async () => {
      set.push(
        await points([
          { id: 'beat', point: 'KeSetEvent', condition: on('Heartbeat') },
          { id: 'shared', point: 'KeSetEvent', condition: `${on('SharedEvent')} && hits < 0` },
        ]),
      );
    });
    const stop = await dap.stop();
    const { kernel } = bench.target;
    assert.equal(stop.description, 'KeSetEvent on \\BaseNamedObjects\\Heartbeat: is signaled now; nobody waits');
    assert.equal(kernel.memory.get32(kernel.namespace.heartbeat + 4n), 1);
    const frames = names(await dap.frames(stop.threadId));
    assert.match(frames[0] ?? '', /^ntoskrnl!KeSetEvent/);
    assert.match(frames[1] ?? '', /^eventsys/);
    const told = dap.eventsOf('eventscope/pointsChanged').flatMap(({ body }) => (body as SetPointsBody).points);
    const mechanisms = new Map([...set.flatMap((each) => each.points), ...told].map((each) => [each.id, each.mechanism])); // prettier-ignore
    assert.deepEqual([...mechanisms].sort(), [
      ['beat', 'dataBreakpoint'],
      ['shared', 'breakpoint'],
    ]);
    // The clear in between is none of it.
    const again = await dap.continueToStop();
    assert.equal(again.description, stop.description);
  });

  it('a point that is unchecked does not stop once more, however soon the machine goes on, and nothing is told of it', async () => {
    // The one that is met at once is the last to be taken away.
    const functions = ['KeWaitForSingleObject', 'KeResetEvent', 'KeReleaseMutex', 'NtSetEvent', 'KeSetEvent'];
    await attach(() => points(functions.map((point) => ({ id: point, point, condition: on('SharedEvent') }))));
    const { description } = await dap.stop();
    assert.match(description ?? '', /^KeSetEvent on .*SharedEvent/);
    const [left] = await Promise.all([points([]), dap.continue()]);
    assert.deepEqual(left, { points: [] });
    const told = dap.eventsOf('eventscope/pointsChanged').length;
    const rounds = bench.counter(0);
    await until('rounds of the driver', () => bench.counter(0) > rounds + 20n);
    assert.equal(dap.hasUnreadStop, false);
    assert.equal(dap.eventsOf('eventscope/pointsChanged').length, told);
  });

  it('tells who signals an object, and runs to its next signal and to its next wait', async () => {
    await attach(() => filter('signal.kernel', on('SharedEvent')));
    await dap.stop();
    const { objects } = await dap.request<DispatcherObjectsBody>('eventscope/dispatcherObjects');
    const object = objects.find(({ name }) => name === '\\BaseNamedObjects\\SharedEvent')?.id;
    await dap.request('setExceptionBreakpoints', { filters: [] });
    const listed = await dap.request<WhoSignalsBody>('eventscope/whoSignals', { object, run: false });
    const inDriver = /^eventsys\+0x[0-9a-f]+$/;
    assert.equal(listed.outcome, 'listed');
    assert.deepEqual(
      listed.signalers.map(({ point, side, times, caller }) => [point, side, times, inDriver.test(caller)]),
      [['KeSetEvent', 'kernel', 1, true]],
    );
    assert.equal((await dap.request<WhoSignalsBody>('eventscope/whoSignals', { object })).outcome, 'following');
    assert.match((await dap.stop()).description ?? '', /^KeSetEvent on .*SharedEvent/);
    const wait = await dap.request<FlowBody>('eventscope/runToNextWait', { object });
    assert.equal(wait.outcome, 'following', wait.message);
    const waiting = await dap.stop();
    assert.equal(waiting.reason, 'wait point');
    assert.match(waiting.description ?? '', /^NtWaitForSingleObject on .*SharedEvent: (not )?signaled/);
    assert.ok(names(await dap.frames(waiting.threadId)).some((name) => name.startsWith('eventapp')));
  });

  it('stops where a wait of a driver has been satisfied', async () => {
    await attach(() => dap.request('setExceptionBreakpoints', { filters: ['waitSatisfied.kernel'] }));
    const stop = await dap.stop();
    assert.equal(stop.reason, 'wait satisfied');
    assert.match(names(await dap.frames(stop.threadId))[0] ?? '', /^ntoskrnl!KeWaitForSingleObject/);
  });
});
