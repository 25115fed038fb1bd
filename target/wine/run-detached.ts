/**
 * Running a Wine program to its end.
 */
import { spawn } from 'node:child_process';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import { throwIfCancelled } from '../operation.js';
import { kill } from './processes.js';

/**
 * Runs a Wine program to its end, in a session of its own: what it leaves running must not get the terminal's Ctrl-C.
 * @returns its exit code
 */
export async function runDetached(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  log: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  throwIfCancelled(signal);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment, stdio: ['ignore', log, log], detached: true });
    let failure: Error | undefined;
    const end = (why: Error): void => {
      failure ??= why;
      if (child.pid !== undefined) kill(-child.pid);
    };
    const cancel = (): void => end(new CancelledError());
    const late = new EventscopeError({
      id: 'wine.start',
      what: `${args.join(' ')} did not end within ${timeoutMs / 1000} s`,
    });
    const limit = setTimeout(() => end(late), timeoutMs);
    signal.addEventListener('abort', cancel, { once: true });
    const settle = (): void => {
      clearTimeout(limit);
      signal.removeEventListener('abort', cancel);
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('exit', (code) => {
      settle();
      if (failure !== undefined) reject(failure);
      else resolve(code ?? -1);
    });
  });
}
