/**
 * Debugging through the agent: requests and notifications, in the tables of agent-rpc.ts. Spaces (address spaces, one a process),
 * threads and breakpoints are numbers that the agent gives out and never uses again. Addresses are u64. Several processes stop and go
 * on together.
 */
import * as v from 'valibot';
import { ok, text, u32, u64 } from './rpc-values.js';

const bytes = v.custom<Uint8Array>((value) => value instanceof Uint8Array);
const space = u32;
const thread = u32;
const breakpointId = u32;

/** CONTEXT of x64: machine/x64-context.ts. */
const registers = v.pipe(
  bytes,
  v.check((context) => context.length === 1_232, 'A CONTEXT has 1,232 bytes'),
);

/** Of one request: bytes read. */
export const MAX_READ_BYTES = 16 * 1024 * 1024;
export const MAX_BREAKPOINTS = 4_096;
const ranges = v.pipe(
  v.array(v.strictObject({ address: u64, length: v.pipe(u32, v.maxValue(MAX_READ_BYTES)) })),
  v.maxLength(1_024),
);

/** from <= address < to */
export const codeRange = v.strictObject({ from: u64, to: u64 });

export const debugBreakpoint = v.strictObject({
  space,
  address: u64,
  kind: v.picklist(['software', 'execute', 'write', 'readwrite']),
  /** Bytes watched, for write and readwrite. */
  length: v.optional(v.picklist([1, 2, 4, 8])),
  thread: v.optional(thread),
  /** A parsed condition, as machine/conditions.ts makes it; plain data. */
  filter: v.optional(v.looseObject({ text })),
  ignoreCount: v.optional(u32),
  /** Index in the catalogue of points of the function whose first instruction (or return) the address is: a condition reads its arguments. */
  point: v.optional(u32),
  /**
   * Records and goes on: a stopping tracepoint. A hit that passes goes to `thunk`, which trace/start has made (`stops` of its source): the
   * recorder in the process itself records entry and return. exceptThread: the recorder's own. recorder: a call from there is the recorder's
   * own call of the function, which it has recorded already.
   */
  record: v.optional(v.strictObject({ thunk: u64, exceptThread: u32, recorder: v.optional(codeRange) })),
  once: v.optional(v.boolean()),
  /** The address is a return instruction: RAX is the result of the function, which a condition may ask for as `status`. */
  atReturn: v.optional(v.boolean()),
});
export type DebugBreakpoint = v.InferOutput<typeof debugBreakpoint>;

const debugModule = v.strictObject({
  space,
  base: u64,
  size: u32,
  name: text,
  path: v.optional(text),
  timeDateStamp: v.optional(u32),
});
export type DebugModule = v.InferOutput<typeof debugModule>;

export const debugStopReason = v.variant('kind', [
  v.strictObject({ kind: v.literal('breakpoint'), breakpoints: v.array(breakpointId) }),
  v.strictObject({ kind: v.literal('data'), breakpoints: v.array(breakpointId) }),
  v.strictObject({ kind: v.literal('step') }),
  v.strictObject({ kind: v.literal('pause') }),
  /** Launched, with its modules loaded, before its first instruction. */
  v.strictObject({ kind: v.literal('entry') }),
  v.strictObject({ kind: v.literal('moduleLoad'), module: debugModule }),
  v.strictObject({
    kind: v.literal('exception'),
    code: u32,
    address: u64,
    firstChance: v.boolean(),
    parameters: v.array(u64),
  }),
  v.strictObject({ kind: v.literal('foreignBreakpoint') }),
]);
export type DebugStopReason = v.InferOutput<typeof debugStopReason>;

const memoryPiece = v.strictObject({ address: u64, data: bytes });

/** In the order in which they happened. Times are ms since 1970 by the target's clock. */
export const debugEvent = v.variant('type', [
  v.strictObject({ type: v.literal('processStarted'), space, process: u32, name: text }),
  v.strictObject({ type: v.literal('processExited'), space, exitCode: u32 }),
  v.strictObject({
    type: v.literal('threadStarted'),
    space,
    thread,
    threadId: u32,
    startAddress: u64,
    name: v.optional(text),
  }),
  /** A thread's name was given or changed later. */
  v.strictObject({ type: v.literal('threadNamed'), thread, name: text }),
  v.strictObject({ type: v.literal('threadExited'), thread, exitCode: u32 }),
  v.strictObject({ type: v.literal('moduleLoaded'), module: debugModule }),
  v.strictObject({ type: v.literal('moduleUnloaded'), space, base: u64 }),
  v.strictObject({
    type: v.literal('stopped'),
    thread,
    reason: debugStopReason,
    registers,
    memory: v.array(memoryPiece),
    allStopped: v.boolean(),
    utcMs: v.number(),
  }),
  /** The stop is over: everything stood still in between. */
  v.strictObject({ type: v.literal('resumed'), fromUtcMs: v.number(), untilUtcMs: v.number() }),
  v.strictObject({ type: v.literal('output'), space, text }),
  v.strictObject({
    type: v.literal('hits'),
    counts: v.array(v.strictObject({ breakpoint: breakpointId, hits: u64, filtered: u64 })),
  }),
  v.strictObject({ type: v.literal('breakpointLost'), breakpoint: breakpointId, why: text }),
  /** Detached from, and it goes on. */
  v.strictObject({ type: v.literal('detached'), space }),
]);
export type DebugEvent = v.InferOutput<typeof debugEvent>;

export const debugRequests = {
  /**
   * Starts a program under the debugger and stops it (reason `entry`) before its first instruction. Output and end come as
   * process/output and process/exited. It ends with the agent, unless it was detached from.
   */
  'debug/launch': {
    params: v.strictObject({
      program: text,
      arguments: v.array(text),
      workingFolder: v.optional(text),
      environment: v.optional(v.record(text, text)),
      /** Rings for a program that is built with eventscope_trace.h. Nothing is recorded there until trace/start asks for them. */
      traceRings: v.optional(v.strictObject({ ringCount: u32, slotsPerRing: u32 })),
    }),
    result: v.strictObject({ space, process: u32 }),
  },
  /** It goes on running. The answer comes when its threads and modules have been told. */
  'debug/attach': { params: v.strictObject({ process: u32 }), result: v.strictObject({ space }) },
  /** freezeOthers: a stop holds every debugged process (default), or only the one that stopped. */
  'debug/configure': {
    params: v.strictObject({
      freezeOthers: v.optional(v.boolean()),
      /** Names, lower case, whose load stops before their first instruction. */
      stopOnLoad: v.optional(v.pipe(v.array(text), v.maxLength(256))),
      /** First-chance exceptions with these codes stop; others go to the program, and stop when it does not handle them. */
      stopOnExceptions: v.optional(v.pipe(v.array(u32), v.maxLength(256))),
    }),
    result: ok,
  },
  /** One answer a range: its readable beginning, null when not even the first byte is readable. */
  'debug/read': {
    params: v.strictObject({ space, ranges }),
    result: v.strictObject({ data: v.array(v.nullable(bytes)) }),
  },
  /** All or nothing. refused: the first address that cannot be written. */
  'debug/write': {
    params: v.strictObject({ space, address: u64, data: bytes }),
    result: v.strictObject({ refused: v.optional(u64) }),
  },
  'debug/registers': {
    params: v.strictObject({ threads: v.pipe(v.array(thread), v.maxLength(1_024)) }),
    result: v.strictObject({ registers: v.array(registers) }),
  },
  'debug/setRegisters': { params: v.strictObject({ thread, registers }), result: ok },
  /** One answer a breakpoint: its id, or why it cannot be set. */
  'debug/setBreakpoints': {
    params: v.strictObject({ breakpoints: v.pipe(v.array(debugBreakpoint), v.maxLength(MAX_BREAKPOINTS)) }),
    result: v.strictObject({
      breakpoints: v.array(v.union([v.strictObject({ id: breakpointId }), v.strictObject({ error: text })])),
    }),
  },
  'debug/removeBreakpoints': {
    params: v.strictObject({ breakpoints: v.pipe(v.array(breakpointId), v.maxLength(MAX_BREAKPOINTS)) }),
    result: ok,
  },
  'debug/resume': { params: v.strictObject({ passException: v.optional(v.boolean()) }), result: ok },
  'debug/step': {
    params: v.strictObject({
      thread,
      range: v.optional(v.strictObject({ from: u64, to: u64 })),
      stepOverCalls: v.optional(v.boolean()),
      runOthers: v.optional(v.boolean()),
    }),
    result: ok,
  },
  'debug/pause': { params: ok, result: ok },
  /** Takes out what was inserted and lets everything go on. space undefined: all. */
  'debug/detach': { params: v.strictObject({ space: v.optional(space) }), result: ok },
  /** Ends what was launched, detaches from the rest. */
  'debug/terminate': { params: ok, result: ok },
} as const;

export const debugNotifications = {
  'debug/events': v.strictObject({ events: v.array(debugEvent) }),
} as const;
