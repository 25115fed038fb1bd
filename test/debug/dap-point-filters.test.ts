/** Each filter of signal and wait points, on the side that it is of: what it says in its one line, and the caller's line that is shown. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { FlowBody } from '../../protocol/debug-requests.js';
import { DapTestClient, type StoppedBody } from './dap-client.js';
import { debugMachine, operation } from './debug-machine.js';

const ROOT = resolve(import.meta.dirname, '..', '..');
const PROGRAM = 'test/debug/programs/point_calls.c';
const USER = '\\BaseNamedObjects\\PointCalls';
const SHARED = '\\BaseNamedObjects\\EventscopePoints';

const named = (name: string): string => `event == "${name.replaceAll('\\', '\\\\')}"`;

interface Seen {
  readonly reason: string;
  readonly description: string;
  /** The source line that an editor selects, without its indentation. */
  readonly line: string;
}

describe('filters of signal and wait points on the Wine target', function () {
  this.timeout(120_000);
  let folder = '';
  let dap: DapTestClient;

  before(async () => {
    const machine = await debugMachine();
    ({ folder } = machine);
    const [exe, pdb] = [join(folder, 'point_calls.exe'), join(folder, 'point_calls.pdb')];
    const options = ['--target=x86_64-w64-mingw32', '-g', '-gcodeview', '-O1', '-Wall', '-Wextra', '-Werror'];
    const link = ['-fuse-ld=lld', `-Wl,--pdb=${pdb}`, '-o', exe];
    await promisify(execFile)('clang-19', [...options, join(ROOT, PROGRAM), ...link]);
    await machine.target.upload(exe, 'C:\\eventscope\\bin\\point_calls.exe', operation);
  });
  beforeEach(async () => {
    dap = await DapTestClient.start();
  });
  afterEach(() => dap.close());

  const filters = (ids: readonly string[], condition?: string): Promise<unknown> => {
    const filterOptions = ids.map((filterId) => ({ filterId, ...(condition === undefined ? {} : { condition }) }));
    return dap.request('setExceptionBreakpoints', { filters: [], filterOptions });
  };
  const application = (...given: string[]): object => ({
    ...{ project: folder, build: false, deploy: false, application: { arguments: given } },
  });

  async function look({ reason, description = '', threadId }: StoppedBody & { threadId: number }): Promise<Seen> {
    const frames = await dap.frames(threadId);
    const frame = frames.find(({ source }) => source !== undefined && source.presentationHint !== 'deemphasize');
    const text = frame?.source?.path === undefined ? '' : await readFile(frame.source.path, 'utf8');
    return { reason, description, line: text.split('\n')[(frame?.line ?? 0) - 1]?.trim() ?? '' };
  }

  /** All stops until the application has ended; `at` is asked at each. */
  async function stopsToTheEnd(at: (seen: Seen) => Promise<unknown> = () => Promise.resolve()): Promise<Seen[]> {
    const seen: Seen[] = [];
    const isOver = (): boolean => dap.eventsOf('terminated').length > 0;
    for (;;) {
      await dap.until('a stop or the end', () => dap.hasUnreadStop || isOver());
      if (!dap.hasUnreadStop) return seen;
      const stop = await dap.stop();
      const told = await look(stop);
      seen.push(told);
      await at(told);
      await dap.continue(stop.threadId);
    }
  }

  it('tells every kind of call of an application on the event that is named, and of no other', async () => {
    const ids = ['signal', 'wait', 'waitTimedOut', 'waitSatisfied', 'reset', 'lifecycle'].map((id) => `${id}.user`);
    const program = { driver: false, symbolPath: [folder], application: { program: 'point_calls.exe' } };
    await dap.launch({ ...application(), ...program }, () => filters(ids, named(USER)));
    const followed: FlowBody[] = [];
    const seen = await stopsToTheEnd(async ({ reason }) => {
      if (reason === 'signal point') followed.push(await dap.request<FlowBody>('eventscope/followSignal'));
    });
    const wait = `The wait of point_calls thread N for ${USER}`;
    assert.deepEqual(
      seen.map(({ reason, description, line }) => [reason, description.replace(/thread \d+/, 'thread N'), line]),
      [
        ['lifecycle point', `NtCreateEvent of ${USER}`, 'HANDLE event = CreateEventW(NULL, TRUE, FALSE, L"Global\\\\PointCalls");'],
        ['wait point', `NtWaitForMultipleObjects on ${USER}: not signaled; waits for 20 ms`, 'outcome = WaitForSingleObject(event, 20); /* times out */'],
        ['wait timed out', `${wait} timed out`, 'outcome = WaitForSingleObject(event, 20); /* times out */'],
        ['signal point', `NtSetEvent on ${USER}: was not signaled; nobody waits`, 'if (!SetEvent(event)) { /* nobody waits: it stays signaled */'],
        ['wait point', `NtWaitForMultipleObjects on ${USER}: signaled; waits for 20 ms`, 'outcome = WaitForSingleObject(event, 20); /* satisfied */'],
        ['wait satisfied', `${wait} was satisfied`, 'outcome = WaitForSingleObject(event, 20); /* satisfied */'],
        ['reset point', `NtResetEvent on ${USER}: was signaled`, 'if (!ResetEvent(event)) {'],
        ['signal point', `NtPulseEvent on ${USER}: was not signaled; nobody waits`, 'if (!PulseEvent(event)) { /* nobody waits: it is lost */'],
        ['lifecycle point', `NtClose of ${USER}`, 'CloseHandle(event);'],
      ],
    ); // prettier-ignore
    assert.deepEqual(followed, [
      {
        outcome: 'nobodyWaits',
        message: `Nobody waits for ${USER}: the object stays signaled until a wait or a reset takes it`,
      },
      { outcome: 'nobodyWaits', message: `Nobody waits for ${USER}: the signal is lost` },
    ]);
    assert.deepEqual(dap.eventsOf('exited')[0]?.body, { exitCode: 0 });
  });

  it("tells a driver's waits, for how long and for what", async () => {
    await dap.launch(application('shared-buffer', '--count', '1'), () => filters(['wait.kernel']));
    const seen = await stopsToTheEnd();
    const serving = seen.find(({ line }) => line.includes('KeWaitForSingleObject(Buffer->Work->Object'));
    assert.equal(serving?.reason, 'wait point');
    assert.match(serving.description, /^KeWaitForSingleObject on an event without a name \(.*\): not signaled; waits for ever$/); // prettier-ignore
    const ending = seen.find(({ line }) => line.includes('KeWaitForSingleObject)(Buffer->Thread, Executive, KernelMode, FALSE, &retry)')); // prettier-ignore
    assert.match(ending?.description ?? '', /^KeWaitForSingleObject on a thread without a name \(.*\): its state is not known; waits for 10 ms$/); // prettier-ignore
  });

  it("tells a driver's signals and resets, with the state before; nobody waits, so a signal stays", async () => {
    const by = ['signals', '--from', 'hand', '--count', '1', '--type', 'notification'];
    await dap.launch(application(...by), () => filters(['signal.kernel', 'reset.kernel'], 'point ~ "Ke*Event"'));
    const followed: FlowBody[] = [];
    const seen = await stopsToTheEnd(async ({ reason, description }) => {
      if (reason === 'signal point' && description.endsWith('nobody waits')) followed.push(await dap.request('eventscope/followSignal')); // prettier-ignore
    });
    const told = seen.map(({ description, line }) => [description.replace(/ on .*: was/, ' was'), line]);
    const set = 'const LONG previous = KeSetEvent(Event->Object, Increment, FALSE);';
    const clear = 'KeClearEvent(event->Object); /* faster than KeResetEvent when the state before is of no interest */';
    assert.deepEqual(told.slice(-4), [
      ['KeSetEvent was not signaled; nobody waits', set],
      ['KeSetEvent was signaled; nobody waits', set],
      ['KeClearEvent was signaled', clear],
      ['KeResetEvent was not signaled', 'previous = (ULONG)KeResetEvent(event->Object);'],
    ]);
    assert.equal(followed.at(-1)?.outcome, 'nobodyWaits');
    assert.match(followed.at(-1)?.message ?? '', /^Nobody waits for .*: the object stays signaled until a wait or a reset takes it$/); // prettier-ignore
  });

  it('decides conditions on a pointer of a driver: the state before, and a name together with what is known of the call', async () => {
    const by = ['signals', '--from', 'hand', '--count', '1', '--type', 'notification'];
    await dap.launch(application(...by), () => filters(['signal.kernel'], 'previous == 1 && point == KeSetEvent'));
    assert.deepEqual(
      (await stopsToTheEnd()).map(({ description }) => description.replace(/ on .*: was/, ' was')),
      ['KeSetEvent was signaled; nobody waits'],
    );
    const next = await DapTestClient.start();
    await dap.close();
    dap = next;
    const condition = `${named(SHARED)} && caller.module == "eventsys.sys" && side == kernel`;
    const shared = application('app-name', '--name', 'EventscopePoints', '--count', '2', '--timeout', '60000');
    await dap.launch(shared, () => filters(['signal.kernel'], condition));
    const seen = await stopsToTheEnd();
    assert.equal(seen.length, 2);
    for (const { description } of seen) assert.match(description, /^KeSetEvent on \\BaseNamedObjects\\EventscopePoints: was not signaled; 1 waiter: eventapp thread \d+ \(.*\)$/); // prettier-ignore
  });

  it('follows a named event through a driver from its name to its last reference', async () => {
    const shared = application('app-name', '--classic', '--name', 'EventscopePoints', '--count', '1');
    await dap.launch(shared, () => filters(['lifecycle.kernel'], named(SHARED)));
    const seen = await stopsToTheEnd();
    assert.deepEqual(
      seen.map(({ description }) => description),
      ['ZwOpenEvent', 'ZwClose', 'IoCreateNotificationEvent', 'ZwCreateEvent', 'ObReferenceObjectByHandle', 'ObfDereferenceObject', 'ZwClose'].map((name) => `${name} of ${SHARED}`),
    ); // prettier-ignore
  });
});
