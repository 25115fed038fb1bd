/** What each object went through: its transitions in order of time, what became of each signal, and counts. */
import { IntervalIndex } from './intervals.js';
import type { Parts } from './model.js';
import { isCounted, isTaken, type Catalogue, type TraceObject } from './objects.js';
import { Kind, UNKNOWN_BYTE } from './records.js';
import type { ObjectActivity, Operation } from './signals.js';
import { Outcome } from './waits.js';
import { Evidence, Meeting, foundSignaled, holesOf, type Wakes } from './wakes.js';

export const Transition = {
  Set: 0,
  /** Signaled when already signaled: nothing changed. */
  CoalescedSet: 1,
  Reset: 2,
  /** A reset that threw away a signal before any wait took it. */
  Wipe: 3,
  Pulse: 4,
  /** A pulse that nobody waited for. */
  MissedPulse: 5,
  /** A wait took the signal of an auto-reset object. */
  Take: 6,
  Release: 7,
  Expire: 8,
  /** A completed request signaled it. */
  Complete: 9,
  /** Cleared by a request that was sent with it. */
  Clear: 10,
  Create: 11,
  Open: 12,
  Reference: 13,
  Dereference: 14,
  Duplicate: 15,
  Close: 16,
} as const;
export type Transition = (typeof Transition)[keyof typeof Transition];
export const TRANSITION_WORDS = [
  'set',
  'coalesced set',
  'reset',
  'wiped signal',
  'pulse',
  'missed pulse',
  'taken by a wait',
  'released',
  'expired',
  'completed request',
  'cleared by a request',
  'created',
  'opened',
  'referenced',
  'dereferenced',
  'handle duplicated',
  'closed',
] as const;

/** What became of a signal. */
export const Fate = { None: 0, Taken: 1, Coalesced: 2, Wiped: 3, Missed: 4, Pending: 5, Undecided: 6 } as const;
export type Fate = (typeof Fate)[keyof typeof Fate];
export const FATE_WORDS = ['', 'taken', 'coalesced', 'wiped', 'missed', 'pending', 'undecided'] as const;

export const State = { NotSignaled: 0, Signaled: 1, Unknown: 2 } as const;

export interface Counters {
  readonly signals: number;
  readonly taken: number;
  readonly coalesced: number;
  readonly wiped: number;
  readonly missedPulses: number;
  readonly pending: number;
  readonly undecided: number;
  readonly waits: number;
  readonly satisfied: number;
  readonly timedOut: number;
  readonly stillWaiting: number;
  /** Of waits that a known signal released, ns; undefined when there are none. */
  readonly latency:
    { readonly p50: number; readonly p99: number; readonly max: number; readonly count: number } | undefined;
}

export interface Transitions {
  readonly count: number;
  /** Transitions of object o: `first[o]` to `first[o + 1]`, in order of time. */
  readonly first: Uint32Array;
  readonly kind: Uint8Array;
  readonly time: Float64Array;
  /** -1 for a take. */
  readonly record: Int32Array;
  /** Of a take. */
  readonly wait: Int32Array;
  readonly stateAfter: Uint8Array;
  /** By record. */
  readonly fate: Uint8Array;
  /** Reset that wiped it, by signal record. */
  readonly wipedBy: ReadonlyMap<number, number>;
  readonly counters: readonly Counters[];
}

interface Step {
  readonly kind: Transition;
  readonly time: number;
  readonly record: number;
  readonly wait: number;
}

export function collectTransitions(parts: Parts, catalogue: Catalogue, wakes: Wakes): Transitions {
  const fate = new Uint8Array(parts.records.count);
  const wipedBy = new Map<number, number>();
  const edgesOf = edgesByObject(catalogue, wakes);
  const steps: Step[][] = catalogue.objects.map(() => []);
  markTaken(wakes, fate);
  for (const object of catalogue.objects) {
    const activity = wakes.activity.byObject[object.id];
    if (activity !== undefined) decideFates(parts, object, activity, wakes, fate, wipedBy);
  }
  const wipers = new Set(wipedBy.values());
  for (const record of parts.order) {
    const list = steps[catalogue.objectOf[record] ?? -1];
    if (list === undefined) continue;
    const kind = transitionOf(parts, record, fate[record] ?? 0, wipers);
    if (kind !== undefined) list.push({ kind, time: parts.records.time[record] ?? 0, record, wait: -1 });
  }
  for (const object of catalogue.objects) {
    if (!isTaken(object)) continue;
    for (const edge of edgesOf[object.id] ?? []) steps[object.id]?.push(takeStep(parts, wakes, edge));
  }
  const counters = catalogue.objects.map((object) =>
    countObject(parts, wakes.activity.byObject[object.id], edgesOf[object.id] ?? [], wakes, fate),
  );
  return { ...columns(parts, catalogue, steps, wakes), fate, wipedBy, counters };
}

function edgesByObject(catalogue: Catalogue, wakes: Wakes): number[][] {
  const lists: number[][] = catalogue.objects.map(() => []);
  for (let edge = 0; edge < wakes.count; edge += 1) lists[wakes.object[edge] ?? -1]?.push(edge);
  return lists;
}

function markTaken(wakes: Wakes, fate: Uint8Array): void {
  for (let edge = 0; edge < wakes.count; edge += 1) {
    const signal = wakes.signal[edge] ?? -1;
    if (signal >= 0) fate[signal] = Fate.Taken;
    const until = wakes.firstCandidate[edge + 1] ?? 0;
    for (let at = wakes.firstCandidate[edge] ?? 0; at < until; at += 1) {
      const candidate = wakes.candidates[at] ?? -1;
      if (fate[candidate] === Fate.None) fate[candidate] = Fate.Undecided;
    }
  }
}

function decideFates(
  parts: Parts,
  object: TraceObject,
  activity: ObjectActivity,
  wakes: Wakes,
  fate: Uint8Array,
  wipedBy: Map<number, number>,
): void {
  const countsUp = isCounted(object) || object.type === 'mutant';
  const takers = new IntervalIndex(activity.takes);
  const holes = new IntervalIndex(holesOf(parts, object, wakes.activity));
  const clears = activity.clears;
  const clearing = new IntervalIndex(clears.filter(({ previous }) => previous !== 0));
  const cleared = new IntervalIndex(clears.filter(({ uncertain }) => !uncertain));
  const signals = new IntervalIndex(activity.signals);
  let nextClear = 0;
  let before = object.initiallySet === false ? -Infinity : Infinity;
  for (const signal of activity.signals) {
    const { record } = signal;
    // Of a state that was not recorded: surely not signaled when it was cleared after all that came before.
    const foundClear =
      signal.previous === 0 ||
      ((before === -Infinity || cleared.earliestEndAfter(before) <= signal.from) &&
        !holes.any(before, signal.until) &&
        signals.overlapping(signal.from, signal.until, 2).length < 2);
    before = Math.max(before === Infinity && activity.signals[0] === signal ? -Infinity : before, signal.until);
    if (wakes.coalesced.has(record) || foundSignaled(signal)) {
      fate[record] = Fate.Coalesced;
      continue;
    }
    if (fate[record] !== Fate.None || wakes.kept.has(record)) continue;
    // Set again before it expired: nothing was there to be wiped, or to be taken.
    if (signal.kind === Kind.TimerSet) {
      fate[record] = Fate.Undecided;
      continue;
    }
    while (nextClear < clears.length && (clears[nextClear]?.from ?? 0) < signal.until) nextClear += 1;
    const clear = signal.kind === Kind.Pulse ? undefined : clears[nextClear];
    const until = signal.kind === Kind.Pulse ? signal.until : (clear?.until ?? Infinity);
    const disturbed =
      takers.any(signal.from, until) || holes.any(signal.from, until) || signal.uncertain || !(countsUp || foundClear);
    const crossed = signal.kind !== Kind.Pulse && clearing.any(signal.from, signal.until);
    fate[record] = fateOf(signal, clear, disturbed || (crossed && clear === undefined), wakes);
    if (fate[record] === Fate.Wiped && clear !== undefined && !crossed) wipedBy.set(record, clear.record);
  }
}

/** Of a signal that no wait is known to have taken. `disturbed`: somebody may have taken it all the same. */
function fateOf(signal: Operation, clear: Operation | undefined, disturbed: boolean, wakes: Wakes): Fate {
  if (disturbed) return Fate.Undecided;
  if (signal.kind === Kind.Pulse) return Fate.Missed;
  if (clear === undefined) return Fate.Pending;
  const sure = clear.previous !== 0 && !clear.uncertain && !wakes.coalesced.has(signal.record);
  return sure ? Fate.Wiped : Fate.Undecided;
}

function transitionOf(parts: Parts, record: number, fate: number, wipers: ReadonlySet<number>): Transition | undefined {
  const failed = (parts.records.status[record] ?? 0) >= 0xc000_0000;
  const kind = parts.records.kind[record] ?? 0;
  if (failed && kind !== Kind.Complete && kind !== Kind.TimerSet) return undefined;
  switch (kind) {
    case Kind.Set:
      return fate === Fate.Coalesced ? Transition.CoalescedSet : Transition.Set;
    case Kind.Pulse:
      return fate === Fate.Missed ? Transition.MissedPulse : Transition.Pulse;
    case Kind.Reset:
      return wipers.has(record) ? Transition.Wipe : Transition.Reset;
    case Kind.Release:
      return Transition.Release;
    case Kind.TimerExpire:
      return Transition.Expire;
    case Kind.Complete:
      return fate === Fate.Coalesced ? Transition.CoalescedSet : Transition.Complete;
    case Kind.Request:
    case Kind.TimerSet:
      return wipers.has(record) ? Transition.Wipe : Transition.Clear;
    case Kind.Create:
    case Kind.Initialize:
      return Transition.Create;
    case Kind.Open:
      return Transition.Open;
    case Kind.Reference:
      return Transition.Reference;
    case Kind.Dereference:
      return Transition.Dereference;
    case Kind.Duplicate:
      return Transition.Duplicate;
    case Kind.Close:
      return Transition.Close;
    default:
      return undefined;
  }
}

/** A wait that was there already took the signal within the signaling call; one that came later took it at its return. */
function takeStep(parts: Parts, wakes: Wakes, edge: number): Step {
  const wait = wakes.wait[edge] ?? 0;
  const signal = wakes.signal[edge] ?? -1;
  const end = parts.waits.end[wait] ?? 0;
  const released = signal >= 0 && wakes.meeting[edge] === Meeting.Released;
  const returned = (parts.records.time[signal] ?? 0) + (parts.records.duration[signal] ?? 0);
  return { kind: Transition.Take, time: released ? Math.min(returned, end) : end, record: -1, wait };
}

function columns(
  parts: Parts,
  catalogue: Catalogue,
  steps: readonly Step[][],
  wakes: Wakes,
): Omit<Transitions, 'fate' | 'wipedBy' | 'counters'> {
  const count = steps.reduce((sum, list) => sum + list.length, 0);
  const table = {
    count,
    first: new Uint32Array(catalogue.objects.length + 1),
    kind: new Uint8Array(count),
    time: new Float64Array(count),
    record: new Int32Array(count),
    wait: new Int32Array(count),
    stateAfter: new Uint8Array(count),
  };
  let at = 0;
  steps.forEach((list, object) => {
    table.first[object] = at;
    list.sort((a, b) => a.time - b.time);
    const initial = catalogue.objects[object]?.initiallySet;
    let state: number = initial === undefined ? State.Unknown : initial ? State.Signaled : State.NotSignaled;
    const count = new SemaphoreCount(parts, catalogue.objects[object]);
    for (const step of list) {
      table.kind[at] = step.kind;
      table.time[at] = step.time;
      table.record[at] = step.record;
      table.wait[at] = step.wait;
      const kept = step.record >= 0 && wakes.kept.has(step.record);
      table.stateAfter[at] = state = count.after(step) ?? (kept ? state : stateAfter(step.kind, state));
      at += 1;
    }
  });
  table.first[steps.length] = at;
  return table;
}

/** A semaphore's count, as far as it is known: a create tells whether there is any, a release how many there were. */
class SemaphoreCount {
  readonly #parts: Parts;
  readonly #counts: boolean;
  #count: number | undefined;

  constructor(parts: Parts, object: TraceObject | undefined) {
    this.#parts = parts;
    this.#counts = object !== undefined && isCounted(object);
    this.#count = object?.initiallySet === false ? 0 : undefined;
  }

  /** State after a step; undefined when this is no semaphore, or the step does not change it. */
  after({ kind, record }: Step): number | undefined {
    if (!this.#counts) return undefined;
    if (kind === Transition.Release) {
      const { records } = this.#parts;
      const previous = records.previous[record] ?? UNKNOWN_BYTE;
      const before = previous < MOST_PREVIOUS ? previous : this.#count;
      const released = Number(records.words.toBigInt(records.argument[record] ?? 0));
      this.#count = before === undefined ? undefined : before + released;
      return State.Signaled;
    }
    if (kind !== Transition.Take) return undefined;
    if (this.#count === undefined) return State.Unknown;
    this.#count = Math.max(0, this.#count - 1);
    return this.#count > 0 ? State.Signaled : State.NotSignaled;
  }
}

/** A count before a release is capped here. */
const MOST_PREVIOUS = 0xfe;

function stateAfter(kind: Transition, before: number): number {
  switch (kind) {
    case Transition.Set:
    case Transition.CoalescedSet:
    case Transition.Release:
    case Transition.Expire:
    case Transition.Complete:
      return State.Signaled;
    case Transition.Reset:
    case Transition.Wipe:
    case Transition.Pulse:
    case Transition.MissedPulse:
    case Transition.Take:
    case Transition.Clear:
      return State.NotSignaled;
    case Transition.Create:
    case Transition.Open:
    case Transition.Reference:
    case Transition.Dereference:
    case Transition.Duplicate:
    case Transition.Close:
      return before;
  }
}

function countObject(
  parts: Parts,
  activity: ObjectActivity | undefined,
  edges: readonly number[],
  wakes: Wakes,
  fate: Uint8Array,
): Counters {
  const fates = new Array<number>(FATE_WORDS.length).fill(0);
  for (const { record } of activity?.signals ?? []) fates[fate[record] ?? 0] = (fates[fate[record] ?? 0] ?? 0) + 1;
  const outcomes = new Map<number, number>();
  for (const { outcome } of activity?.takes ?? []) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const latencies = edges
    .filter((edge) => wakes.evidence[edge] !== Evidence.Ambiguous)
    .map((edge) => wakes.latency[edge] ?? NaN)
    .filter((latency) => !Number.isNaN(latency))
    .sort((a, b) => a - b);
  const timedOut = activity?.timeouts.length ?? 0;
  const of = (wanted: Fate): number => fates[wanted] ?? 0;
  return {
    signals: activity?.signals.length ?? 0,
    taken: of(Fate.Taken),
    coalesced: of(Fate.Coalesced),
    wiped: of(Fate.Wiped),
    missedPulses: of(Fate.Missed),
    pending: of(Fate.Pending),
    undecided: of(Fate.Undecided),
    waits: (activity?.takes.length ?? 0) + timedOut,
    satisfied: outcomes.get(Outcome.Satisfied) ?? 0,
    timedOut,
    stillWaiting: outcomes.get(Outcome.Open) ?? 0,
    latency: percentiles(latencies),
  };
}

/** Nearest rank, of ascending values. */
export function percentiles(sorted: readonly number[]): Counters['latency'] {
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? max;
  return { p50: at(0.5), p99: at(0.99), max, count: sorted.length };
}
