/** What is announced and needs a target in a state of its own: exceptions, single threads, addresses that are watched or cannot be read. */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { type DapTestClient, lineOf, SIGNAL_LINE, signalsFromDpc } from './dap-client.js';
import { adapterForEach } from './dap-fixture.js';

describe('the debug adapter in special states of the target', function () {
  this.timeout(120_000);
  let folder = '';
  let dap: DapTestClient;

  adapterForEach((started, machine) => ([dap, folder] = [started, machine]));

  const launch = (count: number, rest: object = {}): object => signalsFromDpc(folder, count, rest);

  it('stops at an access violation and tells what was touched', async () => {
    await dap.launch(launch(1, { stopOnEntry: true }));
    const entry = await dap.stop();
    assert.match(await dap.refusal('exceptionInfo', { threadId: entry.threadId }), /did not stop at one/);
    const top = await dap.top(entry.threadId);
    await dap.request('evaluate', { expression: '@rip = 0x10', frameId: top.id, context: 'repl' });
    const stop = await dap.continueToStop(entry.threadId);
    assert.deepEqual([stop.reason, stop.description], ['exception', 'STATUS_ACCESS_VIOLATION']);
    const info = await dap.request<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', {
      threadId: stop.threadId,
    });
    assert.deepEqual([info.exceptionId, info.breakMode], ['STATUS_ACCESS_VIOLATION (0xC0000005)', 'always']);
    assert.match(info.description ?? '', /memory at 0x10 cannot be (read|executed), at 0x10/);
    const [frame] = await dap.frames(stop.threadId);
    assert.ok(frame !== undefined && frame.source === undefined);
  });

  it('steps one thread while the others stand, watches bytes at an address, and says what cannot be read', async () => {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    await dap.launch(launch(3), () => dap.breakAt('sys/events.c', line));
    const { threadId } = await dap.stop();
    const before = await dap.top(threadId);
    await dap.setBreakpoints('sys/events.c', []);
    // A call runs everybody until it returns: it may wait for another thread. Instructions before it do not.
    await dap.request('next', { threadId, singleThread: true, granularity: 'instruction' });
    const step = await dap.stop();
    assert.deepEqual([step.reason, step.threadId], ['step', threadId]);
    const after = await dap.top(threadId);
    assert.notEqual(after.instructionPointerReference, before.instructionPointerReference);

    const nowhere = '*(unsigned int*)0x10';
    assert.match((await dap.evaluate(nowhere, after.id)).result, /not readable|cannot be read/);
    const write = { expression: `${nowhere} = 1`, frameId: after.id, context: 'repl' };
    assert.match(await dap.refusal('evaluate', write), /0x10/);

    const { memoryReference } = await dap.evaluate('&Event->Signals', after.id);
    const watch = { name: memoryReference ?? '', asAddress: true, bytes: 4 };
    const info = await dap.request<{ dataId: string | null; description: string }>('dataBreakpointInfo', watch);
    assert.match(info.description, /^4 bytes at 0x/);
    const odd = await dap.request<{ dataId: string | null; description: string }>('dataBreakpointInfo', {
      ...watch,
      bytes: 3,
    });
    assert.deepEqual([odd.dataId, /3 bytes cannot be watched/.test(odd.description)], [null, true]);
    const set = { breakpoints: [{ dataId: info.dataId, accessType: 'write' }] };
    const made = await dap.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setDataBreakpoints', set);
    assert.equal(made.breakpoints[0]?.verified, true);
    const stop = await dap.continueToStop(threadId);
    assert.equal(stop.reason, 'data breakpoint');
    assert.deepEqual(stop.hitBreakpointIds, [made.breakpoints[0].id]);
  });

  it('cancels a launch while it is being made ready', async () => {
    await dap.initialize();
    const launched = dap.refusal('launch', launch(1));
    await dap.until('the initialized event', () => dap.eventsOf('initialized').length > 0);
    await dap.request('disconnect', {});
    assert.equal(await launched, 'cancelled');
    assert.equal(dap.eventsOf('terminated').length, 1);
  });
});
