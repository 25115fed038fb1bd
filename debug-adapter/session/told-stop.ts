/** How a stop is told to the client. */
import type { SessionBreakpoint } from './breakpoint.js';

export interface ToldStop {
  readonly reason: string;
  readonly description?: string;
  readonly text?: string;
  /** The client's breakpoints that it is of. */
  readonly breakpoints?: readonly SessionBreakpoint[];
}

const REASONS: Readonly<Record<SessionBreakpoint['spec']['kind'], string>> = {
  source: 'breakpoint',
  function: 'function breakpoint',
  instruction: 'instruction breakpoint',
  data: 'data breakpoint',
};

export function tellBreakpoints(wanted: readonly SessionBreakpoint[], notes: readonly string[]): ToldStop {
  const told = { reason: REASONS[wanted[0]?.spec.kind ?? 'source'], breakpoints: wanted };
  return notes.length === 0 ? told : { ...told, description: notes.join('; '), text: notes.join('; ') };
}

/** What cannot be decided is shown, never passed over: a target that nobody knows to be held would be a hang. */
export function tellUndecided(error: unknown): ToldStop {
  const text = error instanceof Error ? error.message : String(error);
  return { reason: 'breakpoint', description: `What this stop is of could not be decided: ${text}`, text };
}
