/** Tracepoints of a debug session on the win32 engine: which requests import slots are to serve, which stops, which the program itself, and what became of each. */
import { type Point, POINTS } from '../../machine/points.js';
import {
  startTracepoints as startOnTarget,
  type TracedProcess,
  type TracepointSource,
} from '../../target/tracepoints.js';
import type { StopRequest } from '../../target/tracepoint-stops.js';
import type { AgentClient } from '../../target/agent-client.js';
import type {
  EngineProcess,
  RunningTracepoints,
  ServedTracepoint,
  SpaceId,
  TracepointOptions,
  TracepointRequest,
} from '../engine.js';

/** A process of the session, with its number for the agent's debugger. */
export interface DebuggedSpace {
  readonly process: EngineProcess;
  readonly number: number;
}

interface Plan {
  readonly traced: TracedProcess;
  /** Of each request of this process: its place in the whole list, and in `stops` when it may be served by one. */
  readonly requests: readonly {
    readonly index: number;
    readonly point: Point;
    readonly stop: number | undefined;
    readonly ring?: boolean;
  }[];
}

/** @throws EventscopeError `agent.*` */
export async function startTracepoints(
  client: AgentClient,
  spaceOf: (space: SpaceId) => DebuggedSpace,
  requests: readonly TracepointRequest[],
  options: TracepointOptions,
): Promise<RunningTracepoints> {
  const spaces = [...new Set(requests.map(({ space }) => space))];
  const plans = spaces.map((space) => planOf(spaceOf(space), requests, options));
  const run = await startOnTarget(
    client,
    plans.map(({ traced }) => traced),
    {
      sink: options.sink,
      onSources: (...told) => options.onSources(...told),
      signal: options.signal ?? new AbortController().signal,
      ...(options.slotsPerRing === undefined ? {} : { slotsPerRing: options.slotsPerRing }),
    },
  );
  const points = requests.map((): ServedTracepoint => ({ mechanism: 'none', why: 'It is no point of the catalogue' }));
  for (const [index, plan] of plans.entries()) {
    const source = run.processes[index];
    for (const request of plan.requests) points[request.index] = servedBy(request, source);
  }
  return { points, stop: () => run.stop() };
}

function planOf(
  { process, number }: DebuggedSpace,
  requests: readonly TracepointRequest[],
  { modules }: TracepointOptions,
): Plan {
  const stops: StopRequest[] = [];
  const imports = new Set<string>();
  const planned = requests.flatMap((request, index): Plan['requests'][number][] => {
    const point = POINTS[request.point];
    if (request.space !== process.space || point === undefined) return [];
    const { mechanism, address, filter } = request;
    if (mechanism === 'ring') return [{ index, point, stop: undefined, ring: true }];
    const always = mechanism === 'stopping' || filter !== undefined;
    if (!always) imports.add(point.name);
    if (mechanism === 'import') return [{ index, point, stop: undefined }];
    const given = { ...(address === undefined ? {} : { address }), ...(filter === undefined ? {} : { filter }) };
    return [{ index, point, stop: stops.push({ point: point.name, always, ...given }) - 1 }];
  });
  const wanted = modules?.get(process.space);
  const traced: TracedProcess = {
    ...{ process: process.processId, side: process.side, description: process.name, space: number },
    ...{ stops, points: [...imports] },
    ...(wanted === undefined ? {} : { modules: wanted }),
    ...(planned.some(({ ring }) => ring === true) ? { traceRings: true } : {}),
  };
  return { traced, requests: planned };
}

function servedBy(
  { point, stop, ring }: Plan['requests'][number],
  source: TracepointSource | undefined,
): ServedTracepoint {
  if (ring === true) return { mechanism: 'ring' };
  const served = stop === undefined ? undefined : source?.stops[stop];
  if (served !== undefined) return served;
  if (source?.imported.includes(point.name) === true) return { mechanism: 'import' };
  return { mechanism: 'none', why: `No import slot of the program leads to ${point.name}` };
}
