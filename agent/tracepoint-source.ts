/** Import tracepoints as a source of a trace: the rings of the traced process, and one of the agent's own that names its modules. */
import {
  ES_TRACE_MAX_SLOTS,
  ES_TRACE_PAYLOAD_BYTES,
  ES_TRACE_PREVIOUS_UNKNOWN,
  ES_TRACE_PROCESSOR_UNKNOWN,
  ES_TRACE_SLOT_BYTES,
  RECORD_OFFSET,
  TraceKind,
} from '../protocol/trace-layout.js';
import type { DrainSource, TracepointAnswer } from './trace-worker.js';
import { RING_HEAD_BYTES, type RingPiece } from './trace-section.js';
import type { TracedModule } from './tracepoint-plan.js';
import type { Tracepoints } from './tracepoints.js';

export class ProcessSource implements DrainSource {
  readonly #tracepoints: Tracepoints;
  #own: RingPiece | undefined;

  constructor(tracepoints: Tracepoints) {
    this.#tracepoints = tracepoints;
    this.#own = modulesOf(tracepoints);
  }

  get ringCount(): number {
    return this.#tracepoints.section.ringCount + 1;
  }
  get slotsPerRing(): number {
    return this.#tracepoints.section.slotsPerRing;
  }
  get tracepoints(): TracepointAnswer {
    const { imported, stops, recorderThread } = this.#tracepoints;
    return { imported: [...imported], stops: [...stops], recorderThread };
  }
  unfinished(): number {
    return this.#tracepoints.section.pending;
  }
  lost(): bigint {
    return this.#tracepoints.section.lost;
  }

  take(maxSlots: number): RingPiece | undefined {
    const own = this.#own;
    this.#own = undefined;
    return own ?? this.#tracepoints.section.takeNext(maxSlots);
  }

  stopRecording(): string | undefined {
    return this.#tracepoints.remove();
  }

  close(): void {
    this.#tracepoints.close();
  }
}

/** Modules whose imports are recorded, for naming callers. */
function modulesOf({ modules, section, startTicks, process }: Tracepoints): RingPiece {
  const records: Buffer[] = [];
  let slot = 0;
  for (const module of modules) {
    const record = moduleRecord(module, slot, startTicks, process);
    slot += record.length / ES_TRACE_SLOT_BYTES;
    records.push(record);
  }
  const head = Buffer.alloc(RING_HEAD_BYTES);
  head.writeUInt32LE(section.ringCount, 0);
  const data = new Uint8Array(Buffer.concat([head, ...records]));
  return { ring: section.ringCount, firstSlot: 0n, slotCount: slot, lost: 0n, data };
}

function moduleRecord({ base, size, name }: TracedModule, slot: number, ticks: bigint, process: number): Buffer {
  const text = Buffer.from(name, 'utf16le').subarray(0, (ES_TRACE_MAX_SLOTS - 1) * ES_TRACE_PAYLOAD_BYTES);
  const slots = 1 + Math.ceil(text.length / ES_TRACE_PAYLOAD_BYTES);
  const record = Buffer.alloc(slots * ES_TRACE_SLOT_BYTES);
  record.writeBigUInt64LE(ticks, RECORD_OFFSET.tsc);
  record.writeBigUInt64LE(base, RECORD_OFFSET.object);
  record.writeBigUInt64LE(BigInt(size), RECORD_OFFSET.argument);
  record.writeUInt32LE(process, RECORD_OFFSET.process);
  record.writeUInt16LE(TraceKind.Module, RECORD_OFFSET.kind);
  record.writeUInt16LE(ES_TRACE_PROCESSOR_UNKNOWN, RECORD_OFFSET.processor);
  record.writeUInt8(ES_TRACE_PREVIOUS_UNKNOWN, RECORD_OFFSET.previous);
  record.writeUInt8(slots, RECORD_OFFSET.slots);
  for (let index = 0; index < slots; index += 1) {
    const payload = text.subarray((index - 1) * ES_TRACE_PAYLOAD_BYTES, index * ES_TRACE_PAYLOAD_BYTES);
    if (index > 0) record.set(payload, index * ES_TRACE_SLOT_BYTES);
    record.writeUInt32LE(slot + index + 1, index * ES_TRACE_SLOT_BYTES + RECORD_OFFSET.sequence);
  }
  return record;
}
