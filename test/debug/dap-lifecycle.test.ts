/** Restarts, and what goes wrong in the middle of a session: nothing hangs, nothing stays held, and what happened is told. */
import assert from 'node:assert/strict';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { DapTestClient, lineOf, SIGNAL_LINE, signalsFromDpc } from './dap-client.js';
import { adapterForEach } from './dap-fixture.js';
import { connectAgent } from './debug-machine.js';

describe('debug sessions that restart or meet a fault', function () {
  this.timeout(120_000);
  let folder = '';
  let dap: DapTestClient;

  adapterForEach((started, machine) => ([dap, folder] = [started, machine]));

  const signals = (count: number, rest: object = {}): object => signalsFromDpc(folder, count, rest);

  async function atSignal(count = 3): Promise<{ threadId: number; frame: DebugProtocol.StackFrame }> {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    await dap.launch(signals(count), () => dap.breakAt('sys/events.c', line));
    const { threadId } = await dap.stop();
    return { threadId, frame: await dap.top(threadId) };
  }

  /** Another session finds driver and application in order: nothing of the one before holds them. */
  async function nextRunIsWell(): Promise<void> {
    const next = await DapTestClient.start();
    try {
      await next.launch(signals(1));
      await next.until('the end', () => next.eventsOf('terminated').length > 0);
      assert.deepEqual(next.eventsOf('exited')[0]?.body, { exitCode: 0 });
    } finally {
      await next.close();
    }
  }

  const applicationProcesses = async (): Promise<number[]> => {
    const agent = await connectAgent();
    const { processes } = await agent.request('process/list', {});
    await agent.close();
    return processes.filter(({ name }) => /eventapp\.exe$/i.test(name)).map(({ process }) => process);
  };

  it('restarts with its breakpoints, and with other arguments', async () => {
    await atSignal(30);
    const [first] = await applicationProcesses();
    await dap.request('restart', {});
    const again = await dap.stop();
    assert.equal(again.reason, 'breakpoint');
    assert.equal((await dap.top(again.threadId)).line, await lineOf('sys/events.c', SIGNAL_LINE));
    const second = await applicationProcesses();
    assert.equal(second.length, 1);
    assert.notEqual(second[0], first);
    assert.equal(dap.eventsOf('initialized').length, 1);
    assert.equal(dap.eventsOf('terminated').length, 0);
    await dap.setBreakpoints('sys/events.c', []);
    await dap.request('restart', { arguments: { type: 'eventscope', request: 'launch', ...signals(1) } });
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
    assert.deepEqual(dap.eventsOf('exited')[0]?.body, { exitCode: 0 });
    assert.match(await dap.refusal('restart', {}), /could be restarted/);
  });

  it('tells that the application was killed while it was stopped', async () => {
    await atSignal(30);
    const [process] = await applicationProcesses();
    assert.ok(process !== undefined);
    const agent = await connectAgent();
    await agent.request('process/end', { process, exitCode: 9 });
    await agent.close();
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
    assert.deepEqual(dap.eventsOf('exited')[0]?.body, { exitCode: 9 });
    assert.match(dap.output(), /eventapp\.exe ended with exit code 9/);
    await nextRunIsWell();
  });

  it('tells that the agent was killed, and the target is free again', async () => {
    await atSignal(30);
    dap.killAgent();
    await dap.until('the end', () => dap.eventsOf('terminated').length > 0);
    assert.match(dap.output('important'), /The debug session has ended: .*agent/);
    assert.match(await dap.refusal('stackTrace', { threadId: 1 }), /notStopped/);
    await nextRunIsWell();
  });

  it('lets everything go when its client and the adapter end in the middle of a step', async () => {
    const { threadId } = await atSignal(30);
    void dap.request('next', { threadId }).catch(() => undefined);
    dap.killAdapter();
    await nextRunIsWell();
  });

  it('tells that a driver unloads with a breakpoint in it; the next session runs well', async () => {
    const line = await lineOf('sys/events.c', SIGNAL_LINE);
    await dap.attach({ project: folder, application: false }, () => dap.breakAt('sys/events.c', line));
    const told = (): DebugProtocol.Breakpoint[] =>
      dap.eventsOf('breakpoint').map(({ body }) => (body as DebugProtocol.BreakpointEvent['body']).breakpoint);
    await dap.until('the breakpoint', () => told().at(-1)?.verified === true);
    const agent = await connectAgent();
    try {
      await agent.request('service/stop', { name: 'eventsys', timeoutMs: 15_000 });
      const removed = (): boolean =>
        dap
          .eventsOf('module')
          .map(({ body }) => body as DebugProtocol.ModuleEvent['body'])
          .some(({ reason, module }) => reason === 'removed' && module.name === 'eventsys.sys');
      // Its host process ends with it, unless another driver lives there too.
      await dap.until('the unload', () => removed() && told().at(-1)?.verified === false);
      assert.match(told().at(-1)?.message ?? '', /unloaded|ended|no loaded module/);
      await dap.close();
    } finally {
      // Those that follow find it as it was, whatever happened here.
      await agent.request('service/start', { name: 'eventsys', timeoutMs: 15_000 });
      await agent.close();
    }
    await nextRunIsWell();
  });
});
