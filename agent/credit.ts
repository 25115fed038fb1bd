/**
 * Bulk streams under credit: the agent sends no byte that the client has not granted. Credit is counted in shared memory, so
 * that a trace worker can take it without asking the main thread.
 */
import { BULK_HEAD_BYTES, FRAME_HEAD_BYTES } from '../protocol/agent-wire.js';

/** What a frame costs beside its data. */
export const FRAME_COST_BYTES = FRAME_HEAD_BYTES + BULK_HEAD_BYTES;
/** More than that may not be under way on a stream, whatever was granted: it bounds the agent's memory. */
export const MAX_CREDIT_BYTES = 64 * 1024 * 1024;
const MAX_STREAMS = 4_096;

/** Takes bytes when that many are there. cell: the stream's credit, [0]. */
export function takeCredit(cell: Int32Array, bytes: number): boolean {
  for (;;) {
    const available = Atomics.load(cell, 0);
    if (available < bytes) {
      return false;
    }
    if (Atomics.compareExchange(cell, 0, available, available - bytes) === available) {
      return true;
    }
  }
}

export class StreamCredit {
  readonly cell = new Int32Array(new SharedArrayBuffer(4));
  readonly #waiters: (() => void)[] = [];

  grant(bytes: number): void {
    const granted = Math.min(bytes, MAX_CREDIT_BYTES - Atomics.load(this.cell, 0));
    Atomics.add(this.cell, 0, granted);
    Atomics.notify(this.cell, 0);
    for (const wake of this.#waiters.splice(0)) {
      wake();
    }
  }

  /** Waits until that many bytes are granted, and takes them. Rejects with the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    while (!takeCredit(this.cell, bytes)) {
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => reject(signal.reason as Error);
        if (signal.aborted) {
          onAbort();
          return;
        }
        signal.addEventListener('abort', onAbort, { once: true });
        this.#waiters.push(() => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        });
      });
    }
  }
}

/** Credit of all streams. A stream is known from its first grant or use; the oldest are forgotten. */
export class Credits {
  readonly #streams = new Map<number, StreamCredit>();

  of(stream: number): StreamCredit {
    let credit = this.#streams.get(stream);
    if (credit === undefined) {
      credit = new StreamCredit();
      this.#streams.set(stream, credit);
      const oldest = this.#streams.keys().next().value;
      if (this.#streams.size > MAX_STREAMS && oldest !== undefined) {
        this.#streams.delete(oldest);
      }
    }
    return credit;
  }
}
