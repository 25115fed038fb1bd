/** Work with a target, one thing after the other; what needs it stopped stops it for that, and lets it go on as if nothing had been. */
import { setTimeout } from 'node:timers/promises';
import { type EngineStops, LATE_BREAK_IN_MS } from './engine-stops.js';
import type { KdClient } from './kd-client.js';
import type { RunControl } from './machine/run-control.js';
import type { StateChange } from './protocol/state-change.js';
import { PAUSE_MS, StepUnderWay } from './step-under-way.js';
import { Turns } from './turns.js';

export interface TargetTurnsOptions {
  readonly client: KdClient;
  readonly run: RunControl;
  readonly stops: EngineStops;
  /** Of work that nobody waits for. */
  readonly failed: (error: unknown) => void;
}

export class TargetTurns {
  readonly #parts: TargetTurnsOptions;
  readonly #turns = new Turns();
  #step: StepUnderWay | undefined;

  constructor(parts: TargetTurnsOptions) {
    this.#parts = parts;
  }

  take<Result>(run: () => Promise<Result>): Promise<Result> {
    return this.#turns.take(run);
  }

  later(run: () => Promise<void>): void {
    this.take(run).catch((error: unknown) => this.#parts.failed(error));
  }

  /** In a turn; what comes meanwhile interrupts it. */
  async step(run: (step: StepUnderWay) => Promise<void>): Promise<void> {
    const step = new StepUnderWay(this.#parts.client, this.#parts.stops);
    this.#step = step;
    try {
      await run(step);
    } finally {
      this.#step = undefined;
      step.over((work) => this.whileStopped(work));
    }
  }

  /** Ends a step that is under way. false: there is none. */
  async endStep(): Promise<boolean> {
    const step = this.#step;
    await step?.end();
    return step !== undefined;
  }

  /** Runs at once when stopped; a running target is stopped for it and goes on as if nothing had been. */
  whileStopped<Result>(run: () => Promise<Result>): Promise<Result> {
    const { stops } = this.#parts;
    if (this.#step !== undefined) return this.#step.do(run);
    return this.take(async () => {
      const stop = await this.quietPause();
      const wasBreakIn = stop !== undefined && stops.isForeignInt3(stop);
      try {
        return await run();
      } finally {
        // Only our own break-in is gone on from; what else stopped it is told.
        if (wasBreakIn) {
          await stops.passBreakIn(stop);
        } else if (stop !== undefined) {
          this.later(() => stops.handle(stop));
        }
      }
    });
  }

  /** In a turn. Lets it go for good: a break-in that is still to come would hold it with nobody there. Exceptions are its own. */
  async leave(): Promise<void> {
    const { run, stops } = this.#parts;
    const isLateExpected = stops.expectsLateBreakIn;
    const late = run.nextStop().catch(() => undefined);
    await run.resume(true);
    const stop = isLateExpected ? await Promise.race([late, setTimeout(LATE_BREAK_IN_MS, undefined)]) : undefined;
    if (stop === undefined) run.forgetWaiting();
    else await run.resume(true);
  }

  /** In a turn. The stop that came, or undefined when the target was stopped already. */
  async quietPause(): Promise<StateChange | undefined> {
    const { client, run, stops } = this.#parts;
    if (client.state === 'stopped') return undefined;
    const stopped = run.nextStop();
    stopped.catch(() => undefined);
    try {
      await client.pause(PAUSE_MS);
    } catch (error) {
      run.forgetWaiting();
      throw error;
    }
    const stop = await stopped;
    await run.look(stop);
    if (!stops.isForeignInt3(stop)) stops.expectLateBreakIn();
    return stop;
  }
}
