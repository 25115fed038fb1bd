/** Finds the wake edges of one object: which signals its waits can have taken, and which one took which. */
import type { EdgeTable } from './edge-table.js';
import { Evidence, Meeting } from './evidence.js';
import { chosen, IntervalIndex, intervalsOf, joined, type Intervals } from './intervals.js';
import {
  MAX_CANDIDATES,
  MAX_UNITS,
  matchByOverlap,
  matchOneToOne,
  type Matches,
  type Takers,
  type Tokens,
} from './matching.js';
import type { Parts } from './model.js';
import { isCounted, isTaken, type TraceObject } from './objects.js';
import { ownershipOf, type Ownership } from './ownership.js';
import { Kind } from './records.js';
import type { Activity, ObjectActivity, Operations } from './signals.js';
import { Outcome } from './waits.js';

/**
 * Where records that could concern an object are missing, or are known of but may be of any object. A driver can reach
 * every object by a handle; a process those that have a name, that a driver knows, or that it was seen to use itself. What
 * was over before the object was made is of another.
 */
export function holesOf(parts: Parts, object: TraceObject, activity: Activity): Intervals {
  const shared = object.paths.length > 0 || object.names.some(({ kind }) => kind === 'pointer');
  const sees = (source: number): boolean =>
    shared || object.sources.includes(source) || parts.recording.sources[source]?.side === 'kernel';
  const made = object.knownFrom ?? (object.created < 0 ? -Infinity : (parts.records.time[object.created] ?? -Infinity));
  const spans = activity.uncertainSpans.flatMap((span, source) => (span !== undefined && sees(source) ? [span] : []));
  return intervalsOf(
    [
      ...parts.gaps.filter((gap) => sees(gap.source)),
      ...activity.unknownTakes.filter(({ source }) => sees(source)),
      ...spans,
    ].filter(({ until }) => until >= made),
  );
}

/** Each round decides what the one before made decidable; a run of waits that hang together is rarely longer. */
const MAX_TIGHTENINGS = 16;

export class ObjectMatcher {
  readonly #parts: Parts;
  readonly #object: TraceObject;
  readonly #own: ObjectActivity;
  readonly #coalesced: Set<number>;
  /** Of a mutant; undefined when what is recorded does not tell who had it. */
  readonly #ownership: Ownership | undefined;
  /** Stretches in which there may be tokens that nobody recorded. */
  readonly #unseen: IntervalIndex;
  /** Stretches in which somebody unrecorded may have taken a token. */
  readonly #unseenTakers: IntervalIndex;
  /** Calls that saw the object not signaled, or made it so. */
  readonly #zeros: IntervalIndex;
  readonly #clears: IntervalIndex;
  /** Settings of a timer: those that are surely its own, and all, by row of the clears. */
  readonly #settings: IntervalIndex;
  readonly #allSettings: IntervalIndex;
  /** Made when it is asked: what tells its state needs none. */
  #takes: IntervalIndex | undefined;

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
    const { signals, clears, timeouts } = own;
    const isSetting = (row: number): boolean => clears.kind[row] === Kind.TimerSet;
    this.#clears = new IntervalIndex(chosen(clears, (row) => clears.previous[row] !== 0));
    this.#settings = new IntervalIndex(chosen(clears, (row) => isSetting(row) && clears.uncertain[row] === 0));
    this.#allSettings = new IntervalIndex(chosen(clears, isSetting));
    const isMutant = object.type === 'mutant';
    this.#zeros = new IntervalIndex(
      joined(
        // Who releases a mutant has it: nobody else can have taken it then.
        chosen(signals, (row) => (signals.previous[row] === 0 || isMutant) && signals.uncertain[row] === 0),
        chosen(clears, (row) => clears.uncertain[row] === 0),
        chosen(timeouts, (row) => timeouts.uncertain[row] === 0),
      ),
    );
    const holes = holesOf(parts, object, activity);
    this.#ownership = isMutant && holes.count === 0 ? ownershipOf(parts, object, own) : undefined;
    for (const record of this.#ownership?.kept ?? []) found.kept.add(record);
    this.#unseenTakers = new IntervalIndex(holes);
    this.#unseen = new IntervalIndex(this.#unseenTokens(holes));
  }

  /** What came to be in a hole may be there until somebody saw the object not signaled. */
  #unseenTokens({ count, from, until }: Intervals): Intervals {
    const unseen = { count, from, until: until.map((end) => Math.max(end, this.#zeros.earliestEndAfter(end))) };
    if (this.#object.initiallySet !== undefined) return unseen;
    return joined(unseen, intervalsOf([{ from: -Infinity, until: this.#zeros.earliestEndAfter(-Infinity) }]));
  }

  match(edges: EdgeTable): void {
    const oneToOne = this.#isOneToOne();
    if (oneToOne && this.#object.type !== 'mutant' && !isCounted(this.#object)) this.#findCoalesced();
    const tokens = this.#tokens(oneToOne);
    const takers = this.#takers();
    const matches = oneToOne ? matchOneToOne(tokens, takers, this.#unseen) : this.#matchTightened(tokens, takers);
    const { type } = this.#object;
    const ownerUnknown = type === 'semaphore or mutant' || (type === 'mutant' && this.#ownership === undefined);
    for (let taker = 0; taker < takers.count; taker += 1) {
      if (takers.satisfied[taker] !== 1) continue;
      const token = matches.token[taker] ?? -1;
      // It may have been the owner's own, once more.
      if (ownerUnknown && token < 0 && !matches.candidates.has(taker)) continue;
      const sure =
        matches.unseen[taker] !== 1 &&
        takers.uncertain[taker] !== 1 &&
        !ownerUnknown &&
        (token < 0 || (tokens.doubtful[token] !== 1 && !this.#expiryOnly(tokens, token)));
      if (token < 0) this.#addOpen(edges, takers, taker, tokens, matches);
      else this.#add(edges, takers, taker, tokens, token, sure ? Evidence.Seen : Evidence.Inferred);
    }
  }

  #takers(): UncertainTakers {
    const { takes } = this.#own;
    const again = this.#ownership?.again;
    if (again === undefined) {
      const { count, from, until, wait, outcome, uncertain } = takes;
      const satisfied = new Uint8Array(count);
      for (let taker = 0; taker < count; taker += 1) satisfied[taker] = isSatisfied(outcome[taker] ?? 0);
      return { count, from, until, wait, satisfied, uncertain };
    }
    const { count, from, until, rows } = chosen(takes, (row) => !again.has(takes.wait[row] ?? -1));
    const wait = new Int32Array(count);
    const satisfied = new Uint8Array(count);
    const uncertain = new Uint8Array(count);
    for (let taker = 0; taker < count; taker += 1) {
      const row = rows[taker] ?? 0;
      wait[taker] = takes.wait[row] ?? 0;
      satisfied[taker] = isSatisfied(takes.outcome[row] ?? 0);
      uncertain[taker] = takes.uncertain[row] ?? 0;
    }
    return { count, from, until, wait, satisfied, uncertain };
  }

  /** Each token is taken by one wait. Not so when it is not known how many tokens there are. */
  #isOneToOne(): boolean {
    const { type, initiallySet } = this.#object;
    if (type === 'mutant') return this.#ownership !== undefined;
    if (type === 'semaphore') return initiallySet === false && this.#everySignal((row) => this.#isCountable(row));
    if (type === 'timer' && !this.#everySignal((row) => !this.#isPeriodic(row))) return false;
    return isTaken(this.#object) && type !== 'semaphore or mutant';
  }

  #everySignal(holds: (row: number) => boolean): boolean {
    for (let row = 0; row < this.#own.signals.count; row += 1) if (!holds(row)) return false;
    return true;
  }

  #isCountable(row: number): boolean {
    const { uncertain, kind } = this.#own.signals;
    return uncertain[row] === 0 && kind[row] === Kind.Release && this.#unitsOf(row) <= MAX_UNITS;
  }

  /** Set to expire again and again, and the expiries are not recorded. The status of a setting is its period. */
  #isPeriodic(row: number): boolean {
    const { kind, record } = this.#own.signals;
    return kind[row] === Kind.TimerSet && (this.#parts.records.status[record[row] ?? 0] ?? 0) !== 0;
  }

  /**
   * A wait that only one signal can have released shows that this signal had taken effect when the wait returned, although
   * its own call may have returned later. So a reset behind that moment wiped it, and it released nobody after the reset.
   */
  #matchTightened(tokens: DoubtfulTokens, takers: UncertainTakers): Matches {
    let matches = matchByOverlap(tokens, takers, this.#unseen);
    if (isCounted(this.#object) || this.#object.type === 'mutant') return matches;
    let { until } = tokens;
    for (let round = 0; round < MAX_TIGHTENINGS; round += 1) {
      const tightened = until.slice();
      let undecided = false;
      let changed = false;
      for (let taker = 0; taker < takers.count; taker += 1) {
        if (takers.satisfied[taker] !== 1) continue;
        const token = matches.token[taker] ?? -1;
        if (token < 0) undecided = true;
        else if (matches.unseen[taker] !== 1 && takers.uncertain[taker] !== 1) {
          const gone = this.#zeros.earliestEndAfter(takers.until[taker] ?? 0);
          if (gone >= (tightened[token] ?? 0)) continue;
          tightened[token] = gone;
          changed = true;
        }
      }
      if (!undecided || !changed) break;
      until = tightened;
      matches = matchByOverlap({ ...tokens, until }, takers, this.#unseen);
    }
    return matches;
  }

  /** The expiry of a timer that only its setting tells of. */
  #expiryOnly({ record }: Tokens, token: number): boolean {
    const signal = record[token] ?? -1;
    return signal >= 0 && this.#parts.records.kind[signal] === Kind.TimerSet;
  }

  /** A set of unknown previous state with nothing between it and the set before that could have taken or wiped. */
  #findCoalesced(): void {
    const { count, record, kind, from, until, previous, uncertain } = this.#own.signals;
    if (!previous.includes(-1)) return;
    let before = -1;
    for (let row = 0; row < count; row += 1) {
      if (kind[row] !== Kind.Set && kind[row] !== Kind.Complete) {
        before = -1;
        continue;
      }
      const begin = from[before] ?? Infinity;
      const end = until[row] ?? 0;
      if (previous[row] === -1 && uncertain[row] === 0 && before >= 0 && (until[before] ?? 0) <= (from[row] ?? 0)) {
        this.#takes ??= new IntervalIndex(this.#own.takes);
        const quiet =
          !this.#takes.any(begin, end) && !this.#clears.any(begin, end) && !this.#unseenTakers.any(begin, end);
        if (quiet) this.#coalesced.add(record[row] ?? -1);
      }
      before = uncertain[row] === 1 ? -1 : row;
    }
  }

  #tokens(oneToOne: boolean): DoubtfulTokens {
    const { signals } = this.#own;
    const rows = this.#rowsOfTokens(oneToOne);
    const initial = this.#object.initiallySet === true ? 1 : 0;
    const count = rows.length + initial;
    const tokens = {
      count,
      from: new Float64Array(count),
      until: new Float64Array(count),
      record: new Int32Array(count),
      mustBeTaken: new Uint8Array(count),
      doubtful: new Uint8Array(count),
    };
    if (initial === 1) {
      tokens.record[0] = -1;
      tokens.from[0] = -Infinity;
      tokens.until[0] = this.#zeros.earliestEndAfter(-Infinity);
    }
    const { record, from, until, mustBeTaken, doubtful } = tokens;
    for (let token = initial; token < count; token += 1) {
      const row = rows[token - initial] ?? 0;
      const kind = signals.kind[row] ?? 0;
      const isPulse = kind === Kind.Pulse;
      const gone = isPulse ? (signals.until[row] ?? 0) : this.#gone(row);
      record[token] = signals.record[row] ?? 0;
      from[token] = kind === Kind.TimerExpire ? this.#earliestExpiry(row) : (signals.from[row] ?? 0);
      until[token] = gone;
      mustBeTaken[token] = oneToOne && !isPulse && this.#mustBeTaken(row, gone) ? 1 : 0;
      doubtful[token] = signals.uncertain[row] ?? 0;
    }
    return tokens;
  }

  /** Row of the signal by token. */
  #rowsOfTokens(oneToOne: boolean): Uint32Array {
    const { signals } = this.#own;
    const kept = this.#ownership?.kept ?? NONE;
    const perSignal = oneToOne && this.#object.type === 'semaphore' ? MAX_UNITS : 1;
    const rows = new Uint32Array(signals.count * perSignal);
    let count = 0;
    for (let row = 0; row < signals.count; row += 1) {
      const record = signals.record[row] ?? 0;
      if (foundSignaled(signals, row) || (kept.size > 0 && kept.has(record))) continue;
      if (this.#coalesced.size > 0 && this.#coalesced.has(record)) continue;
      for (let unit = perSignal === 1 ? 1 : this.#unitsOf(row); unit > 0; unit -= 1) rows[count++] = row;
    }
    return rows.subarray(0, count);
  }

  /** Until when what a signal made can have been there. A timer that was set has yet to expire: only a new setting ends that. */
  #gone(row: number): number {
    const { kind, from, until } = this.#own.signals;
    if (kind[row] === Kind.TimerSet) return this.#settings.earliestEndAfter(until[row] ?? 0);
    const gone = this.#zeros.earliestEndAfter(until[row] ?? 0);
    const { kind: wakes, type } = this.#object;
    if (gone === Infinity || wakes !== 'notification' || type !== 'event') return gone;
    // No wait takes from it: what was gone by then had been gone since a reset, also one that the signal's own call overlaps.
    const begin = from[row] ?? 0;
    const cleared = this.#clears.latestEndOfThoseBegunBy(gone);
    return cleared < begin || cleared >= gone || this.#unseenTakers.any(begin, gone) ? gone : cleared;
  }

  /** How many waits a signal can release. */
  #unitsOf(row: number): number {
    if (this.#object.type !== 'semaphore') return 1;
    const { argument, words } = this.#parts.records;
    return Number(words.toBigInt(argument[this.#own.signals.record[row] ?? 0] ?? 0));
  }

  /** The expiry's own procedure runs after the timer became signaled: at the earliest when it was set. */
  #earliestExpiry(row: number): number {
    const from = this.#own.signals.from[row] ?? 0;
    return this.#allSettings.lastBegin(from) ?? from;
  }

  /** Gone by `until`, and neither a reset nor anybody unrecorded can have done it. */
  #mustBeTaken(row: number, until: number): boolean {
    const { previous, uncertain, from } = this.#own.signals;
    if (!Number.isFinite(until) || previous[row] !== 0 || uncertain[row] === 1) return false;
    return !this.#clears.any(from[row] ?? 0, until) && !this.#unseenTakers.any(from[row] ?? 0, until);
  }

  #add(edges: EdgeTable, takers: Takers, taker: number, tokens: Tokens, token: number, evidence: Evidence): void {
    const { records, waits } = this.#parts;
    const wait = takers.wait[taker] ?? 0;
    const signal = tokens.record[token] ?? -1;
    const meeting = this.#meeting(takers.from[taker] ?? 0, signal, tokens.from[token] ?? 0);
    // From the setting of a timer to its expiry is no latency.
    const measured = signal >= 0 && meeting !== Meeting.FoundSignaled && !this.#expiryOnly(tokens, token);
    const latency = measured ? (waits.end[wait] ?? NaN) - (records.time[signal] ?? NaN) : NaN;
    edges.add(wait, this.#object.id, signal, evidence, meeting, latency);
  }

  /** To a wait whose signal is not decided, or was not recorded. */
  #addOpen(edges: EdgeTable, takers: Takers, taker: number, { record }: Tokens, matches: Matches): void {
    const fitting = matches.candidates.get(taker) ?? NO_CANDIDATES;
    const candidates = fitting.map((token) => record[token] ?? -1).filter((signal) => signal >= 0);
    const evidence = fitting.length === 0 ? Evidence.Unseen : Evidence.Ambiguous;
    edges.add(takers.wait[taker] ?? 0, this.#object.id, -1, evidence, Meeting.Unknown, NaN);
    if (candidates.length > 0) edges.setCandidates(candidates.slice(0, MAX_CANDIDATES));
  }

  #meeting(begin: number, signal: number, from: number): number {
    if (signal < 0) return Meeting.FoundSignaled;
    const { records } = this.#parts;
    const returned = (records.time[signal] ?? 0) + (records.duration[signal] ?? 0);
    if (begin < from) return Meeting.Released;
    if (records.kind[signal] === Kind.TimerSet) return Meeting.Unknown;
    return begin > returned ? Meeting.FoundSignaled : Meeting.Unknown;
  }
}

interface DoubtfulTokens extends Tokens {
  /** 1: the signal may be of another object. */
  readonly doubtful: Uint8Array;
}
interface UncertainTakers extends Takers {
  /** 1: the wait may have been for another object. */
  readonly uncertain: Uint8Array;
}

/** It found the object signaled: nothing that it released. A semaphore's count rises all the same. */
export const foundSignaled = ({ kind, previous }: Operations, row: number): boolean =>
  kind[row] !== Kind.Release && (previous[row] ?? 0) > 0;

const isSatisfied = (outcome: number): number => (outcome === Outcome.Satisfied ? 1 : 0);

const NO_CANDIDATES: readonly number[] = [];
const NONE: ReadonlySet<number> = new Set();
