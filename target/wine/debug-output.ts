/**
 * The kernel's debug output of a prefix: what drivers print goes to the standard error of their host processes, and that
 * is a file of ours. What its lines mean is told by machine/debug-log.ts.
 */
import { watch } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { DebugLogDecoder } from '../../machine/debug-log.js';
import type { DbgPrintLine, DbgPrintStream } from '../target.js';

/** A log that has grown to this size is emptied once its reader is at its end. */
export const LOG_LIMIT_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
/** Lines that wait for who reads them. */
const QUEUE_LIMIT = 100_000;

export interface FollowOptions {
  readonly file: string;
  readonly signal: AbortSignal;
  /** Default {@link LOG_LIMIT_BYTES}. */
  readonly limitBytes?: number;
}

/** Lines from the log's present end on. Waits for the file's changes; nothing is asked in between. */
export async function followDebugOutput(options: FollowOptions): Promise<DbgPrintStream> {
  const file = await open(options.file, 'a+');
  try {
    return new DebugOutputFollower(file, (await stat(options.file)).size, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

class DebugOutputFollower implements DbgPrintStream {
  readonly lines: AsyncIterable<DbgPrintLine>;
  readonly #file: FileHandle;
  readonly #options: FollowOptions;
  readonly #decoder = new DebugLogDecoder();
  readonly #queue: DbgPrintLine[] = [];
  readonly #buffer = Buffer.alloc(PIECE_BYTES);
  #position: number;
  #changed = true;
  #stopped = false;
  #wake: (() => void) | undefined;
  #dropped = 0;
  #finished = false;
  readonly #waiting: (() => void)[] = [];
  readonly #reading: Promise<void>;

  constructor(file: FileHandle, position: number, options: FollowOptions) {
    this.#file = file;
    this.#position = position;
    this.#options = options;
    this.lines = { [Symbol.asyncIterator]: () => this.#iterate() };
    const watcher = watch(options.file, () => this.#notice());
    watcher.on('error', () => void this.stop());
    const stop = (): void => void this.stop();
    options.signal.addEventListener('abort', stop, { once: true });
    this.#reading = this.#readAndClose(() => {
      watcher.close();
      options.signal.removeEventListener('abort', stop);
    });
    this.#reading.catch(() => undefined);
    if (options.signal.aborted) void this.stop();
  }

  /** What was written before this call is still delivered; then the lines end. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#notice();
    await this.#reading;
    this.#notice();
  }

  #notice(): void {
    this.#changed = true;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #readAndClose(unwatch: () => void): Promise<void> {
    try {
      await this.#read();
    } finally {
      unwatch();
      await this.#file.close();
    }
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const last = this.#stopped;
        this.#changed = false;
        await this.#readToEnd();
        if (last) break;
        await this.#nextNotice();
      }
    } finally {
      this.#stopped = true;
      this.#finished = true;
      for (const deliver of this.#waiting.splice(0)) deliver();
    }
  }

  /** At once when something has changed since the reading began. */
  #nextNotice(): Promise<void> {
    if (this.#changed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #readToEnd(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size < this.#position) {
      this.#position = 0;
      this.#decoder.reset();
      this.#push('(the debug output log was emptied here; lines may be missing)');
    }
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, this.#buffer.length, this.#position);
      if (bytesRead === 0) break;
      this.#position += bytesRead;
      for (const text of this.#decoder.push(this.#buffer.subarray(0, bytesRead))) this.#push(text);
    }
    if (this.#position > (this.#options.limitBytes ?? LOG_LIMIT_BYTES)) {
      // Writers append: emptied under them, they go on at the new end.
      await this.#file.truncate(0);
      this.#position = 0;
      this.#push('(the debug output log had reached its limit and was emptied here; lines may be missing)');
    }
  }

  #push(text: string): void {
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      this.#push(`(${dropped} lines of debug output were left out here: they came faster than they were taken)`);
    }
    this.#queue.push({ utcMs: Date.now(), text });
    for (const deliver of this.#waiting.splice(0)) deliver();
  }

  async *#iterate(): AsyncGenerator<DbgPrintLine> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) yield next;
      else if (this.#finished) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
