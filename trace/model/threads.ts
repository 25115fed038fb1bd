/** Threads by (process, thread), named when they say so. */
import type { RecordingSource, Side } from '../recording.js';
import { Flag, Kind, type RecordTable } from './records.js';

export interface Thread {
  readonly id: number;
  readonly side: Side;
  /** Ordinal of the source that recorded it first. */
  readonly source: number;
  readonly process: number;
  readonly thread: number;
  readonly name: string | undefined;
  /** It was seen to run timers' procedures and nothing that a thread does on its own: a borrowed context. */
  readonly deferred: boolean;
}

export interface Threads {
  readonly list: readonly Thread[];
  /** Thread ordinal by record. */
  readonly of: Uint32Array;
}

/** What a deferred procedure may do as well; all else needs a thread. */
const IN_PROCEDURES: ReadonlySet<number> = new Set([
  ...[Kind.Set, Kind.Reset, Kind.Pulse, Kind.Release, Kind.Complete, Kind.TimerSet, Kind.TimerCancel],
  ...[Kind.Dereference, Kind.Calibration, Kind.Module],
]);

export function collectThreads(records: RecordTable, sources: readonly RecordingSource[]): Threads {
  const ids = new Map<number, number>();
  const list: { -readonly [K in keyof Thread]: Thread[K] }[] = [];
  const expired: boolean[] = [];
  const own: boolean[] = [];
  const of = new Uint32Array(records.count);
  // Records of a ring lie together, and a ring is mostly of one thread.
  let lastKey = -1;
  let lastId = -1;
  for (let record = 0; record < records.count; record += 1) {
    const source = records.source[record] ?? 0;
    const process = records.process[record] ?? 0;
    const thread = records.thread[record] ?? 0;
    // A thread id belongs to one process; a driver records for whichever process it runs in. Exact below 2^53.
    const key = (source * 0x20_0000 + (thread >>> 11)) * 0x800 + (thread & 0x7ff);
    let id = key === lastKey ? lastId : ids.get(key);
    if (id === undefined) {
      id = list.length;
      ids.set(key, id);
      const side = sources[source]?.side ?? 'user';
      list.push({ id, side, source, process, thread, name: undefined, deferred: false });
      expired.push(false);
      own.push(false);
    }
    lastKey = key;
    lastId = id;
    of[record] = id;
    const entry = list[id];
    if (entry === undefined) continue;
    if (records.kind[record] === Kind.ThreadName) entry.name = records.text.get(record);
    const kind = records.kind[record] ?? 0;
    if (kind === Kind.TimerExpire || ((records.flags[record] ?? 0) & Flag.Dpc) !== 0) expired[id] = true;
    else if (!IN_PROCEDURES.has(kind)) own[id] = true;
  }
  list.forEach((entry, id) => (entry.deferred = expired[id] === true && own[id] !== true));
  return { list, of };
}
