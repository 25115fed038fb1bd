/** Whether columns hold together: what a drawing may rely on without looking again. */
import { TRANSITION_WORDS } from '../model/transitions.js';
import { OUTCOME_WORDS } from '../model/waits.js';
import { EVIDENCE_WORDS } from '../model/wakes.js';
import type { Column, TimelineColumns } from './columns.js';

/** What is wrong, in words; undefined when nothing is. */
export function checkRows(columns: TimelineColumns): string | undefined {
  const { objects, threads, callers, transitions, waits, calls, edges } = columns;
  const rows = transitions.time.length;
  const waitCount = waits.begin.length;
  const edgeCount = edges.wait.length;
  return (
    checkFirst('transitions', transitions.first, objects.length, rows) ??
    checkFirst('waits', waits.first, threads.length, waitCount) ??
    checkFirst('calls', calls.first, threads.length, calls.time.length) ??
    checkFirst('candidates', edges.firstCandidate, edgeCount, edges.candidates.length) ??
    sameLength('transitions', transitions, rows, ['first']) ??
    sameLength('waits', waits, waitCount, ['first']) ??
    sameLength('edges', edges, edgeCount, ['firstCandidate', 'candidates']) ??
    ascending('transitions.time', transitions.time, transitions.first) ??
    ascending('waits.begin', waits.begin, waits.first) ??
    ascending('calls.time', calls.time, calls.first) ??
    ascending('edges.wait', edges.wait, undefined) ??
    inRange('transitions.what', transitions.what, 0, TRANSITION_WORDS.length) ??
    inRange('transitions.state', transitions.state, 0, 3) ??
    inRange('transitions.thread', transitions.thread, -1, threads.length) ??
    inRange('transitions.caller', transitions.caller, -1, callers.length) ??
    inRange('transitions.wait', transitions.wait, -1, waitCount) ??
    inRange('waits.outcome', waits.outcome, 0, OUTCOME_WORDS.length) ??
    inRange('waits.object', waits.object, -1, objects.length) ??
    inRange('waits.caller', waits.caller, -1, callers.length) ??
    notBefore('waits.end', waits.end, waits.begin) ??
    inRange('edges.wait', edges.wait, 0, waitCount) ??
    inRange('edges.object', edges.object, -1, objects.length) ??
    inRange('edges.signal', edges.signal, -1, rows) ??
    inRange('edges.evidence', edges.evidence, 0, EVIDENCE_WORDS.length) ??
    inRange('edges.meeting', edges.meeting, 0, 3) ??
    inRange('edges.candidates', edges.candidates, 0, rows) ??
    inRange(
      'gaps.source',
      columns.gaps.map(({ source }) => source),
      -1,
      65_536,
    )
  );
}

function checkFirst(name: string, first: Uint32Array, lanes: number, rows: number): string | undefined {
  if (first.length !== lanes + 1) return `${name}: ${first.length} beginnings for ${lanes} lanes`;
  let before = 0;
  for (const at of first) {
    if (at < before) return `${name}: a lane begins before the one above it`;
    before = at;
  }
  return first[0] === 0 && before === rows ? undefined : `${name}: lanes for ${before} of ${rows} rows`;
}

function sameLength(name: string, table: object, rows: number, but: readonly string[]): string | undefined {
  for (const [column, { length }] of Object.entries(table as Record<string, Column>)) {
    if (!but.includes(column) && length !== rows) return `${name}.${column}: ${length} entries for ${rows} rows`;
  }
  return undefined;
}

/** Within each lane; NaN ascends nowhere. */
function ascending(
  name: string,
  values: Float64Array | Uint32Array,
  first: Uint32Array | undefined,
): string | undefined {
  const lanes = first === undefined ? 1 : first.length - 1;
  for (let lane = 0; lane < lanes; lane += 1) {
    const until = first?.[lane + 1] ?? values.length;
    let before = -Infinity;
    for (let row = first?.[lane] ?? 0; row < until; row += 1) {
      const value = values[row] ?? NaN;
      if (!(value >= before && value < Infinity)) return `${name}: row ${row} is out of order`;
      before = value;
    }
  }
  return undefined;
}

function notBefore(name: string, ends: Float64Array, begins: Float64Array): string | undefined {
  for (let row = 0; row < ends.length; row += 1) {
    if (!((ends[row] ?? NaN) >= (begins[row] ?? NaN) && (ends[row] ?? NaN) < Infinity))
      return `${name}: row ${row} ends before it begins`;
  }
  return undefined;
}

function inRange(name: string, values: ArrayLike<number>, from: number, until: number): string | undefined {
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? NaN;
    if (!(value >= from && value < until)) return `${name}: row ${row} is ${value}`;
  }
  return undefined;
}
