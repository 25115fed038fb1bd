/**
 * Mirror of driver/tracepoints/tracepoints.h, which tells the meaning of each field; test/native/tracepoints.test.ts compares every
 * number here with the compiler's own.
 */
export const ES_TP_NONE = 0xff;
export const ES_TP_MAX_RINGS = 64;
export const ES_TP_MAX_STACK_ARGUMENTS = 8;
export const ES_TP_SLOT_WIN32 = 1;

/** ES_TP_PARAMETER: index in `at` of a slot. */
export const TRACEPOINT_PARAMETER = {
  Object: 0,
  List: 1,
  Count: 2,
  Timeout: 3,
  Milliseconds: 4,
  DueTime: 5,
  DueTimePointer: 6,
  Period: 7,
  Previous: 8,
  Adjustment: 9,
  WaitFollows: 10,
  Alertable: 11,
  WaitType: 12,
  WaitAll: 13,
  Attributes: 14,
  UnicodeName: 15,
  WideName: 16,
  NarrowName: 17,
  NewHandle: 18,
  NewObject: 19,
  Access: 20,
  ManualReset: 21,
  InitialState: 22,
  EventType: 23,
  InitialCount: 24,
  InitialOwner: 25,
  EventFlags: 26,
  MutexFlags: 27,
  TimerFlags: 28,
  SourceProcess: 29,
  TargetProcess: 30,
  Signal: 31,
  ClientId: 32,
} as const;

/** ES_TP_RETURN. */
export const TRACEPOINT_RETURN = {
  None: 0,
  Status: 1,
  Win32Wait: 2,
  Bool: 3,
  Handle: 4,
  Object: 5,
  Previous: 6,
  Queued: 7,
} as const;

/** ES_TP_STATE. */
export const TRACEPOINT_STATE = { Starting: 0, Ready: 1, Restored: 2 } as const;

/** Byte offsets in ES_TP_SLOT. */
export const TRACEPOINT_SLOT_OFFSET = {
  target: 0,
  control: 8,
  importSlot: 16,
  thunk: 24,
  kind: 32,
  recordFlags: 34,
  flags: 35,
  returns: 36,
  objectType: 37,
  stackArguments: 38,
  at: 40,
} as const;
export const TRACEPOINT_SLOT_BYTES = 128;
/** Entries of `at`. */
export const TRACEPOINT_POSITIONS = 40;

/** Byte offsets in ES_TP_CONTROL. */
export const TRACEPOINT_CONTROL_OFFSET = {
  enabled: 0,
  useRdtscp: 4,
  processorKnown: 8,
  process: 12,
  area: 16,
  slots: 24,
  slotCount: 32,
  state: 36,
  restored: 40,
  functionCount: 44,
  image: 48,
  functions: 56,
  agent: 64,
  stop: 72,
  NtWaitForMultipleObjects: 80,
  NtProtectVirtualMemory: 88,
  NtQueryPerformanceCounter: 96,
  NtQuerySystemTime: 104,
  NtQueryInformationProcess: 112,
  NtClose: 120,
  RtlAddFunctionTable: 128,
  NtDelayExecution: 136,
  NtUnmapViewOfSection: 144,
  startTicks: 152,
  installed: 160,
  unmapped: 164,
  NtDuplicateObject: 168,
  NtCompareObjects: 176,
  NtQueryObject: 184,
  ObOpenObjectByPointer: 192,
  known: 200,
  knownCount: 208,
  wrapperCount: 212,
  wrappers: 216,
  writers: 256,
} as const;
export const TRACEPOINT_CONTROL_BYTES = 256 + ES_TP_MAX_RINGS * 64 + 64 * 32 + 128 * 8;

/** Byte offsets in ES_TP_KNOWN. */
export const TRACEPOINT_KNOWN_OFFSET = { process: 0, handle: 8, processId: 16 } as const;
export const TRACEPOINT_KNOWN_BYTES = 24;

/** Byte offsets in ES_TP_WRAPPER. */
export const TRACEPOINT_WRAPPER_OFFSET = { from: 0, to: 8, frame: 16 } as const;
export const TRACEPOINT_WRAPPER_BYTES = 24;

/** Bytes from one thunk to the next: mov r11, slot (10 bytes); jmp EsTpCommon (5 bytes); int3. */
export const THUNK_BYTES = 16;

/**
 * The recorder's code behind its call of the recorded function: mov [rsp+88h], rax; movaps [rsp+0D0h], xmm0. Who finds a return address that
 * leads there stands in that function, and was called by the address at {@link RECORDER_CALLER} from its RSP at its first instruction.
 */
export const RECORDER_RETURN = Uint8Array.of(
  0x48,
  0x89,
  0x84,
  0x24,
  0x88,
  0,
  0,
  0,
  0x0f,
  0x29,
  0x84,
  0x24,
  0xd0,
  0,
  0,
  0,
);
export const RECORDER_CALLER = 8n + 0x118n;

export const isRecorderReturn = (code: Uint8Array): boolean =>
  code.length >= RECORDER_RETURN.length && RECORDER_RETURN.every((byte, index) => code[index] === byte);
