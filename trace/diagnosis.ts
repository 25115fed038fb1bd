/**
 * Known ways in which sharing an event goes wrong, found in a model. Each finding says what was recorded, what to do, and
 * what was not observed.
 */
import type { TraceModel } from './model/model.js';
import type { TraceObject } from './model/objects.js';
import { Flag, Kind } from './model/records.js';
import type { Uses } from './model/signals.js';
import { Fate } from './model/transitions.js';
import { Outcome } from './model/waits.js';
import { Evidence, Meeting } from './model/wakes.js';
import { leafName, printable } from '../machine/object-names.js';
import { counted, moment, objectKind, objectName, programName, threadName } from './wording.js';

export interface Finding {
  readonly rule:
    | 'coalesced'
    | 'wiped'
    | 'pulse'
    | 'split-pair'
    | 'wrong-name'
    | 'stolen'
    | 'starts-signaled'
    | 'spin'
    | 'reference-left'
    | 'signal-after-exit';
  /** C crash, H hang or lost work, W wrong result, P performance. */
  readonly severity: 'C' | 'H' | 'W' | 'P';
  /** The whole finding in a few sentences. */
  readonly text: string;
  readonly fix: string;
  readonly notObserved: string;
  readonly objects: readonly { readonly id: number; readonly label: string }[];
  /** Records that show it, at most 16. */
  readonly records: readonly {
    readonly source: number;
    readonly ring: number;
    readonly slot: number;
    readonly time: number;
  }[];
}

interface Facts {
  readonly objects: readonly TraceObject[];
  readonly records: readonly number[];
  readonly what: string;
  readonly fix: string;
  readonly notObserved: string;
}

const MAX_RECORDS = 16;
/** A waiter that finds a notification event signaled this often without any new signal is spinning. */
const SPINS = 20;

export function diagnose(model: TraceModel): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (rule: Finding['rule'], severity: Finding['severity'], facts: Facts): void => {
    findings.push(finding(model, rule, severity, facts));
  };
  const fates = recordsByFate(model);
  const index = indexByObject(model);
  for (const object of model.objects) {
    coalesced(model, object, fates, add);
    wiped(model, object, fates, add);
    resetTooLate(model, object, fates, add);
    missedPulses(object, fates, add);
    startsSignaled(model, object, index, add);
    spins(model, object, index, add);
    stolen(model, object, add);
    referenceLeft(model, object, index, add);
  }
  splitPairs(model, add);
  wrongNames(model, add);
  signalsAfterExit(model, add);
  return findings;
}

type Add = (rule: Finding['rule'], severity: Finding['severity'], facts: Facts) => void;

function finding(model: TraceModel, rule: Finding['rule'], severity: Finding['severity'], facts: Facts): Finding {
  const { records } = model;
  const lost = model.gaps.length === 0 ? '' : ' Records are missing in this recording, so there may be more.';
  return {
    rule,
    severity,
    text: `${facts.what}. ${facts.fix}.`,
    fix: facts.fix,
    notObserved: `${facts.notObserved}.${lost}`,
    objects: facts.objects.map(({ id, label }) => ({ id, label })),
    records: facts.records.slice(0, MAX_RECORDS).map((record) => ({
      ...{ source: records.source[record] ?? 0, ring: records.ring[record] ?? 0, slot: records.slot[record] ?? 0 },
      time: records.time[record] ?? 0,
    })),
  };
}

/** Signal records by object and fate. */
function recordsByFate(model: TraceModel): (object: number, fate: Fate) => readonly number[] {
  const lists = new Map<number, number[]>();
  for (const record of model.order) {
    const fate = model.transitions.fate[record] ?? 0;
    const object = model.objectOf[record] ?? -1;
    if (fate === Fate.None || object < 0) continue;
    const list = lists.get(object * 8 + fate);
    if (list === undefined) lists.set(object * 8 + fate, [record]);
    else list.push(record);
  }
  return (object, fate) => lists.get(object * 8 + fate) ?? [];
}

interface ObjectIndex {
  readonly edges: readonly (readonly number[])[];
  /** Reference and dereference records. */
  readonly references: readonly (readonly number[])[];
}

function indexByObject(model: TraceModel): ObjectIndex {
  const edges: number[][] = model.objects.map(() => []);
  for (let edge = 0; edge < model.wakes.count; edge += 1) edges[model.wakes.object[edge] ?? -1]?.push(edge);
  const references: number[][] = model.objects.map(() => []);
  for (const record of model.order) {
    const kind = model.records.kind[record];
    if (kind === Kind.Reference || kind === Kind.Dereference) references[model.objectOf[record] ?? -1]?.push(record);
  }
  return { edges, references };
}

type Fates = ReturnType<typeof recordsByFate>;
const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

function coalesced(model: TraceModel, object: TraceObject, fates: Fates, add: Add): void {
  const records = fates(object.id, Fate.Coalesced);
  const signals = model.transitions.counters[object.id]?.signals ?? 0;
  if (records.length === 0 || object.kind !== 'synchronization') return;
  add('coalesced', 'W', {
    ...{ objects: [object], records },
    what: `${records.length} of ${counted(signals, 'signal')} of ${objectName(object)} came while it was still signaled, and woke nobody: an event is not a counter`,
    fix: 'Let the waiter take all there is to do after each wake, or use a semaphore',
    notObserved: 'Whether the waiter did look for more work after its wake is not recorded',
  });
}

function wiped(model: TraceModel, object: TraceObject, fates: Fates, add: Add): void {
  const records = fates(object.id, Fate.Wiped);
  if (records.length === 0) return;
  const by = model.transitions.wipedBy[records[0] ?? -1] ?? -1;
  const culprit =
    by < 0
      ? 'a reset'
      : `the reset of ${threadName(model, model.threadOf[by] ?? 0)} at ${moment(model.records.time[by] ?? 0)}`;
  add('wiped', 'W', {
    objects: [object],
    records: [...records, ...(by < 0 ? [] : [by])],
    what: `A signal of ${objectName(object)} was wiped ${times(records.length)}: ${culprit} came before any wait took it`,
    fix:
      object.kind === 'synchronization'
        ? 'Remove the reset: a synchronization event resets itself when a wait takes its signal'
        : 'Reset before looking for work, not after it, so that a signal that comes meanwhile stays',
    notObserved: 'Whether the work that the signal stood for was found in another way is not recorded',
  });
}

/** A notification event set again while its waiter works, and then reset: the second signal is gone with the first. */
function resetTooLate(model: TraceModel, object: TraceObject, fates: Fates, add: Add): void {
  if (object.kind !== 'notification' || model.gaps.length > 0) return;
  const { clears, takes } = model.wakes.activity.of(object.id);
  const resets = Array.from(clears.from.keys()).filter((row) => clears.kind[row] === Kind.Reset);
  const { time } = model.records;
  const lost = fates(object.id, Fate.Coalesced).flatMap((record) => {
    const at = time[record] ?? 0;
    const reset = resets.find((row) => (clears.from[row] ?? 0) > at);
    // Whoever waited in between has seen the signal.
    const until = reset === undefined ? Infinity : (clears.until[reset] ?? 0);
    const seen = takes.from.some((from, row) => (takes.until[row] ?? 0) > at && from < until);
    return reset === undefined || seen ? [] : [record, clears.record[reset] ?? 0];
  });
  const [, by] = lost;
  if (by === undefined) return;
  add('wiped', 'W', {
    ...{ objects: [object], records: lost },
    what: `${counted(lost.length / 2, 'signal')} of ${objectName(object)} came while the waiter was still busy with the one before; the reset of ${threadName(model, model.threadOf[by] ?? 0)} behind its work wiped ${lost.length === 2 ? 'it, at' : 'them, first at'} ${moment(time[by] ?? 0)}`,
    fix: 'Reset before looking for work, not after it, so that a signal that comes meanwhile stays',
    notObserved: 'Whether the work that the signals stood for was found in another way is not recorded',
  });
}

function missedPulses(object: TraceObject, fates: Fates, add: Add): void {
  const records = fates(object.id, Fate.Missed);
  if (records.length === 0) return;
  add('pulse', 'H', {
    ...{ objects: [object], records },
    what: `${objectName(object)} was pulsed ${times(records.length)} while nobody was waiting: such a pulse is lost`,
    fix: 'Do not use pulses: set the event, and let the waiter reset it or make it a synchronization event',
    notObserved: 'A waiter that a kernel APC or a debugger had taken out of its wait for a moment looks the same',
  });
}

function startsSignaled(model: TraceModel, object: TraceObject, index: ObjectIndex, add: Add): void {
  const { wakes, records } = model;
  if (object.initiallySet !== true || object.created < 0) return;
  if (model.recording.sources[records.source[object.created] ?? 0]?.side !== 'kernel') return;
  for (const edge of index.edges[object.id] ?? []) {
    if (wakes.signal[edge] !== -1 || wakes.evidence[edge] !== Evidence.Seen) continue;
    const wait = wakes.wait[edge] ?? 0;
    add('starts-signaled', 'W', {
      objects: [object],
      records: [object.created, model.waits.endRecord[wait] ?? object.created],
      what: `${objectName(object)} was created signaled by the driver, and the first wait for it returned at once, without any signal`,
      fix: 'Call KeClearEvent after IoCreateNotificationEvent or IoCreateSynchronizationEvent made the event',
      notObserved: 'Whether the waiter expects a first wake to mean nothing is not recorded',
    });
    return;
  }
}

function spins(model: TraceModel, object: TraceObject, index: ObjectIndex, add: Add): void {
  if (object.kind !== 'notification') return;
  const { wakes, waits } = model;
  const counts = new Map<number, number>();
  for (const edge of index.edges[object.id] ?? []) {
    if (wakes.meeting[edge] !== Meeting.FoundSignaled) continue;
    const signal = wakes.signal[edge] ?? -1;
    const thread = waits.thread[wakes.wait[edge] ?? 0] ?? 0;
    const key = (signal + 1) * 4_096 + (thread % 4_096);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count !== SPINS) continue;
    add('spin', 'P', {
      ...{ objects: [object], records: signal < 0 ? [] : [signal] },
      what: `${threadName(model, thread)} found the notification event ${objectName(object)} signaled ${SPINS} times or more by one signal: nobody resets it, so that every wait returns at once`,
      fix: 'Reset the event after the wait, or make it a synchronization event',
      notObserved: 'Processor time is not recorded',
    });
    return;
  }
}

const usesOf = ({ wait, from, until, outcome }: Uses) =>
  Array.from(wait, (one, row) => ({
    ...{ wait: one, from: from[row] ?? 0, until: until[row] ?? 0, outcome: outcome[row] ?? Outcome.Unknown },
  }));

/** One waiter took the signal while another had waited longer and then got none. */
function stolen(model: TraceModel, object: TraceObject, add: Add): void {
  if (object.kind !== 'synchronization') return;
  const { takes, timeouts } = model.wakes.activity.of(object.id);
  const uses = [...usesOf(timeouts), ...usesOf(takes)];
  const starved = uses.filter(({ outcome }) => outcome === Outcome.TimedOut || outcome === Outcome.Open);
  const taken = uses.filter(({ outcome }) => outcome === Outcome.Satisfied);
  for (const loser of starved) {
    const thread = model.waits.thread[loser.wait];
    const winner = taken.find(
      (use) => use.from > loser.from && use.until < loser.until && model.waits.thread[use.wait] !== thread,
    );
    if (winner === undefined) continue;
    add('stolen', 'W', {
      objects: [object],
      records: [model.waits.endRecord[winner.wait] ?? 0, model.waits.beginRecord[loser.wait] ?? 0].filter(
        (one) => one >= 0,
      ),
      what: `${threadName(model, model.waits.thread[winner.wait] ?? 0)} took a signal of ${objectName(object)} at ${moment(winner.until)} although ${threadName(model, thread ?? 0)} had waited longer, since ${moment(loser.from)}, and got none`,
      fix: 'Give each waiter an event of its own: which of several waiters a synchronization event releases is not defined',
      notObserved: 'Whether both waiters do the same work, so that it does not matter, is not recorded',
    });
    return;
  }
}

/** A driver's reference that outlives every handle. */
function referenceLeft(model: TraceModel, object: TraceObject, index: ObjectIndex, add: Add): void {
  const { records } = model;
  const handles = object.names.filter(({ kind, process }) => kind === 'handle' && process !== undefined);
  if (handles.length === 0 || handles.some(({ until }) => !Number.isFinite(until))) return;
  if (!object.names.some(({ kind }) => kind === 'pointer') || model.gaps.length > 0) return;
  let held = 0;
  let last = -1;
  for (const record of index.references[object.id] ?? []) {
    if (records.kind[record] === Kind.Reference && (records.duration[record] ?? 0) > 0) {
      held += 1;
      last = record;
    } else if (records.kind[record] === Kind.Dereference) held -= 1;
  }
  if (held <= 0) return;
  const closed = Math.max(...handles.map(({ until }) => until));
  add('reference-left', 'W', {
    ...{ objects: [object], records: [last] },
    what: `${programName(model, records.source[last] ?? 0)} still holds ${held === 1 ? 'a reference' : `${held} references`} to ${objectName(object)}, whose last handle in an application was closed at ${moment(closed)}`,
    fix: 'Call ObDereferenceObject when the application closes its file (IRP_MJ_CLEANUP and IRP_MJ_CLOSE), and in unload',
    notObserved: 'What the driver did after the end of the recording is not known',
  });
}

/** Two objects of one name in different directories: one is signaled, the other is waited for. */
function splitPairs(model: TraceModel, add: Add): void {
  const byLeaf = new Map<string, TraceObject[]>();
  for (const object of model.objects) {
    const path = object.paths[0];
    if (path === undefined) continue;
    const leaf = leafName(path).toLowerCase();
    byLeaf.set(leaf, [...(byLeaf.get(leaf) ?? []), object]);
  }
  const named = [...byLeaf.values()].flat();
  const pairs = named.length > 500 ? [...byLeaf.values()] : [named];
  for (const group of pairs) {
    for (const signaled of group) {
      const counts = model.transitions.counters[signaled.id];
      if (counts === undefined || counts.signals === 0 || counts.waits > 0) continue;
      const waited = group.find((other) => isLonelyTwin(model, signaled, other));
      if (waited !== undefined) addSplitPair(model, signaled, waited, add);
    }
  }
}

function isLonelyTwin(model: TraceModel, signaled: TraceObject, other: TraceObject): boolean {
  const counts = model.transitions.counters[other.id];
  const [a, b] = [signaled.paths[0], other.paths[0]];
  if (counts === undefined || counts.waits === 0 || counts.signals > 0 || a === undefined || b === undefined)
    return false;
  return a !== b && (leafName(a) === leafName(b) || nearlySame(leafName(a), leafName(b)));
}

function addSplitPair(model: TraceModel, signaled: TraceObject, waited: TraceObject, add: Add): void {
  const [a, b] = [signaled.paths[0] ?? '', waited.paths[0] ?? ''];
  const sameLeaf = leafName(a) === leafName(b);
  add('split-pair', 'H', {
    objects: [signaled, waited],
    records: [signaled.created, waited.created].filter((record) => record >= 0),
    what: `${printable(a)} is signaled and nobody waits for it, while ${printable(b)} is waited for and nobody signals it: ${
      sameLeaf ? 'one name in two directories, so two events' : 'two events whose names differ a little'
    }`,
    fix: sameLeaf
      ? `Give the application's name the prefix Global\\, so that both sides mean \\BaseNamedObjects\\${printable(leafName(a))}`
      : 'Use one name on both sides, from one header file, and open with ZwOpenEvent, which refuses a name that is not there',
    notObserved: `Whether somebody outside this recording uses either ${objectKind(signaled)} is not known`,
  });
}

/** Opens that failed because the name is elsewhere or spelt otherwise. */
function wrongNames(model: TraceModel, add: Add): void {
  const notFound = new Set([0xc000_0034, 0xc000_003a, 0xc007_0002, 0xc007_0003]);
  for (const [record, path] of model.failedNames) {
    if (!notFound.has(model.records.status[record] ?? 0)) continue;
    const twin = model.objects.find(
      ({ paths: [other] }) =>
        other !== undefined &&
        other !== path &&
        (leafName(other) === leafName(path) || nearlySame(leafName(other), leafName(path))),
    );
    const meant = twin?.paths[0];
    if (twin === undefined || meant === undefined) continue;
    const who = threadName(model, model.threadOf[record] ?? 0);
    add('wrong-name', 'H', {
      ...{ objects: [twin], records: [record] },
      what: `${who} did not find ${printable(path)}, but ${printable(meant)} is there`,
      fix:
        leafName(meant) === leafName(path)
          ? `Use the same directory on both sides: an application says Global\\${printable(leafName(meant))}`
          : 'Use the same spelling on both sides: names of objects are told apart by every letter',
      notObserved: 'Objects of programs that are not recorded were not looked at',
    });
  }
}

function signalsAfterExit(model: TraceModel, add: Add): void {
  const { records } = model;
  model.recording.sources.forEach((source, ordinal) => {
    if (source.side !== 'user' || source.end?.exitCode === undefined) return;
    let last = 0;
    const own = new Set<number>();
    for (let record = 0; record < records.count; record += 1) {
      if (records.source[record] !== ordinal) continue;
      last = Math.max(last, (records.time[record] ?? 0) + (records.duration[record] ?? 0));
      if (records.kind[record] === Kind.Create) own.add(model.objectOf[record] ?? -1);
    }
    const late = model.order.filter(
      (record) =>
        own.has(model.objectOf[record] ?? -1) &&
        records.kind[record] === Kind.Set &&
        ((records.flags[record] ?? 0) & Flag.Kernel) !== 0 &&
        (records.time[record] ?? 0) > last + 50e6,
    );
    const object = model.objects[model.objectOf[late[0] ?? -1] ?? -1];
    if (object === undefined || object.sources.some((one) => one !== ordinal && isUser(model, one))) return;
    add('signal-after-exit', 'C', {
      ...{ objects: [object], records: [...late] },
      what: `${programName(model, records.source[late[0] ?? 0] ?? 0)} signaled ${objectName(object)} ${times(late.length)} after the last record of ${programName(model, ordinal)}, which has ended`,
      fix: 'End the registration in IRP_MJ_CLEANUP and IRP_MJ_CLOSE: both come when an application ends, however it ends',
      notObserved: 'Between its last record and its end the application may still have waited',
    });
  });
}

const isUser = (model: TraceModel, source: number): boolean => model.recording.sources[source]?.side === 'user';

/** The same but for upper and lower case, or at most two letters' difference in a name of six or more. */
export function nearlySame(a: string, b: string): boolean {
  if (a === b) return false;
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  if (one === other) return true;
  if (Math.min(one.length, other.length) < 6 || Math.abs(one.length - other.length) > 2) return false;
  // Numbers count things: Event1 and Event2 are meant to differ.
  return one.replace(/\d/g, '') !== other.replace(/\d/g, '') && editDistance(one, other) <= 2;
}

function editDistance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    before = row;
  }
  return before[b.length] ?? 0;
}
