/**
 * The kernel's debug output of a prefix: what drivers print goes to the standard error of their host processes, and that
 * is a file of ours.
 *
 * A print comes as `0138:warn:debugstr:vDbgPrintExWithPrefix 0000004d:00000003: text` (thread, component, level), the text
 * as it is, in the ANSI code page. A text with several lines has one head; a text without a line feed at its end gets
 * one. Seen on Wine 8.
 */
import { watch } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { DbgPrintLine, DbgPrintStream } from '../target.js';

const HEAD =
  /^(?:\d+\.\d+:)?(?:[0-9a-f]{4,8}:)?([0-9a-f]{4,8}):warn:debugstr:vDbgPrintExWithPrefix ([0-9a-f]{8}):([0-9a-f]{8}): (.*)$/s;
/** Heads of other channels and functions: an application's OutputDebugString is not the kernel's. */
const OTHER_HEAD = /^(?:\d+\.\d+:)?(?:[0-9a-f]{4,8}:)?[0-9a-f]{4,8}:(?:fixme|err|warn|trace):[a-z0-9_]+:/;
/** What Wine's loader says without a head, such as an unhandled exception. */
const WINE_MESSAGE = /^wine: /;

/** One line more than this is cut: a driver in a loop must not fill our memory. */
const LINE_LIMIT = 8_192;
/** A log that has grown to this size is emptied once its reader is at its end. */
export const LOG_LIMIT_BYTES = 64 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
/** Lines that wait for who reads them. */
const QUEUE_LIMIT = 100_000;

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const ANSI = new TextDecoder('windows-1252');

/** UTF-8 when it is that, else the western ANSI code page, which a fresh prefix has. */
function decodeText(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    return ANSI.decode(bytes);
  }
}

/** What a line of the log is, given the lines before it. */
export class DebugOutputParser {
  #inPrint = false;

  /** @returns the driver's text, or undefined when the line is none */
  line(line: string): string | undefined {
    const head = HEAD.exec(line);
    if (head !== null) {
      this.#inPrint = true;
      return head[4] ?? '';
    }
    if (OTHER_HEAD.test(line)) {
      this.#inPrint = false;
      return undefined;
    }
    // Without a head: the next line of the text before, or something that is no print at all.
    if (WINE_MESSAGE.test(line)) return line;
    return this.#inPrint ? line : undefined;
  }
}

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
  readonly #parser = new DebugOutputParser();
  readonly #queue: DbgPrintLine[] = [];
  readonly #buffer = Buffer.alloc(PIECE_BYTES);
  #position: number;
  #rest = Buffer.alloc(0);
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
    this.#reading = this.#read().finally(async () => {
      watcher.close();
      options.signal.removeEventListener('abort', stop);
      await this.#file.close();
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
      this.#rest = Buffer.alloc(0);
      this.#push('(the debug output log was emptied here; lines may be missing)');
    }
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, this.#buffer.length, this.#position);
      if (bytesRead === 0) break;
      this.#position += bytesRead;
      this.#take(this.#buffer.subarray(0, bytesRead));
    }
    if (this.#position > (this.#options.limitBytes ?? LOG_LIMIT_BYTES)) {
      // Writers append: emptied under them, they go on at the new end.
      await this.#file.truncate(0);
      this.#position = 0;
      this.#push('(the debug output log had reached its limit and was emptied here; lines may be missing)');
    }
  }

  #take(data: Buffer): void {
    let from = 0;
    for (;;) {
      const end = data.indexOf(0x0a, from);
      if (end < 0) break;
      const line = Buffer.concat([this.#rest, data.subarray(from, end)]);
      this.#rest = Buffer.alloc(0);
      from = end + 1;
      const text = this.#parser.line(decodeText(line).replace(/\r$/, ''));
      if (text !== undefined) this.#push(text);
    }
    if (this.#rest.length + data.length - from > LINE_LIMIT) {
      const text = this.#parser.line(decodeText(Buffer.concat([this.#rest, data.subarray(from)])));
      if (text !== undefined) this.#push(text);
      this.#rest = Buffer.alloc(0);
    } else {
      this.#rest = Buffer.concat([this.#rest, data.subarray(from)]);
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
    this.#queue.push({ utcMs: Date.now(), text: text.length > LINE_LIMIT ? `${text.slice(0, LINE_LIMIT)}…` : text });
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
