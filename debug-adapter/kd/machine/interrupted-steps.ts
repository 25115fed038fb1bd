/** Steps of one thread that the stop of another came before: their traps are still to come, and are nobody's news. */
import { STATUS_BREAKPOINT, STATUS_SINGLE_STEP, type StateChange } from '../protocol/state-change.js';
import { DR6_STEP } from './hardware-breakpoints.js';

export class InterruptedSteps {
  /** By thread, with where it was stepped from until that is met again. */
  readonly #from = new Map<bigint, bigint | undefined>();

  add(thread: bigint, from: bigint): void {
    this.#from.set(thread, from);
  }

  ended(thread: bigint): void {
    this.#from.delete(thread);
  }

  forget(): void {
    this.#from.clear();
  }

  /** Where threads are still to be stepped from. */
  get places(): readonly bigint[] {
    return [...this.#from.values()].filter((from) => from !== undefined);
  }

  /**
   * Whether a stop is the trap of such a step, or the INT3 that it was to lead past: to be gone on from without a word.
   *
   * @param isAtOwnInt3 the stop is at an INT3 of ours
   */
  take(stop: StateChange, isAtOwnInt3: boolean): boolean {
    if (stop.kind !== 'exception' || !this.#from.has(stop.thread)) return false;
    const { thread, programCounter, report } = stop;
    if (stop.code === STATUS_BREAKPOINT) {
      const isMetAgain = this.#from.get(thread) === programCounter && isAtOwnInt3;
      if (isMetAgain) this.#from.set(thread, undefined);
      return isMetAgain;
    }
    if (stop.code !== STATUS_SINGLE_STEP) return false;
    // A debug register that was met on the way is told.
    const isPlain = (report.dr6 & 0xfn) === 0n;
    if (isPlain || (report.dr6 & DR6_STEP) !== 0n) this.ended(thread);
    return isPlain;
  }
}
