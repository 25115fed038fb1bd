/**
 * What the timeline draws: plain JSON made from a model, columns of numbers per lane, no bigint. Embedded in a stand-alone
 * page, or sent to a webview.
 */
import { printable } from '../trace/names.js';
import { callerOf, type TraceModel } from '../trace/model/model.js';
import { Kind, type Gap } from '../trace/model/records.js';
import { Outcome, OUTCOME_WORDS } from '../trace/model/waits.js';
import { EVIDENCE_WORDS } from '../trace/model/wakes.js';
import { counted, duration, objectKind, objectName, programName, threadName } from '../trace/wording.js';

export const VIEW_DATA_VERSION = 2;

/** A run among several of one recording. */
export interface RunMark {
  readonly label: string;
  readonly from: number;
  readonly until: number;
}

export interface ObjectLane {
  readonly id: number;
  /** Index in `runs`; -1 when there are none, or it is of none. */
  readonly run: number;
  readonly label: string;
  readonly kind: string;
  /** Of interest after all others: drawn last. */
  readonly quiet: boolean;
  /** One line of counts. */
  readonly summary: string;
  /** ns, ascending. */
  readonly time: readonly number[];
  /** `Transition` by entry. */
  readonly what: readonly number[];
  /** `State` after the entry. */
  readonly state: readonly number[];
  /** ns of the last close, or of the recording's end. */
  readonly until: number;
  /** State before the first entry. */
  readonly initial: number;
  /** Thread lane that did it, -1 unknown. */
  readonly thread: readonly number[];
  /** Index in `callers`, -1 unknown. */
  readonly caller: readonly number[];
  /** State that the call found; -1 unknown. */
  readonly previous: readonly number[];
}

export interface ThreadLane {
  readonly id: number;
  readonly label: string;
  readonly side: 'kernel' | 'user';
  readonly run: number;
  /** Ordinal of its source, as in GapMark. */
  readonly source: number;
  readonly process: number;
  readonly deferred: boolean;
  readonly first: number;
  readonly last: number;
  /** Waits in order of their beginning; an open one ends at the end of the recording. */
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly outcome: readonly number[];
  /** First object of each wait, -1 unknown. */
  readonly object: readonly number[];
  readonly status: readonly number[];
  /** Times of calls other than waits. */
  readonly calls: readonly number[];
}

/** Wake edges, in order of the end of their waits. `from` is -1 where the signal is not one record. */
export interface EdgeColumns {
  readonly object: readonly number[];
  /** Time of the signal, -1: none. */
  readonly from: readonly number[];
  readonly fromThread: readonly number[];
  readonly begin: readonly number[];
  readonly to: readonly number[];
  readonly toThread: readonly number[];
  readonly evidence: readonly number[];
  /** ns, -1: none. */
  readonly latency: readonly number[];
  /** Times of the signals that can have done it, of ambiguous ones. */
  readonly candidates: readonly (readonly number[])[];
}

export interface GapMark {
  readonly label: string;
  readonly source: number;
  readonly from: number;
  readonly until: number;
  readonly count: number;
}

export interface ViewData {
  readonly version: number;
  readonly title: string;
  readonly target: string;
  /** ms since 1970 of time 0; null when unknown. */
  readonly startUtcMs: number | null;
  readonly end: number;
  /** Empty when the recording is one run. */
  readonly runs: readonly RunMark[];
  readonly objects: readonly ObjectLane[];
  readonly threads: readonly ThreadLane[];
  readonly edges: EdgeColumns;
  readonly gaps: readonly GapMark[];
  readonly callers: readonly string[];
  readonly outcomeWords: readonly string[];
  readonly evidenceWords: readonly string[];
}

/** Times are rounded to a tenth of a ns: shorter text, and finer than any clock. */
const rounded = (ns: number): number => Math.round(ns * 10) / 10;

export function toViewData(model: TraceModel): ViewData {
  const callers = new Map<string, number>();
  const runOf = runsOfSources(model);
  const threads = threadLanes(model, runOf);
  const runs = runMarks(model, threads);
  const lanes = model.objects
    .map((object) => objectLane(model, object.id, callers, { runs, runOf }))
    .filter((lane) => lane.time.length > 0)
    .sort((a, b) => (a.time[0] ?? 0) - (b.time[0] ?? 0));
  return {
    version: VIEW_DATA_VERSION,
    title: model.recording.metadata.title ?? 'recording',
    target: model.recording.metadata.target,
    startUtcMs: Number.isNaN(model.clock.startUtcMs) ? null : model.clock.startUtcMs,
    end: Math.max(1, rounded(model.end)),
    runs,
    objects: lanes,
    threads,
    edges: edgeColumns(model),
    gaps: model.gaps.map((gap) => gapMark(model, gap)),
    callers: [...callers.keys()],
    outcomeWords: OUTCOME_WORDS,
    evidenceWords: EVIDENCE_WORDS,
  };
}

/** Run by ordinal of the source; -1: of none. */
function runsOfSources({ recording }: TraceModel): readonly number[] {
  const runs = recording.metadata.runs ?? [];
  if (runs.length < 2) return recording.sources.map(() => -1);
  return recording.sources.map(({ id }) => runs.findIndex((run) => run.sources.includes(id)));
}

/** Each run from its first record to its last. */
function runMarks({ recording, end }: TraceModel, threads: readonly ThreadLane[]): readonly RunMark[] {
  const runs = recording.metadata.runs ?? [];
  if (runs.length < 2) return [];
  return runs.map(({ title }, run) => {
    const lanes = threads.filter((lane) => lane.run === run);
    if (lanes.length === 0) return { label: printable(title), from: 0, until: end };
    const from = Math.min(...lanes.map(({ first }) => first));
    return { label: printable(title), from, until: Math.max(from, ...lanes.map(({ last }) => last)) };
  });
}

/** Neither signaled nor waited for, or a timer that only runs a procedure: of interest after all others. */
function isQuiet(model: TraceModel, id: number): boolean {
  const counters = model.transitions.counters[id];
  if (counters === undefined || counters.signals + counters.waits === 0) return true;
  return model.objects[id]?.type === 'timer' && counters.waits === 0;
}

function objectLane(
  model: TraceModel,
  id: number,
  callers: Map<string, number>,
  { runs, runOf }: { readonly runs: readonly RunMark[]; readonly runOf: readonly number[] },
): ObjectLane {
  const { transitions, records } = model;
  const object = model.objects[id];
  const from = transitions.first[id] ?? 0;
  const until = transitions.first[id + 1] ?? 0;
  const counters = transitions.counters[id];
  const latency = counters?.latency;
  const rows = Array.from({ length: until - from }, (_, at) => from + at);
  const record = (row: number): number => transitions.record[row] ?? -1;
  const threadOf = (row: number): number =>
    record(row) >= 0 ? (model.threadOf[record(row)] ?? -1) : (model.waits.thread[transitions.wait[row] ?? 0] ?? -1);
  const callerIndex = (row: number): number => {
    const at = record(row) >= 0 ? record(row) : (model.waits.endRecord[transitions.wait[row] ?? 0] ?? -1);
    const caller = at < 0 ? undefined : callerOf(model, at);
    if (caller === undefined) return -1;
    const known = callers.get(caller);
    if (known !== undefined) return known;
    callers.set(caller, callers.size);
    return callers.size - 1;
  };
  const initial = object?.initiallySet;
  // An object that outlived its run was not recorded any more.
  const inRuns = (object?.sources ?? []).map((source) => runOf[source] ?? -1);
  const ended = Math.max(...inRuns.map((run) => runs[run]?.until ?? Infinity));
  return {
    ...{ id, run: Math.min(...inRuns) },
    label: objectName(object),
    kind: object === undefined ? 'object' : objectKind(object),
    quiet: isQuiet(model, id),
    summary: [
      counted(counters?.signals ?? 0, 'signal'),
      `${counters?.taken ?? 0} taken`,
      ...(counters?.coalesced ? [`${counters.coalesced} coalesced`] : []),
      ...(counters?.wiped ? [`${counters.wiped} wiped`] : []),
      ...(counters?.timedOut ? [`${counters.timedOut} timed out`] : []),
      ...(latency === undefined ? [] : [`latency ${duration(latency.p50)}, at most ${duration(latency.max)}`]),
    ].join(', '),
    time: rows.map((row) => rounded(transitions.time[row] ?? 0)),
    what: rows.map((row) => transitions.kind[row] ?? 0),
    state: rows.map((row) => transitions.stateAfter[row] ?? 0),
    until: rounded(Math.min(model.end, ended, lastUse(model, id))),
    initial: initial === undefined ? 2 : initial ? 1 : 0,
    thread: rows.map(threadOf),
    caller: rows.map(callerIndex),
    previous: rows.map((row) => {
      const previous = record(row) < 0 ? 0xff : (records.previous[record(row)] ?? 0xff);
      return previous === 0xff ? -1 : previous;
    }),
  };
}

/** When the last handle or reference of an object went; Infinity when one was still held. */
function lastUse(model: TraceModel, id: number): number {
  const names = model.objects[id]?.names ?? [];
  return names.length === 0 ? Infinity : Math.max(...names.map(({ until }) => until));
}

function threadLanes(model: TraceModel, runOf: readonly number[]): ThreadLane[] {
  const { waits, records } = model;
  const lanes = model.threads.map((thread) => ({
    ...{ id: thread.id, side: thread.side, source: thread.source, process: thread.process, deferred: thread.deferred },
    ...{ label: threadName(model, thread.id), run: runOf[thread.source] ?? -1 },
    ...{ first: Infinity, last: 0 },
    begin: [] as number[],
    end: [] as number[],
    outcome: [] as number[],
    object: [] as number[],
    status: [] as number[],
    calls: [] as number[],
  }));
  for (const record of model.order) {
    const lane = lanes[model.threadOf[record] ?? -1];
    const kind = records.kind[record] ?? 0;
    if (lane === undefined || kind === Kind.Calibration || kind === Kind.Module) continue;
    const time = rounded(records.time[record] ?? 0);
    lane.first = Math.min(lane.first, time);
    lane.last = Math.max(lane.last, time + rounded(records.duration[record] ?? 0) * (kind === Kind.WaitEnd ? 0 : 1));
    if (kind !== Kind.WaitBegin && kind !== Kind.WaitEnd) lane.calls.push(time);
  }
  const byBegin = Array.from({ length: waits.count }, (_, wait) => wait).sort(
    (a, b) => (waits.begin[a] ?? 0) - (waits.begin[b] ?? 0),
  );
  for (const wait of byBegin) {
    const lane = lanes[waits.thread[wait] ?? -1];
    if (lane === undefined) continue;
    const end = Math.min(waits.end[wait] ?? 0, model.end);
    lane.begin.push(rounded(waits.begin[wait] ?? 0));
    lane.end.push(rounded(end));
    lane.outcome.push(waits.outcome[wait] ?? Outcome.Unknown);
    lane.object.push(objectOfWait(model, wait));
    lane.status.push(waits.status[wait] ?? 0);
    lane.last = Math.max(lane.last, end);
  }
  return lanes.filter((lane) => Number.isFinite(lane.first));
}

/** The object that satisfied it, or the first that it waits for. */
function objectOfWait(model: TraceModel, wait: number): number {
  const edge = model.wakes.ofWait[wait] ?? -1;
  if (edge >= 0) return model.wakes.object[edge] ?? -1;
  return (model.waits.objectCount[wait] ?? 0) === 0 ? -1 : (model.waitObjects[model.waits.first[wait] ?? 0] ?? -1);
}

function edgeColumns(model: TraceModel): EdgeColumns {
  const { wakes, waits, records } = model;
  const edges = Array.from({ length: wakes.count }, (_, edge) => edge).sort(
    (a, b) => (waits.end[wakes.wait[a] ?? 0] ?? 0) - (waits.end[wakes.wait[b] ?? 0] ?? 0),
  );
  const signal = (edge: number): number => wakes.signal[edge] ?? -1;
  const wait = (edge: number): number => wakes.wait[edge] ?? 0;
  return {
    object: edges.map((edge) => wakes.object[edge] ?? -1),
    from: edges.map((edge) => (signal(edge) < 0 ? -1 : rounded(records.time[signal(edge)] ?? 0))),
    fromThread: edges.map((edge) => (signal(edge) < 0 ? -1 : (model.threadOf[signal(edge)] ?? -1))),
    begin: edges.map((edge) => rounded(waits.begin[wait(edge)] ?? 0)),
    to: edges.map((edge) => rounded(Math.min(waits.end[wait(edge)] ?? 0, model.end))),
    toThread: edges.map((edge) => waits.thread[wait(edge)] ?? -1),
    evidence: edges.map((edge) => wakes.evidence[edge] ?? 0),
    latency: edges.map((edge) => {
      const latency = wakes.latency[edge] ?? NaN;
      return Number.isNaN(latency) ? -1 : rounded(latency);
    }),
    candidates: edges.map((edge) =>
      [...wakes.candidates.subarray(wakes.firstCandidate[edge], wakes.firstCandidate[edge + 1])].map((record) =>
        rounded(records.time[record] ?? 0),
      ),
    ),
  };
}

function gapMark(model: TraceModel, gap: Gap): GapMark {
  const ring = gap.ring < 0 ? '' : `, ring ${gap.ring}`;
  return {
    label: `${gap.count} ${gap.unit} ${gap.reason} (${programName(model, gap.source)}${ring})`,
    ...{ source: gap.source, from: rounded(gap.from), until: rounded(gap.until), count: gap.count },
  };
}
