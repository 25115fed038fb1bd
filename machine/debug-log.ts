/**
 * Kernel debug output as Wine writes it to its standard error, when a prefix's first process runs with
 * WINEDEBUG=-all,warn+debugstr: `0068:warn:debugstr:vDbgPrintExWithPrefix 00000065:00000003: text`. A text of several lines
 * has one head. Seen on Wine 8.
 */
const PRINT =
  /^(?:\d+\.\d+:)?(?:[0-9a-f]{4,8}:)?(?:[0-9a-f]{4,8}:)?warn:debugstr:vDbgPrintExWithPrefix [0-9a-f]+:[0-9a-f]+: (.*)$/i;
/** What other channels and functions say begins like this. */
const OTHER = /^(?:\d+\.\d+:)?(?:[0-9a-f]{4,8}:)*(?:fixme|err|warn|trace):[a-z0-9_]+:/;
/** What Wine's loader says without a head, such as an unhandled exception of a driver. */
const LOADER = /^wine: /;

/** What drivers printed, out of the lines of such a log. Keeps whether it is inside a print. */
export class DebugLogParser {
  #inPrint = false;

  /** The text of a line without its line feed, or undefined when it is something else's. */
  line(line: string): string | undefined {
    const print = PRINT.exec(line);
    if (print !== null) {
      this.#inPrint = true;
      return print[1] ?? '';
    }
    if (OTHER.test(line)) {
      this.#inPrint = false;
      return undefined;
    }
    return this.#inPrint || LOADER.test(line) ? line : undefined;
  }
}

/** A line longer than this, in characters, is cut: a driver in a loop must not fill our memory. */
export const MAX_DEBUG_LINE = 8_192;

const LINE_FEED = 0x0a;
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

/** What drivers printed, out of the bytes of such a log as they are appended, in pieces of any size. */
export class DebugLogDecoder {
  #parser = new DebugLogParser();
  /** The begun line, in its pieces. */
  #pieces: Uint8Array[] = [];
  #length = 0;

  /** The bytes may be used again after the call. */
  push(bytes: Uint8Array): string[] {
    const texts: string[] = [];
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, from)) {
      this.#keep(bytes.subarray(from, end));
      const text = this.#finish();
      if (text !== undefined) {
        texts.push(text);
      }
      from = end + 1;
    }
    // A copy, which slice() of a Buffer is not.
    this.#keep(Uint8Array.from(bytes.subarray(from)));
    return texts;
  }

  /** The log was begun anew: what was left of it is no line. */
  reset(): void {
    this.#parser = new DebugLogParser();
    this.#pieces = [];
    this.#length = 0;
  }

  #keep(bytes: Uint8Array): void {
    // Four bytes of UTF-8 a character, and the head.
    if (bytes.length > 0 && this.#length <= MAX_DEBUG_LINE * 4 + 256) {
      this.#pieces.push(bytes);
      this.#length += bytes.length;
    }
  }

  #finish(): string | undefined {
    const line = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      line.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#length = 0;
    const text = this.#parser.line(decodeText(line).replace(/\r$/, ''));
    return text !== undefined && text.length > MAX_DEBUG_LINE ? `${text.slice(0, MAX_DEBUG_LINE)}…` : text;
  }
}
