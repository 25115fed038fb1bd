/** Writes records into slots, as the recorders in C do: for generated recordings and for tests. */
import { UNKNOWN_BYTE } from './model/records.js';
import { SLOT_BYTES } from './recording.js';

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** An integer from low to high, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const order = [...items];
    for (let at = order.length - 1; at > 0; at -= 1) {
      const other = this.between(0, at);
      const [a, b] = [order[at], order[other]];
      if (a !== undefined && b !== undefined) [order[at], order[other]] = [b, a];
    }
    return order;
  }
}

/** What a record holds; times in ticks of its source. */
export interface RecordFields {
  readonly kind: number;
  readonly tsc: bigint;
  readonly object?: bigint;
  readonly caller?: bigint;
  readonly argument?: bigint;
  readonly process: number;
  readonly thread: number;
  readonly status?: number;
  readonly duration?: number;
  readonly processor?: number;
  readonly previous?: number;
  readonly flags?: number;
  readonly text?: string;
  readonly list?: readonly bigint[];
}

/** Writes records as slots of one ring, as eventscope_trace.h lays them out. */
export class RingWriter {
  #bytes = new Uint8Array(64 * SLOT_BYTES);
  #slots = 0;
  lost = 0;

  /** Slots so far. */
  get slots(): number {
    return this.#slots;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#slots * SLOT_BYTES);
  }

  /** Returns the record's slot. */
  write(fields: RecordFields): number {
    const payload = payloadOf(fields);
    const count = 1 + Math.ceil(payload.length / 60);
    const first = this.#slots;
    while ((first + count) * SLOT_BYTES > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const view = new DataView(this.#bytes.buffer);
    const at = first * SLOT_BYTES;
    view.setBigUint64(at, fields.tsc, true);
    view.setBigUint64(at + 8, BigInt.asUintN(64, fields.object ?? 0n), true);
    view.setBigUint64(at + 16, fields.caller ?? 0n, true);
    view.setBigUint64(at + 24, BigInt.asUintN(64, fields.argument ?? 0n), true);
    view.setUint32(at + 32, fields.process, true);
    view.setUint32(at + 36, fields.thread, true);
    view.setUint32(at + 40, fields.status ?? 0, true);
    view.setUint32(at + 44, Math.min(fields.duration ?? 0, 0xffff_ffff), true);
    view.setUint32(at + 48, this.lost, true);
    view.setUint16(at + 52, fields.kind, true);
    view.setUint16(at + 54, fields.processor ?? 0xffff, true);
    view.setUint8(at + 56, UNKNOWN_BYTE);
    view.setUint8(at + 57, fields.previous ?? UNKNOWN_BYTE);
    view.setUint8(at + 58, count);
    view.setUint8(at + 59, fields.flags ?? 0);
    for (let slot = 0; slot < count; slot += 1) {
      if (slot > 0) this.#bytes.set(payload.subarray((slot - 1) * 60, slot * 60), at + slot * SLOT_BYTES);
      view.setUint32(at + slot * SLOT_BYTES + 60, (first + slot + 1) % 0x1_0000_0000, true);
    }
    this.#slots += count;
    return first;
  }
}

function payloadOf({ text, list }: RecordFields): Uint8Array {
  if (list !== undefined && list.length > 1) {
    const bytes = new Uint8Array(list.length * 8);
    const view = new DataView(bytes.buffer);
    list.forEach((word, index) => view.setBigUint64(index * 8, word, true));
    return bytes;
  }
  if (text === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < text.length; index += 1) view.setUint16(index * 2, text.charCodeAt(index), true);
  return bytes;
}
