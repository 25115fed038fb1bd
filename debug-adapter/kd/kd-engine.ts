/** The Engine over the kernel protocol: the whole machine stops, the kernel and every process are address spaces of it. */
import { X64Context } from '../../machine/x64-context.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
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
  NamedObject,
  RunningTracepoints,
  SpaceId,
  ThreadId,
  TracepointOptions,
  TracepointRequest,
} from '../engine.js';
import { EngineBreakpoints } from './engine-breakpoints.js';
import { EngineExecution } from './engine-execution.js';
import { EngineStops } from './engine-stops.js';
import { KdClient, type KdClientOptions, type KdEvent } from './kd-client.js';
import { HitConditions } from './hit-conditions.js';
import { KernelInventory, KERNEL_SPACE } from './kernel-inventory.js';
import { KernelObjects } from './kernel-objects.js';
import { KdTracepoints } from './kd-tracepoints.js';
import type { PacketCarrier } from './link/carrier.js';
import type { Clock } from './link/clock.js';
import { BreakpointJournal } from './machine/breakpoint-journal.js';
import { BreakpointSites, TABLE_ENTRIES } from './machine/breakpoint-sites.js';
import { emulateOnTarget } from './machine/emulate-on-target.js';
import { HardwareBreakpoints } from './machine/hardware-breakpoints.js';
import { KdMemory } from './machine/kd-memory.js';
import { type EmulateInstruction, RunControl } from './machine/run-control.js';
import { MACHINE_AMD64, machineName } from './protocol/version.js';
import { getVersion, restoreBreakPoint } from './protocol/requests.js';
import { TargetTurns } from './target-turns.js';

export interface KdEngineOptions extends Pick<KdClientOptions, 'answerPrompt' | 'files'> {
  readonly carrier: PacketCarrier;
  /** Target's name, for messages. */
  readonly target: string;
  /** false: waits for a target that boots instead of stopping one that runs. */
  readonly breakIn?: boolean;
  /** false: the stop of attaching is held without being told until release(). Default: true. */
  readonly tellsAttachStop?: boolean;
  /** Where the journal of inserted bytes is kept, so that a crash of ours leaves nothing in the target. */
  readonly journalDirectory?: string;
  /** Does instructions under breakpoints; default: emulateOnTarget. */
  readonly emulate?: EmulateInstruction;
  readonly clock?: Clock;
  /** Things that the protocol's description does not have. */
  readonly log?: (line: string) => void;
}

export class KdEngine implements Engine {
  readonly kind = 'kd';
  readonly target: string;
  readonly capabilities: EngineCapabilities = {
    dataBreakpoints: 4,
    dataBreakpointLimit:
      'by virtual address on every processor: the same address of another process is not told apart until the hit',
    canWriteMemory: true,
    sharedSpace: KERNEL_SPACE,
    stopsWholeMachine: true,
    tellsWaiters: true,
  };
  readonly client: KdClient;
  readonly memory: KdMemory;
  readonly inventory: KernelInventory;
  readonly #options: KdEngineOptions;
  readonly #sites: BreakpointSites;
  readonly #hardware: HardwareBreakpoints;
  readonly #run: RunControl;
  readonly #breakpoints: EngineBreakpoints;
  readonly #objects: KernelObjects;
  readonly #conditions: HitConditions;
  readonly #stops: EngineStops;
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #turns: TargetTurns;
  readonly #execution: EngineExecution;
  #attached = false;
  #ended = false;

  constructor(options: KdEngineOptions) {
    this.#options = options;
    this.target = options.target;
    this.client = new KdClient(options.carrier, {
      onEvent: (event) => this.#onKdEvent(event),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...(options.answerPrompt === undefined ? {} : { answerPrompt: options.answerPrompt }),
      ...(options.files === undefined ? {} : { files: options.files }),
    });
    const journal =
      options.journalDirectory === undefined
        ? undefined
        : new BreakpointJournal(options.journalDirectory, options.carrier.description);
    this.#sites = new BreakpointSites(this.client, journal);
    this.memory = new KdMemory(this.client, this.#sites);
    this.#hardware = new HardwareBreakpoints(this.client);
    this.#run = new RunControl({
      client: this.client,
      memory: this.memory,
      sites: this.#sites,
      hardware: this.#hardware,
      emulate: options.emulate ?? emulateOnTarget,
      leaving: () => {
        this.#stops.leaving();
        this.#execution.leaving();
      },
    });
    this.inventory = new KernelInventory(this.client, this.memory, (event) => this.#emit(event));
    this.#breakpoints = new EngineBreakpoints(this.#sites, this.#hardware, this.memory, this.inventory);
    this.#objects = new KernelObjects(this.inventory);
    this.#conditions = new HitConditions({
      inventory: this.inventory,
      objects: this.#objects,
      registers: (processor) => this.#run.context(processor),
    });
    this.#stops = new EngineStops({
      client: this.client,
      run: this.#run,
      sites: this.#sites,
      inventory: this.inventory,
      breakpoints: this.#breakpoints,
      conditions: this.#conditions,
      emit: (event) => this.#emit(event),
      later: (run) => this.#turns.later(run),
      log: (line) => options.log?.(line),
    });
    this.#turns = new TargetTurns({
      client: this.client,
      run: this.#run,
      stops: this.#stops,
      failed: (error) => this.#failed(error),
    });
    this.#execution = new EngineExecution({
      ...{ client: this.client, memory: this.memory, inventory: this.inventory, emit: (event) => this.#emit(event) },
      ...{ run: this.#run, sites: this.#sites, breakpoints: this.#breakpoints, stops: this.#stops, turns: this.#turns },
    });
  }

  /** Stops the target, learns what it is, and clears away what a debugger before us left. The target stays stopped; the stop is told. */
  async attach(signal?: AbortSignal): Promise<void> {
    try {
      await this.client.connect({
        breakIn: this.#options.breakIn !== false,
        ...(signal === undefined ? {} : { signal }),
      });
      await this.#learnTarget(signal);
    } catch (error) {
      await this.client.close();
      throw error;
    }
    this.#attached = true;
    await this.#execution.begin(this.#options.breakIn !== false, this.#options.tellsAttachStop !== false);
  }

  /** Of an attach that told no stop: tells it, or lets the target go on if nothing but the attach has stopped it. */
  release(isTold: boolean): Promise<void> {
    return this.#execution.release(isTold);
  }

  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  processes(): readonly EngineProcess[] {
    return this.inventory.processes();
  }
  threads(): readonly EngineThread[] {
    return this.inventory.threads();
  }
  modules(space: SpaceId): readonly EngineModule[] {
    return this.inventory.modules(space);
  }

  readMemory(
    space: SpaceId,
    ranges: readonly MemoryRange[],
    options: EngineRequestOptions = {},
  ): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#turns.whileStopped(async () => {
      const answers: (Uint8Array | undefined)[] = [];
      for (const { address, length } of ranges) {
        const bytes = await this.inventory.read(space, address, length, options);
        answers.push(bytes.length === 0 && length > 0 ? undefined : bytes);
      }
      return answers;
    });
  }

  writeMemory(space: SpaceId, address: bigint, data: Uint8Array, options: EngineRequestOptions = {}): Promise<void> {
    return this.#turns.whileStopped(async () => {
      // What is armed in the range is taken out, so that its original byte is the new one.
      const end = address + BigInt(data.length);
      const inside = this.#sites.all.filter(
        (site) => site.armed !== undefined && site.address >= address && site.address < end,
      );
      for (const site of inside) await this.#sites.disarm(site, this.memory);
      try {
        await this.inventory.write(space, address, data, options);
      } finally {
        for (const site of inside) await this.#sites.arm(site, this.memory);
        await this.#run.written(address, data.length);
      }
    });
  }

  readRegisters(thread: ThreadId): Promise<Uint8Array> {
    return this.#turns.take(async () => {
      this.#execution.mustBeStopped();
      const processor = await this.inventory.processorOf(thread);
      if (processor !== undefined) return (await this.#run.context(processor)).bytes;
      return (await this.inventory.switchedOutContext(thread)).bytes;
    });
  }

  writeRegisters(thread: ThreadId, registers: Uint8Array): Promise<void> {
    return this.#turns.take(async () => {
      this.#execution.mustBeStopped();
      const processor = await this.inventory.processorOf(thread);
      if (processor === undefined) throw this.#execution.notOnProcessor();
      await this.#run.writeContext(processor, new X64Context(registers.slice()));
    });
  }

  setBreakpoints(requests: readonly BreakpointRequest[]): Promise<readonly (BreakpointId | Error)[]> {
    return this.#turns.whileStopped(async () => {
      const answers: (BreakpointId | Error)[] = [];
      for (const request of requests) answers.push(await this.#breakpoints.add(request));
      return answers;
    });
  }

  removeBreakpoints(ids: readonly BreakpointId[]): Promise<void> {
    return this.#turns.whileStopped(async () => {
      for (const id of ids) await this.#breakpoints.remove(id);
    });
  }

  queryHandles(
    handles: readonly { readonly space: SpaceId; readonly handle: bigint }[],
  ): Promise<readonly (HandleObject | undefined)[]> {
    return this.#turns.whileStopped(() => this.#objects.query(handles));
  }

  objectNamed(path: string): Promise<NamedObject | undefined> {
    return this.#turns.whileStopped(() => this.#objects.named(path));
  }

  threadWaitingForAlert(space: SpaceId, threadId: number): Promise<ThreadId | undefined> {
    return this.#turns.whileStopped(() => this.inventory.threadWaitingForAlert(space, threadId));
  }

  startTracepoints(requests: readonly TracepointRequest[], options: TracepointOptions): Promise<RunningTracepoints> {
    const tracepoints = new KdTracepoints({
      inventory: this.inventory,
      objects: this.#objects,
      registers: (processor) => this.#run.context(processor),
      add: (request, record) => this.#breakpoints.add(request, record),
      expectReturns: () => this.#hardware.expectLending(),
      addReturn: (request, record) => this.#breakpoints.addReturn(request, record),
      expectReturn: (id, isExpected) => this.#breakpoints.expectReturn(id, isExpected),
      remove: (ids) => (this.#ended ? Promise.resolve() : this.removeBreakpoints(ids)),
    });
    return this.#turns.whileStopped(() => tracepoints.start(requests, options));
  }

  hitCounts(ids: readonly BreakpointId[]): ReadonlyMap<BreakpointId, HitCounts> {
    return this.#breakpoints.counts(ids);
  }

  stopOnLoad(names: readonly string[]): Promise<void> {
    this.#stops.onLoad = new Set(names.map((name) => name.toLowerCase()));
    return Promise.resolve();
  }

  resume(options: EngineRequestOptions & { readonly passException?: boolean } = {}): Promise<void> {
    return this.#execution.resume(options.passException === true);
  }

  step(
    thread: ThreadId,
    options: EngineRequestOptions & {
      readonly range?: { readonly from: bigint; readonly to: bigint };
      readonly stepOverCalls?: boolean;
      readonly runOthers?: boolean;
    } = {},
  ): Promise<void> {
    return this.#execution.step(thread, options);
  }

  pause(): Promise<void> {
    return this.#execution.pause();
  }

  /** Removes everything and lets the machine run. */
  async detach(): Promise<void> {
    if (this.#ended) return;
    try {
      await this.#turns.endStep();
      await this.#turns.take(async () => {
        await this.#turns.quietPause();
        await this.#breakpoints.removeAll();
        this.#attached = false;
        await this.#turns.leave();
      });
    } finally {
      this.#attached = false;
      await this.client.close();
    }
  }

  terminate(): Promise<void> {
    return this.detach();
  }

  async #learnTarget(signal: AbortSignal | undefined): Promise<void> {
    const version = await this.client.request(getVersion(), signal === undefined ? {} : { signal });
    if (version.machineType !== MACHINE_AMD64) {
      throw new EventscopeError({
        id: 'debug.machine',
        what: `Kernels of ${machineName(version.machineType)} cannot be debugged`,
        target: this.target,
        next: 'Use a target with an x64 processor',
      });
    }
    // A debugger that was killed leaves its entries in the table.
    for (let handle = 1; handle <= TABLE_ENTRIES; handle++) {
      if (signal?.aborted === true) throw new CancelledError();
      await this.client.request(restoreBreakPoint(handle));
    }
    this.#sites.kernelBase = version.kernelBase;
    const recovered = await this.#sites.recover(this.memory);
    if (recovered > 0) this.#options.log?.(`put back ${recovered} bytes that a debugger before us had replaced`);
    // Also what a debugger before us has removed itself: its stop is reported to us as it was when it began.
    await this.#run.readCodeAgain();
    await this.inventory.learn(version, signal);
  }

  #onKdEvent(event: KdEvent): void {
    switch (event.type) {
      case 'stopped':
        if (this.#run.stopped(event.stop)) return;
        if (!this.#attached) return;
        this.#turns.later(() => this.#stops.handle(event.stop));
        return;
      case 'stillStopped':
        if (this.#attached) this.#turns.later(() => this.#stops.handleAgain());
        return;
      case 'print':
        this.#stops.print(event.text);
        this.#emit({ type: 'output', category: 'debug', text: event.text, space: KERNEL_SPACE });
        return;
      case 'restarted':
        this.#sites.forget();
        this.#hardware.forget();
        this.memory.invalidate();
        this.#run.abandoned(
          new EventscopeError({ id: 'debug.restarted', what: 'The target has restarted', target: this.target }),
        );
        for (const { id, why } of this.#breakpoints.forget())
          this.#emit({ type: 'breakpointLost', breakpoint: id, why });
        this.inventory.forget();
        this.#objects.forget();
        this.#conditions.forget();
        this.#console('The target has restarted.');
        this.#emit({ type: 'resumed' });
        return;
      case 'away':
        this.#console(`The link is interrupted (${event.why}); waiting for it.`);
        return;
      case 'back':
        this.#console('The link is back.');
        return;
      case 'odd':
        this.#options.log?.(event.what);
        return;
      case 'ended':
        this.#ended = true;
        this.#run.abandoned(event.error ?? new CancelledError('The link is closed'));
        this.#emit({ type: 'ended', error: event.error });
    }
  }

  #failed(error: unknown): void {
    if (this.#ended || error instanceof CancelledError) return;
    this.#console(error instanceof Error ? error.message : String(error));
  }

  #console(text: string): void {
    this.#emit({ type: 'output', category: 'console', text: `${text}\n` });
  }

  #emit(event: EngineEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
