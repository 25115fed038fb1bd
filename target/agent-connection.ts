/**
 * The host's end of an agent connection: a greeted socket, whatever brought it here, as an {@link AgentClient}.
 */
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AgentConnection } from '../protocol/agent-connection.js';
import { AgentRequestError, ConnectionLostError, RequestTimeoutError } from '../protocol/agent-errors.js';
import { greetAgent, GreetingRefusedError } from '../protocol/agent-greeting.js';
import type {
  NotificationName,
  NotificationParams,
  RequestName,
  RequestParams,
  RequestResult,
} from '../protocol/agent-rpc.js';
import { notifications } from '../protocol/agent-rpc.js';
import { BULK_HEAD_BYTES, FRAME_HEAD_BYTES, GreetingStatus, type BulkHead } from '../protocol/agent-wire.js';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import { describeNtstatus, describeWin32Error } from '../machine/status.js';
import type { AgentClient, RequestOptions } from './agent-client.js';

/** Bytes that the agent may have under way on one stream. */
export const CREDIT_WINDOW_BYTES = 32 * 1024 * 1024;
/** Credit is given back in pieces of this size: one small message for many frames. */
const CREDIT_STEP_BYTES = CREDIT_WINDOW_BYTES / 8;
const CONNECT_TIMEOUT_MS = 10_000;
const SHUTDOWN_TIMEOUT_MS = 5_000;

/** How often an agent is asked for a sign of life, and how long it may take: then it is called lost. */
export interface SignsOfLife {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** An agent can hang with its connection open: under Wine a process that was ended can. */
const SIGNS_OF_LIFE: SignsOfLife = { everyMs: 10_000, timeoutMs: 30_000 };
/** What an agent sent last may still be under way, in a tunnel, when its process is known to be gone. */
const LAST_FRAMES_MS = 1_000;

export interface AgentSocketOptions {
  /** Target's name, for messages. */
  readonly target: string;
  readonly token: Uint8Array;
  readonly signal: AbortSignal;
  /** Runs once when the connection is gone, before `closed` settles: what belongs to it is ended here. */
  readonly onClosed?: () => Promise<void>;
  /**
   * Settles when the agent's process is gone. Its connection need not be: the wineserver keeps the socket of a process
   * that was killed while a transfer was pending, open and unread.
   */
  readonly processEnded?: Promise<unknown>;
  readonly signsOfLife?: SignsOfLife;
}

/** Connects to an agent's port on this host's loopback. */
export async function connectToAgent(port: number, options: AgentSocketOptions): Promise<AgentClient> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  try {
    await connected(socket, options);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return greetAndWrap(socket, options);
}

/**
 * Greets the agent at the other end of a connected socket or tunnel. Owns the socket from here on.
 * @throws EventscopeError `agent.token`, `agent.version`, `agent.busy`, `agent.greeting`; CancelledError
 */
export async function greetAndWrap(socket: Duplex, options: AgentSocketOptions): Promise<AgentClient> {
  try {
    await greetAgent(socket, options.token, { signal: options.signal });
  } catch (error) {
    throw greetingError(error, options.target);
  }
  return new ConnectedAgent(new AgentConnection(socket), options);
}

function connected(socket: Socket, options: AgentSocketOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', cancel);
      socket.removeListener('error', refused);
      if (error === undefined) resolve();
      else reject(error);
    };
    const unreachable = (why: string): EventscopeError =>
      new EventscopeError({
        id: 'agent.unreachable',
        what: 'The agent cannot be reached',
        target: options.target,
        why,
      });
    const refused = (error: Error): void => finish(unreachable(error.message));
    const cancel = (): void => finish(new CancelledError());
    const timer = setTimeout(() => finish(unreachable('no answer')), CONNECT_TIMEOUT_MS);
    options.signal.addEventListener('abort', cancel, { once: true });
    socket.once('error', refused);
    socket.once('connect', () => finish());
    if (options.signal.aborted) cancel();
  });
}

const GREETING_IDS: Readonly<Record<number, string>> = {
  [GreetingStatus.WrongToken]: 'agent.token',
  [GreetingStatus.WrongVersion]: 'agent.version',
  [GreetingStatus.Busy]: 'agent.busy',
};

function greetingError(error: unknown, target: string): Error {
  if (error instanceof CancelledError) return error;
  const status = error instanceof GreetingRefusedError ? error.status : undefined;
  return new EventscopeError({
    id: (status === undefined ? undefined : GREETING_IDS[status]) ?? 'agent.greeting',
    what: 'The agent did not let us in',
    target,
    why: error instanceof Error ? error.message : String(error),
    cause: error,
  });
}

function describeAgentError(error: AgentRequestError): string {
  switch (error.data?.space) {
    case 'ntstatus':
      return describeNtstatus(error.data.code);
    case 'win32':
      return describeWin32Error(error.data.code);
    case 'none':
    case undefined:
      return error.message;
  }
}

interface Stream {
  readonly listener: (head: BulkHead, data: Uint8Array) => void;
  /** Bytes taken since credit was last given. */
  taken: number;
}

class ConnectedAgent implements AgentClient {
  readonly target: string;
  readonly closed: Promise<Error | undefined>;
  readonly #connection: AgentConnection;
  readonly #streams = new Map<number, Stream>();
  readonly #listeners = new Map<string, Set<(params: never) => void>>();
  #nextStream = 1;
  /** How many hold the machine, and how often somebody has begun to. */
  #silences = 0;
  #silencesBegun = 0;
  /** Set by close(): the end that follows is what was asked for. */
  #closing: Promise<void> | undefined;

  constructor(connection: AgentConnection, options: AgentSocketOptions) {
    this.target = options.target;
    this.#connection = connection;
    connection.onBulk((head, data) => this.#takeBulk(head, data));
    for (const name of Object.keys(notifications) as NotificationName[]) {
      const listeners = new Set<(params: never) => void>();
      this.#listeners.set(name, listeners);
      connection.onNotification(name, (params) => {
        for (const listener of [...listeners]) listener(params as never);
      });
    }
    this.closed = connection.closed.then(async (error) => {
      await options.onClosed?.().catch(() => undefined);
      if (this.#closing !== undefined) return undefined;
      return this.#lost(error);
    });
    connection.listen();
    void this.#watchLife(options.signsOfLife ?? SIGNS_OF_LIFE);
    if (options.processEnded !== undefined) void this.#watchProcess(options.processEnded);
  }

  async #watchProcess(ended: Promise<unknown>): Promise<void> {
    await ended.catch(() => undefined);
    const timer = setTimeout(() => this.#connection.cut(new Error('the agent ended')), LAST_FRAMES_MS);
    await this.#connection.closed;
    clearTimeout(timer);
  }

  async #watchLife({ everyMs, timeoutMs }: SignsOfLife): Promise<void> {
    const connection = this.#connection;
    const gone = connection.closed.then(() => true);
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const pause = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), everyMs).unref()));
      const ended = await Promise.race([pause, gone]);
      clearTimeout(timer);
      if (ended) return;
      if (this.#silences > 0) continue;
      const begun = this.#silencesBegun;
      try {
        await connection.request('agent/info', {}, { timeoutMs });
      } catch (error) {
        // Every other error is an answer, or the end that `closed` tells of.
        if (error instanceof RequestTimeoutError && this.#silencesBegun === begun) {
          connection.cut(new Error(`the agent gave no sign of life for ${timeoutMs / 1_000} s`));
        }
      }
    }
  }

  expectSilence(): () => void {
    this.#silences++;
    this.#silencesBegun++;
    let ended = false;
    return () => {
      if (!ended) this.#silences--;
      ended = true;
    };
  }

  async request<N extends RequestName>(
    name: N,
    params: RequestParams<N>,
    options: RequestOptions = {},
  ): Promise<RequestResult<N>> {
    try {
      return await this.#connection.request(name, params, options);
    } catch (error) {
      throw this.#toEventscopeError(name, error);
    }
  }

  onNotification<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void): () => void {
    const listeners = this.#listeners.get(name);
    // A wrapper of its own: the same function subscribed twice is called twice and ended apart.
    const own = (params: never): void => listener(params);
    listeners?.add(own);
    return () => listeners?.delete(own);
  }

  openStream(listener: (head: BulkHead, data: Uint8Array) => void): { readonly stream: number; close(): void } {
    const stream = this.#nextStream++;
    this.#streams.set(stream, { listener, taken: 0 });
    this.#grant(stream, CREDIT_WINDOW_BYTES);
    return { stream, close: () => this.#streams.delete(stream) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    // An agent that does not answer any more is ended by the end of its connection.
    await this.#connection.request('agent/shutdown', {}, { timeoutMs: SHUTDOWN_TIMEOUT_MS }).catch(() => undefined);
    await this.#connection.close();
    await this.closed;
  }

  #takeBulk(head: BulkHead, data: Uint8Array): void {
    const stream = this.#streams.get(head.stream);
    // A frame of a stream that was closed while it was under way.
    if (stream === undefined) return;
    stream.listener(head, data);
    stream.taken += FRAME_HEAD_BYTES + BULK_HEAD_BYTES + data.length;
    if (stream.taken >= CREDIT_STEP_BYTES) {
      this.#grant(head.stream, stream.taken);
      stream.taken = 0;
    }
  }

  #grant(stream: number, bytes: number): void {
    // Without an answer the connection is gone, and `closed` tells so.
    this.#connection.request('stream/credit', { stream, bytes }).catch(() => undefined);
  }

  #lost(cause: unknown): EventscopeError {
    return new EventscopeError({
      id: 'agent.lost',
      what: 'The connection to the agent was lost',
      target: this.target,
      why: cause instanceof Error ? cause.message : 'the agent ended',
      next: 'Run the command again; a new agent is started.',
      cause,
    });
  }

  #toEventscopeError(name: RequestName, error: unknown): unknown {
    if (error instanceof ConnectionLostError) return this.#lost(error);
    if (error instanceof RequestTimeoutError) {
      return new EventscopeError({
        id: 'agent.timeout',
        what: `The agent did not answer ${name} in time`,
        target: this.target,
        why: `no answer within ${error.timeoutMs} ms`,
        cause: error,
      });
    }
    if (!(error instanceof AgentRequestError)) return error;
    const { data } = error;
    const words = describeAgentError(error);
    // The agent's message names the call and what it was about; the code's words are ours.
    const what = error.message.endsWith(`: ${words}`) ? error.message.slice(0, -words.length - 2) : undefined;
    return new EventscopeError({
      id: 'agent.request',
      what: what ?? (data === undefined ? `The agent could not do ${name}` : `${data.call} failed`),
      target: this.target,
      why: words,
      data: data === undefined ? { request: name } : { request: name, ...data },
      cause: error,
    });
  }
}
