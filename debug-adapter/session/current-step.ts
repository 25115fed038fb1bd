/** The step that is being taken, if one is: the user's own, or one by which the debugger completes a stop of its own. */
import type { BreakpointId, Engine, ThreadId } from '../engine.js';
import type { Inspector } from './inspector.js';
import type { SessionThread } from './inventory.js';
import { LineStep, type StepRequest } from './stepping.js';
import type { ToldStop } from './told-stop.js';

export class CurrentStep {
  readonly #inspector: Inspector;
  #step: LineStep | undefined;
  /** What its end is told as, when it is not the user's own. */
  #toldAfter: ToldStop | undefined;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  get isTaken(): boolean {
    return this.#step !== undefined;
  }

  /** In the place of any other. The target runs when this settles. */
  async begin(request: StepRequest, signal: AbortSignal, toldAfter?: ToldStop): Promise<void> {
    await this.end();
    this.#step = await LineStep.begin(request, this.#inspector, signal);
    this.#toldAfter = toldAfter;
  }

  isOf(engine: Engine, thread: ThreadId): boolean {
    return this.#step?.thread.engine === engine && this.#step.thread.thread === thread;
  }

  isReturn(thread: SessionThread | undefined, ids: readonly BreakpointId[]): boolean {
    return thread !== undefined && this.#step?.thread.id === thread.id && this.#step.isReturn(ids);
  }

  /** Its thread has stopped on its way. @returns how its end is told; undefined: it is not done, and goes on */
  async stopped(): Promise<ToldStop | undefined> {
    if ((await this.#step?.stopped()) === 'goesOn') return undefined;
    return this.#toldAfter ?? { reason: 'step' };
  }

  /** Something else stopped its thread, and was let pass. */
  async proceed(): Promise<void> {
    await this.#step?.proceed();
  }

  /** Takes out what it had set. */
  async end(): Promise<void> {
    const step = this.#step;
    this.#step = undefined;
    this.#toldAfter = undefined;
    await step?.end();
  }
}
