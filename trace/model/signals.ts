/** What happened to each object, as intervals: signals, what made it not signaled, and what saw it so. */
import type { Interval } from './intervals.js';
import type { Parts } from './model.js';
import type { Catalogue } from './objects.js';
import { Kind, UNKNOWN_BYTE } from './records.js';
import type { RequestLinks } from './requests.js';
import { Outcome } from './waits.js';

/** A record that touches an object, as the stretch in which its effect lies (widened by its clock's uncertainty). */
export interface Operation extends Interval {
  readonly record: number;
  readonly kind: number;
  /** State that it found: 0 or more, or undefined. */
  readonly previous: number | undefined;
  /** It may be of another object: records were lost. */
  readonly uncertain: boolean;
}

/** A wait for an object. */
export interface Use extends Interval {
  readonly wait: number;
  readonly outcome: Outcome;
  readonly uncertain: boolean;
}

export interface ObjectActivity {
  /** Set, pulse, release, expiry, completion, in order of time. */
  readonly signals: readonly Operation[];
  /** Reset, and what resets on the way: pulse, setting a timer, sending a request with the event. */
  readonly clears: readonly Operation[];
  /** Waits that may have taken from it. */
  readonly takes: readonly Use[];
  /** Waits for this object alone that timed out: at their end it was not signaled. */
  readonly timeouts: readonly Use[];
}

interface Lists {
  readonly signals: Operation[];
  readonly clears: Operation[];
  readonly takes: Use[];
  readonly timeouts: Use[];
}

const SIGNALS: ReadonlySet<number> = new Set([Kind.Set, Kind.Pulse, Kind.Release, Kind.Complete, Kind.TimerExpire]);
const CLEARS: ReadonlySet<number> = new Set([Kind.Reset, Kind.Pulse, Kind.TimerSet, Kind.Request]);

export interface Activity {
  readonly byObject: readonly ObjectActivity[];
  /** Waits that took from an object nobody can name: each may have taken from any. */
  readonly unknownTakes: readonly (Interval & { readonly source: number })[];
  /** First and last operation whose object is uncertain, by source. */
  readonly uncertainSpans: readonly (Interval | undefined)[];
}

export function collectActivity(parts: Parts, catalogue: Catalogue, requests: RequestLinks): Activity {
  const { records, order, identity } = parts;
  const lists: Lists[] = catalogue.objects.map(() => ({ signals: [], clears: [], takes: [], timeouts: [] }));
  const spans: ({ from: number; until: number } | undefined)[] = parts.recording.sources.map(() => undefined);
  const span = (source: number, from: number, until: number): void => {
    const known = spans[source];
    if (known === undefined) spans[source] = { from, until };
    else {
      known.from = Math.min(known.from, from);
      known.until = Math.max(known.until, until);
    }
  };
  const signalled = signalThenWait(parts);
  const expires = timersThatExpire(parts, catalogue);
  for (const record of order) {
    const object = catalogue.objectOf[record] ?? -1;
    const list = lists[object];
    const kind = records.kind[record] ?? 0;
    const isExpiry = kind === Kind.TimerSet && !expires.has(object);
    if (list === undefined || !(SIGNALS.has(kind) || CLEARS.has(kind))) continue;
    if ((records.status[record] ?? 0) >= 0xc000_0000 && kind !== Kind.Complete && kind !== Kind.TimerSet) continue;
    const source = records.source[record] ?? 0;
    const slack = clockSlack(parts, source);
    const from = records.time[record] ?? 0;
    const until = signalled.get(record) ?? from + (records.duration[record] ?? 0);
    const previous = records.previous[record] ?? UNKNOWN_BYTE;
    const operation: Operation = {
      record,
      kind,
      from: from - slack,
      until: until + slack,
      previous: previous === UNKNOWN_BYTE || kind === Kind.TimerSet ? undefined : previous,
      uncertain: identity.uncertain[record] === 1 || requests.ambiguous.has(record),
    };
    if (operation.uncertain) span(source, operation.from, operation.until);
    if (SIGNALS.has(kind) || isExpiry) list.signals.push(operation);
    if (CLEARS.has(kind)) list.clears.push(operation);
  }
  const unknownTakes = collectUses(parts, catalogue, lists, span);
  return { byObject: lists, unknownTakes, uncertainSpans: spans };
}

export const clockSlack = (parts: Parts, source: number): number =>
  Math.min(1e18, parts.clock.sources[source]?.uncertainty ?? 0);

/** SignalObjectAndWait is one call with two records: its signal can come as late as the end of its wait. */
function signalThenWait(parts: Parts): Map<number, number> {
  const { records, waits } = parts;
  const ends = new Map<number, number>();
  for (let wait = 0; wait < waits.count; wait += 1) {
    const begin = waits.beginRecord[wait] ?? -1;
    const next = begin + 1;
    if (begin < 0 || records.kind[next] !== Kind.Set || records.ring[next] !== records.ring[begin]) continue;
    if (records.source[next] !== records.source[begin] || records.time[next] !== records.time[begin]) continue;
    ends.set(next, Math.min(waits.end[wait] ?? 0, parts.end));
  }
  return ends;
}

/** Timers whose expiry is recorded. Of others the setting is all there is. */
function timersThatExpire(parts: Parts, catalogue: Catalogue): Set<number> {
  const expires = new Set<number>();
  for (let record = 0; record < parts.records.count; record += 1) {
    if (parts.records.kind[record] === Kind.TimerExpire) expires.add(catalogue.objectOf[record] ?? -1);
  }
  return expires;
}

function collectUses(
  parts: Parts,
  catalogue: Catalogue,
  lists: readonly Lists[],
  span: (source: number, from: number, until: number) => void,
): Activity['unknownTakes'] {
  const { waits, identity } = parts;
  const unknown: (Interval & { source: number })[] = [];
  for (let wait = 0; wait < waits.count; wait += 1) {
    const outcome = (waits.outcome[wait] ?? 0) as Outcome;
    if (outcome === Outcome.Alerted || outcome === Outcome.Failed) continue;
    const source = waits.source[wait] ?? 0;
    const slack = clockSlack(parts, source);
    const from = (waits.begin[wait] ?? 0) - slack;
    const until = Math.min(waits.end[wait] ?? 0, parts.end) + slack;
    const count = waits.objectCount[wait] ?? 0;
    const index = waits.index[wait] ?? -1;
    // Without its beginning the objects of a wait for several are lost, except the one that its end names.
    const took = outcome === Outcome.Satisfied || outcome === Outcome.Abandoned;
    const only = took && waits.all[wait] !== 1 && index >= 0 ? (waits.beginRecord[wait] === -1 ? 0 : index) : -1;
    if (took && (count === 0 || only >= count)) unknown.push({ from, until, source });
    for (let at = 0; at < count; at += 1) {
      if (only >= 0 && at !== only) continue;
      const place = (waits.first[wait] ?? 0) + at;
      const list = lists[catalogue.waitObjects[place] ?? -1];
      if (list === undefined) {
        if (took) unknown.push({ from, until, source });
        continue;
      }
      const uncertain = identity.waitUncertain[place] === 1;
      if (uncertain) span(source, from, until);
      const use: Use = { wait, from, until, outcome, uncertain };
      if (outcome !== Outcome.TimedOut) list.takes.push(use);
      else if (count === 1) list.timeouts.push(use);
    }
  }
  return unknown;
}
