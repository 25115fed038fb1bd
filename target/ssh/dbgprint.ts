/**
 * The kernel's debug output on the test machine, as the agent there reads it from a file.
 */
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../agent-client.js';
import type { DbgPrintLine, DbgPrintStream, Operation } from '../target.js';

/** Lines that wait for their reader; what comes beyond is counted, and the count is told in the stream. */
const MAX_WAITING_LINES = 100_000;

/** @throws EventscopeError "dbgPrint.unavailable" with the agent's reason. */
export async function openDbgPrint(client: AgentClient, operation: Operation): Promise<DbgPrintStream> {
  const queue = new LineQueue();
  const unsubscribe = client.onNotification('dbgPrint/lines', ({ lines }) => {
    for (const line of lines) queue.push(line);
  });
  try {
    const answer = await client.request('dbgPrint/start', {}, { signal: operation.signal });
    if (!answer.available) {
      throw new EventscopeError({
        id: 'dbgPrint.unavailable',
        what: "The kernel's debug output cannot be read",
        target: client.target,
        why: answer.reason ?? 'the agent gave no reason',
        next: 'Set "dbgPrintLog" of this target to the text file on it that the debug output is appended to',
      });
    }
  } catch (error) {
    unsubscribe();
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      operation.signal.removeEventListener('abort', onAbort);
      // The agent sends what is left before it answers. One that is gone has nothing left.
      await client.request('dbgPrint/stop', {}, { timeoutMs: 5_000 }).catch(() => undefined);
      unsubscribe();
      queue.end();
    })();
    return stopping;
  };
  const onAbort = (): void => void stop();
  operation.signal.addEventListener('abort', onAbort, { once: true });
  void client.closed.then(() => {
    unsubscribe();
    queue.end();
  });
  return { lines: queue, stop };
}

class LineQueue implements AsyncIterable<DbgPrintLine> {
  readonly #lines: DbgPrintLine[] = [];
  #lost = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  push(line: DbgPrintLine): void {
    if (this.#ended) return;
    if (this.#lines.length >= MAX_WAITING_LINES) this.#lost++;
    else this.#lines.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DbgPrintLine> {
    for (;;) {
      const batch = this.#lines.splice(0);
      const lost = this.#lost;
      this.#lost = 0;
      yield* batch;
      if (lost > 0) {
        yield {
          utcMs: batch.at(-1)?.utcMs ?? Date.now(),
          text: `(${lost} lines were lost: their reader was too slow)`,
        };
      }
      if (this.#lines.length > 0 || this.#lost > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }
}
