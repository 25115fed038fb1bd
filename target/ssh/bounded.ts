/**
 * One wait, ended by whichever comes first: its result, the user's cancel, its time limit, or the loss of the link.
 */
import { CancelledError } from '../../protocol/errors.js';

export interface Bounds {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly onTimeout: () => Error;
  /** Registers for the loss of the link; returns the function that ends the registration. */
  readonly onLost?: ((listener: (reason: Error) => void) => () => void) | undefined;
  /** Runs when the wait ends without a result, so that what was begun does not go on alone. */
  readonly abandon?: (() => void) | undefined;
}

type Begin<T> = (resolve: (value: T) => void, reject: (error: Error) => void) => void;

/** @throws CancelledError when the signal aborts, the error of onTimeout, the link's reason, or begin's own error. */
export function bounded<T>(begin: Begin<T>, bounds: Bounds): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let settled = false;
    const registration: { end?: () => void } = {};
    const finish = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      bounds.signal?.removeEventListener('abort', onAbort);
      registration.end?.();
      return true;
    };
    const giveUp = (error: Error): void => {
      if (!finish()) return;
      bounds.abandon?.();
      reject(error);
    };
    const onAbort = (): void => giveUp(new CancelledError());
    const timer = setTimeout(() => giveUp(bounds.onTimeout()), bounds.timeoutMs);
    if (bounds.signal?.aborted === true) {
      giveUp(new CancelledError());
      return;
    }
    bounds.signal?.addEventListener('abort', onAbort, { once: true });
    const endLost = bounds.onLost?.(giveUp);
    if (endLost !== undefined) registration.end = endLost;
    // A link that is lost already has answered at once.
    if (settled as boolean) return;
    try {
      begin(
        (value) => {
          if (finish()) resolve(value);
        },
        (error) => {
          if (finish()) reject(error);
        },
      );
    } catch (error) {
      giveUp(error instanceof Error ? error : new Error(String(error)));
    }
  });
}
