/** What a client of the link waits for while no request is under way: a stop, a sign of a running target, the wire being up. */
import { CancelledError } from '../../protocol/errors.js';
import type { Clock } from './link/clock.js';

export type Happening = 'stopped' | 'up' | 'running';

export class Happenings {
  readonly #clock: Clock;
  #waiters: ((event: Happening | Error) => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An error ends every wait. */
  tell(event: Happening | Error): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter(event);
  }

  /** Which came first; undefined when the time was over. Rejects when the link ends or the signal does. */
  next(
    events: readonly Happening[],
    milliseconds: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Happening | undefined> {
    return new Promise((resolve, reject) => {
      const finish = (outcome: Happening | Error | undefined): void => {
        cancelTimer();
        signal?.removeEventListener('abort', cancel);
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const waiter = (happened: Happening | Error): void => {
        if (happened instanceof Error || events.includes(happened)) finish(happened);
        else this.#waiters.push(waiter);
      };
      const cancel = (): void => finish(new CancelledError());
      const cancelTimer =
        milliseconds === undefined ? (): void => undefined : this.#clock.after(milliseconds, () => finish(undefined));
      if (signal?.aborted === true) {
        cancel();
        return;
      }
      signal?.addEventListener('abort', cancel, { once: true });
      this.#waiters.push(waiter);
    });
  }
}
