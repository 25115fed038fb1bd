/** Records of a part that the next model is made of. */
import { lowerBound } from '../columns/columns.js';
import type { TraceModel } from '../model/model.js';
import { Kind } from '../model/records.js';
import { Outcome } from '../model/waits.js';
import { usesPlace } from './quiet-moments.js';
import type { Settled, ThreadLane } from './settled.js';

export interface PlacedModel {
  readonly settled: Settled;
  readonly model: TraceModel;
  /** The model's records by index among all. */
  readonly rows: Uint32Array;
  /** Lane by object and by thread of the model. */
  readonly objects: Int32Array;
  readonly threads: Int32Array;
}

/** What is not settled, and all that tells what names mean, by index among all. The lanes keep from when until when the others were recorded. */
export function rowsToKeep(part: PlacedModel): Uint32Array<ArrayBuffer> {
  const { records } = part.model;
  const kept = new Uint8Array(records.count);
  const from = (object: number): number => part.settled.objects[part.objects[object] ?? -1]?.from ?? -Infinity;
  keepSignals(part, from, kept);
  keepWaits(part, from, kept);
  const count = kept.reduce((sum, one) => sum + one, 0);
  const rows = new Uint32Array(count);
  let at = 0;
  for (let record = 0; record < kept.length; record += 1) {
    if (kept[record] === 1) rows[at++] = part.rows[record] ?? record;
    else leaveOut(part, record);
  }
  return rows;
}

/** And everything else that is no wait. */
function keepSignals({ model }: PlacedModel, from: (object: number) => number, kept: Uint8Array): void {
  const { records, objectOf } = model;
  for (let record = 0; record < records.count; record += 1) {
    const kind = records.kind[record] ?? 0;
    if (kind === Kind.WaitBegin || kind === Kind.WaitEnd) continue;
    const settles = kind === Kind.Set || kind === Kind.Reset || kind === Kind.Release;
    if (!settles || (records.time[record] ?? 0) >= from(objectOf[record] ?? -1)) kept[record] = 1;
  }
}

/** Waits that are open, name an object, or are one call with a signal that is kept. */
function keepWaits(part: PlacedModel, from: (object: number) => number, kept: Uint8Array): void {
  const { records, waits } = part.model;
  const signals = new Map(Array.from(records.waitOfSignal, ([signal, begin]) => [begin, signal]));
  const namers = new Set(part.settled.objects.map(({ namer }) => lowerBound(part.rows, namer.record)));
  for (let wait = 0; wait < waits.count; wait += 1) {
    const [begin, end] = [waits.beginRecord[wait] ?? -1, waits.endRecord[wait] ?? -1];
    const signal = signals.get(begin) ?? -1;
    const names = namers.has(begin) || namers.has(end);
    if (!names && kept[signal] !== 1 && !isOpen(part, wait, from)) continue;
    if (begin >= 0) kept[begin] = 1;
    if (end >= 0) kept[end] = 1;
  }
}

function leaveOut(part: PlacedModel, record: number): void {
  const { records, threadOf } = part.model;
  const lane = laneOf(part, threadOf[record] ?? 0);
  if (lane === undefined) return;
  const time = records.time[record] ?? 0;
  // Of the end of a wait it is the time before it.
  const took = records.kind[record] === Kind.WaitEnd ? 0 : (records.duration[record] ?? 0);
  lane.first = Math.min(lane.first, time);
  lane.last = Math.max(lane.last, time + took);
}

const laneOf = ({ settled, threads }: PlacedModel, thread: number): ThreadLane | undefined =>
  settled.threads[threads[thread] ?? 0];

/** Its thread has not settled it, or one of the objects that it has to do with has not. */
function isOpen(part: PlacedModel, wait: number, from: (object: number) => number): boolean {
  const { waits, waitObjects } = part.model;
  const lane = laneOf(part, waits.thread[wait] ?? 0);
  const end = waits.end[wait] ?? Infinity;
  const count = waits.objectCount[wait] ?? 0;
  const outcome = waits.outcome[wait] ?? 0;
  const index = waits.index[wait] ?? -1;
  if (lane === undefined || (waits.begin[wait] ?? 0) >= lane.from) return true;
  // It may have taken from any.
  if (waits.beginRecord[wait] === -1 || (count === 0 && outcome === Outcome.Satisfied)) return true;
  for (let place = 0; place < count; place += 1) {
    if (!usesPlace(outcome, waits.all[wait] === 1, index, place)) continue;
    if (end >= from(waitObjects[(waits.first[wait] ?? 0) + place] ?? -1)) return true;
  }
  return false;
}
