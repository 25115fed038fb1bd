/**
 * Chrome trace JSON as the Performance panel of Chrome's DevTools reads it (its trace engine, as npm has it): which tracks
 * there are, what they are called, and how slices lie in each other. What it makes of flows is not asked: it binds a flow to
 * slices that begin where the flow's ends are, and a wait is released at its end.
 */
import * as Meta from '@paulirish/trace_engine/models/trace/handlers/MetaHandler.js';
import * as Trees from '@paulirish/trace_engine/models/trace/helpers/TreeHelpers.js';
import * as Traces from '@paulirish/trace_engine/models/trace/helpers/Trace.js';
import { Phase } from '@paulirish/trace_engine/models/trace/types/TraceEvents.js';

type EngineEvent = Parameters<typeof Meta.handleEvent>[0];

export interface EngineTrack {
  readonly process: string;
  readonly name: string;
  readonly slices: number;
  /** It draws them in each other: none ends after the one in which it begins. */
  readonly nests: boolean;
}

/** Tracks that have a name, in the file's order. */
export async function tracksOfEngine(text: string): Promise<readonly EngineTrack[]> {
  const { traceEvents } = JSON.parse(text) as { readonly traceEvents: readonly EngineEvent[] };
  Meta.reset();
  for (const event of traceEvents) Meta.handleEvent(event);
  await Meta.finalize();
  const { processNames, threadsInProcess } = Meta.data();
  return [...threadsInProcess].flatMap(([pid, threads]) =>
    [...threads].map(([tid, thread]) => {
      const slices = traceEvents.filter(
        (event) => event.ph === Phase.COMPLETE && event.pid === pid && event.tid === tid,
      );
      Traces.sortTraceEventsInPlace(slices);
      return {
        process: processNames.get(pid)?.args.name ?? '',
        name: thread.args.name ?? '',
        slices: slices.length,
        nests: Trees.canBuildTreesFromEvents(slices),
      };
    }),
  );
}
