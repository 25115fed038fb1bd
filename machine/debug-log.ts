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
