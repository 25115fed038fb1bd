/**
 * A step, while it runs: it has the target for itself, and may be over a call that returns much later or never. What others want of the
 * stopped target meanwhile is done when the step next stands still, which a break-in sees to; then the step goes on.
 */
import { setTimeout } from 'node:timers/promises';
import type { EngineStops } from './engine-stops.js';
import type { KdClient } from './kd-client.js';
import type { StateChange } from './protocol/state-change.js';

/** Until a target that a break-in was sent to has stopped. */
export const PAUSE_MS = 10_000;
/** Between two looks at a step that stands still and goes on at once. */
const LOOK_AGAIN_MS = 10;

interface Work {
  readonly run: () => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export class StepUnderWay {
  readonly #client: KdClient;
  readonly #stops: EngineStops;
  #work: Work[] = [];
  #isOver = false;
  /** A break-in was sent, and the stop that it asks for has not come. */
  #breaksIn = false;
  #pause: Promise<void> | undefined;

  constructor(client: KdClient, stops: EngineStops) {
    this.#client = client;
    this.#stops = stops;
  }

  /** Done while the step stands still. */
  do<Result>(run: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const work: Work = { run: () => run().then(resolve, reject), failed: reject };
      this.#work.push(work);
      this.#interruptUntil(() => !this.#work.includes(work)).catch((error: unknown) => {
        this.#work = this.#work.filter((each) => each !== work);
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  /** Settles when the step is over, with what stopped it told as the pause that was asked for. */
  async end(): Promise<void> {
    this.#stops.pausing = true;
    try {
      await this.#interruptUntil(() => this.#isOver);
    } catch (error) {
      this.#stops.pausing = false;
      throw error;
    }
  }

  /** The step stands still and is about to go on. false: it is to end here. */
  async mayGoOn(): Promise<boolean> {
    for (const { run } of this.#work.splice(0)) await run();
    return !this.#stops.pausing;
  }

  /** Something else than the step's own end has stopped the target. false: that is to be told, and the step with it has ended. */
  async passes(stop: StateChange): Promise<boolean> {
    const ours = this.#breaksIn && this.#stops.isForeignInt3(stop) && this.#stops.isPlain(stop);
    if (ours) this.#breaksIn = false;
    if (!ours && !(await this.#stops.isPassed(stop))) return false;
    return this.mayGoOn();
  }

  /** What came too late for it is done by the one who is told. */
  over(doLater: (run: () => Promise<void>) => Promise<void>): void {
    this.#isOver = true;
    if (this.#breaksIn) this.#stops.expectLateBreakIn();
    for (const { run, failed } of this.#work.splice(0)) doLater(run).catch(failed);
  }

  async #interruptUntil(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.#client.state === 'running') await this.#breakIn();
      await setTimeout(LOOK_AGAIN_MS);
    }
  }

  /** One for all who want it. */
  async #breakIn(): Promise<void> {
    this.#breaksIn = true;
    this.#pause ??= this.#client.pause(PAUSE_MS);
    try {
      await this.#pause;
    } finally {
      this.#pause = undefined;
    }
  }
}
