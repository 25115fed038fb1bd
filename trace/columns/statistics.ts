/** What happened in a stretch of time: counts and latencies by object, and by who woke whom. */
import { HeldTime } from '../model/held-time.js';
import { Transition } from '../model/transitions.js';
import { Outcome } from '../model/waits.js';
import { Evidence } from '../model/wakes.js';
import { laneOfRow, lowerBound, type TimelineColumns } from './columns.js';
import type { ColumnIndex } from './index-columns.js';

export interface Latency {
  readonly count: number;
  /** ns, nearest rank. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface ObjectStatistics {
  /** Position in `objects`. */
  readonly object: number;
  readonly transitions: number;
  readonly signals: number;
  /** Signals that a wait is known to have taken. */
  readonly taken: number;
  readonly coalesced: number;
  readonly wiped: number;
  readonly missedPulses: number;
  readonly timedOut: number;
  /** Of waits that a known signal released; undefined when there are none. */
  readonly latency: Latency | undefined;
}

/** Waits of one thread that the signals of another released. */
export interface WakerStatistics {
  /** Position in `threads`; -1 unknown. */
  readonly waker: number;
  readonly woken: number;
  readonly object: number;
  readonly latency: Latency;
}

export interface RangeStatistics {
  readonly from: number;
  readonly until: number;
  readonly objects: readonly ObjectStatistics[];
  /** The most frequent first. */
  readonly wakers: readonly WakerStatistics[];
  readonly latency: Latency | undefined;
  readonly histogram: readonly HistogramBin[];
}

export interface HistogramBin {
  /** ns, a power of two; the last bin's `until` is above all. */
  readonly from: number;
  readonly until: number;
  readonly count: number;
}

/** Kinds that signal. */
const SIGNALS: readonly number[] = [
  ...[Transition.Set, Transition.CoalescedSet, Transition.Pulse, Transition.MissedPulse, Transition.Release],
  ...[Transition.Expire, Transition.Complete],
];

/**
 * Signals, resets and takes in [from, until), waits that ended in it, latencies of signals in it but for those that a debugger prolonged.
 * @param wanted objects by position; undefined: all
 */
export function rangeStatistics(
  columns: TimelineColumns,
  index: ColumnIndex,
  from: number,
  until: number,
  wanted?: ReadonlySet<number>,
): RangeStatistics {
  const timeouts = timeoutsByObject(columns, from, until);
  const held = new HeldTime(columns.stops);
  const all = new Latencies();
  const wakers = new Map<string, { waker: number; woken: number; object: number; latencies: Latencies }>();
  const objects: ObjectStatistics[] = [];
  columns.objects.forEach((_head, object) => {
    if (wanted !== undefined && !wanted.has(object)) return;
    const { time, first, what, thread } = columns.transitions;
    const low = lowerBound(time, from, first[object], first[object + 1]);
    const high = lowerBound(time, until, low, first[object + 1]);
    const timedOut = timeouts[object] ?? 0;
    if (low === high && timedOut === 0) return;
    const kinds = new Uint32Array(32);
    for (let row = low; row < high; row += 1) kinds[what[row] ?? 0] = (kinds[what[row] ?? 0] ?? 0) + 1;
    const own = new Latencies();
    const taken = eachEdge(columns, index, low, high, (edge, row) => {
      const latency = columns.edges.latency[edge] ?? NaN;
      if (Number.isNaN(latency)) return;
      const end = columns.waits.end[columns.edges.wait[edge] ?? 0] ?? 0;
      if (held.within(end - latency, end) > 0) return;
      own.add(latency);
      all.add(latency);
      const waker = thread[row] ?? -1;
      const woken = laneOfRow(columns.waits.first, columns.edges.wait[edge] ?? 0);
      const key = `${waker} ${woken} ${object}`;
      let pair = wakers.get(key);
      if (pair === undefined) wakers.set(key, (pair = { waker, woken, object, latencies: new Latencies() }));
      pair.latencies.add(latency);
    });
    const count = (kind: number): number => kinds[kind] ?? 0;
    objects.push({
      ...{ object, transitions: high - low, taken, timedOut, latency: own.finish() },
      signals: SIGNALS.reduce((sum, kind) => sum + count(kind), 0),
      coalesced: count(Transition.CoalescedSet),
      wiped: count(Transition.Wipe),
      missedPulses: count(Transition.MissedPulse),
    });
  });
  return {
    ...{ from, until, objects, histogram: all.histogram(), latency: all.finish() },
    wakers: [...wakers.values()]
      .flatMap(({ waker, woken, object, latencies }): WakerStatistics[] => {
        const latency = latencies.finish();
        return latency === undefined ? [] : [{ waker, woken, object, latency }];
      })
      .sort((a, b) => b.latency.count - a.latency.count),
  };
}

/** Decided edges of the signals in rows [low, high). Returns how many of the signals have one. */
function eachEdge(
  { edges }: TimelineColumns,
  { signalRow, signalEdge }: ColumnIndex,
  low: number,
  high: number,
  visit: (edge: number, row: number) => void,
): number {
  let taken = 0;
  let before = -1;
  for (let at = lowerBound(signalRow, low); at < signalRow.length && (signalRow[at] ?? high) < high; at += 1) {
    const edge = signalEdge[at] ?? 0;
    const row = signalRow[at] ?? 0;
    if (edges.signal[edge] !== row || edges.evidence[edge] === Evidence.Ambiguous) continue;
    if (row !== before) taken += 1;
    before = row;
    visit(edge, row);
  }
  return taken;
}

/** Waits of a thread follow one another, but for those within an APC: so many may lie within one another. */
const MAX_NESTED = 8;

function timeoutsByObject({ waits, objects, threads }: TimelineColumns, from: number, until: number): Uint32Array {
  const counts = new Uint32Array(objects.length);
  threads.forEach((_head, thread) => {
    const first = waits.first[thread] ?? 0;
    const end = waits.first[thread + 1] ?? 0;
    const low = Math.max(first, lowerBound(waits.begin, from, first, end) - MAX_NESTED);
    for (let row = low; row < end && (waits.begin[row] ?? until) < until; row += 1) {
      const ended = waits.end[row] ?? 0;
      const object = waits.object[row] ?? -1;
      if (waits.outcome[row] !== Outcome.TimedOut || ended < from || ended >= until || object < 0) continue;
      counts[object] = (counts[object] ?? 0) + 1;
    }
  });
  return counts;
}

/** Latencies gathered, ranked when asked. */
class Latencies {
  #values = new Float64Array(16);
  #count = 0;

  add(ns: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = ns;
    this.#count += 1;
  }

  finish(): Latency | undefined {
    const count = this.#count;
    if (count === 0) return undefined;
    const sorted = this.#values.subarray(0, count).sort();
    const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * count) - 1)] ?? 0;
    return { count, p50: at(0.5), p99: at(0.99), max: sorted[count - 1] ?? 0 };
  }

  /** From the first bin that holds any to the last. */
  histogram(): HistogramBin[] {
    const counts: number[] = [];
    for (let at = 0; at < this.#count; at += 1) {
      const bin = Math.max(0, Math.floor(Math.log2(Math.max(1, this.#values[at] ?? 0))));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    const bins = Array.from(counts, (count: number | undefined, bin) => ({
      ...{ from: bin === 0 ? 0 : 2 ** bin, until: 2 ** (bin + 1), count: count ?? 0 },
    }));
    const first = bins.findIndex(({ count }) => count > 0);
    return first < 0 ? [] : bins.slice(first);
  }
}
