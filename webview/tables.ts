/** The panels' tables: the twin of the drawing, counts and latencies of a range, two runs compared. All can be copied. */
import { compareRuns, type Difference } from '../trace/columns/compare.js';
import {
  rangeStatistics,
  type HistogramBin,
  type Latency,
  type ObjectStatistics,
} from '../trace/columns/statistics.js';
import { TRANSITION_WORDS } from '../trace/model/transitions.js';
import { counted, duration, outcomeText } from '../trace/wording.js';
import { callerOfSelection, describeEdge } from './describe.js';
import type { TimeRange } from './draw/scene.js';
import { exactNs } from './time-scale.js';
import { EntryPages, ROWS_PER_PAGE, timesOf, type TableRow } from './entry-pages.js';
import type { ThreadLane } from './view-data.js';
import type { ViewIndex } from './view-index.js';

export interface Cell {
  readonly text: string;
  readonly number?: boolean;
  readonly changed?: boolean;
}

/** Text between tabs, for spreadsheets and for mail. */
export type Copy = (text: string) => void;

/** More rows tell nobody more: the rest is counted. */
const MAX_ROWS = 200;

const cell = (text: string): Cell => ({ text });
const figure = (value: number | string): Cell => ({ text: String(value), number: true });
const spanCell = (ns: number | undefined): Cell => figure(ns === undefined ? '-' : duration(ns));

/** A table with a button that copies it. Names are text nodes: no markup in them is ever read. */
function tableOf(head: readonly Cell[], rows: readonly (readonly Cell[])[], copy: Copy): HTMLElement[] {
  const table = document.createElement('table');
  const first = table.createTHead().insertRow();
  for (const { text, number } of head) {
    const th = document.createElement('th');
    th.scope = 'col';
    th.textContent = text;
    if (number === true) th.className = 'number';
    first.append(th);
  }
  const body = table.createTBody();
  for (const row of rows) addRow(body, row);
  const text = (): string =>
    [...table.rows]
      .map((row) => [...row.cells].map(({ textContent }) => textContent.replace(/[\t\n]/g, ' ')).join('\t'))
      .join('\n');
  return [table, buttonOf('Copy', () => copy(text()))];
}

function addRow(body: HTMLTableSectionElement, cells: readonly Cell[]): void {
  const row = body.insertRow();
  for (const { text, number, changed } of cells) {
    const td = row.insertCell();
    td.textContent = text;
    td.className = `${number === true ? 'number' : ''} ${changed === true ? 'changed' : ''}`.trim();
  }
}

function buttonOf(text: string, click: () => void): HTMLButtonElement {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = text;
  button.addEventListener('click', click);
  return button;
}

function titled(tag: 'h2' | 'p', text: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

/** The first page of [from, until), and a button for the next: rows are made as they are asked for. */
export function fillEntries(host: HTMLElement, view: ViewIndex, from: number, until: number, copy: Copy): void {
  const pages = new EntryPages([...view.data.objects, ...view.data.threads], from, until);
  const head = ['Time', 'Object', 'What', 'By', 'Caller', 'Effect'].map((text, at) => ({ text, number: at === 0 }));
  const [table, copyButton] = tableOf(head, [], copy);
  const body = table instanceof HTMLTableElement ? table.tBodies[0] : undefined;
  const more = buttonOf('', () => add());
  const add = (): void => {
    for (const row of pages.next()) if (body !== undefined) addRow(body, entryCells(view, row));
    more.hidden = pages.left === 0;
    more.textContent = `Show ${Math.min(pages.left, ROWS_PER_PAGE)} more (of ${pages.left} in this range; zoom in for fewer)`;
  };
  add();
  const shown = [table, more, copyButton].filter((element) => element !== undefined);
  host.replaceChildren(...stretchesOf(view, from, until, copy), ...shown);
}

function entryCells(view: ViewIndex, { lane, index }: TableRow): Cell[] {
  const { type, at } = lane;
  const isObject = type === 'object';
  const edges = view.edgesOf({ lane: type, at, index }).slice(0, MAX_EFFECTS);
  const object = isObject ? lane : view.object(lane.object[index]);
  const thread = isObject ? view.thread(lane.thread[index]) : lane;
  return [
    figure(exactNs(timesOf(lane)[index] ?? 0)),
    cell(object?.head.label ?? 'unknown'),
    cell(isObject ? (TRANSITION_WORDS[lane.what[index] ?? 0] ?? '') : waitWords(lane, index)),
    cell(thread?.head.label ?? ''),
    cell(callerOfSelection(view, { lane: type, at, index }) ?? ''),
    cell(edges.map((edge) => describeEdge(view, edge)).join('; ')),
  ];
}

const MAX_EFFECTS = 4;

const waitWords = ({ begin, end, outcome, status }: ThreadLane, index: number): string =>
  `wait of ${duration((end[index] ?? 0) - (begin[index] ?? 0))}: ${outcomeText(outcome[index] ?? 0, status[index] ?? 0)}`;

/** Gaps and stops, where there are any: what the drawing hatches. */
function stretchesOf(view: ViewIndex, from: number, until: number, copy: Copy): HTMLElement[] {
  const { gaps, stops } = view.data.columns;
  const rows = [
    ...gaps.map((gap) => ({ ...gap, what: gap.label })),
    ...stops.map((stop) => ({ ...stop, what: `stopped by the debugger: ${stop.reason}` })),
  ]
    .filter((one) => one.until >= from && one.from <= until)
    .sort((a, b) => a.from - b.from)
    .slice(0, MAX_ROWS)
    .map((one) => [figure(exactNs(one.from)), figure(exactNs(one.until)), cell(one.what)]);
  if (rows.length === 0) return [];
  const head = [{ text: 'From', number: true }, { text: 'Until', number: true }, cell('Gap or stop')];
  return tableOf(head, rows, copy);
}

const LATENCY_HEAD = ['p50', 'p99', 'max'].map((text): Cell => ({ text, number: true }));
const latencyCells = (latency: Latency | undefined): Cell[] => [
  ...[latency?.p50, latency?.p99, latency?.max].map(spanCell),
];

/** Objects that were merely there are left out. */
const hasFigures = (one: ObjectStatistics | undefined): boolean =>
  one !== undefined && one.signals + one.timedOut + one.wiped > 0;

/** Counts and latencies of a range, by object and by who woke whom. */
export function fillStatistics(host: HTMLElement, view: ViewIndex, range: TimeRange, copy: Copy): void {
  const { columns, index } = view.data;
  const statistics = rangeStatistics(columns, index, range.from, range.until);
  const counts = ['Signals', 'Taken', 'Coalesced', 'Wiped', 'Missed pulses', 'Timed out'];
  const objects = statistics.objects.filter(hasFigures).sort((a, b) => b.signals - a.signals);
  const head = [cell('Object'), ...counts.map((text) => ({ text, number: true })), ...LATENCY_HEAD];
  const rows = objects
    .slice(0, MAX_ROWS)
    .map((one) => [
      cell(columns.objects[one.object]?.label ?? ''),
      ...[one.signals, one.taken, one.coalesced, one.wiped, one.missedPulses, one.timedOut].map(figure),
      ...latencyCells(one.latency),
    ]);
  const wakerHead = [
    ...['Woken thread', 'Activated by', 'Through'].map(cell),
    { text: 'Wakes', number: true },
    ...LATENCY_HEAD,
  ];
  const wakers = statistics.wakers
    .slice(0, MAX_ROWS)
    .map(({ waker, woken, object, latency }) => [
      ...[view.thread(woken)?.head.label, view.thread(waker)?.head.label, columns.objects[object]?.label].map((text) =>
        cell(text ?? 'unknown'),
      ),
      figure(latency.count),
      ...latencyCells(latency),
    ]);
  const left = objects.length - rows.length + statistics.wakers.length - wakers.length;
  host.replaceChildren(
    titled('p', `${exactNs(range.from)} to ${exactNs(range.until)}: ${duration(range.until - range.from)}`),
    titled('h2', 'Signals and waits by object'),
    ...tableOf(head, rows, copy),
    titled('h2', 'Waiting: activated by'),
    ...tableOf(wakerHead, wakers, copy),
    ...(left > 0 ? [titled('p', `${counted(left, 'row')} with less left out`)] : []),
    ...histogramOf(statistics.histogram),
  );
}

/** Bars by powers of two, with the same as words for who does not see them. */
function histogramOf(bins: readonly HistogramBin[]): HTMLElement[] {
  if (bins.length === 0) return [titled('p', 'No wait in this range was released by a known signal.')];
  const most = Math.max(...bins.map(({ count }) => count));
  const bars = document.createElement('div');
  bars.className = 'bars';
  bars.setAttribute('role', 'img');
  bars.setAttribute(
    'aria-label',
    `Latencies: ${bins.map(({ from, until, count }) => `${count} from ${duration(from)} to ${duration(until)}`).join(', ')}`,
  );
  const axis = document.createElement('div');
  axis.className = 'axis';
  for (const { from, until, count } of bins) {
    const bar = document.createElement('i');
    bar.style.height = `${Math.ceil((count / most) * 60)}px`;
    bar.title = `${duration(from)} to ${duration(until)}: ${count}`;
    bars.append(bar);
    const label = document.createElement('span');
    label.textContent = duration(from).replace(/\..*? /, '');
    axis.append(label);
  }
  return [titled('h2', 'Latency, from the signal to the return of the wait'), bars, axis];
}

/** The differences of two runs; `host` gets a choice of the two. */
export function fillComparison(host: HTMLElement, view: ViewIndex, pair: readonly [number, number], copy: Copy): void {
  const { columns, index } = view.data;
  const choose = (at: 0 | 1, words: string): HTMLElement => {
    const select = document.createElement('select');
    select.setAttribute('aria-label', words);
    select.append(
      ...columns.runs.map(({ label }, run) => new Option(label, String(run), run === pair[at], run === pair[at])),
    );
    select.addEventListener('change', () => {
      const run = Number(select.value);
      fillComparison(host, view, at === 0 ? [run, pair[1]] : [pair[0], run], copy);
    });
    return select;
  };
  const figures: readonly (readonly [string, (of: ObjectStatistics) => number | undefined, boolean])[] = [
    ['Signals', ({ signals }) => signals, false],
    ['Taken', ({ taken }) => taken, false],
    ['Coalesced', ({ coalesced }) => coalesced, false],
    ['Wiped', ({ wiped }) => wiped, false],
    ['Timed out', ({ timedOut }) => timedOut, false],
    ['p50', ({ latency }) => latency?.p50, true],
    ['p99', ({ latency }) => latency?.p99, true],
  ];
  const head = [cell('Object'), ...figures.map(([text]) => ({ text, number: true }))];
  const rows = compareRuns(columns, index, pair[0], pair[1])
    .filter(({ before, after }) => hasFigures(before) || hasFigures(after))
    .slice(0, MAX_ROWS)
    .map(({ label, before, after }: Difference) => [
      cell(label),
      ...figures.map(([, of, isSpan]) => differenceCell(before && of(before), after && of(after), isSpan)),
    ]);
  host.replaceChildren(choose(0, 'First run'), choose(1, 'Second run'), ...tableOf(head, rows, copy));
}

/** "3 -> 5 (+2)"; spans by their ratio. A change of less than a tenth of a latency is none. */
export function differenceCell(before: number | undefined, after: number | undefined, isSpan: boolean): Cell {
  const text = (value: number | undefined): string =>
    value === undefined ? '-' : isSpan ? duration(value) : String(value);
  if (before === after) return figure(text(before));
  const known = before !== undefined && after !== undefined;
  const change = !known
    ? ''
    : isSpan
      ? ` (${before === 0 ? 'new' : `${((after / before - 1) * 100).toFixed(0)} %`})`
      : ` (${after > before ? '+' : ''}${after - before})`;
  const changed = !known || !isSpan || Math.abs(after - before) > before / 10;
  return { text: `${text(before)} \u2192 ${text(after)}${change}`, number: true, changed };
}
