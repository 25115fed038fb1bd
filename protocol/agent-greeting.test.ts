import assert from 'node:assert/strict';

import { decodeGreeting, encodeGreetingAnswer } from './agent-codec.js';
import { RequestTimeoutError } from './agent-errors.js';
import { greetAgent, GreetingRefusedError, readExactly } from './agent-greeting.js';
import { GREETING_BYTES, GreetingStatus, TOKEN_BYTES } from './agent-wire.js';
import { CancelledError } from './errors.js';
import { TestSockets } from './test-sockets.js';

describe('agent greeting', () => {
  let sockets: TestSockets;

  before(async () => {
    sockets = await TestSockets.listen();
  });
  afterEach(() => sockets.destroyPairs());
  after(() => sockets.close());

  it('greets, and tells each refusal apart', async () => {
    const token = new Uint8Array(TOKEN_BYTES).fill(5);
    for (const status of [GreetingStatus.Welcome, GreetingStatus.WrongToken, GreetingStatus.Busy]) {
      const [mine, theirs] = await sockets.pair();
      const greeted = greetAgent(mine, token);
      const bytes = await readExactly(theirs, GREETING_BYTES, 1_000);
      assert.ok(bytes !== undefined);
      assert.deepEqual(new Uint8Array(decodeGreeting(bytes)?.token ?? []), token);
      theirs.write(encodeGreetingAnswer(status));
      if (status === GreetingStatus.Welcome) {
        await greeted;
      } else {
        await assert.rejects(greeted, (error) => error instanceof GreetingRefusedError && error.status === status);
      }
    }
    const [mine, theirs] = await sockets.pair();
    theirs.end('HTTP/1.1 400 Bad Request\r\n');
    await assert.rejects(greetAgent(mine, token), /did not answer as an agent/);
  });

  it('ends when it is cancelled, before it began and in the middle', async () => {
    const token = new Uint8Array(TOKEN_BYTES);
    const [first] = await sockets.pair();
    await assert.rejects(greetAgent(first, token, { signal: AbortSignal.abort() }), CancelledError);
    const [second] = await sockets.pair();
    const controller = new AbortController();
    const greeting = greetAgent(second, token, { signal: controller.signal });
    controller.abort();
    await assert.rejects(greeting, CancelledError);
    assert.ok(first.destroyed && second.destroyed);
  });

  it('gives up on a silent other end', async () => {
    const [mine] = await sockets.pair();
    await assert.rejects(greetAgent(mine, new Uint8Array(TOKEN_BYTES), { timeoutMs: 20 }), RequestTimeoutError);
    assert.ok(mine.destroyed);
  });
});
