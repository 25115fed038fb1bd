import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { AgentConnection } from './agent-connection.js';
import { AgentRequestError, ConnectionLostError, RequestTimeoutError } from './agent-errors.js';
import { AgentWireError, encodeControl } from './agent-codec.js';
import { BulkKind, type BulkHead } from './agent-wire.js';
import { CancelledError } from './errors.js';
import { TestSockets } from './test-sockets.js';

interface Pair {
  readonly client: AgentConnection;
  readonly agent: AgentConnection;
  readonly clientSocket: Socket;
  readonly agentSocket: Socket;
}

describe('agent connection', () => {
  let sockets: TestSockets;

  async function pair(prepare: (agent: AgentConnection) => void): Promise<Pair> {
    const [clientSocket, agentSocket] = await sockets.pair();
    const client = new AgentConnection(clientSocket);
    const agent = new AgentConnection(agentSocket);
    prepare(agent);
    client.listen();
    agent.listen();
    return { client, agent, clientSocket, agentSocket };
  }

  before(async () => {
    sockets = await TestSockets.listen();
  });
  afterEach(() => sockets.destroyPairs());
  after(() => sockets.close());

  it('carries a request with bytes and 64-bit integers, and its answer', async () => {
    const { client } = await pair((agent) =>
      agent.handle('file/read', (params) =>
        Promise.resolve({ data: new TextEncoder().encode(`${params.path}:${params.offset}:${params.length}`) }),
      ),
    );
    const { data } = await client.request('file/read', { path: 'C:\\ä', offset: 2n ** 60n, length: 7 });
    assert.equal(Buffer.from(data).toString(), `C:\\ä:${2n ** 60n}:7`);
  });

  it('refuses wrong parameters and wrong answers, and goes on', async () => {
    const { client } = await pair((agent) => {
      agent.handle('service/delete', () => Promise.resolve({ more: 1 } as unknown as Record<string, never>));
      agent.handle('file/makeFolder', () => Promise.resolve({}));
    });
    await assert.rejects(client.request('file/makeFolder', { path: 5 as unknown as string }), /file\/makeFolder: path/);
    await assert.rejects(client.request('service/delete', { name: 'x' }), /answer to service\/delete is wrong/);
    assert.deepEqual(await client.request('file/makeFolder', { path: 'C:\\x' }), {});
  });

  it('checks parameters at the agent too', async () => {
    const { client, clientSocket } = await pair((agent) => {
      agent.handle('file/makeFolder', () => assert.fail());
      agent.handle('agent/info', () => new Promise(() => {}));
    });
    const answer = client.request('agent/info', {});
    clientSocket.write(
      encodeControl({ jsonrpc: '2.0', id: 0, method: 'file/makeFolder', params: { path: 1 } } as never),
    );
    // The hand-made request has the id of the client's own, so that its refusal is what comes back.
    await assert.rejects(answer, /file\/makeFolder: path/);
  });

  it('carries an error with the Windows call and code', async () => {
    const data = { call: 'StartServiceW', code: 577, space: 'win32' as const };
    const { client } = await pair((agent) =>
      agent.handle('service/delete', () => Promise.reject(new AgentRequestError('service/delete', 'No', data))),
    );
    await assert.rejects(client.request('service/delete', { name: 'x' }), (error) => {
      assert.ok(error instanceof AgentRequestError);
      assert.deepEqual(error.data, data);
      return true;
    });
  });

  it('cancels at the other end, on abort and on time-out', async () => {
    const cancelled: string[] = [];
    const { client } = await pair((agent) =>
      agent.handle('service/start', async ({ name }, signal) => {
        await once(signal, 'abort');
        cancelled.push(name);
        throw new CancelledError();
      }),
    );
    const controller = new AbortController();
    const first = client.request('service/start', { name: 'a', timeoutMs: 1 }, { signal: controller.signal });
    const second = client.request('service/start', { name: 'b', timeoutMs: 1 }, { timeoutMs: 30 });
    await assert.rejects(second, RequestTimeoutError);
    controller.abort();
    await assert.rejects(first, CancelledError);
    while (cancelled.length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.deepEqual(cancelled.sort(), ['a', 'b']);
  });

  it('rejects what waits when the other end goes, saying why', async () => {
    const { client, agentSocket } = await pair((agent) => agent.handle('agent/info', () => new Promise(() => {})));
    const answer = client.request('agent/info', {});
    setTimeout(() => {
      agentSocket.write(new Uint8Array([1, 0, 0]));
      agentSocket.end();
    }, 10);
    await assert.rejects(answer, ConnectionLostError);
    const reason = await client.closed;
    assert.ok(reason instanceof AgentWireError && reason.reason === 'cut');
    await assert.rejects(client.request('agent/info', {}), ConnectionLostError);
  });

  const pending = (agent: AgentConnection): void => agent.handle('service/list', () => new Promise(() => {}));

  it('ends the connection on an oversized frame in the middle of a session, and what waits learns why', async () => {
    const { client, agentSocket } = await pair(pending);
    const waiting = client.request('service/list', { drivers: true });
    agentSocket.write(new Uint8Array([0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0]));
    const reason = await client.closed;
    assert.ok(reason instanceof AgentWireError && reason.reason === 'oversized');
    await assert.rejects(
      waiting,
      (error) => error instanceof ConnectionLostError && error.message.endsWith(reason.message),
    );
    await assert.rejects(client.request('agent/shutdown', {}), ConnectionLostError);
  });

  it('tells a session that was cut inside a frame from one that ended', async () => {
    const { client, agentSocket } = await pair(pending);
    const waiting = client.request('service/list', { drivers: true });
    const frame = encodeControl({ jsonrpc: '2.0', method: 'process/exited', params: {} } as never);
    agentSocket.end(frame.subarray(0, frame.length - 1));
    const reason = await client.closed;
    assert.ok(reason instanceof AgentWireError && reason.reason === 'cut', String(reason));
    await assert.rejects(waiting, (error) => error instanceof ConnectionLostError && error.cause === reason);
  });

  it('hands bulk frames to the listener between control frames, and closes in order', async () => {
    const seen: [BulkHead, string][] = [];
    const notes: number[] = [];
    const { client, agent } = await pair(() => {});
    client.onBulk((head, data) => seen.push([head, Buffer.from(data).toString()]));
    client.onNotification('process/exited', ({ exitCode }) => notes.push(exitCode));
    const head = { stream: 3, kind: BulkKind.FileBytes, source: 2, sequence: 1n, count: 5n, lost: 0n, first: 9n };
    await agent.sendBulk(head, Buffer.from('hello'));
    await agent.notify('process/exited', { process: 1, exitCode: 42 });
    await agent.sendBulk({ ...head, sequence: 2n }, new Uint8Array(0));
    await agent.close();
    assert.equal(await client.closed, undefined);
    assert.deepEqual(seen, [
      [head, 'hello'],
      [{ ...head, sequence: 2n }, ''],
    ]);
    assert.deepEqual(notes, [42]);
  });
});
