/**
 * A reader of Chrome trace JSON, written from the format's documentation ("Trace Event Format"), for what its viewers make of a file:
 * tracks with their names, slices that nest on each track, and flows bound to slices. It knows nothing of who writes it.
 */
import * as v from 'valibot';

const common = { name: v.string(), pid: v.number(), tid: v.number() };
const time = v.pipe(v.number(), v.minValue(0));
const event = v.variant('ph', [
  v.object({ ph: v.literal('M'), ...common, args: v.object({ name: v.string() }) }),
  v.object({ ph: v.literal('X'), ...common, cat: v.string(), ts: time, dur: time }),
  v.object({ ph: v.literal('s'), ...common, cat: v.string(), id: v.number(), ts: time }),
  v.object({
    ph: v.literal('f'),
    ...common,
    cat: v.string(),
    id: v.number(),
    ts: time,
    bp: v.optional(v.literal('e')),
  }),
]);
const file = v.object({ displayTimeUnit: v.picklist(['ms', 'ns']), traceEvents: v.array(event) });
type Event = v.InferOutput<typeof event>;

export interface Slice {
  readonly name: string;
  readonly category: string;
  /** us */
  readonly from: number;
  readonly until: number;
}
export interface Track {
  readonly process: string;
  readonly name: string;
  readonly slices: readonly Slice[];
}
export interface Flow {
  readonly name: string;
  readonly from: Slice;
  readonly to: Slice;
}
export interface ReadTrace {
  readonly tracks: readonly Track[];
  readonly flows: readonly Flow[];
  /** What a viewer would draw wrong or leave out. */
  readonly problems: readonly string[];
}

const trackKey = ({ pid, tid }: { readonly pid: number; readonly tid: number }): string => `${pid}/${tid}`;

/** @throws ValiError when it is no such file */
export function readTraceEvents(text: string): ReadTrace {
  const { traceEvents } = v.parse(file, JSON.parse(text));
  const problems: string[] = [];
  const named = (kind: string): Map<string, string> =>
    new Map(
      traceEvents.flatMap((one) => (one.ph === 'M' && one.name === kind ? [[keyOf(kind, one), one.args.name]] : [])),
    );
  const [processes, threads] = [named('process_name'), named('thread_name')];
  const slices = new Map<string, Slice[]>();
  for (const one of traceEvents) {
    if (one.ph !== 'X') continue;
    const list = slices.get(trackKey(one)) ?? [];
    list.push({ name: one.name, category: one.cat, from: one.ts, until: one.ts + one.dur });
    slices.set(trackKey(one), list);
    if (!threads.has(trackKey(one))) problems.push(`a slice of ${trackKey(one)}, which has no name`);
  }
  for (const [key, list] of slices) problems.push(...nestingProblems(threads.get(key) ?? key, list));
  const tracks = [...threads].map(([key, name]) => ({
    ...{ name, process: processes.get(key.slice(0, key.indexOf('/'))) ?? '', slices: slices.get(key) ?? [] },
  }));
  return { tracks, flows: readFlows(traceEvents, slices, problems), problems };
}

const keyOf = (kind: string, one: Event): string => (kind === 'process_name' ? String(one.pid) : trackKey(one));

/** Slices of a thread are calls in calls: each ends before the one around it does. Written times are whole ns. */
function nestingProblems(track: string, slices: Slice[]): string[] {
  const problems: string[] = [];
  slices.sort((a, b) => a.from - b.from || b.until - a.until);
  const open: Slice[] = [];
  for (const slice of slices) {
    while ((open.at(-1)?.until ?? Infinity) <= slice.from + NS) open.pop();
    const around = open.at(-1);
    if (around !== undefined && slice.until > around.until + NS) {
      problems.push(`${track}: "${slice.name}" at ${slice.from} us ends after "${around.name}", in which it begins`);
    }
    open.push(slice);
  }
  return problems;
}
const NS = 0.001_5;

/** A flow begins in the slice around its start, and ends in the one around its end (bp "e"), else in the next one. */
function readFlows(
  events: readonly Event[],
  slices: ReadonlyMap<string, readonly Slice[]>,
  problems: string[],
): Flow[] {
  const starts = new Map<string, Event & { ph: 's' }>();
  const flows: Flow[] = [];
  for (const one of events) if (one.ph === 's') starts.set(`${one.cat} ${one.name} ${one.id}`, one);
  for (const one of events) {
    if (one.ph !== 'f') continue;
    const start = starts.get(`${one.cat} ${one.name} ${one.id}`);
    starts.delete(`${one.cat} ${one.name} ${one.id}`);
    const from = start && around(slices.get(trackKey(start)) ?? [], start.ts);
    const to = one.bp === 'e' ? around(slices.get(trackKey(one)) ?? [], one.ts) : undefined;
    if (from === undefined || to === undefined) problems.push(`flow ${one.id} is bound to no slice`);
    else flows.push({ name: one.name, from, to });
  }
  for (const { id } of starts.values()) problems.push(`flow ${id} does not end`);
  return flows;
}

/** The innermost. */
function around(slices: readonly Slice[], at: number): Slice | undefined {
  return slices.filter(({ from, until }) => from <= at + NS && until >= at - NS).sort((a, b) => b.from - a.from)[0];
}
