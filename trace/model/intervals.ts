/** Questions about many intervals of one object, answered by binary search. */
export interface Interval {
  readonly from: number;
  readonly until: number;
}

export class IntervalIndex<T extends Interval> {
  readonly #byFrom: readonly T[];
  /** Latest end among intervals up to and including this one. */
  readonly #latest: Float64Array;
  /** Earliest end among this one and all behind it. */
  readonly #earliest: Float64Array;

  constructor(intervals: readonly T[]) {
    this.#byFrom = [...intervals].sort((a, b) => a.from - b.from);
    const count = intervals.length;
    this.#latest = new Float64Array(count);
    this.#earliest = new Float64Array(count + 1).fill(Infinity);
    let latest = -Infinity;
    this.#byFrom.forEach((interval, at) => (this.#latest[at] = latest = Math.max(latest, interval.until)));
    for (let at = count - 1; at >= 0; at -= 1) {
      this.#earliest[at] = Math.min(this.#earliest[at + 1] ?? Infinity, this.#byFrom[at]?.until ?? Infinity);
    }
  }

  /** Earliest end of those that begin at `moment` or later; Infinity when none does. */
  earliestEndAfter(moment: number): number {
    return this.#earliest[this.#countBefore(moment, false)] ?? Infinity;
  }

  /** Those that overlap [from, until], the latest first, at most `limit`. */
  overlapping(from: number, until: number, limit: number): T[] {
    const found: T[] = [];
    for (let at = this.#countBefore(until, true) - 1; at >= 0 && found.length < limit; at -= 1) {
      if ((this.#latest[at] ?? 0) < from) break;
      const interval = this.#byFrom[at];
      if (interval !== undefined && interval.until >= from) found.push(interval);
    }
    return found;
  }

  any(from: number, until: number): boolean {
    return this.overlapping(from, until, 1).length > 0;
  }

  /** How many begin before `moment`, or at it too when `inclusive`. */
  #countBefore(moment: number, inclusive: boolean): number {
    let low = 0;
    let high = this.#byFrom.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const from = this.#byFrom[middle]?.from ?? Infinity;
      if (from < moment || (inclusive && from === moment)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
