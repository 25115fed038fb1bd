/**
 * Slots to records, as they come: nothing is kept of the slots but what the records say. Also finds what is missing: every
 * hole in a ring becomes a {@link Gap}.
 */
import { MAX_RINGS, SLOT_BYTES, type Recording, type SlotChunk } from '../recording.js';
import { allocateColumns, copyColumns, tableOfSome, type RecordColumns } from './record-columns.js';
import { Kind, type Gap, type RecordTable } from './records.js';
import { MAX_RECORD_SLOTS, RingCursor, type SlotRun } from './ring-cursor.js';
import { KEPT, Words } from './words.js';

/** Kinds whose payload is a list of handles or addresses; all other payloads are UTF-16 text. */
const isList = (kind: number): boolean => kind === Kind.WaitBegin;
/** By kind: whether this version knows it. */
const KNOWN = new Uint8Array(0x1_0000);
for (const kind of Object.values(Kind)) KNOWN[kind] = 1;
const KINDS = 256;
/** Words of 32 bits in a slot. */
const HEAD_WORDS = SLOT_BYTES / 4;

/** What is known of a ring so far. */
interface Ring {
  readonly source: number;
  readonly ring: number;
  /** Slot behind the last that came; -1 before the first. */
  next: number;
  /** Slots at the end of what came that are no whole record yet. */
  rest: SlotRun | undefined;
  /** Its count of lost records, as its records tell it, and as its drains told it. */
  lost: number;
  lostInAll: bigint;
  /** Its last record, -1 before the first. */
  last: number;
  /** Slots since then that never came, and that hold no record. */
  missing: number;
  damaged: number;
}

/** Reads every slot of the recording. Times stay in ticks until {@link file://./clock.ts} turns them into ns. */
export function readRecords(recording: Recording): RecordTable {
  const { chunks, sources } = recording;
  const reader = new RecordReader(chunks.reduce((sum, { bytes }) => sum + bytes.length / SLOT_BYTES, 0));
  const ordinals = new Map(sources.map(({ id }, ordinal) => [id, ordinal]));
  const ordinal = ({ source }: SlotChunk): number => ordinals.get(source) ?? 0;
  // Whatever order they came in, each record has the same place.
  const inOrder = chunks.toSorted(
    (a, b) => ordinal(a) - ordinal(b) || a.ring - b.ring || Number(a.firstSlot - b.firstSlot),
  );
  for (const chunk of inOrder) reader.take(ordinal(chunk), chunk);
  return reader.finish(recording);
}

export class RecordReader {
  readonly #words = new Words();
  readonly #text = new Map<number, string>();
  readonly #lists = new Map<number, readonly number[]>();
  readonly #waitOfSignal = new Map<number, number>();
  readonly #ofKind = new Uint32Array(KINDS);
  readonly #earliest = new Float64Array(256).fill(Infinity);
  readonly #calibrations: number[] = [];
  readonly #modules: number[] = [];
  readonly #base: (bigint | undefined)[] = [];
  /** Of the source that is being read: its base in two halves. */
  #baseLow = 0;
  #baseHigh = 0;
  readonly #gaps: Gap[] = [];
  readonly #decoder = new TextDecoder('utf-16le');
  readonly #rings = new Map<number, Ring>();
  #columns: RecordColumns;
  #count = 0;
  #unknownKinds = 0;

  /** `slots`: how many there will be at most, when that is known. */
  constructor(slots = 0) {
    this.#columns = allocateColumns(slots + MAX_RECORD_SLOTS);
  }

  /** Records that tell clocks, so far. */
  get calibrations(): readonly number[] {
    return this.#calibrations;
  }

  /** When the last of records [from, until) began (a wait's end: when it ended), in ticks since the first source's base. */
  newest(from: number, until: number): number {
    let newest = -Infinity;
    const { kind } = this.#columns;
    for (let record = from; record < until; record += 1) {
      if (kind[record] !== Kind.Calibration) newest = Math.max(newest, this.#ticks(record));
    }
    return newest;
  }

  /** Those of some records that had begun by then; what tells clocks counts as such. */
  begunBy(ticks: number, records: Uint32Array): Uint32Array<ArrayBuffer> {
    const begun = new Uint32Array(records.length);
    let count = 0;
    const { kind } = this.#columns;
    for (const record of records) {
      if (this.#ticks(record) <= ticks || kind[record] === Kind.Calibration) begun[count++] = record;
    }
    return begun.slice(0, count);
  }

  #ticks(record: number): number {
    const { time, source } = this.#columns;
    const [first = 0n] = this.#base;
    const base = this.#base[source[record] ?? 0] ?? first;
    return (time[record] ?? 0) + (base === first ? 0 : Number(base - first));
  }

  /** How many records there are so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Reads drained slots. `source`: ordinal. Returns how many of them lie before others of their ring that were read already:
   * they are left out.
   */
  take(source: number, { ring: number, firstSlot, lost, bytes }: SlotChunk): number {
    const ring = this.#ring(source, number);
    if (lost > ring.lostInAll) ring.lostInAll = lost;
    const slots = bytes.length / SLOT_BYTES;
    const first = Number(firstSlot);
    if (slots === 0) return 0;
    if (ring.next < 0) ring.next = first;
    const late = Math.min(slots, Math.max(0, ring.next - first));
    if (late === slots) return late;
    this.#reserve(slots + MAX_RECORD_SLOTS);
    if (first > ring.next) this.#hole(ring, first);
    const view = alignedView(bytes.subarray(late * SLOT_BYTES));
    const run = { first: first + late, view, slots: slots - late };
    ring.next = first + slots;
    this.#read(ring, ring.rest === undefined ? [run] : [ring.rest, run], MAX_RECORD_SLOTS);
    return late;
  }

  /** What was read. Nothing more may be taken afterwards: whose table it is may write into it. */
  finish(recording: Pick<Recording, 'sources' | 'dropped'>): RecordTable {
    this.#reserve(this.#rings.size * MAX_RECORD_SLOTS);
    for (const ring of this.#rings.values()) this.#readRest(ring);
    const columns = this.#columns;
    // What whose table it is gives up is not to be held here.
    this.#columns = allocateColumns(0);
    return this.#table(recording, columns);
  }

  /** What was read so far; more may be taken afterwards, and is in a later table. The times are copies. */
  soFar(recording: Pick<Recording, 'sources' | 'dropped'>): RecordTable {
    const { time, duration } = this.#columns;
    const count = this.#count;
    return this.#table(recording, {
      ...this.#columns,
      ...{ time: time.slice(0, count), duration: duration.slice(0, count) },
    });
  }

  /**
   * Some of what was read so far, by ascending index in the table of all; more may be taken afterwards. `calibrations`: how many of the first
   * ones make the clock.
   */
  some(
    recording: Pick<Recording, 'sources' | 'dropped'>,
    rows: Uint32Array<ArrayBuffer>,
    calibrations: number,
  ): RecordTable {
    return tableOfSome(this.#table(recording, this.#columns), rows, calibrations);
  }

  #table({ sources, dropped }: Pick<Recording, 'sources' | 'dropped'>, columns: RecordColumns): RecordTable {
    const count = this.#count;
    const gaps = this.#gaps.slice();
    sources.forEach((source, ordinal) => {
      let ringLost = 0n;
      for (const ring of this.#rings.values()) {
        if (ring.source !== ordinal) continue;
        ringLost += ring.lostInAll;
        gaps.push(...gapsBehind(ring));
      }
      const whole = { source: ordinal, ring: -1, after: -1, before: -1, from: 0, until: 0 } as const;
      const unringed = Number((source.end?.lost ?? 0n) - ringLost);
      if (unringed > 0) gaps.push({ ...whole, count: unringed, unit: 'records', reason: 'unringed' });
      if (ordinal === 0 && dropped.slots > 0) {
        gaps.push({ ...whole, count: dropped.slots, unit: 'slots', reason: 'dropped' });
      }
    });
    const cut = Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, column.subarray(0, count)]),
    ) as typeof columns;
    return {
      ...cut,
      ...{ count, words: this.#words, text: this.#text, lists: this.#lists, gaps },
      ...{ ofKind: this.#ofKind, earliest: this.#earliest, calibrations: this.#calibrations, modules: this.#modules },
      waitOfSignal: this.#waitOfSignal,
      base: sources.map((_source, ordinal) => this.#base[ordinal] ?? 0n),
      unknownKinds: this.#unknownKinds,
    };
  }

  #ring(source: number, number: number): Ring {
    const key = source * MAX_RINGS + number;
    let ring = this.#rings.get(key);
    if (ring === undefined) {
      ring = {
        ...{ source, ring: number, next: -1, rest: undefined, lost: 0, lostInAll: 0n },
        ...{ last: -1, missing: 0, damaged: 0 },
      };
      this.#rings.set(key, ring);
    }
    return ring;
  }

  /** Slots before this one never came. */
  #hole(ring: Ring, first: number): void {
    this.#readRest(ring);
    ring.missing += first - ring.next;
  }

  /** Nothing follows: what is not whole stays so. */
  #readRest(ring: Ring): void {
    if (ring.rest !== undefined) this.#read(ring, [ring.rest], 1);
  }

  /** `least`: slots that must be left for one that begins no whole record to be given up. */
  #read(ring: Ring, runs: readonly SlotRun[], least: number): void {
    const cursor = new RingCursor(runs);
    this.#useBase(this.#base[ring.source] ?? 0n);
    for (;;) {
      const before = this.#count;
      // The first record of a source is its base.
      if (this.#base[ring.source] !== undefined) this.#readPlain(ring, cursor);
      if (this.#count > before) {
        this.#noteGap(ring, before);
        ring.last = this.#count - 1;
      }
      ring.damaged += cursor.skipUnwritten(least);
      if (!cursor.whole) break;
      this.#readRecord(ring, cursor);
    }
    const { slot: first, left: slots } = cursor;
    ring.rest = slots === 0 ? undefined : { first, slots, view: new DataView(cursor.leftBytes().buffer) };
  }

  /** Slots that hold no record, or never came, before this one. */
  #noteGap(ring: Ring, before: number): void {
    const gap = holeBefore(ring, before);
    if (gap === undefined) return;
    this.#gaps.push(gap);
    ring.missing = ring.damaged = 0;
  }

  #readRecord(ring: Ring, cursor: RingCursor): void {
    const { view, at } = cursor;
    const kind = view.getUint16(at + 52, true);
    const slots = view.getUint8(at + 58);
    const lost = view.getUint32(at + 48, true);
    if (KNOWN[kind] !== 1) {
      this.#unknownKinds += 1;
      cursor.advance(slots);
      return;
    }
    this.#useBase((this.#base[ring.source] ??= view.getBigUint64(at, true)));
    const index = this.#count;
    this.#take(ring, cursor.slot, view, at, 1);
    if (slots > 1) this.#readPayload(index, kind, cursor.payload(slots));
    this.#noteGap(ring, index);
    const rise = (lost - ring.lost) >>> 0;
    if (rise > 0 && rise < 0x8000_0000) {
      ring.lost = lost;
      this.#gaps.push(lostGap(ring, rise, index));
    }
    if (kind === Kind.Calibration) this.#calibrations.push(index);
    else if (kind === Kind.Module) this.#modules.push(index);
    ring.last = index;
    cursor.advance(slots);
  }

  #useBase(base: bigint): void {
    this.#baseLow = Number(base & 0xffff_ffffn);
    this.#baseHigh = Number(base >> 32n);
  }

  /** Records of one slot each that follow one another, as nearly all do, up to the first that is anything else. */
  #readPlain(ring: Ring, cursor: RingCursor): void {
    const run = cursor.rest();
    if (run === undefined) return;
    const count = plainRecords(ring.lost, run.slot, run.view, run.at);
    if (count === 0) return;
    this.#take(ring, run.slot, run.view, run.at, count);
    cursor.advance(count);
  }

  /**
   * The heads of records whose slots follow one another, one slot each. Nearly all the time of reading is spent in this loop: it
   * calls nothing that it does not have to.
   */
  #take({ source, ring, last }: Ring, slot: number, view: DataView, begin: number, count: number): void {
    const c = this.#columns;
    const {
      time: times,
      kind: kinds,
      object: objects,
      caller: callers,
      process,
      thread,
      duration: took,
      slot: slots,
    } = c;
    const { previous, flags } = c;
    const [words, ofKind, baseLow, baseHigh] = [this.#words, this.#ofKind, this.#baseLow, this.#baseHigh];
    const first = this.#count;
    let before = last;
    let earliest = this.#earliest[source] ?? 0;
    let [callerLow, callerHigh, caller] = [0, 0, 0];
    // Little-endian, as the slots are: VS Code runs on nothing else.
    const heads = new Uint32Array(view.buffer, view.byteOffset + begin, count * HEAD_WORDS);
    for (let index = first, at = 0; index < first + count; index += 1, at += HEAD_WORDS) {
      const kind = (heads[at + 13] ?? 0) & 0xffff;
      // Exact: a recording is far shorter than 2^53 ticks.
      const ticks = ((heads[at + 1] ?? 0) - baseHigh) * 0x1_0000_0000 + ((heads[at] ?? 0) - baseLow);
      times[index] = ticks;
      if (ticks < earliest && kind !== Kind.Calibration) earliest = ticks;
      const object = heads[at + 2] ?? 0;
      const objectHigh = heads[at + 3] ?? 0;
      objects[index] = objectHigh === 0 && object < KEPT ? object : words.encode(object, objectHigh);
      const low = heads[at + 4] ?? 0;
      const high = heads[at + 5] ?? 0;
      // Calls mostly come from the same place over and over.
      if (low !== callerLow || high !== callerHigh) {
        caller = words.encode(low, high);
        callerLow = low;
        callerHigh = high;
      }
      callers[index] = caller;
      const argument = heads[at + 6] ?? 0;
      const argumentHigh = heads[at + 7] ?? 0;
      // New memory is all 0, and takes time to be touched: what is mostly 0 is written only where it is not.
      if (argument !== 0 || argumentHigh !== 0) c.argument[index] = words.encode(argument, argumentHigh);
      process[index] = heads[at + 8] ?? 0;
      thread[index] = heads[at + 9] ?? 0;
      const status = heads[at + 10] ?? 0;
      if (status !== 0) c.status[index] = status;
      const duration = heads[at + 11] ?? 0;
      took[index] = duration;
      if (duration === 0xffff_ffff) c.saturated[index] = 1;
      kinds[index] = kind;
      const small = heads[at + 14] ?? 0;
      previous[index] = small >>> 8;
      flags[index] = small >>> 24;
      slots[index] = slot + (index - first);
      ofKind[kind] = (ofKind[kind] ?? 0) + 1;
      // A Set directly behind a WaitBegin of the same moment is of the same call.
      if (kind === Kind.Set && before >= 0 && kinds[before] === Kind.WaitBegin && times[before] === ticks)
        this.#waitOfSignal.set(index, before);
      before = index;
    }
    c.source.fill(source, first, first + count);
    c.ring.fill(ring, first, first + count);
    this.#earliest[source] = earliest;
    this.#count = first + count;
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

  #reserve(slots: number): void {
    const room = this.#columns.kind.length;
    if (this.#count + slots <= room) return;
    const larger = allocateColumns(Math.max(this.#count + slots, room * 2));
    copyColumns(this.#columns, this.#count, larger);
    this.#columns = larger;
  }
}

/** At a multiple of 4, so that words can be read: a copy where the bytes lie elsewhere (a Buffer's own `slice` makes none). */
function alignedView(bytes: Uint8Array): DataView {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new DataView(buffer, byteOffset, byteLength);
}

/** How many records from here on have one slot each, are known, and tell of nothing but themselves. */
function plainRecords(lost: number, first: number, view: DataView, begin: number): number {
  let slot = first;
  const heads = new Uint32Array(view.buffer, view.byteOffset + begin, (view.byteLength - begin) / 4);
  for (let at = 0; at < heads.length; at += HEAD_WORDS) {
    const kind = (heads[at + 13] ?? 0) & 0xffff;
    const slots = ((heads[at + 14] ?? 0) >>> 16) & 0xff;
    if (slots !== 1 || heads[at + 15] !== (slot + 1) >>> 0) break;
    if (KNOWN[kind] !== 1 || heads[at + 12] !== lost) break;
    if (kind === Kind.Calibration || kind === Kind.Module) break;
    slot += 1;
  }
  return slot - first;
}

function holeBefore({ source, ring, missing, damaged, last: after }: Ring, before: number): Gap | undefined {
  if (missing + damaged === 0) return undefined;
  const reason = missing > 0 ? 'missing' : 'damaged';
  return { source, ring, count: missing + damaged, unit: 'slots', reason, after, before, from: 0, until: 0 };
}

const lostGap = ({ source, ring, last: after }: Ring, count: number, before: number): Gap => ({
  ...{ source, ring, count, unit: 'records', reason: 'lost', after, before, from: 0, until: 0 },
});

/** Behind the last record of a ring. */
function gapsBehind(ring: Ring): readonly Gap[] {
  const hole = holeBefore(ring, -1);
  const unseen = Number(BigInt.asUintN(32, ring.lostInAll - BigInt(ring.lost)));
  const lost = unseen > 0 && unseen < 0x8000_0000 ? [lostGap(ring, unseen, -1)] : [];
  return hole === undefined ? lost : [hole, ...lost];
}
