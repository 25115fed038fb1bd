/** The columns that records are read into, and those of some of them. */
import type { Gap, RecordTable } from './records.js';

export type RecordColumns = ReturnType<typeof allocateColumns>;

/** Room for so many records, all 0. */
export function allocateColumns(count: number) {
  return {
    source: new Uint8Array(count),
    ring: new Uint16Array(count),
    slot: new Uint32Array(count),
    kind: new Uint8Array(count),
    flags: new Uint8Array(count),
    previous: new Uint8Array(count),
    process: new Uint32Array(count),
    thread: new Uint32Array(count),
    status: new Uint32Array(count),
    object: new Uint32Array(count),
    caller: new Uint32Array(count),
    argument: new Uint32Array(count),
    time: new Float64Array(count),
    duration: new Float64Array(count),
    saturated: new Uint8Array(count),
  };
}

/** Copies what there is of each column into a larger one. */
export function copyColumns(from: RecordColumns, count: number, into: RecordColumns): void {
  for (const name of Object.keys(into) as (keyof RecordColumns)[]) into[name].set(from[name].subarray(0, count));
}

/** The table of some records of a table, by ascending index in it. `calibrations`: how many of the first ones make the clock. */
export function tableOfSome(all: RecordTable, rows: Uint32Array<ArrayBuffer>, calibrations: number): RecordTable {
  const chosen = allocateColumns(rows.length);
  for (const name of Object.keys(chosen) as (keyof RecordColumns)[]) gather(all[name], rows, chosen[name]);
  const ofKind = new Uint32Array(all.ofKind.length);
  for (const kind of chosen.kind) ofKind[kind] = (ofKind[kind] ?? 0) + 1;
  const place = (row: number): number => placeIn(rows, row);
  const placed = (list: readonly number[]): number[] => list.map(place).filter((at) => at >= 0);
  const waitOfSignal = known(all.waitOfSignal, rows);
  for (const [signal, begin] of waitOfSignal) {
    const at = place(begin);
    if (at < 0) waitOfSignal.delete(signal);
    else waitOfSignal.set(signal, at);
  }
  return {
    ...all,
    ...chosen,
    ...{ count: rows.length, ofKind, waitOfSignal, gaps: gapsAmong(all.gaps, place) },
    ...{ text: known(all.text, rows), lists: known(all.lists, rows) },
    ...{ calibrations: placed(all.calibrations.slice(0, calibrations)), modules: placed(all.modules) },
  };
}

/** A gap behind what is not among them is not either. */
const gapsAmong = (gaps: readonly Gap[], place: (row: number) => number): Gap[] =>
  gaps
    .filter(({ after }) => after < 0 || place(after) >= 0)
    .map((gap) => ({ ...gap, after: place(gap.after), before: place(gap.before) }));

function known<T>(map: ReadonlyMap<number, T>, rows: Uint32Array): Map<number, T> {
  const of = new Map<number, T>();
  for (let at = 0; map.size > 0 && at < rows.length; at += 1) {
    const value = map.get(rows[at] ?? 0);
    if (value !== undefined) of.set(at, value);
  }
  return of;
}

function gather(from: ArrayLike<number>, rows: Uint32Array, into: RecordColumns[keyof RecordColumns]): void {
  for (let at = 0; at < rows.length; at += 1) into[at] = from[rows[at] ?? 0] ?? 0;
}

/** Where a value stands among ascending ones, -1 when it does not. */
function placeIn(rows: Uint32Array, wanted: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return rows[low] === wanted ? low : -1;
}
