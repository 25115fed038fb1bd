/** What happened to each object, as intervals: signals, what made it not signaled, and what saw it so. */
import type { Interval, Intervals } from './intervals.js';
import type { Parts } from './model.js';
import type { Catalogue } from './objects.js';
import { Kind, UNKNOWN_BYTE } from './records.js';
import type { RequestLinks } from './requests.js';
import { Outcome } from './waits.js';

/** Records that touch an object, each as the stretch in which its effect lies (widened by its clock's uncertainty). */
export interface Operations extends Intervals {
  readonly record: Int32Array;
  readonly kind: Uint8Array;
  /** State that it found: 0 or more; -1 unknown. */
  readonly previous: Int16Array;
  /** It may be of another object: records were lost. */
  readonly uncertain: Uint8Array;
}

/** Waits for an object. */
export interface Uses extends Intervals {
  readonly wait: Int32Array;
  /** `Outcome`. */
  readonly outcome: Uint8Array;
  readonly uncertain: Uint8Array;
}

export interface ObjectActivity {
  /** Set, pulse, release, expiry, completion, in order of time. */
  readonly signals: Operations;
  /** Reset, and what resets on the way: pulse, setting a timer, sending a request with the event. */
  readonly clears: Operations;
  /** Waits that may have taken from it. */
  readonly takes: Uses;
  /** Waits for this object alone that timed out: at their end it was not signaled. */
  readonly timeouts: Uses;
}

const isSignal = (kind: number): boolean =>
  kind === Kind.Set ||
  kind === Kind.Pulse ||
  kind === Kind.Release ||
  kind === Kind.Complete ||
  kind === Kind.TimerExpire;
const isClear = (kind: number): boolean =>
  kind === Kind.Reset || kind === Kind.Pulse || kind === Kind.TimerSet || kind === Kind.Request;

export interface Activity {
  of(object: number): ObjectActivity;
  /** Waits that took from an object nobody can name: each may have taken from any. */
  readonly unknownTakes: readonly (Interval & { readonly source: number })[];
  /** First and last operation whose object is uncertain, by source. */
  readonly uncertainSpans: readonly (Interval | undefined)[];
}

/** Rows of all objects, those of one together, and where each object's begin. */
interface Lanes<T extends Operations | Uses> {
  readonly first: Uint32Array;
  readonly rows: T;
}

const SIGNAL = 1;
const CLEAR = 2;

export function collectActivity(parts: Parts, catalogue: Catalogue, requests: RequestLinks): Activity {
  const spans = new UncertainSpans(parts.recording.sources.length);
  const { signals, clears } = collectOperations(parts, catalogue, requests, spans);
  const { takes, timeouts, unknownTakes } = collectUses(parts, catalogue, spans);
  return {
    of: (object) => ({
      signals: operationsOf(signals, object),
      clears: operationsOf(clears, object),
      takes: usesOf(takes, object),
      timeouts: usesOf(timeouts, object),
    }),
    unknownTakes,
    uncertainSpans: spans.bySource,
  };
}

class UncertainSpans {
  readonly bySource: ({ from: number; until: number } | undefined)[];

  constructor(sources: number) {
    this.bySource = Array.from({ length: sources }, () => undefined);
  }

  add(source: number, from: number, until: number): void {
    const known = this.bySource[source];
    if (known === undefined) this.bySource[source] = { from, until };
    else {
      known.from = Math.min(known.from, from);
      known.until = Math.max(known.until, until);
    }
  }
}

// No spread in what is read a million times: it gives objects of one type several shapes, and code made for one of them is
// thrown away at the next.
function operationsOf({ first, rows }: Lanes<Operations>, object: number): Operations {
  const from = first[object] ?? 0;
  const until = first[object + 1] ?? 0;
  return {
    count: until - from,
    from: rows.from.subarray(from, until),
    until: rows.until.subarray(from, until),
    record: rows.record.subarray(from, until),
    kind: rows.kind.subarray(from, until),
    previous: rows.previous.subarray(from, until),
    uncertain: rows.uncertain.subarray(from, until),
  };
}

function usesOf({ first, rows }: Lanes<Uses>, object: number): Uses {
  const from = first[object] ?? 0;
  const until = first[object + 1] ?? 0;
  return {
    count: until - from,
    from: rows.from.subarray(from, until),
    until: rows.until.subarray(from, until),
    wait: rows.wait.subarray(from, until),
    outcome: rows.outcome.subarray(from, until),
    uncertain: rows.uncertain.subarray(from, until),
  };
}

/** Where each lane begins, of counts that lie one place behind their lane; and a copy to count on. */
function beginnings(counts: Uint32Array): { readonly first: Uint32Array; readonly next: Uint32Array } {
  for (let lane = 1; lane < counts.length; lane += 1) counts[lane] = (counts[lane] ?? 0) + (counts[lane - 1] ?? 0);
  return { first: counts, next: counts.slice() };
}

const emptyOperations = (count: number): Operations => ({
  count,
  from: new Float64Array(count),
  until: new Float64Array(count),
  record: new Int32Array(count),
  kind: new Uint8Array(count),
  previous: new Int16Array(count),
  uncertain: new Uint8Array(count),
});

const emptyUses = (count: number): Uses => ({
  count,
  from: new Float64Array(count),
  until: new Float64Array(count),
  wait: new Int32Array(count),
  outcome: new Uint8Array(count),
  uncertain: new Uint8Array(count),
});

/** Counts first, then fills: what there are many of gets arrays of the right size. */
function collectOperations(
  parts: Parts,
  catalogue: Catalogue,
  requests: RequestLinks,
  spans: UncertainSpans,
): { readonly signals: Lanes<Operations>; readonly clears: Lanes<Operations> } {
  const { records, order, identity } = parts;
  const objects = catalogue.objects.length;
  const expires = timersThatExpire(parts, catalogue);
  const roles = new Uint8Array(records.count);
  const signalCounts = new Uint32Array(objects + 1);
  const clearCounts = new Uint32Array(objects + 1);
  for (let record = 0; record < records.count; record += 1) {
    const object = catalogue.objectOf[record] ?? -1;
    if (object < 0) continue;
    const role = roleOf(records.kind[record] ?? 0, records.status[record] ?? 0, expires, object);
    roles[record] = role;
    if ((role & SIGNAL) !== 0) signalCounts[object + 1] = (signalCounts[object + 1] ?? 0) + 1;
    if ((role & CLEAR) !== 0) clearCounts[object + 1] = (clearCounts[object + 1] ?? 0) + 1;
  }
  const [ofSignals, ofClears] = [beginnings(signalCounts), beginnings(clearCounts)];
  const signals = emptyOperations(ofSignals.first[objects] ?? 0);
  const clears = emptyOperations(ofClears.first[objects] ?? 0);
  const signalled = signalThenWait(parts);
  const slacks = parts.recording.sources.map((_source, source) => clockSlack(parts, source));
  for (let at = 0; at < order.length; at += 1) {
    const record = order[at] ?? 0;
    const role = roles[record] ?? 0;
    if (role === 0) continue;
    const object = catalogue.objectOf[record] ?? -1;
    const source = records.source[record] ?? 0;
    const slack = slacks[source] ?? 0;
    const kind = records.kind[record] ?? 0;
    const time = records.time[record] ?? 0;
    const from = time - slack;
    const until = (signalled.get(record) ?? time + (records.duration[record] ?? 0)) + slack;
    const found = records.previous[record] ?? UNKNOWN_BYTE;
    const previous = found === UNKNOWN_BYTE || kind === Kind.TimerSet ? -1 : found;
    const uncertain = identity.uncertain[record] === 1 || requests.ambiguous.has(record) ? 1 : 0;
    if (uncertain === 1) spans.add(source, from, until);
    if ((role & SIGNAL) !== 0) put(signals, ofSignals.next, object, record, kind, from, until, previous, uncertain);
    if ((role & CLEAR) !== 0) put(clears, ofClears.next, object, record, kind, from, until, previous, uncertain);
  }
  return { signals: { first: ofSignals.first, rows: signals }, clears: { first: ofClears.first, rows: clears } };
}

function put(
  into: Operations,
  next: Uint32Array,
  object: number,
  record: number,
  kind: number,
  from: number,
  until: number,
  previous: number,
  uncertain: number,
): void {
  const row = next[object] ?? 0;
  next[object] = row + 1;
  into.record[row] = record;
  into.kind[row] = kind;
  into.from[row] = from;
  into.until[row] = until;
  into.previous[row] = previous;
  into.uncertain[row] = uncertain;
}

/** SIGNAL, CLEAR, both, or 0. A setting stands for the expiry of a timer whose expiries are not recorded. */
function roleOf(kind: number, status: number, expires: ReadonlySet<number>, object: number): number {
  const role = (isSignal(kind) ? SIGNAL : 0) | (isClear(kind) ? CLEAR : 0);
  if (role === 0) return 0;
  if (status >= 0xc000_0000 && kind !== Kind.Complete && kind !== Kind.TimerSet) return 0;
  return kind === Kind.TimerSet && !expires.has(object) ? role | SIGNAL : role;
}

export const clockSlack = (parts: Parts, source: number): number =>
  Math.min(1e18, parts.clock.sources[source]?.uncertainty ?? 0);

/** SignalObjectAndWait is one call with two records: its signal can come as late as the end of its wait. */
function signalThenWait({ records, waits, end }: Parts): ReadonlyMap<number, number> {
  const ends = new Map<number, number>();
  if (records.waitOfSignal.size === 0) return ends;
  const signals = new Map([...records.waitOfSignal].map(([signal, begin]) => [begin, signal]));
  for (let wait = 0; wait < waits.count; wait += 1) {
    const signal = signals.get(waits.beginRecord[wait] ?? -1);
    if (signal !== undefined) ends.set(signal, Math.min(waits.end[wait] ?? 0, end));
  }
  return ends;
}

/** Timers whose expiry is recorded. Of others the setting is all there is. */
function timersThatExpire(parts: Parts, catalogue: Catalogue): Set<number> {
  const expires = new Set<number>();
  if (parts.records.ofKind[Kind.TimerExpire] === 0) return expires;
  for (let record = 0; record < parts.records.count; record += 1) {
    if (parts.records.kind[record] === Kind.TimerExpire) expires.add(catalogue.objectOf[record] ?? -1);
  }
  return expires;
}

function collectUses(
  parts: Parts,
  catalogue: Catalogue,
  spans: UncertainSpans,
): { readonly takes: Lanes<Uses>; readonly timeouts: Lanes<Uses>; readonly unknownTakes: Activity['unknownTakes'] } {
  const objects = catalogue.objects.length;
  const counts = { takes: new Uint32Array(objects + 1), timeouts: new Uint32Array(objects + 1) };
  const count = (counters: Uint32Array, object: number): void => {
    counters[object + 1] = (counters[object + 1] ?? 0) + 1;
  };
  eachUse(
    parts,
    catalogue,
    (_wait, _place, object, timedOut) => count(timedOut ? counts.timeouts : counts.takes, object),
    () => undefined,
  );
  const ofTakes = beginnings(counts.takes);
  const ofTimeouts = beginnings(counts.timeouts);
  const takes = emptyUses(ofTakes.first[objects] ?? 0);
  const timeouts = emptyUses(ofTimeouts.first[objects] ?? 0);
  const unknownTakes: (Interval & { source: number })[] = [];
  const { waits, identity } = parts;
  const slacks = parts.recording.sources.map((_source, source) => clockSlack(parts, source));
  const beginOf = (wait: number): number => (waits.begin[wait] ?? 0) - (slacks[waits.source[wait] ?? 0] ?? 0);
  const endOf = (wait: number): number =>
    Math.min(waits.end[wait] ?? 0, parts.end) + (slacks[waits.source[wait] ?? 0] ?? 0);
  eachUse(
    parts,
    catalogue,
    (wait, place, object, timedOut) => {
      const [into, next] = timedOut ? [timeouts, ofTimeouts.next] : [takes, ofTakes.next];
      const row = next[object] ?? 0;
      next[object] = row + 1;
      into.wait[row] = wait;
      into.outcome[row] = waits.outcome[wait] ?? 0;
      into.from[row] = beginOf(wait);
      into.until[row] = endOf(wait);
      into.uncertain[row] = identity.waitUncertain[place] ?? 0;
    },
    (wait) => unknownTakes.push({ from: beginOf(wait), until: endOf(wait), source: waits.source[wait] ?? 0 }),
    (wait) => spans.add(waits.source[wait] ?? 0, beginOf(wait), endOf(wait)),
  );
  return {
    takes: { first: ofTakes.first, rows: takes },
    timeouts: { first: ofTimeouts.first, rows: timeouts },
    unknownTakes,
  };
}

/** Visits each object that a wait may have taken from, or waited for in vain. `unknown`: it took from one nobody can name. */
function eachUse(
  { waits, identity }: Parts,
  catalogue: Catalogue,
  visit: (wait: number, place: number, object: number, timedOut: boolean) => void,
  unknown: (wait: number) => void,
  uncertain: (wait: number) => void = () => undefined,
): void {
  for (let wait = 0; wait < waits.count; wait += 1) {
    const outcome = waits.outcome[wait] ?? 0;
    if (outcome === Outcome.Alerted || outcome === Outcome.Failed) continue;
    const count = waits.objectCount[wait] ?? 0;
    const index = waits.index[wait] ?? -1;
    // Without its beginning the objects of a wait for several are lost, except the one that its end names.
    const took = outcome === Outcome.Satisfied || outcome === Outcome.Abandoned;
    const only = took && waits.all[wait] !== 1 && index >= 0 ? (waits.beginRecord[wait] === -1 ? 0 : index) : -1;
    if (took && (count === 0 || only >= count)) unknown(wait);
    for (let at = 0; at < count; at += 1) {
      if (only >= 0 && at !== only) continue;
      const place = (waits.first[wait] ?? 0) + at;
      const object = catalogue.waitObjects[place] ?? -1;
      if (object < 0) {
        if (took) unknown(wait);
        continue;
      }
      if (identity.waitUncertain[place] === 1) uncertain(wait);
      const timedOut = outcome === Outcome.TimedOut;
      if (!timedOut || count === 1) visit(wait, place, object, timedOut);
    }
  }
}
