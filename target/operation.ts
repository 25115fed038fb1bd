/**
 * Waiting, with an end: cancellable and bounded.
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
 * An operation for putting things back: it is not cancelled with the one that failed or was cancelled, but bounded.
 */
export function cleanupOperation(of: Operation, ms: number): Operation {
  return { signal: AbortSignal.timeout(ms), progress: (message) => of.progress(message) };
}

/** What was thrown, as the Error that it nearly always is. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
