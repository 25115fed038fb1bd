/** Which import slots of a process lead to functions of the catalogue, and what the recorder must know of each. Pure. */
import type { Point, PointParameter, PointReturn } from '../machine/points.js';
import { parameterPosition, pointOfImport, recordKind } from '../machine/points.js';
import type { PeImport } from '../machine/pe/imports.js';
import { TRACE_FLAG, TraceKind, TraceObjectType } from '../protocol/trace-layout.js';
import {
  ES_TP_MAX_STACK_ARGUMENTS,
  ES_TP_NONE,
  ES_TP_SLOT_WIN32,
  THUNK_BYTES,
  TRACEPOINT_PARAMETER,
  TRACEPOINT_POSITIONS,
  TRACEPOINT_RETURN,
  TRACEPOINT_SLOT_BYTES,
  TRACEPOINT_SLOT_OFFSET,
} from '../protocol/tracepoint-layout.js';

/** The catalogue's words to the recorder's; several mean the object that a call is about. */
const PARAMETER: Readonly<Partial<Record<PointParameter, keyof typeof TRACEPOINT_PARAMETER>>> = {
  object: 'Object',
  handle: 'Object',
  waitHandle: 'Object',
  sourceHandle: 'Object',
  irp: 'Object',
  objects: 'List',
  handles: 'List',
  count: 'Count',
  timeout: 'Timeout',
  milliseconds: 'Milliseconds',
  dueTime: 'DueTime',
  dueTimePointer: 'DueTimePointer',
  period: 'Period',
  previous: 'Previous',
  adjustment: 'Adjustment',
  waitFollows: 'WaitFollows',
  alertable: 'Alertable',
  waitType: 'WaitType',
  waitAll: 'WaitAll',
  attributes: 'Attributes',
  unicodeName: 'UnicodeName',
  wideName: 'WideName',
  narrowName: 'NarrowName',
  newHandle: 'NewHandle',
  newObject: 'NewObject',
  access: 'Access',
  manualReset: 'ManualReset',
  initialState: 'InitialState',
  eventType: 'EventType',
  initialCount: 'InitialCount',
  initialOwner: 'InitialOwner',
  eventFlags: 'EventFlags',
  mutexFlags: 'MutexFlags',
  timerFlags: 'TimerFlags',
  sourceProcess: 'SourceProcess',
  targetProcess: 'TargetProcess',
  signalHandle: 'Signal',
  clientId: 'ClientId',
};

const RETURN: Readonly<Record<PointReturn, keyof typeof TRACEPOINT_RETURN>> = {
  none: 'None',
  ntstatus: 'Status',
  waitStatus: 'Status',
  win32Wait: 'Win32Wait',
  bool: 'Bool',
  handle: 'Handle',
  object: 'Object',
  previousState: 'Previous',
  wasQueued: 'Queued',
};

const OBJECT_TYPE: Readonly<Partial<Record<Point['object'], TraceObjectType>>> = {
  event: TraceObjectType.Event,
  semaphore: TraceObjectType.Semaphore,
  mutant: TraceObjectType.Mutant,
  timer: TraceObjectType.Timer,
};

/** Kinds whose object is a handle when a driver's native calls make them. */
const OF_HANDLES: ReadonlySet<TraceKind> = new Set([TraceKind.Create, TraceKind.Open, TraceKind.Close]);

/** Whether import tracepoints can record calls of this point. */
export const isRecordable = (point: Point): boolean =>
  recordKind(point) !== undefined && point.parameters.length <= 4 + ES_TP_MAX_STACK_ARGUMENTS;

/** ES_TP_SLOT without its addresses. */
export function describeSlot(point: Point): Uint8Array {
  const slot = Buffer.alloc(TRACEPOINT_SLOT_BYTES);
  const kind = recordKind(point) ?? TraceKind.None;
  const kernel = point.side === 'kernel';
  const native = point.layer === 'kernelNative' || point.name.startsWith('IoCreate');
  const takesHandle = parameterPosition(point, 'handle') >= 0 || parameterPosition(point, 'handles') >= 0;
  const handles = kernel && native && (OF_HANDLES.has(kind) || takesHandle);
  slot.writeUInt16LE(kind, TRACEPOINT_SLOT_OFFSET.kind);
  slot.writeUInt8(
    (kernel ? TRACE_FLAG.KERNEL : 0) | (handles ? TRACE_FLAG.OBJECT_IS_HANDLE : 0),
    TRACEPOINT_SLOT_OFFSET.recordFlags,
  );
  slot.writeUInt8(point.layer === 'win32' ? ES_TP_SLOT_WIN32 : 0, TRACEPOINT_SLOT_OFFSET.flags);
  slot.writeUInt8(TRACEPOINT_RETURN[RETURN[point.returns]], TRACEPOINT_SLOT_OFFSET.returns);
  slot.writeUInt8(OBJECT_TYPE[point.object] ?? TraceObjectType.Unknown, TRACEPOINT_SLOT_OFFSET.objectType);
  slot.writeUInt8(Math.max(0, point.parameters.length - 4), TRACEPOINT_SLOT_OFFSET.stackArguments);
  slot.fill(ES_TP_NONE, TRACEPOINT_SLOT_OFFSET.at, TRACEPOINT_SLOT_OFFSET.at + TRACEPOINT_POSITIONS);
  for (const [position, parameter] of point.parameters.entries()) {
    const name = PARAMETER[parameter];
    if (name !== undefined) slot.writeUInt8(position, TRACEPOINT_SLOT_OFFSET.at + TRACEPOINT_PARAMETER[name]);
  }
  return slot;
}

/** An import slot to record. */
export interface ImportSlot {
  readonly point: Point;
  readonly slotRva: number;
}

export interface ImportChoice {
  readonly slots: readonly ImportSlot[];
  /** Imports of wanted points that are bound at their first call: their slots do not hold the function yet. */
  readonly delayed: readonly string[];
}

/** Of one module's imports, those of wanted points. `wanted`: names of points; undefined: all. */
export function chooseImports(
  imports: readonly PeImport[],
  side: Point['side'],
  wanted: ReadonlySet<string> | undefined,
): ImportChoice {
  const slots: ImportSlot[] = [];
  const delayed: string[] = [];
  for (const { module, name, slotRva, delayed: later } of imports) {
    const point = name === undefined ? undefined : pointOfImport(module, name);
    if (point === undefined || point.side !== side || !isRecordable(point)) continue;
    if (wanted !== undefined && !wanted.has(point.name)) continue;
    if (later) delayed.push(point.name);
    else slots.push({ point, slotRva });
  }
  return { slots, delayed };
}

/** Code of one thunk at `address`, which loads its slot's address and goes to the recorder; within 2 GiB of it. */
export function writeThunk(bytes: Buffer, at: number, address: bigint, slot: bigint, common: bigint): void {
  bytes.writeUInt16LE(0xbb49, at); // mov r11, imm64
  bytes.writeBigUInt64LE(slot, at + 2);
  bytes.writeUInt8(0xe9, at + 10); // jmp rel32
  bytes.writeInt32LE(Number(common - (address + 15n)), at + 11);
  bytes.writeUInt8(0xcc, at + THUNK_BYTES - 1);
}
