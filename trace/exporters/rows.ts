/** Transitions as rows: JSON lines and CSV. */
import { callerOf, type TraceModel } from '../model/model.js';
import { FATE_WORDS, State, TRANSITION_WORDS } from '../model/transitions.js';
import { threadName } from '../wording.js';

export interface TransitionRow {
  /** ns since the start. */
  readonly time: number;
  readonly object: number;
  readonly label: string;
  readonly transition: string;
  readonly state: 'signaled' | 'not signaled' | 'unknown';
  readonly who: string;
  readonly process: number | null;
  readonly thread: number | null;
  readonly caller: string | null;
  /** What became of a signal; empty for others. */
  readonly fate: string;
}

const COLUMNS = [
  ...['time', 'object', 'label', 'transition', 'state', 'who', 'process', 'thread', 'caller', 'fate'],
] as readonly (keyof TransitionRow)[];

/** By object, in order of time. */
export function* transitionRows(model: TraceModel): Generator<TransitionRow> {
  const { transitions, records } = model;
  for (const object of model.objects) {
    const until = transitions.first[object.id + 1] ?? 0;
    for (let row = transitions.first[object.id] ?? 0; row < until; row += 1) {
      const record = transitions.record[row] ?? -1;
      const wait = transitions.wait[row] ?? -1;
      const thread = record >= 0 ? (model.threadOf[record] ?? -1) : (model.waits.thread[wait] ?? -1);
      const state = transitions.stateAfter[row];
      yield {
        ...{ time: transitions.time[row] ?? 0, object: object.id, label: object.label },
        transition: TRANSITION_WORDS[transitions.kind[row] ?? 0] ?? '',
        state: state === State.Signaled ? 'signaled' : state === State.NotSignaled ? 'not signaled' : 'unknown',
        who: threadName(model, thread),
        process: record >= 0 ? (records.process[record] ?? null) : (model.threads[thread]?.process ?? null),
        thread: model.threads[thread]?.thread ?? null,
        caller: record >= 0 ? (callerOf(model, record) ?? null) : null,
        fate: record >= 0 ? (FATE_WORDS[transitions.fate[record] ?? 0] ?? '') : '',
      };
    }
  }
}

export function* jsonLines(model: TraceModel): Generator<string> {
  for (const row of transitionRows(model)) yield `${JSON.stringify(row)}\n`;
}

/** RFC 4180, with a head line. A cell that a spreadsheet would take for a formula gets an apostrophe before it. */
export function* csvLines(model: TraceModel): Generator<string> {
  yield `${COLUMNS.join(',')}\r\n`;
  for (const row of transitionRows(model)) yield `${COLUMNS.map((column) => csvCell(row[column])).join(',')}\r\n`;
}

function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
