/**
 * Raw slots to one table of records, a column per field: a million records are a handful of arrays, not a million
 * objects. Also finds what is missing: every hole in a ring becomes a {@link Gap}.
 */
import { SLOT_BYTES, type Recording, type RecordingSource, type SlotChunk } from '../recording.js';
import { RingCursor, type SlotRun } from './ring-cursor.js';
import { Words } from './words.js';

/** Kinds of records, as in eventscope_trace.h. */
export const Kind = {
  Calibration: 1,
  Set: 10,
  Pulse: 11,
  Reset: 12,
  Release: 13,
  Complete: 14,
  TimerSet: 20,
  TimerCancel: 21,
  TimerExpire: 22,
  WaitBegin: 30,
  WaitEnd: 31,
  Request: 32,
  Create: 40,
  Open: 41,
  Reference: 42,
  Dereference: 43,
  Duplicate: 44,
  Close: 45,
  Initialize: 46,
  Name: 60,
  ThreadName: 61,
  Module: 62,
  Note: 63,
} as const;

export const Flag = {
  Kernel: 0x01,
  Synchronization: 0x02,
  InitiallySet: 0x04,
  Existed: 0x08,
  WaitAll: 0x10,
  Alertable: 0x20,
  ObjectIsHandle: 0x40,
  Dpc: 0x80,
} as const;

/** What a Create or Initialize made (its argument), or an Open opened (the upper 32 bits of its argument). */
export const ObjectType = { Unknown: 0, Event: 1, Semaphore: 2, Mutant: 3, Timer: 4 } as const;

export const UNKNOWN_BYTE = 0xff;
/** Kinds whose payload is a list of handles or addresses; all other payloads are UTF-16 text. */
const isList = (kind: number): boolean => kind === Kind.WaitBegin;
/** By kind: whether this version knows it. */
const KNOWN = new Uint8Array(0x1_0000);
for (const kind of Object.values(Kind)) KNOWN[kind] = 1;

/** A place where records are missing. Times are ns since the start of the recording. */
export interface Gap {
  /** Ordinal of the source in `Recording.sources`. */
  readonly source: number;
  /** -1: records of threads that found no ring, or a source as a whole. */
  readonly ring: number;
  /** How many are missing, as counted by `unit`. */
  readonly count: number;
  readonly unit: 'records' | 'slots';
  readonly reason: 'lost' | 'missing' | 'damaged' | 'dropped' | 'unringed';
  /** Records of the same ring around the gap; -1 where there is none. */
  readonly after: number;
  readonly before: number;
  /** Filled when times are known. */
  from: number;
  until: number;
}

export interface RecordTable {
  readonly count: number;
  readonly words: Words;
  /** Ordinal in `Recording.sources`. */
  readonly source: Uint8Array;
  readonly ring: Uint16Array;
  /** Absolute index of the record's first slot in its ring. */
  readonly slot: Float64Array;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly previous: Uint8Array;
  readonly irql: Uint8Array;
  readonly processor: Uint16Array;
  readonly process: Uint32Array;
  readonly thread: Uint32Array;
  readonly status: Uint32Array;
  /** Words ({@link Words}). */
  readonly object: Float64Array;
  readonly caller: Float64Array;
  readonly argument: Float64Array;
  /**
   * Entry of the call, of a WaitEnd its return: first ticks since the source's base, later ns since the start of the
   * recording.
   */
  readonly time: Float64Array;
  /** Of a call; of a WaitEnd since the wait began; 0 for other points. In ticks first, later in ns. */
  readonly duration: Float64Array;
  /** The duration did not fit its field: it is at least this. */
  readonly saturated: Uint8Array;
  /** Text of the payload, by record. */
  readonly text: ReadonlyMap<number, string>;
  /** Objects of a WaitBegin that names more than one, by record. */
  readonly lists: ReadonlyMap<number, readonly number[]>;
  /** TSC that is tick 0, by source. */
  readonly base: readonly bigint[];
  readonly gaps: Gap[];
  /** Records of kinds that this version does not know: skipped and counted. */
  readonly unknownKinds: number;
}

/** Reads every slot of the recording. Times stay in ticks until {@link file://./clock.ts} turns them into ns. */
export function readRecords(recording: Recording): RecordTable {
  const table = new TableWriter(recording);
  recording.sources.forEach((source, ordinal) => {
    const rings = new Map<number, SlotChunk[]>();
    for (const chunk of recording.chunks) {
      if (chunk.source !== source.id) continue;
      const ring = rings.get(chunk.ring);
      if (ring === undefined) rings.set(chunk.ring, [chunk]);
      else ring.push(chunk);
    }
    let lost = 0n;
    for (const [ring, chunks] of [...rings].sort(([a], [b]) => a - b)) lost += table.readRing(ordinal, ring, chunks);
    table.endSource(ordinal, source, lost);
  });
  return table.finish();
}

class TableWriter {
  readonly #recording: Recording;
  readonly #words = new Words();
  readonly #text = new Map<number, string>();
  readonly #lists = new Map<number, readonly number[]>();
  readonly #base: bigint[] = [];
  /** Of the source that is being read: its base in two halves. */
  #baseLow = 0;
  #baseHigh = 0;
  readonly #gaps: Gap[] = [];
  readonly #decoder = new TextDecoder('utf-16le');
  readonly #columns: ReturnType<typeof allocate>;
  #count = 0;
  #unknownKinds = 0;

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#columns = allocate(recording.chunks.reduce((sum, chunk) => sum + chunk.bytes.length / SLOT_BYTES, 0));
  }

  /** Returns the ring's count of lost records. */
  readRing(source: number, ring: number, chunks: readonly SlotChunk[]): bigint {
    const runs = chunks
      .filter((chunk) => chunk.bytes.length > 0)
      .map((chunk): SlotRun => ({
        first: Number(chunk.firstSlot),
        view: new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.byteLength),
        slots: chunk.bytes.length / SLOT_BYTES,
      }))
      .sort((a, b) => a.first - b.first);
    const cursor = new RingCursor(runs);
    let lostSeen = 0;
    let last = -1;
    for (;;) {
      const before = this.#count;
      this.#readPlain(source, ring, cursor, lostSeen);
      if (this.#count > before) last = this.#count - 1;
      const missing = cursor.skipHole();
      const bad = cursor.skipUnwritten();
      if (missing > 0 || bad > 0) {
        this.#gaps.push({
          ...{ source, ring, count: missing + bad, unit: 'slots', reason: missing > 0 ? 'missing' : 'damaged' },
          ...{ after: last, before: cursor.done ? -1 : this.#count, from: 0, until: 0 },
        });
        continue;
      }
      if (cursor.done) break;
      const record = this.#readRecord(source, ring, cursor);
      if (record < 0) continue;
      const rise = (cursor.lost - lostSeen) >>> 0;
      if (rise > 0 && rise < 0x8000_0000) {
        lostSeen = cursor.lost;
        this.#gaps.push({
          ...{ source, ring, count: rise, unit: 'records', reason: 'lost' },
          ...{ after: last, before: record, from: 0, until: 0 },
        });
      }
      last = record;
    }
    const lost = chunks.reduce((most, chunk) => (chunk.lost > most ? chunk.lost : most), 0n);
    const unseen = Number(BigInt.asUintN(32, lost - BigInt(lostSeen)));
    if (unseen > 0 && unseen < 0x8000_0000) {
      this.#gaps.push({
        ...{ source, ring, count: unseen, unit: 'records', reason: 'lost' },
        ...{ after: last, before: -1, from: 0, until: 0 },
      });
    }
    return lost;
  }

  endSource(ordinal: number, source: RecordingSource, ringLost: bigint): void {
    const unringed = Number((source.end?.lost ?? 0n) - ringLost);
    const whole = { source: ordinal, ring: -1, after: -1, before: -1, from: 0, until: 0 } as const;
    if (unringed > 0) this.#gaps.push({ ...whole, count: unringed, unit: 'records', reason: 'unringed' });
    if (ordinal === 0 && this.#recording.dropped.slots > 0) {
      this.#gaps.push({ ...whole, count: this.#recording.dropped.slots, unit: 'slots', reason: 'dropped' });
    }
  }

  finish(): RecordTable {
    const count = this.#count;
    const columns = this.#columns;
    const cut = Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, column.subarray(0, count)]),
    ) as typeof columns;
    return {
      ...cut,
      count,
      words: this.#words,
      text: this.#text,
      lists: this.#lists,
      base: this.#recording.sources.map((_source, ordinal) => this.#base[ordinal] ?? 0n),
      gaps: this.#gaps,
      unknownKinds: this.#unknownKinds,
    };
  }

  /** Returns the record's index, -1 when its kind is unknown and it was passed over. */
  #readRecord(source: number, ring: number, cursor: RingCursor): number {
    const { view, at } = cursor;
    const kind = view.getUint16(at + 52, true);
    const slots = view.getUint8(at + 58);
    cursor.lost = view.getUint32(at + 48, true);
    if (KNOWN[kind] !== 1) {
      this.#unknownKinds += 1;
      cursor.advance(slots);
      return -1;
    }
    this.#beginSource(source, view, at);
    const index = this.#take(source, ring, cursor.slot, kind, view, at);
    if (slots > 1) this.#readPayload(index, kind, cursor.payload(slots));
    cursor.advance(slots);
    return index;
  }

  /** Records of one slot each that follow one another, as nearly all do, up to the first that is anything else. */
  #readPlain(source: number, ring: number, cursor: RingCursor, lost: number): void {
    const run = cursor.rest();
    if (run === undefined || this.#base[source] === undefined) return;
    const slots = this.#takePlain(source, ring, run.slot, run.view, run.at, lost);
    if (slots > 0) cursor.lost = lost;
    cursor.advance(slots);
  }

  /** Returns how many. The loop is a function by itself so that the engine need not give up its code at each run's end. */
  #takePlain(source: number, ring: number, first: number, view: DataView, begin: number, lost: number): number {
    let slot = first;
    for (let at = begin; at < view.byteLength; at += SLOT_BYTES) {
      const kind = view.getUint16(at + 52, true);
      if (view.getUint8(at + 58) !== 1 || view.getUint32(at + 60, true) !== (slot + 1) % 0x1_0000_0000) break;
      if (KNOWN[kind] !== 1 || view.getUint32(at + 48, true) !== lost) break;
      this.#take(source, ring, slot, kind, view, at);
      slot += 1;
    }
    return slot - first;
  }

  #beginSource(source: number, view: DataView, at: number): void {
    const base = (this.#base[source] ??= view.getBigUint64(at, true));
    this.#baseLow = Number(base & 0xffff_ffffn);
    this.#baseHigh = Number(base >> 32n);
  }

  /** The record of one slot, without its payload. Returns its index. */
  #take(source: number, ring: number, slot: number, kind: number, view: DataView, at: number): number {
    const index = this.#count;
    this.#count += 1;
    const c = this.#columns;
    const words = this.#words;
    const high = view.getUint32(at + 4, true) - this.#baseHigh;
    // Exact: a recording is far shorter than 2^53 ticks.
    c.time[index] = high * 0x1_0000_0000 + (view.getUint32(at, true) - this.#baseLow);
    c.object[index] = words.encode(view.getUint32(at + 8, true), view.getUint32(at + 12, true));
    c.caller[index] = words.encode(view.getUint32(at + 16, true), view.getUint32(at + 20, true));
    c.argument[index] = words.encode(view.getUint32(at + 24, true), view.getUint32(at + 28, true));
    c.process[index] = view.getUint32(at + 32, true);
    c.thread[index] = view.getUint32(at + 36, true);
    c.status[index] = view.getUint32(at + 40, true);
    const duration = view.getUint32(at + 44, true);
    c.duration[index] = duration;
    c.saturated[index] = duration === 0xffff_ffff ? 1 : 0;
    c.kind[index] = kind;
    c.processor[index] = view.getUint16(at + 54, true);
    c.irql[index] = view.getUint8(at + 56);
    c.previous[index] = view.getUint8(at + 57);
    c.flags[index] = view.getUint8(at + 59);
    c.source[index] = source;
    c.ring[index] = ring;
    c.slot[index] = slot;
    return index;
  }

  #readPayload(index: number, kind: number, payload: Uint8Array | undefined): void {
    if (payload === undefined) return;
    if (!isList(kind)) {
      const text = this.#decoder.decode(payload);
      const end = text.indexOf('\0');
      this.#text.set(index, end < 0 ? text : text.slice(0, end));
      return;
    }
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const list: number[] = [];
    for (let at = 0; at + 8 <= payload.length; at += 8) {
      list.push(this.#words.encode(view.getUint32(at, true), view.getUint32(at + 4, true)));
    }
    while (list.at(-1) === 0) list.pop();
    if (list.length > 0) this.#lists.set(index, list);
  }
}

function allocate(count: number) {
  return {
    source: new Uint8Array(count),
    ring: new Uint16Array(count),
    slot: new Float64Array(count),
    kind: new Uint8Array(count),
    flags: new Uint8Array(count),
    previous: new Uint8Array(count),
    irql: new Uint8Array(count),
    processor: new Uint16Array(count),
    process: new Uint32Array(count),
    thread: new Uint32Array(count),
    status: new Uint32Array(count),
    object: new Float64Array(count),
    caller: new Float64Array(count),
    argument: new Float64Array(count),
    time: new Float64Array(count),
    duration: new Float64Array(count),
    saturated: new Uint8Array(count),
  };
}
