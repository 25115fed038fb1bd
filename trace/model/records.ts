/** What records are: their kinds and flags, the table that holds them, a column per field, and what of them is missing. */
import type { Words } from './words.js';

/** Kinds of records, as in eventscope_trace.h. */
export const Kind = {
  Calibration: 1,
  Set: 10,
  Pulse: 11,
  Reset: 12,
  Release: 13,
  Complete: 14,
  TimerSet: 20,
  TimerCancel: 21,
  TimerExpire: 22,
  WaitBegin: 30,
  WaitEnd: 31,
  Request: 32,
  Create: 40,
  Open: 41,
  Reference: 42,
  Dereference: 43,
  Duplicate: 44,
  Close: 45,
  Initialize: 46,
  Name: 60,
  ThreadName: 61,
  Module: 62,
  Note: 63,
} as const;

export const Flag = {
  Kernel: 0x01,
  Synchronization: 0x02,
  InitiallySet: 0x04,
  Existed: 0x08,
  WaitAll: 0x10,
  Alertable: 0x20,
  ObjectIsHandle: 0x40,
  Dpc: 0x80,
} as const;

/** What a Create or Initialize made (its argument), or an Open opened (the upper 32 bits of its argument). */
export const ObjectType = { Unknown: 0, Event: 1, Semaphore: 2, Mutant: 3, Timer: 4 } as const;

export const UNKNOWN_BYTE = 0xff;

/** A place where records are missing. Times are ns since the start of the recording. */
export interface Gap {
  /** Ordinal of the source in `Recording.sources`. */
  readonly source: number;
  /** -1: records of threads that found no ring, or a source as a whole. */
  readonly ring: number;
  /** How many are missing, as counted by `unit`. */
  readonly count: number;
  readonly unit: 'records' | 'slots';
  readonly reason: 'lost' | 'missing' | 'damaged' | 'dropped' | 'unringed';
  /** Records of the same ring around the gap; -1 where there is none. */
  readonly after: number;
  readonly before: number;
  /** Filled when times are known. */
  from: number;
  until: number;
}

/** In the order in which they came; those of one ring in their own order. */
export interface RecordTable {
  readonly count: number;
  readonly words: Words;
  /** Ordinal in `Recording.sources`. */
  readonly source: Uint8Array;
  readonly ring: Uint16Array;
  /** Index of the record's first slot in its ring, modulo 2^32. */
  readonly slot: Uint32Array;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly previous: Uint8Array;
  readonly process: Uint32Array;
  readonly thread: Uint32Array;
  readonly status: Uint32Array;
  /** Words ({@link Words}). */
  readonly object: Uint32Array;
  readonly caller: Uint32Array;
  readonly argument: Uint32Array;
  /**
   * Entry of the call, of a WaitEnd its return: first ticks since the source's base, later ns since the start of the
   * recording.
   */
  readonly time: Float64Array;
  /** Of a call; of a WaitEnd since the wait began; 0 for other points. In ticks first, later in ns. */
  readonly duration: Float64Array;
  /** The duration did not fit its field: it is at least this. */
  readonly saturated: Uint8Array;
  /** Text of the payload, by record. */
  readonly text: ReadonlyMap<number, string>;
  /** Objects of a WaitBegin that names more than one, by record. */
  readonly lists: ReadonlyMap<number, readonly number[]>;
  /** How many there are of each kind. */
  readonly ofKind: Uint32Array;
  /** Ticks of the first record that is no calibration, by source; Infinity without any. */
  readonly earliest: Float64Array;
  /** Calibrations and modules: few, and asked for again and again. */
  readonly calibrations: readonly number[];
  readonly modules: readonly number[];
  /** SignalObjectAndWait is one call with two records: the WaitBegin by the Set behind it. */
  readonly waitOfSignal: ReadonlyMap<number, number>;
  /** TSC that is tick 0, by source. */
  readonly base: readonly bigint[];
  readonly gaps: Gap[];
  /** Records of kinds that this version does not know: skipped and counted. */
  readonly unknownKinds: number;
}
