/**
 * Recording a running driver without starting an application: whatever uses it meanwhile is seen from its side.
 */
import { BulkKind } from '../protocol/agent-wire.js';
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import { DriverService } from './driver-service.js';
import type { Project } from './project.js';
import type { RunSource, RunTotal, TraceSink } from './run.js';
import type { Operation, Target } from './target.js';
import { asError } from './operation.js';
import { withTargetLocks } from './target-lock.js';
import { traceStartError } from './trace-start-error.js';

export interface RecordRequest {
  /** Slots per ring, a power of two; 0 = the driver's own default. */
  readonly driverSlots?: number;
  readonly sink: TraceSink;
  /** Called once before the first slots. */
  onSource(source: RunSource): void;
  /** Recording ends when this aborts, and what was recorded is kept; the operation's own signal cancels instead. */
  readonly until: AbortSignal;
}

const STOP_TIMEOUT_MS = 30_000;

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
