/**
 * Ctrl-C: the first one cancels what runs, which then puts the target back; the second one gives up waiting for that.
 */
import { ExitCode } from './exit-code.js';

/** What an interrupt needs of the process; tests hand in an EventEmitter. */
export interface SignalSource {
  on(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown;
  off(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown;
  exit(code: number): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * @param say prints a line for the user
 * @returns the signal of every operation, and what ends the listening
 */
export function cancelOnInterrupt(
  source: SignalSource,
  say: (line: string) => void,
): { readonly signal: AbortSignal; readonly dispose: () => void } {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) {
      source.exit(ExitCode.Cancelled);
      return;
    }
    say('Cancelling: putting the target back. Once more to leave at once.');
    controller.abort();
  };
  for (const name of SIGNALS) source.on(name, listener);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of SIGNALS) source.off(name, listener);
    },
  };
}
