/**
 * The ssh target with its agent: installed once, started per client, reached through the tunnel, and gone afterwards,
 * also when the link or a process is not there any more to say goodbye.
 */
import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { greetAndWrap } from '../../target/agent-connection.js';
import { SshConnection } from '../../target/ssh/connection.js';
import { SshTarget } from '../../target/ssh/target.js';
import { agentBundle, sshMachine, TestOperation } from './fixture.js';
import type { SshMachine } from './machines/ssh-machine.js';

const FOLDER = 'C:\\session-test';

describe('the agent on the ssh target', function () {
  this.timeout(60_000);
  let machine: SshMachine;
  let target: SshTarget;

  before('a machine with our folder', async function () {
    this.timeout(180_000);
    await agentBundle();
    machine = await sshMachine();
    target = new SshTarget({ ...machine.settings, folder: FOLDER });
    await target.start(new TestOperation());
  });

  after('nothing is left on the machine', async () => {
    await target.reset(new TestOperation());
    assert.ok(!existsSync(machine.hostPath(FOLDER)));
    assert.equal((await target.health(new TestOperation())).state, 'missing');
  });

  const sessions = (): Promise<string[]> => readdir(machine.hostPath(`${FOLDER}\\agent\\sessions`));

  async function portOfOnlySession(): Promise<{ port: number; processId: number }> {
    const [name = ''] = await sessions();
    const text = await readFile(machine.hostPath(`${FOLDER}\\agent\\sessions\\${name}\\port.json`), 'utf8');
    return JSON.parse(text) as { port: number; processId: number };
  }

  async function withClient(work: (client: AgentClient) => Promise<void>): Promise<void> {
    const client = await target.connect(new TestOperation());
    try {
      await work(client);
    } finally {
      await client.close();
    }
  }

  it('is installed once, with its versions recorded', async () => {
    const again = new TestOperation();
    await target.start(again);
    assert.deepEqual(
      again.said.filter((message) => message.includes('Copying')),
      [],
    );
    const [runtime = '', ...more] = (await readdir(machine.hostPath(`${FOLDER}\\agent`))).filter((name) =>
      name.startsWith('runtime-'),
    );
    assert.deepEqual(more, []);
    const versions = await readFile(machine.hostPath(`${FOLDER}\\agent\\${runtime}\\versions.json`), 'utf8');
    assert.match(versions, /"node":"22\..*"koffi":"3\./);
  });

  it('answers through the tunnel, listens on loopback alone, and leaves no token lying about', async () => {
    await withClient(async (client) => {
      const info = await client.request('agent/info', {});
      assert.equal(info.sessionId >= 0, true);
      const [name = '', ...more] = await sessions();
      assert.deepEqual(more, []);
      const folder = machine.hostPath(`${FOLDER}\\agent\\sessions\\${name}`);
      assert.ok(!(await readdir(folder)).includes('token'));
      const { port, processId } = await portOfOnlySession();
      assert.equal(processId, info.processId);
      assert.deepEqual(await listenersOf(port), ['127.0.0.1']);
    });
    assert.deepEqual(await sessions(), []);
  });

  it('writes its token to a file that only its owner can read', async () => {
    const operation = new TestOperation();
    let mode: number | undefined;
    const connecting = target.connect(operation);
    // The agent takes about a second to start, and reads it only then.
    for (let tries = 0; mode === undefined && tries < 600; tries++) {
      for (const name of await sessions()) {
        const token = machine.hostPath(`${FOLDER}\\agent\\sessions\\${name}\\token`);
        mode = (await stat(token).catch(() => undefined))?.mode;
      }
      if (mode === undefined) await delay(5);
    }
    await (await connecting).close();
    assert.equal((mode ?? 0) & 0o777, 0o600);
  });

  it('refuses a wrong token, and its client does not notice', async () => {
    await withClient(async (client) => {
      const { port } = await portOfOnlySession();
      const connection = await SshConnection.open(machine.settings);
      try {
        const refusal = async (token: Uint8Array): Promise<string> => {
          const tunnel = await connection.openTunnel(port);
          try {
            const second = await greetAndWrap(tunnel, { target: 'ssh', token, signal: new TestOperation().signal });
            await second.close();
            return 'let in';
          } catch (error) {
            assert.ok(error instanceof EventscopeError, String(error));
            return error.id;
          }
        };
        assert.equal(await refusal(new Uint8Array(32)), 'agent.token');
        // The first client did not notice.
        await client.request('agent/info', {});
      } finally {
        await connection.close();
      }
    });
  });

  it('ends with a cut link: what waits fails with the reason, and what it had started is ended', async () => {
    const client = await target.connect(new TestOperation());
    const { process: sleeper } = await client.request('process/start', {
      program: 'C:\\windows\\system32\\ping.exe',
      arguments: ['-n', '120', '127.0.0.1'],
      endWithAgent: true,
    });
    const waiting = client.request('device/control', {
      device: '\\\\.\\EventscopeNobody',
      code: 0,
      input: new Uint8Array(),
      outputBytes: 0,
      timeoutMs: 20_000,
    });
    waiting.catch(() => undefined);
    machine.link.cut();
    machine.link.mend();
    const closed = await client.closed;
    assert.ok(closed instanceof EventscopeError);
    assert.equal(closed.id, 'agent.lost');
    assert.match(closed.message, /127\.0\.0\.1:\d+ was lost/);
    await assert.rejects(client.request('agent/info', {}), (error: EventscopeError) => error.id === 'agent.lost');

    await withClient(async (next) => {
      for (let tries = 0; ; tries++) {
        const { processes } = await next.request('process/list', {});
        if (!processes.some(({ process }) => process === sleeper)) break;
        assert.ok(tries < 100, 'the process that the lost agent had started still runs');
        await delay(100);
      }
    });
    // The next connection, at the latest, removes the folder of the one that could not.
    await (await target.connect(new TestOperation())).close();
    assert.deepEqual(await sessions(), []);
  });

  it('that is killed ends its client with a reason; the next one is a new one', async () => {
    const client = await target.connect(new TestOperation());
    const { processId } = await client.request('agent/info', {});
    await withClient(async (other) => {
      await other.request('process/end', { process: processId, exitCode: 9 });
    });
    const closed = await client.closed;
    assert.ok(closed instanceof EventscopeError);
    assert.equal(closed.id, 'agent.lost');
    await withClient(async (next) => {
      assert.notEqual((await next.request('agent/info', {})).processId, processId);
    });
    assert.deepEqual(await sessions(), []);
  });

  it('is not left behind by a cancel while it starts', async () => {
    const operation = new TestOperation();
    operation.onProgress = (message) => {
      if (message.startsWith('Starting the agent')) setTimeout(() => operation.cancel(), 300);
    };
    await assert.rejects(target.connect(operation), CancelledError);
    assert.deepEqual(await sessions(), []);
  });

  it("is ended by another client's stop", async () => {
    const client = await target.connect(new TestOperation());
    await target.stop(new TestOperation());
    assert.ok((await client.closed) instanceof EventscopeError);
    // The machine and our folder stay.
    assert.equal((await target.health(new TestOperation())).state, 'running');
  });

  it("streams the kernel's debug output, without what else is in the log", async () => {
    await withClient(async (client) => {
      const stream = await target.dbgPrint(client, new TestOperation());
      const log = join(machine.folder, 'dbgprint.log');
      const before = Date.now();
      await appendFile(
        log,
        [
          '0138:warn:debugstr:vDbgPrintExWithPrefix 0000004d:00000003: eventsys: n=1 what=start',
          '0024:fixme:kernelbase:AppPolicyGetThreadInitializationType 00000000FFFFFFFA',
          '0138:warn:debugstr:vDbgPrintExWithPrefix 0000004d:00000003: eventsys: n=2 what=stop',
          '',
        ].join('\n'),
      );
      const lines = [];
      for await (const line of stream.lines) {
        lines.push(line);
        if (lines.length === 2) await stream.stop();
      }
      assert.deepEqual(
        lines.map(({ text }) => text),
        ['eventsys: n=1 what=start', 'eventsys: n=2 what=stop'],
      );
      for (const { utcMs } of lines) assert.ok(Math.abs(utcMs - before) < 60_000, String(utcMs));
    });
  });

  it('says why there is no debug output on a machine that does not write it to a file', async () => {
    const { dbgPrintLog, ...settings } = { ...machine.settings, folder: FOLDER };
    assert.ok(dbgPrintLog !== undefined);
    const without = new SshTarget(settings);
    const client = await without.connect(new TestOperation());
    try {
      await assert.rejects(without.dbgPrint(client, new TestOperation()), (error: EventscopeError) => {
        assert.equal(error.id, 'dbgPrint.unavailable');
        return error.why !== undefined && error.next?.includes('dbgPrintLog') === true;
      });
    } finally {
      await client.close();
    }
  });
});

/** Local IPv4 and IPv6 addresses on which the host listens at a port (Wine's sockets are the host's). */
async function listenersOf(port: number): Promise<string[]> {
  const found: string[] = [];
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state] = line.trim().split(/\s+/);
      const [address = '', hexPort = ''] = local.split(':');
      if (state !== '0A' || parseInt(hexPort, 16) !== port) continue;
      found.push(address === '0100007F' ? '127.0.0.1' : address);
    }
  }
  return found;
}
