/**
 * The text of clang and lld to diagnostics. clang is asked for plain text with absolute paths and source ranges and
 * without pictures of the source (see clang.ts).
 */
import path from 'node:path';
import type { Diagnostic, OpenDiagnostic, RelatedPlace } from './diagnostics.js';

const INCLUDED = /^(?:In file included from|\s+from) (.+?):(\d+)(?::(\d+))?[:,]$/;
const PLACED = /^(.+?):(\d+):(\d+):(?:((?:\{[\d:-]+\})+):)? ?(fatal error|error|warning|note|remark): (.*)$/;
const UNPLACED =
  /^(?:\S*[/\\])?(clang(?:-\d+)?(?:\+\+)?|ld\.lld(?:-\d+)?|lld-link(?:-\d+)?): (error|warning|note): (.*)$/;
const RANGE = /\{(\d+):(\d+)-(\d+):(\d+)\}/g;
/** clang's own last word about a tool whose messages we have already. */
const ECHO = /^linker command failed with exit code|^(?:unable to execute command|linker command failed due to signal)/;
const SYMBOL = /^(?:undefined|duplicate) symbol: (.+)$/;
const REFERENCE = /^>>> (referenced by|defined at) (.+?)(?::(\d+))?$/;

/**
 * @param folder where the tool ran: relative names are relative to it
 * @param compiled where the compiler ran, for the linker's messages: names of sources are relative to that
 */
export function parseClangDiagnostics(text: string, folder: string, compiled = folder): Diagnostic[] {
  const diagnostics: OpenDiagnostic[] = [];
  let included: RelatedPlace[] = [];
  for (const line of text.split(/\r?\n/)) {
    const current = diagnostics.at(-1);
    const inclusion = INCLUDED.exec(line);
    if (inclusion !== null) {
      included.push({ ...place(folder, inclusion[1], inclusion[2], inclusion[3]), message: 'included from here' });
      continue;
    }
    const placed = PLACED.exec(line);
    if (placed !== null) {
      const where = place(folder, placed[1], placed[2], placed[3]);
      if (placed[5] === 'note' && current !== undefined) {
        current.related.push({ ...where, message: placed[6] ?? '' });
      } else {
        diagnostics.push({
          ...where,
          ...rangeEnd(placed[4] ?? '', where.line, where.column),
          ...severityAndMessage(placed[5] ?? '', placed[6] ?? ''),
          related: included,
        });
      }
      included = [];
      continue;
    }
    const unplaced = UNPLACED.exec(line);
    if (unplaced !== null) {
      const message = unplaced[3] ?? '';
      if (ECHO.test(message) && current !== undefined) continue;
      const symbol = SYMBOL.exec(message)?.[1];
      diagnostics.push({
        file: unplaced[1] ?? '',
        line: 0,
        column: 0,
        ...severityAndMessage(unplaced[2] ?? '', message),
        ...(symbol === undefined ? {} : { symbol }),
        related: [],
      });
      continue;
    }
    if (current !== undefined && line.startsWith('>>> '))
      diagnostics[diagnostics.length - 1] = reference(current, line, folder, compiled);
  }
  return diagnostics;
}

/** lld names the places of a symbol on lines of their own; the first is where a person has to look. */
function reference(diagnostic: OpenDiagnostic, line: string, folder: string, compiled: string): OpenDiagnostic {
  const match = REFERENCE.exec(line);
  if (match === null) {
    // ">>>               a.o:(DriverEntry)": the object, when no line was known.
    const object = /^>>>\s+(\S+?)(?::\((.*)\))?$/.exec(line);
    if (object === null || diagnostic.line !== 0 || diagnostic.related.length > 0) return diagnostic;
    return { ...diagnostic, file: path.resolve(folder, object[1] ?? '') };
  }
  // A name from the object's line table, where clang writes it as Windows does.
  const isSource = match[2]?.startsWith('.\\') === true;
  const name = isSource ? match[2]?.replaceAll('\\', '/') : match[2];
  const where = place(isSource ? compiled : folder, name, match[3], undefined);
  if (diagnostic.line === 0 && where.line !== 0) return { ...diagnostic, ...where };
  diagnostic.related.push({ ...where, message: match[1] ?? '' });
  return diagnostic;
}

function place(folder: string, file = '', line = '0', column = '0'): Omit<RelatedPlace, 'message'> {
  // "<command line>", "<built-in>" are no files.
  const absolute = file.startsWith('<') ? file : path.resolve(folder, file);
  return { file: absolute, line: Number(line), column: Number(column) };
}

/** The end of the first source range that begins at or before the place and ends behind it, on the place's own line. */
function rangeEnd(ranges: string, line: number, column: number): { endLine?: number; endColumn?: number } {
  for (const range of ranges.matchAll(RANGE)) {
    const [beginLine, beginColumn, endLine, endColumn] = range.slice(1).map(Number) as [number, number, number, number];
    if (beginLine === line && beginColumn <= column && (endLine > line || endColumn > column)) {
      return { endLine, endColumn };
    }
  }
  return {};
}

function severityAndMessage(word: string, text: string): Pick<Diagnostic, 'severity' | 'message' | 'code'> {
  const severity = word.endsWith('error') ? 'error' : word === 'warning' ? 'warning' : 'note';
  const flag = /^(.*) \[((?:-Werror,)?-W[^\]]+)\]$/.exec(text);
  if (flag === null) return { severity, message: text };
  return { severity, message: flag[1] ?? '', code: flag[2] ?? '' };
}
