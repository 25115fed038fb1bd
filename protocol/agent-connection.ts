/**
 * The agent connection over a greeted socket, the same on both ends: typed requests and notifications (the library's
 * JSON-RPC, with its cancellation) and bulk frames. What comes in is checked against the tables of agent-rpc.ts.
 */
import type { Duplex } from 'node:stream';
import * as v from 'valibot';
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  ResponseError,
  type CancellationToken,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
  type MessageReader,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import {
  AgentWireError,
  decodeBulk,
  decodeControl,
  encodeBulkFrameHead,
  encodeControl,
  FrameDecoder,
} from './agent-codec.js';
import { AgentRequestError, ConnectionLostError, RequestTimeoutError } from './agent-errors.js';
import {
  AGENT_ERROR_CODE,
  agentErrorData,
  notifications,
  requests,
  type AgentErrorData,
  type NotificationName,
  type NotificationParams,
  type RequestName,
  type RequestParams,
  type RequestResult,
} from './agent-rpc.js';
import { FrameType, type BulkHead } from './agent-wire.js';
import { CancelledError } from './errors.js';

class FrameReader extends AbstractMessageReader implements MessageReader {
  #callback: DataCallback | undefined;
  listen(callback: DataCallback): Disposable {
    this.#callback = callback;
    return { dispose: () => (this.#callback = undefined) };
  }
  deliver(message: Message): void {
    this.#callback?.(message);
  }
  closed(): void {
    this.fireClose();
  }
}

class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  constructor(readonly write: (message: Message) => Promise<void>) {
    super();
  }
  end(): void {
    // The socket is ended by its owner.
  }
}

const SILENT = { error: () => {}, warn: () => {}, info: () => {}, log: () => {} };

/** What a schema found wrong, in one line. */
function complaint(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues
    .slice(0, 3)
    .map((issue) => `${v.getDotPath(issue) ?? 'value'}: ${issue.message}`)
    .join('; ');
}

function abortSignalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) {
    controller.abort();
  } else {
    token.onCancellationRequested(() => controller.abort());
  }
  return controller.signal;
}

/** Both ends, after the greeting. Owns the socket. */
export class AgentConnection {
  readonly #socket: Duplex;
  readonly #decoder = new FrameDecoder();
  readonly #reader = new FrameReader();
  readonly #rpc: MessageConnection;
  readonly #closed: Promise<Error | undefined>;
  #bulkListener: ((head: BulkHead, data: Uint8Array) => void) | undefined;
  #failure: Error | undefined;
  #isClosed = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    const writer = new FrameWriter((message) => this.#send([encodeControl(message)]));
    this.#rpc = createMessageConnection(this.#reader, writer, SILENT);
    this.#closed = new Promise((resolve) => {
      socket.on('error', (error) => (this.#failure ??= error));
      socket.on('end', () => {
        try {
          this.#decoder.end();
        } catch (error) {
          this.#failure ??= error as Error;
        }
        socket.end();
      });
      socket.on('close', () => {
        this.#isClosed = true;
        this.#reader.closed();
        // Rejects what still waits for an answer.
        this.#rpc.dispose();
        resolve(this.#failure);
      });
    });
  }

  /** Settles when the connection is gone: undefined after an orderly end, else why. */
  get closed(): Promise<Error | undefined> {
    return this.#closed;
  }

  /** Call once, after the handlers are there. */
  listen(): void {
    this.#rpc.listen();
    this.#socket.on('data', (chunk: Uint8Array) => {
      try {
        this.#decoder.push(chunk, (frame) => {
          if (frame.type === FrameType.Control) {
            this.#reader.deliver(decodeControl(frame.payload));
          } else {
            const { head, data } = decodeBulk(frame.payload);
            this.#bulkListener?.(head, data);
          }
        });
      } catch (error) {
        this.#failure ??= error as Error;
        this.#socket.destroy();
      }
    });
  }

  onBulk(listener: (head: BulkHead, data: Uint8Array) => void): void {
    this.#bulkListener = listener;
  }

  /** Settles when the bytes were handed to the system. The data must not change until then. */
  async sendBulk(head: BulkHead, data: Uint8Array): Promise<void> {
    await this.#send([encodeBulkFrameHead(head, data.length), data]);
  }

  /** Answers requests of this name. A handler throws {@link AgentRequestError} for what the client should read. */
  handle<N extends RequestName>(
    name: N,
    handler: (params: RequestParams<N>, signal: AbortSignal) => Promise<RequestResult<N>>,
  ): void {
    const schema = requests[name].params as unknown as v.GenericSchema<RequestParams<N>, RequestParams<N>>;
    this.#rpc.onRequest<unknown, unknown>(name, async (received: unknown, token: CancellationToken) => {
      const checked = v.safeParse(schema, received);
      if (!checked.success) {
        return new ResponseError(ErrorCodes.InvalidParams, `${name}: ${complaint(checked.issues)}`);
      }
      try {
        return await handler(checked.output, abortSignalOf(token));
      } catch (error) {
        return toResponseError(error);
      }
    });
  }

  /**
   * Sends a request and checks the answer. timeoutMs bounds the wait, default 30,000.
   * Rejects with {@link AgentRequestError}, {@link RequestTimeoutError}, {@link ConnectionLostError}, {@link CancelledError}.
   */
  async request<N extends RequestName>(
    name: N,
    params: RequestParams<N>,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): Promise<RequestResult<N>> {
    const outgoing = v.safeParse(requests[name].params, params);
    if (!outgoing.success) {
      throw new AgentRequestError(name, `${name}: ${complaint(outgoing.issues)}`, undefined);
    }
    if (this.#isClosed) {
      throw new ConnectionLostError('The connection to the agent is closed', this.#failure);
    }
    const answer = await this.#exchange(name, outgoing.output, options);
    const schema = requests[name].result as unknown as v.GenericSchema<RequestResult<N>, RequestResult<N>>;
    const checked = v.safeParse(schema, answer);
    if (!checked.success) {
      throw new AgentRequestError(
        name,
        `The agent's answer to ${name} is wrong: ${complaint(checked.issues)}`,
        undefined,
      );
    }
    return checked.output;
  }

  /** Settles when the bytes were handed to the system: wait for it to keep memory bounded. */
  async notify<N extends NotificationName>(name: N, params: NotificationParams<N>): Promise<void> {
    await this.#rpc.sendNotification(name, params);
  }

  /** One listener a name. What does not fit the schema ends the connection: the other end is not what it says it is. */
  onNotification<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void): void {
    const schema = notifications[name] as unknown as v.GenericSchema<NotificationParams<N>, NotificationParams<N>>;
    this.#rpc.onNotification(name, (received: unknown) => {
      const checked = v.safeParse(schema, received);
      if (checked.success) {
        listener(checked.output);
      } else {
        this.#failure ??= new AgentWireError('malformed', `${name}: ${complaint(checked.issues)}`);
        this.#socket.destroy();
      }
    });
  }

  /** Ends the connection after what was sent has left; cuts it when that takes over 2 s. */
  async close(): Promise<void> {
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), 2_000);
    await this.#closed;
    clearTimeout(timer);
  }

  /** Ends the connection at once; `closed` and every open request tell the reason. */
  cut(reason: Error): void {
    this.#failure ??= reason;
    this.#socket.destroy();
  }

  async #exchange(
    name: RequestName,
    params: unknown,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
  ): Promise<unknown> {
    const { signal, timeoutMs = 30_000 } = options;
    if (signal?.aborted === true) {
      throw new CancelledError();
    }
    const source = new CancellationTokenSource();
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    // The local wait ends at once on cancel or timeout, whether or not the other end still answers.
    const stopped = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(new CancelledError());
      signal?.addEventListener('abort', onAbort, { once: true });
      timer = setTimeout(() => reject(new RequestTimeoutError(name, timeoutMs)), timeoutMs);
    });
    const answer = this.#rpc.sendRequest<unknown>(name, params, source.token);
    answer.catch(() => {});
    try {
      return await Promise.race([answer, stopped]);
    } catch (error) {
      if (error instanceof CancelledError || error instanceof RequestTimeoutError) {
        source.cancel();
        throw error;
      }
      throw this.#toRequestError(name, error);
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) {
        signal?.removeEventListener('abort', onAbort);
      }
      source.dispose();
    }
  }

  #toRequestError(name: RequestName, error: unknown): Error {
    if (this.#isClosed) {
      const why = this.#failure === undefined ? '' : `: ${this.#failure.message}`;
      return new ConnectionLostError(`The agent went away before it answered ${name}${why}`, this.#failure);
    }
    if (error instanceof ResponseError) {
      const data = v.safeParse(agentErrorData, error.data);
      return new AgentRequestError(name, error.message, data.success ? data.output : undefined);
    }
    return error instanceof Error ? error : new Error(String(error));
  }

  async #send(pieces: readonly Uint8Array[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      if (this.#isClosed || this.#socket.destroyed) {
        reject(new ConnectionLostError('The connection to the agent is closed', this.#failure));
        return;
      }
      const last = pieces.length - 1;
      this.#socket.cork();
      pieces.forEach((piece, index) => {
        this.#socket.write(
          piece,
          index < last
            ? undefined
            : (error) => {
                if (error) {
                  reject(error);
                } else {
                  resolve();
                }
              },
        );
      });
      this.#socket.uncork();
    });
  }
}

function toResponseError(error: unknown): ResponseError<AgentErrorData | undefined> {
  if (error instanceof AgentRequestError) {
    return new ResponseError(AGENT_ERROR_CODE, error.message, error.data);
  }
  if (error instanceof CancelledError) {
    return new ResponseError(AGENT_ERROR_CODE, 'Cancelled', { call: '', code: 0, space: 'none' as const });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ResponseError(ErrorCodes.InternalError, `The agent failed unexpectedly: ${message}`, undefined);
}
