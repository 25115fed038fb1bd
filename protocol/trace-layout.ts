/**
 * Mirror of the layout part of driver/include/eventscope_trace.h: constants, offsets, and a decoder of trace slots. The
 * meaning of each field is told there; test/native/layout.test.ts compares every number here with the compiler's own.
 */
export const ES_TRACE_MAGIC = 0x3152_5345;
export const ES_TRACE_VERSION = 1;
export const ES_TRACE_SLOT_BYTES = 64;
export const ES_TRACE_PAYLOAD_BYTES = 60;
export const ES_TRACE_MAX_SLOTS = 12;
export const ES_TRACE_IRQL_UNKNOWN = 0xff;
export const ES_TRACE_PREVIOUS_UNKNOWN = 0xff;
export const ES_TRACE_PROCESSOR_UNKNOWN = 0xffff;
/** INT64_MIN: a wait without a timeout. */
export const ES_TRACE_NO_TIMEOUT = -(1n << 63n);
export const ES_TRACE_SECTION_VARIABLE = 'EVENTSCOPE_TRACE_SECTION';

export enum TraceKind {
  None = 0,
  Calibration = 1,
  Set = 10,
  Pulse = 11,
  Reset = 12,
  Release = 13,
  Complete = 14,
  TimerSet = 20,
  TimerCancel = 21,
  TimerExpire = 22,
  WaitBegin = 30,
  WaitEnd = 31,
  Request = 32,
  Create = 40,
  Open = 41,
  Reference = 42,
  Dereference = 43,
  Duplicate = 44,
  Close = 45,
  Initialize = 46,
  Name = 60,
  ThreadName = 61,
  Module = 62,
  Note = 63,
}

/** ES_TRACE_OBJECT_TYPE: argument of a Create and an Initialize, upper 32 bits of an Open's. */
export enum TraceObjectType {
  Unknown = 0,
  Event = 1,
  Semaphore = 2,
  Mutant = 3,
  Timer = 4,
}

export const TRACE_FLAG = {
  KERNEL: 0x01,
  SYNCHRONIZATION: 0x02,
  INITIALLY_SET: 0x04,
  EXISTED: 0x08,
  WAIT_ALL: 0x10,
  ALERTABLE: 0x20,
  OBJECT_IS_HANDLE: 0x40,
  DPC: 0x80,
} as const;

/** Byte offsets in ES_TRACE_RECORD. */
export const RECORD_OFFSET = {
  tsc: 0,
  object: 8,
  caller: 16,
  argument: 24,
  process: 32,
  thread: 36,
  status: 40,
  duration: 44,
  lost: 48,
  kind: 52,
  processor: 54,
  irql: 56,
  previous: 57,
  slots: 58,
  flags: 59,
  sequence: 60,
} as const;

/** Byte offsets in ES_TRACE_RING. */
export const RING_OFFSET = {
  head: 0,
  lost: 8,
  owner: 16,
  generation: 20,
  cachedTail: 24,
  tail: 64,
  slotsOffset: 128,
  capacity: 136,
} as const;
export const RING_BYTES = 192;

/** Byte offsets in ES_TRACE_AREA. Its rings follow at once. */
export const AREA_OFFSET = {
  magic: 0,
  version: 4,
  areaBytesHigh: 8,
  areaBytes: 12,
  ringCount: 16,
  slotBytes: 20,
  enabled: 24,
  process: 28,
  unringedLost: 32,
  sessionId: 40,
} as const;
export const AREA_BYTES = 64;

function traceIoctl(functionCode: number, access: number): number {
  return ((0x22 << 16) | (access << 14) | (functionCode << 2)) >>> 0;
}
export const TRACE_IOCTL = {
  QUERY: traceIoctl(0xea0, 1),
  START: traceIoctl(0xea1, 3),
  STOP: traceIoctl(0xea2, 3),
  DRAIN: traceIoctl(0xea3, 3),
} as const;

export const START_INPUT_OFFSET = { version: 0, slotsPerRing: 4 } as const;
export const START_INPUT_BYTES = 8;
export const STATE_OFFSET = {
  version: 0,
  enabled: 4,
  ringCount: 8,
  slotsPerRing: 12,
  written: 16,
  drained: 24,
  lost: 32,
} as const;
export const STATE_BYTES = 40;
export const DRAIN_HEADER_OFFSET = { version: 0, ring: 4, slotCount: 8, more: 12, firstSlot: 16, lost: 24 } as const;
export const DRAIN_HEADER_BYTES = 32;

/** One record, as it was written. Times in TSC ticks. */
export interface TraceRecord {
  readonly kind: TraceKind;
  /** Counter at the call's entry (intervals) or at the point; of a WaitEnd when the wait returned. */
  readonly tsc: bigint;
  /** TSC ticks, saturating at 0xFFFFFFFF. Of a WaitEnd: since the wait began. */
  readonly duration: number;
  readonly object: bigint;
  /** Return address of the recorded call. */
  readonly caller: bigint;
  readonly argument: bigint;
  readonly process: number;
  readonly thread: number;
  /** NTSTATUS as written: negative for errors. */
  readonly status: number;
  /** The ring's lost records when this one was reserved, low 32 bits. */
  readonly lost: number;
  /** Undefined: unknown. */
  readonly processor: number | undefined;
  /** Undefined: the target cannot tell. */
  readonly irql: number | undefined;
  /** State before; undefined: unknown. */
  readonly previous: number | undefined;
  /** Bits of {@link TRACE_FLAG}. */
  readonly flags: number;
  /** Index of the record's first slot in its ring. */
  readonly slot: bigint;
  /** What the continuation slots hold, zero-padded; empty when there are none. A copy. */
  readonly payload: Uint8Array;
}

/** Slots that do not hold what a writer of this layout writes. `slot`: absolute index in the ring. */
export class MalformedTraceError extends Error {
  constructor(
    readonly slot: bigint,
    detail: string,
  ) {
    super(`trace slot ${slot.toString()}: ${detail}`);
    this.name = 'MalformedTraceError';
  }
}

const KINDS: ReadonlySet<number> = new Set(
  Object.values(TraceKind).filter((value): value is TraceKind => typeof value === 'number' && value !== TraceKind.None),
);

const NO_PAYLOAD = new Uint8Array(0);

function isKind(value: number): value is TraceKind {
  return KINDS.has(value);
}

function unless(value: number, unknown: number): number | undefined {
  return value === unknown ? undefined : value;
}

/** The payload of a record that starts at `at`; checks each continuation's sequence. */
function readPayload(slots: Buffer, at: number, count: number, slot: bigint): Uint8Array {
  if (count === 1) return NO_PAYLOAD;
  const payload = new Uint8Array((count - 1) * ES_TRACE_PAYLOAD_BYTES);
  for (let index = 1; index < count; index++) {
    const from = at + index * ES_TRACE_SLOT_BYTES;
    const expected = Number(BigInt.asUintN(32, slot + BigInt(index) + 1n));
    if (slots.readUInt32LE(from + ES_TRACE_PAYLOAD_BYTES) !== expected) {
      throw new MalformedTraceError(slot + BigInt(index), 'a continuation with another sequence');
    }
    payload.set(slots.subarray(from, from + ES_TRACE_PAYLOAD_BYTES), (index - 1) * ES_TRACE_PAYLOAD_BYTES);
  }
  return payload;
}

/**
 * Decodes whole records from a run of slots of one ring. `firstSlot` is the absolute index of the first slot.
 * @throws MalformedTraceError when the run is cut in a slot or a record, a sequence is not its slot's, or a kind or a slot
 * count is unknown. Records before that have been passed on.
 */
export function decodeSlots(
  data: Uint8Array,
  firstSlot: bigint,
  onRecord: (record: TraceRecord, offset: number) => void,
): void {
  const slots = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (slots.length % ES_TRACE_SLOT_BYTES !== 0) {
    throw new MalformedTraceError(firstSlot, `${slots.length} bytes are no whole slots`);
  }
  // Low 32 bits of the sequence, kept as a number: arithmetic on bigints per record would cost more than all the rest.
  let sequence = Number(BigInt.asUintN(32, firstSlot + 1n));
  let at = 0;
  while (at < slots.length) {
    const slot = firstSlot + BigInt(at / ES_TRACE_SLOT_BYTES);
    const count = slots.readUInt8(at + RECORD_OFFSET.slots);
    const kind = slots.readUInt16LE(at + RECORD_OFFSET.kind);
    if (slots.readUInt32LE(at + RECORD_OFFSET.sequence) !== sequence) {
      throw new MalformedTraceError(slot, 'not the sequence of this slot');
    }
    if (count < 1 || count > ES_TRACE_MAX_SLOTS) throw new MalformedTraceError(slot, `a record of ${count} slots`);
    if (at + count * ES_TRACE_SLOT_BYTES > slots.length) throw new MalformedTraceError(slot, 'the record is cut');
    if (!isKind(kind)) throw new MalformedTraceError(slot, `unknown kind ${kind}`);
    onRecord(
      {
        kind,
        tsc: slots.readBigUInt64LE(at + RECORD_OFFSET.tsc),
        duration: slots.readUInt32LE(at + RECORD_OFFSET.duration),
        object: slots.readBigUInt64LE(at + RECORD_OFFSET.object),
        caller: slots.readBigUInt64LE(at + RECORD_OFFSET.caller),
        argument: slots.readBigUInt64LE(at + RECORD_OFFSET.argument),
        process: slots.readUInt32LE(at + RECORD_OFFSET.process),
        thread: slots.readUInt32LE(at + RECORD_OFFSET.thread),
        status: slots.readInt32LE(at + RECORD_OFFSET.status),
        lost: slots.readUInt32LE(at + RECORD_OFFSET.lost),
        processor: unless(slots.readUInt16LE(at + RECORD_OFFSET.processor), ES_TRACE_PROCESSOR_UNKNOWN),
        irql: unless(slots.readUInt8(at + RECORD_OFFSET.irql), ES_TRACE_IRQL_UNKNOWN),
        previous: unless(slots.readUInt8(at + RECORD_OFFSET.previous), ES_TRACE_PREVIOUS_UNKNOWN),
        flags: slots.readUInt8(at + RECORD_OFFSET.flags),
        slot,
        payload: readPayload(slots, at, count, slot),
      },
      at,
    );
    at += count * ES_TRACE_SLOT_BYTES;
    sequence = (sequence + count) >>> 0;
  }
}

/** A payload that is a name or a text: UTF-16 up to the first zero unit. */
export function payloadText(payload: Uint8Array): string {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength & ~1);
  let end = 0;
  while (end < bytes.length && bytes.readUInt16LE(end) !== 0) end += 2;
  return bytes.toString('utf16le', 0, end);
}

/** A payload that lists the objects of a wait: up to the first zero. */
export function payloadObjects(payload: Uint8Array): bigint[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const objects: bigint[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const object = bytes.readBigUInt64LE(at);
    if (object === 0n) break;
    objects.push(object);
  }
  return objects;
}

export interface DrainHeader {
  readonly ring: number;
  readonly slotCount: number;
  readonly more: boolean;
  readonly firstSlot: bigint;
  readonly lost: bigint;
}

/**
 * Head of a drain's answer; its slots follow at {@link DRAIN_HEADER_BYTES}.
 * @throws RangeError when the answer is shorter than it says, or of another version.
 */
export function decodeDrainHeader(answer: Uint8Array): DrainHeader {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  if (bytes.length < DRAIN_HEADER_BYTES) throw new RangeError(`a drain's answer of ${bytes.length} bytes`);
  const version = bytes.readUInt32LE(DRAIN_HEADER_OFFSET.version);
  if (version !== ES_TRACE_VERSION) throw new RangeError(`a drain's answer of version ${version}`);
  const slotCount = bytes.readUInt32LE(DRAIN_HEADER_OFFSET.slotCount);
  if (bytes.length < DRAIN_HEADER_BYTES + slotCount * ES_TRACE_SLOT_BYTES) {
    throw new RangeError(`a drain's answer of ${bytes.length} bytes for ${slotCount} slots`);
  }
  return {
    ring: bytes.readUInt32LE(DRAIN_HEADER_OFFSET.ring),
    slotCount,
    more: bytes.readUInt32LE(DRAIN_HEADER_OFFSET.more) !== 0,
    firstSlot: bytes.readBigUInt64LE(DRAIN_HEADER_OFFSET.firstSlot),
    lost: bytes.readBigUInt64LE(DRAIN_HEADER_OFFSET.lost),
  };
}
