/**
 * The trace section of one application: the agent makes it before the application starts, the application's threads write
 * their rings, and whole records are copied out of the mapping here. Layout: driver/include/eventscope_trace.h.
 */
import { randomBytes } from 'node:crypto';
import {
  AREA_BYTES,
  AREA_OFFSET,
  ES_TRACE_MAGIC,
  ES_TRACE_MAX_SLOTS,
  ES_TRACE_SLOT_BYTES,
  ES_TRACE_VERSION,
  RECORD_OFFSET,
  RING_BYTES,
  RING_OFFSET,
} from '../protocol/trace-layout.js';
import { CloseHandle, GetLastError } from './native/common-native.js';
import { viewMemory, type Handle } from './native/memory.js';
import { plainError, win32Error } from './native/native-error.js';
import {
  CreateFileMappingW,
  FILE_MAP_READ_AND_WRITE,
  MapViewOfFile,
  OpenFileMappingW,
  PAGE_READWRITE,
  UnmapViewOfFile,
} from './trace-native.js';

const INVALID_FILE = -1;
const MAX_SECTION_BYTES = 1 << 30;
const MAX_RINGS = 1_024;
const SLOT_WORDS = ES_TRACE_SLOT_BYTES / 4;
const SEQUENCE_WORD = RECORD_OFFSET.sequence / 4;

/** Ring number and reserved word, in front of the slots of a frame. */
export const RING_HEAD_BYTES = 8;

/** Whole records of one ring, as a bulk frame carries them. */
export interface RingPiece {
  readonly ring: number;
  readonly firstSlot: bigint;
  readonly slotCount: number;
  /** The ring's lost records by now. */
  readonly lost: bigint;
  /** {@link RING_HEAD_BYTES}, then the slots. */
  readonly data: Uint8Array;
}

/** What must hold for a section that can be made. Throws what the user should read. */
function checkShape(ringCount: number, slotsPerRing: number): number {
  if (ringCount < 1 || ringCount > MAX_RINGS) {
    throw plainError(`A trace section has 1 to ${MAX_RINGS} rings, not ${ringCount}`);
  }
  if (slotsPerRing < 64 || slotsPerRing > 1 << 20 || (slotsPerRing & (slotsPerRing - 1)) !== 0) {
    throw plainError(`A trace ring has a power of two of slots, 64 to 1,048,576, not ${slotsPerRing}`);
  }
  const bytes = AREA_BYTES + ringCount * (RING_BYTES + slotsPerRing * ES_TRACE_SLOT_BYTES);
  if (bytes > MAX_SECTION_BYTES) {
    throw plainError(`${ringCount} rings of ${slotsPerRing} slots are over the limit of 1 GiB`);
  }
  return bytes;
}

export class TraceSection {
  readonly name: string;
  readonly #handle: Handle;
  readonly #address: bigint;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #counters: BigUint64Array;
  readonly #slotsOffset: number[] = [];
  /** Own copy of each tail: nobody else may move it. */
  readonly #tails: number[];
  #next = 0;

  /** @param existing name of one of this shape that somebody else has made: what it holds already is passed over */
  constructor(
    readonly ringCount: number,
    readonly slotsPerRing: number,
    existing?: string,
  ) {
    const size = checkShape(ringCount, slotsPerRing);
    this.name = existing ?? `Local\\Eventscope-Trace-${randomBytes(12).toString('hex')}`;
    this.#handle =
      existing === undefined
        ? CreateFileMappingW(INVALID_FILE, null, PAGE_READWRITE, 0, size, this.name)
        : OpenFileMappingW(FILE_MAP_READ_AND_WRITE, 0, existing);
    if (this.#handle === 0) {
      throw win32Error(existing === undefined ? 'CreateFileMappingW' : 'OpenFileMappingW', GetLastError(), this.name);
    }
    const address = MapViewOfFile(this.#handle, FILE_MAP_READ_AND_WRITE, 0, 0, size);
    if (address === null) {
      const error = GetLastError();
      CloseHandle(this.#handle);
      throw win32Error('MapViewOfFile', error, this.name);
    }
    this.#address = address;
    this.#bytes = viewMemory(address, size);
    const { buffer } = this.#bytes;
    this.#words = new Uint32Array(buffer);
    this.#counters = new BigUint64Array(buffer, 0, (AREA_BYTES + ringCount * RING_BYTES) / 8);
    this.#tails = new Array<number>(ringCount).fill(0);
    for (let ring = 0; ring < ringCount; ring++) {
      this.#slotsOffset.push(AREA_BYTES + ringCount * RING_BYTES + ring * slotsPerRing * ES_TRACE_SLOT_BYTES);
    }
    if (existing === undefined) this.#initialise(size);
    else this.#passOver();
  }

  /** What the rings hold and have lost is of an earlier recording. Nobody records now. */
  #passOver(): void {
    for (let ring = 0; ring < this.ringCount; ring++) {
      const head = this.#load(ring, RING_OFFSET.head);
      this.#tails[ring] = Number(head);
      Atomics.store(this.#counters, this.#counterAt(ring, RING_OFFSET.tail), head);
      Atomics.store(this.#counters, this.#counterAt(ring, RING_OFFSET.lost), 0n);
    }
    Atomics.store(this.#counters, AREA_OFFSET.unringedLost / 8, 0n);
  }

  /** The section itself, for mapping it into another process. */
  get handle(): Handle {
    return this.#handle;
  }

  /** The application records only while this is on. */
  enable(on: boolean): void {
    Atomics.store(this.#words, AREA_OFFSET.enabled / 4, on ? 1 : 0);
  }

  /** Lost records of all rings, and of threads that found none. */
  get lost(): bigint {
    let lost = Atomics.load(this.#counters, AREA_OFFSET.unringedLost / 8);
    for (let ring = 0; ring < this.ringCount; ring++) {
      lost += this.#load(ring, RING_OFFSET.lost);
    }
    return lost;
  }

  /** Slots that were reserved by a writer and not taken yet. */
  get pending(): number {
    return this.#tails.reduce((sum, tail, ring) => sum + Number(this.#load(ring, RING_OFFSET.head)) - tail, 0);
  }

  /**
   * Takes whole records of a ring, at most maxSlots slots (at least one record's), and frees their place. Undefined when
   * there is none. A record is taken only when all its slots carry their sequence numbers.
   */
  take(ring: number, maxSlots: number): RingPiece | undefined {
    const tail = this.#tails[ring] ?? 0;
    const head = Number(this.#load(ring, RING_OFFSET.head));
    if (head === tail) {
      return undefined;
    }
    const limit = Math.min(head, tail + Math.max(maxSlots, ES_TRACE_MAX_SLOTS));
    const end = this.#wholeRecordsEnd(ring, tail, limit);
    if (end === tail) {
      return undefined;
    }
    const data = new Uint8Array(RING_HEAD_BYTES + (end - tail) * ES_TRACE_SLOT_BYTES);
    new DataView(data.buffer).setUint32(0, ring, true);
    this.#copy(ring, tail, end, data);
    this.#tails[ring] = end;
    Atomics.store(this.#counters, this.#counterAt(ring, RING_OFFSET.tail), BigInt(end));
    return {
      ring,
      firstSlot: BigInt(tail),
      slotCount: end - tail,
      lost: this.#load(ring, RING_OFFSET.lost),
      data,
    };
  }

  /** Of any ring: they take turns, so that a busy one does not starve the others. */
  takeNext(maxSlots: number): RingPiece | undefined {
    for (let tried = 0; tried < this.ringCount; tried++) {
      const ring = this.#next;
      this.#next = (ring + 1) % this.ringCount;
      const piece = this.take(ring, maxSlots);
      if (piece !== undefined) {
        return piece;
      }
    }
    return undefined;
  }

  /** Unmaps: nothing of this object may be used after that. The application keeps its own mapping. */
  close(): void {
    UnmapViewOfFile(this.#address);
    CloseHandle(this.#handle);
  }

  #initialise(size: number): void {
    const { ringCount, slotsPerRing } = this;
    const area = this.#bytes;
    area.writeUInt32LE(ES_TRACE_VERSION, AREA_OFFSET.version);
    area.writeUInt32LE(0, AREA_OFFSET.areaBytesHigh);
    area.writeUInt32LE(size, AREA_OFFSET.areaBytes);
    area.writeUInt32LE(ringCount, AREA_OFFSET.ringCount);
    area.writeUInt32LE(ES_TRACE_SLOT_BYTES, AREA_OFFSET.slotBytes);
    for (let ring = 0; ring < ringCount; ring++) {
      const at = AREA_BYTES + ring * RING_BYTES;
      area.writeBigUInt64LE(BigInt(this.#slotsOffset[ring] ?? 0), at + RING_OFFSET.slotsOffset);
      area.writeUInt32LE(slotsPerRing, at + RING_OFFSET.capacity);
    }
    area.writeUInt32LE(ES_TRACE_MAGIC, AREA_OFFSET.magic);
  }

  #counterAt(ring: number, field: number): number {
    return (AREA_BYTES + ring * RING_BYTES + field) / 8;
  }

  #load(ring: number, field: number): bigint {
    return Atomics.load(this.#counters, this.#counterAt(ring, field));
  }

  /** Where the whole records from `from` on end, at `limit` or before. */
  #wholeRecordsEnd(ring: number, from: number, limit: number): number {
    const words = this.#words;
    const base = (this.#slotsOffset[ring] ?? 0) / 4;
    const mask = this.slotsPerRing - 1;
    let at = from;
    while (at < limit) {
      const first = base + (at & mask) * SLOT_WORDS;
      if (words[first + SEQUENCE_WORD] !== (at + 1) >>> 0) {
        return at;
      }
      const slots = this.#bytes[first * 4 + RECORD_OFFSET.slots] ?? 0;
      if (slots === 1) {
        at++;
        continue;
      }
      const end = at + slots;
      if (slots === 0 || slots > ES_TRACE_MAX_SLOTS || end > limit) {
        return at;
      }
      for (let next = at + 1; next < end; next++) {
        if (words[base + (next & mask) * SLOT_WORDS + SEQUENCE_WORD] !== (next + 1) >>> 0) {
          return at;
        }
      }
      at = end;
    }
    return at;
  }

  #copy(ring: number, from: number, to: number, data: Uint8Array): void {
    const mask = this.slotsPerRing - 1;
    const base = this.#slotsOffset[ring] ?? 0;
    const start = from & mask;
    const untilWrap = Math.min(to - from, this.slotsPerRing - start);
    const slots = (first: number, count: number): Uint8Array =>
      this.#bytes.subarray(base + first * ES_TRACE_SLOT_BYTES, base + (first + count) * ES_TRACE_SLOT_BYTES);
    data.set(slots(start, untilWrap), RING_HEAD_BYTES);
    if (untilWrap < to - from) {
      data.set(slots(0, to - from - untilWrap), RING_HEAD_BYTES + untilWrap * ES_TRACE_SLOT_BYTES);
    }
  }
}
