/** A model as columns. */
import { callerOf, giveUp, type DrawnModel } from '../model/model.js';
import { Kind, type Gap } from '../model/records.js';
import type { Counters } from '../model/transitions.js';
import { Outcome, recordOfWait } from '../model/waits.js';
import { printable } from '../../machine/object-names.js';
import { counted, duration, objectKind, objectName, programName, threadName } from '../wording.js';
import {
  firstRows,
  type CallColumns,
  type EdgeColumns,
  type GapMark,
  type ObjectHead,
  type RunMark,
  type ThreadHead,
  type TimelineColumns,
  type TransitionColumns,
} from './columns.js';
import { edgeColumns, type WaitRows } from './edge-columns.js';

export const toColumns = (model: DrawnModel): TimelineColumns => whole(columnsOf(model, false));

/** The same of a model that is given up for it: the tables of the largest recordings do not stand beside one another whole. */
export const intoColumns = (model: DrawnModel): TimelineColumns => whole(columnsOf(model, true));

/** The same in two steps: edges are drawn only where somebody points at them. */
export const intoColumnsBeforeEdges = (model: DrawnModel): ColumnsBeforeEdges => columnsOf(model, true);

export interface ColumnsBeforeEdges {
  readonly columns: Omit<TimelineColumns, 'edges'>;
  /** How many edges there are. */
  readonly count: number;
  /** Once. */
  readonly edges: () => EdgeColumns;
}

const whole = ({ columns, edges }: ColumnsBeforeEdges): TimelineColumns => ({ ...columns, edges: edges() });

function columnsOf(model: DrawnModel, spend: boolean): ColumnsBeforeEdges {
  const runOf = runsOfSources(model);
  const callers = new Callers(model);
  const { columns: calls, spans } = callColumns(model);
  if (spend) {
    giveUp(model, ['order']);
    giveUp(model.records, ['time']);
  }
  const waits = waitColumns(model, callers);
  if (spend) {
    giveUp(model, ['waitObjects']);
    giveUp(model.waits, ['begin', 'end', 'status', 'words', 'first']);
  }
  const threads = threadHeads(model, runOf, waits, spans);
  const runs = runMarks(model, threads);
  const { columns: transitions, rowOf } = transitionColumns(model, waits.rowOf, callers);
  if (spend) {
    giveUp(model, ['threadOf']);
    giveUp(model.records, ['kind', 'duration', 'ring', 'slot', 'source', 'caller', 'previous']);
    giveUp(model.waits, ['thread', 'beginRecord', 'endRecord']);
    giveUp(model.transitions, ['record', 'wait']);
  }
  const columns = {
    title: printable(model.recording.metadata.title ?? 'recording'),
    target: printable(model.recording.metadata.target),
    startUtcMs: Number.isNaN(model.clock.startUtcMs) ? null : model.clock.startUtcMs,
    end: Math.max(1, model.end),
    runs,
    objects: model.objects.map(({ id }) => objectHead(model, id, runs, runOf)),
    threads,
    gaps: model.gaps.map((gap) => gapMark(model, gap)),
    stops: model.stops.map((stop) => ({ ...stop, reason: printable(stop.reason) })),
    ...{ callers: callers.list, transitions, waits: waits.columns, calls },
  };
  return { columns, count: model.wakes.count, edges: () => edgeColumns(model, waits, rowOf) };
}

/** Run by ordinal of the source; -1: of none. */
function runsOfSources({ recording }: DrawnModel): readonly number[] {
  const runs = recording.metadata.runs ?? [];
  if (runs.length < 2) return recording.sources.map(() => -1);
  return recording.sources.map(({ id }) => runs.findIndex((run) => run.sources.includes(id)));
}

/** Each run from its first record to its last. */
function runMarks({ recording, end }: DrawnModel, threads: readonly ThreadHead[]): readonly RunMark[] {
  const runs = recording.metadata.runs ?? [];
  if (runs.length < 2) return [];
  return runs.map(({ title }, run) => {
    const heads = threads.filter((head) => head.run === run && head.last >= head.first);
    if (heads.length === 0) return { label: printable(title), from: 0, until: end };
    const from = Math.min(...heads.map(({ first }) => first));
    return { label: printable(title), from, until: Math.max(from, ...heads.map(({ last }) => last)) };
  });
}

/** Neither signaled nor waited for, or a timer that only runs a procedure: of interest after all others. */
function isQuiet(model: DrawnModel, id: number): boolean {
  const counters = model.transitions.counters[id];
  if (counters === undefined || counters.signals + counters.waits === 0) return true;
  return model.objects[id]?.type === 'timer' && counters.waits === 0;
}

function objectHead(model: DrawnModel, id: number, runs: readonly RunMark[], runOf: readonly number[]): ObjectHead {
  const object = model.objects[id];
  const counters = model.transitions.counters[id];
  const initial = object?.initiallySet;
  // An object that outlived its run was not recorded any more.
  const inRuns = (object?.sources ?? []).map((source) => runOf[source] ?? -1);
  const ended = Math.max(...inRuns.map((run) => runs[run]?.until ?? Infinity));
  const path = object?.paths[0];
  return {
    ...{ id, run: inRuns.length === 0 ? -1 : Math.min(...inRuns) },
    label: objectName(object),
    ...(path === undefined ? {} : { path: printable(path) }),
    kind: object === undefined ? 'object' : objectKind(object),
    quiet: isQuiet(model, id),
    summary: summaryOf(counters),
    until: Math.min(model.end, ended, lastUse(model, id)),
    initial: initial === undefined ? 2 : initial ? 1 : 0,
  };
}

type Counted = Pick<Counters, 'signals' | 'taken' | 'coalesced' | 'wiped' | 'timedOut'> & {
  readonly latency: Pick<NonNullable<Counters['latency']>, 'p50' | 'max'> | undefined;
};

/** One line of counts. */
export function summaryOf(counters: Counted | undefined): string {
  const { signals = 0, taken = 0, coalesced = 0, wiped = 0, timedOut = 0, latency } = counters ?? {};
  return [
    counted(signals, 'signal'),
    `${taken} taken`,
    ...(coalesced > 0 ? [`${coalesced} coalesced`] : []),
    ...(wiped > 0 ? [`${wiped} wiped`] : []),
    ...(timedOut > 0 ? [`${timedOut} timed out`] : []),
    ...(latency === undefined ? [] : [`latency ${duration(latency.p50)}, at most ${duration(latency.max)}`]),
  ].join(', ');
}

/** When the last handle or reference of an object went; Infinity when one was still held. */
function lastUse(model: DrawnModel, id: number): number {
  const names = model.objects[id]?.names ?? [];
  return names.length === 0 ? Infinity : Math.max(...names.map(({ until }) => until));
}

function threadHeads(
  model: DrawnModel,
  runOf: readonly number[],
  waits: WaitRows,
  { firsts, lasts }: CallSpans,
): ThreadHead[] {
  const { first, begin, end } = waits.columns;
  return model.threads.map((thread) => {
    const { id } = thread;
    let [from, last] = [firsts[id] ?? Infinity, lasts[id] ?? -Infinity];
    for (let row = first[id] ?? 0; row < (first[id + 1] ?? 0); row += 1) {
      from = Math.min(from, begin[row] ?? from);
      last = Math.max(last, end[row] ?? last);
    }
    return {
      ...{ id, side: thread.side, source: thread.source, process: thread.process, thread: thread.thread },
      ...{ deferred: thread.deferred, label: threadName(model, id), program: programName(model, thread.source) },
      ...{ run: runOf[thread.source] ?? -1 },
      // Nothing but what the recorder wrote about itself: no lane.
      ...(last < from ? { first: 0, last: -1 } : { first: from, last }),
    };
  });
}

const isCall = (kind: number): boolean => kind !== Kind.Calibration && kind !== Kind.Module;

function waitColumns(model: DrawnModel, callers: Callers): WaitRows {
  const { waits, records, end: lastMoment } = model;
  const first = firstRows(model.threads.length, waits.count, (wait) => waits.thread[wait] ?? 0);
  const order = new Uint32Array(waits.count);
  const next = first.slice();
  for (let wait = 0; wait < waits.count; wait += 1) {
    const thread = waits.thread[wait] ?? 0;
    const at = next[thread] ?? 0;
    order[at] = wait;
    next[thread] = at + 1;
  }
  for (let thread = 0; thread < model.threads.length; thread += 1) {
    const rows = order.subarray(first[thread], first[thread + 1]);
    if (!ascends(rows, waits.begin)) rows.sort((a, b) => (waits.begin[a] ?? 0) - (waits.begin[b] ?? 0));
  }
  const rowOf = new Uint32Array(waits.count);
  const columns = {
    ...{ first, begin: new Float64Array(waits.count), end: new Float64Array(waits.count) },
    ...{ outcome: new Uint8Array(waits.count), status: new Uint32Array(waits.count) },
    ...{ object: new Int32Array(waits.count), caller: new Int32Array(waits.count) },
    ...{ ring: new Uint16Array(waits.count), slot: new Uint32Array(waits.count) },
  };
  const { begin, end, outcome, status, object, caller, ring, slot } = columns;
  for (let row = 0; row < order.length; row += 1) {
    const wait = order[row] ?? 0;
    const ended = waits.end[wait] ?? 0;
    rowOf[wait] = row;
    begin[row] = waits.begin[wait] ?? 0;
    end[row] = ended < lastMoment ? ended : lastMoment;
    outcome[row] = waits.outcome[wait] ?? Outcome.Unknown;
    status[row] = waits.status[wait] ?? 0;
    object[row] = objectOfWait(model, wait);
    const named = recordOfWait(waits, wait);
    caller[row] = callers.indexOf(named);
    ring[row] = records.ring[named] ?? 0;
    slot[row] = records.slot[named] ?? 0;
  }
  return { columns, order, rowOf };
}

function ascends(rows: Uint32Array, keys: Float64Array): boolean {
  for (let at = 1; at < rows.length; at += 1) {
    if ((keys[rows[at] ?? 0] ?? 0) < (keys[rows[at - 1] ?? 0] ?? 0)) return false;
  }
  return true;
}

/** The object that satisfied it, or the first that it waits for. */
function objectOfWait(model: DrawnModel, wait: number): number {
  const edge = model.wakes.ofWait[wait] ?? -1;
  if (edge >= 0) return model.wakes.object[edge] ?? -1;
  return (model.waits.objectCount[wait] ?? 0) === 0 ? -1 : (model.waitObjects[model.waits.first[wait] ?? 0] ?? -1);
}

/** By thread, from when until when it was recorded, ns, by its calls and the ends of its waits; Infinity and -Infinity without any. */
interface CallSpans {
  readonly firsts: Float64Array;
  readonly lasts: Float64Array;
}

function callColumns({ records, threadOf, threads, order }: DrawnModel): {
  readonly columns: CallColumns;
  readonly spans: CallSpans;
} {
  const { kind, duration, count } = records;
  const firsts = new Float64Array(threads.length).fill(Infinity);
  const lasts = new Float64Array(threads.length).fill(-Infinity);
  const first = new Uint32Array(threads.length + 1);
  for (let record = 0; record < count;) {
    // Records of a thread lie together: what is found of them is kept for all at once.
    const thread = threadOf[record] ?? 0;
    let earliest = Infinity;
    let latest = -Infinity;
    let calls = 0;
    for (; record < count && threadOf[record] === thread; record += 1) {
      const one = kind[record] ?? 0;
      if (!isCall(one)) continue;
      const began = records.time[record] ?? 0;
      const ended = one === Kind.WaitEnd ? began : began + (duration[record] ?? 0);
      if (began < earliest) earliest = began;
      if (ended > latest) latest = ended;
      if (isDrawnCall(one)) calls += 1;
    }
    firsts[thread] = Math.min(firsts[thread] ?? 0, earliest);
    lasts[thread] = Math.max(lasts[thread] ?? 0, latest);
    first[thread + 1] = (first[thread + 1] ?? 0) + calls;
  }
  for (let thread = 0; thread < threads.length; thread += 1)
    first[thread + 1] = (first[thread + 1] ?? 0) + (first[thread] ?? 0);
  const time = new Float64Array(first.at(-1) ?? 0);
  const next = first.slice();
  for (let place = 0; place < order.length; place += 1) {
    const record = order[place] ?? 0;
    if (!isDrawnCall(kind[record] ?? 0)) continue;
    const thread = threadOf[record] ?? 0;
    const at = next[thread] ?? 0;
    time[at] = records.time[record] ?? 0;
    next[thread] = at + 1;
  }
  return { columns: { first, time }, spans: { firsts, lasts } };
}

/** Waits are drawn as such. */
const isDrawnCall = (kind: number): boolean => isCall(kind) && kind !== Kind.WaitBegin && kind !== Kind.WaitEnd;

function transitionColumns(
  model: DrawnModel,
  waitRowOf: Uint32Array,
  callers: Callers,
): { readonly columns: TransitionColumns; readonly rowOf: Int32Array } {
  const { transitions, records, waits } = model;
  const { count } = transitions;
  const rowOf = new Int32Array(records.count).fill(-1);
  const columns = {
    ...{ first: transitions.first, time: transitions.time, what: transitions.kind, state: transitions.stateAfter },
    ...{ previous: new Int8Array(count), thread: new Int32Array(count) },
    ...{ caller: new Int32Array(count), duration: new Float32Array(count), wait: new Int32Array(count) },
    ...{ ring: new Uint16Array(count), slot: new Uint32Array(count) },
  };
  const { previous, thread, caller, duration: took, wait: taker, ring, slot } = columns;
  for (let row = 0; row < count; row += 1) {
    const record = transitions.record[row] ?? -1;
    if (record < 0) {
      const wait = transitions.wait[row] ?? -1;
      taker[row] = wait < 0 ? -1 : (waitRowOf[wait] ?? -1);
      thread[row] = waits.thread[wait] ?? -1;
      caller[row] = callers.indexOf(waits.endRecord[wait] ?? -1);
      previous[row] = -1;
      const named = recordOfWait(waits, wait);
      ring[row] = records.ring[named] ?? 0;
      slot[row] = records.slot[named] ?? 0;
      continue;
    }
    rowOf[record] = row;
    taker[row] = -1;
    ring[row] = records.ring[record] ?? 0;
    slot[row] = records.slot[record] ?? 0;
    const found = records.previous[record] ?? 0xff;
    previous[row] = found === 0xff ? -1 : found > 1 ? 1 : found;
    thread[row] = model.threadOf[record] ?? -1;
    caller[row] = callers.indexOf(record);
    took[row] = records.kind[record] === Kind.TimerExpire ? 0 : (records.duration[record] ?? 0);
  }
  return { columns, rowOf };
}

/** Callers by index, each named once. */
class Callers {
  readonly list: string[] = [];
  readonly #model: DrawnModel;
  /** By source and address. */
  readonly #known = new Map<number, Map<number, number>>();
  /** Those asked for last: address, source and index of each. */
  readonly #addresses = new Uint32Array(RECENT_CALLERS);
  readonly #sources = new Int16Array(RECENT_CALLERS).fill(-1);
  readonly #indices = new Int32Array(RECENT_CALLERS);

  constructor(model: DrawnModel) {
    this.#model = model;
  }

  indexOf(record: number): number {
    if (record < 0) return -1;
    const { records } = this.#model;
    const source = records.source[record] ?? 0;
    const address = records.caller[record] ?? 0;
    const place = (address + source * 61) & (RECENT_CALLERS - 1);
    if (this.#addresses[place] !== address || this.#sources[place] !== source) {
      this.#addresses[place] = address;
      this.#sources[place] = source;
      this.#indices[place] = this.#find(record, source, address);
    }
    return this.#indices[place] ?? -1;
  }

  #find(record: number, source: number, address: number): number {
    let known = this.#known.get(source);
    if (known === undefined) this.#known.set(source, (known = new Map<number, number>()));
    let index = known.get(address);
    if (index !== undefined) return index;
    const name = callerOf(this.#model, record);
    index = name === undefined ? -1 : this.list.push(printable(name)) - 1;
    known.set(address, index);
    return index;
  }
}

/** A power of two. */
const RECENT_CALLERS = 1_024;

function gapMark(model: DrawnModel, gap: Gap): GapMark {
  const ring = gap.ring < 0 ? '' : `, ring ${gap.ring}`;
  return {
    label: `${gap.count} ${gap.unit} ${gap.reason} (${programName(model, gap.source)}${ring})`,
    ...{ source: gap.source, from: gap.from, until: gap.until, count: gap.count },
  };
}
