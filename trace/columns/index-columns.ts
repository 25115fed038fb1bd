/** What drawing and looking up need besides the columns, made once, off the main thread: mip-maps, sums, edges by signal. */
import { State } from '../model/transitions.js';
import type { EdgeColumns, TimelineColumns } from './columns.js';
import { MaskPyramid, TimeSums, densityOf } from './mip-map.js';

/** Stretches of the mini-map: finer than any screen is wide. */
export const DENSITY_BINS = 4_096;

/** Typed arrays alone, to be handed from thread to thread. */
export interface ColumnIndex {
  /** Levels of the masks of transitions' kinds, and of waits' outcomes. */
  readonly kinds: readonly Uint32Array[];
  readonly outcomes: readonly Uint32Array[];
  /** ns signaled before every 16th transition; ns waited before every 16th wait. */
  readonly signaled: Float64Array;
  readonly waited: Float64Array;
  /** Edges by the row of their signal, or of each candidate: `signalRow` ascends, `signalEdge` beside it. */
  readonly signalRow: Uint32Array;
  readonly signalEdge: Uint32Array;
  readonly density: Uint32Array;
}

/** ns that the object is signaled from this row to the next of its lane; 0 behind the last. */
export const signaledAfter =
  ({ time, state, first }: TimelineColumns['transitions'], isLast: (row: number) => boolean) =>
  (row: number): number =>
    state[row] !== State.Signaled || isLast(row) || first.length === 0 ? 0 : (time[row + 1] ?? 0) - (time[row] ?? 0);

/** Rows that are the last of their lane, as bits. */
export function lastRows(first: Uint32Array, rows: number): Uint8Array {
  const last = new Uint8Array(rows);
  for (const at of first) if (at > 0) last[at - 1] = 1;
  return last;
}

export function indexColumns(columns: TimelineColumns): ColumnIndex {
  const { transitions, waits, end } = columns;
  const rows = transitions.time.length;
  const last = lastRows(transitions.first, rows);
  const signaled = TimeSums.of(
    rows,
    signaledAfter(transitions, (row) => last[row] === 1),
  );
  return {
    kinds: MaskPyramid.of(transitions.what).levels,
    outcomes: MaskPyramid.of(waits.outcome).levels,
    signaled: signaled.sums,
    waited: TimeSums.of(waits.begin.length, (row) => (waits.end[row] ?? 0) - (waits.begin[row] ?? 0)).sums,
    ...edgesBySignal(columns.edges, rows),
    density: densityOf(transitions.time, end, DENSITY_BINS),
  };
}

export const buffersOfIndex = ({ kinds, outcomes, ...others }: ColumnIndex): ArrayBuffer[] =>
  [...kinds, ...outcomes, ...Object.values(others)].map(({ buffer }) => buffer as ArrayBuffer);

export type EdgeIndex = Pick<ColumnIndex, 'signalRow' | 'signalEdge'>;

/** A counting sort over the rows of transitions, of which there are `rows`. */
export function edgesBySignal({ signal, firstCandidate, candidates }: EdgeColumns, rows: number): EdgeIndex {
  const place = new Uint32Array(rows + 1);
  for (let edge = 0; edge < signal.length; edge += 1) {
    const row = signal[edge] ?? -1;
    if (row >= 0) place[row + 1] = (place[row + 1] ?? 0) + 1;
  }
  for (const row of candidates) place[row + 1] = (place[row + 1] ?? 0) + 1;
  for (let row = 1; row < place.length; row += 1) place[row] = (place[row] ?? 0) + (place[row - 1] ?? 0);
  const count = place.at(-1) ?? 0;
  const signalRow = new Uint32Array(count);
  const signalEdge = new Uint32Array(count);
  const add = (row: number, edge: number): void => {
    const at = place[row] ?? 0;
    signalRow[at] = row;
    signalEdge[at] = edge;
    place[row] = at + 1;
  };
  for (let edge = 0; edge < signal.length; edge += 1) {
    const row = signal[edge] ?? -1;
    if (row >= 0) add(row, edge);
    const until = firstCandidate[edge + 1] ?? 0;
    for (let at = firstCandidate[edge] ?? 0; at < until; at += 1) add(candidates[at] ?? 0, edge);
  }
  return { signalRow, signalEdge };
}
