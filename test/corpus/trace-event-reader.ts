/**
 * Flows in Chrome trace JSON, by the format's documentation ("Trace Event Format") and as Perfetto binds them to slices: at the
 * moment of their ends. No reader from npm does that (trace-engine.ts). It knows nothing of who writes the file.
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
export interface Flow {
  readonly name: string;
  readonly from: Slice;
  readonly to: Slice;
}
export interface ReadFlows {
  readonly flows: readonly Flow[];
  /** What a viewer would draw wrong or leave out. */
  readonly problems: readonly string[];
}

const trackKey = ({ pid, tid }: { readonly pid: number; readonly tid: number }): string => `${pid}/${tid}`;

/** @throws ValiError when it is no such file */
export function readFlows(text: string): ReadFlows {
  const { traceEvents } = v.parse(file, JSON.parse(text));
  const problems: string[] = [];
  const slices = new Map<string, Slice[]>();
  for (const one of traceEvents) {
    if (one.ph !== 'X') continue;
    const list = slices.get(trackKey(one)) ?? [];
    list.push({ name: one.name, category: one.cat, from: one.ts, until: one.ts + one.dur });
    slices.set(trackKey(one), list);
  }
  return { flows: boundFlows(traceEvents, slices, problems), problems };
}

/** us: written times are whole ns. */
const NS = 0.001_5;

/** A flow begins in the slice around its start, and ends in the one around its end (bp "e"), else in the next one. */
function boundFlows(
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
