/**
 * What a stretch of rows holds, at several sizes, so that a pixel is answered in a few steps however many rows it covers.
 * Exact: the summary of rows [from, until) is that of walking them.
 */

/** Rows of a block of the lowest level, and blocks of a level in one of the next. */
export const FAN = 16;
const SHIFT = 4;

/** Which bits occur in a stretch of rows. */
export class MaskPyramid {
  /** `levels[0]`: a mask per row, not kept: given by `maskOf`. Above: OR of FAN entries of the level below. */
  constructor(
    readonly levels: readonly Uint32Array[],
    readonly rows: Uint8Array,
  ) {}

  /** `rows`: number of the bit (0 to 31) by row. */
  static of(rows: Uint8Array): MaskPyramid {
    const levels: Uint32Array[] = [];
    const lowest = new Uint32Array(Math.ceil(rows.length / FAN));
    for (let row = 0; row < rows.length; row += 1) {
      lowest[row >>> SHIFT] = (lowest[row >>> SHIFT] ?? 0) | (1 << (rows[row] ?? 0));
    }
    levels.push(lowest);
    for (let below = lowest; below.length > FAN;) {
      const level = new Uint32Array(Math.ceil(below.length / FAN));
      for (let at = 0; at < below.length; at += 1) level[at >>> SHIFT] = (level[at >>> SHIFT] ?? 0) | (below[at] ?? 0);
      levels.push(level);
      below = level;
    }
    return new MaskPyramid(levels, rows);
  }

  /** OR of the bits of rows [from, until). */
  query(from: number, until: number): number {
    let mask = 0;
    let low = from;
    let high = until;
    for (; low < high && (low & (FAN - 1)) !== 0; low += 1) mask |= 1 << (this.rows[low] ?? 0);
    for (; high > low && (high & (FAN - 1)) !== 0; high -= 1) mask |= 1 << (this.rows[high - 1] ?? 0);
    low >>>= SHIFT;
    high >>>= SHIFT;
    for (const level of this.levels) {
      if (low >= high) break;
      const last = level === this.levels.at(-1);
      for (; low < high && (last || (low & (FAN - 1)) !== 0); low += 1) mask |= level[low] ?? 0;
      for (; high > low && (high & (FAN - 1)) !== 0; high -= 1) mask |= level[high - 1] ?? 0;
      low >>>= SHIFT;
      high >>>= SHIFT;
    }
    return mask >>> 0;
  }

  /** First row of [from, until) that has one of the bits; -1 when none has. */
  find(bits: number, from: number, until: number): number {
    const lowest = this.levels[0];
    for (let row = from; row < until;) {
      if ((row & (FAN - 1)) === 0) {
        // Over whole blocks, the largest first, that have none.
        let level = this.levels.length - 1;
        for (; level >= 0; level -= 1) {
          const size = FAN ** (level + 1);
          if (row % size === 0 && row + size <= until && ((this.levels[level]?.[row / size] ?? 0) & bits) === 0) break;
        }
        if (level >= 0) {
          row += FAN ** (level + 1);
          continue;
        }
        if (((lowest?.[row >>> SHIFT] ?? 0) & bits) === 0) {
          row += FAN;
          continue;
        }
      }
      if (((1 << (this.rows[row] ?? 0)) & bits) !== 0) return row;
      row += 1;
    }
    return -1;
  }
}

/** How much of the time behind each row something held, summed, kept for every FANth row: `sums[block]` is that before it. */
export class TimeSums {
  constructor(readonly sums: Float64Array) {}

  /** `lengthOf`: ns that something holds from a row to the next of its lane. */
  static of(rows: number, lengthOf: (row: number) => number): TimeSums {
    const sums = new Float64Array(Math.ceil(rows / FAN) + 1);
    let sum = 0;
    for (let row = 0; row < rows; row += 1) {
      if ((row & (FAN - 1)) === 0) sums[row >>> SHIFT] = sum;
      sum += lengthOf(row);
    }
    sums[Math.ceil(rows / FAN)] = sum;
    return new TimeSums(sums);
  }

  /** Of all rows before this one. */
  before(row: number, lengthOf: (row: number) => number): number {
    const block = row >>> SHIFT;
    let sum = this.sums[block] ?? 0;
    for (let at = block << SHIFT; at < row; at += 1) sum += lengthOf(at);
    return sum;
  }
}

/** Counts by equal stretches of the whole time: `bins[at]` rows lie in stretch `at`; their sum is the number of rows. */
export function densityOf(times: Float64Array, end: number, bins: number): Uint32Array {
  const counts = new Uint32Array(bins);
  const perNs = bins / Math.max(1, end);
  for (let row = 0; row < times.length; row += 1) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor((times[row] ?? 0) * perNs)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}
