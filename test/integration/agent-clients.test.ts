/** Who gets in at an agent, and what ends a session, over the channel that each target has: loopback, and SSH's tunnel. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { encodeControl } from '../../protocol/agent-codec.js';
import { AgentConnection } from '../../protocol/agent-connection.js';
import { greetAgent } from '../../protocol/agent-greeting.js';
import { TOKEN_BYTES } from '../../protocol/agent-wire.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { greetAndWrap } from '../../target/agent-connection.js';
import { findInstallation } from '../../target/installation.js';
import { SshConnection } from '../../target/ssh/connection.js';
import { agentBundle, MACHINE_NAMES, sshMachine, startedTarget, TestOperation, type MachineName } from './fixture.js';

const FOLDER = 'C:\\eventscope-second-agent';
/** Both machines have this host's files there. */
const onTarget = (hostPath: string): string => `Z:${hostPath.replaceAll('/', '\\')}`;

/** An agent on the target whose token the test knows, and a way to its port. */
interface OpenAgent {
  readonly process: number;
  readonly token: Uint8Array;
  /** Windows path. */
  readonly log: string;
  channel(): Promise<Duplex>;
}

async function startOpenAgent(client: AgentClient, open: (port: number) => Promise<Duplex>): Promise<OpenAgent> {
  const { nodeProgram, agentBundle: bundle, nodeModules } = await findInstallation();
  const token = randomBytes(TOKEN_BYTES);
  const portFile = `${FOLDER}\\port-${randomBytes(4).toString('hex')}.json`;
  await client.request('file/makeFolder', { path: FOLDER });
  const { process } = await client.request('process/start', {
    program: onTarget(nodeProgram),
    arguments: [onTarget(bundle), '--port-file', portFile, '--log', `${portFile}.log`],
    environment: { NODE_PATH: onTarget(nodeModules), EVENTSCOPE_AGENT_TOKEN: token.toString('hex') },
    endWithAgent: true,
  });
  await eventually(async () => (await client.request('file/stat', { path: portFile })).entry !== undefined);
  const { data } = await client.request('file/read', { path: portFile, offset: 0n, length: 1_000 });
  const { port } = JSON.parse(Buffer.from(data).toString('utf8')) as { port: number };
  return { process, token, log: `${portFile}.log`, channel: () => open(port) };
}

/** The test's own time-out ends it. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((next) => setTimeout(next, 50));
}

for (const machine of MACHINE_NAMES) {
  describe(`clients of an agent on ${machine}`, function () {
    this.timeout(60_000);
    let client: AgentClient;
    let tunnels: SshConnection | undefined;
    let agent: OpenAgent;

    before('a target and a client of it', async function () {
      this.timeout(300_000);
      await agentBundle();
      client = await (await startedTarget(machine)).connect(new TestOperation());
      if (machine === 'ssh') tunnels = await SshConnection.open((await sshMachine()).settings);
    });
    beforeEach(async () => {
      agent = await startOpenAgent(client, (port) => openChannel(machine, port));
    });
    afterEach(() => client.request('process/end', { process: agent.process, exitCode: 0 }).catch(() => undefined));
    after(async () => {
      await client.request('file/remove', { path: FOLDER });
      await tunnels?.close();
      await client.close();
    });

    async function openChannel(name: MachineName, port: number): Promise<Duplex> {
      if (name === 'ssh') {
        assert.ok(tunnels !== undefined);
        return tunnels.openTunnel(port);
      }
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }

    async function enter(token: Uint8Array): Promise<AgentClient> {
      const signal = new TestOperation().signal;
      return greetAndWrap(await agent.channel(), { target: machine, token, signal });
    }

    const refusal = (id: string) => (error: unknown) => {
      assert.ok(error instanceof EventscopeError, String(error));
      assert.deepEqual([error.id, error.target], [id, machine]);
      return true;
    };

    async function names(): Promise<Map<number, string>> {
      const { processes } = await client.request('process/list', {});
      return new Map(processes.map(({ process, name }) => [process, name.toLowerCase()]));
    }

    it('a wrong token is refused, so is a second client, and the first one does not notice', async () => {
      const wrong = Uint8Array.from(agent.token);
      wrong[0] = (wrong[0] ?? 0) ^ 0x80;
      await assert.rejects(enter(wrong), refusal('agent.token'));
      const first = await enter(agent.token);
      await assert.rejects(enter(agent.token), refusal('agent.busy'));
      await assert.rejects(enter(wrong), refusal('agent.token'));
      assert.equal((await first.request('agent/info', {})).processId, agent.process);
      await first.close();
    });

    const request = encodeControl({ jsonrpc: '2.0', id: 9, method: 'agent/info', params: {} } as never);
    for (const { what, said, send } of [
      {
        what: 'an oversized frame',
        said: /client gone: .*2147483647/,
        // The channel stays open: it is the agent that hangs up.
        send: (channel: Duplex) => channel.write(Buffer.from([0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0])),
      },
      {
        what: 'a frame that is cut',
        said: /client gone: .*ended inside a frame/,
        send: (channel: Duplex) => channel.end(request.subarray(0, -3)),
      },
    ]) {
      it(`${what} in the middle of a session ends it, with what it had started`, async () => {
        const channel = await agent.channel();
        await greetAgent(channel, agent.token);
        const session = new AgentConnection(channel);
        session.listen();
        const { process: sleeper } = await session.request('process/start', {
          program: 'C:\\windows\\system32\\ping.exe',
          arguments: ['-n', '120', '127.0.0.1'],
          endWithAgent: true,
        });
        assert.equal((await names()).get(sleeper), 'ping.exe');
        send(channel);
        await session.closed;
        await eventually(async () => {
          const running = await names();
          return running.get(agent.process) !== 'node.exe' && running.get(sleeper) !== 'ping.exe';
        });
        const { data } = await client.request('file/read', { path: agent.log, offset: 0n, length: 10_000 });
        assert.match(Buffer.from(data).toString('utf8'), said);
      });
    }
  });
}
