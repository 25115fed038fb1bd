/**
 * The model of a recording: what the timeline, the diagnosis, the flow and the exporters read. All times are ns since the
 * first record; large tables are columns.
 */
import type { Recording } from '../recording.js';
import { applyClock, type Clock } from './clock.js';
import { HeldTime, heldSpans, type HeldSpan } from './held-time.js';
import { identify, type Identity } from './identity.js';
import { collectObjects, knownFrom, type Catalogue, type KnownMoment, type TraceObject } from './objects.js';
import { ascending } from './order.js';
import { readRecords } from './record-reader.js';
import { Kind, type Gap, type RecordTable } from './records.js';
import { linkRequests, type RequestLinks } from './requests.js';
import { collectThreads, type Thread, type Threads } from './threads.js';
import { collectTransitions, type Transitions } from './transitions.js';
import { findWakes, type Wakes } from './wakes.js';
import { pairWaits, type Waits } from './waits.js';

export interface Module {
  readonly source: number;
  readonly process: number;
  readonly base: bigint;
  readonly size: number;
  readonly path: string;
}

export interface TraceModel {
  readonly recording: Recording;
  readonly records: RecordTable;
  /** Records by time. */
  readonly order: Uint32Array;
  readonly clock: Clock;
  /** ns of the last thing recorded. */
  readonly end: number;
  /** When a debugger held the target. */
  readonly stops: readonly HeldSpan[];
  readonly held: HeldTime;
  readonly objects: readonly TraceObject[];
  /** Object of a record, -1 for none. */
  readonly objectOf: Int32Array;
  /** Object by entry of `waits.words`, -1 for none. */
  readonly waitObjects: Int32Array;
  readonly threads: readonly Thread[];
  readonly threadOf: Uint32Array;
  readonly waits: Waits;
  readonly wakes: Wakes;
  readonly transitions: Transitions;
  readonly requests: RequestLinks;
  readonly modules: readonly Module[];
  readonly gaps: readonly Gap[];
  /** Creates and opens that failed, by record: the path asked for. */
  readonly failedNames: ReadonlyMap<number, string>;
}

/** What columns are made of: a model without what only questions about one object need. */
export type DrawnModel = Omit<TraceModel, 'wakes' | 'objectOf' | 'requests' | 'held' | 'failedNames'> & {
  readonly wakes: Omit<Wakes, 'activity' | 'coalesced' | 'kept' | 'last'>;
};

export interface Parts {
  readonly recording: Recording;
  readonly records: RecordTable;
  readonly order: Uint32Array;
  readonly clock: Clock;
  readonly threads: Threads;
  readonly waits: Waits;
  readonly identity: Pick<Identity, 'uncertain' | 'waitUncertain'>;
  readonly gaps: readonly Gap[];
  readonly end: number;
  readonly held: HeldTime;
  /** The model is for drawing alone: what that does not need is given up as soon as nothing is made of it any more. */
  readonly drawnOnly: boolean;
}

export const buildModel = (recording: Recording): TraceModel => modelOf(recording, readRecords(recording));

/**
 * Of records that were read already; of the recording no slots are asked for. `records` are the model's from then on.
 * `known`: moments of objects before which their records were left out.
 */
export const modelOf = (recording: Recording, records: RecordTable, known: readonly KnownMoment[] = []): TraceModel =>
  decided(recording, identified(recording, records, false, known));

/**
 * The same for what is drawn and nothing else: what is not needed any more is given up on the way, so that the largest recordings
 * take two thirds of the memory. `records` keep what columns are made of, their other columns are empty afterwards.
 */
export function drawnModelOf(recording: Recording, records: RecordTable): DrawnModel {
  const known = identified(recording, records, true);
  giveUp(records, ['object', 'process', 'thread', 'flags', 'saturated']);
  const model = decided(recording, known);
  giveUp(model, ['objectOf']);
  giveUp(records, ['status', 'argument']);
  return model;
}

/** What is known before it is decided who woke whom. */
interface Identified {
  readonly parts: Parts;
  readonly catalogue: Catalogue;
  readonly requests: RequestLinks;
  readonly modules: readonly Module[];
  readonly stops: readonly HeldSpan[];
  readonly failedNames: TraceModel['failedNames'];
}

function identified(
  recording: Recording,
  records: RecordTable,
  drawnOnly: boolean,
  moments: readonly KnownMoment[] = [],
): Identified {
  const { clock, end, longest } = applyClock(records, recording.sources);
  const order = ascending(records.time);
  const gaps = placeGaps(records, longest, end);
  const threads = collectThreads(records, recording.sources);
  const waits = pairWaits(records, order, threads.of);
  const uncertainty = clock.sources.map((source) => source.uncertainty);
  const identity = identify({ table: records, sources: recording.sources, order, waits, gaps, uncertainty });
  const stops = heldSpans(recording, clock, end);
  const held = new HeldTime(stops);
  const { uncertain, waitUncertain, failed } = identity;
  const known = { recording, records, order, clock, threads, waits, gaps, end, held, drawnOnly };
  const catalogue = knownFrom(collectObjects({ ...known, identity }), waits, moments);
  const parts: Parts = { ...known, identity: { uncertain, waitUncertain } };
  const requests = linkRequests(parts, catalogue.objectOf);
  return { parts, catalogue, requests, modules: collectModules(records), stops, failedNames: failed };
}

function decided(
  recording: Recording,
  { parts, catalogue, requests, modules, stops, failedNames }: Identified,
): TraceModel {
  const wakes = findWakes(parts, catalogue, requests);
  const transitions = collectTransitions(parts, catalogue, wakes);
  const { records, order, clock, end, held, waits, gaps, threads } = parts;
  return {
    ...{ recording, records, order, clock, end, stops, held, waits, wakes, transitions, requests, gaps },
    ...{ modules, failedNames },
    objects: catalogue.objects,
    objectOf: catalogue.objectOf,
    waitObjects: catalogue.waitObjects,
    threads: threads.list,
    threadOf: threads.of,
  };
}

/** Leaves nothing of some columns of a table. */
export function giveUp<T extends object>(table: T, names: readonly NamesOfArrays<T>[]): void {
  for (const name of names) {
    const column = table[name] as Column;
    Object.assign(table, { [name]: column.slice(0, 0) });
  }
}

type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;
type NamesOfArrays<T> = { [K in keyof T]: T[K] extends Column ? K : never }[keyof T];

/**
 * When records are missing: from the record before the hole to the one behind it. A call is recorded at its return, so a
 * lost one may have begun earlier, by as much as the longest call seen in that source.
 */
function placeGaps(records: RecordTable, longest: Float64Array, end: number): readonly Gap[] {
  for (const gap of records.gaps) {
    gap.from = gap.after < 0 ? 0 : Math.max(0, (records.time[gap.after] ?? 0) - (longest[gap.source] ?? 0));
    const behind = gap.before < 0 || records.kind[gap.before] === Kind.WaitEnd ? 0 : records.duration[gap.before];
    gap.until = gap.before < 0 ? end : (records.time[gap.before] ?? 0) + (behind ?? 0);
  }
  return records.gaps;
}

function collectModules(records: RecordTable): Module[] {
  return records.modules.map((index) => ({
    source: records.source[index] ?? 0,
    process: records.process[index] ?? 0,
    base: records.words.toBigInt(records.object[index] ?? 0),
    size: Number(records.words.toBigInt(records.argument[index] ?? 0)),
    path: records.text.get(index) ?? '',
  }));
}

/** Who called: "eventsys.sys+0x12c4", or the address when no module holds it; undefined when not recorded. */
export function callerOf(model: Pick<DrawnModel, 'records' | 'modules'>, record: number): string | undefined {
  const { records } = model;
  const address = records.words.toBigInt(records.caller[record] ?? 0);
  const source = records.source[record] ?? 0;
  if (address === 0n || records.kind[record] === Kind.Calibration) return undefined;
  const module = model.modules.find(
    ({ base, size, source: from }) => from === source && address >= base && address < base + BigInt(size),
  );
  if (module === undefined) return `0x${address.toString(16)}`;
  const name = module.path.slice(Math.max(module.path.lastIndexOf('\\'), module.path.lastIndexOf('/')) + 1);
  return `${name}+0x${(address - module.base).toString(16)}`;
}
