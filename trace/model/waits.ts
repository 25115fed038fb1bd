/** WaitBegin and WaitEnd records to waits, per thread, with what lost records leave open. */
import { Flag, Kind, type RecordTable } from './records.js';

export const Outcome = {
  Satisfied: 0,
  TimedOut: 1,
  /** Returned for an APC or an alert. */
  Alerted: 2,
  /** A mutant whose owner died. */
  Abandoned: 3,
  Failed: 4,
  /** Not returned by the end of the recording, or its process ended in it. */
  Open: 5,
  /** Its end was lost. */
  Unknown: 6,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];
export const OUTCOME_WORDS = [
  'satisfied',
  'timed out',
  'alerted',
  'abandoned',
  'failed',
  'still waiting',
  'unknown',
] as const;

/** A column per field; `first` to `first + objectCount` of `objects` are the ids of what it waits for. */
export interface Waits {
  readonly count: number;
  readonly begin: Float64Array;
  /** Infinity while open. */
  readonly end: Float64Array;
  /** -1: lost. */
  readonly beginRecord: Int32Array;
  readonly endRecord: Int32Array;
  readonly thread: Uint32Array;
  readonly source: Uint8Array;
  readonly outcome: Uint8Array;
  readonly status: Uint32Array;
  /** Index in the list of what satisfied it; -1 when none or all did. */
  readonly index: Int8Array;
  readonly all: Uint8Array;
  readonly first: Uint32Array;
  readonly objectCount: Uint8Array;
  /** Words as recorded, before identity is known. */
  readonly words: Uint32Array;
}

/** Of its beginning, or of its end when that was lost. */
export function recordOfWait(
  { beginRecord, endRecord }: Pick<Waits, 'beginRecord' | 'endRecord'>,
  wait: number,
): number {
  const began = beginRecord[wait] ?? -1;
  return began >= 0 ? began : (endRecord[wait] ?? -1);
}

/** Ends (ns) of the waits that are one call with a signal, as SignalObjectAndWait is: by the signal's record. */
export function endsOfSignalAndWait({
  records,
  waits,
}: {
  readonly records: Pick<RecordTable, 'waitOfSignal'>;
  readonly waits: Waits;
}): ReadonlyMap<number, number> {
  const ends = new Map<number, number>();
  if (records.waitOfSignal.size === 0) return ends;
  const signals = new Map(Array.from(records.waitOfSignal, ([signal, begin]) => [begin, signal]));
  for (let wait = 0; wait < waits.count; wait += 1) {
    const signal = signals.get(waits.beginRecord[wait] ?? -1);
    if (signal !== undefined) ends.set(signal, waits.end[wait] ?? Infinity);
  }
  return ends;
}

const STATUS_TIMEOUT = 0x102;
const STATUS_ALERTED = 0x101;
const STATUS_USER_APC = 0xc0;

const SATISFIED = { outcome: Outcome.Satisfied, index: 0 } as const;

export function outcomeOf(status: number): { outcome: Outcome; index: number } {
  if (status < 64) return { outcome: Outcome.Satisfied, index: status };
  if (status >= 0x80 && status < 0xc0) return { outcome: Outcome.Abandoned, index: status - 0x80 };
  if (status === STATUS_TIMEOUT) return { outcome: Outcome.TimedOut, index: -1 };
  if (status === STATUS_ALERTED || status === STATUS_USER_APC) return { outcome: Outcome.Alerted, index: -1 };
  return { outcome: Outcome.Failed, index: -1 };
}

/** Each begins or ends with a record: there are no more than these. */
class Rows {
  count = 0;
  readonly begin: Float64Array;
  readonly end: Float64Array;
  readonly beginRecord: Int32Array;
  readonly endRecord: Int32Array;

  constructor(most: number) {
    this.begin = new Float64Array(most);
    this.end = new Float64Array(most);
    this.beginRecord = new Int32Array(most);
    this.endRecord = new Int32Array(most);
  }

  add(begin: number, end: number, beginRecord: number, endRecord: number): number {
    const wait = this.count;
    this.count += 1;
    this.begin[wait] = begin;
    this.end[wait] = end;
    this.beginRecord[wait] = beginRecord;
    this.endRecord[wait] = endRecord;
    return wait;
  }
}

/** `order`: records by time. `threadOf`: thread ordinals by record. */
export function pairWaits(table: RecordTable, order: Uint32Array, threadOf: Uint32Array): Waits {
  const rows = new Rows((table.ofKind[Kind.WaitBegin] ?? 0) + (table.ofKind[Kind.WaitEnd] ?? 0));
  /** Stacks by thread. */
  const open: (number[] | undefined)[] = [];
  for (let at = 0; at < order.length; at += 1) {
    const record = order[at] ?? 0;
    const kind = table.kind[record] ?? 0;
    if (!isOfWait(kind)) continue;
    const thread = threadOf[record] ?? 0;
    const stack = (open[thread] ??= []);
    if (kind === Kind.WaitBegin) beginWait(table, rows, stack, record);
    else endWait(table, rows, stack, record);
  }
  return columns(table, rows, threadOf);
}

const isOfWait = (kind: number): boolean => kind === Kind.WaitBegin || kind === Kind.WaitEnd;

/** A thread that begins a wait while in another has either been alerted into an APC, or the other's end was lost. */
function beginWait(table: RecordTable, rows: Rows, stack: number[], record: number): void {
  const top = stack.at(-1);
  if (top !== undefined) {
    const outer = rows.beginRecord[top] ?? -1;
    const alertable = outer >= 0 && ((table.flags[outer] ?? 0) & Flag.Alertable) !== 0;
    if (!alertable) rows.end[stack.pop() ?? 0] = table.time[record] ?? 0;
  }
  stack.push(rows.add(table.time[record] ?? 0, Infinity, record, -1));
}

/**
 * The end says how long the wait took: that finds its beginning among nested ones, and tells when it was lost. Of a long
 * wait it says only that it took at least so long.
 */
function endWait(table: RecordTable, rows: Rows, stack: number[], record: number): void {
  const end = table.time[record] ?? 0;
  const began = end - (table.duration[record] ?? 0);
  const tolerance = table.saturated[record] === 1 ? Infinity : 1_000;
  let at = stack.length - 1;
  for (; at >= 0; at -= 1) {
    const early = began - (rows.begin[stack[at] ?? 0] ?? 0);
    if (early >= -1_000 && early <= tolerance) break;
  }
  if (at < 0) {
    rows.add(began, end, -1, record);
    return;
  }
  // Those that began inside it and never ended lost their ends.
  while (stack.length > at + 1) rows.end[stack.pop() ?? 0] = end;
  const wait = stack.pop() ?? 0;
  rows.end[wait] = end;
  rows.endRecord[wait] = record;
}

function columns(table: RecordTable, rows: Rows, threadOf: Uint32Array): Waits {
  const { count } = rows;
  const waits = {
    count,
    begin: rows.begin.subarray(0, count),
    end: rows.end.subarray(0, count),
    beginRecord: rows.beginRecord.subarray(0, count),
    endRecord: rows.endRecord.subarray(0, count),
    thread: new Uint32Array(count),
    source: new Uint8Array(count),
    outcome: new Uint8Array(count),
    status: new Uint32Array(count),
    index: new Int8Array(count).fill(-1),
    all: new Uint8Array(count),
    first: new Uint32Array(count),
    objectCount: new Uint8Array(count),
  };
  let listed = count;
  for (const list of table.lists.values()) listed += list.length;
  const words = new Uint32Array(listed);
  let next = 0;
  for (let wait = 0; wait < count; wait += 1) {
    const begin = waits.beginRecord[wait] ?? -1;
    const end = waits.endRecord[wait] ?? -1;
    const any = begin >= 0 ? begin : end;
    const list = begin >= 0 && table.lists.size > 0 ? table.lists.get(begin) : undefined;
    const only = table.object[any] ?? 0;
    waits.first[wait] = next;
    if (list !== undefined) for (const word of list) words[next++] = word;
    else if (only !== 0) words[next++] = only;
    waits.objectCount[wait] = next - (waits.first[wait] ?? 0);
    waits.thread[wait] = threadOf[any] ?? 0;
    waits.source[wait] = table.source[any] ?? 0;
    waits.all[wait] = begin >= 0 && ((table.flags[begin] ?? 0) & Flag.WaitAll) !== 0 && list !== undefined ? 1 : 0;
    if (end < 0) {
      waits.outcome[wait] = Number.isFinite(waits.end[wait] ?? 0) ? Outcome.Unknown : Outcome.Open;
      continue;
    }
    const status = table.status[end] ?? 0;
    const { outcome, index } = status === 0 ? SATISFIED : outcomeOf(status);
    waits.status[wait] = status;
    waits.outcome[wait] = outcome;
    waits.index[wait] = waits.all[wait] === 1 ? -1 : index;
  }
  return { ...waits, words: words.subarray(0, next) };
}
