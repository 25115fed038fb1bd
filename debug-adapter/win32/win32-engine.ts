/**
 * The win32 engine: the agent's debug loop behind the engine interface. It debugs an application on any target, and under Wine the driver
 * host too. It deploys nothing: what it launches is on the target already.
 */
import type { DebugEvent, DebugStopReason } from '../../protocol/agent-debug.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { RequestName, RequestParams, RequestResult } from '../../protocol/agent-rpc.js';
import type { AgentClient } from '../../target/agent-client.js';
import type {
  BreakpointId,
  BreakpointRequest,
  Engine,
  EngineCapabilities,
  EngineEvent,
  EngineModule,
  EngineProcess,
  EngineRequestOptions,
  EngineThread,
  HandleObject,
  HitCounts,
  MemoryRange,
  RegisterBytes,
  RunningTracepoints,
  SpaceId,
  StopReason,
  ThreadId,
  TracepointOptions,
  TracepointRequest,
} from '../engine.js';
import { Inventory, threadKey } from './inventory.js';
import { stateInWords } from './object-state.js';
import { type DebuggedSpace, startTracepoints } from './tracepoints.js';

/** Of a recording in a target that stops all the time. */
const START_ATTEMPTS = 8;
/** Of a launched program, one ring a thread. Nothing is in them until a recording wants it. */
const TRACE_RINGS = { ringCount: 32, slotsPerRing: 8_192 };
const PAUSE_TIMEOUT_MS = 10_000;

export interface Application {
  /** Windows path. */
  readonly program: string;
  readonly arguments: readonly string[];
  readonly workingFolder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export class Win32Engine implements Engine {
  readonly kind = 'win32';
  readonly target: string;
  readonly capabilities: EngineCapabilities;
  readonly #client: AgentClient;
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #inventory = new Inventory();
  readonly #hits = new Map<BreakpointId, HitCounts>();
  readonly #subscriptions: (() => void)[];
  /** Whose output is whose: launched processes, by process id. */
  readonly #launched = new Map<number, SpaceId>();
  /** Process ids that the lock of one debugger per process is held for. */
  readonly #locked = new Set<number>();
  #stopped = false;
  #stopsSeen = 0;
  #roundTrips = 0;
  #ended = false;

  constructor(client: AgentClient) {
    this.#client = client;
    this.target = client.target;
    this.capabilities = {
      dataBreakpoints: 4,
      dataBreakpointLimit:
        'Sees the writes of the debugged process alone. Under Wine a wait in another process does not change the KEVENT in the driver.',
      canWriteMemory: true,
      stopsWholeMachine: false,
    };
    this.#subscriptions = [
      client.onNotification('debug/events', ({ events }) => {
        for (const event of events) this.#take(event);
      }),
      client.onNotification('process/output', ({ process, stream, data }) => {
        const space = this.#launched.get(process);
        if (space === undefined) return;
        const category = stream === 1 ? 'stdout' : 'stderr';
        this.#emit({ type: 'output', category, text: Buffer.from(data).toString('utf8'), space });
      }),
    ];
    void client.closed.then((error) => this.#end(error));
  }

  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  processes(): readonly EngineProcess[] {
    return this.#inventory.processes();
  }
  threads(): readonly EngineThread[] {
    return this.#inventory.threads();
  }
  modules(space: SpaceId): readonly EngineModule[] {
    return this.#inventory.modules(space);
  }

  // ---- beginning

  /** Starts a program and stops it (reason `entry`) before its first instruction. @returns its space */
  async launch(application: Application, options?: EngineRequestOptions): Promise<SpaceId> {
    const { space, process } = await this.#request(
      'debug/launch',
      {
        program: application.program,
        arguments: [...application.arguments],
        ...(application.workingFolder === undefined ? {} : { workingFolder: application.workingFolder }),
        ...(application.environment === undefined ? {} : { environment: { ...application.environment } }),
        traceRings: TRACE_RINGS,
      },
      options,
    );
    const key = `process-${space}`;
    this.#launched.set(process, key);
    return key;
  }

  /** Attaches to a running process, which goes on. @throws EventscopeError `debug.held` when another debugger has it */
  async attach(processId: number, options?: EngineRequestOptions): Promise<SpaceId> {
    const subject = lockSubject(processId);
    const holder = `a debugger of process ${process.pid} on the host`;
    const lock = await this.#request('lock/acquire', { role: 'debugger', subject, holder }, options);
    if (!lock.acquired) {
      throw new EventscopeError({
        id: 'debug.held',
        what: `Process ${processId} is being debugged already`,
        target: this.target,
        why: `by ${lock.holder}`,
        next: 'End the other debug session.',
      });
    }
    this.#locked.add(processId);
    try {
      const { space } = await this.#request('debug/attach', { process: processId }, options);
      return `process-${space}`;
    } catch (error) {
      await this.#unlock(processId);
      throw error;
    }
  }

  /** Whether a stop holds every debugged process (as at first), or the one that stopped alone. */
  async freezeOthers(freeze: boolean): Promise<void> {
    await this.#request('debug/configure', { freezeOthers: freeze });
  }

  /** First-chance exceptions that stop, by code; unhandled ones always do. */
  async stopOnExceptions(codes: readonly number[]): Promise<void> {
    await this.#request('debug/configure', { stopOnExceptions: [...codes] });
  }

  async stopOnLoad(names: readonly string[]): Promise<void> {
    await this.#request('debug/configure', { stopOnLoad: names.map((name) => name.toLowerCase()) });
  }

  // ---- memory and registers

  async readMemory(
    space: SpaceId,
    ranges: readonly MemoryRange[],
    options?: EngineRequestOptions,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const params = { space: this.#space(space), ranges: [...ranges] };
    const { data } = await this.#request('debug/read', params, options);
    return data.map((piece) => piece ?? undefined);
  }

  async writeMemory(space: SpaceId, address: bigint, data: Uint8Array, options?: EngineRequestOptions): Promise<void> {
    const answer = await this.#request('debug/write', { space: this.#space(space), address, data }, options);
    if (answer.refused === undefined) return;
    throw new EventscopeError({
      id: 'debug.memory',
      what: `Nothing was written to 0x${address.toString(16)}`,
      target: this.target,
      why: `the memory at 0x${answer.refused.toString(16)} cannot be written`,
      next: 'Choose an address of memory that is committed.',
      data: { address: answer.refused },
    });
  }

  async readRegisters(thread: ThreadId, options?: EngineRequestOptions): Promise<RegisterBytes> {
    this.#requireStopped('The registers cannot be read');
    const { registers } = await this.#request('debug/registers', { threads: [this.#thread(thread)] }, options);
    const [answer] = registers;
    if (answer === undefined) throw this.#gone('The thread');
    return answer;
  }

  async writeRegisters(thread: ThreadId, registers: RegisterBytes, options?: EngineRequestOptions): Promise<void> {
    this.#requireStopped('The registers cannot be changed');
    await this.#request('debug/setRegisters', { thread: this.#thread(thread), registers }, options);
  }

  async queryHandles(
    handles: readonly { readonly space: SpaceId; readonly handle: bigint }[],
    options?: EngineRequestOptions,
  ): Promise<readonly (HandleObject | undefined)[]> {
    if (handles.length === 0) return [];
    const asked = handles.map(({ space, handle }) => {
      const process = this.#inventory.processes().find((each) => each.space === space);
      if (process === undefined) throw this.#gone('The process');
      return { process: process.processId, handle };
    });
    const { objects } = await this.#request('object/ofHandles', { handles: asked }, options);
    return objects.map((object) => (object === null ? undefined : { ...object, ...stateInWords(object.state) }));
  }

  // ---- breakpoints

  async setBreakpoints(
    requests: readonly BreakpointRequest[],
    options?: EngineRequestOptions,
  ): Promise<readonly (BreakpointId | Error)[]> {
    if (requests.length === 0) return [];
    const breakpoints = requests.map((request) => ({
      ...request,
      space: this.#space(request.space),
      length: request.length as 1 | 2 | 4 | 8 | undefined,
      thread: request.thread === undefined ? undefined : this.#thread(request.thread),
      filter: request.filter === undefined ? undefined : { ...request.filter },
    }));
    const params = { breakpoints: breakpoints.map(withoutUndefined) } as RequestParams<'debug/setBreakpoints'>;
    const answer = await this.#request('debug/setBreakpoints', params, options);
    return answer.breakpoints.map((made, index) => {
      if ('id' in made) return made.id;
      return new EventscopeError({
        id: 'debug.breakpoint',
        what: `The breakpoint at 0x${requests[index]?.address.toString(16) ?? '?'} cannot be set`,
        target: this.target,
        why: made.error,
        next: 'Correct it, or remove it.',
      });
    });
  }

  async removeBreakpoints(breakpoints: readonly BreakpointId[], options?: EngineRequestOptions): Promise<void> {
    if (breakpoints.length === 0) return;
    await this.#request('debug/removeBreakpoints', { breakpoints: [...breakpoints] }, options);
  }

  async startTracepoints(
    requests: readonly TracepointRequest[],
    options: TracepointOptions,
  ): Promise<RunningTracepoints> {
    const spaceOf = (space: SpaceId): DebuggedSpace => {
      const process = this.processes().find((one) => one.space === space);
      if (process === undefined) throw this.#gone('The process');
      return { process, number: this.#space(space) };
    };
    for (let attempt = 1; ; attempt += 1) {
      // The recorder's own thread has to run.
      await this.#running(options.signal);
      const stops = this.#stopsSeen;
      try {
        return await startTracepoints(this.#client, spaceOf, requests, options);
      } catch (error) {
        // A stop came before that thread did its work: as if the recording had been asked for in it.
        if (stops === this.#stopsSeen || attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  hasTraceRings(space: SpaceId): boolean {
    return [...this.#launched.values()].includes(space);
  }

  /** Settles when the target runs. */
  async #running(signal: AbortSignal | undefined): Promise<void> {
    while (this.#stopped) {
      if (signal?.aborted === true) throw new CancelledError();
      await new Promise<void>((resolve) => {
        const remove = this.onEvent(({ type }) => {
          if (type === 'resumed' || type === 'ended') done();
        });
        const done = (): void => {
          remove();
          signal?.removeEventListener('abort', done);
          resolve();
        };
        signal?.addEventListener('abort', done, { once: true });
      });
    }
  }

  hitCounts(breakpoints: readonly BreakpointId[]): ReadonlyMap<BreakpointId, HitCounts> {
    return new Map(breakpoints.map((id) => [id, this.#hits.get(id) ?? { hits: 0, filtered: 0 }]));
  }

  // ---- running

  async resume(options?: EngineRequestOptions & { readonly passException?: boolean }): Promise<void> {
    this.#requireStopped('It cannot go on');
    await this.#request('debug/resume', { passException: options?.passException ?? true }, options);
  }

  async step(
    thread: ThreadId,
    options?: EngineRequestOptions & {
      readonly range?: { readonly from: bigint; readonly to: bigint };
      readonly stepOverCalls?: boolean;
      readonly runOthers?: boolean;
    },
  ): Promise<void> {
    this.#requireStopped('A step cannot begin');
    await this.#request(
      'debug/step',
      {
        thread: this.#thread(thread),
        ...(options?.range === undefined ? {} : { range: options.range }),
        stepOverCalls: options?.stepOverCalls ?? false,
        runOthers: options?.runOthers ?? false,
      },
      options,
    );
  }

  async pause(): Promise<void> {
    try {
      await this.#client.request('debug/pause', {}, { timeoutMs: PAUSE_TIMEOUT_MS });
    } catch (error) {
      throw new EventscopeError({
        id: 'debug.pause',
        what: 'The target could not be stopped',
        target: this.target,
        why: error instanceof Error ? error.message : String(error),
        next: 'Try again, or end the debug session.',
        cause: error,
      });
    }
  }

  async detach(): Promise<void> {
    await this.#request('debug/detach', {});
    await this.#release();
  }

  async terminate(): Promise<void> {
    await this.#request('debug/terminate', {});
    await this.#release();
  }

  // ---- events

  #take(event: DebugEvent): void {
    switch (event.type) {
      case 'processStarted':
        this.#emit({
          type: 'processStarted',
          process: this.#inventory.addProcess(event.space, event.process, event.name),
        });
        return;
      case 'processExited':
        this.#processGone(event.space, event.exitCode);
        return;
      case 'detached':
        this.#processGone(event.space, undefined);
        return;
      case 'threadStarted': {
        const thread = this.#inventory.addThread(event);
        this.#emit({ type: 'threadStarted', thread });
        return;
      }
      case 'threadNamed':
        this.#inventory.nameThread(event.thread, event.name);
        return;
      case 'threadExited': {
        const thread = this.#inventory.removeThread(event.thread);
        if (thread !== undefined) this.#emit({ type: 'threadExited', thread });
        return;
      }
      case 'moduleLoaded':
        this.#emit({ type: 'moduleLoaded', module: this.#inventory.addModule(event.module) });
        return;
      case 'moduleUnloaded': {
        const module = this.#inventory.removeModule(event.space, event.base);
        if (module !== undefined) this.#emit({ type: 'moduleUnloaded', module });
        return;
      }
      case 'stopped':
        this.#takeStop(event);
        return;
      case 'resumed':
        this.#stopped = false;
        this.#emit({ type: 'resumed', frozen: { fromUtcMs: event.fromUtcMs, untilUtcMs: event.untilUtcMs } });
        return;
      case 'output':
        this.#emit({ type: 'output', category: 'debug', text: event.text, space: `process-${event.space}` });
        return;
      case 'hits':
        this.#takeHits(event.counts);
        return;
      case 'breakpointLost':
        this.#emit({ type: 'breakpointLost', breakpoint: event.breakpoint, why: event.why });
    }
  }

  #takeStop(event: Extract<DebugEvent, { type: 'stopped' }>): void {
    this.#stopped = true;
    this.#stopsSeen += 1;
    this.#roundTrips = 0;
    const stop = {
      thread: threadKey(event.thread),
      reason: this.#reasonOf(event.reason),
      registers: event.registers,
      memory: event.memory,
      allStopped: event.allStopped,
      utcMs: event.utcMs,
    };
    const trips = (): number => this.#roundTrips;
    this.#emit({
      type: 'stopped',
      stop: {
        ...stop,
        get roundTrips() {
          return trips();
        },
      },
    });
  }

  #reasonOf(reason: DebugStopReason): StopReason {
    return reason.kind === 'moduleLoad'
      ? { kind: 'moduleLoad', module: this.#inventory.addModule(reason.module) }
      : reason;
  }

  #takeHits(
    counts: readonly { readonly breakpoint: number; readonly hits: bigint; readonly filtered: bigint }[],
  ): void {
    const told = counts.map(({ breakpoint, hits, filtered }) => ({
      breakpoint,
      counts: { hits: Number(hits), filtered: Number(filtered) },
    }));
    for (const { breakpoint, counts: known } of told) this.#hits.set(breakpoint, known);
    this.#emit({ type: 'hits', counts: told });
  }

  /** exitCode undefined: it goes on without us. */
  #processGone(space: number, exitCode: number | undefined): void {
    for (const thread of this.#inventory.removeThreadsOf(space)) this.#emit({ type: 'threadExited', thread });
    const process = this.#inventory.removeProcess(space);
    if (process === undefined) return;
    this.#unlock(process.processId).catch(() => {});
    if (exitCode === undefined) {
      this.#stopped &&= this.processes().length > 0;
      this.#emit({ type: 'processDetached', process });
    } else {
      this.#emit({ type: 'processExited', process, exitCode });
    }
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopped = false;
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#emit({ type: 'ended', error });
  }

  #emit(event: EngineEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  // ---- requests

  async #request<N extends RequestName>(
    name: N,
    params: RequestParams<N>,
    options?: EngineRequestOptions,
  ): Promise<RequestResult<N>> {
    if (options?.signal?.aborted === true) throw new CancelledError();
    this.#roundTrips++;
    return this.#client.request(name, params, options?.signal === undefined ? {} : { signal: options.signal });
  }

  #space(space: SpaceId): number {
    const number = this.#inventory.spaceNumber(space);
    if (number === undefined) throw this.#gone('The process');
    return number;
  }

  #thread(thread: ThreadId): number {
    const number = this.#inventory.threadNumber(thread);
    if (number === undefined) throw this.#gone('The thread');
    return number;
  }

  #gone(what: string): EventscopeError {
    return new EventscopeError({
      id: 'debug.gone',
      what: `${what} is not there any more`,
      target: this.target,
      why: 'it has ended, or the debugger has left it',
      next: 'Look at what is still running.',
    });
  }

  #requireStopped(what: string): void {
    if (this.#stopped) return;
    throw new EventscopeError({
      id: 'debug.running',
      what,
      target: this.target,
      why: this.#ended ? 'the debug session has ended' : 'the target is running',
      next: this.#ended ? 'Start a new one.' : 'Pause it first.',
    });
  }

  async #release(): Promise<void> {
    for (const processId of [...this.#locked]) await this.#unlock(processId);
    this.#end(undefined);
  }

  async #unlock(processId: number): Promise<void> {
    if (!this.#locked.delete(processId)) return;
    await this.#client.request('lock/release', { role: 'debugger', subject: lockSubject(processId) });
  }
}

const lockSubject = (processId: number): string => `process-${processId}`;

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
