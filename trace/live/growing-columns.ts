/**
 * Columns of a recording that grows. Most of it is settled: of each object what was before its last quiet moment is modelled once and
 * kept as columns, and a model is made anew of what came since, together with all that tells what handles and addresses mean. So the
 * cost of a picture follows what is new.
 *
 * It says what a model of everything says. Where that cannot be known everything is modelled: while records are missing, while sources have clocks
 * of their own, and once more when something comes that is older than what is settled, or makes two objects one.
 */
import { lowerBound, type TimelineColumns } from '../columns/columns.js';
import { toColumns } from '../columns/from-model.js';
import { applyClock } from '../model/clock.js';
import { modelOf, type TraceModel } from '../model/model.js';
import type { KnownMoment } from '../model/objects.js';
import type { RecordReader } from '../model/record-reader.js';
import { Kind } from '../model/records.js';
import type { Recording } from '../recording.js';
import { Part } from './part.js';
import { Settled } from './settled.js';

export interface Growth {
  /** ns before the last record from which on nothing is settled: a call is recorded at its return. */
  readonly margin: number;
  /** As long as there are fewer records everything is modelled. */
  readonly least: number;
}

const USUAL: Growth = { margin: 50e6, least: 60_000 };
/** Parts per million by which the clock may turn out to run otherwise before everything is put on the new one. */
const CLOCK_PPM = 5;

export class GrowingColumns {
  readonly #reader: RecordReader;
  readonly #growth: Growth;
  #settled = new Settled();
  #threadLanes = new Map<string, number>();
  #callerOf = new Map<string, number>();
  /** Records that are modelled anew, by index among all; undefined: all that are drawn. */
  #rows: Uint32Array<ArrayBuffer> | undefined;
  /** Records that were there the last time, and were not drawn yet. */
  #heldBack: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  /** How many records were there the last time. */
  #seen = 0;
  /** Of the first so many the newest. */
  #newest = -Infinity;
  #trusted = 0;
  /** Sources have clocks of their own. */
  #apart = false;
  /** ns: of what began before, calls are settled, and waits as far as they ended. */
  #until = -Infinity;
  /** Calibrations that the clock of what is settled is made of, and its rates. */
  #calibrations = 0;
  #rates: readonly number[] = [];
  #sources = '';
  #modelled = 0;

  constructor(reader: RecordReader, growth: Growth = USUAL) {
    this.#reader = reader;
    this.#growth = growth;
  }

  /** How many records that tell clocks the clock of the last picture was made of. */
  get calibrations(): number {
    return this.#rows === undefined ? this.#reader.calibrations.length : this.#calibrations;
  }

  /** How many records the last model was made of. */
  get modelled(): number {
    return this.#modelled;
  }

  /**
   * Of all that began before the newest of the first `trusted` records did. What came with that one, or before, is only part of what
   * went on then: rings are drained in turn, and of a wait that ended the signal may still be on its way. Without it another signal would
   * have to have released the wait. `recording`: without slots.
   */
  columns(recording: Recording, trusted: number = this.#reader.count): TimelineColumns {
    this.#newest = Math.max(this.#newest, this.#reader.newest(this.#trusted, trusted));
    this.#trusted = Math.max(this.#trusted, trusted);
    if (this.#rows !== undefined && !this.#goesOn(recording)) this.#forget();
    const columns = this.#next(recording);
    if (columns !== undefined) return columns;
    this.#forget();
    return this.#next(recording) ?? toColumns(modelOf(recording, this.#reader.soFar(recording)));
  }

  /** Sources have clocks of their own: it cannot be told what began before what, and all that came is drawn. */
  get isApart(): boolean {
    return this.#apart;
  }

  /** How many of the records that came are not drawn yet. */
  get heldBack(): number {
    return this.#heldBack.length;
  }

  /** Everything is modelled the next time. */
  #forget(): void {
    this.#settled = new Settled();
    this.#threadLanes = new Map();
    this.#callerOf = new Map();
    this.#rows = undefined;
    this.#until = -Infinity;
  }

  /** The sources are the same, and their clocks run as they did. */
  #goesOn(recording: Recording): boolean {
    if (describe(recording) !== this.#sources) return false;
    const { calibrations } = this.#reader;
    if (calibrations.length === this.#calibrations) return true;
    const rows = Uint32Array.from(calibrations);
    const { clock } = applyClock(this.#reader.some(recording, rows, rows.length), recording.sources);
    return clock.sources.every(
      ({ uncertainty, nsPerTick }, source) =>
        uncertainty === 0 && Math.abs(nsPerTick / (this.#rates[source] ?? NaN) - 1) * 1e6 < CLOCK_PPM,
    );
  }

  /** undefined: something came that what is settled does not go with. */
  #next(recording: Recording): TimelineColumns | undefined {
    const before = this.#rows;
    const came = before === undefined ? range(0, this.#reader.count) : this.#cameSince();
    const all = this.#apart || this.#trusted === this.#reader.count;
    const fresh = all ? came : this.#reader.begunBy(this.#newest, came);
    const rows = before === undefined ? fresh : merged(before, fresh);
    const table = this.#reader.some(recording, rows, this.calibrations);
    this.#modelled = table.count;
    if (before !== undefined && table.gaps.length > 0) return undefined;
    const model = modelOf(recording, table, before === undefined ? [] : this.#known(rows));
    const apart = model.clock.sources.some(({ uncertainty }) => uncertainty !== 0);
    if (apart !== this.#apart) {
      this.#apart = apart;
      return undefined;
    }
    const columns = toColumns(model);
    const heldBack = all ? new Uint32Array(0) : without(came, fresh);
    if (before === undefined) {
      if (table.gaps.length > 0 || apart || table.count < this.#growth.least) {
        this.#heldBack = heldBack;
        return columns;
      }
      this.#calibrations = this.#reader.calibrations.length;
      this.#rates = model.clock.sources.map(({ nsPerTick }) => nsPerTick);
      this.#sources = describe(recording);
    } else if (this.#isLate(model, rows, fresh)) return undefined;
    const part = new Part(this.#settled, this.#threadLanes, this.#callerOf, model, columns, rows);
    if (!part.fits) return undefined;
    const until = Math.max(this.#until, columns.end - this.#growth.margin);
    const joined = part.settle(until, this.#until);
    this.#until = until;
    this.#heldBack = heldBack;
    this.#seen = this.#reader.count;
    this.#rows = part.rowsToKeep();
    return joined;
  }

  /** Since the last time, or held back then. */
  #cameSince(): Uint32Array<ArrayBuffer> {
    return merged(this.#heldBack, range(this.#seen, this.#reader.count));
  }

  #known(rows: Uint32Array): readonly KnownMoment[] {
    return this.#settled.objects
      .filter(({ from }) => from > -Infinity)
      .map(({ namer: { record, place }, from }) => ({ record: lowerBound(rows, record), place, from }));
  }

  /** Of what is new something began when everything was settled already. */
  #isLate({ records, waits }: TraceModel, rows: Uint32Array, fresh: Uint32Array): boolean {
    const isFresh = new Uint8Array(rows.length);
    for (let at = 0, next = 0; at < rows.length && next < fresh.length; at += 1) {
      if (rows[at] !== fresh[next]) continue;
      isFresh[at] = 1;
      next += 1;
    }
    for (let record = 0; record < rows.length; record += 1) {
      if (isFresh[record] === 0 || records.kind[record] === Kind.Calibration) continue;
      if ((records.time[record] ?? 0) < this.#until) return true;
    }
    for (let wait = 0; wait < waits.count; wait += 1) {
      if (waits.beginRecord[wait] !== -1 || (waits.begin[wait] ?? 0) >= this.#until) continue;
      if (isFresh[waits.endRecord[wait] ?? -1] === 1) return true;
    }
    return false;
  }
}

/** What names, times and threads of a recording depend on. */
const describe = ({ sources }: Recording): string =>
  JSON.stringify(sources.map(({ id, side, process, session, machine }) => [id, side, process, session, machine]));

function range(from: number, until: number): Uint32Array<ArrayBuffer> {
  const all = new Uint32Array(until - from);
  for (let at = 0; at < all.length; at += 1) all[at] = from + at;
  return all;
}

/** Both ascend, and have nothing in common. */
function merged(a: Uint32Array<ArrayBuffer>, b: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  if (a.length === 0) return b;
  const all = new Uint32Array(a.length + b.length);
  for (let at = 0, ofA = 0, ofB = 0; at < all.length; at += 1) {
    const isA = ofB >= b.length || (ofA < a.length && (a[ofA] ?? 0) < (b[ofB] ?? 0));
    all[at] = (isA ? a[ofA] : b[ofB]) ?? 0;
    if (isA) ofA += 1;
    else ofB += 1;
  }
  return all;
}

/** Those of `all` that are not among `some`; both ascend. */
function without(all: Uint32Array, some: Uint32Array): Uint32Array<ArrayBuffer> {
  const rest = new Uint32Array(all.length - some.length);
  let next = 0;
  let count = 0;
  for (const one of all) {
    if (some[next] === one) next += 1;
    else rest[count++] = one;
  }
  return rest;
}
