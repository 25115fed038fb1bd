/**
 * A process that the agent runs for us: its output as it comes, its end, and that it never outlives the one who wanted it.
 */
import type { NotificationParams } from '../protocol/agent-rpc.js';
import { CancelledError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';

const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;
const END_TIMEOUT_MS = 5_000;
/** TerminateProcess's exit code for one that we end: STATUS_CONTROL_C_EXIT. */
const ENDED_BY_US = 0xc000013a;

interface ProcessListener {
  onOutput?(stream: 1 | 2, data: Uint8Array): void;
  onStarted?(process: number): void;
}

type Output = NotificationParams<'process/output'>;

export class ApplicationProcess {
  readonly #client: AgentClient;
  readonly #listener: ProcessListener;
  readonly #pieces: Record<1 | 2, Uint8Array[]> = { 1: [], 2: [] };
  readonly #bytes: Record<1 | 2, number> = { 1: 0, 2: 0 };
  readonly #unsubscribe: (() => void)[];
  /** Notifications that came before the answer that tells which process is ours. */
  #early: (Output | NotificationParams<'process/exited'>)[] = [];
  #process: number | undefined;
  #exitCode: number | undefined;
  #onExit: (() => void) | undefined;

  constructor(client: AgentClient, listener: ProcessListener) {
    this.#client = client;
    this.#listener = listener;
    this.#unsubscribe = [
      client.onNotification('process/output', (params) => this.#take(params)),
      client.onNotification('process/exited', (params) => this.#take(params)),
    ];
  }

  get process(): number {
    return this.#process ?? 0;
  }

  async start(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    signal: AbortSignal,
    /** Held before its first instruction, until `release`. */
    hold = false,
  ): Promise<void> {
    const { process } = await this.#client.request(
      'process/start',
      { program, arguments: [...args], environment: { ...environment }, endWithAgent: true, hold },
      { signal },
    );
    this.#process = process;
    this.#listener.onStarted?.(process);
    for (const params of this.#early.splice(0)) this.#take(params);
  }

  async release(signal: AbortSignal): Promise<void> {
    await this.#client.request('process/release', { process: this.process }, { signal });
  }

  /** Its exit code, when it has ended and all of its output has come. */
  async exited(signal: AbortSignal): Promise<number> {
    if (this.#exitCode === undefined) {
      await new Promise<void>((resolve, reject) => {
        const cancel = (): void => reject(new CancelledError());
        signal.addEventListener('abort', cancel, { once: true });
        this.#onExit = (): void => {
          signal.removeEventListener('abort', cancel);
          resolve();
        };
        if (signal.aborted) cancel();
      });
    }
    return this.#exitCode ?? 0;
  }

  /** Ends it when it still runs. */
  async close(): Promise<void> {
    try {
      if (this.#process !== undefined && this.#exitCode === undefined) {
        await this.#client.request(
          'process/end',
          { process: this.#process, exitCode: ENDED_BY_US },
          { timeoutMs: END_TIMEOUT_MS },
        );
        await this.exited(AbortSignal.timeout(END_TIMEOUT_MS));
      }
    } catch {
      // It ended meanwhile, or the agent is gone and takes it along.
    } finally {
      for (const unsubscribe of this.#unsubscribe) unsubscribe();
    }
  }

  output(): { standardOutput: string; standardError: string; outputCut: boolean } {
    return {
      standardOutput: Buffer.concat(this.#pieces[1]).toString('utf8'),
      standardError: Buffer.concat(this.#pieces[2]).toString('utf8'),
      outputCut: this.#bytes[1] > OUTPUT_LIMIT_BYTES || this.#bytes[2] > OUTPUT_LIMIT_BYTES,
    };
  }

  #take(params: Output | NotificationParams<'process/exited'>): void {
    if (this.#process === undefined) {
      this.#early.push(params);
      return;
    }
    if (params.process !== this.#process) return;
    if ('exitCode' in params) {
      this.#exitCode = params.exitCode;
      this.#onExit?.();
      return;
    }
    this.#listener.onOutput?.(params.stream, params.data);
    const room = OUTPUT_LIMIT_BYTES - this.#bytes[params.stream];
    this.#bytes[params.stream] += params.data.length;
    // A copy, which a Buffer's slice() is not: the frame it came in is much larger.
    if (room > 0) this.#pieces[params.stream].push(new Uint8Array(params.data.subarray(0, room)));
  }
}
