/** The table twin of the drawing: for screen readers and for copying. Rows are made page by page, as they are asked for. */
import { TRANSITION_WORDS } from '../trace/model/transitions.js';
import { describeEdge } from './describe.js';
import { lowerBound } from './search.js';
import { exactNs } from './time-scale.js';
import type { ObjectLane } from './view-data.js';
import type { ViewIndex } from './view-index.js';

export const ROWS_PER_PAGE = 200;

export interface TableRow {
  readonly lane: ObjectLane;
  readonly index: number;
}

/** Transitions of all objects between two times, in order, a page at a time. */
export class TransitionPages {
  readonly #places: { readonly lane: ObjectLane; at: number; readonly until: number }[];
  #left: number;

  constructor(objects: readonly ObjectLane[], from: number, until: number) {
    this.#places = objects
      .map((lane) => ({ lane, at: lowerBound(lane.time, from), until: lowerBound(lane.time, until) }))
      .filter(({ at, until: end }) => at < end);
    this.#left = this.#places.reduce((sum, place) => sum + place.until - place.at, 0);
  }

  /** Not handed out yet. */
  get left(): number {
    return this.#left;
  }

  next(count = ROWS_PER_PAGE): TableRow[] {
    const rows: TableRow[] = [];
    while (rows.length < count && this.#left > 0) {
      let first = this.#places[0];
      for (const place of this.#places) {
        if (place.at >= place.until) continue;
        const earlier = (place.lane.time[place.at] ?? 0) < (first?.lane.time[first.at] ?? 0);
        if (first === undefined || first.at >= first.until || earlier) first = place;
      }
      if (first === undefined) break;
      rows.push({ lane: first.lane, index: first.at });
      first.at += 1;
      this.#left -= 1;
    }
    return rows;
  }
}

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
