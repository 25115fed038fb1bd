/** Wake edges of a model as columns. */
import type { DrawnModel } from '../model/model.js';
import { firstRows, type EdgeColumns, type WaitColumns } from './columns.js';

export interface WaitRows {
  readonly columns: WaitColumns;
  /** Wait of the model by row. */
  readonly order: Uint32Array;
  /** Row by wait of the model. */
  readonly rowOf: Uint32Array;
}

/** In order of the rows of their waits; edges of one wait lie together, and keep their order. */
export function edgeColumns({ wakes }: DrawnModel, waits: WaitRows, rowOf: Int32Array): EdgeColumns {
  const { count } = wakes;
  const place = firstRows(waits.order.length, count, (edge) => waits.rowOf[wakes.wait[edge] ?? 0] ?? 0);
  const edges = {
    ...{ wait: new Uint32Array(count), object: new Int32Array(count), signal: new Int32Array(count) },
    ...{ evidence: new Uint8Array(count), meeting: new Uint8Array(count), latency: new Float64Array(count) },
  };
  const anyCandidates = wakes.candidates.length > 0;
  const edgeAt = new Uint32Array(anyCandidates ? count : 0);
  for (let edge = 0; edge < count; edge += 1) {
    const row = waits.rowOf[wakes.wait[edge] ?? 0] ?? 0;
    const at = place[row] ?? 0;
    place[row] = at + 1;
    const signal = wakes.signal[edge] ?? -1;
    edges.wait[at] = row;
    edges.object[at] = wakes.object[edge] ?? -1;
    edges.signal[at] = signal < 0 ? -1 : (rowOf[signal] ?? -1);
    edges.evidence[at] = wakes.evidence[edge] ?? 0;
    edges.meeting[at] = wakes.meeting[edge] ?? 0;
    edges.latency[at] = wakes.latency[edge] ?? NaN;
    if (anyCandidates) edgeAt[at] = edge;
  }
  return { ...edges, ...candidateColumns(wakes, rowOf, edgeAt) };
}

/** `edgeAt`: edge by row; empty when none has candidates. */
function candidateColumns(
  wakes: DrawnModel['wakes'],
  rowOf: Int32Array,
  edgeAt: Uint32Array,
): Pick<EdgeColumns, 'firstCandidate' | 'candidates'> {
  const firstCandidate = new Uint32Array(wakes.count + 1);
  const candidates = new Int32Array(wakes.candidates.length);
  let count = 0;
  for (let at = 0; at < edgeAt.length; at += 1) {
    const edge = edgeAt[at] ?? 0;
    firstCandidate[at] = count;
    const until = wakes.firstCandidate[edge + 1] ?? 0;
    for (let one = wakes.firstCandidate[edge] ?? 0; one < until; one += 1) {
      const row = rowOf[wakes.candidates[one] ?? -1] ?? -1;
      if (row >= 0) candidates[count++] = row;
    }
  }
  firstCandidate[wakes.count] = count;
  return { firstCandidate, candidates: candidates.slice(0, count) };
}
