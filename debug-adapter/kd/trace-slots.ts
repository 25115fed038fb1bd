/** Records in the trace's own layout (protocol/trace-layout.ts), written by the host for a target that has no recorder of ours in it. */
import { FILETIME_OF_1970 } from '../../machine/filetime.js';
import { TraceKind } from '../../protocol/trace-layout.js';
import type { TraceSink } from '../../target/run.js';
import { SLOT_BYTES } from '../../trace/recording.js';
import { slotsOfRecord } from '../../trace/ring-writer.js';

/** Host time in nanoseconds stands for TSC and performance counter: when the host heard of a call. */
const TICKS_PER_SECOND = 1_000_000_000n;
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
  /** Of a Name: what the object is called. */
  readonly text?: string;
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
    const { time, duration, previous, ...fields } = record;
    const known = previous === undefined ? {} : { previous: Math.min(previous, MAX_PREVIOUS) };
    const slots = slotsOfRecord({ ...fields, ...known, tsc: time, duration: Number(duration) }, Number(this.#next));
    this.#sink.slots(this.source, 0, this.#next, 0n, slots);
    this.#next += BigInt(slots.length / SLOT_BYTES);
  }
}
