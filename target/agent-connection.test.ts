import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { encodeGreetingAnswer } from '../protocol/agent-codec.js';
import { AgentConnection } from '../protocol/agent-connection.js';
import { AgentRequestError } from '../protocol/agent-errors.js';
import { readExactly } from '../protocol/agent-greeting.js';
import { BulkKind, GREETING_BYTES, GreetingStatus, TOKEN_BYTES } from '../protocol/agent-wire.js';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import { connectToAgent, CREDIT_WINDOW_BYTES, type SignsOfLife } from './agent-connection.js';

/** An agent's end of the connection that answers as a test says: what an agent does is shown by the integration tests. */
describe('agent client', () => {
  const token = new Uint8Array(TOKEN_BYTES).fill(7);
  let server: Server;
  let answer: GreetingStatus;
  let prepare: (agent: AgentConnection) => void;
  let agentSocket: Socket | undefined;
  let agent: AgentConnection;
  let granted: { stream: number; bytes: number }[];
  const clients: AgentClient[] = [];

  beforeEach(async () => {
    answer = GreetingStatus.Welcome;
    prepare = () => undefined;
    granted = [];
    server = createServer((socket) => void accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    agentSocket?.destroy();
    server.close();
  });

  async function accept(socket: Socket): Promise<void> {
    agentSocket = socket;
    await readExactly(socket, GREETING_BYTES, 5_000);
    socket.write(encodeGreetingAnswer(answer));
    if (answer !== GreetingStatus.Welcome) {
      socket.end();
      return;
    }
    agent = new AgentConnection(socket);
    agent.handle('stream/credit', (params) => {
      granted.push(params);
      return Promise.resolve({});
    });
    agent.handle('agent/shutdown', () => Promise.resolve({}));
    prepare(agent);
    agent.listen();
  }

  async function connect(
    onClosed?: () => Promise<void>,
    signsOfLife?: SignsOfLife,
    processEnded?: Promise<unknown>,
  ): Promise<AgentClient> {
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const client = await connectToAgent(address.port, {
      target: 'wine',
      token,
      signal: new AbortController().signal,
      ...(onClosed === undefined ? {} : { onClosed }),
      ...(signsOfLife === undefined ? {} : { signsOfLife }),
      ...(processEnded === undefined ? {} : { processEnded }),
    });
    clients.push(client);
    return client;
  }
  async function failure(work: Promise<unknown>): Promise<EventscopeError> {
    const error: unknown = await work.then(
      () => assert.fail('must fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof EventscopeError, String(error));
    return error;
  }

  const refusals: [GreetingStatus, string][] = [
    [GreetingStatus.WrongToken, 'agent.token'],
    [GreetingStatus.WrongVersion, 'agent.version'],
    [GreetingStatus.Busy, 'agent.busy'],
  ];
  for (const [status, id] of refusals) {
    it(`tells ${GreetingStatus[status]} as ${id}`, async () => {
      answer = status;
      assert.equal((await failure(connect())).id, id);
    });
  }

  it('tells a port where nobody listens', async () => {
    server.close();
    await once(server, 'close');
    const work = connectToAgent(1, { target: 'wine', token, signal: new AbortController().signal });
    assert.equal((await failure(work)).id, 'agent.unreachable');
  });

  it('tells a failed call by its Windows name, with the code in data', async () => {
    prepare = (end) =>
      end.handle('service/delete', () =>
        Promise.reject(
          new AgentRequestError('service/delete', 'OpenServiceW of x failed', {
            call: 'OpenServiceW',
            code: 1060,
            space: 'win32',
          }),
        ),
      );
    const client = await connect();
    const error = await failure(client.request('service/delete', { name: 'x' }));
    assert.equal(error.id, 'agent.request');
    assert.match(error.why ?? '', /ERROR_SERVICE_DOES_NOT_EXIST \(1060\)/);
    assert.deepEqual(error.data, { request: 'service/delete', call: 'OpenServiceW', code: 1060, space: 'win32' });
  });

  it('bounds a request in time, and cancels it at the agent', async () => {
    let cancelled = 0;
    prepare = (end) =>
      end.handle('service/stop', async (_params, signal) => {
        await once(signal, 'abort');
        cancelled += 1;
        throw new CancelledError();
      });
    const client = await connect();
    const params = { name: 'x', timeoutMs: 1 };
    assert.equal((await failure(client.request('service/stop', params, { timeoutMs: 30 }))).id, 'agent.timeout');
    const controller = new AbortController();
    const work = client.request('service/stop', params, { signal: controller.signal });
    controller.abort();
    await assert.rejects(work, CancelledError);
    // The connection is in order: what was sent before this close was read before it.
    await client.close();
    assert.equal(cancelled >= 1, true);
  });

  it('rejects what waits when the agent goes away, and says so in closed', async () => {
    let ended = false;
    prepare = (end) => end.handle('service/query', () => new Promise(() => agentSocket?.destroy()));
    const client = await connect(() => {
      ended = true;
      return Promise.resolve();
    });
    assert.equal((await failure(client.request('service/query', { name: 'x' }))).id, 'agent.lost');
    const reason = await client.closed;
    assert.ok(reason instanceof EventscopeError);
    assert.equal(reason.id, 'agent.lost');
    assert.equal(ended, true);
  });

  it('calls an agent lost that hangs with its connection open', async () => {
    prepare = (end) => {
      end.handle('agent/info', () => new Promise(() => undefined));
      end.handle('service/query', () => new Promise(() => undefined));
    };
    const client = await connect(undefined, { everyMs: 5, timeoutMs: 20 });
    const error = await failure(client.request('service/query', { name: 'x' }));
    assert.equal(error.id, 'agent.lost');
    assert.match(error.why ?? '', /no sign of life for 0\.02 s/);
    assert.ok((await client.closed) instanceof EventscopeError);
  });

  it('takes no silence for a loss while the machine is held, and does again afterwards', async () => {
    const asked: string[] = [];
    prepare = (end) => {
      end.handle('agent/info', () => {
        asked.push('agent/info');
        return new Promise(() => undefined);
      });
      // Answers after many times the limit that the watch has.
      end.handle('service/query', () => new Promise((resolve) => setTimeout(() => resolve({}), 200)));
    };
    const client = await connect(undefined, { everyMs: 5, timeoutMs: 20 });
    const end = client.expectSilence();
    assert.deepEqual(await client.request('service/query', { name: 'x' }), {});
    assert.deepEqual(asked, []);
    end();
    assert.ok((await client.closed) instanceof EventscopeError);
    assert.ok(asked.length > 0);
  });

  it('calls an agent lost whose process is gone and whose connection stays open', async () => {
    let processEnds: (() => void) | undefined;
    prepare = (end) => end.handle('service/query', () => new Promise(() => processEnds?.()));
    const client = await connect(undefined, undefined, new Promise<void>((resolve) => (processEnds = resolve)));
    const error = await failure(client.request('service/query', { name: 'x' }));
    assert.equal(error.id, 'agent.lost');
    assert.match(error.why ?? '', /: the agent ended$/);
    assert.ok((await client.closed) instanceof EventscopeError);
  });

  it('closes without a reason when it was asked to', async () => {
    const client = await connect();
    await client.close();
    assert.equal(await client.closed, undefined);
  });

  it('hands notifications to every listener until each is ended', async () => {
    const client = await connect();
    const heard: string[] = [];
    const end = client.onNotification('agent/notice', ({ message }) => heard.push(`a ${message}`));
    const both = new Promise<void>((resolve) => {
      client.onNotification('agent/notice', ({ message }) => {
        heard.push(`b ${message}`);
        if (message === 'two') resolve();
      });
    });
    await agent.notify('agent/notice', { level: 'info', message: 'one' });
    while (heard.length < 2) await new Promise((resolve) => setImmediate(resolve));
    end();
    await agent.notify('agent/notice', { level: 'info', message: 'two' });
    await both;
    assert.deepEqual(heard, ['a one', 'b one', 'b two']);
  });

  it('grants a window for a stream and gives back what was taken, never more', async () => {
    const client = await connect();
    let taken = 0;
    const opened = client.openStream((_head, data) => (taken += data.length));
    const { stream } = opened;
    const data = new Uint8Array(1024 * 1024);
    const total = 40;
    for (let sequence = 0; sequence < total; sequence++) {
      const head = {
        stream,
        kind: BulkKind.FileBytes,
        source: 0,
        sequence: BigInt(sequence),
        count: 1n,
        lost: 0n,
        first: 0n,
      };
      await agent.sendBulk(head, data);
    }
    while (taken < total * data.length) await new Promise((resolve) => setImmediate(resolve));
    // An answered request comes behind the grants before it.
    prepare = () => undefined;
    agent.handle('service/query', () => Promise.resolve({}));
    await client.request('service/query', { name: 'x' });
    const bytes = granted.reduce((sum, grant) => sum + grant.bytes, 0);
    assert.equal(granted[0]?.bytes, CREDIT_WINDOW_BYTES);
    assert.ok(bytes > CREDIT_WINDOW_BYTES + (total - 5) * data.length, String(bytes));
    assert.ok(bytes <= CREDIT_WINDOW_BYTES + total * (data.length + 48), String(bytes));
    opened.close();
  });
});
