/**
 * The debug adapter over a kernel debugging link, as an editor meets it: the bundle on standard input and output, our own KD target
 * behind a TCP port, whose images have exports and unwind data. What needs sources is in dap-kd-lines.test.ts.
 */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DapTestClient } from './dap-client.js';
import { withKdAdapter } from './kd-dap-fixture.js';
import { KdBench, until } from './kd-fixture.js';

/** Enough for both programs to have come by several times. */
const STOPS = 12;

describe('the debug adapter on a kernel debugging link', function () {
  this.timeout(60_000);
  let bench: KdBench;
  let dap: DapTestClient;

  withKdAdapter('each', (made) => ({ bench, dap } = made));

  const attach = (kd: object = {}, configure?: () => Promise<unknown>): Promise<void> =>
    dap.attach(
      { kd: { connect: bench.address, ...kd }, application: { name: 'eventapp.exe' }, project: undefined },
      configure,
    );

  const functionBreakpoint = (name: string, rest: object = {}): Promise<{ breakpoints: DebugProtocol.Breakpoint[] }> =>
    dap.request('setFunctionBreakpoints', { breakpoints: [{ name, ...rest }] });

  const hex = (value: bigint): string => `0x${value.toString(16)}`;

  it('attaches without a word, lists modules and threads of both sides, and leaves the machine running', async () => {
    await attach();
    await bench.runs();
    const { modules } = await dap.request<{ modules: DebugProtocol.Module[] }>('modules');
    const names = modules.map(({ name }) => name).sort();
    assert.deepEqual(names, ['eventapp.exe', 'eventsys.sys', 'ntdll.dll', 'ntoskrnl.exe']);
    await dap.request('pause', { threadId: 0 });
    const { reason, threadId, allThreadsStopped } = await dap.stop();
    assert.equal(reason, 'pause');
    assert.equal(allThreadsStopped, true);
    const { threads } = await dap.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.ok(threads.some(({ id }) => id === threadId));
    assert.ok(
      threads.some(({ name }) => /^user: .*eventapp\.exe/.test(name)),
      threads.map(({ name }) => name).join('; '),
    );
    await dap.request('disconnect', {});
    await bench.runs();
  });

  it('stops at a function of the kernel with a stack across the system call', async () => {
    await attach({}, () => functionBreakpoint('nt!NtWaitForSingleObject'));
    const { reason, threadId } = await dap.stop();
    assert.equal(reason, 'function breakpoint');
    const frames = await dap.frames(threadId);
    // KiSystemCall64 and main are no exports: the nearest one before, or the module, stands for them.
    assert.deepEqual(
      frames.map(({ name }) => name.replace(/[!+].*$/, '')),
      ['ntoskrnl', 'ntoskrnl', 'ntdll', 'eventapp'],
    );
    assert.match(frames[0]?.name ?? '', /^ntoskrnl!NtWaitForSingleObject$/);
    assert.match(frames[2]?.name ?? '', /^ntdll!NtWaitForSingleObject/);
    // None has a source: an editor would fold them all if they were subtle.
    assert.ok(frames.every(({ presentationHint }) => presentationHint === undefined));
    const { threads } = await dap.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.match(threads.find(({ id }) => id === threadId)?.name ?? '', /^user: eventapp\.exe \d+$/);
  });

  it('steps, evaluates, reads registers and memory, disassembles', async () => {
    await attach({}, () => functionBreakpoint('ntoskrnl!KeSetEvent'));
    const { threadId } = await dap.stop();
    const frame = await dap.top(threadId);
    const at = bench.at('ntoskrnl.exe', 'KeSetEvent');
    assert.equal(BigInt(frame.instructionPointerReference?.replace(/^.*\//, '') ?? 0), at);
    const rcx = await dap.request<{ result: string }>('evaluate', {
      expression: '@rcx',
      frameId: frame.id,
      context: 'watch',
    });
    const { sharedEvent, workEvent, doneEvent, heartbeat } = bench.target.kernel.namespace;
    assert.ok([sharedEvent, workEvent, doneEvent, heartbeat].includes(BigInt(rcx.result)), rcx.result);
    const memory = await dap.request<{ data: string }>('readMemory', {
      memoryReference: frame.instructionPointerReference,
      count: 4,
    });
    assert.deepEqual([...Buffer.from(memory.data, 'base64')], [0x48, 0x83, 0xec, 0x28]);
    const { instructions } = await dap.request<{ instructions: DebugProtocol.DisassembledInstruction[] }>(
      'disassemble',
      {
        memoryReference: frame.instructionPointerReference,
        instructionCount: 2,
      },
    );
    assert.match(instructions[0]?.instruction ?? '', /^sub rsp, ?(0x)?28h?$/i);
    const groups = await dap.scope(frame.id, 'Registers');
    const general = await dap.children(groups.get('General')?.variablesReference ?? 0, { format: { hex: true } });
    assert.equal(BigInt(general.get('rip')?.value ?? 0), at);
    const nothing = await dap.request<{ unreadableBytes: number; data?: string }>('readMemory', {
      memoryReference: '0x10',
      count: 16,
    });
    assert.deepEqual([nothing.unreadableBytes, nothing.data], [16, undefined]);
    await dap.request('stepIn', { threadId, granularity: 'instruction' });
    const stepped = await dap.stop();
    assert.equal(stepped.reason, 'step');
    const next = await dap.top(threadId);
    assert.equal(BigInt(next.instructionPointerReference?.replace(/^.*\//, '') ?? 0), at + 4n);
  });

  it('takes hit counts, log messages and data breakpoints', async () => {
    await attach({}, () => functionBreakpoint('nt!NtWaitForSingleObject', { hitCondition: '3' }));
    await dap.top((await dap.stop()).threadId);
    assert.ok(bench.target.kernel.app.space.unsigned(bench.target.kernel.appCounter, 8) >= 2n);
    await functionBreakpoint('nt!KeResetEvent', { logMessage: 'never' });
    await functionBreakpoint('nt!NtWaitForSingleObject', { logMessage: 'handle {@rcx}' });
    const counter = hex(bench.target.kernel.counters);
    const { dataId, description } = await dap.request<{ dataId: string | null; description: string }>(
      'dataBreakpointInfo',
      {
        name: counter,
        asAddress: true,
        bytes: 8,
      },
    );
    assert.ok(dataId !== null, description);
    await dap.request('setDataBreakpoints', { breakpoints: [{ dataId, accessType: 'write' }] });
    const rounds = bench.counter(0);
    const stop = await dap.continueToStop();
    assert.equal(stop.reason, 'data breakpoint');
    assert.equal(bench.counter(0), rounds + 1n);
    await dap.request('setDataBreakpoints', { breakpoints: [] });
    await dap.continue();
    await dap.until('the log message', () => /handle /.test(dap.output()));
  });

  it('puts DbgPrint into its output and a bug check in words', async () => {
    await attach();
    void bench.target.bugCheck(0xd1, [0x10n, 2n, 0n, 0xfffff80320001000n]);
    const { reason, description } = await dap.stop();
    assert.equal(reason, 'exception');
    assert.match(description ?? '', /DRIVER_IRQL_NOT_LESS_OR_EQUAL/);
    const printed = dap.eventsOf('output').map(({ body }) => (body as { output: string }).output);
    assert.ok(printed.some((text) => text.includes('Fatal System Error')));
  });

  it('refuses an address that is none, by the field’s name', async () => {
    await assert.rejects(dap.attach({ kd: { connect: 'tcp:nowhere' } }), /"kd\.connect".*a host and a port/s);
  });

  it('has the kernel and one process in one session: another that maps the same code passes', async () => {
    const { kernel } = bench.target;
    kernel.startSecondApplication();
    // Both programs have one name: the process id chooses.
    await dap.attach({ kd: { connect: bench.address }, application: { processId: 1_204 }, project: undefined }, () =>
      dap.request('setFunctionBreakpoints', {
        breakpoints: [{ name: 'ntdll!NtWaitForSingleObject' }, { name: 'nt!KeSetEvent' }],
      }),
    );
    const met = new Map<string, Set<string>>();
    let stop = await dap.stop();
    while (met.size < 2 || dap.eventsOf('stopped').length < STOPS) {
      const { threads } = await dap.request<{ threads: DebugProtocol.Thread[] }>('threads');
      const { name } = await dap.top(stop.threadId);
      const who = threads.find(({ id }) => id === stop.threadId)?.name ?? '';
      met.set(name, (met.get(name) ?? new Set()).add(who));
      stop = await dap.continueToStop();
    }
    const main = kernel.threads.find(({ name }) => name === 'main')?.threadId;
    assert.deepEqual([...(met.get('ntdll!NtWaitForSingleObject') ?? [])], [`user: eventapp.exe ${main}`]);
    assert.ok([...(met.get('ntoskrnl!KeSetEvent') ?? [])].every((who) => who.startsWith('kernel: ')));
    // The other one has gone through the same code all the while.
    const second = kernel.secondApplication;
    assert.ok((second?.space.unsigned(kernel.appCounter, 8) ?? 0n) > 0n);
  });

  it('tells of threads before the stop that it attaches to, of each once', async () => {
    const before = await bench.attached();
    await before.breakAt(bench.at('ntoskrnl.exe', 'NtWaitForSingleObject'), { once: true });
    await before.resumeToStop();
    await before.engine.client.close();
    await attach({ stopOnAttach: true });
    const { threadId } = await dap.stop();
    const { threads } = await dap.request<{ threads: DebugProtocol.Thread[] }>('threads');
    assert.match(threads.find(({ id }) => id === threadId)?.name ?? '', /^user: eventapp\.exe \d+$/);
    const order = dap.events.flatMap(({ event, body }) =>
      event === 'thread' || event === 'stopped' ? [`${event} ${(body as { threadId: number }).threadId}`] : [],
    );
    assert.deepEqual(
      [order.at(-1), order.filter((each) => each === `thread ${threadId}`).length],
      [`stopped ${threadId}`, 1],
    );
  });

  it('stops a machine that boots before its driver’s first instruction', async () => {
    const booting = await KdBench.make({});
    try {
      const kd = { connect: booting.address, breakIn: false, stopAtDriverEntry: true };
      await dap.attach({ kd, application: false, project: undefined });
      const { reason, description, threadId } = await dap.stop();
      assert.deepEqual([reason, description], ['entry', 'Stopped at the entry point of eventsys.sys']);
      const [top] = await dap.frames(threadId);
      const at = booting.at('eventsys.sys', 'DriverEntry');
      assert.equal(BigInt(top?.instructionPointerReference?.replace(/^.*\//, '') ?? 0), at);
      assert.doesNotMatch(dap.output(), /eventsys: started/);
      await dap.continue();
      await dap.until('the driver’s print', () => dap.output().includes('eventsys: started'));
    } finally {
      await booting.close();
    }
  });

  it('begins anew at a restart, with the breakpoints as they are, and leaves the machine running at the end', async () => {
    await attach({}, () => functionBreakpoint('nt!KeSetEvent'));
    const first = await dap.stop();
    assert.equal(first.reason, 'function breakpoint');
    await dap.request('restart', {});
    const again = await dap.stop();
    assert.equal(again.reason, 'function breakpoint');
    assert.match((await dap.top(again.threadId)).name, /^ntoskrnl!KeSetEvent$/);
    await functionBreakpoint('nt!KeResetEvent');
    await dap.continue();
    await bench.runs();
    await dap.request('disconnect', {});
    await bench.runs();
    assert.equal(bench.target.isStopped, false);
  });

  it('leaves nothing in the machine when it is killed in the middle of a step, once the next session has come', async () => {
    const { kernel } = bench.target;
    const code = (): Uint8Array => kernel.memory.space.read(kernel.driver.base, kernel.driver.bytes.length);
    const before = code();
    await attach({}, () => functionBreakpoint('nt!KeSetEvent'));
    const { threadId } = await dap.stop();
    await dap.request('stepOut', { threadId });
    dap.killAdapter();
    await until('its bytes', () => Buffer.compare(code(), before) !== 0);
    const next = await DapTestClient.start();
    try {
      await next.attach({ kd: { connect: bench.address }, application: false, project: undefined });
      await bench.runs();
      await next.request('disconnect', {});
    } finally {
      await next.close();
    }
    await bench.runs();
    assert.deepEqual(code(), before);
    const setEvent = bench.at('ntoskrnl.exe', 'KeSetEvent');
    assert.equal(kernel.memory.space.read(setEvent, 1)[0], 0x48);
  });

  it('ends a connect that waits for a target when the client disconnects', async () => {
    await dap.initialize();
    const started = dap.request('attach', {
      type: 'eventscope',
      request: 'attach',
      kd: { connect: 'unix:/nowhere/kd' },
    });
    started.catch(() => undefined);
    await until('the initialized event', () => dap.eventsOf('initialized').length > 0);
    await dap.request('configurationDone', {});
    await dap.request('disconnect', {});
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
  });
});
