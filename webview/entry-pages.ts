/** Transitions and waits of many lanes merged by time, as many as are asked for. */
import { lowerBound } from '../trace/columns/columns.js';
import type { ObjectLane, ThreadLane } from './view-data.js';

export const ROWS_PER_PAGE = 200;

type AnyLane = ObjectLane | ThreadLane;

/** A transition of an object, or a wait of a thread. */
export interface TableRow {
  readonly lane: AnyLane;
  readonly index: number;
}

interface Place {
  readonly lane: AnyLane;
  readonly times: Float64Array;
  at: number;
  readonly until: number;
}

/** Of a wait its beginning. */
export const timesOf = (lane: AnyLane): Float64Array => (lane.type === 'object' ? lane.time : lane.begin);

const nextTime = ({ times, at }: Place): number => times[at] ?? Infinity;

/** What happened on lanes between two times, in order, a page at a time. */
export class EntryPages {
  /** A heap by the time of what comes next of each. */
  readonly #places: Place[];
  #left: number;

  constructor(lanes: readonly AnyLane[], from: number, until: number) {
    this.#places = lanes
      .map((lane) => {
        const times = timesOf(lane);
        return { lane, times, at: lowerBound(times, from), until: lowerBound(times, until) };
      })
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
