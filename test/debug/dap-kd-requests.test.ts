/** What a native debugger's client asks for, over a kernel debugging link: the requests that need no sources. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DapTestClient } from './dap-client.js';
import { withKdAdapter } from './kd-dap-fixture.js';
import type { KdBench } from './kd-fixture.js';

describe('requests to the debug adapter on a kernel debugging link', function () {
  this.timeout(60_000);
  let bench: KdBench;
  let dap: DapTestClient;

  withKdAdapter('each', (made) => ({ bench, dap } = made));

  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  const attach = (configure?: () => Promise<unknown>): Promise<void> =>
    dap.attach(
      { kd: { connect: bench.address }, application: { name: 'eventapp.exe' }, project: undefined },
      configure,
    );
  const functionBreakpoint = (name: string, rest: object = {}): Promise<unknown> =>
    dap.request('setFunctionBreakpoints', { breakpoints: [{ name, ...rest }] });
  const addressOf = ({ instructionPointerReference }: DebugProtocol.StackFrame): bigint =>
    BigInt(instructionPointerReference?.replace(/^.*\//, '') ?? 0);

  it('stops at an instruction, when its condition holds', async () => {
    const at = bench.at('ntoskrnl.exe', 'KeSetEvent');
    const { doneEvent } = bench.target.kernel.namespace;
    await attach(() => functionBreakpoint('nt!KeSetEvent', { condition: `@rcx == ${hex(doneEvent)}` }));
    const first = await dap.stop();
    const frame = await dap.top(first.threadId);
    assert.equal(BigInt((await dap.evaluate('@rcx', frame.id)).result), doneEvent);
    await dap.request('setFunctionBreakpoints', { breakpoints: [] });
    const { instructionPointerReference } = frame;
    await dap.request('setInstructionBreakpoints', {
      breakpoints: [{ instructionReference: instructionPointerReference, offset: 4 }],
    });
    const stop = await dap.continueToStop(first.threadId);
    assert.equal(stop.reason, 'instruction breakpoint');
    assert.equal(addressOf(await dap.top(stop.threadId)), at + 4n);
  });

  it('writes memory, and steps over and out of a call', async () => {
    await attach(() => functionBreakpoint('nt!KeSetEvent'));
    const { threadId } = await dap.stop();
    const [, caller] = await dap.frames(threadId);
    assert.ok(caller !== undefined);
    await dap.request('stepOut', { threadId });
    assert.equal((await dap.stop()).reason, 'step');
    const after = addressOf(await dap.top(threadId));
    assert.equal(after, addressOf(caller));
    await dap.request('next', { threadId, granularity: 'instruction' });
    await dap.stop();
    assert.notEqual(addressOf(await dap.top(threadId)), after);
    const { counters } = bench.target.kernel;
    const data = Buffer.alloc(8);
    data.writeBigUInt64LE(1_000_000n);
    await dap.request('writeMemory', { memoryReference: hex(counters), data: data.toString('base64') });
    assert.equal(bench.counter(0), 1_000_000n);
  });

  it('stops at an access violation that nobody handles, and tells what was touched', async () => {
    await attach(() => functionBreakpoint('nt!KeSetEvent'));
    const { threadId } = await dap.stop();
    assert.match(await dap.refusal('exceptionInfo', { threadId }), /did not stop at one/);
    const { id } = await dap.top(threadId);
    await dap.request('setFunctionBreakpoints', { breakpoints: [] });
    await dap.request('evaluate', { expression: '@rip = 0x10', frameId: id, context: 'repl' });
    const stop = await dap.continueToStop(threadId);
    assert.deepEqual([stop.reason, stop.description], ['exception', 'STATUS_ACCESS_VIOLATION']);
    const info = await dap.request<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', { threadId });
    assert.deepEqual([info.exceptionId, info.breakMode], ['STATUS_ACCESS_VIOLATION (0xC0000005)', 'unhandled']);
    assert.match(info.description ?? '', /memory at 0x10 cannot be (read|executed), at 0x10/);
  });

  it('records its session, answers what the target asks for, and is given the recording for a target', async () => {
    const [record, files] = [join(bench.folder, 'session.jsonl'), join(bench.folder, 'files')];
    await mkdir(files);
    await writeFile(join(files, 'eventsys.sys'), 'MZ');
    const configuration = { application: { name: 'eventapp.exe' }, project: undefined };
    await dap.attach({ ...configuration, kd: { connect: bench.address, record, files } });
    assert.equal(await bench.target.openHostFile('\\SystemRoot\\system32\\drivers\\eventsys.sys'), 0);
    assert.notEqual(await bench.target.openHostFile('\\SystemRoot\\system32\\drivers\\other.sys'), 0);
    assert.equal(await bench.target.prompt('Assertion failed. Break, or Ignore (bi)? '), 'b');
    await dap.until('the prompt', () => dap.output().includes('Assertion failed'));
    await dap.request('disconnect', {});
    await dap.close();

    const replayed = await DapTestClient.start();
    try {
      const kd = { connect: `replay:${record}`, stopOnAttach: true };
      await replayed.attach({ ...configuration, kd });
      const { threadId } = await replayed.stop();
      assert.match((await replayed.top(threadId)).name, /^ntoskrnl!DbgBreakPointWithStatus/);
      const { modules } = await replayed.request<{ modules: DebugProtocol.Module[] }>('modules');
      const names = modules.map(({ name }) => name).sort();
      assert.deepEqual(names, ['eventapp.exe', 'eventsys.sys', 'ntdll.dll', 'ntoskrnl.exe']);
    } finally {
      await replayed.close();
    }
  });

  it('tells a bug check with its code, parameters and stack, and lets itself be left', async () => {
    await attach();
    void bench.target.bugCheck(0xd1, [0x10n, 2n, 0n, 0xfffff80320001000n]);
    const stop = await dap.stop();
    const told = `${stop.description ?? ''} ${stop.text ?? ''}`;
    assert.match(told, /DRIVER_IRQL_NOT_LESS_OR_EQUAL/);
    assert.match(told, /0x10\b/);
    const frames = await dap.frames(stop.threadId);
    assert.match(frames[0]?.name ?? '', /^ntoskrnl!DbgBreakPointWithStatus/);
    assert.match(await dap.refusal('restartFrame', { frameId: frames[0]?.id }), /restart/i);
    // A crashed machine breaks in again whenever it is let go: leaving it does not wait for more.
    await dap.request('disconnect', {});
  });
});
