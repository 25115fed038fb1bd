/** Questions about many intervals of one object, answered by search. Intervals are columns: a million are two arrays. */
import { ascending } from './order.js';

export interface Interval {
  readonly from: number;
  readonly until: number;
}

/** `from` and `until` by row. */
export interface Intervals {
  readonly count: number;
  readonly from: Float64Array;
  readonly until: Float64Array;
}

export function intervalsOf(list: readonly Interval[]): Intervals {
  const from = Float64Array.from(list, (interval) => interval.from);
  return { count: list.length, from, until: Float64Array.from(list, (interval) => interval.until) };
}

/** Chosen rows of intervals, in their order. */
export function chosen(
  { count, from, until }: Intervals,
  wanted: (row: number) => boolean,
): Intervals & { readonly rows: Uint32Array } {
  const wantedRows = new Uint32Array(count);
  let kept = 0;
  for (let row = 0; row < count; row += 1) if (wanted(row)) wantedRows[kept++] = row;
  if (kept === count) return { count, from, until, rows: wantedRows };
  const rows = wantedRows.slice(0, kept);
  return { count: kept, from: permuted(from, rows), until: permuted(until, rows), rows };
}

export function joined(...all: readonly Intervals[]): Intervals {
  const parts = all.filter((part) => part.count > 0);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const from = new Float64Array(count);
  const until = new Float64Array(count);
  let at = 0;
  for (const part of parts) {
    from.set(part.from, at);
    until.set(part.until, at);
    at += part.count;
  }
  return { count, from, until };
}

export class IntervalIndex {
  readonly count: number;
  /** In order of their beginning. */
  readonly #from: Float64Array;
  readonly #until: Float64Array;
  /** Row by place in that order; undefined: the same. */
  readonly #rows: Uint32Array | undefined;
  /** Latest end among intervals up to and including this one. */
  readonly #latest: Float64Array;
  /** Earliest end among this one and all behind it. */
  readonly #earliest: Float64Array;
  /** Where the last search ended: the next is mostly near. */
  #near = 0;

  constructor({ count, from, until }: Intervals) {
    this.count = count;
    this.#rows = ascends(from) ? undefined : ascending(from);
    this.#from = permuted(from, this.#rows);
    this.#until = permuted(until, this.#rows);
    const orderly = ascends(this.#until);
    this.#latest = orderly ? this.#until : running(this.#until);
    this.#earliest = orderly ? this.#until : remaining(this.#until);
  }

  /** Earliest end of those that begin at `moment` or later; Infinity when none does. */
  earliestEndAfter(moment: number): number {
    return this.#earliest[this.#countBefore(moment, false)] ?? Infinity;
  }

  /** Latest end of those that begin at `moment` or before; -Infinity when none does. */
  latestEndOfThoseBegunBy(moment: number): number {
    return this.#latest[this.#countBefore(moment, true) - 1] ?? -Infinity;
  }

  /** Beginning of the last that begins at `moment` or before; undefined when none does. */
  lastBegin(moment: number): number | undefined {
    return this.#from[this.#countBefore(moment, true) - 1];
  }

  /** Rows of those that overlap [from, until], the latest first, at most as many as `into` holds. Returns how many. */
  overlapping(from: number, until: number, into: Int32Array): number {
    let found = 0;
    for (let at = this.#countBefore(until, true) - 1; at >= 0 && found < into.length; at -= 1) {
      if ((this.#latest[at] ?? 0) < from) break;
      if ((this.#until[at] ?? 0) >= from) into[found++] = this.#rows?.[at] ?? at;
    }
    return found;
  }

  any(from: number, until: number): boolean {
    if (this.count === 0) return false;
    const last = this.#countBefore(until, true) - 1;
    return last >= 0 && (this.#latest[last] ?? 0) >= from;
  }

  /** Whether at least two overlap [from, until]. */
  several(from: number, until: number): boolean {
    return this.overlapping(from, until, TWO) === TWO.length;
  }

  /** How many begin before `moment`, or at it too when `inclusive`. */
  #countBefore(moment: number, inclusive: boolean): number {
    const from = this.#from;
    // From the last answer outwards, in steps that double: questions follow one another in time.
    let low = 0;
    let high = this.count;
    let step = 1;
    if (this.#near < high && isBefore(from[this.#near] ?? 0, moment, inclusive)) {
      low = this.#near + 1;
      while (low + step < high && isBefore(from[low + step - 1] ?? 0, moment, inclusive)) {
        low += step;
        step *= 2;
      }
      high = Math.min(high, low + step);
    } else {
      high = Math.min(high, this.#near);
      while (high - step >= 0 && !isBefore(from[high - step] ?? 0, moment, inclusive)) {
        high -= step;
        step *= 2;
      }
      low = Math.max(0, high - step);
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(from[middle] ?? 0, moment, inclusive)) low = middle + 1;
      else high = middle;
    }
    this.#near = low;
    return low;
  }
}

const isBefore = (begin: number, moment: number, inclusive: boolean): boolean =>
  begin < moment || (inclusive && begin === moment);

const TWO = new Int32Array(2);

function ascends(values: Float64Array): boolean {
  for (let at = 1; at < values.length; at += 1) if ((values[at] ?? 0) < (values[at - 1] ?? 0)) return false;
  return true;
}

function permuted(values: Float64Array, rows: Uint32Array | undefined): Float64Array {
  if (rows === undefined) return values;
  const moved = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) moved[at] = values[rows[at] ?? 0] ?? 0;
  return moved;
}

function running(ends: Float64Array): Float64Array {
  const latest = new Float64Array(ends.length);
  let most = -Infinity;
  for (let at = 0; at < ends.length; at += 1) latest[at] = most = Math.max(most, ends[at] ?? 0);
  return latest;
}

function remaining(ends: Float64Array): Float64Array {
  const earliest = new Float64Array(ends.length);
  let least = Infinity;
  for (let at = ends.length - 1; at >= 0; at -= 1) earliest[at] = least = Math.min(least, ends[at] ?? Infinity);
  return earliest;
}
