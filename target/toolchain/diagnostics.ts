/** Messages of compilers and linkers as data, whoever wrote them. */
export interface DiagnosticPlace {
  /** Absolute host path where the tool gave one; for a linker's message about no file, the object or tool it names. */
  readonly file: string;
  /** From 1; 0 when the tool named no line. */
  readonly line: number;
  /** From 1; 0 when the tool named no column. */
  readonly column: number;
}

export interface RelatedPlace extends DiagnosticPlace {
  readonly message: string;
}

export interface Diagnostic extends DiagnosticPlace {
  readonly endLine?: number;
  /** From 1, the column behind the last character. */
  readonly endColumn?: number;
  readonly severity: 'error' | 'warning' | 'note';
  /** Such as "-Wunused-variable", "C4100", "LNK2019". */
  readonly code?: string;
  readonly message: string;
  /** Of a linker's message: the symbol that it is about. */
  readonly symbol?: string;
  /** Notes: where the thing was declared, how a macro expanded, which file included which. */
  readonly related: readonly RelatedPlace[];
}

/** A diagnostic while its notes are still coming. */
export interface OpenDiagnostic extends Omit<Diagnostic, 'related'> {
  readonly related: RelatedPlace[];
}

/** One line as compilers print it, such as `C:\a.c:3:5: error: message`. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const place =
    diagnostic.line === 0
      ? diagnostic.file
      : `${diagnostic.file}:${diagnostic.line}${diagnostic.column === 0 ? '' : `:${diagnostic.column}`}`;
  const code = diagnostic.code === undefined ? '' : ` [${diagnostic.code}]`;
  return `${place}: ${diagnostic.severity}: ${diagnostic.message}${code}`;
}

/** The same message about the same place once: MSBuild repeats itself in its summary, headers once per source. */
export function distinctDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map<string, Diagnostic>();
  for (const diagnostic of diagnostics) {
    const key = formatDiagnostic(diagnostic);
    if (!seen.has(key)) seen.set(key, diagnostic);
  }
  return [...seen.values()];
}
