/**
 * Waiting, with an end: every wait of the host side goes through these two, so each is cancellable and bounded.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError } from '../protocol/errors.js';
import type { Operation } from './target.js';

/** @throws CancelledError when the operation was cancelled. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new CancelledError();
}

/** Sleeps, and wakes with CancelledError when the operation is cancelled. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    throw new CancelledError();
  }
}

/**
 * Settles with `promise`; rejects with CancelledError on cancel, or with what `late` makes when `ms` have passed first.
 * The promise's own work goes on: its caller ends it.
 */
export async function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal, late: () => Error): Promise<T> {
  const end = new AbortController();
  const forward = (): void => end.abort();
  signal.addEventListener('abort', forward, { once: true });
  if (signal.aborted) end.abort();
  const limit = delay(ms, undefined, { signal: end.signal }).then(
    () => Promise.reject(late()),
    () => Promise.reject(new CancelledError()),
  );
  try {
    return await Promise.race([promise, limit]);
  } finally {
    signal.removeEventListener('abort', forward);
    end.abort();
    limit.catch(() => undefined);
    promise.catch(() => undefined);
  }
}

/**
 * An operation for putting things back: it is not cancelled with the one that failed or was cancelled, but bounded.
 */
export function cleanupOperation(of: Operation, ms: number): Operation {
  return { signal: AbortSignal.timeout(ms), progress: (message) => of.progress(message) };
}

/** What was thrown, as the Error that it nearly always is. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
