/** The table twin of the drawing: for screen readers and for copying. Rows are made page by page, as they are asked for. */
import { TRANSITION_WORDS } from '../trace/model/transitions.js';
import { describeEdge } from './describe.js';
import { exactNs } from './time-scale.js';
import { ROWS_PER_PAGE, TransitionPages, type TableRow } from './transition-pages.js';
import type { ViewIndex } from './view-index.js';

/** Fills `host` with the first page of [from, until), and a button for the next. */
export function fillTable(host: HTMLElement, view: ViewIndex, from: number, until: number): void {
  const pages = new TransitionPages(view.data.objects, from, until);
  const table = document.createElement('table');
  const head = table.createTHead().insertRow();
  for (const title of ['Time', 'Object', 'Transition', 'By', 'Effect']) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = title;
    head.append(cell);
  }
  const body = table.createTBody();
  const more = document.createElement('button');
  more.type = 'button';
  const add = (): void => {
    for (const row of pages.next()) addRow(body, view, row);
    more.hidden = pages.left === 0;
    more.textContent = `Show ${Math.min(pages.left, ROWS_PER_PAGE)} more (of ${pages.left} in this range; zoom in for fewer)`;
  };
  more.addEventListener('click', add);
  add();
  host.replaceChildren(table, more);
}

function addRow(body: HTMLTableSectionElement, view: ViewIndex, { lane, index }: TableRow): void {
  const row = body.insertRow();
  const cells = [
    exactNs(lane.time[index] ?? 0),
    lane.label,
    TRANSITION_WORDS[lane.what[index] ?? 0] ?? '',
    view.thread(lane.thread[index])?.label ?? '',
    view
      .edgesOf({ lane: 'object', id: lane.id, index })
      .slice(0, 4)
      .map((edge) => describeEdge(view, edge))
      .join('; '),
  ];
  cells.forEach((text, column) => {
    const cell = row.insertCell();
    cell.textContent = text;
    if (column === 0) cell.className = 'number';
  });
}
