/** Turns what a command threw into what its user reads, and into the exit code. */
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import { ExitCode } from './exit-code.js';

export interface Failure {
  readonly exitCode: ExitCode;
  /** For standard error: what failed, where, why, what next; one per line. */
  readonly text: string;
  /** For --json. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Ids after which the user has to wait for, or talk to, somebody else. */
const isHeld = (id: string): boolean => id.endsWith('.held');

function exitCodeOf(error: EventscopeError): ExitCode {
  if (error.id === 'build.failed') return ExitCode.BuildFailed;
  return isHeld(error.id) ? ExitCode.Held : ExitCode.Failed;
}

/** One line per diagnostic, as compilers print it, so that editors and terminals find file, line and column. */
export function describeDiagnostics(diagnostics: readonly unknown[]): string[] {
  return diagnostics.flatMap((item) => {
    if (!isDiagnostic(item)) return [];
    const code = item.code === undefined ? '' : ` [${item.code}]`;
    return [
      `${place(item)}: ${item.severity}: ${item.message}${code}`,
      ...(item.related ?? []).map((related) => `  ${place(related)}: note: ${related.message}`),
    ];
  });
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
interface PrintableDiagnostic extends Place {
  readonly severity: string;
  readonly code?: string;
  readonly related?: readonly Place[];
}
const isDiagnostic = (item: unknown): item is PrintableDiagnostic =>
  typeof item === 'object' && item !== null && 'file' in item && 'severity' in item && 'message' in item;
const place = ({ file, line, column }: Place): string =>
  line === 0 ? file : `${file}:${line}${column === 0 ? '' : `:${column}`}`;

function describe(error: EventscopeError): Failure {
  const diagnostics = Array.isArray(error.data['diagnostics']) ? (error.data['diagnostics'] as unknown[]) : [];
  const lines = [
    ...describeDiagnostics(diagnostics),
    `error: ${error.what}`,
    ...(error.target === undefined ? [] : [`  on:   ${error.target}`]),
    ...(error.why === undefined ? [] : [`  why:  ${indentFurtherLines(error.why)}`]),
    ...(error.next === undefined ? [] : [`  next: ${indentFurtherLines(error.next)}`]),
  ];
  const { id, what, target, why, next, data } = error;
  return {
    exitCode: exitCodeOf(error),
    text: lines.join('\n'),
    json: { error: { id, what, target, why, next, data } },
  };
}

const indentFurtherLines = (text: string): string => text.trimEnd().replaceAll('\n', '\n        ');

export function failureOf(error: unknown): Failure {
  if (error instanceof CancelledError) {
    return { exitCode: ExitCode.Cancelled, text: 'Cancelled.', json: { cancelled: true } };
  }
  if (error instanceof EventscopeError) return describe(error);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    exitCode: ExitCode.Defect,
    text: `This is a defect of Eventscope; please report it with these lines:\n${text}`,
    json: { error: { id: 'defect', what: error instanceof Error ? error.message : String(error) } },
  };
}
