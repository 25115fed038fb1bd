/** Kernel debug output from a text file that the target's starter makes (--dbgprint-log): lines as they are appended. */
import { watch, type FSWatcher } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { AgentConnection } from '../protocol/agent-connection.js';
import type { RequestResult } from '../protocol/agent-rpc.js';
import { DebugLogDecoder } from '../machine/debug-log.js';

/** The file system tells of appended bytes where it can; where it does not, this is how late a line may be. */
const LOOK_MS = 200;
const READ_BYTES = 64 * 1024;
const MAX_LINES = 500;

export class DbgPrintLog {
  #file: FileHandle | undefined;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #position = 0;
  readonly #decoder = new DebugLogDecoder();
  /** One reading after the other: the last one ends after everything was told. */
  #reading: Promise<void> = Promise.resolve();

  constructor(
    readonly path: string | undefined,
    readonly connection: AgentConnection,
    readonly log: (line: string) => void,
  ) {}

  /** From the present end of the file on. */
  async start(): Promise<RequestResult<'dbgPrint/start'>> {
    if (this.path === undefined) {
      return { available: false, reason: 'This agent was not told of a log of the kernel debug output' };
    }
    if (this.#file !== undefined) {
      return { available: true };
    }
    try {
      this.#file = await open(this.path, 'r');
    } catch (error) {
      return { available: false, reason: `${this.path}: ${error instanceof Error ? error.message : ''}` };
    }
    this.#position = (await this.#file.stat()).size;
    const look = (): void => {
      this.#read().catch((error: unknown) => this.log(`dbgprint: ${String(error)}`));
    };
    try {
      this.#watcher = watch(this.path, look);
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // Not every file system can tell; the timer looks.
    }
    this.#timer = setInterval(look, LOOK_MS);
    return { available: true };
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#watcher?.close();
    this.#watcher = undefined;
    // What was printed right before is told still.
    await this.#read();
    const file = this.#file;
    this.#file = undefined;
    this.#decoder.reset();
    await file?.close();
  }

  #read(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#readToEnd());
    return this.#reading;
  }

  async #readToEnd(): Promise<void> {
    const file = this.#file;
    if (file === undefined) {
      return;
    }
    const buffer = Buffer.alloc(READ_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#position);
      if (bytesRead > 0) {
        this.#position += bytesRead;
        await this.#take(buffer.subarray(0, bytesRead));
        continue;
      }
      // A log that was begun anew is read from its start.
      const { size } = await file.stat();
      if (size >= this.#position) {
        return;
      }
      this.#position = 0;
      this.#decoder.reset();
    }
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const utcMs = Date.now();
    const lines = this.#decoder.push(bytes).map((text) => ({ utcMs, text }));
    for (let at = 0; at < lines.length; at += MAX_LINES) {
      await this.connection.notify('dbgPrint/lines', { lines: lines.slice(at, at + MAX_LINES) });
    }
  }
}
