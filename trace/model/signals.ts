/** What happened to each object, as intervals: signals, what made it not signaled, and what saw it so. */
import type { Interval, Intervals } from './intervals.js';
import type { Parts } from './model.js';
import type { Catalogue } from './objects.js';
import { Kind, UNKNOWN_BYTE, type RecordTable } from './records.js';
import type { RequestLinks } from './requests.js';
import { endsOfSignalAndWait, Outcome } from './waits.js';

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
  readonly byObject: RecordsByObject;
  /** Waits that took from an object nobody can name: each may have taken from any. */
  readonly unknownTakes: readonly (Interval & { readonly source: number })[];
  /** First and last operation whose object is uncertain, by source. */
  readonly uncertainSpans: readonly (Interval | undefined)[];
}

/** What was done to or with each object except waiting for it: records of object o, in order of time, are `list[first[o]]` to `list[first[o + 1]]`. */
export interface RecordsByObject {
  readonly first: Uint32Array;
  readonly list: Uint32Array;
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
  const byObject = recordsByObject(parts, catalogue);
  const { signals, clears } = collectOperations(parts, catalogue, byObject, requests, spans);
  const { takes, timeouts, unknownTakes } = collectUses(parts, catalogue, spans);
  return {
    of: (object) => ({
      signals: operationsOf(signals, object),
      clears: operationsOf(clears, object),
      takes: usesOf(takes, object),
      timeouts: usesOf(timeouts, object),
    }),
    byObject,
    unknownTakes,
    uncertainSpans: spans.bySource,
  };
}

function recordsByObject({ records, order }: Parts, { objects, objectOf }: Catalogue): RecordsByObject {
  const { count, kind } = records;
  const first = new Uint32Array(objects.length + 1);
  for (let record = 0; record < count; record += 1) {
    const object = objectOf[record] ?? -1;
    if (object >= 0 && kind[record] !== Kind.WaitBegin) first[object + 1] = (first[object + 1] ?? 0) + 1;
  }
  for (let object = 0; object < objects.length; object += 1)
    first[object + 1] = (first[object + 1] ?? 0) + (first[object] ?? 0);
  const next = first.slice();
  const list = new Uint32Array(first[objects.length] ?? 0);
  for (let at = 0; at < order.length; at += 1) {
    const record = order[at] ?? 0;
    const object = objectOf[record] ?? -1;
    if (object < 0 || kind[record] === Kind.WaitBegin) continue;
    const place = next[object] ?? 0;
    list[place] = record;
    next[object] = place + 1;
  }
  return { first, list };
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
  byObject: RecordsByObject,
  requests: RequestLinks,
  spans: UncertainSpans,
): { readonly signals: Lanes<Operations>; readonly clears: Lanes<Operations> } {
  const roles = rolesOf(parts, catalogue, byObject);
  // SignalObjectAndWait is one call with two records: its signal can come as late as the end of its wait.
  const signalled = endsOfSignalAndWait(parts);
  const fill = (role: number): Lanes<Operations> => {
    const lanes = emptyLanes(byObject, roles, role);
    if (lanes.rows.count > 0) fillOperations(parts, { byObject, roles, role, signalled, requests, spans }, lanes);
    return lanes;
  };
  return { signals: fill(SIGNAL), clears: fill(CLEAR) };
}

/** Roles by place in the list. */
function rolesOf({ records }: Parts, catalogue: Catalogue, { list }: RecordsByObject): Uint8Array {
  const expires = timersThatExpire(records, catalogue);
  const { kind, status } = records;
  const { objectOf } = catalogue;
  const roles = new Uint8Array(list.length);
  for (let at = 0; at < list.length; at += 1) {
    const record = list[at] ?? 0;
    const one = kind[record] ?? 0;
    if (ROLES[one] !== 0) roles[at] = roleOf(one, status[record] ?? 0, expires, objectOf[record] ?? -1);
  }
  return roles;
}

function emptyLanes(byObject: RecordsByObject, roles: Uint8Array, wanted: number): Lanes<Operations> {
  const first = new Uint32Array(byObject.first.length);
  let count = 0;
  for (let object = 0; object + 1 < first.length; object += 1) {
    first[object] = count;
    const until = byObject.first[object + 1] ?? 0;
    for (let at = byObject.first[object] ?? 0; at < until; at += 1) if (((roles[at] ?? 0) & wanted) !== 0) count += 1;
  }
  first[first.length - 1] = count;
  return { first, rows: emptyOperations(count) };
}

interface Wanted {
  readonly byObject: RecordsByObject;
  readonly roles: Uint8Array;
  readonly role: number;
  readonly signalled: ReadonlyMap<number, number>;
  readonly requests: RequestLinks;
  readonly spans: UncertainSpans;
}

// One loop without a call for each row: numbers that are handed on in their millions are garbage in their millions.
function fillOperations(parts: Parts, wanted: Wanted, { rows }: Lanes<Operations>): void {
  const { records, identity } = parts;
  const { roles, role, signalled, requests, spans } = wanted;
  const { list } = wanted.byObject;
  const slacks = Float64Array.from(parts.recording.sources, (_source, source) => clockSlack(parts, source));
  const [anySignalled, anyAmbiguous] = [signalled.size > 0, requests.ambiguous.size > 0];
  // The list is in order of objects, as the rows are.
  let row = -1;
  for (let at = 0; at < list.length; at += 1) {
    if (((roles[at] ?? 0) & role) === 0) continue;
    row += 1;
    const record = list[at] ?? 0;
    const source = records.source[record] ?? 0;
    const slack = slacks[source] ?? 0;
    const kind = records.kind[record] ?? 0;
    const time = records.time[record] ?? 0;
    const found = records.previous[record] ?? UNKNOWN_BYTE;
    rows.record[row] = record;
    rows.kind[row] = kind;
    rows.from[row] = time - slack;
    rows.until[row] = time + (records.duration[record] ?? 0) + slack;
    rows.previous[row] = found === UNKNOWN_BYTE || kind === Kind.TimerSet ? -1 : found;
    const returned = anySignalled ? signalled.get(record) : undefined;
    if (returned !== undefined) rows.until[row] = Math.min(returned, parts.end) + slack;
    if (identity.uncertain[record] === 1 || (anyAmbiguous && requests.ambiguous.has(record))) {
      rows.uncertain[row] = 1;
      spans.add(source, rows.from[row] ?? 0, rows.until[row] ?? 0);
    }
  }
}

/** By kind: SIGNAL, CLEAR, both, or 0. */
const ROLES = new Uint8Array(256).map((_role, kind) => (isSignal(kind) ? SIGNAL : 0) | (isClear(kind) ? CLEAR : 0));

/** What a record is to its object, as in ROLES. A setting stands for the expiry of a timer whose expiries are not recorded. */
function roleOf(kind: number, status: number, expires: ReadonlySet<number>, object: number): number {
  const role = ROLES[kind] ?? 0;
  if (status >= 0xc000_0000 && kind !== Kind.Complete && kind !== Kind.TimerSet) return 0;
  return kind === Kind.TimerSet && !expires.has(object) ? role | SIGNAL : role;
}

export const clockSlack = (parts: Parts, source: number): number =>
  Math.min(1e18, parts.clock.sources[source]?.uncertainty ?? 0);

/** Timers whose expiry is recorded. Of others the setting is all there is. */
function timersThatExpire({ ofKind, count, kind }: RecordTable, { objectOf }: Catalogue): Set<number> {
  const expires = new Set<number>();
  if (ofKind[Kind.TimerExpire] === 0) return expires;
  for (let record = 0; record < count; record += 1) {
    if (kind[record] === Kind.TimerExpire) expires.add(objectOf[record] ?? -1);
  }
  return expires;
}

/** What a wait has to do with one of its objects. */
const TAKES = 1;
const TIMED_OUT = 2;

function collectUses(
  parts: Parts,
  catalogue: Catalogue,
  spans: UncertainSpans,
): { readonly takes: Lanes<Uses>; readonly timeouts: Lanes<Uses>; readonly unknownTakes: Activity['unknownTakes'] } {
  const unknownTakes: (Interval & { source: number })[] = [];
  const { waits } = parts;
  const slacks = Float64Array.from(parts.recording.sources, (_source, source) => clockSlack(parts, source));
  const stretchOf = (wait: number): Interval & { source: number } => {
    const source = waits.source[wait] ?? 0;
    const slack = slacks[source] ?? 0;
    return { source, from: (waits.begin[wait] ?? 0) - slack, until: Math.min(waits.end[wait] ?? 0, parts.end) + slack };
  };
  const uses = usesOfPlaces(
    parts,
    catalogue,
    (wait) => unknownTakes.push(stretchOf(wait)),
    (wait) => {
      const { source, from, until } = stretchOf(wait);
      spans.add(source, from, until);
    },
  );
  return {
    takes: lanesOfUses(parts, catalogue, uses, TAKES, slacks),
    timeouts: lanesOfUses(parts, catalogue, uses, TIMED_OUT, slacks),
    unknownTakes,
  };
}

/**
 * By entry of the waits' words: whether the wait may have taken from that object, or waited for it in vain. `unknown`: a wait that
 * took from one nobody can name.
 */
function usesOfPlaces(
  { waits, identity }: Parts,
  { waitObjects }: Catalogue,
  unknown: (wait: number) => void,
  uncertain: (wait: number) => void,
): Uint8Array {
  const uses = new Uint8Array(waitObjects.length);
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
      if ((waitObjects[place] ?? -1) < 0) {
        if (took) unknown(wait);
        continue;
      }
      if (identity.waitUncertain[place] === 1) uncertain(wait);
      if (outcome !== Outcome.TimedOut) uses[place] = TAKES;
      else if (count === 1) uses[place] = TIMED_OUT;
    }
  }
  return uses;
}

function lanesOfUses(
  { waits, identity, end }: Parts,
  { waitObjects, objects }: Catalogue,
  uses: Uint8Array,
  wanted: number,
  slacks: Float64Array,
): Lanes<Uses> {
  const first = new Uint32Array(objects.length + 1);
  for (let place = 0; place < uses.length; place += 1) {
    if (uses[place] !== wanted) continue;
    const behind = (waitObjects[place] ?? 0) + 1;
    first[behind] = (first[behind] ?? 0) + 1;
  }
  for (let object = 0; object < objects.length; object += 1)
    first[object + 1] = (first[object + 1] ?? 0) + (first[object] ?? 0);
  const next = first.slice();
  const rows = emptyUses(first[objects.length] ?? 0);
  if (rows.count === 0) return { first, rows };
  for (let wait = 0; wait < waits.count; wait += 1) {
    const begin = waits.first[wait] ?? 0;
    for (let place = begin; place < begin + (waits.objectCount[wait] ?? 0); place += 1) {
      if (uses[place] !== wanted) continue;
      const object = waitObjects[place] ?? 0;
      const row = next[object] ?? 0;
      next[object] = row + 1;
      const slack = slacks[waits.source[wait] ?? 0] ?? 0;
      const ended = waits.end[wait] ?? 0;
      rows.wait[row] = wait;
      rows.outcome[row] = waits.outcome[wait] ?? 0;
      rows.from[row] = (waits.begin[wait] ?? 0) - slack;
      rows.until[row] = (ended < end ? ended : end) + slack;
      rows.uncertain[row] = identity.waitUncertain[place] ?? 0;
    }
  }
  return { first, rows };
}
