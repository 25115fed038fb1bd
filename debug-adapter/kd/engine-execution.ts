/** Letting the machine go on, stepping and pausing it, as its user asks. */
import { EventscopeError } from '../../protocol/errors.js';
import type { EngineEvent, ThreadId } from '../engine.js';
import type { EngineBreakpoints } from './engine-breakpoints.js';
import type { EngineStops } from './engine-stops.js';
import type { KdClient } from './kd-client.js';
import type { KernelInventory } from './kernel-inventory.js';
import type { BreakpointSites } from './machine/breakpoint-sites.js';
import type { KdMemory } from './machine/kd-memory.js';
import type { RunControl } from './machine/run-control.js';
import type { StateChange } from './protocol/state-change.js';
import { RangeStep, type RangeStepOptions } from './range-step.js';
import { PAUSE_MS, type StepUnderWay } from './step-under-way.js';
import type { TargetTurns } from './target-turns.js';

export interface EngineExecutionOptions {
  readonly client: KdClient;
  readonly run: RunControl;
  readonly sites: BreakpointSites;
  readonly memory: KdMemory;
  readonly inventory: KernelInventory;
  readonly breakpoints: EngineBreakpoints;
  readonly stops: EngineStops;
  readonly turns: TargetTurns;
  readonly emit: (event: EngineEvent) => void;
}

export class EngineExecution {
  readonly #parts: EngineExecutionOptions;
  #holdsQuietly = false;

  constructor(parts: EngineExecutionOptions) {
    this.#parts = parts;
  }

  /** Stopped since the attach, and nobody was told. */
  get isHeld(): boolean {
    return this.#holdsQuietly && this.#parts.client.state === 'stopped';
  }

  /** The stop that an attach has brought. */
  async begin(isBreakIn: boolean, isTold: boolean): Promise<void> {
    const { client, stops, turns } = this.#parts;
    // The stop is the one that our break-in asked for, unless the target was stopped by something else already.
    stops.pausing = isBreakIn;
    const { stop } = client;
    if (stop === undefined) return;
    if (!isTold && stops.isPlain(stop)) {
      stops.pausing = false;
      this.#holdsQuietly = true;
    } else await turns.take(() => stops.handle(stop));
  }

  resume(passException: boolean): Promise<void> {
    const { emit, stops, turns } = this.#parts;
    return turns.take(async () => {
      this.mustBeStopped();
      this.#holdsQuietly = false;
      emit({ type: 'resumed' });
      await stops.goOn(passException);
    });
  }

  /** Settles when it has begun; its end comes as an event. */
  step(thread: ThreadId, options: RangeStepOptions): Promise<void> {
    const { emit, turns } = this.#parts;
    return new Promise((begun, failed) => {
      turns.later(async () => {
        try {
          this.#mustBeStoppedIn(thread);
        } catch (error) {
          failed(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        emit({ type: 'resumed' });
        begun();
        // What goes wrong on the way ends the step where it is.
        await turns.step((step) => this.#step(step, options));
      });
    });
  }

  async pause(): Promise<void> {
    const { client, stops, turns } = this.#parts;
    if (await turns.endStep()) return;
    await turns.take(async () => {
      const { stop } = client;
      if (stop !== undefined) {
        if (stops.isTold(stop) || this.#holdsQuietly) return;
        // It stands at something that nobody has looked at yet: that is told, if only as the pause.
        stops.pausing = true;
        await stops.handle(stop);
        if (stops.isTold(stop)) return;
      }
      stops.pausing = true;
      try {
        await client.pause(PAUSE_MS);
      } catch (error) {
        stops.pausing = false;
        throw error;
      }
    });
  }

  /** Rejects with `debug.running`. */
  mustBeStopped(): StateChange {
    return this.#parts.run.current;
  }

  notOnProcessor(): EventscopeError {
    return new EventscopeError({
      id: 'debug.notCurrent',
      what: 'This thread is not the one that stopped',
      target: this.#parts.inventory.target,
      why: 'only a thread that a processor runs can be stepped or changed',
      next: 'Set a breakpoint where it goes on',
    });
  }

  async #step(step: StepUnderWay, options: RangeStepOptions): Promise<void> {
    const { run, sites, memory, breakpoints, stops } = this.#parts;
    const ended = await new RangeStep(run, sites, memory, {
      mayGoOn: () => step.mayGoOn(),
      passes: (stop) => step.passes(stop),
      isUsed: (site) => breakpoints.uses(site),
    }).run(options);
    if (ended.completed) await stops.stepped(ended.stop);
    else await stops.handle(ended.stop);
  }

  #mustBeStoppedIn(thread: ThreadId): void {
    const stop = this.mustBeStopped();
    if (this.#parts.inventory.threadIdOf(stop.thread) !== thread) throw this.notOnProcessor();
  }
}
