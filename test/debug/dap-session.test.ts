/**
 * The debug adapter as an editor meets it: the bundle over standard input and output, the sample's driver and application on Wine. One
 * test for each capability that is announced.
 */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DapTestClient, lineOf, SIGNAL_LINE, signalsFromDpc, SOURCES } from './dap-client.js';
import { adapterForEach } from './dap-fixture.js';
import { join } from 'node:path';

const TICK_LINE = 'EsEventSignal(schedule->Event';

describe('the debug adapter on the Wine target', function () {
  this.timeout(120_000);
  let folder = '';
  let dap: DapTestClient;

  adapterForEach((started, machine) => ([dap, folder] = [started, machine]));

  const signals = (count: number, rest: object = {}): object => signalsFromDpc(folder, count, rest);

  /** Launched, and stopped where the driver's timer DPC signals. */
  async function atSignal(rest: object = {}): Promise<{ threadId: number; frame: DebugProtocol.StackFrame }> {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    await dap.launch(signals(3), () => dap.breakAt('sys/events.c', line, rest));
    const { threadId } = await dap.stop();
    return { threadId, frame: await dap.top(threadId) };
  }

  it('stops at a line of the driver that was set before it was known, with the frames of both modules', async () => {
    const { threadId, frame } = await atSignal();
    const frames = await dap.frames(threadId);
    assert.match(frames[0]?.name ?? '', /^eventsys!EsEventSignal$/);
    assert.match(frames[1]?.name ?? '', /^eventsys!TickDpc$/);
    assert.match(frames.at(-1)?.name ?? '', /^ntdll!/);
    assert.equal(frame.source?.path, join(SOURCES, 'sys/events.c'));
    assert.equal(frame.line, await lineOf('sys/events.c', SIGNAL_LINE));
    const changed = dap.eventsOf('breakpoint').map(({ body }) => body as { breakpoint: DebugProtocol.Breakpoint });
    assert.ok(changed.some(({ breakpoint }) => breakpoint.verified));
    const { threads } = await dap.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.ok(threads.some(({ name }) => name.startsWith('kernel: ')));
    assert.ok(threads.some(({ name }) => name.startsWith('user: ')));
    const page = await dap.request<{ stackFrames: DebugProtocol.StackFrame[]; totalFrames: number }>('stackTrace', {
      threadId,
      startFrame: 1,
      levels: 1,
    });
    assert.deepEqual([page.stackFrames.length, page.totalFrames], [1, frames.length]);
    assert.equal(page.stackFrames[0]?.name, frames[1]?.name);
  });

  it('shows arguments, members, registers and dispatcher objects', async () => {
    const { frame } = await atSignal();
    const args = await dap.scope(frame.id, 'Arguments');
    const event = args.get('Event');
    assert.match(event?.type ?? '', /ES_EVENT/);
    assert.ok((event?.variablesReference ?? 0) > 0 && event?.memoryReference !== undefined);
    const members = await dap.children(event.variablesReference);
    assert.match(members.get('Object')?.value ?? '', /^0x[0-9a-f]+ (not )?signaled, notification/);
    assert.equal(members.get('Object')?.evaluateName, 'Event->Object');
    assert.match(members.get('Link')?.value ?? '', /entr/);
    const objects = await dap.scope(frame.id, 'Dispatcher Objects');
    assert.match([...objects.values()][0]?.value ?? '', /signaled, notification/);
    const groups = await dap.scope(frame.id, 'Registers');
    const general = await dap.children(groups.get('General')?.variablesReference ?? 0);
    assert.match(general.get('rip')?.value ?? '', /\d/);
    const hex = await dap.children(groups.get('General')?.variablesReference ?? 0, { format: { hex: true } });
    assert.match(hex.get('rsp')?.value ?? '', /^0x/);
  });

  it('evaluates expressions, changes nothing in a watch, and assigns in the console', async () => {
    const { frame } = await atSignal();
    assert.match((await dap.evaluate('Event->Id', frame.id)).result, /^\d+$/);
    assert.match((await dap.evaluate('*Event->Object', frame.id, 'hover')).result, /signaled, notification/);
    assert.match((await dap.evaluate('@rip,x', frame.id)).result, /^0x/);
    assert.match((await dap.evaluate('EsDriver.Totals.Events', frame.id)).result, /^\d+$/);
    assert.match((await dap.evaluate('&nt!KeSetEvent', frame.id)).result, /ntoskrnl!KeSetEvent/);
    assert.equal((await dap.evaluate('sizeof(KEVENT)', frame.id)).result, '24');
    assert.match(await dap.refusal('evaluate', { expression: 'Event->', frameId: frame.id }), /Column 8/);
    const assignment = { expression: 'EsDriver.Totals.LogLines = 77', frameId: frame.id };
    assert.match(await dap.refusal('evaluate', { ...assignment, context: 'watch' }), /not allowed/);
    await dap.request('evaluate', { ...assignment, context: 'repl' });
    assert.equal((await dap.evaluate('EsDriver.Totals.LogLines', frame.id)).result, '77');
    assert.ok(dap.eventsOf('invalidated').length > 0);
  });

  it('sets variables and expressions', async () => {
    const { frame } = await atSignal();
    const event = (await dap.scope(frame.id, 'Arguments')).get('Event');
    assert.ok(event !== undefined);
    const set = { variablesReference: event.variablesReference, name: 'AppHandle', value: '0x1234' };
    assert.equal((await dap.request<{ value: string }>('setVariable', set)).value, String(0x1234));
    const expression = { expression: 'Event->AppHandle', value: 'Event->AppHandle + 1', frameId: frame.id };
    assert.equal((await dap.request<{ value: string }>('setExpression', expression)).value, String(0x1235));
    assert.match(await dap.refusal('setVariable', { ...set, value: '1 +' }), /Column 4/);
  });

  it('steps over, into and out of lines, and by instruction', async () => {
    const line = await lineOf('sys/schedules.c', TICK_LINE);
    await dap.launch(signals(3), () => dap.breakAt('sys/schedules.c', line));
    const { threadId } = await dap.stop();
    const step = async (command: string, rest: object = {}): Promise<DebugProtocol.StackFrame> => {
      await dap.request(command, { threadId, ...rest });
      assert.equal((await dap.stop()).reason, 'step');
      return dap.top(threadId);
    };
    const before = await dap.top(threadId);
    // Other timer threads come here too.
    await dap.setBreakpoints('sys/schedules.c', []);
    const inside = await step('stepIn');
    assert.equal(inside.name, 'eventsys!EsEventSignal');
    const next = await step('next');
    assert.equal(next.name, 'eventsys!EsEventSignal');
    assert.ok(next.line > inside.line, `${inside.line} to ${next.line}`);
    const out = await step('stepOut');
    // The return may lead straight into a function that is inlined there.
    assert.ok((await dap.frames(threadId)).some(({ name }) => name === before.name));
    const instruction = await step('next', { granularity: 'instruction' });
    assert.notEqual(instruction.instructionPointerReference, out.instructionPointerReference);
  });

  it('keeps a tree unfolded over a step: numbers of the same places stay', async () => {
    const { threadId, frame } = await atSignal();
    const before = (await dap.scope(frame.id, 'Arguments')).get('Event')?.variablesReference;
    await dap.setBreakpoints('sys/events.c', []);
    await dap.request('next', { threadId });
    await dap.stop();
    const after = await dap.top(threadId);
    assert.equal(after.id, frame.id);
    assert.equal((await dap.scope(after.id, 'Arguments')).get('Event')?.variablesReference, before);
  });

  it('stops at conditions, hit counts and function names, and logs without stopping', async () => {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    const tick = await lineOf('sys/schedules.c', TICK_LINE);
    await dap.launch(signals(3), async () => {
      await dap.breakAt('sys/schedules.c', tick, { logMessage: 'ticks {schedule->Ticks} at {schedule}' });
      await dap.breakAt('sys/events.c', line, { condition: 'Source == 1 && Event->Signals == 1' });
    });
    const { threadId } = await dap.stop();
    const { id } = await dap.top(threadId);
    assert.equal((await dap.evaluate('Event->Signals', id)).result, '1');
    assert.match(dap.output('console'), /ticks \d+ at 0x[0-9a-f]+/);
    await dap.breakAt('sys/events.c', line, { hitCondition: '2' });
    await dap.continueToStop(threadId);
    await dap.setBreakpoints('sys/events.c', []);
    const { breakpoints } = await dap.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setFunctionBreakpoints', {
      breakpoints: [{ name: 'eventsys!EsEventDereference' }, { name: 'nowhere!Nothing' }],
    });
    assert.deepEqual(
      breakpoints.map(({ verified }) => verified),
      [true, false],
    );
    const stop = await dap.continueToStop(threadId);
    assert.equal(stop.reason, 'function breakpoint');
    const names = (await dap.frames(stop.threadId)).map(({ name }) => name);
    assert.ok(names.includes('eventsys!EsEventDereference'), names.join(' '));
  });

  it('tells what is wrong with a breakpoint at the breakpoint', async () => {
    await dap.initialize();
    const made = await dap.setBreakpoints('sys/events.c', [
      { line: 1, condition: '1 +' },
      { line: 1, hitCondition: 'often' },
      { line: 1, logMessage: 'x {y' },
    ]);
    assert.deepEqual(
      made.map(({ verified }) => verified),
      [false, false, false],
    );
    assert.match(made[0]?.message ?? '', /Column 4/);
    assert.match(made[1]?.message ?? '', /no hit condition/);
    assert.match(made[2]?.message ?? '', /"}" is missing/);
  });

  it('stops at data that changes and at an instruction', async () => {
    const { threadId, frame } = await atSignal();
    await dap.setBreakpoints('sys/events.c', []);
    const info = await dap.request<{ dataId: string | null; description: string }>('dataBreakpointInfo', {
      name: 'Event->Signals',
      frameId: frame.id,
    });
    assert.match(info.description, /8 bytes at .*Under Wine/);
    const set = { breakpoints: [{ dataId: info.dataId, accessType: 'write' }] };
    const { breakpoints } = await dap.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setDataBreakpoints', set);
    assert.equal(breakpoints[0]?.verified, true, breakpoints[0]?.message);
    const stop = await dap.continueToStop(threadId);
    assert.equal(stop.reason, 'data breakpoint');
    // Several timer threads may have counted before all were held.
    assert.match(stop.description ?? '', /Changed from 0x0+ to 0x0+[1-9]/);
    await dap.request('setDataBreakpoints', { breakpoints: [] });
    const here = await dap.top(stop.threadId);
    const instruction = { instructionReference: here.instructionPointerReference, offset: 0 };
    await dap.request('setInstructionBreakpoints', { breakpoints: [instruction] });
    assert.equal((await dap.continueToStop(threadId)).reason, 'instruction breakpoint');
  });

  it('reads and writes memory, and disassembles before and behind an address', async () => {
    const { frame } = await atSignal();
    const { memoryReference } = await dap.evaluate('&EsDriver.Totals', frame.id);
    const read = { memoryReference, count: 8 };
    const before = await dap.request<{ data: string }>('readMemory', read);
    const data = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]).toString('base64');
    await dap.request('writeMemory', { memoryReference, data });
    assert.equal((await dap.request<{ data: string }>('readMemory', read)).data, data);
    await dap.request('writeMemory', { memoryReference, data: before.data });
    const nothing = await dap.request<{ unreadableBytes: number; data?: string }>('readMemory', {
      memoryReference: '0x10',
      count: 16,
    });
    assert.deepEqual([nothing.unreadableBytes, nothing.data], [16, undefined]);
    const { instructions } = await dap.request<{ instructions: DebugProtocol.DisassembledInstruction[] }>(
      'disassemble',
      { memoryReference: frame.instructionPointerReference, instructionOffset: -4, instructionCount: 12 },
    );
    assert.equal(instructions.length, 12);
    const address = (frame.instructionPointerReference ?? '').replace(/^.*\//, '');
    assert.equal(instructions[4]?.address, address);
    assert.ok(instructions.some(({ instruction }) => instruction.includes('call')));
    assert.ok(instructions.some(({ location }) => location?.path?.endsWith('events.c')));
  });

  it('goes to another line of the function, tells of modules and sources, and completes', async () => {
    const { threadId, frame } = await atSignal();
    const source = { path: join(SOURCES, 'sys/events.c') };
    const line = frame.line + 3;
    const { targets } = await dap.request<{ targets: DebugProtocol.GotoTarget[] }>('gotoTargets', { source, line });
    assert.ok((targets[0]?.id ?? 0) > 0);
    await dap.request('goto', { threadId, targetId: targets[0]?.id });
    assert.equal((await dap.stop()).reason, 'goto');
    const moved = (await dap.frames(threadId)).find(({ name }) => name === frame.name);
    assert.equal(moved?.line, targets[0]?.line);
    // Back again: the driver goes on as if nothing had been.
    const back = { source, line: frame.line };
    const home = await dap.request<{ targets: DebugProtocol.GotoTarget[] }>('gotoTargets', back);
    await dap.request('goto', { threadId, targetId: home.targets[0]?.id });
    await dap.stop();
    const { modules } = await dap.request<{ modules: DebugProtocol.Module[] }>('modules');
    assert.equal(modules.find(({ name }) => name === 'eventsys.sys')?.symbolStatus, 'symbols loaded');
    const { sources } = await dap.request<{ sources: DebugProtocol.Source[] }>('loadedSources');
    assert.ok(sources.some(({ path }) => path === source.path));
    const locations = await dap.request<{ breakpoints: { line: number }[] }>('breakpointLocations', {
      source,
      line: frame.line,
      endLine: frame.line + 4,
    });
    assert.ok(locations.breakpoints.some((each) => each.line === frame.line));
    const { id } = await dap.top(threadId);
    const complete = async (text: string): Promise<string[]> => {
      const request = { text, column: text.length + 1, frameId: id };
      return (await dap.request<{ targets: { label: string }[] }>('completions', request)).targets.map(
        ({ label }) => label,
      );
    };
    assert.ok((await complete('1 + Event->Si')).includes('Signals'));
    assert.ok((await complete('Ev')).includes('Event'));
    assert.ok((await complete('nt!KeSetEv')).includes('KeSetEvent'));
    assert.match(await dap.refusal('restartFrame', { frameId: id }), /cannot be restarted/);
  });

  it('pauses and goes on, refuses to inspect what runs, and ends with the application', async () => {
    await dap.launch(signals(10));
    await dap.until('output', () => dap.output('stdout').includes('SCHEDULE'));
    assert.match(await dap.refusal('stackTrace', { threadId: 1 }), /notStopped/);
    await dap.request('pause', { threadId: 1 });
    const stop = await dap.stop();
    assert.equal(stop.reason, 'pause');
    assert.ok((await dap.frames(stop.threadId)).length > 0);
    await dap.continue(stop.threadId);
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
    assert.deepEqual(dap.eventsOf('exited')[0]?.body, { exitCode: 0 });
  });

  it('stops at the first line of the application', async () => {
    await dap.launch(signals(1, { stopOnEntry: true }));
    const stop = await dap.stop();
    assert.equal(stop.reason, 'entry');
    assert.match((await dap.top(stop.threadId)).source?.path ?? '', /main\.c$/);
  });

  it('attaches to the driver alone, and leaves it running when it disconnects in the middle of a step', async () => {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    await dap.launch(signals(20), () => dap.breakAt('sys/events.c', line));
    const { threadId } = await dap.stop();
    void dap.request('next', { threadId }).catch(() => undefined);
    await dap.request('disconnect', { terminateDebuggee: true });
    const second = await DapTestClient.start();
    try {
      await second.attach({ project: folder, application: false });
      const { threads } = await second.request<{ threads: DebugProtocol.Thread[] }>('threads');
      assert.ok(threads.length > 0 && threads.every(({ name }) => name.startsWith('kernel: ')));
    } finally {
      await second.close();
    }
    const third = await DapTestClient.start();
    try {
      await third.launch(signals(1));
      await third.until('the end', () => third.eventsOf('exited').length > 0);
      assert.deepEqual(third.eventsOf('exited')[0]?.body, { exitCode: 0 });
    } finally {
      await third.close();
    }
  });

  it('names the field of a launch configuration that is wrong', async () => {
    await dap.initialize();
    assert.match(await dap.refusal('launch', { ...signals(1), stopOnEntry: 'yes' }), /"stopOnEntry".*true or false/);
    assert.match(await dap.refusal('launch', { ...signals(1), aplication: {} }), /"aplication".*no such field/);
    const inner = { ...signals(1), application: { arguments: 'signals' } };
    assert.match(await dap.refusal('launch', inner), /"application\.arguments".*list of texts/);
    assert.match(await dap.refusal('nonsense'), /no request "nonsense"/);
  });
});
