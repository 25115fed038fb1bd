/**
 * Recording a running driver without starting an application: whatever uses it meanwhile is seen from its side.
 */
import os from 'node:os';
import { BulkKind } from '../protocol/agent-wire.js';
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import { recordInto, type OnCutShort } from './cut-short.js';
import { DriverService } from './driver-service.js';
import type { Project } from './project.js';
import type { RunSource, RunTotal, TraceSink } from './run.js';
import type { Operation, Target } from './target.js';
import { asError } from './operation.js';
import { withTargetLocks } from './target-lock.js';
import { traceStartError } from './trace-start-error.js';
import type { StopRequest } from './tracepoint-stops.js';
import { startTracepoints, stopsOfSide, type TracedProcess } from './tracepoints.js';
import { RecordingBuilder, type Recording } from '../trace/recording.js';

export interface RecordRequest {
  /** Slots per ring, a power of two; 0 = the driver's own default. */
  readonly driverSlots?: number;
  readonly sink: TraceSink;
  /** Called once before the first slots. */
  onSource(source: RunSource): void;
  /** Recording ends when this aborts, and what was recorded is kept; the operation's own signal cancels instead. */
  readonly until: AbortSignal;
}

export interface DriverRecording {
  readonly recording: Recording;
  readonly total: RunTotal;
}

/** The running driver as a recording, until `until` aborts. Throws what recordDriver throws. */
export async function recordDriverTrace(
  { target, client, project }: { readonly target: Target; readonly client: AgentClient; readonly project: Project },
  request: {
    readonly versions: Readonly<Record<string, string>>;
    readonly until: AbortSignal;
    /** The recording has begun: `soFar` may be asked at any time. */
    onBegin?(soFar: () => Recording): void;
    /** Its source or slots were added to it. */
    onGrow?(): void;
    /** The recording failed: its agent went away, or the driver. */
    readonly onCutShort?: OnCutShort;
  },
  operation: Operation,
): Promise<DriverRecording> {
  const { versions, until } = request;
  const identity = { target: target.name, host: os.hostname(), versions, title: project.driver.name };
  const builder = new RecordingBuilder({ ...identity, startUtcMs: Date.now() });
  request.onBegin?.(() => builder.finish());
  const sink: TraceSink = {
    slots: (...chunk) => {
      builder.slots(...chunk);
      request.onGrow?.();
    },
  };
  const onSource = ({ source, ...described }: RunSource): void => {
    builder.addSource({ id: source, ...described });
    request.onGrow?.();
  };
  const recording = (): Promise<RunTotal> =>
    recordDriver(target, client, project, { sink, onSource, until }, operation);
  const total = await recordInto(builder, recording, request.onCutShort);
  const { source, lost, error } = total;
  builder.sourceEnded(source, { lost, ...(error === undefined ? {} : { error }) });
  return { recording: builder.finish(Date.now()), total };
}

const STOP_TIMEOUT_MS = 30_000;
/** Of Windows: the kernel's own, where drivers have no host process. */
const SYSTEM_PROCESS = 4;

/**
 * @returns the driver's totals
 * @throws EventscopeError `record.noDevice`, `record.trace`, `target.held`, `agent.*`; CancelledError
 */
export async function recordDriver(
  target: Target,
  client: AgentClient,
  project: Project,
  request: RecordRequest,
  operation: Operation,
): Promise<RunTotal> {
  const { device, service, name } = project.driver;
  if (device === undefined) {
    throw new EventscopeError({
      id: 'record.noDevice',
      what: `${name} names no device that could be asked for its trace`,
      next: 'Set "device" of eventscope.project.driver to the Win32 path of the device, such as \\\\.\\EventSys.',
    });
  }
  return withTargetLocks(client, [{ role: 'tracer', subject: service }], `recording ${name}`, operation, async () => {
    const early: (() => void)[] = [];
    let known = false;
    const stream = client.openStream((head, data) => {
      if (head.kind !== BulkKind.TraceSlots || data.length < 8) return;
      const ring = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true);
      const bytes = data.slice(8);
      const take = (): void => request.sink.slots(head.source, ring, head.first, head.lost, bytes);
      if (known) take();
      else early.push(take);
    });
    try {
      const sources = [{ type: 'driver', device, slotsPerRing: request.driverSlots ?? 0 }] as const;
      const started = await start(target, client, stream.stream, sources[0], operation);
      const process = await hostProcess(target, client, service, operation);
      const kernel = { side: 'kernel' as const, description: `${name}.sys` };
      request.onSource({ ...started, ...kernel, ...(process === undefined ? {} : { process }) });
      known = true;
      for (const take of early) take();
      await aborted(AbortSignal.any([request.until, operation.signal]), client);
      const stopped = await client.request('trace/stop', { stream: stream.stream }, { timeoutMs: STOP_TIMEOUT_MS });
      const total = stopped.sources[0];
      if (total === undefined) throw new TypeError('trace/stop told of no source');
      const { source, slots, lost, error } = total;
      return { source, slots, lost, ...(error === undefined ? {} : { error }) };
    } finally {
      stream.close();
    }
  });
}

export interface TracepointRecordRequest {
  /** Names of the catalogue; default: all. */
  readonly points?: readonly string[];
  /** Functions that are recorded whoever calls them: by stops where no import slot leads to them. */
  readonly stops?: readonly StopRequest[];
  readonly sink: TraceSink;
  onSources(sources: readonly RunSource[]): void;
  /** Recording ends when this aborts, and what was recorded is kept; the operation's own signal cancels instead. */
  readonly until: AbortSignal;
}

/**
 * Records the driver's host process (Wine) and every running process of the application by tracepoints, whatever they know of
 * traces. Calls that are being made when it begins, and processes that start later, are not seen.
 * @throws EventscopeError `record.nothingRuns`, `target.held`, `agent.*`; CancelledError
 */
export async function recordTracepoints(
  target: Target,
  client: AgentClient,
  project: Project,
  request: TracepointRecordRequest,
  operation: Operation,
): Promise<readonly RunTotal[]> {
  const { service, name } = project.driver;
  return withTargetLocks(client, [{ role: 'tracer', subject: service }], `recording ${name}`, operation, async () => {
    const stops = request.stops ?? [];
    const running = await runningProcesses(target, client, project, operation);
    const processes = running.map((process) => ({ ...process, stops: stopsOfSide(stops, process.side) }));
    const run = await startTracepoints(client, processes, {
      ...(request.points === undefined ? {} : { points: request.points }),
      sink: request.sink,
      onSources: (sources) => request.onSources(sources),
      signal: operation.signal,
    });
    await aborted(AbortSignal.any([request.until, operation.signal]), client);
    return run.stop();
  });
}

async function runningProcesses(
  target: Target,
  client: AgentClient,
  project: Project,
  operation: Operation,
): Promise<TracedProcess[]> {
  const host = await hostProcess(target, client, project.driver.service, operation);
  const driver = `${project.driver.name}.sys`;
  const application = `${project.application.name}.exe`;
  const { processes } = await client.request('process/list', {}, { signal: operation.signal });
  const found: TracedProcess[] = processes
    .filter(({ name }) => name.toLowerCase() === application.toLowerCase())
    .map(({ process }) => ({ process, side: 'user', description: application }));
  if (host !== undefined && host > SYSTEM_PROCESS) {
    found.unshift({ process: host, side: 'kernel', description: driver, modules: [driver] });
  }
  if (found.length > 0) return found;
  throw new EventscopeError({
    id: 'record.nothingRuns',
    what: 'There is nothing to record',
    target: target.name,
    why: `${application} does not run, and ${driver} has no host process here`,
    next: 'Start the application first, or let it be started: eventscope trace record --points all -- ARGUMENTS',
  });
}

async function hostProcess(
  target: Target,
  client: AgentClient,
  name: string,
  operation: Operation,
): Promise<number | undefined> {
  const service = new DriverService(target, client, name);
  const status = await service.query(operation);
  return status === undefined ? undefined : service.hostProcess(status, operation);
}

async function start(
  target: Target,
  client: AgentClient,
  stream: number,
  source: { readonly type: 'driver'; readonly device: string; readonly slotsPerRing: number },
  operation: Operation,
): Promise<Pick<RunSource, 'source' | 'ringCount' | 'slotsPerRing'>> {
  try {
    const params = { stream, sources: [source] };
    const answer = await client.request('trace/start', params, { signal: operation.signal });
    const started = answer.sources[0];
    if (started === undefined) throw new TypeError('trace/start told of no source');
    return started;
  } catch (error) {
    throw traceStartError(asError(error), {
      id: 'record.trace',
      target: target.name,
      next: `Deploy the driver, built with EVENTSCOPE_TRACE=1, so that ${source.device} is there.`,
    });
  }
}

/** Resolves when the signal aborts; rejects when the agent goes away before. */
async function aborted(signal: AbortSignal, client: AgentClient): Promise<void> {
  const stop = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const lost = client.closed.then((error) => {
    throw error ?? new Error('The agent ended');
  });
  lost.catch(() => undefined);
  await Promise.race([stop, lost]);
}
