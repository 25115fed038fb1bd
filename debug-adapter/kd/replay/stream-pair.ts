/** Two ends of a line inside this process: what is written to one comes out of the other, in order, later. */
import type { ByteStream, ByteStreamEvents } from '../link/byte-stream.js';

class PairEnd implements ByteStream {
  other: PairEnd | undefined;
  #events: ByteStreamEvents | undefined;
  #early: Uint8Array[] = [];
  #closed = false;

  constructor(private readonly later: (run: () => void) => void) {}

  start(events: ByteStreamEvents): void {
    this.#events = events;
    for (const bytes of this.#early) events.data(bytes);
    this.#early = [];
  }

  write(bytes: Uint8Array): void {
    const { other } = this;
    if (this.#closed || other === undefined) return;
    this.later(() => other.#receive(bytes));
  }

  close(): void {
    const { other } = this;
    if (this.#closed) return;
    this.#closed = true;
    if (other !== undefined) this.later(() => other.#end());
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#events === undefined) this.#early.push(bytes);
    else this.#events.data(bytes);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events?.closed(undefined);
  }
}

/** @param later when bytes arrive at the other end; the default is the next turn of the event loop */
export function streamPair(
  later: (run: () => void) => void = (run) => void setImmediate(run),
): readonly [ByteStream, ByteStream] {
  const ends = [new PairEnd(later), new PairEnd(later)] as const;
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return ends;
}
