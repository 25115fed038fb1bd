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
const IN_PROCEDURES = new Uint8Array(256);
for (const kind of [
  ...[Kind.Set, Kind.Reset, Kind.Pulse, Kind.Release, Kind.Complete, Kind.TimerSet, Kind.TimerCancel],
  ...[Kind.Dereference, Kind.Calibration, Kind.Module],
])
  IN_PROCEDURES[kind] = 1;

export function collectThreads(records: RecordTable, sources: readonly RecordingSource[]): Threads {
  const ids = new Map<number, number>();
  const list: { -readonly [K in keyof Thread]: Thread[K] }[] = [];
  // By thread: EXPIRED, OWN.
  const did: number[] = [];
  const of = new Uint32Array(records.count);
  // Records of a ring lie together, and a ring is mostly of one thread.
  let lastSource = -1;
  let lastThread = -1;
  let id = -1;
  for (let record = 0; record < records.count; record += 1) {
    const source = records.source[record] ?? 0;
    const thread = records.thread[record] ?? 0;
    if (thread !== lastThread || source !== lastSource) {
      // A thread id belongs to one process; a driver records for whichever process it runs in. Exact below 2^53.
      const key = (source * 0x20_0000 + (thread >>> 11)) * 0x800 + (thread & 0x7ff);
      id = ids.get(key) ?? -1;
      if (id < 0) {
        id = list.length;
        ids.set(key, id);
        const side = sources[source]?.side ?? 'user';
        list.push({
          id,
          side,
          source,
          process: records.process[record] ?? 0,
          thread,
          name: undefined,
          deferred: false,
        });
        did.push(0);
      }
      lastSource = source;
      lastThread = thread;
    }
    of[record] = id;
    const kind = records.kind[record] ?? 0;
    const told = (did[id] ?? 0) | whatItTells(kind, records.flags[record] ?? 0);
    if (told !== did[id]) did[id] = told;
    if (kind === Kind.ThreadName) nameThread(list[id], records.text.get(record));
  }
  list.forEach((entry, at) => (entry.deferred = did[at] === EXPIRED));
  return { list, of };
}

/** What a thread did: a timer's procedure, what needs a thread of its own. */
export const EXPIRED = 1;
const OWN = 2;

export const whatItTells = (kind: number, flags: number): number =>
  kind === Kind.TimerExpire || (flags & Flag.Dpc) !== 0 ? EXPIRED : IN_PROCEDURES[kind] === 1 ? 0 : OWN;

function nameThread(thread: { name: string | undefined } | undefined, name: string | undefined): void {
  if (thread !== undefined) thread.name = name;
}
