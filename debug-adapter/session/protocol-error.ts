/** Errors as DAP sends them. A person is shown what is meant for one; a defect is logged and told as one. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';

/** Stable numbers of our errors in DAP, by id; 1 for those that have none. */
const NUMBERS: Readonly<Record<string, number>> = {
  'debug.configuration': 1001,
  'debug.expression': 1002,
  'debug.unreadable': 1003,
  'debug.memory': 1004,
  'debug.running': 1005,
  'debug.notAssignable': 1006,
  'debug.stale': 1007,
  'debug.unsupported': 1008,
  'debug.arguments': 1009,
};

export interface ErrorAnswer {
  readonly message: string;
  readonly body: { readonly error: DebugProtocol.Message };
  /** Not meant for a person: to the log. */
  readonly isDefect: boolean;
}

/** @param showUser whether the client may show it on its own; what a hover meets is not shown */
export function errorAnswer(error: unknown, showUser: boolean): ErrorAnswer {
  if (error instanceof CancelledError) {
    return { message: 'cancelled', body: { error: { id: 2, format: 'cancelled', showUser: false } }, isDefect: false };
  }
  if (error instanceof EventscopeError) {
    const { id, message: format } = error;
    return {
      message: id === 'debug.running' ? 'notStopped' : format,
      // Braces would be taken for variables of the format.
      body: { error: { id: NUMBERS[id] ?? 1, format: '{text}', variables: { text: format }, showUser } },
      isDefect: false,
    };
  }
  const text = error instanceof Error ? error.message : String(error);
  return {
    message: `Internal error: ${text}`,
    body: { error: { id: 3, format: '{text}', variables: { text: `Internal error: ${text}` }, showUser } },
    isDefect: true,
  };
}

/** A request that this adapter, or the target in its present state, does not do. */
export function unsupported(what: string, why: string): EventscopeError {
  return new EventscopeError({ id: 'debug.unsupported', what, why });
}

/** A frame of an earlier moment, such as that of a signaler. */
export const pastError = (): EventscopeError =>
  new EventscopeError({
    id: 'debug.past',
    what: 'This frame is of an earlier moment',
    why: 'its variables have not been kept',
    next: 'Look at the frames of the thread itself.',
  });

export function staleError(): EventscopeError {
  return new EventscopeError({
    id: 'debug.stale',
    what: 'This is not known any more',
    why: 'the target has run since it was asked for',
  });
}

export function runningError(): EventscopeError {
  return new EventscopeError({ id: 'debug.running', what: 'The target runs', next: 'Pause it first.' });
}
