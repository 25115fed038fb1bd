/** Nodes of identity to objects, with what is known of each. */
import type { Identity } from './identity.js';
import type { Parts } from './model.js';
import { Flag, Kind, ObjectType } from './records.js';
import { recordOfWait, type Waits } from './waits.js';

/** A handle or an address by which the object was known for a time. */
export interface ObjectName {
  readonly kind: 'handle' | 'pointer';
  /** Handles: the process, or undefined for a driver's own. */
  readonly process: number | undefined;
  /** Ordinal of the source for a driver's handles and addresses. */
  readonly source: number | undefined;
  readonly value: bigint;
  readonly from: number;
  readonly until: number;
}

/** 'semaphore or mutant': it is released, and its creation was not seen. */
export type DispatcherType = 'event' | 'timer' | 'semaphore' | 'mutant' | 'semaphore or mutant' | 'unknown';

export interface TraceObject {
  readonly id: number;
  readonly type: DispatcherType;
  /** Of events and timers: notification stays signaled until reset, synchronization until one wait takes it. */
  readonly kind: 'notification' | 'synchronization' | 'unknown';
  /** Object manager paths; empty for an unnamed object. */
  readonly paths: readonly string[];
  /** What to call it: its path, or "unnamed event #3 (eventapp 0x64)". */
  readonly label: string;
  readonly names: readonly ObjectName[];
  /** Record that created it; -1: not seen. */
  readonly created: number;
  /** undefined: its creation was not seen. */
  readonly initiallySet: boolean | undefined;
  /** Ordinals of the sources that recorded it. */
  readonly sources: readonly number[];
  /** ns: what was before was left out, and nothing of it lasts; it was not signaled then. */
  readonly knownFrom?: number;
}

/** What names an object: one of its records, or of a wait for it alone; or a place in the list of a wait for several. */
export interface ObjectNamer {
  /** Of a wait its beginning, or its end where that was lost. */
  readonly record: number;
  /** -1: the record itself. */
  readonly place: number;
}

/** A moment at which nobody used an object and it was not signaled. */
export interface KnownMoment extends ObjectNamer {
  /** ns. */
  readonly from: number;
}

/** Tells the object that is named so, -1 where there is none. */
export function objectNamed(
  { objectOf, waitObjects }: Pick<Catalogue, 'objectOf' | 'waitObjects'>,
  waits: Waits,
): (namer: ObjectNamer) => number {
  let waitOf: ReadonlyMap<number, number> | undefined;
  return ({ record, place }) => {
    if (place < 0) return objectOf[record] ?? -1;
    waitOf ??= waitsByRecord(waits);
    const wait = waitOf.get(record) ?? -1;
    return place < (waits.objectCount[wait] ?? 0) ? (waitObjects[(waits.first[wait] ?? 0) + place] ?? -1) : -1;
  };
}

function waitsByRecord(waits: Waits): ReadonlyMap<number, number> {
  const waitOf = new Map<number, number>();
  for (let wait = 0; wait < waits.count; wait += 1) waitOf.set(recordOfWait(waits, wait), wait);
  return waitOf;
}

/** With objects that are known from a moment on. */
export function knownFrom(catalogue: Catalogue, waits: Waits, moments: readonly KnownMoment[]): Catalogue {
  const objects = [...catalogue.objects];
  const objectOf = objectNamed(catalogue, waits);
  for (const moment of moments) {
    const object = objects[objectOf(moment)];
    if (object !== undefined) objects[object.id] = { ...object, initiallySet: false, knownFrom: moment.from };
  }
  return { ...catalogue, objects };
}

/** Its releases add up, so that one that finds it signaled is no less a signal. */
export const isCounted = ({ type }: TraceObject): boolean => type === 'semaphore' || type === 'semaphore or mutant';

/** A wait takes from it what another wait then cannot take. */
export const isTaken = ({ type, kind }: TraceObject): boolean =>
  kind === 'synchronization' || type === 'semaphore' || type === 'mutant' || type === 'semaphore or mutant';

export interface Catalogue {
  readonly objects: readonly TraceObject[];
  readonly objectOf: Int32Array;
  readonly waitObjects: Int32Array;
}

interface Draft {
  readonly id: number;
  readonly paths: Set<string>;
  readonly sources: Set<number>;
  /** Added last. */
  lastSource: number;
  lastKind: number;
  readonly names: ObjectName[];
  created: number;
  described: number;
  fresh: boolean;
  released: boolean;
  timed: boolean;
  signaled: boolean;
  /** `ObjectType` that a create or open told. */
  told: number;
  /** Record that tells what it was when the recording began; -1: none. */
  found: number;
}

/** With everything that is known of identity. */
type IdentifiedParts = Parts & { readonly identity: Identity };

export function collectObjects(parts: IdentifiedParts): Catalogue {
  const { records, identity, waits, order } = parts;
  const drafts: Draft[] = [];
  const byRoot = new Map<number, Draft>();
  const byNode: (Draft | undefined)[] = [];
  const draftOf = (node: number): Draft => {
    let draft = byNode[node];
    if (draft !== undefined) return draft;
    const root = identity.sets.find(node);
    draft = byRoot.get(root);
    if (draft === undefined) {
      draft = emptyDraft(drafts.length);
      drafts.push(draft);
      byRoot.set(root, draft);
    }
    return (byNode[node] = draft);
  };
  const objectOf = new Int32Array(records.count).fill(-1);
  const found: number[] = [];
  for (let at = 0; at < order.length; at += 1) {
    const record = order[at] ?? 0;
    const node = identity.nodeOf[record] ?? -1;
    if (node < 0) continue;
    const kind = records.kind[record] ?? 0;
    if (kind === Kind.Name && (records.argument[record] ?? 0) !== ObjectType.Unknown) {
      found.push(record);
      continue;
    }
    const draft = byNode[node] ?? draftOf(node);
    objectOf[record] = draft.id;
    const source = records.source[record] ?? 0;
    if (draft.lastSource !== source) noteSource(draft, source);
    // What is done over and over says nothing new.
    if (kind !== draft.lastKind || !isRepetitive(kind)) describe(parts, draft, record);
    draft.lastKind = kind;
  }
  const waitObjects = new Int32Array(waits.words.length).fill(-1);
  for (let wait = 0; wait < waits.count; wait += 1) {
    const first = waits.first[wait] ?? 0;
    for (let at = first; at < first + (waits.objectCount[wait] ?? 0); at += 1) {
      const node = identity.waitNodes[at] ?? -1;
      if (node < 0) continue;
      const draft = byNode[node] ?? draftOf(node);
      waitObjects[at] = draft.id;
      const source = waits.source[wait] ?? 0;
      if (draft.lastSource !== source) noteSource(draft, source);
    }
    if ((waits.beginRecord[wait] ?? -1) >= 0 && waits.objectCount[wait] === 1) {
      objectOf[waits.beginRecord[wait] ?? 0] = waitObjects[first] ?? -1;
    }
  }
  // Of what a process merely had, only that is an object of the recording which was used.
  for (const record of found) {
    const draft = byRoot.get(identity.sets.find(identity.nodeOf[record] ?? 0));
    if (draft === undefined) continue;
    objectOf[record] = draft.id;
    describe(parts, draft, record);
  }
  addNames(parts, byRoot);
  return { objects: drafts.map((draft) => finishObject(parts, draft)), objectOf, waitObjects };
}

const emptyDraft = (id: number): Draft => ({
  id,
  paths: new Set(),
  sources: new Set(),
  lastSource: -1,
  lastKind: -1,
  names: [],
  created: -1,
  described: -1,
  fresh: false,
  released: false,
  timed: false,
  signaled: false,
  told: ObjectType.Unknown,
  found: -1,
});

const isRepetitive = (kind: number): boolean => kind === Kind.Set || kind === Kind.Reset || kind === Kind.Release;

function noteSource(draft: Draft, source: number): void {
  draft.lastSource = source;
  draft.sources.add(source);
}

function describe(parts: Parts, draft: Draft, record: number): void {
  const { records } = parts;
  const flags = records.flags[record] ?? 0;
  switch (records.kind[record] ?? 0) {
    case Kind.Create:
    case Kind.Initialize: {
      const fresh = (flags & Flag.Existed) === 0;
      // What a later creator asks for does not change what the first one made.
      if (fresh && !draft.fresh) draft.created = draft.described = record;
      else if (draft.described < 0 && fresh) draft.described = record;
      draft.fresh ||= fresh;
      if (draft.told === ObjectType.Unknown) draft.told = Number(records.words.toBigInt(records.argument[record] ?? 0));
      break;
    }
    case Kind.Open:
      if (draft.told !== ObjectType.Unknown) break;
      draft.told = Number(records.words.toBigInt(records.argument[record] ?? 0) >> 32n);
      break;
    case Kind.Name: {
      const type = Number(records.words.toBigInt(records.argument[record] ?? 0));
      if (type === ObjectType.Unknown) break;
      draft.found = record;
      if (draft.told === ObjectType.Unknown) draft.told = type;
      break;
    }
    case Kind.Release:
      draft.released = true;
      break;
    case Kind.TimerSet:
    case Kind.TimerCancel:
    case Kind.TimerExpire:
      draft.timed = true;
      break;
    case Kind.Set:
    case Kind.Pulse:
    case Kind.Reset:
      draft.signaled = true;
      break;
    default:
  }
}

function addNames(parts: IdentifiedParts, byRoot: ReadonlyMap<number, Draft>): void {
  const { identity, records } = parts;
  for (const [node, path] of identity.paths) byRoot.get(identity.sets.find(node))?.paths.add(path);
  for (const epoch of identity.epochs) {
    byRoot.get(identity.sets.find(epoch.node))?.names.push({
      kind: epoch.kind,
      process: epoch.kind === 'handle' && epoch.space >= 0 ? epoch.space : undefined,
      source: epoch.kind === 'pointer' ? epoch.space : epoch.space < 0 ? -epoch.space - 1 : undefined,
      value: records.words.toBigInt(epoch.word),
      from: epoch.from,
      until: epoch.until,
    });
  }
}

function finishObject(parts: Parts, draft: Draft): TraceObject {
  const { records } = parts;
  const { described, found } = draft;
  const flags = described < 0 ? 0 : (records.flags[described] ?? 0);
  const type = typeOf(draft);
  const kindFlags =
    described >= 0 && (type === 'event' || type === 'timer')
      ? flags
      : type === 'event' && found >= 0
        ? (records.flags[found] ?? 0)
        : undefined;
  const paths = [...draft.paths];
  return {
    id: draft.id,
    type,
    kind:
      kindFlags === undefined
        ? 'unknown'
        : (kindFlags & Flag.Synchronization) !== 0
          ? 'synchronization'
          : 'notification',
    paths,
    label: paths[0] ?? `unnamed ${type === 'unknown' ? 'object' : type} #${draft.id}${firstName(parts, draft)}`,
    names: draft.names,
    created: draft.created,
    initiallySet: described < 0 ? undefined : (flags & Flag.InitiallySet) !== 0,
    sources: [...draft.sources],
  };
}

const TYPES: Readonly<Record<number, DispatcherType>> = {
  [ObjectType.Event]: 'event',
  [ObjectType.Semaphore]: 'semaphore',
  [ObjectType.Mutant]: 'mutant',
  [ObjectType.Timer]: 'timer',
};

/** As its creation or an open told; else by what was done with it. */
function typeOf({ told, timed, released, signaled }: Draft): DispatcherType {
  return TYPES[told] ?? (timed ? 'timer' : released ? 'semaphore or mutant' : signaled ? 'event' : 'unknown');
}

/** The handle or address that an unnamed object was first known by: " (eventapp 0x64)". */
function firstName(parts: Parts, draft: Draft): string {
  const { sources } = parts.recording;
  const byTime = [...draft.names].sort((a, b) => a.from - b.from);
  const name = byTime.find(({ process }) => process !== undefined) ?? byTime[0];
  if (name === undefined) return '';
  const owner = sources.find((source, ordinal) =>
    name.process === undefined ? ordinal === name.source : source.process === name.process,
  );
  const program = owner?.description.split(/\s/)[0]?.replace(/\.(exe|sys)$/i, '') ?? `process ${name.process ?? 0}`;
  return ` (${program} 0x${name.value.toString(16)})`;
}
