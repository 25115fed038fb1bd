/** Whom the agent lets in, and what it leaves behind when its client or itself goes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { greetAgent, GreetingRefusedError } from '../../protocol/agent-greeting.js';
import { encodeControl, encodeGreeting } from '../../protocol/agent-codec.js';
import { GreetingStatus, TOKEN_BYTES } from '../../protocol/agent-wire.js';
import { EventscopeError } from '../../protocol/errors.js';
import {
  agentMachine,
  eventually,
  processNames,
  startAgent,
  startProbe,
  type RunningAgent,
} from './agent/agent-machine.js';

/** Everything the agent sends until it hangs up. */
async function untilClosed(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  socket.on('data', (data: Buffer) => pieces.push(data));
  if (!socket.destroyed) await once(socket, 'close');
  return Buffer.concat(pieces);
}

async function greeted(agent: RunningAgent): Promise<Socket> {
  const socket = await agent.socket();
  await greetAgent(socket, agent.token);
  return socket;
}

describe('the agent lets one client in', function () {
  this.timeout(120_000);
  before(agentMachine);

  it('takes its token from a file, which is gone then', async () => {
    const machine = await agentMachine();
    const tokenFile = join(machine.folder, 'token.txt');
    const token = Buffer.alloc(TOKEN_BYTES, 0x5a);
    await writeFile(tokenFile, `${token.toString('hex')}\n`);
    const agent = await startAgent({ tokenFile });
    assert.ok(!existsSync(tokenFile));
    const socket = await agent.socket();
    await greetAgent(socket, token);
    socket.destroy();
    assert.equal(await agent.ended, 0);
  });

  it('refuses a wrong token, a wrong version and a second client, and serves the first', async () => {
    const agent = await startAgent();
    const wrong = Uint8Array.from(agent.token);
    wrong[31] = (wrong[31] ?? 0) ^ 1;
    await assert.rejects(
      greetAgent(await agent.socket(), wrong),
      (error) => error instanceof GreetingRefusedError && error.status === (GreetingStatus.WrongToken as number),
    );
    const other = await agent.socket();
    other.write(encodeGreeting(agent.token, 99));
    const answer = await untilClosed(other);
    assert.equal(answer.readUInt32LE(8), GreetingStatus.WrongVersion);
    const client = await agent.connect();
    await assert.rejects(agent.connect(), (error) => error instanceof EventscopeError && error.id === 'agent.busy');
    // A wrong token learns not even that.
    await assert.rejects(
      greetAgent(await agent.socket(), wrong),
      (error) => error instanceof GreetingRefusedError && error.status === (GreetingStatus.WrongToken as number),
    );
    assert.equal((await client.request('agent/info', {})).processId, agent.processId);
    await client.close();
    assert.equal(await agent.ended, 0);
    assert.ok(!existsSync(agent.portFile));
  });

  it('cuts off who does not greet, or greets with something else, and waits on', async () => {
    const agent = await startAgent();
    const silent = await agent.socket();
    const stranger = await agent.socket();
    stranger.write('GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: somebody\r\n\r\n');
    assert.equal((await untilClosed(stranger)).length, 0);
    const short = await agent.socket();
    short.end(encodeGreeting(agent.token).subarray(0, 39));
    assert.equal((await untilClosed(short)).length, 0);
    assert.equal((await untilClosed(silent)).length, 0);
    const client = await agent.connect();
    await client.close();
  });

  it('has the privileges that drivers ask for enabled', async () => {
    const agent = await startAgent();
    const client = await agent.connect();
    const { privileges } = await client.request('agent/info', {});
    assert.deepEqual(privileges, [
      { name: 'SeDebugPrivilege', enabled: true },
      { name: 'SeLoadDriverPrivilege', enabled: true },
    ]);
    await client.close();
  });

  it('ends by itself when no client is let in within its limit, whoever knocks meanwhile', async () => {
    const agent = await startAgent({ arguments: ['--client-timeout', '1'] });
    const wrong = new Uint8Array(TOKEN_BYTES);
    // Refused, or not there any more on a slow day.
    await assert.rejects(async () => greetAgent(await agent.socket(), wrong));
    assert.equal(await agent.ended, 0);
    assert.ok(!existsSync(agent.portFile));
    assert.match(await readFile(agent.log, 'utf8'), /no client came/);
  });

  it('never writes the token to its log', async () => {
    const agent = await startAgent();
    await assert.rejects(greetAgent(await agent.socket(), new Uint8Array(TOKEN_BYTES)));
    const client = await agent.connect();
    await client.close();
    const log = await readFile(agent.log, 'utf8');
    assert.match(log, /WrongToken/);
    assert.ok(!log.includes(Buffer.from(agent.token).toString('hex')));
  });

  for (const [what, bytes] of [
    ['an oversized frame', Buffer.from([0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0])],
    ['a frame of an unknown type', Buffer.from([1, 0, 0, 0, 9, 0, 0, 0, 0])],
    ['what is no MessagePack', Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0xc1])],
  ] as const) {
    it(`hangs up on ${what}, and ends`, async () => {
      const agent = await startAgent();
      const socket = await greeted(agent);
      socket.write(bytes);
      await untilClosed(socket);
      assert.equal(await agent.ended, 0);
    });
  }

  it('ends when the link is cut inside a frame', async () => {
    const agent = await startAgent();
    const socket = await greeted(agent);
    const frame = encodeControl({ jsonrpc: '2.0', id: 1, method: 'agent/info', params: {} } as never);
    socket.end(frame.subarray(0, frame.length - 3));
    assert.equal(await agent.ended, 0);
    assert.match(await readFile(agent.log, 'utf8'), /ended inside a frame/);
  });
});

describe('what the agent started ends with it', function () {
  this.timeout(120_000);
  before(agentMachine);

  async function startFamily(agent: RunningAgent): Promise<{ socket: () => void; pids: number[]; free: number }> {
    const client = await agent.connect();
    const parent = await startProbe(client, ['parent']);
    const child = Number((await parent.says(/child (\d+)/))[1]);
    const free = await startProbe(client, ['wait'], { endWithAgent: false });
    const names = await processNames(client);
    for (const pid of [parent.process, child, free.process]) assert.equal(names.get(pid), 'agent_probe.exe');
    return { socket: () => void client.close(), pids: [parent.process, child], free: free.process };
  }

  async function assertGone(pids: readonly number[], free: number): Promise<void> {
    const observer = await startAgent();
    const client = await observer.connect();
    await eventually(async () => {
      const names = await processNames(client);
      return pids.every((pid) => names.get(pid) !== 'agent_probe.exe');
    });
    // What was not to end with the agent runs on, until somebody ends it.
    assert.equal((await processNames(client)).get(free), 'agent_probe.exe');
    await client.request('process/end', { process: free, exitCode: 0 });
    await client.close();
  }

  it('after shutdown', async () => {
    const agent = await startAgent();
    const { socket, pids, free } = await startFamily(agent);
    socket();
    assert.equal(await agent.ended, 0);
    await assertGone(pids, free);
  });

  it('when the agent is killed', async () => {
    const agent = await startAgent();
    const { pids, free } = await startFamily(agent);
    agent.child.kill('SIGKILL');
    await agent.ended;
    await assertGone(pids, free);
  });

  it('tells its client that it is gone', async () => {
    const agent = await startAgent();
    const client = await agent.connect();
    const pending = client.request('service/list', { drivers: true });
    agent.child.kill('SIGKILL');
    await assert.rejects(pending, (error) => error instanceof EventscopeError && error.id === 'agent.lost');
    assert.ok((await client.closed) instanceof EventscopeError);
  });
});
