/**
 * Moments at which nothing of an object goes on: no call and no wait for it lasts over them, and it is not signaled. What was
 * before decides nothing of what comes then, so that a model of what comes later says the same as one of everything.
 *
 * Of an object that a wait takes from, as many signals as takes since it was last known not to be signaled mean that it is not. A signal
 * that found it signaled already, which not every record tells, makes them more: then it is not known again before a reset, or a
 * signal that found it not signaled.
 */
import type { TraceModel } from '../model/model.js';
import { isTaken, type KnownMoment, type ObjectNamer, type TraceObject } from '../model/objects.js';
import { ascending } from '../model/order.js';
import { Kind, UNKNOWN_BYTE } from '../model/records.js';
import { endsOfSignalAndWait, Outcome } from '../model/waits.js';

/** Kinds whose effect on an object is accounted for here. */
const isCounted = (kind: number): boolean => kind === Kind.Set || kind === Kind.Reset || kind === Kind.Release;
const CHANGES_OTHERWISE: ReadonlySet<number> = new Set([
  ...[Kind.Pulse, Kind.Complete, Kind.Request, Kind.TimerSet, Kind.TimerCancel, Kind.TimerExpire],
]);

/** By object the last quiet moment before `until` (ns) behind which something of it is recorded; undefined: there is none. */
export function quietMoments(model: TraceModel, until: number): readonly (KnownMoment | undefined)[] {
  const accounts = model.objects.map((object) => new Account(object, until));
  exclude(model, accounts);
  const { records, order, objectOf, waits } = model;
  const waitOrder = ascending(waits.begin);
  // A signal that is one call with a wait lasts as long as that.
  const signaledUntil = endsOfSignalAndWait(model);
  let next = 0;
  for (let at = 0; at <= order.length; at += 1) {
    const record = order[at] ?? -1;
    const kind = record < 0 ? -1 : (records.kind[record] ?? 0);
    if (record >= 0 && !isCounted(kind)) continue;
    const time = record < 0 ? Infinity : (records.time[record] ?? 0);
    for (; next < waits.count && (waits.begin[waitOrder[next] ?? 0] ?? 0) <= time; next += 1)
      addWait(model, accounts, waitOrder[next] ?? 0);
    const account = accounts[objectOf[record] ?? -1];
    if (account === undefined || (records.status[record] ?? 0) >= 0xc000_0000) continue;
    const end = signaledUntil.get(record) ?? time + (records.duration[record] ?? 0);
    const found = records.previous[record] ?? UNKNOWN_BYTE;
    if (!account.begin(time, end, { record, place: -1 }, kind !== Kind.Reset && found === 0)) continue;
    if (kind === Kind.Reset) account.reset();
    else if (kind === Kind.Set) account.set(found);
    else account.release(Number(records.words.toBigInt(records.argument[record] ?? 0)));
  }
  return accounts.map(({ moment }) => moment);
}

/** Objects with which something else was done than is accounted for, and waits of which it is not known what they took. */
function exclude({ records, objectOf }: TraceModel, accounts: readonly Account[]): void {
  for (let record = 0; record < records.count; record += 1) {
    if (CHANGES_OTHERWISE.has(records.kind[record] ?? 0)) accounts[objectOf[record] ?? -1]?.giveUp();
  }
}

function addWait({ waits, waitObjects }: TraceModel, accounts: readonly Account[], wait: number): void {
  const outcome = waits.outcome[wait] ?? 0;
  const count = waits.objectCount[wait] ?? 0;
  const begin = waits.beginRecord[wait] ?? -1;
  const [from, until] = [waits.begin[wait] ?? 0, waits.end[wait] ?? Infinity];
  for (let at = 0; at < count; at += 1) {
    if (!usesPlace(outcome, waits.all[wait] === 1, waits.index[wait] ?? -1, at)) continue;
    const account = accounts[waitObjects[(waits.first[wait] ?? 0) + at] ?? -1];
    if (account === undefined) continue;
    if (!account.begin(from, until, { record: begin, place: count === 1 ? -1 : at }, false)) continue;
    if (outcome === Outcome.Satisfied || outcome === Outcome.Abandoned) account.take();
    else if (outcome === Outcome.Unknown || outcome === Outcome.Open) account.doubt();
  }
}

/** Whether a wait with this outcome has to do with the object at a place of its list. */
export function usesPlace(outcome: number, all: boolean, index: number, place: number): boolean {
  if (outcome === Outcome.Alerted || outcome === Outcome.Failed) return false;
  const took = outcome === Outcome.Satisfied || outcome === Outcome.Abandoned;
  return !took || all || index < 0 || index === place;
}

/** What is known of one object while its signals and waits are walked over in order of their beginning. */
class Account {
  #moment: KnownMoment | undefined;
  /** A call found it not signaled: so it was at that call's beginning, if nothing else begins before its end. */
  #found: KnownMoment | undefined;
  readonly #until: number;
  readonly #since: number;
  readonly #taken: boolean;
  #possible: boolean;
  /** Signals that are there, or more than are there; NaN: not known. */
  #signals: number;
  #busyUntil = -Infinity;
  #quiet = true;
  #cleared = false;

  constructor(object: TraceObject, until: number) {
    this.#until = until;
    this.#since = object.knownFrom ?? -Infinity;
    this.#possible = object.type === 'event' || object.type === 'semaphore';
    this.#taken = isTaken(object);
    const { initiallySet } = object;
    this.#signals = initiallySet === false ? 0 : initiallySet === true && object.kind === 'synchronization' ? 1 : NaN;
  }

  get moment(): KnownMoment | undefined {
    return this.#found ?? this.#moment;
  }

  giveUp(): void {
    this.#possible = false;
  }

  /**
   * Something begins. `namer`: without a record it names nothing. `foundNone`: it found the object not signaled. Returns false of what was
   * settled before, and is here only for another object's sake.
   */
  begin(from: number, until: number, namer: ObjectNamer, foundNone: boolean): boolean {
    if (from < this.#since) return false;
    this.#quiet = from > this.#busyUntil;
    if (this.#cleared) this.#signals = this.#quiet ? 0 : NaN;
    this.#cleared = false;
    if (this.#found !== undefined && this.#quiet) this.#moment = this.#found;
    else if (this.#found !== undefined) this.#signals = NaN;
    this.#found = undefined;
    if (this.#quiet && this.#signals < 0) this.#signals = NaN;
    const isNamed = this.#possible && this.#quiet && from < this.#until && namer.record >= 0;
    if (isNamed && this.#signals === 0) this.#moment = { ...namer, from };
    else if (this.#quiet && foundNone) {
      if (isNamed) this.#found = { ...namer, from };
      this.#signals = 0;
    }
    this.#busyUntil = Math.max(this.#busyUntil, until);
    return true;
  }

  set(found: number): void {
    if (!this.#taken) this.#signals = NaN;
    else if (found === 0 || found === UNKNOWN_BYTE) this.#signals += 1;
    else if (!(this.#signals > 0)) this.#signals = NaN;
  }

  release(units: number): void {
    this.#signals += units;
  }

  reset(): void {
    if (this.#quiet) this.#cleared = true;
    else this.#signals = NaN;
  }

  take(): void {
    if (this.#taken) this.#signals -= 1;
  }

  doubt(): void {
    this.#signals = NaN;
  }
}
