/** Getting in: the client's first frame, and the agent's answer to it. See agent-wire.ts. */
import type { Duplex } from 'node:stream';
import { decodeGreetingAnswer, encodeGreeting } from './agent-codec.js';
import { RequestTimeoutError } from './agent-errors.js';
import { GREETING_ANSWER_BYTES, GREETING_TIMEOUT_MS, GreetingStatus, PROTOCOL_VERSION } from './agent-wire.js';
import { CancelledError } from './errors.js';

/** The agent refused the greeting, or what listens there is no agent. */
export class GreetingRefusedError extends Error {
  constructor(
    readonly status: number | undefined,
    message: string,
  ) {
    super(message);
    this.name = 'GreetingRefusedError';
  }
}

/**
 * Waits for exactly `length` bytes and leaves what follows in the socket. Undefined when the stream ended before.
 * Rejects with {@link RequestTimeoutError} after timeoutMs.
 */
export async function readExactly(
  socket: Duplex,
  length: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  return await new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      socket.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const onReadable = (): void => {
      // At the end of a stream read(n) returns the rest, whatever its length.
      const data = socket.read(length) as Uint8Array | null;
      if (data !== null) {
        finish(() => resolve(data.length === length ? data : undefined));
      }
    };
    const onEnd = (): void => finish(() => resolve(undefined));
    const onError = (error: Error): void => finish(() => reject(error));
    const onAbort = (): void => finish(() => reject(new CancelledError()));
    const timer = setTimeout(() => finish(() => reject(new RequestTimeoutError('greeting', timeoutMs))), timeoutMs);
    socket.on('readable', onReadable);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onError);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) {
      onAbort();
    } else {
      onReadable();
    }
  });
}

const REFUSALS: Readonly<Record<number, string>> = {
  [GreetingStatus.WrongToken]: 'The agent refused the token',
  [GreetingStatus.WrongVersion]: 'The agent speaks another version of the protocol',
  [GreetingStatus.Busy]: 'Another client is connected to this agent',
};

/**
 * The client's side of the greeting, on a connected socket. Rejects with {@link GreetingRefusedError} (and ends the socket),
 * {@link RequestTimeoutError} or {@link CancelledError}.
 */
export async function greetAgent(
  socket: Duplex,
  token: Uint8Array,
  options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<void> {
  socket.write(encodeGreeting(token));
  try {
    const bytes = await readExactly(
      socket,
      GREETING_ANSWER_BYTES,
      options.timeoutMs ?? GREETING_TIMEOUT_MS,
      options.signal,
    );
    const answer = bytes === undefined ? undefined : decodeGreetingAnswer(bytes);
    if (answer === undefined) {
      throw new GreetingRefusedError(undefined, 'What listens on this port did not answer as an agent does');
    }
    if (answer.status !== (GreetingStatus.Welcome as number)) {
      const versions = `ours is ${PROTOCOL_VERSION}, the agent's ${answer.version}`;
      throw new GreetingRefusedError(
        answer.status,
        `${REFUSALS[answer.status] ?? `The agent refused the greeting with status ${answer.status}`} (${versions})`,
      );
    }
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
