/** How a request between client and agent fails, on either end. */
import type { AgentErrorData } from './agent-rpc.js';

/** The agent could not do what was asked. `data` names the Windows call and its code, when one failed. */
export class AgentRequestError extends Error {
  constructor(
    readonly request: string,
    message: string,
    readonly data: AgentErrorData | undefined,
  ) {
    super(message);
    this.name = 'AgentRequestError';
  }
}

/** No answer within the bound; the request was cancelled at the other end. */
export class RequestTimeoutError extends Error {
  constructor(
    readonly request: string,
    readonly timeoutMs: number,
  ) {
    super(`No answer to ${request} within ${timeoutMs} ms`);
    this.name = 'RequestTimeoutError';
  }
}

/** The connection was gone before the answer came. */
export class ConnectionLostError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ConnectionLostError';
  }
}
