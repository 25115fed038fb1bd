/**
 * Requests and notifications between a client and the agent, as one table of schemas: both ends check what they receive
 * against it. Names are `noun/verb`. Every 64-bit value is a bigint. Paths are Windows paths of the target unless a
 * field says that they are object manager paths.
 */
import * as v from 'valibot';
import { codeRange, debugNotifications, debugRequests } from './agent-debug.js';
import { bytes, i64, ok, text, u32, u64 } from './rpc-values.js';

/** A value that the target cannot tell: why, in a sentence for the user. */
const unavailable = v.strictObject({ unavailable: text });
export type Unavailable = v.InferOutput<typeof unavailable>;
const orUnavailable = <T extends v.GenericSchema>(schema: T) => v.union([schema, unavailable]);

export const serviceState = v.picklist([
  'stopped',
  'startPending',
  'stopPending',
  'running',
  'continuePending',
  'pausePending',
  'paused',
]);
export const serviceStatus = v.strictObject({
  name: text,
  state: serviceState,
  win32ExitCode: u32,
  specificExitCode: u32,
  /** Process that hosts the service; 0 when none or unknown. */
  processId: u32,
  binaryPath: text,
  /** 0 boot, 1 system, 2 auto, 3 demand, 4 disabled. */
  startType: u32,
  loadOrderGroup: text,
});
export type ServiceStatus = v.InferOutput<typeof serviceStatus>;

/** A privilege of the agent's token that it asked for. reason: why it is not enabled, such as ERROR_NOT_ALL_ASSIGNED. */
export const privilegeState = v.strictObject({ name: text, enabled: v.boolean(), reason: v.optional(text) });
export type PrivilegeState = v.InferOutput<typeof privilegeState>;

export const objectState = v.variant('type', [
  v.strictObject({
    type: v.literal('Event'),
    kind: v.picklist(['notification', 'synchronization']),
    signaled: v.boolean(),
  }),
  v.strictObject({ type: v.literal('Semaphore'), count: v.number(), maximum: v.number() }),
  v.strictObject({
    type: v.literal('Mutant'),
    /** 1 = free, 0 or less = held. */
    count: v.number(),
    abandoned: v.boolean(),
    owner: orUnavailable(v.strictObject({ process: u32, thread: u32 })),
  }),
  /** remaining: 100 ns units. */
  v.strictObject({ type: v.literal('Timer'), signaled: v.boolean(), remaining: i64 }),
]);
export type ObjectState = v.InferOutput<typeof objectState>;

export const objectInfo = v.strictObject({
  path: text,
  typeName: text,
  /** Of events, semaphores, mutants, timers. */
  state: v.optional(orUnavailable(objectState)),
  /** Without the agent's own handle. */
  handleCount: orUnavailable(u32),
  /** Approximate on Windows 8 and later. */
  pointerCount: orUnavailable(u32),
  /** Security descriptor as SDDL. */
  sddl: orUnavailable(text),
  /** Of symbolic links. */
  linkTarget: v.optional(orUnavailable(text)),
});
export type ObjectInfo = v.InferOutput<typeof objectInfo>;

/** object: the same number in one answer is the same object. */
export const handleObject = v.strictObject({
  object: u32,
  typeName: text,
  /** Object manager path; undefined: none, or its type does not tell without waiting. */
  name: v.optional(text),
  state: v.optional(orUnavailable(objectState)),
});
export type HandleObject = v.InferOutput<typeof handleObject>;

/** always: also when an import slot that is recorded leads to it. address: its first instruction; undefined: where the catalogue's modules export it. */
const tracepointStop = v.strictObject({ point: text, address: v.optional(u64), always: v.boolean() });

/**
 * `stop`: a breakpoint at `address` that leads to `thunk` (debug/setBreakpoints with `record`) has the recorder see each call. `imported`: an
 * import slot is recorded, and nothing else is needed.
 */
const placedStop = v.variant('kind', [
  v.strictObject({ kind: v.literal('stop'), address: u64, thunk: u64, recorder: v.optional(codeRange) }),
  v.strictObject({ kind: v.literal('imported') }),
  v.strictObject({ kind: v.literal('refused'), why: text }),
]);
export type PlacedStop = v.InferOutput<typeof placedStop>;

export const traceSource = v.variant('type', [
  /** A driver that answers ES_TRACE_IOCTL_*. device: Win32 device path, such as \\.\EventSys. */
  v.strictObject({ type: v.literal('driver'), device: text, slotsPerRing: u32 }),
  /** A section that the agent makes before an application starts. The answer holds the name to hand over. */
  v.strictObject({ type: v.literal('application'), ringCount: u32, slotsPerRing: u32 }),
  /**
   * Import tracepoints in a running process, whatever it knows of traces. side `kernel`: Wine's driver host. points: names of the
   * catalogue; undefined: all that its modules import. modules: file names whose imports are recorded; undefined: those that are not the
   * system's own. Behind the recorder's rings comes one of the agent's, and behind that the program's own when they are asked for.
   */
  v.strictObject({
    type: v.literal('tracepoints'),
    process: u32,
    side: v.picklist(['kernel', 'user']),
    slotsPerRing: u32,
    /** Started with `hold`: its imports may have to be waited for. */
    held: v.optional(v.boolean()),
    points: v.optional(v.pipe(v.array(text), v.maxLength(512))),
    modules: v.optional(v.pipe(v.array(text), v.minLength(1), v.maxLength(64))),
    /** Those of debug/launch: what the program records itself comes too, and its import slots may be none of the points. */
    traceRings: v.optional(v.boolean()),
    /** Functions of which any call is to be recorded. The answer says where the debugger is to stop for that. */
    stops: v.optional(v.pipe(v.array(tracepointStop), v.maxLength(512))),
  }),
]);
export type TraceSource = v.InferOutput<typeof traceSource>;

export const lockRole = v.picklist(['deployer', 'debugger', 'tracer']);
export type LockRole = v.InferOutput<typeof lockRole>;

export const requests = {
  'agent/info': {
    params: ok,
    result: v.strictObject({
      protocolVersion: u32,
      processId: u32,
      sessionId: u32,
      nodeVersion: text,
      /** Such as "10.0.19045". */
      windowsVersion: text,
      /** Undefined on Windows. */
      wineVersion: v.optional(text),
      processorCount: u32,
      qpcFrequency: u64,
      elevated: v.boolean(),
      /** What the agent asked for at its start. */
      privileges: v.optional(v.array(privilegeState)),
      computerName: text,
    }),
  },
  /** Ends debug, trace and process bookkeeping, then the agent. Processes it started with endWithAgent are ended. */
  'agent/shutdown': { params: ok, result: ok },

  'lock/acquire': {
    params: v.strictObject({ role: lockRole, subject: text, holder: text }),
    result: v.union([
      v.strictObject({ acquired: v.literal(true) }),
      v.strictObject({ acquired: v.literal(false), holder: text }),
    ]),
  },
  /** Who holds it, without taking it; holder undefined: nobody. */
  'lock/query': {
    params: v.strictObject({ role: lockRole, subject: text }),
    result: v.strictObject({ holder: v.optional(text) }),
  },
  'lock/release': { params: v.strictObject({ role: lockRole, subject: text }), result: ok },

  'service/create': {
    params: v.strictObject({ name: text, displayName: text, binaryPath: text, loadOrderGroup: v.optional(text) }),
    result: serviceStatus,
  },
  /** Waits until running or failed, at most timeoutMs; the real state is followed past the control manager's own 10 s. */
  'service/start': { params: v.strictObject({ name: text, timeoutMs: u32 }), result: serviceStatus },
  'service/stop': { params: v.strictObject({ name: text, timeoutMs: u32 }), result: serviceStatus },
  /** The load-order group: '' for none. Under Wine drivers of one group share a host process. */
  'service/setGroup': { params: v.strictObject({ name: text, loadOrderGroup: text }), result: serviceStatus },
  'service/delete': { params: v.strictObject({ name: text }), result: ok },
  /** result undefined: no such service. */
  'service/query': {
    params: v.strictObject({ name: text }),
    result: v.strictObject({ status: v.optional(serviceStatus) }),
  },
  'service/list': {
    params: v.strictObject({ drivers: v.boolean() }),
    result: v.strictObject({ services: v.array(serviceStatus) }),
  },

  /**
   * Where a driver's binary is loaded; image undefined: nowhere. process: its host under Wine, 0 on Windows. size: bytes, 0 when the
   * target does not tell.
   */
  'driver/image': {
    params: v.strictObject({ binaryPath: text }),
    result: v.strictObject({
      image: v.optional(v.strictObject({ process: u32, base: orUnavailable(u64), size: u32 })),
    }),
  },

  'process/start': {
    params: v.strictObject({
      program: text,
      /** One string per argument; the agent quotes them as CommandLineToArgvW reads them. */
      arguments: v.array(text),
      workingFolder: v.optional(text),
      environment: v.optional(v.record(text, text)),
      /** End it when the agent or its client goes away. */
      endWithAgent: v.boolean(),
      /** Held at its first own instruction until process/release, with all imports bound: for tracepoints from its beginning. */
      hold: v.optional(v.boolean()),
    }),
    result: v.strictObject({ process: u32 }),
  },
  'process/release': { params: v.strictObject({ process: u32 }), result: ok },
  /** Ends the process with exitCode (TerminateProcess). */
  'process/end': { params: v.strictObject({ process: u32, exitCode: u32 }), result: ok },
  'process/list': {
    params: ok,
    result: v.strictObject({
      processes: v.array(
        v.strictObject({ process: u32, parent: u32, name: text, session: u32, threads: u32, handles: u32 }),
      ),
    }),
  },

  'file/write': {
    /** Written at offset; truncates to `truncateTo` first when given. Data comes in pieces of at most 4 MiB. */
    params: v.strictObject({ path: text, offset: u64, data: bytes, truncateTo: v.optional(u64) }),
    result: ok,
  },
  'file/read': {
    params: v.strictObject({ path: text, offset: u64, length: u32 }),
    result: v.strictObject({ data: bytes }),
  },
  'file/stat': {
    params: v.strictObject({ path: text }),
    result: v.strictObject({
      entry: v.optional(v.strictObject({ kind: v.picklist(['file', 'folder']), size: u64, modifiedMs: v.number() })),
    }),
  },
  'file/hash': { params: v.strictObject({ path: text }), result: v.strictObject({ sha256: v.optional(text) }) },
  'file/makeFolder': { params: v.strictObject({ path: text }), result: ok },
  /** A file or a folder with all in it; no error when it is not there. */
  'file/remove': { params: v.strictObject({ path: text }), result: ok },
  'file/rename': { params: v.strictObject({ from: text, to: text }), result: ok },

  /**
   * Entries come as bulk frames of kind DirectoryEntries on `stream`, first ones at once; the answer comes at the end. longestSliceMs: the
   * longest that the walk went on without a rest, where somebody else shares the target with it.
   */
  'object/list': {
    params: v.strictObject({ path: text, stream: u32 }),
    result: v.strictObject({ count: u32, longestSliceMs: v.optional(v.number()), sessionDirectory: text }),
  },
  /** One answer per path, in order; an entry that cannot be opened carries its status. */
  'object/query': {
    params: v.strictObject({
      items: v.pipe(v.array(v.strictObject({ path: text, typeName: text })), v.maxLength(4_096)),
    }),
    result: v.strictObject({ objects: v.array(v.union([objectInfo, v.strictObject({ path: text, status: u32 })])) }),
  },
  /** previous: signal state before (pulse, set, reset). */
  'object/change': {
    params: v.strictObject({ path: text, action: v.picklist(['set', 'reset', 'pulse']) }),
    result: v.strictObject({ previous: v.number() }),
  },
  /** Removes the name of a permanent symbolic link, as NtMakeTemporaryObject does: one that a dead driver has left. */
  'object/removeLink': { params: v.strictObject({ path: text }), result: ok },
  /** Processes with a handle to the object at path. */
  'object/holders': {
    params: v.strictObject({ path: text, typeName: text }),
    result: v.strictObject({
      holders: v.array(v.strictObject({ process: u32, processName: text, handle: u64, grantedAccess: u32 })),
    }),
  },

  /** One answer a handle of any process; null: there is none with that value. */
  'object/ofHandles': {
    params: v.strictObject({
      handles: v.pipe(v.array(v.strictObject({ process: u32, handle: u64 })), v.maxLength(1_024)),
    }),
    result: v.strictObject({ objects: v.array(v.nullable(handleObject)) }),
  },

  /** DeviceIoControl on a handle opened for this call. status: NTSTATUS of the call, 0 for success. */
  'device/control': {
    params: v.strictObject({ device: text, code: u32, input: bytes, outputBytes: u32, timeoutMs: u32 }),
    result: v.strictObject({ status: u32, win32Error: u32, output: bytes }),
  },

  /** Begins draining; slots come as bulk frames on `stream`. sources in the order of the request. */
  'trace/start': {
    params: v.strictObject({ stream: u32, sources: v.pipe(v.array(traceSource), v.minLength(1), v.maxLength(64)) }),
    result: v.strictObject({
      sources: v.array(
        v.strictObject({
          source: u32,
          sectionName: v.optional(text),
          ringCount: u32,
          slotsPerRing: u32,
          /** Of tracepoints: names of the points that import slots lead to. */
          imported: v.optional(v.array(text)),
          /** One answer a stop that was asked for. */
          stops: v.optional(v.array(placedStop)),
          /** Of tracepoints: id of the recorder's own thread, which is not to be recorded. */
          recorderThread: v.optional(u32),
        }),
      ),
      qpcFrequency: u64,
    }),
  },
  /** Stops recording, drains what is left, and answers when the last bulk frame was sent. */
  'trace/stop': {
    params: v.strictObject({ stream: u32 }),
    result: v.strictObject({
      sources: v.array(v.strictObject({ source: u32, slots: u64, lost: u64, error: v.optional(text) })),
    }),
  },
  'stream/credit': { params: v.strictObject({ stream: u32, bytes: u32 }), result: ok },

  /** Lines of a text file as they are appended (the test machine's DbgPrint log), as dbgPrint/lines notifications. */
  'dbgPrint/start': { params: ok, result: v.strictObject({ available: v.boolean(), reason: v.optional(text) }) },
  'dbgPrint/stop': { params: ok, result: ok },

  ...debugRequests,
} as const;

export const notifications = {
  /** Output of a started process. stream: 1 standard output, 2 standard error. */
  'process/output': v.strictObject({ process: u32, stream: v.picklist([1, 2]), data: bytes }),
  /** After the last process/output of that process. */
  'process/exited': v.strictObject({ process: u32, exitCode: u32 }),
  'dbgPrint/lines': v.strictObject({
    lines: v.array(v.strictObject({ utcMs: v.number(), text })),
  }),
  /** Something the user should know that no request asked for. */
  'agent/notice': v.strictObject({ level: v.picklist(['info', 'warning', 'error']), message: text }),

  ...debugNotifications,
} as const;

export type RequestName = keyof typeof requests;
export type RequestParams<N extends RequestName> = v.InferInput<(typeof requests)[N]['params']>;
export type RequestResult<N extends RequestName> = v.InferOutput<(typeof requests)[N]['result']>;
export type NotificationName = keyof typeof notifications;
export type NotificationParams<N extends NotificationName> = v.InferOutput<(typeof notifications)[N]>;

/** JSON-RPC error code of every failed request of ours; `data` tells what failed. */
export const AGENT_ERROR_CODE = -32_050;
export const agentErrorData = v.strictObject({
  /** The call that failed, by its Windows name, such as "StartServiceW". */
  call: text,
  /** NTSTATUS or Win32 error, as `space` says. */
  code: u32,
  space: v.picklist(['ntstatus', 'win32', 'none']),
});
export type AgentErrorData = v.InferOutput<typeof agentErrorData>;
