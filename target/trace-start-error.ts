/** A trace/start that the agent could not do, as an error for people. */
import { EventscopeError } from '../protocol/errors.js';
import { describeTraceStartError } from '../machine/status.js';

/** Any other error is returned as it is. next: what to do when the code itself does not tell. */
export function traceStartError(
  error: Error,
  context: { readonly id: string; readonly target: string; readonly next: string },
): Error {
  if (!(error instanceof EventscopeError) || error.id !== 'agent.request') return error;
  const { space, code } = error.data;
  const known = space === 'ntstatus' && typeof code === 'number' ? describeTraceStartError(code) : undefined;
  return new EventscopeError({
    id: context.id,
    what: 'Tracing could not be started',
    target: context.target,
    why: known?.why ?? `${error.what}: ${error.why ?? ''}`,
    next: known?.next ?? context.next,
    data: error.data,
    cause: error,
  });
}
