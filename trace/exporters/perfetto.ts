/**
 * Chrome trace JSON (the "Trace Event Format"), which Perfetto's viewer and others open: threads with their waits and
 * calls, one track per object with its state, and a flow from each signal to the wait that it released. Times in us.
 */
import type { TraceModel } from '../model/model.js';
import { Kind } from '../model/records.js';
import { State, TRANSITION_WORDS } from '../model/transitions.js';
import { OUTCOME_WORDS } from '../model/waits.js';
import { Evidence, EVIDENCE_WORDS } from '../model/wakes.js';
import { objectName, programName, threadName } from '../wording.js';

/** Process number of the tracks of objects: no process of the target has it. */
const OBJECTS_PROCESS = 0;

export type ChromeEvent = Readonly<Record<string, string | number | Readonly<Record<string, string | number>>>>;

/** Event by event, for writing without holding all of them. */
export function* chromeEvents(model: TraceModel): Generator<ChromeEvent> {
  yield* names(model);
  yield* waits(model);
  yield* states(model);
  yield* flows(model);
}

/** The whole file. */
export function toChromeTrace(model: TraceModel): string {
  const lines = [...chromeEvents(model)].map((event) => JSON.stringify(event));
  return `{"displayTimeUnit":"ns","traceEvents":[\n${lines.join(',\n')}\n]}\n`;
}

const us = (ns: number): number => Math.round(ns) / 1_000;

/** Kernel threads keep a number of their own: a driver runs in threads of other processes as well. */
const place = (model: TraceModel, thread: number): { readonly pid: number; readonly tid: number } => ({
  pid: (model.threads[thread]?.source ?? 0) + 1,
  tid: model.threads[thread]?.thread ?? 0,
});

function* names(model: TraceModel): Generator<ChromeEvent> {
  const meta = (name: string, pid: number, tid: number, value: string): ChromeEvent => ({
    ...{ ph: 'M', name, pid, tid },
    args: { name: value },
  });
  yield meta('process_name', OBJECTS_PROCESS, 0, 'Objects');
  for (const ordinal of model.recording.sources.keys()) {
    yield meta('process_name', ordinal + 1, 0, programName(model, ordinal));
  }
  for (const thread of model.threads) {
    const { pid, tid } = place(model, thread.id);
    yield meta('thread_name', pid, tid, threadName(model, thread.id));
  }
  for (const object of model.objects) yield meta('thread_name', OBJECTS_PROCESS, object.id + 1, objectName(object));
}

function* waits(model: TraceModel): Generator<ChromeEvent> {
  const { waits: table } = model;
  for (let wait = 0; wait < table.count; wait += 1) {
    const begin = table.begin[wait] ?? 0;
    const end = Math.min(table.end[wait] ?? 0, model.end);
    const object = model.objects[model.waitObjects[table.first[wait] ?? 0] ?? -1];
    yield {
      ...{ ph: 'X', cat: 'wait', name: `wait for ${objectName(object)}`, ts: us(begin), dur: us(end - begin) },
      ...place(model, table.thread[wait] ?? 0),
      args: { outcome: OUTCOME_WORDS[table.outcome[wait] ?? 0] ?? '' },
    };
  }
}

function* states(model: TraceModel): Generator<ChromeEvent> {
  const { transitions, records } = model;
  for (const object of model.objects) {
    const until = transitions.first[object.id + 1] ?? 0;
    let since = -1;
    for (let row = transitions.first[object.id] ?? 0; row < until; row += 1) {
      const time = transitions.time[row] ?? 0;
      const record = transitions.record[row] ?? -1;
      const name = TRANSITION_WORDS[transitions.kind[row] ?? 0] ?? '';
      const signaled = transitions.stateAfter[row] === State.Signaled;
      if (signaled && since < 0) since = time;
      if (!signaled && since >= 0) {
        yield signaledSlice(object.id, since, time);
        since = -1;
      }
      if (record < 0) continue;
      yield {
        ...{ ph: 'X', cat: 'call', name: `${name}: ${objectName(object)}`, ts: us(time) },
        dur: us(records.kind[record] === Kind.TimerExpire ? 0 : (records.duration[record] ?? 0)),
        ...place(model, model.threadOf[record] ?? 0),
      };
    }
    if (since >= 0) yield signaledSlice(object.id, since, model.end);
  }
}

const signaledSlice = (object: number, from: number, until: number): ChromeEvent => ({
  ...{ ph: 'X', cat: 'state', name: 'signaled', ts: us(from), dur: us(until - from) },
  ...{ pid: OBJECTS_PROCESS, tid: object + 1 },
});

function* flows(model: TraceModel): Generator<ChromeEvent> {
  const { wakes, waits: table, records } = model;
  for (let edge = 0; edge < wakes.count; edge += 1) {
    const signal = wakes.signal[edge] ?? -1;
    if (signal < 0 || (wakes.evidence[edge] ?? 0) > Evidence.Inferred) continue;
    const wait = wakes.wait[edge] ?? 0;
    const common = { cat: 'wake', name: EVIDENCE_WORDS[wakes.evidence[edge] ?? 0] ?? '', id: edge + 1 };
    yield { ph: 's', ...common, ts: us(records.time[signal] ?? 0), ...place(model, model.threadOf[signal] ?? 0) };
    // Bound to the slice that encloses it: the wait.
    const ts = us(Math.min(table.end[wait] ?? 0, model.end));
    yield { ph: 'f', bp: 'e', ...common, ts, ...place(model, table.thread[wait] ?? 0) };
  }
}
