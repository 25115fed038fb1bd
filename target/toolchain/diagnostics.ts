/** Messages of compilers and linkers as data. */
export interface DiagnosticPlace {
  /** Absolute host path; for a linker's message about no file, the object or binary it names. */
  readonly file: string;
  /** From 1; 0 when the tool named no line. */
  readonly line: number;
  /** From 1; 0 when the tool named no column. */
  readonly column: number;
}

export interface Diagnostic extends DiagnosticPlace {
  readonly endLine?: number;
  readonly endColumn?: number;
  readonly severity: 'error' | 'warning' | 'note';
  /** Such as "-Wunused-variable", "C4100", "LNK2019". */
  readonly code?: string;
  readonly message: string;
  /** Notes: where the thing was declared, how a macro expanded, which file included which. */
  readonly related: readonly (DiagnosticPlace & { readonly message: string })[];
}
