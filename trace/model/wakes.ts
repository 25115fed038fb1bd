/** Wake edges: for each satisfied wait and each object that it took, the signal that did it, with its evidence. */
import { IntervalIndex, type Interval } from './intervals.js';
import {
  MAX_CANDIDATES,
  MAX_UNITS,
  matchByOverlap,
  matchOneToOne,
  type Match,
  type Taker,
  type Token,
} from './matching.js';
import type { Parts } from './model.js';
import { isCounted, isTaken, type Catalogue, type TraceObject } from './objects.js';
import { ownershipOf, type Ownership } from './ownership.js';
import { Kind } from './records.js';
import type { RequestLinks } from './requests.js';
import { collectActivity, type Activity, type ObjectActivity, type Operation } from './signals.js';
import { Outcome } from './waits.js';

export const Evidence = {
  /** Both ends are recorded, and nothing else can have released the wait. */
  Seen: 0,
  /**
   * The only recorded signal that can have done it; one that was not recorded could have as well, or its owner took a
   * mutant once more.
   */
  Inferred: 1,
  /** Several recorded signals can have done it. */
  Ambiguous: 2,
  /** No recorded signal can have done it: a signal, or a first state, that was not recorded did. */
  Unseen: 3,
} as const;
export type Evidence = (typeof Evidence)[keyof typeof Evidence];
export const EVIDENCE_WORDS = ['seen', 'inferred', 'ambiguous', 'unseen'] as const;

/** How the wait met its signal. */
export const Meeting = {
  /** The thread was waiting when the signal came. */
  Released: 0,
  /** The object was signaled already: the wait did not block. */
  FoundSignaled: 1,
  /** The two overlap: it cannot be told. */
  Unknown: 2,
} as const;

/** A column per field. */
export interface Wakes {
  readonly count: number;
  readonly wait: Uint32Array;
  readonly object: Uint32Array;
  /** Record of the signal; -1: the object's first state, unseen, or ambiguous (then see the candidates). */
  readonly signal: Int32Array;
  readonly evidence: Uint8Array;
  readonly meeting: Uint8Array;
  /** From the signal's call to the wait's return, ns; NaN when the wait was not released by a known signal. */
  readonly latency: Float64Array;
  /** Ambiguous: records of signals, `firstCandidate` to the next edge's. */
  readonly firstCandidate: Uint32Array;
  readonly candidates: Int32Array;
  /** Of a wait for all: this signal came last, it is the one that released the thread. */
  readonly last: Uint8Array;
  /** First edge by wait, -1 when it has none. */
  readonly ofWait: Int32Array;
  /** Activity by object, for what else is made of it. */
  readonly activity: Activity;
  /** Signals found to be coalesced although their record does not say so. */
  readonly coalesced: ReadonlySet<number>;
  /** Releases of a mutant whose owner had it more than once, and kept it. */
  readonly kept: ReadonlySet<number>;
}

interface Edge {
  readonly wait: number;
  readonly object: number;
  readonly signal: number;
  readonly evidence: Evidence;
  readonly meeting: number;
  readonly latency: number;
  readonly candidates: readonly number[];
}

export function findWakes(parts: Parts, catalogue: Catalogue, requests: RequestLinks): Wakes {
  const activity = collectActivity(parts, catalogue, requests);
  const coalesced = new Set<number>();
  const kept = new Set<number>();
  const edges: Edge[] = [];
  for (const object of catalogue.objects) {
    const own = activity.byObject[object.id];
    if (own === undefined || (own.takes.length === 0 && own.signals.length === 0)) continue;
    new ObjectMatcher(parts, object, own, activity, { coalesced, kept }).match(edges);
  }
  edges.sort((a, b) => a.wait - b.wait);
  return { ...columns(parts, edges, activity), coalesced, kept };
}

/**
 * Where records that could concern an object are missing, or are known of but may be of any object. A driver can reach
 * every object by a handle; a process those that have a name, that a driver knows, or that it was seen to use itself. What
 * was over before the object was made is of another.
 */
export function holesOf(parts: Parts, object: TraceObject, activity: Activity): Interval[] {
  const shared = object.paths.length > 0 || object.names.some(({ kind }) => kind === 'pointer');
  const sees = (source: number): boolean =>
    shared || object.sources.includes(source) || parts.recording.sources[source]?.side === 'kernel';
  const made = object.created < 0 ? -Infinity : (parts.records.time[object.created] ?? -Infinity);
  const spans = activity.uncertainSpans.flatMap((span, source) => (span !== undefined && sees(source) ? [span] : []));
  return [
    ...parts.gaps.filter((gap) => sees(gap.source)).map(({ from, until }) => ({ from, until })),
    ...activity.unknownTakes.filter(({ source }) => sees(source)),
    ...spans,
  ].filter(({ until }) => until >= made);
}

/** Each round decides what the one before made decidable; a run of waits that hang together is rarely longer. */
const MAX_TIGHTENINGS = 16;

/** Finds the edges of one object. */
class ObjectMatcher {
  readonly #parts: Parts;
  readonly #object: TraceObject;
  readonly #own: ObjectActivity;
  readonly #coalesced: Set<number>;
  /** Of a mutant; undefined when what is recorded does not tell who had it. */
  readonly #ownership: Ownership | undefined;
  readonly #unseen: Interval[];
  /** Stretches in which somebody unrecorded may have taken a token. */
  readonly #unseenTakers: IntervalIndex<Interval>;
  /** Calls that saw the object not signaled, or made it so. */
  readonly #zeros: IntervalIndex<Interval>;
  readonly #clears: IntervalIndex<Operation>;
  readonly #settings: IntervalIndex<Operation>;
  readonly #takes: IntervalIndex<Interval>;

  constructor(
    parts: Parts,
    object: TraceObject,
    own: ObjectActivity,
    activity: Activity,
    found: { readonly coalesced: Set<number>; readonly kept: Set<number> },
  ) {
    this.#parts = parts;
    this.#object = object;
    this.#own = own;
    this.#coalesced = found.coalesced;
    const sure = (operation: { uncertain: boolean }): boolean => !operation.uncertain;
    this.#clears = new IntervalIndex(own.clears.filter(({ previous }) => previous !== 0));
    this.#settings = new IntervalIndex(own.clears.filter((clear) => clear.kind === Kind.TimerSet && sure(clear)));
    this.#takes = new IntervalIndex(own.takes);
    this.#zeros = new IntervalIndex([
      // Who releases a mutant has it: nobody else can have taken it then.
      ...own.signals.filter((signal) => (signal.previous === 0 || object.type === 'mutant') && sure(signal)),
      ...own.clears.filter(sure),
      ...own.timeouts.filter(sure),
    ]);
    const holes = holesOf(parts, object, activity);
    this.#ownership = object.type === 'mutant' && holes.length === 0 ? ownershipOf(parts, object, own) : undefined;
    for (const record of this.#ownership?.kept ?? []) found.kept.add(record);
    this.#unseenTakers = new IntervalIndex(holes);
    this.#unseen = holes.map(({ from, until }) => ({
      from,
      until: Math.max(until, this.#zeros.earliestEndAfter(until)),
    }));
    if (object.initiallySet === undefined) {
      this.#unseen.push({ from: -Infinity, until: this.#zeros.earliestEndAfter(-Infinity) });
    }
  }

  match(edges: Edge[]): void {
    const oneToOne = this.#isOneToOne();
    if (oneToOne && this.#object.type !== 'mutant' && !isCounted(this.#object)) this.#findCoalesced();
    const tokens = this.#tokens(oneToOne);
    const takers = this.#own.takes.flatMap(({ wait, from, until, outcome }): Taker[] =>
      this.#ownership?.again.has(wait) === true
        ? []
        : [{ wait, begin: from, end: until, satisfied: outcome === Outcome.Satisfied }],
    );
    const uncertain = new Set(this.#own.takes.filter((use) => use.uncertain).map(({ wait }) => wait));
    const doubtful = new Set(this.#own.signals.filter((signal) => signal.uncertain).map(({ record }) => record));
    const matches = oneToOne
      ? matchOneToOne(tokens, takers, this.#unseen)
      : this.#matchTightened(tokens, takers, (match) => uncertain.has(match.taker.wait));
    const { type } = this.#object;
    const ownerUnknown = type === 'semaphore or mutant' || (type === 'mutant' && this.#ownership === undefined);
    for (const match of matches) {
      // It may have been the owner's own, once more.
      if (ownerUnknown && match.token === undefined && match.candidates.length === 0) continue;
      const unsure = uncertain.has(match.taker.wait) || doubtful.has(match.token?.record ?? -1);
      edges.push(this.#edge(match, match.unseen || unsure || ownerUnknown || this.#expiryOnly(match)));
    }
  }

  /** Each token is taken by one wait. Not so when it is not known how many tokens there are. */
  #isOneToOne(): boolean {
    const { type, initiallySet } = this.#object;
    if (type === 'mutant') return this.#ownership !== undefined;
    if (type === 'semaphore') return initiallySet === false && this.#own.signals.every((one) => this.#isCountable(one));
    if (type === 'timer' && this.#own.signals.some((signal) => this.#isPeriodic(signal))) return false;
    return isTaken(this.#object) && type !== 'semaphore or mutant';
  }

  #isCountable(signal: Operation): boolean {
    return !signal.uncertain && signal.kind === Kind.Release && this.#unitsOf(signal) <= MAX_UNITS;
  }

  /** Set to expire again and again, and the expiries are not recorded. The status of a setting is its period. */
  #isPeriodic({ kind, record }: Operation): boolean {
    return kind === Kind.TimerSet && (this.#parts.records.status[record] ?? 0) !== 0;
  }

  /**
   * A wait that only one signal can have released shows that this signal had taken effect when the wait returned, although
   * its own call may have returned later. So a reset behind that moment wiped it, and it released nobody after the reset.
   */
  #matchTightened(tokens: readonly Token[], takers: readonly Taker[], unsure: (match: Match) => boolean): Match[] {
    let matches = matchByOverlap(tokens, takers, this.#unseen);
    if (isCounted(this.#object) || this.#object.type === 'mutant') return matches;
    for (let round = 0; round < MAX_TIGHTENINGS && matches.some(({ token }) => token === undefined); round += 1) {
      const ends = new Map<Token, number>();
      for (const match of matches) {
        if (match.token === undefined || match.unseen || unsure(match)) continue;
        const until = this.#zeros.earliestEndAfter(match.taker.end);
        if (until < (ends.get(match.token) ?? match.token.until)) ends.set(match.token, until);
      }
      if (ends.size === 0) break;
      tokens = tokens.map((token) => ({ ...token, until: ends.get(token) ?? token.until }));
      matches = matchByOverlap(tokens, takers, this.#unseen);
    }
    return matches;
  }

  /** The expiry of a timer that only its setting tells of. */
  #expiryOnly({ token }: Match): boolean {
    return token !== undefined && token.record >= 0 && this.#parts.records.kind[token.record] === Kind.TimerSet;
  }

  /** A set of unknown previous state with nothing between it and the set before that could have taken or wiped. */
  #findCoalesced(): void {
    let before: Operation | undefined;
    for (const signal of this.#own.signals) {
      if (signal.kind !== Kind.Set && signal.kind !== Kind.Complete) {
        before = undefined;
        continue;
      }
      if (signal.previous === undefined && before !== undefined && !signal.uncertain && before.until <= signal.from) {
        const { from } = before;
        const quiet =
          !this.#takes.any(from, signal.until) &&
          !this.#clears.any(from, signal.until) &&
          !this.#unseenTakers.any(from, signal.until);
        if (quiet) this.#coalesced.add(signal.record);
      }
      before = signal.uncertain ? undefined : signal;
    }
  }

  #tokens(oneToOne: boolean): Token[] {
    const tokens: Token[] = [];
    if (this.#object.initiallySet === true) {
      tokens.push({ record: -1, from: -Infinity, until: this.#zeros.earliestEndAfter(-Infinity), mustBeTaken: false });
    }
    for (const signal of this.#own.signals) {
      if (this.#ownership?.kept.has(signal.record) === true) continue;
      if (foundSignaled(signal) || this.#coalesced.has(signal.record)) continue;
      const isPulse = signal.kind === Kind.Pulse;
      const until = isPulse ? signal.until : this.#gone(signal);
      const from = signal.kind === Kind.TimerExpire ? this.#earliestExpiry(signal) : signal.from;
      const mustBeTaken = oneToOne && !isPulse && this.#mustBeTaken(signal, until);
      const token = { record: signal.record, from, until, mustBeTaken };
      for (let unit = oneToOne ? this.#unitsOf(signal) : 1; unit > 0; unit -= 1) tokens.push(token);
    }
    return tokens;
  }

  /** Until when what a signal made can have been there. A timer that was set has yet to expire: only a new setting ends that. */
  #gone({ kind, until }: Operation): number {
    return (kind === Kind.TimerSet ? this.#settings : this.#zeros).earliestEndAfter(until);
  }

  /** How many waits a signal can release. */
  #unitsOf({ record }: Operation): number {
    if (this.#object.type !== 'semaphore') return 1;
    const { argument, words } = this.#parts.records;
    return Number(words.toBigInt(argument[record] ?? 0));
  }

  /** The expiry's own procedure runs after the timer became signaled: at the earliest when it was set. */
  #earliestExpiry(signal: Operation): number {
    const set = this.#own.clears.findLast(({ kind, from }) => kind === Kind.TimerSet && from <= signal.from);
    return set?.from ?? signal.from;
  }

  /** Gone by `until`, and neither a reset nor anybody unrecorded can have done it. */
  #mustBeTaken(signal: Operation, until: number): boolean {
    if (!Number.isFinite(until) || signal.previous !== 0 || signal.uncertain) return false;
    return !this.#clears.any(signal.from, until) && !this.#unseenTakers.any(signal.from, until);
  }

  #edge(match: Match, inferred: boolean): Edge {
    const { records, waits } = this.#parts;
    const { wait } = match.taker;
    const object = this.#object.id;
    const { token } = match;
    if (token !== undefined) {
      const meeting = this.#meeting(match.taker, token);
      const from = token.record < 0 ? NaN : (records.time[token.record] ?? NaN);
      // From the setting of a timer to its expiry is no latency.
      const measured = meeting !== Meeting.FoundSignaled && !this.#expiryOnly(match);
      const latency = measured ? (waits.end[wait] ?? NaN) - from : NaN;
      const evidence = inferred ? Evidence.Inferred : Evidence.Seen;
      return { wait, object, signal: token.record, evidence, meeting, latency, candidates: NO_CANDIDATES };
    }
    const candidates: number[] = [];
    for (const { record } of match.candidates) {
      if (record >= 0 && candidates.length < MAX_CANDIDATES) candidates.push(record);
    }
    const evidence = match.candidates.length === 0 ? Evidence.Unseen : Evidence.Ambiguous;
    return { wait, object, signal: -1, evidence, meeting: Meeting.Unknown, latency: NaN, candidates };
  }

  #meeting(taker: Taker, token: Token): number {
    if (token.record < 0) return Meeting.FoundSignaled;
    const { records } = this.#parts;
    const returned = (records.time[token.record] ?? 0) + (records.duration[token.record] ?? 0);
    if (taker.begin < token.from) return Meeting.Released;
    if (records.kind[token.record] === Kind.TimerSet) return Meeting.Unknown;
    return taker.begin > returned ? Meeting.FoundSignaled : Meeting.Unknown;
  }
}

/** It found the object signaled: nothing that it released. A semaphore's count rises all the same. */
export const foundSignaled = ({ kind, previous }: Operation): boolean => kind !== Kind.Release && (previous ?? 0) > 0;

const NO_CANDIDATES: readonly number[] = [];

function columns(parts: Parts, edges: readonly Edge[], activity: Activity): Omit<Wakes, 'coalesced' | 'kept'> {
  const count = edges.length;
  const candidates: number[] = [];
  const wakes = {
    count,
    wait: new Uint32Array(count),
    object: new Uint32Array(count),
    signal: new Int32Array(count),
    evidence: new Uint8Array(count),
    meeting: new Uint8Array(count),
    latency: new Float64Array(count),
    firstCandidate: new Uint32Array(count + 1),
    last: new Uint8Array(count),
    ofWait: new Int32Array(parts.waits.count).fill(-1),
  };
  const time = (edge: Edge | undefined): number =>
    edge === undefined || edge.signal < 0 ? -Infinity : (parts.records.time[edge.signal] ?? 0);
  edges.forEach((edge, at) => {
    wakes.wait[at] = edge.wait;
    wakes.object[at] = edge.object;
    wakes.signal[at] = edge.signal;
    wakes.evidence[at] = edge.evidence;
    wakes.meeting[at] = edge.meeting;
    wakes.latency[at] = edge.latency;
    wakes.firstCandidate[at] = candidates.length;
    candidates.push(...edge.candidates);
    const first = wakes.ofWait[edge.wait] ?? -1;
    if (first < 0) {
      wakes.ofWait[edge.wait] = at;
      wakes.last[at] = 1;
      return;
    }
    // Edges of one wait lie together; the latest signal keeps the mark.
    let marked = at;
    for (let other = first; other < at; other += 1) {
      if (wakes.last[other] === 1 && time(edges[other]) > time(edge)) marked = other;
      wakes.last[other] = 0;
    }
    wakes.last[marked] = 1;
  });
  wakes.firstCandidate[count] = candidates.length;
  return { ...wakes, candidates: Int32Array.from(candidates), activity };
}
