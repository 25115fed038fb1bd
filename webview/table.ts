/** The table twin of the drawing: for screen readers and for copying. */
import { TRANSITION_WORDS } from '../trace/model/transitions.js';
import { describeEdge, edgesOf } from './describe.js';
import { exactNs } from './time-scale.js';
import type { ViewData } from './view-data.js';

const MAX_ROWS = 2_000;

/** Transitions between two times, in order; at most 2,000, and says how many it leaves out. */
export function fillTable(host: HTMLElement, data: ViewData, from: number, until: number): void {
  const rows = data.objects
    .flatMap((lane) => lane.time.map((time, index) => ({ time, index, lane })))
    .filter(({ time }) => time >= from && time <= until)
    .sort((a, b) => a.time - b.time);
  const table = document.createElement('table');
  const head = table.createTHead().insertRow();
  for (const title of ['Time', 'Object', 'Transition', 'By', 'Effect']) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = title;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const { time, index, lane } of rows.slice(0, MAX_ROWS)) {
    const row = body.insertRow();
    const edges = edgesOf(data, { lane: 'object', id: lane.id, index });
    const cells = [
      exactNs(time),
      lane.label,
      TRANSITION_WORDS[lane.what[index] ?? 0] ?? '',
      data.threads.find(({ id }) => id === lane.thread[index])?.label ?? '',
      edges
        .slice(0, 4)
        .map((edge) => describeEdge(data, edge))
        .join('; '),
    ];
    cells.forEach((text, column) => {
      const cell = row.insertCell();
      cell.textContent = text;
      if (column === 0) cell.className = 'number';
    });
  }
  host.replaceChildren(table);
  if (rows.length > MAX_ROWS) {
    const note = document.createElement('p');
    note.textContent = `${rows.length - MAX_ROWS} more in this range: zoom in to see them.`;
    host.append(note);
  }
}
