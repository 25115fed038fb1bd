/**
 * The two streams of a command: results on standard output, all that is said on the way on standard error. On a
 * terminal the progress is one line that is rewritten; elsewhere each step is a line.
 */
import type { Writable } from 'node:stream';

/** What a terminal needs of a stream; the real ones are process.stdout and process.stderr. */
export interface TextStream extends Pick<Writable, 'write'> {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** u64 values have no JSON number of their own that every reader keeps exact: they are decimal strings. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return item.toString();
    if (item instanceof Uint8Array) return Buffer.from(item).toString('hex');
    return item;
  });

const ERASE_LINE = '\r\x1b[K';

export class Terminal {
  readonly #output: TextStream;
  readonly #messages: TextStream;
  #progressShown = false;
  #lastProgress = '';

  constructor(output: TextStream, messages: TextStream) {
    this.#output = output;
    this.#messages = messages;
  }

  /** A result for people: printed as it is, with a line end. */
  result(text: string): void {
    this.clearProgress();
    this.#output.write(`${text}\n`);
  }

  /** A result for programs: one line of JSON. */
  json(value: unknown): void {
    this.clearProgress();
    this.#output.write(`${toJson(value)}\n`);
  }

  /** Bytes of the application, passed on untouched. */
  raw(data: Uint8Array): void {
    this.clearProgress();
    this.#messages.write(data);
  }

  /** A line on standard error that stays. */
  note(text: string): void {
    this.clearProgress();
    this.#messages.write(`${text}\n`);
  }

  /** What is being done now. */
  progress(message: string): void {
    if (message === this.#lastProgress) return;
    this.#lastProgress = message;
    if (this.#messages.isTTY !== true) {
      this.#messages.write(`${message}\n`);
      return;
    }
    // A line that wraps could not be erased.
    const room = Math.max(10, (this.#messages.columns ?? 80) - 1);
    const line = message.length > room ? `${message.slice(0, room - 1)}…` : message;
    this.#messages.write(`${ERASE_LINE}${line}`);
    this.#progressShown = true;
  }

  clearProgress(): void {
    this.#lastProgress = '';
    if (!this.#progressShown) return;
    this.#progressShown = false;
    this.#messages.write(ERASE_LINE);
  }
}
