/** What became of each signal: taken, found signaled already, wiped, missed, still there, or not to be told. */
import { chosen, IntervalIndex } from './intervals.js';
import type { Parts } from './model.js';
import { isCounted, type Catalogue, type TraceObject } from './objects.js';
import { Kind } from './records.js';
import type { ObjectActivity, Operations } from './signals.js';
import { foundSignaled, holesOf } from './object-matcher.js';
import type { Wakes } from './wakes.js';

/** What became of a signal. */
export const Fate = { None: 0, Taken: 1, Coalesced: 2, Wiped: 3, Missed: 4, Pending: 5, Undecided: 6 } as const;
export type Fate = (typeof Fate)[keyof typeof Fate];
export const FATE_WORDS = ['', 'taken', 'coalesced', 'wiped', 'missed', 'pending', 'undecided'] as const;

export interface Fates {
  /** `Fate` by record. */
  readonly fate: Uint8Array;
  /** Reset that wiped it, by signal record, -1 for none; empty when none was. */
  readonly wipedBy: Int32Array;
}

export function findFates(parts: Parts, catalogue: Catalogue, wakes: Wakes): Fates {
  const fate = new Uint8Array(parts.records.count);
  const wiped = new WipedSignals(parts.records.count);
  markTaken(wakes, fate);
  for (const object of catalogue.objects) {
    const activity = wakes.activity.of(object.id);
    if (activity.signals.count > 0) decideFates(parts, object, activity, wakes, fate, wiped);
  }
  return { fate, wipedBy: wiped.by };
}

/** By record; made when there is the first. */
class WipedSignals {
  by = new Int32Array();

  constructor(readonly records: number) {}

  set(signal: number, reset: number): void {
    if (this.by.length === 0) this.by = new Int32Array(this.records).fill(-1);
    this.by[signal] = reset;
  }
}

function markTaken(wakes: Wakes, fate: Uint8Array): void {
  const { signal, candidates } = wakes;
  for (let edge = 0; edge < signal.length; edge += 1) {
    const taken = signal[edge] ?? -1;
    if (taken >= 0) fate[taken] = Fate.Taken;
  }
  for (const candidate of candidates) if (fate[candidate] === Fate.None) fate[candidate] = Fate.Undecided;
}

function decideFates(
  parts: Parts,
  object: TraceObject,
  activity: ObjectActivity,
  wakes: Wakes,
  fate: Uint8Array,
  wiped: WipedSignals,
): void {
  const { signals, clears } = activity;
  if (!markCoalesced(signals, wakes, fate)) return;
  const countsUp = isCounted(object) || object.type === 'mutant';
  const takers = new IntervalIndex(activity.takes);
  const holes = new IntervalIndex(holesOf(parts, object, wakes.activity));
  const clearing = new IntervalIndex(chosen(clears, (row) => clears.previous[row] !== 0));
  const cleared = new IntervalIndex(chosen(clears, (row) => clears.uncertain[row] === 0));
  const others = new IntervalIndex(signals);
  let nextClear = 0;
  let before = object.initiallySet === false ? -Infinity : Infinity;
  for (let row = 0; row < signals.count; row += 1) {
    const record = signals.record[row] ?? 0;
    const kind = signals.kind[row] ?? 0;
    const from = signals.from[row] ?? 0;
    const end = signals.until[row] ?? 0;
    const behind = before;
    before = Math.max(before === Infinity && row === 0 ? -Infinity : before, end);
    if (fate[record] !== Fate.None || (wakes.kept.size > 0 && wakes.kept.has(record))) continue;
    // Of a state that was not recorded: surely not signaled when it was cleared after all that came before.
    const foundClear =
      signals.previous[row] === 0 ||
      ((behind === -Infinity || cleared.earliestEndAfter(behind) <= from) &&
        !holes.any(behind, end) &&
        !others.several(from, end));
    // Set again before it expired: nothing was there to be wiped, or to be taken.
    if (kind === Kind.TimerSet) {
      fate[record] = Fate.Undecided;
      continue;
    }
    while (nextClear < clears.count && (clears.from[nextClear] ?? 0) < end) nextClear += 1;
    const isPulse = kind === Kind.Pulse;
    const clear = isPulse || nextClear >= clears.count ? -1 : nextClear;
    const until = isPulse ? end : (clears.until[clear] ?? Infinity);
    const uncertain = signals.uncertain[row] === 1;
    const disturbed = takers.any(from, until) || holes.any(from, until) || uncertain || !(countsUp || foundClear);
    const crossed = !isPulse && clearing.any(from, end);
    fate[record] = disturbed || (crossed && clear < 0) ? Fate.Undecided : untakenFate(isPulse, clears, clear);
    if (fate[record] === Fate.Wiped && clear >= 0 && !crossed) wiped.set(record, clears.record[clear] ?? -1);
  }
}

/** Those that found the object signaled. Returns whether of any other it is not known yet what became of it. */
function markCoalesced(signals: Operations, { coalesced }: Wakes, fate: Uint8Array): boolean {
  let open = false;
  for (let row = 0; row < signals.count; row += 1) {
    const record = signals.record[row] ?? 0;
    if (foundSignaled(signals, row) || (coalesced.size > 0 && coalesced.has(record))) fate[record] = Fate.Coalesced;
    else if (fate[record] === Fate.None) open = true;
  }
  return open;
}

/** Of a signal that no wait took. `clear`: row of what cleared it, -1 for none. */
function untakenFate(isPulse: boolean, { previous, uncertain }: Operations, clear: number): Fate {
  if (isPulse) return Fate.Missed;
  if (clear < 0) return Fate.Pending;
  return previous[clear] !== 0 && uncertain[clear] === 0 ? Fate.Wiped : Fate.Undecided;
}
