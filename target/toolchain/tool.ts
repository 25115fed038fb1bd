/**
 * Running a compiler, linker or signing tool: bounded output, bounded time, and ended with all its children on cancel.
 */
import { spawn } from 'node:child_process';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';

export interface ToolRun {
  readonly exitCode: number;
  readonly standardOutput: string;
  readonly standardError: string;
}

export interface ToolOptions {
  readonly signal: AbortSignal;
  readonly folder?: string;
  /** Bound in ms; default 300,000. */
  readonly timeoutMs?: number;
  readonly environment?: NodeJS.ProcessEnv;
  /** What the tool reads on its standard input; none by default. */
  readonly input?: string;
}

const OUTPUT_LIMIT = 8 * 1024 * 1024;

/** A tool's own words must not depend on the user's language: they are parsed. */
export function plainEnglish(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, LC_ALL: 'C', LANGUAGE: 'C', VSLANG: '1033' };
}

/**
 * Runs a tool to its end. A failing exit code is the caller's to judge.
 * @throws EventscopeError `tool.failed` (could not be started, was killed, ran too long); CancelledError
 */
export async function runTool(program: string, args: readonly string[], options: ToolOptions): Promise<ToolRun> {
  if (options.signal.aborted) throw new CancelledError();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.folder,
      env: plainEnglish(options.environment ?? process.env),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that a compiler driver's children end with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    let failure: Error | undefined;
    const end = (why: Error): void => {
      failure ??= why;
      endGroup(child.pid);
    };
    const cancel = (): void => end(new CancelledError());
    const timeoutMs = options.timeoutMs ?? 300_000;
    const limit = setTimeout(() => end(failed(program, `it did not end within ${timeoutMs / 1000} s`)), timeoutMs);
    options.signal.addEventListener('abort', cancel, { once: true });

    const standardOutput = new BoundedText();
    const standardError = new BoundedText();
    child.stdout.on('data', (data: Buffer) => standardOutput.add(data));
    child.stderr.on('data', (data: Buffer) => standardError.add(data));
    // A tool may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');

    const settle = (): void => {
      clearTimeout(limit);
      options.signal.removeEventListener('abort', cancel);
    };
    child.on('error', (error) => {
      settle();
      reject(failed(program, error.message, error));
    });
    child.on('close', (code, signal) => {
      settle();
      if (failure !== undefined) reject(failure);
      else if (code === null) reject(failed(program, `it was ended by ${signal ?? 'a signal'}`));
      else {
        resolve({ exitCode: code, standardOutput: standardOutput.text(), standardError: standardError.text() });
      }
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It had ended by itself.
  }
}

function failed(program: string, why: string, cause?: unknown): EventscopeError {
  return new EventscopeError({ id: 'tool.failed', what: `${program} did not run to its end`, why, cause });
}

class BoundedText {
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  add(data: Buffer): void {
    const room = OUTPUT_LIMIT - this.#bytes;
    if (room <= 0) return;
    this.#pieces.push(data.length > room ? data.subarray(0, room) : data);
    this.#bytes += data.length;
  }

  text(): string {
    const text = Buffer.concat(this.#pieces).toString('utf8');
    return this.#bytes > OUTPUT_LIMIT ? `${text}\n(${this.#bytes - OUTPUT_LIMIT} more bytes left out)\n` : text;
  }
}
