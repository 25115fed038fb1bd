/**
 * DAP without a transport: messages in, messages out. Knows requests, answers, events and cancellation; not what a request does.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { CancelledError } from '../../protocol/errors.js';
import { errorAnswer, unsupported } from './protocol-error.js';

/** How a request is treated besides its work. */
export interface RequestTraits {
  /** Looks at the stopped target: cancelled as soon as the target goes on. */
  readonly inspects?: boolean;
  /** A failure is told in place (hover, watch) and never pops up. */
  readonly quiet?: boolean;
}

export interface RequestContext {
  /** Aborted by a cancel request, by the target going on (if it inspects), and at the end of the session. */
  readonly signal: AbortSignal;
}

export type RequestHandler = (args: Record<string, unknown>, context: RequestContext) => Promise<object | undefined>;

interface Pending {
  readonly controller: AbortController;
  readonly inspects: boolean;
}

export class DapServer {
  readonly #handlers = new Map<string, { readonly handler: RequestHandler; readonly traits: RequestTraits }>();
  readonly #pending = new Map<number, Pending>();
  readonly #send: (message: DebugProtocol.ProtocolMessage) => void;
  readonly #logDefect: (text: string) => void;
  #sequence = 1;
  #isClosed = false;

  constructor(send: (message: DebugProtocol.ProtocolMessage) => void, logDefect: (text: string) => void) {
    this.#send = send;
    this.#logDefect = logDefect;
    this.on('cancel', async (args) => {
      const { requestId } = args;
      if (typeof requestId === 'number') this.#pending.get(requestId)?.controller.abort(new CancelledError());
      return Promise.resolve(undefined);
    });
  }

  on(command: string, handler: RequestHandler, traits: RequestTraits = {}): void {
    this.#handlers.set(command, { handler, traits });
  }

  /** Takes one message of the client. What is not a request is ignored: this adapter asks the client nothing. */
  handleMessage(message: DebugProtocol.ProtocolMessage): void {
    if (message.type === 'request') void this.#answer(message as DebugProtocol.Request);
  }

  event(event: string, body?: object): void {
    if (!this.#isClosed) this.#post({ type: 'event', event, ...(body === undefined ? {} : { body }) });
  }

  /** Answers to questions about the last stop are of no use any more. */
  cancelInspections(): void {
    for (const pending of this.#pending.values()) {
      if (pending.inspects) pending.controller.abort(new CancelledError());
    }
  }

  /** The client is gone, or is being told goodbye: everything that goes on is cancelled, nothing is sent any more. */
  close(): void {
    this.#isClosed = true;
    for (const pending of this.#pending.values()) pending.controller.abort(new CancelledError());
  }

  async #answer(request: DebugProtocol.Request): Promise<void> {
    const entry = this.#handlers.get(request.command);
    const controller = new AbortController();
    this.#pending.set(request.seq, { controller, inspects: entry?.traits.inspects ?? false });
    const head = { type: 'response', request_seq: request.seq, command: request.command };
    try {
      if (entry === undefined) throw unsupported(`There is no request "${request.command}"`, 'it is not known here');
      const args = typeof request.arguments === 'object' ? (request.arguments as Record<string, unknown>) : {};
      const body = await entry.handler(args, { signal: controller.signal });
      this.#post({ ...head, success: true, ...(body === undefined ? {} : { body }) });
    } catch (error) {
      const answer = errorAnswer(error, entry?.traits.quiet !== true);
      if (answer.isDefect) {
        this.#logDefect(
          `${request.command}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
      }
      this.#post({ ...head, success: false, message: answer.message, body: answer.body });
    } finally {
      this.#pending.delete(request.seq);
    }
  }

  #post(message: object): void {
    this.#send({ seq: this.#sequence++, ...message } as DebugProtocol.ProtocolMessage);
  }
}
