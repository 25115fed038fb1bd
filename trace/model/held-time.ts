/**
 * When a debugger held the target, on the clock of the records. What lasted meanwhile did so for the debugger's sake: it is drawn and told,
 * and counts in no latency.
 */
import type { Recording } from '../recording.js';
import type { Clock } from './clock.js';

export interface HeldSpan {
  /** ns since the first record. */
  readonly from: number;
  readonly until: number;
  readonly reason: string;
}

/** Of a recording's stops, cut to what was recorded; by their beginning. */
export function heldSpans(recording: Recording, clock: Clock, end: number): readonly HeldSpan[] {
  if (Number.isNaN(clock.startUtcMs)) return [];
  const ns = (utcMs: number): number => Math.min(Math.max((utcMs - clock.startUtcMs) * 1e6, 0), end);
  return (recording.metadata.stops ?? [])
    .map(({ fromUtcMs, untilUtcMs, reason }) => ({ from: ns(fromUtcMs), until: ns(untilUtcMs), reason }))
    .filter(({ from, until }) => until > from)
    .sort((a, b) => a.from - b.from);
}

/** Sums of held time. */
export class HeldTime {
  readonly #from: Float64Array;
  readonly #until: Float64Array;

  /** @param spans by their beginning; they may overlap */
  constructor(spans: readonly Omit<HeldSpan, 'reason'>[]) {
    const merged: { from: number; until: number }[] = [];
    for (const { from, until } of spans) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last.until) last.until = Math.max(last.until, until);
      else merged.push({ from, until });
    }
    this.#from = Float64Array.from(merged, ({ from }) => from);
    this.#until = Float64Array.from(merged, ({ until }) => until);
  }

  /** ns of [from, until) in which the target was held. */
  within(from: number, until: number): number {
    let held = 0;
    for (let at = this.#firstEndingAfter(from); at < this.#from.length; at += 1) {
      const begin = Math.max(this.#from[at] ?? Infinity, from);
      if (begin >= until) break;
      held += Math.min(this.#until[at] ?? 0, until) - begin;
    }
    return held;
  }

  #firstEndingAfter(time: number): number {
    let low = 0;
    let high = this.#until.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#until[middle] ?? 0) <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
