/** Writes records into slots, as the recorders in C do: for a target without a recorder of ours, for generated recordings, for tests. */
import { RECORD_OFFSET } from '../protocol/trace-layout.js';
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
    const count = slotsFor(payload);
    const first = this.#slots;
    while ((first + count) * SLOT_BYTES > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    putSlots(this.#bytes, first * SLOT_BYTES, fields, payload, first, this.lost);
    this.#slots += count;
    return first;
  }
}

/** Of a continuation slot, before its sequence. */
const PAYLOAD_BYTES = 60;

const slotsFor = (payload: Uint8Array): number => 1 + Math.ceil(payload.length / PAYLOAD_BYTES);

/** A record by itself, as slots of its ring. first: number of its first slot since the ring began. */
export function slotsOfRecord(fields: RecordFields, first: number): Uint8Array {
  const payload = payloadOf(fields);
  const bytes = new Uint8Array(slotsFor(payload) * SLOT_BYTES);
  putSlots(bytes, 0, fields, payload, first, 0);
  return bytes;
}

function putSlots(
  bytes: Uint8Array,
  at: number,
  fields: RecordFields,
  payload: Uint8Array,
  first: number,
  lost: number,
): void {
  const view = new DataView(bytes.buffer);
  const count = slotsFor(payload);
  putRecord(view, at, fields, count, lost);
  for (let slot = 0; slot < count; slot += 1) {
    const from = (slot - 1) * PAYLOAD_BYTES;
    if (slot > 0) bytes.set(payload.subarray(from, from + PAYLOAD_BYTES), at + slot * SLOT_BYTES);
    putSequence(view, at + slot * SLOT_BYTES, first + slot);
  }
}

/** All of a record's first slot but its sequence. at: of the slot, in bytes; slots: how many the record takes. */
export function putRecord(view: DataView, at: number, fields: RecordFields, slots: number, lost: number): void {
  view.setBigUint64(at + RECORD_OFFSET.tsc, fields.tsc, true);
  view.setBigUint64(at + RECORD_OFFSET.object, BigInt.asUintN(64, fields.object ?? 0n), true);
  view.setBigUint64(at + RECORD_OFFSET.caller, fields.caller ?? 0n, true);
  view.setBigUint64(at + RECORD_OFFSET.argument, BigInt.asUintN(64, fields.argument ?? 0n), true);
  view.setUint32(at + RECORD_OFFSET.process, fields.process, true);
  view.setUint32(at + RECORD_OFFSET.thread, fields.thread, true);
  view.setUint32(at + RECORD_OFFSET.status, fields.status ?? 0, true);
  view.setUint32(at + RECORD_OFFSET.duration, Math.min(fields.duration ?? 0, 0xffff_ffff), true);
  view.setUint32(at + RECORD_OFFSET.lost, lost, true);
  view.setUint16(at + RECORD_OFFSET.kind, fields.kind, true);
  view.setUint16(at + RECORD_OFFSET.processor, fields.processor ?? 0xffff, true);
  view.setUint8(at + RECORD_OFFSET.irql, UNKNOWN_BYTE);
  view.setUint8(at + RECORD_OFFSET.previous, fields.previous ?? UNKNOWN_BYTE);
  view.setUint8(at + RECORD_OFFSET.slots, slots);
  view.setUint8(at + RECORD_OFFSET.flags, fields.flags ?? 0);
}

/** Makes a slot readable. slot: its number since the ring began. */
export function putSequence(view: DataView, at: number, slot: number): void {
  view.setUint32(at + RECORD_OFFSET.sequence, (slot + 1) % 0x1_0000_0000, true);
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
