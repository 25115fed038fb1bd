/**
 * The host's end of the agent connection.
 */
import type {
  NotificationName,
  NotificationParams,
  RequestName,
  RequestParams,
  RequestResult,
} from '../protocol/agent-rpc.js';
import type { BulkHead } from '../protocol/agent-wire.js';

export interface RequestOptions {
  /** Cancels the request at the agent. */
  readonly signal?: AbortSignal;
  /** Bound of the wait in ms; default 30,000. */
  readonly timeoutMs?: number;
}

export interface AgentClient {
  /** Target's name, for messages. */
  readonly target: string;
  request<N extends RequestName>(
    name: N,
    params: RequestParams<N>,
    options?: RequestOptions,
  ): Promise<RequestResult<N>>;
  /** Returns the function that ends the subscription. */
  onNotification<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void): () => void;
  /** A stream number nobody uses, whose bulk frames go to the listener; credit is granted as the listener returns. */
  openStream(listener: (head: BulkHead, data: Uint8Array) => void): { readonly stream: number; close(): void };
  /** The machine is held by a debugger: silence is no sign that the agent is lost, until the returned function is called. */
  expectSilence(): () => void;
  /** Settles when the connection is gone: undefined after close(), else the reason. */
  readonly closed: Promise<Error | undefined>;
  /** Asks the agent to shut down, waits for it (bounded), and ends the connection. */
  close(): Promise<void>;
}
