/** What each object went through: its transitions in order of time, what became of each signal, and counts. */
import { Fate, FATE_WORDS, findFates } from './fates.js';
import type { Parts } from './model.js';
import { isCounted, isTaken, type Catalogue, type TraceObject } from './objects.js';
import { ascending, nthLeast } from './order.js';
import { Kind, UNKNOWN_BYTE } from './records.js';
import type { ObjectActivity } from './signals.js';
import { Outcome, OUTCOME_WORDS } from './waits.js';
import { Evidence, forgetActivity, Meeting, type Wakes } from './wakes.js';

export { Fate, FATE_WORDS };

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
  /** Reset that wiped it, by signal record, -1 for none; empty when none was. */
  readonly wipedBy: Int32Array;
  readonly counters: readonly Counters[];
}

/** Steps of all objects, those of one together and in order of time. */
type Steps = Pick<Transitions, 'count' | 'first' | 'kind' | 'time' | 'record' | 'wait'>;

/** Edges of object o: `list[first[o]]` to `list[first[o + 1]]`. */
interface EdgesByObject {
  readonly first: Uint32Array;
  readonly list: Uint32Array;
}

export function collectTransitions(parts: Parts, catalogue: Catalogue, wakes: Wakes): Transitions {
  const { fate, wipedBy } = findFates(parts, catalogue, wakes);
  const edgesOf = edgesByObject(parts, catalogue, wakes);
  const counters = catalogue.objects.map(({ id }) =>
    countObject(
      parts,
      wakes.activity.of(id),
      edgesOf.list.subarray(edgesOf.first[id], edgesOf.first[id + 1]),
      wakes,
      fate,
    ),
  );
  if (parts.drawnOnly) forgetActivity(wakes);
  const steps = collectSteps(parts, catalogue, wakes, edgesOf, fate, wipersOf(wipedBy));
  return { ...steps, stateAfter: statesAfter(parts, catalogue, steps, wakes), fate, wipedBy, counters };
}

function edgesByObject(parts: Parts, { objects }: Catalogue, wakes: Wakes): EdgesByObject {
  const first = new Uint32Array(objects.length + 1);
  for (let edge = 0; edge < wakes.count; edge += 1) {
    const behind = (wakes.object[edge] ?? 0) + 1;
    first[behind] = (first[behind] ?? 0) + 1;
  }
  for (let object = 0; object < objects.length; object += 1) {
    first[object + 1] = (first[object + 1] ?? 0) + (first[object] ?? 0);
  }
  const list = new Uint32Array(wakes.count);
  if (parts.drawnOnly) {
    // They come object by object.
    for (let edge = 0; edge < list.length; edge += 1) list[edge] = edge;
    return { first, list };
  }
  const next = first.slice();
  for (let edge = 0; edge < wakes.count; edge += 1) {
    const object = wakes.object[edge] ?? 0;
    const at = next[object] ?? 0;
    list[at] = edge;
    next[object] = at + 1;
  }
  return { first, list };
}

/** 1 at each record that wiped a signal; empty when none did. */
function wipersOf(wipedBy: Int32Array): Uint8Array {
  const wipers = new Uint8Array(wipedBy.length);
  for (let signal = 0; signal < wipedBy.length; signal += 1) {
    const by = wipedBy[signal] ?? -1;
    if (by >= 0) wipers[by] = 1;
  }
  return wipers;
}

const NO_TRANSITION = 0xff;

/** A `Transition`, or NO_TRANSITION. */
function transitionOf({ records }: Parts, record: number, fate: number, wipers: Uint8Array): number {
  const kind = records.kind[record] ?? 0;
  // Half of all records.
  if (kind === Kind.WaitBegin || kind === Kind.WaitEnd) return NO_TRANSITION;
  const failed = (records.status[record] ?? 0) >= 0xc000_0000;
  if (failed && kind !== Kind.Complete && kind !== Kind.TimerSet) return NO_TRANSITION;
  switch (kind) {
    case Kind.Set:
      return fate === Fate.Coalesced ? Transition.CoalescedSet : Transition.Set;
    case Kind.Pulse:
      return fate === Fate.Missed ? Transition.MissedPulse : Transition.Pulse;
    case Kind.Reset:
      return wipers[record] === 1 ? Transition.Wipe : Transition.Reset;
    case Kind.Release:
      return Transition.Release;
    case Kind.TimerExpire:
      return Transition.Expire;
    case Kind.Complete:
      return fate === Fate.Coalesced ? Transition.CoalescedSet : Transition.Complete;
    case Kind.Request:
    case Kind.TimerSet:
      return wipers[record] === 1 ? Transition.Wipe : Transition.Clear;
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
      return NO_TRANSITION;
  }
}

/** A wait that was there already took the signal within the signaling call; one that came later took it at its return. */
function timeOfTake(parts: Parts, wakes: Wakes, edge: number): number {
  const signal = wakes.signal[edge] ?? -1;
  const end = parts.waits.end[wakes.wait[edge] ?? 0] ?? 0;
  if (signal < 0 || wakes.meeting[edge] !== Meeting.Released) return end;
  return Math.min((parts.records.time[signal] ?? 0) + (parts.records.duration[signal] ?? 0), end);
}

function collectSteps(
  parts: Parts,
  catalogue: Catalogue,
  wakes: Wakes,
  edgesOf: EdgesByObject,
  fate: Uint8Array,
  wipers: Uint8Array,
): Steps {
  const { objects } = catalogue;
  const { byObject } = wakes.activity;
  const kinds = new Uint8Array(byObject.list.length);
  let count = 0;
  for (let at = 0; at < kinds.length; at += 1) {
    const record = byObject.list[at] ?? 0;
    const kind = transitionOf(parts, record, fate[record] ?? 0, wipers);
    kinds[at] = kind;
    if (kind !== NO_TRANSITION) count += 1;
  }
  for (const object of objects) if (isTaken(object)) count += edgesOfObject(edgesOf, object).length;
  const steps = {
    ...{
      count,
      first: new Uint32Array(objects.length + 1),
      kind: new Uint8Array(count),
      time: new Float64Array(count),
    },
    ...{ record: new Int32Array(count), wait: new Int32Array(count) },
  };
  let row = 0;
  for (const object of objects) {
    steps.first[object.id] = row;
    const edges = isTaken(object) ? edgesOfObject(edgesOf, object) : NO_EDGES;
    row = mergeSteps(parts, wakes, { object, kinds, edges }, steps, row);
  }
  steps.first[objects.length] = row;
  return steps;
}

const NO_EDGES = new Uint32Array();

const edgesOfObject = ({ first, list }: EdgesByObject, { id }: TraceObject): Uint32Array =>
  list.subarray(first[id], first[id + 1]);

/** Steps of one object from `row` on: what was done to it, and takes, behind what has the same time. Returns the row behind. */
function mergeSteps(
  parts: Parts,
  wakes: Wakes,
  { object, kinds, edges }: { readonly object: TraceObject; readonly kinds: Uint8Array; readonly edges: Uint32Array },
  { kind: kindOf, time: timeOf, record: recordOf, wait: waitOf }: Steps,
  begin: number,
): number {
  const { list, first } = wakes.activity.byObject;
  const { time } = parts.records;
  const times = new Float64Array(edges.length);
  for (let at = 0; at < times.length; at += 1) times[at] = timeOfTake(parts, wakes, edges[at] ?? 0);
  const takes = ascending(times);
  const until = first[object.id + 1] ?? 0;
  let row = begin;
  let take = 0;
  const addTake = (): void => {
    const at = takes[take] ?? 0;
    kindOf[row] = Transition.Take;
    timeOf[row] = times[at] ?? 0;
    recordOf[row] = -1;
    waitOf[row] = wakes.wait[edges[at] ?? 0] ?? 0;
    row += 1;
    take += 1;
  };
  for (let at = first[object.id] ?? 0; at < until; at += 1) {
    const kind = kinds[at] ?? NO_TRANSITION;
    if (kind === NO_TRANSITION) continue;
    const record = list[at] ?? 0;
    const moment = time[record] ?? 0;
    while (take < takes.length && (times[takes[take] ?? 0] ?? 0) < moment) addTake();
    kindOf[row] = kind;
    timeOf[row] = moment;
    recordOf[row] = record;
    waitOf[row] = -1;
    row += 1;
  }
  while (take < takes.length) addTake();
  return row;
}

function statesAfter(parts: Parts, { objects }: Catalogue, steps: Steps, wakes: Wakes): Uint8Array {
  const states = new Uint8Array(steps.count);
  for (const object of objects) {
    const initial = object.initiallySet;
    let state: number = initial === undefined ? State.Unknown : initial ? State.Signaled : State.NotSignaled;
    const count = isCounted(object) ? new SemaphoreCount(parts, object) : undefined;
    const mayKeep = wakes.kept.size > 0;
    const until = steps.first[object.id + 1] ?? 0;
    for (let row = steps.first[object.id] ?? 0; row < until; row += 1) {
      const kind = (steps.kind[row] ?? 0) as Transition;
      const record = steps.record[row] ?? -1;
      const kept = mayKeep && record >= 0 && wakes.kept.has(record);
      states[row] = state = count?.after(kind, record) ?? (kept ? state : stateAfter(kind, state));
    }
  }
  return states;
}

/** A semaphore's count, as far as it is known: a create tells whether there is any, a release how many there were. */
class SemaphoreCount {
  readonly #parts: Parts;
  #count: number | undefined;

  constructor(parts: Parts, object: TraceObject) {
    this.#parts = parts;
    this.#count = object.initiallySet === false ? 0 : undefined;
  }

  /** State after a step; undefined when the step does not change it. */
  after(kind: Transition, record: number): number | undefined {
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
  activity: ObjectActivity,
  edges: Uint32Array,
  wakes: Wakes,
  fate: Uint8Array,
): Counters {
  const { signals, takes, timeouts } = activity;
  const fates = new Uint32Array(FATE_WORDS.length);
  for (let row = 0; row < signals.count; row += 1) {
    const became = fate[signals.record[row] ?? 0] ?? 0;
    fates[became] = (fates[became] ?? 0) + 1;
  }
  const outcomes = new Uint32Array(OUTCOME_WORDS.length);
  for (let row = 0; row < takes.count; row += 1) {
    const outcome = takes.outcome[row] ?? 0;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  const of = (wanted: Fate): number => fates[wanted] ?? 0;
  return {
    signals: signals.count,
    taken: of(Fate.Taken),
    coalesced: of(Fate.Coalesced),
    wiped: of(Fate.Wiped),
    missedPulses: of(Fate.Missed),
    pending: of(Fate.Pending),
    undecided: of(Fate.Undecided),
    waits: takes.count + timeouts.count,
    satisfied: outcomes[Outcome.Satisfied] ?? 0,
    timedOut: timeouts.count,
    stillWaiting: outcomes[Outcome.Open] ?? 0,
    latency: percentiles(latenciesOf(edges, wakes, parts)),
  };
}

/** Of decided edges. What a debugger has prolonged is no latency of the program's. */
function latenciesOf(
  edges: Uint32Array,
  { evidence, latency, wait }: Wakes,
  { held, waits }: Pick<Parts, 'held' | 'waits'>,
): Float64Array {
  const values = new Float64Array(edges.length);
  let count = 0;
  for (let at = 0; at < edges.length; at += 1) {
    const edge = edges[at] ?? 0;
    const value = latency[edge] ?? NaN;
    if (evidence[edge] === Evidence.Ambiguous || value !== value) continue;
    const end = waits.end[wait[edge] ?? 0] ?? 0;
    if (held.within(end - value, end) === 0) values[count++] = value;
  }
  return values.subarray(0, count);
}

/** Nearest rank. Moves the values. */
function percentiles(values: Float64Array): Counters['latency'] {
  const count = values.length;
  if (count === 0) return undefined;
  let max = -Infinity;
  for (let at = 0; at < count; at += 1) max = Math.max(max, values[at] ?? 0);
  const at = (share: number): number => nthLeast(values, Math.max(0, Math.ceil(share * count) - 1));
  return { p50: at(0.5), p99: at(0.99), max, count };
}
