/** What a call that runs in a call worker (call-pool.ts) is given. */
import type { Handle } from './native/memory.js';

export interface CallContext {
  /** A Win32 event that is set when the call is cancelled: for waits on several objects. */
  readonly cancelEvent: Handle;
  /** Whether somebody asked for an end. Costs no system call. */
  cancelled(): boolean;
  /** Waits in ms, or shorter when cancelled. */
  sleep(milliseconds: number): void;
  /** Sends a part of the result ahead of the answer. The bytes are handed over: do not use them again. */
  emit(data: Uint8Array, count: number): void;
}
