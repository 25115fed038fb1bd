/** What a stop is, decided from its report: one of ours, one to be gone on from, or one that the user is told of. */
import type { EngineEvent, EngineModule, StopReason } from '../engine.js';
import { BugcheckWatch } from './bugcheck.js';
import type { EngineBreakpoint, EngineBreakpoints } from './engine-breakpoints.js';
import type { KdClient } from './kd-client.js';
import type { HitConditions } from './hit-conditions.js';
import { KERNEL_SPACE, type KernelInventory } from './kernel-inventory.js';
import type { BreakpointSites } from './machine/breakpoint-sites.js';
import type { RunControl } from './machine/run-control.js';
import {
  STATUS_BREAKPOINT,
  STATUS_SINGLE_STEP,
  STATUS_WAKE_SYSTEM_DEBUGGER,
  type StateChange,
} from './protocol/state-change.js';

export interface EngineStopsOptions {
  readonly client: KdClient;
  readonly run: RunControl;
  readonly sites: BreakpointSites;
  readonly inventory: KernelInventory;
  readonly breakpoints: EngineBreakpoints;
  readonly conditions: HitConditions;
  readonly emit: (event: EngineEvent) => void;
  /** Does it when what was asked of the target before is done. */
  readonly later: (run: () => Promise<void>) => void;
  readonly log: (line: string) => void;
}

/** After the target has gone on from the stop that came before a break-in: how long that may take to come. */
export const LATE_BREAK_IN_MS = 2_000;

export class EngineStops {
  readonly #client: KdClient;
  readonly #run: RunControl;
  readonly #sites: BreakpointSites;
  readonly #inventory: KernelInventory;
  readonly #breakpoints: EngineBreakpoints;
  readonly #conditions: HitConditions;
  readonly #emit: (event: EngineEvent) => void;
  readonly #later: (run: () => Promise<void>) => void;
  readonly #log: (line: string) => void;
  readonly #bugchecks = new BugcheckWatch();
  /** Modules to stop at the load of, in lower case. */
  onLoad: ReadonlySet<string> = new Set();
  /** Somebody wants the machine to stand still: the next stop that nobody expected is that. */
  pausing = false;
  /** The stop that was told last. */
  #told: StateChange | undefined;
  /** Which breakpoints a stop is to be told of was decided: their conditions are asked, and their hits counted, once. */
  readonly #decided = new WeakMap<StateChange, readonly EngineBreakpoint[]>();
  /** Its handling failed, as when the link is away: it is neither told nor gone on from. */
  #unhandled: StateChange | undefined;
  /** A break-in was sent and something else stopped the target: it comes once that goes on. Until then there is no end. */
  #lateBreakIn: { until: number | undefined; at: bigint | undefined } | undefined;

  constructor(options: EngineStopsOptions) {
    this.#client = options.client;
    this.#run = options.run;
    this.#sites = options.sites;
    this.#inventory = options.inventory;
    this.#breakpoints = options.breakpoints;
    this.#conditions = options.conditions;
    this.#emit = options.emit;
    this.#later = options.later;
    this.#log = options.log;
  }

  /** A crash is announced in words before it stops the target. */
  print(text: string): void {
    this.#bugchecks.print(text);
  }

  isTold(stop: StateChange): boolean {
    return this.#told === stop;
  }

  /** A stop with nothing to tell: the one that our break-in asked for. */
  isPlain(stop: StateChange): boolean {
    return stop.kind === 'exception' && stop.code === STATUS_BREAKPOINT && !this.#bugchecks.pending;
  }

  /** Of a break-in, or of the program's own INT3. */
  isForeignInt3(stop: StateChange): boolean {
    const isOurs = this.#sites.at(stop.programCounter).length > 0 || this.#run.isAtRemoved(stop);
    return stop.kind === 'exception' && stop.code === STATUS_BREAKPOINT && !isOurs;
  }

  /** Another stop came before our break-in: the target breaks in once more after it goes on. */
  expectLateBreakIn(): void {
    this.#lateBreakIn = { until: undefined, at: undefined };
  }

  get expectsLateBreakIn(): boolean {
    return this.#lateBreakIn !== undefined && performance.now() <= (this.#lateBreakIn.until ?? Infinity);
  }

  /** The target is about to be let go. */
  leaving(): void {
    if (this.#lateBreakIn !== undefined) this.#lateBreakIn.until ??= performance.now() + LATE_BREAK_IN_MS;
  }

  /**
   * There is nothing to tell of it: it is at breakpoints alone that refuse it or record it or are gone, the trap of a step that was given up,
   * the load of a module that nobody waits for, a break-in that comes late, or a command.
   */
  async isPassed(stop: StateChange): Promise<boolean> {
    if (stop.kind === 'loadSymbols') {
      if (this.#moduleWaitedFor(stop) !== undefined) return false;
      // Whoever hears of the module may want breakpoints in it.
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    }
    // Those that handle() goes on from without a look.
    if (stop.kind !== 'exception' || stop.code === STATUS_WAKE_SYSTEM_DEBUGGER) return true;
    if (this.#bugchecks.pending) return false;
    await this.#run.look(stop);
    if (this.#run.takeStray(stop)) return true;
    if (this.#run.isAtRemoved(stop) || this.#takesLateBreakIn(stop)) return true;
    const hit = this.#breakpoints.hitBy(stop);
    return hit.length > 0 && (await this.#stoppingAt(stop, hit)).length === 0;
  }

  /** Decides what a stop is, and goes on from those that nobody asked for. */
  async handle(stop: StateChange): Promise<void> {
    if (this.#client.stop !== stop || this.#told === stop) return;
    await this.#orAgain(stop, () => this.#handle(stop));
  }

  /** Our own break-in, of which nobody is to hear. Should the link be away, it is gone on from when that is back. */
  async passBreakIn(stop: StateChange): Promise<void> {
    try {
      await this.#orAgain(stop, () => this.goOn(false));
    } catch (error) {
      this.expectLateBreakIn();
      throw error;
    }
  }

  async #orAgain(stop: StateChange, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#unhandled = stop;
      throw error;
    }
  }

  /** The stop that holds was reported once more: what came to nothing before is done now. */
  async handleAgain(): Promise<void> {
    const stop = this.#unhandled;
    this.#unhandled = undefined;
    if (stop !== undefined) await this.handle(stop);
  }

  async #handle(stop: StateChange): Promise<void> {
    switch (stop.kind) {
      case 'loadSymbols':
        await this.#handleLoad(stop);
        return;
      case 'exception':
        await this.#handleException(stop);
        return;
      case 'commandString':
        await this.goOn(false);
        return;
      case 'unknown':
        this.#log(`a state change of kind 0x${stop.state.toString(16)}`);
        await this.goOn(false);
    }
  }

  async #handleLoad(stop: Extract<StateChange, { kind: 'loadSymbols' }>): Promise<void> {
    const module = this.#moduleWaitedFor(stop);
    if (module !== undefined) {
      await this.report(stop, { kind: 'moduleLoad', module });
      return;
    }
    // Whoever hears of the module may want breakpoints in it: their requests come before going on.
    setImmediate(() => {
      this.#later(async () => {
        if (this.#client.stop === stop) await this.#orAgain(stop, () => this.goOn(false));
      });
    });
  }

  /** Takes note of the module; it, if the machine is to stop at its load. */
  #moduleWaitedFor(stop: Extract<StateChange, { kind: 'loadSymbols' }>): EngineModule | undefined {
    const module = this.#inventory.loadReported(stop);
    return module !== undefined && !stop.unload && this.onLoad.has(module.name.toLowerCase()) ? module : undefined;
  }

  async #handleException(stop: Extract<StateChange, { kind: 'exception' }>): Promise<void> {
    if (stop.code === STATUS_WAKE_SYSTEM_DEBUGGER || this.#run.takeStray(stop)) {
      await this.goOn(false);
      return;
    }
    await this.#run.look(stop);
    const bugcheck = this.#bugchecks.take();
    if (bugcheck !== undefined) {
      await this.report(stop, { kind: 'bugcheck', ...bugcheck });
      return;
    }
    const hit = this.#breakpoints.hitBy(stop);
    if (hit.length > 0) {
      await this.#handleHits(stop, hit);
      return;
    }
    if (this.#run.isAtRemoved(stop)) {
      await this.#passOrPause(stop);
      return;
    }
    if (!this.pausing && this.#takesLateBreakIn(stop)) {
      await this.goOn(false);
      return;
    }
    await this.report(stop, this.#reasonOf(stop));
  }

  #reasonOf(stop: Extract<StateChange, { kind: 'exception' }>): StopReason {
    const { code, address, firstChance, parameters } = stop;
    if (code === STATUS_BREAKPOINT) {
      if (!this.pausing) return { kind: 'foreignBreakpoint' };
      this.pausing = false;
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
    const stopping = await this.#stoppingAt(stop, hit);
    if (stopping.length === 0) {
      await this.#passOrPause(stop);
      return;
    }
    this.#noteLateBreakIn();
    for (const { id, request } of stopping) if (request.once === true) await this.#breakpoints.remove(id);
    const kind = stopping.some(({ request }) => request.kind === 'write' || request.kind === 'readwrite');
    await this.report(stop, { kind: kind ? 'data' : 'breakpoint', breakpoints: stopping.map(({ id }) => id) });
  }

  /** Nothing to tell of it, unless a pause wants a stop: it is there, and its break-in may be lost among many. */
  async #passOrPause(stop: StateChange): Promise<void> {
    if (!this.pausing) {
      await this.goOn(false);
      return;
    }
    this.#noteLateBreakIn();
    await this.report(stop, { kind: 'pause' });
  }

  /** Those that the user is told of; the others are counted, or record it. */
  async #stoppingAt(
    stop: Extract<StateChange, { kind: 'exception' }>,
    hit: readonly EngineBreakpoint[],
  ): Promise<readonly EngineBreakpoint[]> {
    const decided = this.#decided.get(stop);
    if (decided !== undefined) return decided;
    const space = hit.some(({ request }) => request.space !== KERNEL_SPACE)
      ? await this.#inventory.spaceOf(stop.thread)
      : undefined;
    const thread = this.#inventory.threadIdOf(stop.thread);
    const stopping: EngineBreakpoint[] = [];
    for (const breakpoint of hit) {
      const { request } = breakpoint;
      const elsewhere =
        (request.space !== KERNEL_SPACE && request.space !== space) ||
        (request.thread !== undefined && request.thread !== thread);
      if (elsewhere || !(await this.#conditions.passes(stop, request, ++breakpoint.met))) breakpoint.filtered++;
      else if (breakpoint.record !== undefined) {
        breakpoint.hits++;
        await breakpoint.record(stop);
      } else if (++breakpoint.hits > (request.ignoreCount ?? 0)) stopping.push(breakpoint);
    }
    this.#decided.set(stop, stopping);
    return stopping;
  }

  /** A step has ended where it was to. */
  async stepped(stop: StateChange): Promise<void> {
    this.#noteLateBreakIn();
    await this.report(stop, { kind: 'step' });
  }

  async report(stop: StateChange, reason: StopReason): Promise<void> {
    const before = this.#client.requests;
    const context = await this.#run.context(stop.processor);
    const thread = await this.#inventory.stoppedThread(stop);
    this.#told = stop;
    this.#emit({
      type: 'stopped',
      stop: {
        thread,
        reason,
        registers: context.bytes,
        memory: [{ address: stop.programCounter, data: stop.report.instructionBytes }],
        allStopped: true,
        roundTrips: this.#client.requests - before,
      },
    });
  }

  /** Another stop came while a break-in was on its way: the target breaks in once more after it goes on. */
  #noteLateBreakIn(): void {
    if (!this.pausing) return;
    this.pausing = false;
    this.expectLateBreakIn();
  }

  #takesLateBreakIn(stop: StateChange): boolean {
    const late = this.#lateBreakIn;
    if (late === undefined || !this.expectsLateBreakIn || !this.isForeignInt3(stop)) return false;
    // Until its time is over it may come again at the same place, as when a reset makes the target report twice.
    late.at ??= stop.programCounter;
    return late.at === stop.programCounter;
  }

  async goOn(passException: boolean): Promise<void> {
    const next = await this.#run.resume(passException);
    if (next !== undefined) await this.handle(next);
  }
}
