/** The Engine over the kernel protocol: the whole machine stops, the kernel and every process are address spaces of it. */
import { fieldsOf, passes } from '../../machine/conditions.js';
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
  HitCounts,
  MemoryRange,
  SpaceId,
  StopReason,
  ThreadId,
} from '../engine.js';
import { BugcheckWatch } from './bugcheck.js';
import { EngineBreakpoints, type EngineBreakpoint } from './engine-breakpoints.js';
import { KdClient, type KdClientOptions, type KdEvent } from './kd-client.js';
import { KernelInventory, KERNEL_SPACE } from './kernel-inventory.js';
import type { PacketCarrier } from './link/carrier.js';
import type { Clock } from './link/clock.js';
import { BreakpointJournal } from './machine/breakpoint-journal.js';
import { BreakpointSites, TABLE_ENTRIES } from './machine/breakpoint-sites.js';
import { emulateOnTarget } from './machine/emulate-on-target.js';
import { HardwareBreakpoints } from './machine/hardware-breakpoints.js';
import { KdMemory } from './machine/kd-memory.js';
import { type EmulateInstruction, RunControl } from './machine/run-control.js';
import { RangeStep } from './range-step.js';
import { MACHINE_AMD64, machineName } from './protocol/version.js';
import { getVersion, restoreBreakPoint } from './protocol/requests.js';
import {
  STATUS_BREAKPOINT,
  STATUS_SINGLE_STEP,
  STATUS_WAKE_SYSTEM_DEBUGGER,
  type StateChange,
} from './protocol/state-change.js';

export interface KdEngineOptions extends Pick<KdClientOptions, 'answerPrompt' | 'files'> {
  readonly carrier: PacketCarrier;
  /** Target's name, for messages. */
  readonly target: string;
  /** false: waits for a target that boots instead of stopping one that runs. */
  readonly breakIn?: boolean;
  /** false: the stop of attaching is held without being told; whoever attached lets it go on. Default: true. */
  readonly tellsAttachStop?: boolean;
  /** Where the journal of inserted bytes is kept, so that a crash of ours leaves nothing in the target. */
  readonly journalDirectory?: string;
  /** Does instructions under breakpoints; default: emulateOnTarget. */
  readonly emulate?: EmulateInstruction;
  readonly clock?: Clock;
  /** Things that the protocol's description does not have. */
  readonly log?: (line: string) => void;
}

const PAUSE_MS = 10_000;
/** How long a break-in that another stop came before may still be on its way. */
const LATE_BREAK_IN_MS = 2_000;

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
  };
  readonly client: KdClient;
  readonly memory: KdMemory;
  readonly inventory: KernelInventory;
  readonly #options: KdEngineOptions;
  readonly #sites: BreakpointSites;
  readonly #hardware: HardwareBreakpoints;
  readonly #run: RunControl;
  readonly #breakpoints: EngineBreakpoints;
  readonly #bugchecks = new BugcheckWatch();
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  #stopOnLoad: ReadonlySet<string> = new Set();
  #turn: Promise<unknown> = Promise.resolve();
  #pausing = false;
  /** The stop that was told last. */
  #told: StateChange | undefined;
  /** A break-in was sent and something else stopped the target. */
  #lateBreakInUntil = 0;
  #attached = false;
  #holdsQuietly = false;
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
    });
    this.inventory = new KernelInventory(this.client, this.memory, (event) => this.#emit(event));
    this.#breakpoints = new EngineBreakpoints(this.#sites, this.#hardware, this.memory, this.inventory);
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
    // The stop is the one that our break-in asked for, unless the target was stopped by something else already.
    this.#pausing = this.#options.breakIn !== false;
    const { stop } = this.client;
    if (stop === undefined) return;
    const isPlain = stop.kind === 'exception' && stop.code === STATUS_BREAKPOINT && !this.#bugchecks.pending;
    if (this.#options.tellsAttachStop === false && isPlain) {
      this.#pausing = false;
      this.#holdsQuietly = true;
    } else await this.#inTurn(() => this.#handle(stop));
  }

  /** Stopped since the attach, and nobody was told. */
  get isHeld(): boolean {
    return this.#holdsQuietly && this.client.state === 'stopped';
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
    return this.#whileStopped(async () => {
      const answers: (Uint8Array | undefined)[] = [];
      for (const { address, length } of ranges) {
        const bytes = await this.inventory.read(space, address, length, options);
        answers.push(bytes.length === 0 && length > 0 ? undefined : bytes);
      }
      return answers;
    });
  }

  writeMemory(space: SpaceId, address: bigint, data: Uint8Array, options: EngineRequestOptions = {}): Promise<void> {
    return this.#whileStopped(async () => {
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
      }
    });
  }

  readRegisters(thread: ThreadId): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      this.#mustBeStopped();
      const processor = await this.inventory.processorOf(thread);
      if (processor !== undefined) return (await this.#run.context(processor)).bytes;
      return (await this.inventory.switchedOutContext(thread)).bytes;
    });
  }

  writeRegisters(thread: ThreadId, registers: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      this.#mustBeStopped();
      const processor = await this.inventory.processorOf(thread);
      if (processor === undefined) throw this.#notOnProcessor();
      await this.#run.writeContext(processor, new X64Context(registers.slice()));
    });
  }

  setBreakpoints(requests: readonly BreakpointRequest[]): Promise<readonly (BreakpointId | Error)[]> {
    return this.#whileStopped(async () => {
      const answers: (BreakpointId | Error)[] = [];
      for (const request of requests) answers.push(await this.#breakpoints.add(request));
      return answers;
    });
  }

  removeBreakpoints(ids: readonly BreakpointId[]): Promise<void> {
    return this.#whileStopped(async () => {
      for (const id of ids) await this.#breakpoints.remove(id);
    });
  }

  hitCounts(ids: readonly BreakpointId[]): ReadonlyMap<BreakpointId, HitCounts> {
    return this.#breakpoints.counts(ids);
  }

  stopOnLoad(names: readonly string[]): Promise<void> {
    this.#stopOnLoad = new Set(names.map((name) => name.toLowerCase()));
    return Promise.resolve();
  }

  resume(options: EngineRequestOptions & { readonly passException?: boolean } = {}): Promise<void> {
    return this.#inTurn(async () => {
      this.#mustBeStopped();
      this.#holdsQuietly = false;
      this.#emit({ type: 'resumed' });
      await this.#goOn(options.passException === true);
    });
  }

  step(
    thread: ThreadId,
    options: EngineRequestOptions & {
      readonly range?: { readonly from: bigint; readonly to: bigint };
      readonly stepOverCalls?: boolean;
      readonly runOthers?: boolean;
    } = {},
  ): Promise<void> {
    return this.#inTurn(() => {
      const stop = this.#mustBeStopped();
      if (this.inventory.threadIdOf(stop.thread) !== thread) throw this.#notOnProcessor();
      this.#emit({ type: 'resumed' });
      const stepping = new RangeStep(this.#run, this.#sites, this.memory).run(options);
      stepping.catch(() => undefined);
      // The stop comes as an event; what goes wrong on the way ends the step where it is.
      void this.#inTurn(async () => {
        const ended = await stepping;
        if (ended.completed) await this.#report(ended.stop, { kind: 'step' });
        else await this.#handle(ended.stop);
      }).catch((error: unknown) => this.#failed(error));
      return Promise.resolve();
    });
  }

  pause(): Promise<void> {
    return this.#inTurn(async () => {
      const { stop } = this.client;
      if (stop !== undefined) {
        if (this.#isTold(stop) || this.#holdsQuietly) return;
        // It stands at something that nobody has looked at yet: that is told, if only as the pause.
        this.#pausing = true;
        await this.#handle(stop);
        if (this.#isTold(stop)) return;
      }
      this.#pausing = true;
      try {
        await this.client.pause(PAUSE_MS);
      } catch (error) {
        this.#pausing = false;
        throw error;
      }
    });
  }

  /** Removes everything and lets the machine run. */
  async detach(): Promise<void> {
    if (this.#ended) return;
    try {
      await this.#inTurn(async () => {
        await this.#quietPause();
        await this.#breakpoints.removeAll();
        this.#attached = false;
        await this.#run.resume(false);
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
    await this.inventory.learn(version, signal);
  }

  #onKdEvent(event: KdEvent): void {
    switch (event.type) {
      case 'stopped':
        if (this.#run.stopped(event.stop)) return;
        if (!this.#attached) return;
        this.#inTurn(() => this.#handle(event.stop)).catch((error: unknown) => this.#failed(error));
        return;
      case 'print':
        this.#bugchecks.print(event.text);
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

  /** Decides what a stop is, and goes on from those that nobody asked for. */
  async #handle(stop: StateChange): Promise<void> {
    if (this.client.stop !== stop || this.#told === stop) return;
    switch (stop.kind) {
      case 'loadSymbols':
        await this.#handleLoad(stop);
        return;
      case 'exception':
        await this.#handleException(stop);
        return;
      case 'commandString':
        await this.#goOn(false);
        return;
      case 'unknown':
        this.#options.log?.(`a state change of kind 0x${stop.state.toString(16)}`);
        await this.#goOn(false);
    }
  }

  async #handleLoad(stop: Extract<StateChange, { kind: 'loadSymbols' }>): Promise<void> {
    const module = this.inventory.loadReported(stop);
    if (module !== undefined && !stop.unload && this.#stopOnLoad.has(module.name.toLowerCase())) {
      await this.#report(stop, { kind: 'moduleLoad', module });
      return;
    }
    // Whoever hears of the module may want breakpoints in it: their requests come before going on.
    setImmediate(() => {
      this.#inTurn(async () => {
        if (this.client.stop === stop) await this.#goOn(false);
      }).catch((error: unknown) => this.#failed(error));
    });
  }

  async #handleException(stop: Extract<StateChange, { kind: 'exception' }>): Promise<void> {
    if (stop.code === STATUS_WAKE_SYSTEM_DEBUGGER || this.#run.takeStray(stop)) {
      await this.#goOn(false);
      return;
    }
    const bugcheck = this.#bugchecks.take();
    if (bugcheck !== undefined) {
      await this.#report(stop, { kind: 'bugcheck', ...bugcheck });
      return;
    }
    const hit = this.#breakpoints.hitBy(stop);
    if (hit.length > 0) {
      await this.#handleHits(stop, hit);
      return;
    }
    await this.#report(stop, this.#reasonOf(stop));
  }

  #reasonOf(stop: Extract<StateChange, { kind: 'exception' }>): StopReason {
    const { code, address, firstChance, parameters } = stop;
    if (code === STATUS_BREAKPOINT) {
      if (!this.#pausing) return { kind: 'foreignBreakpoint' };
      this.#pausing = false;
      return { kind: 'pause' };
    }
    this.#noteLateBreakIn();
    if (code === STATUS_SINGLE_STEP) return { kind: 'step' };
    return { kind: 'exception', code, address, firstChance, parameters };
  }

  async #handleHits(
    stop: Extract<StateChange, { kind: 'exception' }>,
    hit: readonly EngineBreakpoint[],
  ): Promise<void> {
    const space = hit.some(({ request }) => request.space !== KERNEL_SPACE)
      ? await this.inventory.spaceOf(stop.thread)
      : undefined;
    const thread = this.inventory.threadIdOf(stop.thread);
    const stopping: EngineBreakpoint[] = [];
    for (const breakpoint of hit) {
      const { request } = breakpoint;
      const elsewhere =
        (request.space !== KERNEL_SPACE && request.space !== space) ||
        (request.thread !== undefined && request.thread !== thread);
      if (elsewhere || !(await this.#passes(stop, breakpoint))) breakpoint.filtered++;
      else if (++breakpoint.hits >= (request.ignoreCount ?? 0)) stopping.push(breakpoint);
    }
    if (stopping.length === 0) {
      // The stop that a pause wants is there; its break-in may be lost among the hits.
      if (!this.#pausing) await this.#goOn(false);
      else {
        this.#noteLateBreakIn();
        await this.#report(stop, { kind: 'pause' });
      }
      return;
    }
    this.#noteLateBreakIn();
    for (const { id, request } of stopping) if (request.once === true) await this.#breakpoints.remove(id);
    const kind = stopping.some(({ request }) => request.kind === 'write' || request.kind === 'readwrite');
    await this.#report(stop, { kind: kind ? 'data' : 'breakpoint', breakpoints: stopping.map(({ id }) => id) });
  }

  async #passes(stop: StateChange, { request: { filter }, hits }: EngineBreakpoint): Promise<boolean> {
    if (filter === undefined) return true;
    return passes(filter, await this.inventory.conditionLookup(stop, fieldsOf(filter.condition), hits + 1));
  }

  async #report(stop: StateChange, reason: StopReason): Promise<void> {
    if (this.#swallowsLateBreakIn(reason)) {
      await this.#goOn(false);
      return;
    }
    this.#told = stop;
    const before = this.client.requests;
    const context = await this.#run.context(stop.processor);
    const thread = await this.inventory.stoppedThread(stop);
    this.#emit({
      type: 'stopped',
      stop: {
        thread,
        reason,
        registers: context.bytes,
        memory: [{ address: stop.programCounter, data: this.#masked(stop) }],
        allStopped: true,
        roundTrips: this.client.requests - before,
      },
    });
  }

  #masked(stop: StateChange): Uint8Array {
    return stop.report.instructionBytes.map(
      (byte, index) => this.#sites.virtual(stop.programCounter + BigInt(index)) ?? byte,
    );
  }

  /** Another stop came while a break-in was on its way: the target breaks in once more after it goes on. */
  #noteLateBreakIn(): void {
    if (!this.#pausing) return;
    this.#pausing = false;
    this.#expectLateBreakIn();
  }

  #isTold(stop: StateChange): boolean {
    return this.#told === stop;
  }

  #expectLateBreakIn(): void {
    this.#lateBreakInUntil = performance.now() + LATE_BREAK_IN_MS;
  }

  /** Of a break-in, or of the program's own INT3. */
  #isForeignInt3(stop: StateChange): boolean {
    return (
      stop.kind === 'exception' && stop.code === STATUS_BREAKPOINT && this.#sites.at(stop.programCounter).length === 0
    );
  }

  #swallowsLateBreakIn(reason: StopReason): boolean {
    if (reason.kind !== 'foreignBreakpoint' || performance.now() > this.#lateBreakInUntil) return false;
    this.#lateBreakInUntil = 0;
    return true;
  }

  async #goOn(passException: boolean): Promise<void> {
    const next = await this.#run.resume(passException);
    if (next !== undefined) await this.#handle(next);
  }

  /** Runs at once when stopped; a running target is stopped for it and goes on as if nothing had been. */
  #whileStopped<Result>(run: () => Promise<Result>): Promise<Result> {
    return this.#inTurn(async () => {
      const stop = await this.#quietPause();
      const wasBreakIn = stop !== undefined && this.#isForeignInt3(stop);
      try {
        return await run();
      } finally {
        // Only our own break-in is gone on from; what else stopped it is told.
        if (wasBreakIn) {
          await this.#goOn(false);
        } else if (stop !== undefined) {
          void this.#inTurn(() => this.#handle(stop)).catch((error: unknown) => this.#failed(error));
        }
      }
    });
  }

  /** The stop that came, or undefined when the target was stopped already. */
  async #quietPause(): Promise<StateChange | undefined> {
    if (this.client.state === 'stopped') return undefined;
    const stopped = this.#run.nextStop();
    stopped.catch(() => undefined);
    try {
      await this.client.pause(PAUSE_MS);
    } catch (error) {
      this.#run.forgetWaiting();
      throw error;
    }
    const stop = await stopped;
    if (!this.#isForeignInt3(stop)) this.#expectLateBreakIn();
    return stop;
  }

  #mustBeStopped(): StateChange {
    const { stop } = this.client;
    if (stop !== undefined) return stop;
    throw new EventscopeError({
      id: 'debug.running',
      what: 'The machine is running',
      target: this.target,
      next: 'Pause it first',
    });
  }

  #notOnProcessor(): EventscopeError {
    return new EventscopeError({
      id: 'debug.notCurrent',
      what: 'This thread is not the one that stopped',
      target: this.target,
      why: 'only a thread that a processor runs can be stepped or changed',
      next: 'Set a breakpoint where it goes on',
    });
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(run);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
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
