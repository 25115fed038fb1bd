/** Transitions of many lanes merged by time, as many as are asked for. */
import { lowerBound } from '../trace/columns/columns.js';
import type { ObjectLane } from './view-data.js';

export const ROWS_PER_PAGE = 200;

export interface TableRow {
  readonly lane: ObjectLane;
  readonly index: number;
}

interface Place {
  readonly lane: ObjectLane;
  at: number;
  readonly until: number;
}

const nextTime = ({ lane, at }: Place): number => lane.time[at] ?? Infinity;

/** Transitions of all objects between two times, in order, a page at a time. */
export class TransitionPages {
  /** A heap by the time of what comes next of each. */
  readonly #places: Place[];
  #left: number;

  constructor(objects: readonly ObjectLane[], from: number, until: number) {
    this.#places = objects
      .map((lane) => ({ lane, at: lowerBound(lane.time, from), until: lowerBound(lane.time, until) }))
      .filter(({ at, until: end }) => at < end)
      .sort((a, b) => nextTime(a) - nextTime(b));
    this.#left = this.#places.reduce((sum, place) => sum + place.until - place.at, 0);
  }

  /** Not handed out yet. */
  get left(): number {
    return this.#left;
  }

  next(count = ROWS_PER_PAGE): TableRow[] {
    const rows: TableRow[] = [];
    for (let first = this.#places[0]; first !== undefined && rows.length < count; first = this.#places[0]) {
      rows.push({ lane: first.lane, index: first.at });
      first.at += 1;
      this.#left -= 1;
      if (first.at >= first.until) {
        const last = this.#places.pop();
        if (last !== undefined && this.#places.length > 0) this.#places[0] = last;
      }
      this.#sink();
    }
    return rows;
  }

  /** Moves the first place down to where it belongs. */
  #sink(): void {
    const heap = this.#places;
    for (let at = 0; ;) {
      const place = heap[at];
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (place === undefined || left === undefined) return;
      const smaller = right !== undefined && nextTime(right) < nextTime(left) ? 2 * at + 2 : 2 * at + 1;
      const child = heap[smaller];
      if (child === undefined || nextTime(place) <= nextTime(child)) return;
      heap[at] = child;
      heap[smaller] = place;
      at = smaller;
    }
  }
}
