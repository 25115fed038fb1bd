/**
 * Tracepoints of a process as a source of a trace: the recorder's rings, behind them one of the agent's own that names modules and objects,
 * and behind that the rings into which a program records itself, when it is to.
 */
import {
  ES_TRACE_MAX_SLOTS,
  ES_TRACE_PAYLOAD_BYTES,
  ES_TRACE_PREVIOUS_UNKNOWN,
  ES_TRACE_PROCESSOR_UNKNOWN,
  ES_TRACE_SLOT_BYTES,
  RECORD_OFFSET,
  TRACE_FLAG,
  TraceKind,
  TraceObjectType,
} from '../protocol/trace-layout.js';
import type { DrainSource, TracepointAnswer } from './trace-worker.js';
import { RING_HEAD_BYTES, type RingPiece, type TraceSection } from './trace-section.js';
import type { KnownHandle } from './tracepoint-known.js';
import type { Tracepoints } from './tracepoints.js';

export class ProcessSource implements DrainSource {
  readonly #tracepoints: Tracepoints;
  /** Records of the agent's own ring that were not taken yet, and how many slots of it were. */
  readonly #own: Buffer[];
  #ownSlots = 0;

  readonly #program: TraceSection | undefined;
  /** The program's rings have their turn. */
  #isProgramsTurn = false;

  constructor(tracepoints: Tracepoints, program: TraceSection | undefined) {
    this.#tracepoints = tracepoints;
    this.#program = program;
    this.#own = contextOf(tracepoints);
    program?.enable(true);
  }

  get #recorderRings(): number {
    return this.#tracepoints.section.ringCount + 1;
  }

  get ringCount(): number {
    return this.#recorderRings + (this.#program?.ringCount ?? 0);
  }
  get slotsPerRing(): number {
    return this.#tracepoints.section.slotsPerRing;
  }
  get tracepoints(): TracepointAnswer {
    const { imported, stops, recorderThread } = this.#tracepoints;
    return { imported: [...imported], stops: [...stops], recorderThread };
  }
  unfinished(): number {
    return this.#tracepoints.section.pending + (this.#program?.pending ?? 0);
  }
  lost(): bigint {
    return this.#tracepoints.section.lost + (this.#program?.lost ?? 0n);
  }

  take(maxSlots: number): RingPiece | undefined {
    return this.#takeOwn(maxSlots) ?? this.#takeNext(maxSlots);
  }

  /** In turns, so that neither starves the other. */
  #takeNext(maxSlots: number): RingPiece | undefined {
    this.#isProgramsTurn = !this.#isProgramsTurn && this.#program !== undefined;
    const recorded = (): RingPiece | undefined => this.#tracepoints.section.takeNext(maxSlots);
    return this.#isProgramsTurn
      ? (this.#takeProgram(maxSlots) ?? recorded())
      : (recorded() ?? this.#takeProgram(maxSlots));
  }

  #takeProgram(maxSlots: number): RingPiece | undefined {
    const piece = this.#program?.takeNext(maxSlots);
    if (piece === undefined) return undefined;
    const ring = this.#recorderRings + piece.ring;
    new DataView(piece.data.buffer).setUint32(0, ring, true);
    return { ...piece, ring };
  }

  #takeOwn(maxSlots: number): RingPiece | undefined {
    const firstSlot = this.#ownSlots;
    const records: Buffer[] = [];
    for (let left = maxSlots; this.#own[0] !== undefined;) {
      left -= this.#own[0].length / ES_TRACE_SLOT_BYTES;
      if (left < 0) break;
      records.push(...this.#own.splice(0, 1));
    }
    if (records.length === 0) return undefined;
    const head = Buffer.alloc(RING_HEAD_BYTES);
    const { ringCount } = this.#tracepoints.section;
    head.writeUInt32LE(ringCount, 0);
    const data = new Uint8Array(Buffer.concat([head, ...records]));
    const slotCount = (data.length - RING_HEAD_BYTES) / ES_TRACE_SLOT_BYTES;
    this.#ownSlots += slotCount;
    return { ring: ringCount, firstSlot: BigInt(firstSlot), slotCount, lost: 0n, data };
  }

  stopRecording(): string | undefined {
    this.#program?.enable(false);
    return this.#tracepoints.remove();
  }

  close(): void {
    this.#program?.close();
    this.#tracepoints.close();
  }
}

/** Modules whose imports are recorded, for naming callers, and the objects that the process had already: a record each. */
function contextOf({ modules, handles, startTicks, process, side }: Tracepoints): Buffer[] {
  const all = [
    ...modules.map(({ base, size, name }): Context => {
      return { kind: TraceKind.Module, object: base, argument: BigInt(size), flags: 0, text: name };
    }),
    ...handles.flatMap((handle) => nameOf(handle, side)),
  ];
  let slot = 0;
  return all.map((context) => {
    const record = contextRecord(context, slot, startTicks, process);
    slot += record.length / ES_TRACE_SLOT_BYTES;
    return record;
  });
}

interface Context {
  readonly kind: TraceKind;
  readonly object: bigint;
  readonly argument: bigint;
  readonly flags: number;
  readonly text: string;
}

/** Of a driver's host only what has a name: the others are mostly the host's own. */
function nameOf({ handle, type, kind, path }: KnownHandle, side: 'kernel' | 'user'): Context[] {
  if (side === 'kernel' && path === undefined) return [];
  const flags =
    (side === 'kernel' ? TRACE_FLAG.KERNEL | TRACE_FLAG.OBJECT_IS_HANDLE : 0) |
    (kind === 'synchronization' ? TRACE_FLAG.SYNCHRONIZATION : 0);
  // An event of unknown kind would be told as a notification event.
  const argument = BigInt(type === TraceObjectType.Event && kind === undefined ? TraceObjectType.Unknown : type);
  return [{ kind: TraceKind.Name, object: handle, argument, flags, text: path ?? '' }];
}

function contextRecord(
  { kind, object, argument, flags, text: name }: Context,
  slot: number,
  ticks: bigint,
  process: number,
): Buffer {
  const text = Buffer.from(name, 'utf16le').subarray(0, (ES_TRACE_MAX_SLOTS - 1) * ES_TRACE_PAYLOAD_BYTES);
  const slots = 1 + Math.ceil(text.length / ES_TRACE_PAYLOAD_BYTES);
  const record = Buffer.alloc(slots * ES_TRACE_SLOT_BYTES);
  record.writeBigUInt64LE(ticks, RECORD_OFFSET.tsc);
  record.writeBigUInt64LE(object, RECORD_OFFSET.object);
  record.writeBigUInt64LE(argument, RECORD_OFFSET.argument);
  record.writeUInt32LE(process, RECORD_OFFSET.process);
  record.writeUInt16LE(kind, RECORD_OFFSET.kind);
  record.writeUInt8(flags, RECORD_OFFSET.flags);
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
