/**
 * What the debugger stands on: one interface, two engines. `win32` is the agent's debug loop, `kd` the kernel protocol.
 * Above it everything is shared (breakpoint bookkeeping by source, symbols, unwinding, stepping by line, signal points).
 * A session may hold several engines and shows one list of threads. Nothing here knows DAP, VS Code or PDBs.
 *
 * Addresses are virtual addresses of one address space (u64 as bigint, canonical). An engine keeps what it inserted out of what it
 * gives: bytes read under its own breakpoints are the original ones.
 */
import type { Filter } from '../machine/conditions.js';
import type { RunSource, RunTotal, TraceSink } from '../target/run.js';

export type Side = 'kernel' | 'user';

/** An address space: of a process, or of the kernel. The engine's own key; stable while the process lives, never reused. */
export type SpaceId = string;
/** A thread as the engine knows it; stable while the thread lives, never reused. */
export type ThreadId = string;

export interface EngineProcess {
  readonly space: SpaceId;
  /** Process id on the target; 4 or 0 for the kernel itself. */
  readonly processId: number;
  /** File name without a folder, such as eventapp.exe. */
  readonly name: string;
  /** The driver host of Wine is `kernel`: what runs there stands for the kernel. */
  readonly side: Side;
}

export interface EngineThread {
  readonly thread: ThreadId;
  readonly space: SpaceId;
  /** Thread id on the target. */
  readonly threadId: number;
  /** What a person calls it, if the target tells: "timer DPC", "dispatch", a name set by SetThreadDescription. */
  readonly name?: string;
  /** Where its own code began, when the target tells. */
  readonly startAddress?: bigint;
  /** Why it waits, in words, when the target tells (kd). */
  readonly state?: string;
}

export interface EngineModule {
  readonly space: SpaceId;
  readonly base: bigint;
  /** Bytes of address space. */
  readonly size: number;
  /** File name without a folder, such as eventsys.sys. */
  readonly name: string;
  /** Windows path on the target, when it is known. */
  readonly path?: string;
  readonly timeDateStamp?: number;
}

export type MemoryRange = { readonly address: bigint; readonly length: number };

/** CONTEXT of x64 (winnt.h): 1,232 bytes. Access by name: machine/x64-context.ts. */
export type RegisterBytes = Uint8Array;

export type BreakpointKind = 'software' | 'execute' | 'write' | 'readwrite';

export interface BreakpointRequest {
  readonly space: SpaceId;
  readonly address: bigint;
  /** `execute`, `write` and `readwrite` use debug registers: four in all. */
  readonly kind: BreakpointKind;
  /** Bytes watched, for write and readwrite: 1, 2, 4 or 8. */
  readonly length?: number;
  /** Only this thread stops. */
  readonly thread?: ThreadId;
  /** Decided on the target (win32) or from the stop report (kd): a hit that does not pass goes on and is counted apart. */
  readonly filter?: Filter;
  /** So many passing hits are counted and gone on from; it stops at those after. */
  readonly ignoreCount?: number;
  /**
   * Index in the catalogue of points (machine/points.ts) of the function whose first instruction the address is, or its return with
   * atReturn: a filter then knows the arguments (event, object, handle, address, timeout, previous, point).
   */
  readonly point?: number;
  /** Of a `write` on a dispatcher object's SignalState: only writes that leave it so count (where `tellsWaiters`). */
  readonly leaves?: 'signaled' | 'notSignaled';
  /** Removed by the engine at its first stop: the target of a step or a "run to". */
  readonly once?: boolean;
  /** The address is a return instruction: RAX is the result of the function, which a filter may ask for as `status`. */
  readonly atReturn?: boolean;
}

/** Calls of a point that are to be recorded, without stopping for a person. */
export interface TracepointRequest {
  readonly space: SpaceId;
  /** Index in the catalogue of points (machine/points.ts); its side is that of the space. */
  readonly point: number;
  /**
   * `import`: at import slots, no stop at all. `stopping`: at the function itself, whoever calls it. Undefined: the first where a slot leads
   * to the function, else the second. `import` alone is for points that come along, such as those of life cycles. `ring`: the program
   * records its calls itself, into the trace rings that {@link Engine.hasTraceRings} tells of.
   */
  readonly mechanism?: 'import' | 'stopping' | 'ring';
  /** First instruction of the function; undefined: the engine finds its export. */
  readonly address?: bigint;
  /** Decided on the target: hits that do not pass are counted apart. A point with a filter is a stopping one. */
  readonly filter?: Filter;
}

export interface TracepointOptions extends EngineRequestOptions {
  /** Slots of each ring, a power of two. */
  readonly slotsPerRing?: number;
  /** File names (lower case) of modules whose import slots are used, by space; default: all that are not the system's. */
  readonly modules?: ReadonlyMap<SpaceId, readonly string[]>;
  readonly sink: TraceSink;
  /** Called once, before the first slots: a source for each space. */
  onSources(sources: readonly RunSource[], qpcFrequency: bigint): void;
}

/** How a tracepoint is served. `none`: it is not, see `why`. */
export type ServedTracepoint =
  | { readonly mechanism: 'import' | 'ring' }
  | { readonly mechanism: 'stopping'; /** Its counters come with `hits`. */ readonly breakpoint: BreakpointId }
  | { readonly mechanism: 'none'; readonly why: string };

export interface RunningTracepoints {
  /** In the order of the requests. */
  readonly points: readonly ServedTracepoint[];
  /** Puts everything back; what was recorded until then has come to the sink. Also when the processes have ended. */
  stop(): Promise<readonly RunTotal[]>;
}

/** What a handle of a process stands for. */
export interface HandleObject {
  /** The same number in one answer is the same object; in another answer it means nothing. */
  readonly object: number;
  /** `Event`, `Semaphore`, `Mutant`, `Timer`, `Thread`, ... */
  readonly typeName: string;
  /** Object manager path; undefined: none, or not known. */
  readonly name?: string | undefined;
  /** "signaled, notification", or why it is not known. */
  readonly state: string;
  readonly isSignaled?: boolean | undefined;
  /** Threads in its wait list, first the one that is satisfied first; undefined where the target keeps none that can be read. */
  readonly waiters?: readonly ThreadId[];
}

export interface NamedObject {
  /** Of its dispatcher header. */
  readonly address: bigint;
  /** "notification event", "semaphore", ... */
  readonly type: string;
}

/** Of the engine; never reused. */
export type BreakpointId = number;

export interface HitCounts {
  readonly hits: number;
  /** Hits whose filter said no. */
  readonly filtered: number;
}

export type StopReason =
  | { readonly kind: 'breakpoint'; readonly breakpoints: readonly BreakpointId[] }
  | { readonly kind: 'data'; readonly breakpoints: readonly BreakpointId[] }
  | { readonly kind: 'step' }
  | { readonly kind: 'pause' }
  /** Launched, with its modules loaded, before its first instruction. */
  | { readonly kind: 'entry' }
  /** A module of interest was loaded and has not run yet (asked for by stopOnLoad). */
  | { readonly kind: 'moduleLoad'; readonly module: EngineModule }
  | {
      readonly kind: 'exception';
      readonly code: number;
      readonly address: bigint;
      readonly firstChance: boolean;
      readonly parameters: readonly bigint[];
    }
  /** A breakpoint instruction that is not ours (DbgBreakPoint, __debugbreak). */
  | { readonly kind: 'foreignBreakpoint' }
  /** kd: the machine crashed. */
  | { readonly kind: 'bugcheck'; readonly code: number; readonly parameters: readonly bigint[] };

export interface Stop {
  readonly thread: ThreadId;
  readonly reason: StopReason;
  /** Registers of the stopping thread: no request is needed for the first frame. */
  readonly registers: RegisterBytes;
  /** Memory that came along (stack, bytes around RIP): put it into the cache for this stop. */
  readonly memory: readonly { readonly address: bigint; readonly data: Uint8Array }[];
  /** Whether every debugged process is held until resume. */
  readonly allStopped: boolean;
  /** When it stopped by the target's own clock, ms since 1970, where that is known. */
  readonly utcMs?: number;
  /** Requests on the wire since the target said that it stopped; for the UI and the bench. */
  readonly roundTrips: number;
}

export interface FrozenTime {
  readonly fromUtcMs: number;
  readonly untilUtcMs: number;
}

export type EngineEvent =
  | { readonly type: 'processStarted'; readonly process: EngineProcess }
  | { readonly type: 'processExited'; readonly process: EngineProcess; readonly exitCode: number }
  /** The debugger has left it, and it goes on. */
  | { readonly type: 'processDetached'; readonly process: EngineProcess }
  | { readonly type: 'threadStarted'; readonly thread: EngineThread }
  | { readonly type: 'threadExited'; readonly thread: EngineThread }
  | { readonly type: 'moduleLoaded'; readonly module: EngineModule }
  | { readonly type: 'moduleUnloaded'; readonly module: EngineModule }
  | { readonly type: 'stopped'; readonly stop: Stop }
  /**
   * The target went on, by us or by itself (a reboot). frozen: from when to when it stood still by its own clock, ms since 1970, where
   * that is known; it is no latency of the program's.
   */
  | { readonly type: 'resumed'; readonly frozen?: FrozenTime }
  | {
      readonly type: 'output';
      readonly category: 'debug' | 'stdout' | 'stderr' | 'console';
      readonly text: string;
      readonly space?: SpaceId;
    }
  /** A breakpoint's counters, batched; at most a few a second. */
  | {
      readonly type: 'hits';
      readonly counts: readonly { readonly breakpoint: BreakpointId; readonly counts: HitCounts }[];
    }
  /** A request could not be kept (module unloaded with the breakpoint in it, debug registers full). */
  | { readonly type: 'breakpointLost'; readonly breakpoint: BreakpointId; readonly why: string }
  /** Link or agent is gone; nothing follows. */
  | { readonly type: 'ended'; readonly error: Error | undefined };

export interface EngineCapabilities {
  readonly dataBreakpoints: number;
  /** What a data breakpoint cannot see here, for the user; undefined when it sees all writes. */
  readonly dataBreakpointLimit?: string;
  readonly canWriteMemory: boolean;
  /** A space that is part of every other one: kd's kernel. Its modules are in each process's call stacks. */
  readonly sharedSpace?: SpaceId;
  /** Whole target stops (kd), or the debugged processes alone (win32). */
  readonly stopsWholeMachine: boolean;
  /** Objects are told with their wait lists, and asked for by address too: kd. */
  readonly tellsWaiters?: boolean;
}

export interface EngineRequestOptions {
  readonly signal?: AbortSignal;
}

/**
 * Every call rejects with EventscopeError (`debug.*` or the transport's own id), or CancelledError. Calls that need a stopped target
 * (registers, step) reject with `debug.running` while it runs. Memory and breakpoints work in both states.
 */
export interface Engine {
  readonly kind: 'win32' | 'kd';
  /** Target's name, for messages. */
  readonly target: string;
  readonly capabilities: EngineCapabilities;
  onEvent(listener: (event: EngineEvent) => void): () => void;

  processes(): readonly EngineProcess[];
  threads(): readonly EngineThread[];
  modules(space: SpaceId): readonly EngineModule[];

  /** One answer for each range, in order: the readable beginning of it, possibly shorter, undefined when not even its first byte is. */
  readMemory(
    space: SpaceId,
    ranges: readonly MemoryRange[],
    options?: EngineRequestOptions,
  ): Promise<readonly (Uint8Array | undefined)[]>;
  /** Writes all or rejects with `debug.memory`, naming the first address that was refused. Keeps breakpoints in the range armed. */
  writeMemory(space: SpaceId, address: bigint, data: Uint8Array, options?: EngineRequestOptions): Promise<void>;
  readRegisters(thread: ThreadId, options?: EngineRequestOptions): Promise<RegisterBytes>;
  writeRegisters(thread: ThreadId, registers: RegisterBytes, options?: EngineRequestOptions): Promise<void>;

  /** Vectored: one round trip. Each answer is an id, or the error that this one met. */
  setBreakpoints(
    requests: readonly BreakpointRequest[],
    options?: EngineRequestOptions,
  ): Promise<readonly (BreakpointId | Error)[]>;
  removeBreakpoints(breakpoints: readonly BreakpointId[], options?: EngineRequestOptions): Promise<void>;
  /**
   * One answer each; undefined: no such handle now. Absent where the target does not tell. Engines whose capabilities say `tellsWaiters` take
   * the address of an object in the kernel for a handle.
   */
  queryHandles?(
    handles: readonly { readonly space: SpaceId; readonly handle: bigint }[],
    options?: EngineRequestOptions,
  ): Promise<readonly (HandleObject | undefined)[]>;

  /**
   * Records calls of points in rings of the trace's own layout. Settles when it records; a target that is stopped records when it goes on
   * again. Absent where the engine cannot. @throws EventscopeError `debug.tracepoint`, `agent.*`
   */
  startTracepoints?(requests: readonly TracepointRequest[], options: TracepointOptions): Promise<RunningTracepoints>;

  /** Whether a process was given trace rings: a program that is built with eventscope_trace.h records its calls there. */
  hasTraceRings?(space: SpaceId): boolean;

  /** The dispatcher object at a path of the object manager; undefined: there is none. Absent where the target does not tell. */
  objectNamed?(path: string): Promise<NamedObject | undefined>;

  /**
   * The thread of a process with this id on the target, when it waits for an alert by its id: the wait under WaitOnAddress, SRW locks,
   * condition variables and critical sections. Absent where the target does not tell.
   */
  threadWaitingForAlert?(space: SpaceId, threadId: number): Promise<ThreadId | undefined>;

  hitCounts(breakpoints: readonly BreakpointId[]): ReadonlyMap<BreakpointId, HitCounts>;
  /** Names (lower case, `eventsys.sys`) whose load stops the target before their first instruction. */
  stopOnLoad(names: readonly string[]): Promise<void>;

  /** Goes on with everything. A first-chance exception is passed to the program when passException says so. */
  resume(options?: EngineRequestOptions & { readonly passException?: boolean }): Promise<void>;
  /**
   * One instruction of this thread; the others stay held unless runOthers. Settles when the target runs; the stop comes as event.
   * A range repeats on the target until RIP leaves [from, to), a breakpoint is met or a call is entered (callee frames run by the
   * engine's own return breakpoint when stepOverCalls): stepping by line costs one round trip.
   */
  step(
    thread: ThreadId,
    options?: EngineRequestOptions & {
      readonly range?: { readonly from: bigint; readonly to: bigint };
      readonly stepOverCalls?: boolean;
      readonly runOthers?: boolean;
    },
  ): Promise<void>;
  /** Stops a running target; the stop comes as event. Bounded: `debug.pause` when nothing stopped in 10 s. */
  pause(): Promise<void>;
  /** Removes everything that was inserted and leaves both sides running. */
  detach(): Promise<void>;
  /** Ends what was launched; what was attached to is detached from. */
  terminate(): Promise<void>;
}
