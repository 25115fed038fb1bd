/**
 * Chrome trace JSON (the "Trace Event Format"), which Perfetto's viewer and others open: threads with their waits and
 * calls, one track per object with its state, and a flow from each signal to the wait that it released. Times in us.
 */
import { Evidence, EVIDENCE_WORDS } from '../model/wakes.js';
import { State, TRANSITION_WORDS, Transition } from '../model/transitions.js';
import { OUTCOME_WORDS } from '../model/waits.js';
import type { TraceModel } from '../model/model.js';
import { laneOfRow, type TimelineColumns } from '../columns/columns.js';
import { toColumns } from '../columns/from-model.js';

/** Process number of the tracks of objects: no process of the target has it. */
const OBJECTS_PROCESS = 0;

export type ChromeEvent = Readonly<Record<string, string | number | Readonly<Record<string, string | number>>>>;

/** Event by event, for writing without holding all of them. */
export const chromeEvents = (model: TraceModel): Generator<ChromeEvent> => chromeEventsOf(toColumns(model));

/** The whole file. */
export const toChromeTrace = (model: TraceModel): string => [...chromeText(toColumns(model))].join('');

const EVENTS_PER_PIECE = 4_096;

/** The whole file in pieces: no string is longer than an engine allows. */
export function* chromeText(columns: TimelineColumns): Generator<string> {
  yield '{"displayTimeUnit":"ns","traceEvents":[\n';
  let lines: string[] = [];
  let separator = '';
  for (const event of chromeEventsOf(columns)) {
    lines.push(JSON.stringify(event));
    if (lines.length < EVENTS_PER_PIECE) continue;
    yield separator + lines.join(',\n');
    separator = ',\n';
    lines = [];
  }
  if (lines.length > 0) yield separator + lines.join(',\n');
  yield '\n]}\n';
}

const us = (ns: number): number => Math.round(ns) / 1_000;

export function* chromeEventsOf(columns: TimelineColumns): Generator<ChromeEvent> {
  const meta = (name: string, pid: number, tid: number, value: string): ChromeEvent => ({
    ...{ ph: 'M', name, pid, tid },
    args: { name: value },
  });
  yield meta('process_name', OBJECTS_PROCESS, 0, 'Objects');
  const programs = new Map(columns.threads.map(({ source, program }) => [source, program] as const));
  for (const [source, program] of programs) yield meta('process_name', source + 1, 0, program);
  for (const [at, { label }] of columns.threads.entries()) {
    const { pid, tid } = place(columns, at);
    yield meta('thread_name', pid, tid, label);
  }
  for (const [at, { label }] of columns.objects.entries()) yield meta('thread_name', OBJECTS_PROCESS, at + 1, label);
  yield* waitSlices(columns);
  yield* objectSlices(columns);
  yield* flows(columns);
}

/** A thread keeps its number; two of one number in one source cannot be. */
const place = ({ threads }: TimelineColumns, at: number): { readonly pid: number; readonly tid: number } => ({
  pid: (threads[at]?.source ?? 0) + 1,
  tid: threads[at]?.thread ?? 0,
});

function* waitSlices(columns: TimelineColumns): Generator<ChromeEvent> {
  const { waits, objects } = columns;
  for (let row = 0; row < waits.begin.length; row += 1) {
    const begin = waits.begin[row] ?? 0;
    const object = objects[waits.object[row] ?? -1]?.label ?? 'an unknown object';
    yield {
      ...{ ph: 'X', cat: 'wait', name: `wait for ${object}`, ts: us(begin), dur: us((waits.end[row] ?? 0) - begin) },
      ...place(columns, laneOfRow(waits.first, row)),
      args: { outcome: OUTCOME_WORDS[waits.outcome[row] ?? 0] ?? '' },
    };
  }
}

function* objectSlices(columns: TimelineColumns): Generator<ChromeEvent> {
  const { transitions: t, objects, end } = columns;
  const slice = (object: number, from: number, until: number): ChromeEvent => ({
    ...{ ph: 'X', cat: 'state', name: 'signaled', ts: us(from), dur: us(until - from) },
    ...{ pid: OBJECTS_PROCESS, tid: object + 1 },
  });
  for (const [object, { label }] of objects.entries()) {
    let since = -1;
    for (let row = t.first[object] ?? 0; row < (t.first[object + 1] ?? 0); row += 1) {
      const time = t.time[row] ?? 0;
      const signaled = t.state[row] === State.Signaled;
      if (signaled && since < 0) since = time;
      if (!signaled && since >= 0) {
        yield slice(object, since, time);
        since = -1;
      }
      const thread = t.thread[row] ?? -1;
      if (t.what[row] === Transition.Take || thread < 0) continue;
      const name = `${TRANSITION_WORDS[t.what[row] ?? 0] ?? ''}: ${label}`;
      yield { ph: 'X', cat: 'call', name, ts: us(time), dur: us(t.duration[row] ?? 0), ...place(columns, thread) };
    }
    if (since >= 0) yield slice(object, since, end);
  }
}

function* flows(columns: TimelineColumns): Generator<ChromeEvent> {
  const { edges, waits, transitions } = columns;
  for (let edge = 0; edge < edges.wait.length; edge += 1) {
    const row = edges.signal[edge] ?? -1;
    const evidence = edges.evidence[edge] ?? 0;
    if (row < 0 || evidence > Evidence.Inferred) continue;
    const wait = edges.wait[edge] ?? 0;
    const common = { cat: 'wake', name: EVIDENCE_WORDS[evidence] ?? '', id: edge + 1 };
    const from = place(columns, transitions.thread[row] ?? -1);
    yield { ph: 's', ...common, ts: us(transitions.time[row] ?? 0), ...from };
    // Bound to the slice that encloses it: the wait.
    const to = place(columns, laneOfRow(waits.first, wait));
    yield { ph: 'f', bp: 'e', ...common, ts: us(waits.end[wait] ?? 0), ...to };
  }
}
