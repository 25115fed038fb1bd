/**
 * Stopping tracepoints from the host's side: breakpoints of the agent's debugger that lead to the recorder in the process. A process that
 * nobody debugs is attached to for as long as it is recorded.
 */
import type { Filter } from '../machine/conditions.js';
import { pointNamed } from '../machine/points.js';
import type { PlacedStop } from '../protocol/agent-rpc.js';
import type { AgentClient } from './agent-client.js';
import { acquireTargetLock } from './target-lock.js';

/** A function of which every call is to be recorded, whoever makes it. */
export interface StopRequest {
  /** Name of the catalogue. */
  readonly point: string;
  /** First instruction; undefined: the agent finds its export. */
  readonly address?: bigint;
  /** Also when an import slot that is recorded leads to it. */
  readonly always: boolean;
  /** Decided on the target. */
  readonly filter?: Filter;
}

/** How a stop that was asked for is served. */
export type ServedStop =
  | { readonly mechanism: 'import' }
  /** breakpoint: of the agent's debugger. */
  | { readonly mechanism: 'stopping'; readonly breakpoint: number }
  | { readonly mechanism: 'none'; readonly why: string };

/** Space of a process for the agent's debugger, and how it is left. */
interface Attached {
  readonly space: number;
  readonly leave: () => Promise<void>;
}

/**
 * The debugger of one process while it is recorded. What would stop for a person (a fault that nobody handles, a breakpoint of the
 * program's own) goes on at once. @throws EventscopeError `target.held`, `agent.*`
 */
export async function attachForStops(client: AgentClient, processId: number, signal: AbortSignal): Promise<Attached> {
  const lock = { role: 'debugger', subject: `process-${processId}` } as const;
  await acquireTargetLock(client, lock, `recording process ${processId}`, { signal });
  const spaces = new Map<number, number>();
  let ours: number | undefined;
  const goOn = client.onNotification('debug/events', ({ events }) => {
    for (const event of events) {
      if (event.type === 'threadStarted') spaces.set(event.thread, event.space);
      else if (event.type === 'threadExited') spaces.delete(event.thread);
      else if (event.type === 'stopped' && spaces.get(event.thread) === ours) {
        client.request('debug/resume', { passException: true }).catch(() => {});
      }
    }
  });
  const unlock = async (): Promise<void> => {
    goOn();
    await client.request('lock/release', lock);
  };
  try {
    const { space } = await client.request('debug/attach', { process: processId }, { signal });
    ours = space;
    return {
      space,
      leave: async () => {
        // It fails when the process has ended: then there is nothing to leave.
        await client.request('debug/detach', { space }).catch(() => {});
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Sets the breakpoints that a source of tracepoints has prepared. @returns how each stop is served, in order */
export async function setStops(
  client: AgentClient,
  space: number,
  requests: readonly StopRequest[],
  placed: readonly PlacedStop[],
  recorderThread: number,
): Promise<readonly ServedStop[]> {
  const stops = placed.flatMap((stop, index) => (stop.kind === 'stop' ? [{ stop, request: requests[index] }] : []));
  const { breakpoints } = await client.request('debug/setBreakpoints', {
    breakpoints: stops.map(({ stop, request }) => ({
      space,
      address: stop.address,
      kind: 'software' as const,
      point: pointNamed(request?.point ?? '')?.index ?? 0,
      record: {
        thunk: stop.thunk,
        exceptThread: recorderThread,
        ...(stop.recorder === undefined ? {} : { recorder: stop.recorder }),
      },
      ...(request?.filter === undefined ? {} : { filter: { ...request.filter } }),
    })),
  });
  const made = breakpoints[Symbol.iterator]();
  return placed.map((stop) => {
    if (stop.kind === 'imported') return { mechanism: 'import' };
    if (stop.kind === 'refused') return { mechanism: 'none', why: stop.why };
    const answer = made.next().value;
    if (answer !== undefined && 'id' in answer) return { mechanism: 'stopping', breakpoint: answer.id };
    return { mechanism: 'none', why: answer?.error ?? 'the debugger did not answer' };
  });
}

/** Takes the INT3s out; calls that are being made go on in the recorder and end there. */
export async function removeStops(client: AgentClient, served: readonly ServedStop[]): Promise<void> {
  const breakpoints = served.flatMap((stop) => (stop.mechanism === 'stopping' ? [stop.breakpoint] : []));
  if (breakpoints.length > 0) await client.request('debug/removeBreakpoints', { breakpoints });
}
