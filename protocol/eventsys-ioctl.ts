/**
 * Mirror of driver/include/eventsys_public.h: codes, buffers and limits of the sample driver's IOCTLs. The meaning of each
 * field is told there; test/native/layout.test.ts compares every code, offset and size with the compiler's own.
 *
 * Encoders check their arguments and throw a RangeError (a defect of the caller). Decoders check size and version of what
 * the driver sent and throw {@link MalformedIoctlError}.
 */
export const EVENTSYS_ABI_VERSION = 1;
export const EVENTSYS_SERVICE_NAME = 'eventsys';
export const EVENTSYS_NT_DEVICE_NAME = '\\Device\\EventSys';
export const EVENTSYS_WIN32_DEVICE_NAME = '\\\\.\\EventSys';
export const EVENTSYS_LOG_PREFIX = 'eventsys: ';
export const EVENTSYS_EVENT_USER_ACCESS = 0x0012_0003;
export const EVENTSYS_STATE_UNKNOWN = 0xffff_ffff;
export const EVENTSYS_SOURCE_COUNT = 5;

export const EVENTSYS_LIMITS = {
  MAX_NAME_CHARS: 128,
  MAX_FILES: 256,
  MAX_EVENTS_PER_FILE: 1024,
  MAX_EVENTS: 4096,
  MAX_SCHEDULES: 256,
  MAX_REQUESTS_PER_FILE: 256,
  MAX_REQUESTS: 1024,
  MAX_BUFFERS_PER_FILE: 4,
  MAX_BUFFERS: 16,
  MAX_BUFFER_BYTES: 1024 * 1024,
  MAX_PERIOD_MS: 60_000,
  MAX_DUE_US: 60_000_000,
  MAX_COUNT: 1_000_000,
} as const;

const READ = 1;
const READ_WRITE = 3;
/** CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, access). */
function ioctl(functionCode: number, access: number): number {
  return ((0x22 << 16) | (access << 14) | (functionCode << 2)) >>> 0;
}

export const EVENTSYS_IOCTL = {
  QUERY_VERSION: ioctl(0x800, READ),
  QUERY_STATE: ioctl(0x801, READ),
  REGISTER_EVENT: ioctl(0x802, READ_WRITE),
  UNREGISTER_EVENT: ioctl(0x803, READ_WRITE),
  GET_EVENT: ioctl(0x804, READ_WRITE),
  OPEN_NAMED_EVENT: ioctl(0x805, READ_WRITE),
  CREATE_NAMED_EVENT: ioctl(0x806, READ_WRITE),
  SIGNAL_EVENT: ioctl(0x807, READ_WRITE),
  SCHEDULE: ioctl(0x808, READ_WRITE),
  CANCEL_SCHEDULE: ioctl(0x809, READ_WRITE),
  WAIT_NOTIFICATION: ioctl(0x80a, READ_WRITE),
  NOTIFY: ioctl(0x80b, READ_WRITE),
  REGISTER_BUFFER: ioctl(0x80c, READ_WRITE),
  UNREGISTER_BUFFER: ioctl(0x80d, READ_WRITE),
  /** Only in a driver built with EVENTSYS_TEST_FAULTS. */
  FAULT: ioctl(0x80e, READ_WRITE),
} as const;

export enum EventsysMethod {
  HandleFromApp = 1,
  HandleFromDriver = 2,
  NameClassic = 3,
  NameStrict = 4,
  NameCreated = 5,
  BufferWork = 6,
  BufferDone = 7,
}

export enum EventsysSource {
  Hand = 0,
  TimerDpc = 1,
  Worker = 2,
  Completion = 3,
  Buffer = 4,
}

/** NT's EVENT_TYPE. */
export enum EventsysType {
  Notification = 0,
  Synchronization = 1,
  Unknown = 0xff,
}

export enum EventsysOpen {
  Classic = 1,
  Strict = 2,
}

export enum EventsysSignal {
  Set = 1,
  Reset = 2,
  Clear = 3,
}

export enum EventsysReason {
  Scheduled = 1,
  Notified = 2,
}

export enum EventsysScheduleStateCode {
  Active = 1,
  Finished = 2,
  Cancelled = 3,
}

export enum EventsysWork {
  Checksum = 1,
  Reverse = 2,
}

export enum EventsysFault {
  AccessViolation = 1,
  Stall = 2,
  HangInUnload = 3,
  LeakAllocation = 4,
}

/** Bits of {@link EventsysVersion.features}. */
export const EVENTSYS_FEATURE = { TRACE: 1, TEST_FAULTS: 2, WINE: 4, ADDRESSES: 8 } as const;

type FieldType = 'u32' | 'i32' | 'u64' | 'name' | 'u64[5]';
const FIELD_BYTES: Readonly<Record<FieldType, number>> = { u32: 4, i32: 4, u64: 8, 'u64[5]': 40, name: 256 };

/** Fields of the structures behind EVENTSYS_HEAD or from their start, as [name, offset, type]. */
type FieldTable = readonly (readonly [name: string, offset: number, type: FieldType])[];
export interface StructureLayout {
  readonly bytes: number;
  /** Name of the C structure. */
  readonly structure: string;
  /** Whether it starts with EVENTSYS_HEAD (which the table leaves out). */
  readonly head: boolean;
  readonly fields: FieldTable;
}

/** Lays fields out one after the other: every structure of the header is free of hidden gaps. */
function layout(structure: string, head: boolean, fields: readonly (readonly [string, FieldType])[]): StructureLayout {
  let offset = head ? 8 : 0;
  const table = fields.map(([name, type]) => {
    const at = offset;
    offset += FIELD_BYTES[type];
    return [name, at, type] as const;
  });
  return { structure, head, fields: table, bytes: offset };
}

export const EVENTSYS_LAYOUT = {
  version: layout('EVENTSYS_VERSION_OUTPUT', true, [
    ['abiVersion', 'u32'],
    ['driverMajor', 'u32'],
    ['driverMinor', 'u32'],
    ['driverPatch', 'u32'],
    ['features', 'u32'],
    ['processors', 'u32'],
  ]),
  registerEvent: layout('EVENTSYS_REGISTER_EVENT_INPUT', true, [['handle', 'u64']]),
  eventOutput: layout('EVENTSYS_EVENT_OUTPUT', true, [
    ['eventId', 'u32'],
    ['type', 'u32'],
    ['object', 'u64'],
    ['handle', 'u64'],
    ['existed', 'u32'],
    ['reserved', 'u32'],
  ]),
  id: layout('EVENTSYS_ID_INPUT', true, [
    ['id', 'u32'],
    ['reserved', 'u32'],
  ]),
  getEvent: layout('EVENTSYS_GET_EVENT_INPUT', true, [
    ['type', 'u32'],
    ['initialState', 'u32'],
    ['access', 'u32'],
    ['reserved', 'u32'],
  ]),
  openNamed: layout('EVENTSYS_OPEN_NAMED_INPUT', true, [
    ['how', 'u32'],
    ['type', 'u32'],
    ['nameBytes', 'u32'],
    ['reserved', 'u32'],
    ['name', 'name'],
  ]),
  createNamed: layout('EVENTSYS_CREATE_NAMED_INPUT', true, [
    ['type', 'u32'],
    ['initialState', 'u32'],
    ['nameBytes', 'u32'],
    ['reserved', 'u32'],
    ['name', 'name'],
  ]),
  signal: layout('EVENTSYS_SIGNAL_INPUT', true, [
    ['eventId', 'u32'],
    ['operation', 'u32'],
    ['increment', 'u32'],
    ['reserved', 'u32'],
  ]),
  signalOutput: layout('EVENTSYS_SIGNAL_OUTPUT', true, [
    ['previous', 'u32'],
    ['reserved', 'u32'],
    ['sequence', 'u64'],
  ]),
  schedule: layout('EVENTSYS_SCHEDULE_INPUT', true, [
    ['source', 'u32'],
    ['eventId', 'u32'],
    ['requestId', 'u64'],
    ['dueUs', 'u32'],
    ['periodMs', 'u32'],
    ['count', 'u32'],
    ['increment', 'u32'],
  ]),
  scheduleOutput: layout('EVENTSYS_SCHEDULE_OUTPUT', true, [
    ['scheduleId', 'u32'],
    ['reserved', 'u32'],
  ]),
  wait: layout('EVENTSYS_WAIT_INPUT', true, [['requestId', 'u64']]),
  notification: layout('EVENTSYS_NOTIFICATION_OUTPUT', true, [
    ['requestId', 'u64'],
    ['sequence', 'u64'],
    ['data', 'u64'],
    ['reason', 'u32'],
    ['scheduleId', 'u32'],
  ]),
  notify: layout('EVENTSYS_NOTIFY_INPUT', true, [
    ['requestId', 'u64'],
    ['data', 'u64'],
  ]),
  registerBuffer: layout('EVENTSYS_REGISTER_BUFFER_INPUT', true, [
    ['section', 'u64'],
    ['work', 'u64'],
    ['done', 'u64'],
    ['bufferBytes', 'u32'],
    ['reserved', 'u32'],
  ]),
  registerBufferOutput: layout('EVENTSYS_REGISTER_BUFFER_OUTPUT', true, [
    ['bufferId', 'u32'],
    ['workEventId', 'u32'],
    ['doneEventId', 'u32'],
    ['reserved', 'u32'],
  ]),
  sharedBuffer: layout('EVENTSYS_SHARED_BUFFER', true, [
    ['sequence', 'u64'],
    ['operation', 'u32'],
    ['dataBytes', 'u32'],
    ['doneSequence', 'u64'],
    ['result', 'u64'],
    ['status', 'i32'],
    ['reserved', 'u32'],
  ]),
  fault: layout('EVENTSYS_FAULT_INPUT', true, [
    ['fault', 'u32'],
    ['argument', 'u32'],
  ]),
  list: layout('EVENTSYS_LIST', false, [
    ['offset', 'u32'],
    ['entryBytes', 'u32'],
    ['count', 'u32'],
    ['returned', 'u32'],
  ]),
  eventState: layout('EVENTSYS_EVENT_STATE', false, [
    ['id', 'u32'],
    ['method', 'u32'],
    ['type', 'u32'],
    ['ownerProcess', 'u32'],
    ['object', 'u64'],
    ['kernelHandle', 'u64'],
    ['appHandle', 'u64'],
    ['signals', 'u64'],
    ['coalesced', 'u64'],
    ['resets', 'u64'],
    ['bySource', 'u64[5]'],
    ['references', 'u32'],
    ['existed', 'u32'],
    ['nameBytes', 'u32'],
    ['reserved', 'u32'],
    ['name', 'name'],
  ]),
  scheduleState: layout('EVENTSYS_SCHEDULE_STATE', false, [
    ['id', 'u32'],
    ['source', 'u32'],
    ['eventId', 'u32'],
    ['state', 'u32'],
    ['requestId', 'u64'],
    ['timer', 'u64'],
    ['ownerProcess', 'u32'],
    ['dueUs', 'u32'],
    ['periodMs', 'u32'],
    ['count', 'u32'],
    ['ticks', 'u32'],
    ['signals', 'u32'],
    ['missed', 'u32'],
    ['reserved', 'u32'],
  ]),
  requestState: layout('EVENTSYS_REQUEST_STATE', false, [
    ['requestId', 'u64'],
    ['irp', 'u64'],
    ['ageMs', 'u64'],
    ['ownerProcess', 'u32'],
    ['reserved', 'u32'],
  ]),
  bufferState: layout('EVENTSYS_BUFFER_STATE', false, [
    ['id', 'u32'],
    ['workEventId', 'u32'],
    ['doneEventId', 'u32'],
    ['ownerProcess', 'u32'],
    ['thread', 'u32'],
    ['bufferBytes', 'u32'],
    ['lastStatus', 'i32'],
    ['reserved', 'u32'],
    ['rounds', 'u64'],
  ]),
  totals: layout('EVENTSYS_TOTALS', false, [
    ['files', 'u32'],
    ['events', 'u32'],
    ['schedules', 'u32'],
    ['requests', 'u32'],
    ['buffers', 'u32'],
    ['objectReferences', 'u32'],
    ['handles', 'u32'],
    ['allocations', 'u32'],
    ['filesOpened', 'u64'],
    ['filesClosed', 'u64'],
    ['cleanups', 'u64'],
    ['eventsShared', 'u64'],
    ['signals', 'u64'],
    ['coalesced', 'u64'],
    ['requestsPended', 'u64'],
    ['requestsNotified', 'u64'],
    ['requestsCancelled', 'u64'],
    ['timerTicks', 'u64'],
    ['workItems', 'u64'],
    ['bufferRounds', 'u64'],
    ['ioctlsRefused', 'u64'],
    ['logLines', 'u64'],
    ['logLinesDropped', 'u64'],
  ]),
  traceCounters: layout('EVENTSYS_TRACE_COUNTERS', false, [
    ['enabled', 'u32'],
    ['ringCount', 'u32'],
    ['slotsPerRing', 'u32'],
    ['reserved', 'u32'],
    ['written', 'u64'],
    ['drained', 'u64'],
    ['lost', 'u64'],
  ]),
} as const;

/** EVENTSYS_STATE_OUTPUT: offsets of its parts and its size. */
export const EVENTSYS_STATE_OUTPUT_LAYOUT = {
  bytesNeeded: 8,
  truncated: 12,
  events: 16,
  schedules: 32,
  requests: 48,
  buffers: 64,
  totals: 80,
  trace: 232,
  bytes: 272,
} as const;

export interface EventsysVersion {
  readonly abiVersion: number;
  readonly driverMajor: number;
  readonly driverMinor: number;
  readonly driverPatch: number;
  /** Bits of {@link EVENTSYS_FEATURE}. */
  readonly features: number;
  readonly processors: number;
}

export interface EventsysEvent {
  readonly eventId: number;
  readonly type: EventsysType;
  /** 0 when the caller may not know addresses. */
  readonly object: bigint;
  readonly handle: bigint;
  /** Undefined: the driver cannot tell. */
  readonly existed: boolean | undefined;
}

export interface EventsysEventState {
  readonly id: number;
  readonly method: EventsysMethod;
  readonly type: EventsysType;
  readonly ownerProcess: number;
  readonly object: bigint;
  readonly kernelHandle: bigint;
  readonly appHandle: bigint;
  readonly signals: bigint;
  readonly coalesced: bigint;
  readonly resets: bigint;
  readonly bySource: Readonly<Record<EventsysSource, bigint>>;
  readonly references: number;
  readonly existed: boolean | undefined;
  readonly name: string;
}

export interface EventsysScheduleState {
  readonly id: number;
  readonly source: EventsysSource;
  readonly eventId: number;
  readonly state: EventsysScheduleStateCode;
  readonly requestId: bigint;
  readonly timer: bigint;
  readonly ownerProcess: number;
  readonly dueUs: number;
  readonly periodMs: number;
  readonly count: number;
  readonly ticks: number;
  readonly signals: number;
  readonly missed: number;
}

export interface EventsysRequestState {
  readonly requestId: bigint;
  readonly irp: bigint;
  readonly ageMs: bigint;
  readonly ownerProcess: number;
}

export interface EventsysBufferState {
  readonly id: number;
  readonly workEventId: number;
  readonly doneEventId: number;
  readonly ownerProcess: number;
  readonly thread: number;
  readonly bufferBytes: number;
  readonly lastStatus: number;
  readonly rounds: bigint;
}

export interface EventsysTotals {
  readonly files: number;
  readonly events: number;
  readonly schedules: number;
  readonly requests: number;
  readonly buffers: number;
  readonly objectReferences: number;
  readonly handles: number;
  readonly allocations: number;
  readonly filesOpened: bigint;
  readonly filesClosed: bigint;
  readonly cleanups: bigint;
  readonly eventsShared: bigint;
  readonly signals: bigint;
  readonly coalesced: bigint;
  readonly requestsPended: bigint;
  readonly requestsNotified: bigint;
  readonly requestsCancelled: bigint;
  readonly timerTicks: bigint;
  readonly workItems: bigint;
  readonly bufferRounds: bigint;
  readonly ioctlsRefused: bigint;
  readonly logLines: bigint;
  readonly logLinesDropped: bigint;
}

export interface EventsysTraceCounters {
  readonly enabled: boolean;
  readonly ringCount: number;
  readonly slotsPerRing: number;
  readonly written: bigint;
  readonly drained: bigint;
  readonly lost: bigint;
}

export interface EventsysState {
  /** Bytes of output that would have held everything. */
  readonly bytesNeeded: number;
  /** Entries were left out: ask again with `bytesNeeded`. */
  readonly truncated: boolean;
  /** How many exist; the arrays hold fewer when truncated. */
  readonly counts: {
    readonly events: number;
    readonly schedules: number;
    readonly requests: number;
    readonly buffers: number;
  };
  readonly events: readonly EventsysEventState[];
  readonly schedules: readonly EventsysScheduleState[];
  readonly requests: readonly EventsysRequestState[];
  readonly buffers: readonly EventsysBufferState[];
  readonly totals: EventsysTotals;
  readonly trace: EventsysTraceCounters;
}

/** What the driver answered does not have the announced shape. */
export class MalformedIoctlError extends Error {
  constructor(
    readonly structure: string,
    detail: string,
  ) {
    super(`${structure}: ${detail}`);
    this.name = 'MalformedIoctlError';
  }
}

type FieldValue = number | bigint | string;

function checkedInteger(name: string, value: FieldValue | undefined, minimum: bigint, maximum: bigint): bigint {
  if (typeof value === 'string' || value === undefined) throw new RangeError(`${name} is missing or not a number`);
  const wide = BigInt(value); // throws a RangeError itself for a fraction
  if (wide < minimum || wide > maximum) throw new RangeError(`${name} is out of range: ${wide.toString()}`);
  return wide;
}

function writeName(bytes: Buffer, offset: number, name: FieldValue | undefined): void {
  if (typeof name !== 'string' || name.length === 0) throw new RangeError('name is empty');
  if (name.length > EVENTSYS_LIMITS.MAX_NAME_CHARS) {
    throw new RangeError(`name has ${name.length} UTF-16 units, at most ${EVENTSYS_LIMITS.MAX_NAME_CHARS} fit`);
  }
  bytes.write(name, offset, 'utf16le');
}

function encode(structure: StructureLayout, values: Readonly<Record<string, FieldValue>>): Buffer {
  const bytes = Buffer.alloc(structure.bytes);
  bytes.writeUInt32LE(EVENTSYS_ABI_VERSION, 0);
  bytes.writeUInt32LE(structure.bytes, 4);
  for (const [name, offset, type] of structure.fields) {
    if (name === 'reserved') continue;
    const value = values[name];
    if (type === 'name') writeName(bytes, offset, value);
    else if (type === 'u64') bytes.writeBigUInt64LE(checkedInteger(name, value, 0n, 0xffff_ffff_ffff_ffffn), offset);
    else if (type === 'u32') bytes.writeUInt32LE(Number(checkedInteger(name, value, 0n, 0xffff_ffffn)), offset);
    else throw new RangeError(`${name} cannot be encoded`);
  }
  return bytes;
}

function nameBytes(name: string): number {
  return name.length * 2;
}

/** Inputs of the IOCTLs, ready to send. QUERY_VERSION has none. */
export const encodeEventsys = {
  queryState: (): Buffer => encode({ structure: 'EVENTSYS_HEAD', head: true, bytes: 8, fields: [] }, {}),
  registerEvent: (handle: bigint): Buffer => encode(EVENTSYS_LAYOUT.registerEvent, { handle }),
  /** UNREGISTER_EVENT, UNREGISTER_BUFFER and CANCEL_SCHEDULE. */
  id: (id: number): Buffer => encode(EVENTSYS_LAYOUT.id, { id }),
  getEvent: (type: EventsysType, initialState: boolean, access: number): Buffer =>
    encode(EVENTSYS_LAYOUT.getEvent, { type, initialState: initialState ? 1 : 0, access }),
  openNamed: (how: EventsysOpen, type: EventsysType, name: string): Buffer =>
    encode(EVENTSYS_LAYOUT.openNamed, { how, type, nameBytes: nameBytes(name), name }),
  createNamed: (type: EventsysType, initialState: boolean, name: string): Buffer =>
    encode(EVENTSYS_LAYOUT.createNamed, { type, initialState: initialState ? 1 : 0, nameBytes: nameBytes(name), name }),
  signal: (eventId: number, operation: EventsysSignal, increment = 0): Buffer =>
    encode(EVENTSYS_LAYOUT.signal, { eventId, operation, increment }),
  schedule: (input: {
    readonly source: EventsysSource;
    readonly eventId: number;
    readonly requestId: bigint;
    readonly dueUs: number;
    readonly periodMs: number;
    readonly count: number;
    readonly increment: number;
  }): Buffer => encode(EVENTSYS_LAYOUT.schedule, { ...input }),
  wait: (requestId: bigint): Buffer => encode(EVENTSYS_LAYOUT.wait, { requestId }),
  notify: (requestId: bigint, data: bigint): Buffer => encode(EVENTSYS_LAYOUT.notify, { requestId, data }),
  registerBuffer: (section: bigint, work: bigint, done: bigint, bufferBytes: number): Buffer =>
    encode(EVENTSYS_LAYOUT.registerBuffer, { section, work, done, bufferBytes }),
  fault: (fault: EventsysFault, argument: number): Buffer => encode(EVENTSYS_LAYOUT.fault, { fault, argument }),
} as const;

interface Reader {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly structure: StructureLayout;
}

function find(reader: Reader, name: string): number {
  const field = reader.structure.fields.find(([other]) => other === name);
  if (field === undefined) throw new RangeError(`${reader.structure.structure} has no field ${name}`);
  return reader.offset + field[1];
}
const u32 = (reader: Reader, name: string): number => reader.bytes.readUInt32LE(find(reader, name));
const i32 = (reader: Reader, name: string): number => reader.bytes.readInt32LE(find(reader, name));
const u64 = (reader: Reader, name: string): bigint => reader.bytes.readBigUInt64LE(find(reader, name));

function text(reader: Reader): string {
  const bytes = u32(reader, 'nameBytes');
  if (bytes % 2 !== 0 || bytes > 2 * EVENTSYS_LIMITS.MAX_NAME_CHARS) {
    throw new MalformedIoctlError(reader.structure.structure, `nameBytes is ${bytes}`);
  }
  const from = find(reader, 'name');
  return reader.bytes.toString('utf16le', from, from + bytes);
}

function enumerated<Member extends number>(
  reader: Reader,
  name: string,
  known: Readonly<Record<string, string | Member>>,
): Member {
  const value = u32(reader, name);
  const member = Object.values(known).find((candidate): candidate is Member => candidate === value);
  if (member === undefined) throw new MalformedIoctlError(reader.structure.structure, `${name} is ${value}`);
  return member;
}

function existed(reader: Reader): boolean | undefined {
  const value = u32(reader, 'existed');
  return value === EVENTSYS_STATE_UNKNOWN ? undefined : value !== 0;
}

function withHead(structure: StructureLayout, output: Uint8Array): Reader {
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength);
  if (bytes.length < structure.bytes) {
    throw new MalformedIoctlError(structure.structure, `${bytes.length} bytes where ${structure.bytes} are needed`);
  }
  const version = bytes.readUInt32LE(0);
  if (version !== EVENTSYS_ABI_VERSION) {
    throw new MalformedIoctlError(structure.structure, `version ${version} where ${EVENTSYS_ABI_VERSION} is known`);
  }
  const announced = bytes.readUInt32LE(4);
  if (announced !== structure.bytes) {
    throw new MalformedIoctlError(structure.structure, `announces ${announced} bytes, not ${structure.bytes}`);
  }
  return { bytes, offset: 0, structure };
}

export function decodeEventsysVersion(output: Uint8Array): EventsysVersion {
  const reader = withHead(EVENTSYS_LAYOUT.version, output);
  return {
    abiVersion: u32(reader, 'abiVersion'),
    driverMajor: u32(reader, 'driverMajor'),
    driverMinor: u32(reader, 'driverMinor'),
    driverPatch: u32(reader, 'driverPatch'),
    features: u32(reader, 'features'),
    processors: u32(reader, 'processors'),
  };
}

/** Answer of REGISTER_EVENT, GET_EVENT, OPEN_NAMED_EVENT, CREATE_NAMED_EVENT. */
export function decodeEventsysEvent(output: Uint8Array): EventsysEvent {
  const reader = withHead(EVENTSYS_LAYOUT.eventOutput, output);
  return {
    eventId: u32(reader, 'eventId'),
    type: enumerated(reader, 'type', EventsysType),
    object: u64(reader, 'object'),
    handle: u64(reader, 'handle'),
    existed: existed(reader),
  };
}

/** previous undefined: the call does not tell. */
export function decodeEventsysSignal(output: Uint8Array): { previous: number | undefined; sequence: bigint } {
  const reader = withHead(EVENTSYS_LAYOUT.signalOutput, output);
  const previous = u32(reader, 'previous');
  return {
    previous: previous === EVENTSYS_STATE_UNKNOWN ? undefined : previous,
    sequence: u64(reader, 'sequence'),
  };
}

export function decodeEventsysSchedule(output: Uint8Array): { scheduleId: number } {
  return { scheduleId: u32(withHead(EVENTSYS_LAYOUT.scheduleOutput, output), 'scheduleId') };
}

export function decodeEventsysNotification(output: Uint8Array): {
  requestId: bigint;
  sequence: bigint;
  data: bigint;
  reason: EventsysReason;
  scheduleId: number;
} {
  const reader = withHead(EVENTSYS_LAYOUT.notification, output);
  return {
    requestId: u64(reader, 'requestId'),
    sequence: u64(reader, 'sequence'),
    data: u64(reader, 'data'),
    reason: enumerated(reader, 'reason', EventsysReason),
    scheduleId: u32(reader, 'scheduleId'),
  };
}

export function decodeEventsysBuffer(output: Uint8Array): {
  bufferId: number;
  workEventId: number;
  doneEventId: number;
} {
  const reader = withHead(EVENTSYS_LAYOUT.registerBufferOutput, output);
  return {
    bufferId: u32(reader, 'bufferId'),
    workEventId: u32(reader, 'workEventId'),
    doneEventId: u32(reader, 'doneEventId'),
  };
}

function decodeEventState(reader: Reader): EventsysEventState {
  const sources = find(reader, 'bySource');
  const at = (source: EventsysSource): bigint => reader.bytes.readBigUInt64LE(sources + 8 * source);
  return {
    id: u32(reader, 'id'),
    method: enumerated(reader, 'method', EventsysMethod),
    type: enumerated(reader, 'type', EventsysType),
    ownerProcess: u32(reader, 'ownerProcess'),
    object: u64(reader, 'object'),
    kernelHandle: u64(reader, 'kernelHandle'),
    appHandle: u64(reader, 'appHandle'),
    signals: u64(reader, 'signals'),
    coalesced: u64(reader, 'coalesced'),
    resets: u64(reader, 'resets'),
    bySource: {
      [EventsysSource.Hand]: at(EventsysSource.Hand),
      [EventsysSource.TimerDpc]: at(EventsysSource.TimerDpc),
      [EventsysSource.Worker]: at(EventsysSource.Worker),
      [EventsysSource.Completion]: at(EventsysSource.Completion),
      [EventsysSource.Buffer]: at(EventsysSource.Buffer),
    },
    references: u32(reader, 'references'),
    existed: existed(reader),
    name: text(reader),
  };
}

function decodeScheduleState(reader: Reader): EventsysScheduleState {
  return {
    id: u32(reader, 'id'),
    source: enumerated(reader, 'source', EventsysSource),
    eventId: u32(reader, 'eventId'),
    state: enumerated(reader, 'state', EventsysScheduleStateCode),
    requestId: u64(reader, 'requestId'),
    timer: u64(reader, 'timer'),
    ownerProcess: u32(reader, 'ownerProcess'),
    dueUs: u32(reader, 'dueUs'),
    periodMs: u32(reader, 'periodMs'),
    count: u32(reader, 'count'),
    ticks: u32(reader, 'ticks'),
    signals: u32(reader, 'signals'),
    missed: u32(reader, 'missed'),
  };
}

function decodeRequestState(reader: Reader): EventsysRequestState {
  return {
    requestId: u64(reader, 'requestId'),
    irp: u64(reader, 'irp'),
    ageMs: u64(reader, 'ageMs'),
    ownerProcess: u32(reader, 'ownerProcess'),
  };
}

function decodeBufferState(reader: Reader): EventsysBufferState {
  return {
    id: u32(reader, 'id'),
    workEventId: u32(reader, 'workEventId'),
    doneEventId: u32(reader, 'doneEventId'),
    ownerProcess: u32(reader, 'ownerProcess'),
    thread: u32(reader, 'thread'),
    bufferBytes: u32(reader, 'bufferBytes'),
    lastStatus: i32(reader, 'lastStatus'),
    rounds: u64(reader, 'rounds'),
  };
}

function decodeTotals(reader: Reader): EventsysTotals {
  return {
    files: u32(reader, 'files'),
    events: u32(reader, 'events'),
    schedules: u32(reader, 'schedules'),
    requests: u32(reader, 'requests'),
    buffers: u32(reader, 'buffers'),
    objectReferences: u32(reader, 'objectReferences'),
    handles: u32(reader, 'handles'),
    allocations: u32(reader, 'allocations'),
    filesOpened: u64(reader, 'filesOpened'),
    filesClosed: u64(reader, 'filesClosed'),
    cleanups: u64(reader, 'cleanups'),
    eventsShared: u64(reader, 'eventsShared'),
    signals: u64(reader, 'signals'),
    coalesced: u64(reader, 'coalesced'),
    requestsPended: u64(reader, 'requestsPended'),
    requestsNotified: u64(reader, 'requestsNotified'),
    requestsCancelled: u64(reader, 'requestsCancelled'),
    timerTicks: u64(reader, 'timerTicks'),
    workItems: u64(reader, 'workItems'),
    bufferRounds: u64(reader, 'bufferRounds'),
    ioctlsRefused: u64(reader, 'ioctlsRefused'),
    logLines: u64(reader, 'logLines'),
    logLinesDropped: u64(reader, 'logLinesDropped'),
  };
}

/** One list of a state answer: how many exist, and the entries that came along. */
function decodeList<Entry>(
  bytes: Buffer,
  descriptor: number,
  structure: StructureLayout,
  decode: (reader: Reader) => Entry,
): { count: number; entries: Entry[] } {
  const list: Reader = { bytes, offset: descriptor, structure: EVENTSYS_LAYOUT.list };
  const offset = u32(list, 'offset');
  const entryBytes = u32(list, 'entryBytes');
  const count = u32(list, 'count');
  const returned = u32(list, 'returned');
  if (entryBytes !== structure.bytes || returned > count) {
    throw new MalformedIoctlError(structure.structure, `${returned} of ${count} entries of ${entryBytes} bytes`);
  }
  if (returned > 0 && (offset < EVENTSYS_STATE_OUTPUT_LAYOUT.bytes || offset + returned * entryBytes > bytes.length)) {
    throw new MalformedIoctlError(
      structure.structure,
      `${returned} entries at ${offset} do not fit in ${bytes.length}`,
    );
  }
  const entries = Array.from({ length: returned }, (_, index) =>
    decode({ bytes, offset: offset + index * entryBytes, structure }),
  );
  return { count, entries };
}

export function decodeEventsysState(output: Uint8Array): EventsysState {
  const at = EVENTSYS_STATE_OUTPUT_LAYOUT;
  const { bytes } = withHead({ structure: 'EVENTSYS_STATE_OUTPUT', head: true, bytes: at.bytes, fields: [] }, output);
  const events = decodeList(bytes, at.events, EVENTSYS_LAYOUT.eventState, decodeEventState);
  const schedules = decodeList(bytes, at.schedules, EVENTSYS_LAYOUT.scheduleState, decodeScheduleState);
  const requests = decodeList(bytes, at.requests, EVENTSYS_LAYOUT.requestState, decodeRequestState);
  const buffers = decodeList(bytes, at.buffers, EVENTSYS_LAYOUT.bufferState, decodeBufferState);
  const trace: Reader = { bytes, offset: at.trace, structure: EVENTSYS_LAYOUT.traceCounters };
  return {
    bytesNeeded: bytes.readUInt32LE(at.bytesNeeded),
    truncated: bytes.readUInt32LE(at.truncated) !== 0,
    counts: { events: events.count, schedules: schedules.count, requests: requests.count, buffers: buffers.count },
    events: events.entries,
    schedules: schedules.entries,
    requests: requests.entries,
    buffers: buffers.entries,
    totals: decodeTotals({ bytes, offset: at.totals, structure: EVENTSYS_LAYOUT.totals }),
    trace: {
      enabled: u32(trace, 'enabled') !== 0,
      ringCount: u32(trace, 'ringCount'),
      slotsPerRing: u32(trace, 'slotsPerRing'),
      written: u64(trace, 'written'),
      drained: u64(trace, 'drained'),
      lost: u64(trace, 'lost'),
    },
  };
}
