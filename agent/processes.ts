/**
 * Processes started for the client: arguments quoted as CommandLineToArgvW reads them, output streamed as it comes and held
 * back while the client does not read, exit code after the last output.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex, type Readable } from 'node:stream';
import type { AgentConnection } from '../protocol/agent-connection.js';
import { AgentRequestError } from '../protocol/agent-errors.js';
import type { RequestParams, RequestResult } from '../protocol/agent-rpc.js';
import { commandLine, quoteArgument } from '../machine/command-line.js';
import { HeldProcess } from './held-process.js';
import { CloseHandle, GetLastError, OpenProcess, TerminateProcess } from './native/common-native.js';
import { JOBOBJECT_EXTENDED_LIMIT_INFORMATION } from './native/layouts.js';
import { win32Error } from './native/native-error.js';
import {
  AssignProcessToJobObject,
  CreateJobObjectW,
  SetInformationJobObject,
  TerminateJobObject,
} from './processes-native.js';

const PROCESS_TERMINATE = 1;
const PROCESS_SET_QUOTA = 0x100;
const JobObjectExtendedLimitInformation = 9;
const JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000;
/**
 * A grandchild may hold the output open after its parent has ended, and may write on. It is waited for until nothing has come for
 * SILENT_ROUNDS, and no longer than MAX_ROUNDS. Rounds, because an agent that did not get to run for a second has not looked for a second.
 */
const ROUND_MS = 100;
const SILENT_ROUNDS = 10;
const MAX_ROUNDS = 50;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** Error codes of Node for a program that cannot be started, as Win32 errors. */
const SPAWN_ERRORS: Readonly<Record<string, number>> = { ENOENT: 2, EACCES: 5, EPERM: 5, E2BIG: 206, EINVAL: 87 };

export class Processes {
  /** Holds every process started with endWithAgent: its last handle is ours, so they end with us however we end. */
  readonly #job = makeKillingJob();
  readonly #ending = new Set<ChildProcess>();
  readonly #held = new Map<number, HeldProcess>();

  constructor(
    readonly connection: AgentConnection,
    readonly log: (line: string) => void,
  ) {}

  async start(params: RequestParams<'process/start'>): Promise<RequestResult<'process/start'>> {
    try {
      commandLine(params.program, params.arguments);
    } catch (error) {
      throw new AgentRequestError('process/start', error instanceof Error ? error.message : String(error), undefined);
    }
    const child = spawn(params.program, params.arguments.map(quoteArgument), {
      ...(params.workingFolder === undefined ? {} : { cwd: params.workingFolder }),
      env: { ...process.env, ...params.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      windowsVerbatimArguments: true,
      // Node ends the others with itself.
      detached: !params.endWithAgent,
    });
    // Node throws away what nobody has asked for by the time that the process has ended, and that may be before we are asked again.
    const outputs = ([1, 2] as const).map((stream) => new Output(stream === 1 ? child.stdout : child.stderr, stream));
    // At once, if at all: a moment later it would run.
    const held = params.hold === true && child.pid !== undefined ? HeldProcess.hold(child.pid) : undefined;
    held?.catch(() => child.kill());
    await spawned(child, params);
    const process_ = child.pid ?? 0;
    if (held !== undefined) {
      this.#held.set(process_, await held);
    }
    if (params.endWithAgent) {
      this.#ending.add(child);
      this.#addToJob(process_);
    }
    // Not before the answer is on its way: the client must know the process before it hears of it.
    setImmediate(() => {
      this.#follow(child, process_, outputs).catch((error: unknown) =>
        this.log(`process ${process_}: ${String(error)}`),
      );
    });
    return { process: process_ };
  }

  /** Lets a process go on that was started with `hold`. */
  release({ process }: RequestParams<'process/release'>): void {
    const held = this.#held.get(process);
    if (held === undefined) {
      throw new AgentRequestError('process/release', `Process ${process} is not held`, undefined);
    }
    this.#held.delete(process);
    held.release();
  }

  /** Ends any process of the target that we may end. */
  end({ process: id, exitCode }: RequestParams<'process/end'>): void {
    const handle = OpenProcess(PROCESS_TERMINATE, 0, id);
    if (handle === 0) {
      throw win32Error('OpenProcess', GetLastError(), `process ${id}`);
    }
    const ended = TerminateProcess(handle, exitCode);
    const error = ended === 0 ? GetLastError() : 0;
    CloseHandle(handle);
    if (ended === 0) {
      throw win32Error('TerminateProcess', error, `process ${id}`);
    }
  }

  /** Ends what was started with endWithAgent, and what those started. */
  endAll(): void {
    TerminateJobObject(this.#job, 1);
    for (const child of this.#ending) {
      child.kill();
    }
  }

  #addToJob(id: number): void {
    const handle = OpenProcess(PROCESS_TERMINATE | PROCESS_SET_QUOTA, 0, id);
    // One that has ended already needs no job.
    if (handle === 0) {
      return;
    }
    if (AssignProcessToJobObject(this.#job, handle) === 0) {
      this.log(`process ${id} is not in the agent's job (${GetLastError()}): what it starts may outlive it`);
    }
    CloseHandle(handle);
  }

  async #follow(child: ChildProcess, id: number, outputs: readonly Output[]): Promise<void> {
    const exited = new Promise<number>((resolve) => {
      if (child.exitCode !== null) {
        resolve(child.exitCode);
      }
      child.on('exit', (code) => resolve(code ?? 1));
    });
    const sent = outputs.map(async (output) =>
      output.forEach((data) => this.connection.notify('process/output', { process: id, stream: output.stream, data })),
    );
    const exitCode = await exited;
    for (const output of outputs) output.closeWhenSilent();
    await Promise.all(sent);
    this.#ending.delete(child);
    await this.connection.notify('process/exited', { process: id, exitCode: exitCode >>> 0 });
  }
}

/**
 * What a process writes to one of its streams, kept from its start on until somebody takes it. Node's stream has a writing side, of which
 * nothing is wanted: shut down at the end of the output, as Node does by itself, it is flushed on another thread while the pipe is being
 * closed, and Wine's server dies of that (8.0: the flush that ends signals a pipe that is gone).
 */
class Output {
  #heard = false;
  /** A piece is on its way: how long that takes is up to the client. */
  #taken = false;

  constructor(
    readonly readable: Readable | null,
    readonly stream: 1 | 2,
  ) {
    if (readable instanceof Duplex) readable.allowHalfOpen = true;
    // With a listener for it the stream holds back what comes, also when the process ends.
    readable?.on('readable', () => (this.#heard = true));
  }

  /** Until the stream is closed; one piece is taken when the one before has been. */
  async forEach(take: (data: Uint8Array<ArrayBuffer>) => Promise<void>): Promise<void> {
    if (this.readable === null) return;
    try {
      for await (const chunk of this.readable as AsyncIterable<Buffer>) {
        this.#taken = true;
        for (let at = 0; at < chunk.length; at += MAX_OUTPUT_BYTES) {
          await take(Uint8Array.from(chunk.subarray(at, at + MAX_OUTPUT_BYTES)));
        }
        this.#taken = false;
      }
    } catch {
      // Closed after the process had ended, or the client is gone.
    } finally {
      this.#taken = false;
    }
  }

  /** For a process that has ended: its output is over when nothing has come for a while. */
  closeWhenSilent(): void {
    let [silent, rounds] = [0, 0];
    const timer = setInterval(() => {
      if (this.#taken) return;
      rounds += 1;
      silent = this.#heard ? 0 : silent + 1;
      this.#heard = false;
      if (this.readable === null || this.readable.closed || silent >= SILENT_ROUNDS || rounds >= MAX_ROUNDS) {
        clearInterval(timer);
        this.readable?.destroy();
      }
    }, ROUND_MS);
  }
}

function spawned(child: ChildProcess, { program, workingFolder }: RequestParams<'process/start'>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => {
      child.on('error', () => {});
      resolve();
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      const code = SPAWN_ERRORS[error.code ?? ''];
      const about = workingFolder === undefined ? program : `${program} in ${workingFolder}`;
      reject(
        code === undefined
          ? new AgentRequestError('process/start', `${program} cannot be started: ${error.message}`, undefined)
          : win32Error('CreateProcessW', code, about),
      );
    });
  });
}

function makeKillingJob(): ReturnType<typeof CreateJobObjectW> {
  const job = CreateJobObjectW(null, null);
  const limits = Buffer.alloc(JOBOBJECT_EXTENDED_LIMIT_INFORMATION.size);
  limits.writeUInt32LE(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION.LimitFlags);
  if (job === 0 || SetInformationJobObject(job, JobObjectExtendedLimitInformation, limits, limits.length) === 0) {
    throw win32Error('SetInformationJobObject', GetLastError());
  }
  return job;
}
