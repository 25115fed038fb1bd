/**
 * A model in the form in which it is drawn, sent and kept: a typed array per field, rows of one lane together and in order
 * of time. No bigint and no object per row, so that ten million rows are some forty arrays that move between threads
 * without being copied. All times are ns since the first record, as doubles: exact to a fraction of a ns for weeks.
 */
import type { Side } from '../recording.js';

export const COLUMNS_VERSION = 2;
/** No row, thread, object or caller. */
export const NONE = -1;

/** A run among several of one recording, or one of several recordings that are shown together. */
export interface RunMark {
  readonly label: string;
  readonly from: number;
  readonly until: number;
}

export interface ObjectHead {
  /** As in the recording: names the object to the host. */
  readonly id: number;
  /** Index in `runs`; -1 when there are none, or it is of none. */
  readonly run: number;
  readonly label: string;
  /** Object manager path; absent of an unnamed object. */
  readonly path?: string;
  /** "notification event". */
  readonly kind: string;
  /** Of interest after all others: neither signaled nor waited for, or a timer that only runs a procedure. */
  readonly quiet: boolean;
  /** One line of counts. */
  readonly summary: string;
  /** ns of the last close, or of the recording's end. */
  readonly until: number;
  /** `State` before the first transition. */
  readonly initial: number;
}

export interface ThreadHead {
  readonly id: number;
  readonly label: string;
  readonly side: Side;
  readonly run: number;
  /** Ordinal of its source, as in GapMark. */
  readonly source: number;
  /** Of the source: "eventapp". */
  readonly program: string;
  readonly process: number;
  readonly thread: number;
  /** No thread of its own: what DPCs and timers' procedures did. */
  readonly deferred: boolean;
  readonly first: number;
  readonly last: number;
}

export interface GapMark {
  readonly label: string;
  readonly source: number;
  readonly from: number;
  readonly until: number;
  readonly count: number;
}

/** Time in which a debugger held the target. */
export interface StopMark {
  readonly from: number;
  readonly until: number;
  /** As a person would say it: "breakpoint at eventsys!Signal". */
  readonly reason: string;
}

/** Transitions of object o: rows `first[o]` to `first[o + 1]`. */
export interface TransitionColumns {
  readonly first: Uint32Array;
  readonly time: Float64Array;
  /** `Transition`. */
  readonly what: Uint8Array;
  /** `State` behind it. */
  readonly state: Uint8Array;
  /** State that the call found; -1 unknown. */
  readonly previous: Int8Array;
  /** Thread that did it, -1 unknown. */
  readonly thread: Int32Array;
  /** Index in `callers`, -1 unknown. */
  readonly caller: Int32Array;
  /** ns that the call took; 0 for what is no call. */
  readonly duration: Float32Array;
  /** Of a take its row in the waits; -1 of all else. */
  readonly wait: Int32Array;
  /** Where its record lies (of a take the wait's): names the row however the rows move (row-keys.ts). */
  readonly ring: Uint16Array;
  /** Modulo 2^32. */
  readonly slot: Uint32Array;
}

/** Waits of thread t: rows `first[t]` to `first[t + 1]`, in order of their beginning. */
export interface WaitColumns {
  readonly first: Uint32Array;
  readonly begin: Float64Array;
  /** An open wait ends at the end of the recording. */
  readonly end: Float64Array;
  /** `Outcome`. */
  readonly outcome: Uint8Array;
  readonly status: Uint32Array;
  /** Object that satisfied it, or the first that it waits for; -1 unknown. */
  readonly object: Int32Array;
  /** Index in `callers`, -1 unknown. */
  readonly caller: Int32Array;
  /** Where the record of its beginning lies, or of its end when that was lost (row-keys.ts). */
  readonly ring: Uint16Array;
  /** Modulo 2^32. */
  readonly slot: Uint32Array;
}

/** Times of a thread's calls other than waits: `first[t]` to `first[t + 1]`. */
export interface CallColumns {
  readonly first: Uint32Array;
  readonly time: Float64Array;
}

/** Wake edges in order of their waits. */
export interface EdgeColumns {
  /** Row of the wait. */
  readonly wait: Uint32Array;
  readonly object: Int32Array;
  /** Row of the signal's transition; -1: the object's first state, unseen, or ambiguous (then see the candidates). */
  readonly signal: Int32Array;
  /** `Evidence`. */
  readonly evidence: Uint8Array;
  /** `Meeting`. */
  readonly meeting: Uint8Array;
  /** From the signal's call to the wait's return, ns; NaN when no known signal released it. */
  readonly latency: Float64Array;
  /** Of edge e: `candidates[firstCandidate[e]]` to the next edge's, rows of transitions. */
  readonly firstCandidate: Uint32Array;
  readonly candidates: Int32Array;
}

export interface TimelineColumns {
  readonly title: string;
  readonly target: string;
  /** ms since 1970 of time 0; null when unknown. */
  readonly startUtcMs: number | null;
  readonly end: number;
  /** Empty when the recording is one run. */
  readonly runs: readonly RunMark[];
  readonly objects: readonly ObjectHead[];
  readonly threads: readonly ThreadHead[];
  readonly gaps: readonly GapMark[];
  readonly stops: readonly StopMark[];
  /** "eventsys.sys+0x12c4". */
  readonly callers: readonly string[];
  readonly transitions: TransitionColumns;
  readonly waits: WaitColumns;
  readonly calls: CallColumns;
  readonly edges: EdgeColumns;
}

/** The tables of typed arrays, and the element type of each: what is encoded, checked and transferred. */
export const TABLES = {
  transitions: {
    ...{ first: Uint32Array, time: Float64Array, what: Uint8Array, state: Uint8Array, previous: Int8Array },
    ...{ thread: Int32Array, caller: Int32Array, duration: Float32Array, wait: Int32Array },
    ...{ ring: Uint16Array, slot: Uint32Array },
  },
  waits: {
    ...{ first: Uint32Array, begin: Float64Array, end: Float64Array, outcome: Uint8Array, status: Uint32Array },
    ...{ object: Int32Array, caller: Int32Array, ring: Uint16Array, slot: Uint32Array },
  },
  calls: { first: Uint32Array, time: Float64Array },
  edges: {
    ...{ wait: Uint32Array, object: Int32Array, signal: Int32Array, evidence: Uint8Array, meeting: Uint8Array },
    ...{ latency: Float64Array, firstCandidate: Uint32Array, candidates: Int32Array },
  },
} as const;
export type TableName = keyof typeof TABLES;
export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];

export type Column = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array | Int8Array;

export const noEdges = (): EdgeColumns => ({
  ...{ wait: new Uint32Array(), object: new Int32Array(), signal: new Int32Array(), evidence: new Uint8Array() },
  ...{ meeting: new Uint8Array(), latency: new Float64Array(), firstCandidate: new Uint32Array(1) },
  candidates: new Int32Array(),
});

/** Every array, as "transitions.time". */
export function* columnsOf(columns: TimelineColumns): Generator<readonly [string, Column]> {
  for (const table of TABLE_NAMES) {
    for (const [name, column] of Object.entries(columns[table]) as [string, Column][])
      yield [`${table}.${name}`, column];
  }
}

/** What can be handed to another thread instead of being copied. */
export const buffersOf = (columns: TimelineColumns): ArrayBuffer[] => [
  ...new Set([...columnsOf(columns)].map(([, { buffer }]) => buffer as ArrayBuffer)),
];

/** First index of [from, until) whose value is at least `wanted`; `until` when none is. Values ascend. */
export function lowerBound(values: ArrayLike<number>, wanted: number, from = 0, until = values.length): number {
  let low = from;
  let high = until;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Which lane a row is of: the last whose first row is at or before it. */
export function laneOfRow(first: Uint32Array, row: number): number {
  let low = 0;
  let high = first.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((first[middle] ?? Infinity) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Where the rows of each lane begin, when `count` entries are put lane by lane. */
export function firstRows(lanes: number, count: number, laneOf: (entry: number) => number): Uint32Array {
  const first = new Uint32Array(lanes + 1);
  for (let entry = 0; entry < count; entry += 1) {
    const lane = laneOf(entry);
    if (lane >= 0) first[lane + 1] = (first[lane + 1] ?? 0) + 1;
  }
  for (let lane = 0; lane < lanes; lane += 1) first[lane + 1] = (first[lane + 1] ?? 0) + (first[lane] ?? 0);
  return first;
}
