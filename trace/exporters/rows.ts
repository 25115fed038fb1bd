/** Transitions as rows: JSON lines and CSV. */
import { lowerBound, type TimelineColumns } from '../columns/columns.js';
import type { ColumnIndex } from '../columns/index-columns.js';
import { callerOf, type TraceModel } from '../model/model.js';
import { FATE_WORDS, Fate, State, TRANSITION_WORDS, Transition } from '../model/transitions.js';
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

/** Rows of [from, until), by object, in order of time; the same columns as a recording's own CSV has. */
export function* csvLinesOf(
  columns: TimelineColumns,
  index: ColumnIndex,
  from: number,
  until: number,
): Generator<string> {
  yield `${COLUMNS.join(',')}\r\n`;
  const { transitions: t } = columns;
  for (const [object, { id, label }] of columns.objects.entries()) {
    const low = lowerBound(t.time, from, t.first[object], t.first[object + 1]);
    const high = lowerBound(t.time, until, low, t.first[object + 1]);
    for (let row = low; row < high; row += 1) {
      const state = t.state[row];
      const thread = columns.threads[t.thread[row] ?? -1];
      const cells = [
        ...[t.time[row] ?? 0, id, label, TRANSITION_WORDS[t.what[row] ?? 0] ?? ''],
        state === State.Signaled ? 'signaled' : state === State.NotSignaled ? 'not signaled' : 'unknown',
        ...[thread?.label ?? 'unknown', thread?.process ?? null, thread?.thread ?? null],
        ...[columns.callers[t.caller[row] ?? -1] ?? null, fateWord(columns, index, row)],
      ];
      yield `${cells.map(csvCell).join(',')}\r\n`;
    }
  }
}

/** As far as the columns tell: taken by a wait, coalesced, missed; empty for what is no signal or is not known. */
function fateWord(
  { transitions, edges }: TimelineColumns,
  { signalRow, signalEdge }: ColumnIndex,
  row: number,
): string {
  const what = transitions.what[row];
  if (what === Transition.CoalescedSet) return FATE_WORDS[Fate.Coalesced];
  if (what === Transition.MissedPulse) return FATE_WORDS[Fate.Missed];
  for (let at = lowerBound(signalRow, row); signalRow[at] === row; at += 1) {
    if (edges.signal[signalEdge[at] ?? 0] === row) return FATE_WORDS[Fate.Taken];
  }
  return '';
}
