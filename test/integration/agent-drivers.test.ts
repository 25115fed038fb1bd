/** Driver services, device control and the kernel's debug output through the agent, on a driver made for these tests. */
import assert from 'node:assert/strict';
import type { ServiceStatus } from '../../protocol/agent-rpc.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { agentMachine, eventually, startAgent, windowsPath, type AgentMachine } from './agent/agent-machine.js';

const NAME = 'agentprobe';
const DEVICE = '\\\\.\\AgentProbe';
const ioctl = (code: number): number => (0x22 << 16) | (code << 2);
const ECHO = ioctl(0x800);
const FAIL = ioctl(0x801);
const WAIT = ioctl(0x802);
const HOLD = ioctl(0x803);
const STATUS_IO_TIMEOUT = 0xc00000b5;
const STATUS_INVALID_DEVICE_REQUEST = 0xc0000010;
const STATUS_UNSUCCESSFUL = 0xc0000001;

let client: AgentClient;
let machine: AgentMachine;

const win32 = (call: string, code: number) => (error: unknown) => {
  assert.ok(error instanceof EventscopeError);
  assert.deepEqual([error.data['call'], error.data['code'], error.data['space']], [call, code, 'win32']);
  return true;
};

async function create(name: string, binaryPath: string): Promise<void> {
  const status = await client.request('service/create', { name, displayName: `${name} (test)`, binaryPath });
  assert.equal(status.state, 'stopped');
}

async function control(code: number, input: Uint8Array<ArrayBuffer>, outputBytes: number, timeoutMs = 10_000) {
  return client.request('device/control', { device: DEVICE, code, input, outputBytes, timeoutMs });
}

/** The service's status once its host process is known. */
async function untilHost(name: string): Promise<ServiceStatus> {
  let found: ServiceStatus | undefined;
  await eventually(async () => {
    found = (await client.request('service/query', { name })).status;
    return found !== undefined && found.processId !== 0;
  });
  assert.ok(found !== undefined);
  return found;
}

describe('the agent: services and devices', function () {
  this.timeout(120_000);

  before(async () => {
    machine = await agentMachine();
    const agent = await startAgent({ arguments: ['--dbgprint-log', windowsPath(machine.dbgPrintLog)] });
    client = await agent.connect();
    await create(NAME, machine.driver);
  });

  after(async () => {
    await client.request('service/stop', { name: NAME, timeoutMs: 20_000 }).catch(() => undefined);
    await client.request('service/delete', { name: NAME });
    assert.deepEqual(await client.request('service/query', { name: NAME }), {});
    await client.close();
  });

  it('starts a driver, tells of it, stops it', async () => {
    const started = await client.request('service/start', { name: NAME, timeoutMs: 20_000 });
    assert.equal(started.state, 'running');
    assert.equal(started.binaryPath.toLowerCase(), machine.driver.toLowerCase());
    assert.equal(started.startType, 3);
    const { services } = await client.request('service/list', { drivers: true });
    assert.equal(services.find(({ name }) => name.toLowerCase() === NAME)?.state, 'running');
    const stopped = await client.request('service/stop', { name: NAME, timeoutMs: 20_000 });
    assert.equal(stopped.state, 'stopped');
    // Stopping what has stopped is no failure; a second start is none either.
    assert.equal((await client.request('service/stop', { name: NAME, timeoutMs: 20_000 })).state, 'stopped');
    assert.equal((await client.request('service/start', { name: NAME, timeoutMs: 20_000 })).state, 'running');
  });

  it('says what the control manager says', async () => {
    await assert.rejects(
      client.request('service/start', { name: NAME, timeoutMs: 20_000 }),
      win32('StartServiceW', 1056),
    );
    await assert.rejects(
      client.request('service/create', { name: NAME, displayName: NAME, binaryPath: machine.driver }),
      win32('CreateServiceW', 1073),
    );
    await assert.rejects(
      client.request('service/start', { name: 'nosuch', timeoutMs: 20_000 }),
      win32('OpenServiceW', 1060),
    );
    assert.deepEqual(await client.request('service/query', { name: 'nosuch' }), {});
  });

  it('tells that DriverEntry failed, and that the file is missing', async () => {
    for (const [name, path] of [
      ['agentfails', machine.failingDriver],
      ['agentmissing', 'C:\\eventscope\\bin\\none.sys'],
    ] as const) {
      await create(name, path);
      await assert.rejects(client.request('service/start', { name, timeoutMs: 20_000 }), (error) => {
        assert.ok(error instanceof EventscopeError);
        assert.equal(error.data['call'], 'StartServiceW');
        assert.notEqual(error.data['code'], 0);
        return true;
      });
      assert.equal((await client.request('service/query', { name })).status?.state, 'stopped');
      await client.request('service/delete', { name });
    }
  });

  it('gives up on a driver that hangs in DriverEntry within the bound, and serves on', async () => {
    const name = 'agenthangs';
    await create(name, machine.hangingDriver);
    try {
      const starting = client.request('service/start', { name, timeoutMs: 1_500 });
      // Others are served meanwhile.
      const order: string[] = [];
      const meanwhile = client.request('agent/info', {}).then(() => order.push('info'));
      await assert.rejects(
        starting.finally(() => order.push('start')),
        (error) => {
          assert.ok(error instanceof EventscopeError);
          assert.equal(error.id, 'agent.request', error.message);
          assert.ok([258, 1053].includes(error.data['code'] as number), error.message);
          return true;
        },
      );
      await meanwhile;
      assert.deepEqual(order, ['info', 'start']);
      const status = await untilHost(name);
      assert.equal(status.state, 'startPending');
      await client.request('process/end', { process: status.processId, exitCode: 1 });
      await eventually(async () => (await client.request('service/query', { name })).status?.state === 'stopped');
    } finally {
      await client.request('service/delete', { name });
    }
    // The driver beside it is not disturbed.
    assert.equal((await control(ECHO, Buffer.from('alive'), 9)).status, 0);
  });

  it('carries a request there and back', async () => {
    const input = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
    const echoed = await control(ECHO, input, 20_000);
    assert.deepEqual([echoed.status, echoed.win32Error], [0, 0]);
    assert.deepEqual(new Uint8Array(echoed.output), input);
    const short = await control(ECHO, input, 7);
    assert.deepEqual(new Uint8Array(short.output), input.subarray(0, 7));
    assert.equal((await control(ECHO, new Uint8Array(0), 0)).output.length, 0);
  });

  it('gives the NTSTATUS of a failed request, and its Win32 error', async () => {
    const failed = await control(FAIL, Buffer.from([1, 0, 0, 0xc0]), 0);
    assert.deepEqual([failed.status, failed.win32Error], [STATUS_UNSUCCESSFUL, 31]);
    const unknown = await control(ioctl(0x8ff), new Uint8Array(4), 4);
    assert.deepEqual([unknown.status, unknown.win32Error], [STATUS_INVALID_DEVICE_REQUEST, 1]);
    await assert.rejects(
      client.request('device/control', {
        device: '\\\\.\\NoSuch',
        code: ECHO,
        input: new Uint8Array(0),
        outputBytes: 0,
        timeoutMs: 1_000,
      }),
      win32('CreateFileW', 2),
    );
  });

  it('ends a request that waits: after its time, and when it is cancelled', async () => {
    assert.equal((await control(WAIT, new Uint8Array(0), 0, 100)).status, STATUS_IO_TIMEOUT);
    const controller = new AbortController();
    const waiting = client.request(
      'device/control',
      { device: DEVICE, code: WAIT, input: new Uint8Array(0), outputBytes: 0, timeoutMs: 60_000 },
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(), 100);
    await assert.rejects(waiting, { name: 'CancelledError' });
    assert.equal((await control(ECHO, Buffer.from('alive'), 9)).status, 0);
  });

  it('gives up on a driver that does not let go of a request, and goes on', async () => {
    assert.equal((await control(HOLD, new Uint8Array(0), 0, 100)).status, STATUS_IO_TIMEOUT);
    assert.equal((await control(ECHO, Buffer.from('alive'), 9)).status, 0);
  });

  it('streams what the driver prints', async () => {
    await client.request('service/stop', { name: NAME, timeoutMs: 20_000 });
    const lines: string[] = [];
    const end = client.onNotification('dbgPrint/lines', (said) => lines.push(...said.lines.map(({ text }) => text)));
    assert.deepEqual(await client.request('dbgPrint/start', {}), { available: true });
    await client.request('service/start', { name: NAME, timeoutMs: 20_000 });
    await eventually(() => Promise.resolve(lines.length >= 2));
    await client.request('dbgPrint/stop', {});
    end();
    assert.deepEqual(lines, ['agent_probe_driver: first line', 'second line of the same print']);
  });

  it('says why there is no debug output without a log', async () => {
    const other = await (await startAgent()).connect();
    const answer = await other.request('dbgPrint/start', {});
    assert.equal(answer.available, false);
    assert.match(answer.reason ?? '', /not told of a log/);
    await other.close();
  });
});
