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
  /** Stopped since the attach, and nobody was told. */
  #holdsQuietly = false;
  #isBreakIn = false;
  /** To be told that it goes on, once it does. */
  #goesOn: (() => void) | undefined;

  constructor(parts: EngineExecutionOptions) {
    this.#parts = parts;
  }

  /** The stop that an attach has brought. isTold: at once; else release() decides. */
  async begin(isBreakIn: boolean, isTold: boolean): Promise<void> {
    this.#isBreakIn = isBreakIn;
    this.#holdsQuietly = true;
    if (isTold) await this.release(true);
  }

  /** Whoever attached has set what is to be set: the stop is told, or gone on from when it is nothing but the attach's own. */
  release(isTold: boolean): Promise<void> {
    const { client, stops, turns } = this.#parts;
    return turns.take(async () => {
      const { stop } = client;
      const wasHeld = this.#holdsQuietly;
      this.#holdsQuietly = false;
      if (!wasHeld || stop === undefined) return;
      if (!isTold && stops.isPlain(stop)) {
        await this.#goOn(() => stops.goOn(false));
        return;
      }
      // It is the one that our break-in asked for, unless the target was stopped by something else already.
      stops.pausing = this.#isBreakIn;
      await stops.handle(stop);
    });
  }

  resume(passException: boolean): Promise<void> {
    const { stops, turns } = this.#parts;
    return turns.take(async () => {
      this.mustBeStopped();
      await this.#goOn(() => stops.goOn(passException));
      this.#holdsQuietly = false;
    });
  }

  /** Settles when it has begun; its end comes as an event. */
  step(thread: ThreadId, options: RangeStepOptions): Promise<void> {
    const { client, stops, turns } = this.#parts;
    return new Promise((begun, failed) => {
      turns.later(async () => {
        const before = client.stop;
        try {
          this.#mustBeStoppedIn(thread);
          await this.#goOn(() => turns.step((step) => this.#step(step, options)), begun);
        } catch (error) {
          const { stop } = client;
          if (stop === before) {
            failed(error instanceof Error ? error : new Error(String(error)));
            return;
          }
          // What goes wrong on the way ends the step where it is.
          if (stop !== undefined && !stops.isTold(stop)) {
            await (stop.thread === before?.thread ? stops.stepped(stop) : stops.handle(stop));
          }
          throw error;
        }
      });
    });
  }

  /** The target is let go, or stands elsewhere: whoever wants that is told now, and hears nothing when it comes to nothing. */
  leaving(): void {
    this.#goesOn?.();
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

  async #goOn(run: () => Promise<void>, begun?: () => void): Promise<void> {
    this.#goesOn = () => {
      this.#goesOn = undefined;
      this.#parts.emit({ type: 'resumed' });
      begun?.();
    };
    try {
      await run();
    } finally {
      this.#goesOn = undefined;
    }
  }

  #mustBeStoppedIn(thread: ThreadId): void {
    const stop = this.mustBeStopped();
    if (this.#parts.inventory.threadIdOf(stop.thread) !== thread) throw this.notOnProcessor();
  }
}
