/**
 * The text of cl, link and MSBuild to diagnostics. The tools are asked for English (VSLANG=1033), so words may be
 * matched. Tested with texts, not on a Windows machine.
 */
import path from 'node:path';
import type { Diagnostic, OpenDiagnostic, RelatedPlace } from './diagnostics.js';

/** `C:\a.c(3,5): error C2065: text [C:\p.vcxproj]`, with `1>` before it when projects are built in parallel. */
const PLACED =
  /^\s*(?:\d+>)?\s*(\S.*?)\((\d+)(?:,(\d+))?(?:(?:-|,(\d+),)(\d+))?\)\s*: (?:(fatal error|error|warning) ([A-Z]+\d+)|(note|message))\s*: (.*)$/;
/** `LINK : fatal error LNK1104: text`, `a.obj : error LNK2019: text`, `cl : Command line warning D9025 : text`. */
const UNPLACED = /^\s*(?:\d+>)?\s*(\S.*?) : (?:Command line )?(fatal error|error|warning) ([A-Z]+\d+)\s*: (.*)$/;
const PROJECT = / \[[^[\]]+\.(?:vcxproj|proj|sln)(?:::[^\]]*)?\]$/;
const SYMBOL =
  /^(?:unresolved external symbol|(?=.*already defined in)) ?"?(\S+?)"?(?: \(.*\))?(?: referenced in| already defined|$)/;

/** @param folder where the tool ran, a Windows path: relative names are relative to it */
export function parseMsvcDiagnostics(text: string, folder: string): Diagnostic[] {
  const diagnostics: OpenDiagnostic[] = [];
  for (const line of text.split(/\r?\n/)) {
    const placed = PLACED.exec(line);
    if (placed !== null) {
      addPlaced(diagnostics, placed, folder);
      continue;
    }
    const unplaced = UNPLACED.exec(line);
    if (unplaced === null) continue;
    const message = (unplaced[4] ?? '').replace(PROJECT, '');
    const symbol = SYMBOL.exec(message)?.[1];
    diagnostics.push({
      file: unplaced[1] ?? '',
      line: 0,
      column: 0,
      severity: unplaced[2] === 'warning' ? 'warning' : 'error',
      code: unplaced[3] ?? '',
      message,
      ...(symbol === undefined ? {} : { symbol }),
      related: [],
    });
  }
  return diagnostics;
}

function addPlaced(diagnostics: OpenDiagnostic[], match: RegExpExecArray, folder: string): void {
  const where: Omit<RelatedPlace, 'message'> = {
    file: path.win32.resolve(folder, match[1] ?? ''),
    line: Number(match[2]),
    column: Number(match[3] ?? '0'),
  };
  const message = (match[9] ?? '').replace(PROJECT, '');
  const current = diagnostics.at(-1);
  if (match[8] !== undefined) {
    if (current !== undefined) current.related.push({ ...where, message });
    else diagnostics.push({ ...where, severity: 'note', message, related: [] });
    return;
  }
  const symbol = SYMBOL.exec(message)?.[1];
  diagnostics.push({
    ...where,
    ...(match[5] === undefined ? {} : { endLine: Number(match[4] ?? where.line), endColumn: Number(match[5]) }),
    severity: match[6] === 'warning' ? 'warning' : 'error',
    code: match[7] ?? '',
    message,
    ...(symbol === undefined || !(match[7] ?? '').startsWith('LNK') ? {} : { symbol }),
    related: [],
  });
}
