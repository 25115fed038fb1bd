/** Which variables of a C source are worth their value at the end of the line, up to where the target stands. */

export interface InlineName {
  readonly name: string;
  /** From 0; columns in UTF-16 units. */
  readonly line: number;
  readonly column: number;
}

/** A function longer than this shows values of its last lines. */
const MAX_LINES = 300;
const NOT_NAMES = new Set(
  `auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return
   short signed sizeof static struct switch typedef union unsigned void volatile while TRUE FALSE NULL VOID BOOL BOOLEAN LONG ULONG
   HANDLE NTSTATUS PVOID`.split(/\s+/),
);
const STRINGS_AND_COMMENTS = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\/\/.*$|\/\*.*?(?:\*\/|$)/g;

/**
 * Names of one function, from its beginning (a brace in the first column) to the stopped line: no calls, members, types in declarations,
 * macros in capitals, nothing that the stopped line is about to assign, and each name once a line.
 * @param lineAt text of a line
 */
export function inlineNames(lineAt: (line: number) => string, stopped: number): InlineName[] {
  const first = beginOfFunction(lineAt, stopped);
  const found: InlineName[] = [];
  for (let line = first; line <= stopped; line++) {
    // Blanks keep the columns.
    const text = lineAt(line).replace(STRINGS_AND_COMMENTS, (part) => ' '.repeat(part.length));
    if (/^\s*\*/.test(text)) continue;
    const onLine = new Set<string>();
    for (const match of text.matchAll(/(?<![\w.>])[A-Za-z_]\w*/g)) {
      const [name] = match;
      const after = text.slice(match.index + name.length);
      const isType = /^\s+\**\s*[A-Za-z_]/.test(after) || /^\s*\*+\s*[A-Za-z_]\w*\s*(?:=|;|,|\))/.test(after);
      const isCall = /^\s*\(/.test(after);
      const hasNoValueYet = line === stopped && /^\s*=(?!=)/.test(after);
      if (
        isType ||
        isCall ||
        hasNoValueYet ||
        NOT_NAMES.has(name) ||
        /^[A-Z][A-Z0-9_]+$/.test(name) ||
        onLine.has(name)
      )
        continue;
      onLine.add(name);
      found.push({ name, line, column: match.index });
    }
  }
  return found;
}

function beginOfFunction(lineAt: (line: number) => string, stopped: number): number {
  const lowest = Math.max(0, stopped - MAX_LINES);
  for (let line = stopped; line >= lowest; line--) {
    if (lineAt(line).startsWith('{')) return line;
    if (line < stopped && lineAt(line).startsWith('}')) return line + 1;
  }
  return lowest;
}
