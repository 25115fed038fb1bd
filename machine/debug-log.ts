/**
 * Kernel debug output as Wine writes it to its standard error, when a prefix's first process runs with
 * WINEDEBUG=-all,warn+debugstr: `0068:warn:debugstr:vDbgPrintExWithPrefix 65:3: text`.
 */
const DBGPRINT_LINE = /^(?:[0-9a-f]{4,8}:)?(?:warn|trace):debugstr:\w*DbgPrint\w* [0-9a-fA-F]+:[0-9a-fA-F]+: ?(.*)$/;

/** What the driver printed, or undefined for a line that is something else. */
export function dbgPrintText(line: string): string | undefined {
  return DBGPRINT_LINE.exec(line)?.[1];
}
