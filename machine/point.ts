/**
 * What the catalogue says of one function that signals, waits for, resets, or creates, opens, references and closes
 * dispatcher objects. The tables are in points-kernel.ts, points-native.ts and points-win32.ts; points.ts joins them.
 */
export type PointSide = 'kernel' | 'user';

/** The four check boxes of the Breakpoints view; waits have three (begins, satisfied, timed out). */
export type PointRole = 'signal' | 'wait' | 'reset' | 'lifecycle';

/**
 * Where a function stands, so that one operation is counted once however many layers it passes through. `kernel`: Ke, Io, Ob of the
 * kernel; `kernelNative`: Zw and Nt of the kernel; `native`: Nt and Rtl of ntdll.dll; `win32`: kernel32.dll and its like.
 */
export type PointLayer = 'kernel' | 'kernelNative' | 'native' | 'win32';

/** What the call does, as the records of a trace tell it (TraceKind), and a few that have no record. */
export type PointAction =
  | 'set'
  | 'pulse'
  | 'reset'
  | 'release'
  | 'complete'
  | 'timerSet'
  | 'timerCancel'
  | 'wait'
  | 'signalAndWait'
  | 'delay'
  | 'wake'
  | 'create'
  | 'open'
  | 'reference'
  | 'dereference'
  | 'duplicate'
  | 'close'
  | 'initialize';

export type PointObject =
  'event' | 'semaphore' | 'mutant' | 'timer' | 'queue' | 'request' | 'thread' | 'process' | 'address' | 'any';

/**
 * What an argument means. Its position is its place in the row: x64 passes the first four in RCX, RDX, R8 and R9, the following
 * ones at RSP+28h, +30h, ... at the function's first instruction.
 */
export type PointParameter =
  /** A pointer to a dispatcher object (a KEVENT and its like). */
  | 'object'
  | 'handle'
  /** An array of pointers, or of handles, with `count` entries. */
  | 'objects'
  | 'handles'
  | 'count'
  /** LARGE_INTEGER *: 100 ns units, negative = relative, null = for ever. */
  | 'timeout'
  /** DWORD: ms, FFFFFFFFh = for ever. */
  | 'milliseconds'
  /** LARGE_INTEGER by value (one register), and by pointer. */
  | 'dueTime'
  | 'dueTimePointer'
  | 'period'
  /** LONG *, may be null: state before the call. */
  | 'previous'
  | 'adjustment'
  | 'increment'
  /** BOOLEAN: a KeWait follows at once, with the dispatcher still locked. */
  | 'waitFollows'
  | 'alertable'
  | 'waitMode'
  | 'waitReason'
  /** WAIT_TYPE: 0 = all, 1 = any. */
  | 'waitType'
  /** BOOL: not 0 = all. */
  | 'waitAll'
  /** OBJECT_ATTRIBUTES *, UNICODE_STRING *, LPCWSTR, LPCSTR: a name, or null. */
  | 'attributes'
  | 'unicodeName'
  | 'wideName'
  | 'narrowName'
  /** HANDLE *: the handle that was made. */
  | 'newHandle'
  /** PVOID *: the object that was referenced. */
  | 'newObject'
  | 'access'
  | 'manualReset'
  | 'initialState'
  /** EVENT_TYPE and TIMER_TYPE: 0 = notification, 1 = synchronization. */
  | 'eventType'
  | 'initialCount'
  | 'maximumCount'
  | 'initialOwner'
  /** CREATE_EVENT_MANUAL_RESET 1, CREATE_EVENT_INITIAL_SET 2. */
  | 'eventFlags'
  /** CREATE_MUTEX_INITIAL_OWNER 1. */
  | 'mutexFlags'
  /** CREATE_WAITABLE_TIMER_MANUAL_RESET 1. */
  | 'timerFlags'
  | 'sourceProcess'
  | 'sourceHandle'
  | 'targetProcess'
  | 'signalHandle'
  | 'waitHandle'
  | 'irp'
  /** KPROCESSOR_MODE: 0 = a kernel handle or caller, 1 = the requestor's. */
  | 'accessMode'
  | 'handleAttributes'
  | 'threadId'
  /** CLIENT_ID *: process id at 0, thread id at 8. */
  | 'clientId'
  /** An address that is waited at (WaitOnAddress), or a key of a keyed event. */
  | 'waitedAddress'
  /** Of no interest here. */
  | 'other';

export type PointReturn =
  /** LONG: the object's state before (of a mutant 0 = it is free now). */
  | 'previousState'
  /** BOOLEAN: a timer was queued before. */
  | 'wasQueued'
  | 'ntstatus'
  /** NTSTATUS of a wait; see waitOutcome in points.ts. */
  | 'waitStatus'
  /** DWORD of a Win32 wait: the same values, FFFFFFFFh = failed. */
  | 'win32Wait'
  /** BOOL, with the reason in the last error. */
  | 'bool'
  /** A handle; 0 = failed, with the reason in the last error. */
  | 'handle'
  /** A pointer; 0 = failed. */
  | 'object'
  | 'none';

/** Highest IRQL at which the call is allowed, by the documentation of the function. */
export type PointIrql = 'passive' | 'apc' | 'dispatch';

/** A row of a table. */
export interface PointRow {
  /** The exported name. */
  readonly name: string;
  readonly role: PointRole;
  readonly action: PointAction;
  readonly object: PointObject;
  readonly parameters: readonly PointParameter[];
  readonly returns: PointReturn;
  readonly irql?: PointIrql;
  /**
   * Names of the functions through which this one does its work, so that its inner calls are not counted once more; on Wine and Windows
   * alike unless said. Of `wine` only on Wine.
   */
  readonly enters?: readonly string[];
  readonly entersOnWine?: readonly string[];
  /** Wine 8 does not export it (`absent`), or exports a stub that ends the process (`stub`). */
  readonly wine?: 'absent' | 'stub';
  /** What a reader must know, in a sentence. */
  readonly note?: string;
}
