/** Records in the trace's own layout (protocol/trace-layout.ts), written by the host for a target that has no recorder of ours in it. */
import {
  ES_TRACE_IRQL_UNKNOWN,
  ES_TRACE_PREVIOUS_UNKNOWN,
  ES_TRACE_SLOT_BYTES,
  RECORD_OFFSET,
  TraceKind,
} from '../../protocol/trace-layout.js';
import type { TraceSink } from '../../target/run.js';

/** Host time in nanoseconds stands for TSC and performance counter: when the host heard of a call. */
const TICKS_PER_SECOND = 1_000_000_000n;
/** 1970 in units of 100 ns since 1601. */
const FILETIME_OF_1970 = 116_444_736_000_000_000n;
const MAX_PREVIOUS = 0xfe;

export interface HostRecord {
  readonly kind: TraceKind;
  readonly time: bigint;
  readonly object: bigint;
  readonly caller: bigint;
  readonly argument: bigint;
  readonly process: number;
  readonly thread: number;
  readonly status: number;
  readonly processor: number;
  readonly previous: number | undefined;
  readonly flags: number;
  /** Nanoseconds. */
  readonly duration: bigint;
}

export const hostTime = (): bigint => process.hrtime.bigint();

export class TraceSlots {
  readonly source: number;
  readonly #sink: TraceSink;
  #next = 0n;

  constructor(source: number, sink: TraceSink) {
    this.source = source;
    this.#sink = sink;
  }

  get written(): bigint {
    return this.#next;
  }

  /** The line between the host's time and the time of day. */
  calibrate(): void {
    const time = hostTime();
    const utc = BigInt(Date.now()) * 10_000n + FILETIME_OF_1970;
    this.write({
      ...{ kind: TraceKind.Calibration, time, object: utc, caller: TICKS_PER_SECOND, argument: time },
      ...{ process: 0, thread: 0, status: 0, processor: 0, previous: undefined, flags: 0, duration: 0n },
    });
  }

  write(record: HostRecord): void {
    const slot = Buffer.alloc(ES_TRACE_SLOT_BYTES);
    slot.writeBigUInt64LE(record.time, RECORD_OFFSET.tsc);
    slot.writeBigUInt64LE(record.object, RECORD_OFFSET.object);
    slot.writeBigUInt64LE(record.caller, RECORD_OFFSET.caller);
    slot.writeBigUInt64LE(BigInt.asUintN(64, record.argument), RECORD_OFFSET.argument);
    slot.writeUInt32LE(record.process, RECORD_OFFSET.process);
    slot.writeUInt32LE(record.thread, RECORD_OFFSET.thread);
    slot.writeUInt32LE(record.status >>> 0, RECORD_OFFSET.status);
    slot.writeUInt32LE(Number(record.duration > 0xffff_ffffn ? 0xffff_ffffn : record.duration), RECORD_OFFSET.duration);
    slot.writeUInt16LE(record.kind, RECORD_OFFSET.kind);
    slot.writeUInt16LE(record.processor, RECORD_OFFSET.processor);
    slot.writeUInt8(ES_TRACE_IRQL_UNKNOWN, RECORD_OFFSET.irql);
    const previous =
      record.previous === undefined ? ES_TRACE_PREVIOUS_UNKNOWN : Math.min(record.previous, MAX_PREVIOUS);
    slot.writeUInt8(previous, RECORD_OFFSET.previous);
    slot.writeUInt8(1, RECORD_OFFSET.slots);
    slot.writeUInt8(record.flags, RECORD_OFFSET.flags);
    slot.writeUInt32LE(Number(BigInt.asUintN(32, this.#next + 1n)), RECORD_OFFSET.sequence);
    this.#sink.slots(this.source, 0, this.#next, 0n, slot);
    this.#next += 1n;
  }
}
