/** Looking up: lanes by their place, wake edges by their two ends. */
import { lowerBound } from '../trace/columns/columns.js';
import { keyOfTransition, keyOfWait, transitionOfKey, waitOfKey, type RowKey } from '../trace/columns/row-keys.js';
import { HeldTime } from '../trace/model/held-time.js';
import { Transition } from '../trace/model/transitions.js';
import type { ObjectLane, ThreadLane, ViewData } from './view-data.js';

export interface LaneKey {
  readonly lane: 'object' | 'thread';
  /** Position among the objects or the threads. */
  readonly at: number;
}

export interface Selection extends LaneKey {
  /** Entry of the object's transitions, or of the thread's waits. */
  readonly index: number;
}

/** A selection that holds in another picture of the same recordings. */
export interface LastingSelection extends RowKey {
  readonly lane: 'object' | 'thread';
}

export const sameLane = (a: LaneKey | undefined, b: LaneKey | undefined): boolean =>
  a !== undefined && b !== undefined && a.lane === b.lane && a.at === b.at;

const NO_TIMES = new Float64Array();

export class ViewIndex {
  /** When a debugger held the target. */
  readonly held: HeldTime;

  constructor(readonly data: ViewData) {
    this.held = new HeldTime(data.columns.stops);
  }

  object(at: number | undefined): ObjectLane | undefined {
    return at === undefined ? undefined : this.data.objects[at];
  }

  thread(at: number | undefined): ThreadLane | undefined {
    return at === undefined ? undefined : this.data.threads[at];
  }

  /** Times of a lane: of an object's transitions, or the beginnings of a thread's waits. */
  times({ lane, at }: LaneKey): Float64Array {
    return (lane === 'object' ? this.object(at)?.time : this.thread(at)?.begin) ?? NO_TIMES;
  }

  /** Where a selection is, ns. */
  momentOf(selection: Selection): number {
    return this.times(selection)[selection.index] ?? 0;
  }

  /** What names a selection however its lane and its entry move; undefined when it is no entry. */
  lasting(selection: Selection): LastingSelection | undefined {
    const lane = selection.lane === 'object' ? this.object(selection.at) : this.thread(selection.at);
    if (lane === undefined || selection.index >= lane.count) return undefined;
    const key = (selection.lane === 'object' ? keyOfTransition : keyOfWait)(
      this.data.columns,
      lane.base + selection.index,
    );
    return { lane: selection.lane, ...key };
  }

  /** Where what was named so is now; undefined when it is not there (any more, or yet). */
  found(lasting: LastingSelection): Selection | undefined {
    const isObject = lasting.lane === 'object';
    const row = (isObject ? transitionOfKey : waitOfKey)(this.data.columns, lasting);
    if (row < 0) return undefined;
    return isObject ? this.transition(row) : this.wait(row);
  }

  /** Edges that belong to a transition or a wait: a signal's to the waits that it released, a wait's from its signals. */
  edgesOf(selection: Selection | undefined): readonly number[] {
    if (selection === undefined) return [];
    const { columns } = this.data;
    if (selection.lane === 'thread') {
      const lane = this.thread(selection.at);
      return lane === undefined || selection.index >= lane.count ? [] : this.edgesOfWait(lane.base + selection.index);
    }
    const lane = this.object(selection.at);
    if (lane === undefined || selection.index >= lane.count) return [];
    const row = lane.base + selection.index;
    if (lane.what[selection.index] !== Transition.Take) return this.#edgesOfSignal(row);
    const wait = columns.transitions.wait[row] ?? -1;
    return wait < 0 ? [] : this.edgesOfWait(wait).filter((edge) => columns.edges.object[edge] === selection.at);
  }

  /** `row` of the waits. */
  edgesOfWait(row: number): readonly number[] {
    const { wait } = this.data.columns.edges;
    const found: number[] = [];
    for (let edge = lowerBound(wait, row); wait[edge] === row; edge += 1) found.push(edge);
    return found;
  }

  #edgesOfSignal(row: number): readonly number[] {
    const { signalRow, signalEdge } = this.data.index;
    const found: number[] = [];
    for (let at = lowerBound(signalRow, row); signalRow[at] === row && found.length < MAX_EDGES; at += 1) {
      found.push(signalEdge[at] ?? 0);
    }
    return found;
  }

  /** The wait that an edge ends at. */
  waitOf(edge: number): Selection {
    return this.wait(this.data.columns.edges.wait[edge] ?? 0);
  }

  wait(row: number): Selection {
    const at = this.data.summary.threadOfWait(row);
    return { lane: 'thread', at, index: row - (this.thread(at)?.base ?? 0) };
  }

  /** The signal that an edge begins at; undefined where it is not one transition. */
  signalOf(edge: number): Selection | undefined {
    const row = this.data.columns.edges.signal[edge] ?? -1;
    return row < 0 ? undefined : this.transition(row);
  }

  /** Signals that can have done it, of an ambiguous edge. */
  candidatesOf(edge: number): readonly Selection[] {
    const { firstCandidate, candidates } = this.data.columns.edges;
    return [...candidates.subarray(firstCandidate[edge], firstCandidate[edge + 1])].map((row) => this.transition(row));
  }

  transition(row: number): Selection {
    const at = this.data.summary.objectOfRow(row);
    return { lane: 'object', at, index: row - (this.object(at)?.base ?? 0) };
  }
}

/** A notification event may release thousands; more is no picture. */
const MAX_EDGES = 256;

/** The entry of a lane at or behind a time, the last one when all are before; undefined when it has none. */
export function atOrBehind(view: ViewIndex, lane: LaneKey, time: number): Selection | undefined {
  const times = view.times(lane);
  if (times.length === 0) return undefined;
  return { lane: lane.lane, at: lane.at, index: Math.min(lowerBound(times, time), times.length - 1) };
}
