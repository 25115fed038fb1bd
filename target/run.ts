/**
 * One run of the application on a target, with what happened on both sides of the kernel boundary recorded.
 */
import type { RequestParams } from '../protocol/agent-rpc.js';
import { BulkKind, type BulkHead } from '../protocol/agent-wire.js';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import { ES_TRACE_SECTION_VARIABLE } from '../protocol/trace-layout.js';
import type { AgentClient } from './agent-client.js';
import { captureDebugOutput, type DebugCapture } from './debug-capture.js';
import { deployedPaths } from './deploy.js';
import { driverFaultError, driverFaultOf, firstFault } from './driver-fault.js';
import { DriverService } from './driver-service.js';
import { asError, pause } from './operation.js';
import { ApplicationProcess } from './application-process.js';
import type { Project } from './project.js';
import type { DbgPrintLine, Operation, Target } from './target.js';
import { withTargetLocks } from './target-lock.js';
import { traceStartError } from './trace-start-error.js';
import type { StopRequest } from './tracepoint-stops.js';
import { startTracepoints, stopsOfSide, type TracedProcess, type TracepointRun } from './tracepoints.js';

/** A trace source of a run; `source` is the number its slots carry. */
export interface RunSource {
  readonly source: number;
  readonly side: 'kernel' | 'user';
  /** Such as "eventsys.sys" or "eventapp.exe". */
  readonly description: string;
  /** Of the driver: its host process, or the system process; when known. */
  readonly process?: number;
  readonly ringCount: number;
  readonly slotsPerRing: number;
}

/** Takes a recording as it comes. trace/recording.ts has one that keeps it. */
export interface TraceSink {
  /** Whole slots of 64 bytes; `bytes` is a view that is valid during the call. firstSlot: absolute index; lost: the ring's count by now. */
  slots(source: number, ring: number, firstSlot: bigint, lost: bigint, bytes: Uint8Array): void;
}

export interface RunRequest {
  /** Arguments of the application, one string each. */
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Record the trace rings of driver and application; default true. */
  readonly trace?: boolean;
  /**
   * Record by import tracepoints too, from the application's first instruction on: of the application on any target, of the driver where
   * it has a host process (Wine). Needs nothing of the header in either. points: default all of the catalogue. stops: functions that are
   * recorded whoever calls them.
   */
  readonly tracepoints?: {
    readonly points?: readonly string[];
    readonly stops?: readonly StopRequest[];
    readonly slotsPerRing?: number;
  };
  /** Slots per ring, a power of two; default 65,536 for each ring of the application and the driver's own default (0). */
  readonly applicationSlots?: number;
  readonly driverSlots?: number;
  /** Rings of the application, one per thread that records; default 64. */
  readonly applicationRings?: number;
  /** Bound of the whole run in ms; default 120,000. The application is ended then, and the run fails. */
  readonly timeoutMs?: number;
  readonly sink?: TraceSink;
  /** Called before the first slots of sources, with them: once for rings, once for tracepoints. */
  onSources?(sources: readonly RunSource[], qpcFrequency: bigint): void;
  /** Output as it comes. stream: 1 standard output, 2 standard error. */
  onOutput?(stream: 1 | 2, data: Uint8Array): void;
  onDbgPrint?(line: DbgPrintLine): void;
  /** The application is started. */
  onStarted?(process: number): void;
}

export interface RunTotal {
  readonly source: number;
  readonly slots: bigint;
  /** Records that found a ring full, or no ring. */
  readonly lost: bigint;
  readonly error?: string;
}

export interface RunResult {
  readonly process: number;
  readonly exitCode: number;
  readonly startedUtcMs: number;
  readonly endedUtcMs: number;
  /** Standard output and standard error as text (UTF-8), each kept up to 16 MiB; `outputCut` says that more came. */
  readonly standardOutput: string;
  readonly standardError: string;
  readonly outputCut: boolean;
  /** The kernel's debug output of this time, from every driver of the target. */
  readonly dbgPrint: readonly DbgPrintLine[];
  /** Why there are no lines, when they cannot be had. */
  readonly dbgPrintUnavailable?: string;
  readonly sources: readonly RunSource[];
  /** 0 when nothing was traced. */
  readonly qpcFrequency: bigint;
  /** Totals by source, in the order of `sources`. */
  readonly totals: readonly RunTotal[];
}

/** Of Windows: the kernel's own. */
const SYSTEM_PROCESS = 4;
const RUN_TIMEOUT_MS = 120_000;
const APPLICATION_SLOTS = 65_536;
const APPLICATION_RINGS = 64;
const TRACE_STOP_TIMEOUT_MS = 30_000;
/** A fault is told before the driver's host process ends: a crash debugger may hold it for some seconds. */
const FAULT_SETTLE_MS = 20_000;
const FAULT_INTERVAL_MS = 200;

/**
 * Runs the deployed application and returns when it has ended and everything it left is collected.
 * A cancel ends the application and stops the tracing before this rejects.
 * @throws EventscopeError `run.notDeployed`, `run.timeout`, `run.driverFault`, `target.held`, `agent.*`; CancelledError
 */
export async function run(
  target: Target,
  client: AgentClient,
  project: Project,
  request: RunRequest,
  operation: Operation,
): Promise<RunResult> {
  const { service } = project.driver;
  const purpose = `running ${[project.application.name, ...request.arguments].join(' ').slice(0, 200)}`;
  return withTargetLocks(client, [{ role: 'tracer', subject: service }], purpose, operation, async () => {
    const session = new RunSession(target, client, project, request, operation);
    return session.run();
  });
}

class RunSession {
  readonly #target: Target;
  readonly #client: AgentClient;
  readonly #project: Project;
  readonly #request: RunRequest;
  readonly #operation: Operation;
  /** Aborts when the run must end early: cancelled, out of time, agent or driver gone. */
  readonly #end = new AbortController();
  #endReason: Error | undefined;

  constructor(target: Target, client: AgentClient, project: Project, request: RunRequest, operation: Operation) {
    this.#target = target;
    this.#client = client;
    this.#project = project;
    this.#request = request;
    this.#operation = operation;
  }

  async run(): Promise<RunResult> {
    const program = deployedPaths(this.#target, this.#project).application;
    const driver = await this.#requireDeployed(program);
    const timeoutMs = this.#request.timeoutMs ?? RUN_TIMEOUT_MS;
    const cancel = (): void => this.#endEarly(new CancelledError());
    const timer = setTimeout(() => this.#endEarly(this.#outOfTime(timeoutMs)), timeoutMs);
    this.#operation.signal.addEventListener('abort', cancel, { once: true });
    if (this.#operation.signal.aborted) cancel();
    void this.#client.closed.then((error) => this.#endEarly(error ?? new CancelledError()));
    const capture = await captureDebugOutput(this.#target, this.#client, this.#operation, (line) => {
      this.#request.onDbgPrint?.(line);
      // The application may wait for a driver that is gone: do not wait with it.
      if (driverFaultOf(line.text) !== undefined) void this.#onFault(capture);
    });
    try {
      return await this.#traced(program, driver, capture);
    } catch (error) {
      throw this.#endReason ?? error;
    } finally {
      clearTimeout(timer);
      this.#operation.signal.removeEventListener('abort', cancel);
      await capture.stop();
      this.#end.abort();
    }
  }

  /** @returns the running driver; undefined when it does not run */
  async #requireDeployed(program: string): Promise<RunningDriver | undefined> {
    const { signal } = this.#operation;
    const { entry } = await this.#client.request('file/stat', { path: program }, { signal });
    if (entry === undefined) {
      throw new EventscopeError({
        id: 'run.notDeployed',
        what: `${this.#project.application.name} is not deployed`,
        target: this.#target.name,
        why: `there is no ${program}`,
        next: 'Run "eventscope deploy" first.',
      });
    }
    const service = new DriverService(this.#target, this.#client, this.#project.driver.service);
    const status = await service.query(this.#operation);
    if (status?.state !== 'running') return undefined;
    return { process: await service.hostProcess(status, this.#operation) };
  }

  async #traced(program: string, driver: RunningDriver | undefined, capture: DebugCapture): Promise<RunResult> {
    const trace = this.#request.trace === false ? undefined : await this.#startTrace(driver);
    const application = new ApplicationProcess(this.#client, this.#request);
    const startedUtcMs = Date.now();
    let exitCode: number;
    let totals: RunTotal[] = [];
    let tracepoints: RunTracepoints | undefined;
    try {
      this.#operation.progress(`Running ${this.#project.application.name} ${this.#request.arguments.join(' ')}`.trim());
      const environment = {
        ...this.#request.environment,
        ...(trace?.section === undefined ? {} : { [ES_TRACE_SECTION_VARIABLE]: trace.section }),
      };
      const hold = this.#request.tracepoints !== undefined;
      await application.start(program, this.#request.arguments, environment, this.#end.signal, hold);
      if (hold) {
        tracepoints = await this.#startTracepoints(application.process, driver, trace?.sources.length ?? 0);
        await application.release(this.#end.signal);
      }
      exitCode = await application.exited(this.#end.signal);
    } catch (error) {
      throw this.#endReason ?? error;
    } finally {
      await application.close();
      if (tracepoints !== undefined) totals = await this.#stopped(tracepoints.stop());
      if (trace !== undefined) totals = [...(await this.#stopTrace(trace)), ...totals];
    }
    const endedUtcMs = Date.now();
    await capture.stop();
    if (driver !== undefined) await this.#requireDriverAlive(capture);
    return {
      process: application.process,
      exitCode,
      startedUtcMs,
      endedUtcMs,
      ...application.output(),
      dbgPrint: capture.lines,
      ...(capture.unavailable === undefined ? {} : { dbgPrintUnavailable: capture.unavailable }),
      sources: [...(trace?.sources ?? []), ...(tracepoints?.sources ?? [])],
      qpcFrequency: trace?.qpcFrequency ?? tracepoints?.qpcFrequency ?? 0n,
      totals,
    };
  }

  async #startTracepoints(
    application: number,
    driver: RunningDriver | undefined,
    firstSource: number,
  ): Promise<RunTracepoints> {
    const { stops = [], ...points } = this.#request.tracepoints ?? {};
    const user = { process: application, side: 'user' as const, description: `${this.#project.application.name}.exe` };
    const host = driver?.process;
    const processes: TracedProcess[] = [{ ...user, held: true, stops: stopsOfSide(stops, 'user') }];
    // A kernel has no process: there the rings and the kernel debugger tell.
    if (host !== undefined && host > SYSTEM_PROCESS) {
      const description = `${this.#project.driver.name}.sys`;
      const kernelStops = stopsOfSide(stops, 'kernel');
      processes.unshift({ process: host, side: 'kernel', description, modules: [description], stops: kernelStops });
    }
    let sources: readonly RunSource[] = [];
    let qpcFrequency = 0n;
    const started = await startTracepoints(this.#client, processes, {
      ...points,
      firstSource,
      sink: { slots: (...chunk) => this.#request.sink?.slots(...chunk) },
      onSources: (known, frequency) => {
        sources = known;
        qpcFrequency = frequency;
        this.#request.onSources?.(known, frequency);
      },
      signal: this.#end.signal,
    });
    return { ...started, sources, qpcFrequency };
  }

  /** Also after a cancel; an agent that is gone has nothing more to tell. */
  async #stopped(stop: Promise<readonly RunTotal[]>): Promise<RunTotal[]> {
    try {
      return [...(await stop)];
    } catch (error) {
      if (this.#endReason !== undefined) return [];
      throw error;
    }
  }

  async #startTrace(driver: RunningDriver | undefined): Promise<RunTrace> {
    const { wanted, sides } = this.#wantedSources(driver);
    const stream = this.#client.openStream((head, data) => this.#takeSlots(head, data));
    try {
      const answer = await this.#client.request(
        'trace/start',
        { stream: stream.stream, sources: wanted },
        { signal: this.#end.signal },
      );
      const sources = answer.sources.map(({ source, ringCount, slotsPerRing }, index) => ({
        source,
        ringCount,
        slotsPerRing,
        ...(sides[index] ?? { side: 'user' as const, description: '' }),
      }));
      // Slots that came with the answer were kept until their sources are known.
      this.#request.onSources?.(sources, answer.qpcFrequency);
      this.#sourcesKnown = true;
      for (const { head, data } of this.#early.splice(0)) this.#takeSlots(head, data);
      const section = answer.sources.find((source) => source.sectionName !== undefined)?.sectionName;
      return { stream, sources, qpcFrequency: answer.qpcFrequency, section };
    } catch (error) {
      stream.close();
      throw traceStartError(asError(error), {
        id: 'run.trace',
        target: this.#target.name,
        next: 'Check "device" of eventscope.project.driver, and that the driver was built with EVENTSCOPE_TRACE=1.',
      });
    }
  }

  /** What is asked of the agent, and what each of its sources will be, in one order. */
  #wantedSources(driver: RunningDriver | undefined): {
    readonly wanted: RequestParams<'trace/start'>['sources'];
    readonly sides: readonly Pick<RunSource, 'side' | 'description' | 'process'>[];
  } {
    const { device, name } = this.#project.driver;
    const application = {
      type: 'application' as const,
      ringCount: this.#request.applicationRings ?? APPLICATION_RINGS,
      slotsPerRing: this.#request.applicationSlots ?? APPLICATION_SLOTS,
    };
    const user = { side: 'user' as const, description: `${this.#project.application.name}.exe` };
    if (device === undefined || driver === undefined) return { wanted: [application], sides: [user] };
    const { process } = driver;
    const kernel = {
      side: 'kernel' as const,
      description: `${name}.sys`,
      ...(process === undefined ? {} : { process }),
    };
    return {
      wanted: [{ type: 'driver', device, slotsPerRing: this.#request.driverSlots ?? 0 }, application],
      sides: [kernel, user],
    };
  }

  #sourcesKnown = false;
  readonly #early: { readonly head: BulkHead; readonly data: Uint8Array }[] = [];

  #takeSlots(head: BulkHead, data: Uint8Array): void {
    if (head.kind !== BulkKind.TraceSlots || data.length < 8) return;
    if (!this.#sourcesKnown) {
      this.#early.push({ head, data: data.slice() });
      return;
    }
    const ring = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true);
    this.#request.sink?.slots(head.source, ring, head.first, head.lost, data.subarray(8));
  }

  /** Also after a cancel: what was recorded so far is complete, and the driver stops recording. */
  async #stopTrace(trace: RunTrace): Promise<RunTotal[]> {
    try {
      const answer = await this.#client.request(
        'trace/stop',
        { stream: trace.stream.stream },
        { timeoutMs: TRACE_STOP_TIMEOUT_MS },
      );
      return answer.sources.map(({ source, slots, lost, error }) => ({
        source,
        slots,
        lost,
        ...(error === undefined ? {} : { error }),
      }));
    } catch (error) {
      if (this.#endReason !== undefined) return [];
      throw error;
    } finally {
      trace.stream.close();
    }
  }

  async #requireDriverAlive(capture: DebugCapture): Promise<void> {
    const settleMs = firstFault(capture.lines) === undefined ? 0 : FAULT_SETTLE_MS;
    if (await this.#driverStops(settleMs, this.#operation.signal)) throw this.#faultError(capture);
  }

  async #onFault(capture: DebugCapture): Promise<void> {
    try {
      if (await this.#driverStops(FAULT_SETTLE_MS, this.#end.signal)) this.#endEarly(this.#faultError(capture));
    } catch (error) {
      // The run has ended meanwhile, and knows of the fault by itself.
      if (!(error instanceof CancelledError)) this.#endEarly(asError(error));
    }
  }

  /** Whether our driver is found stopped within settleMs: another driver of the target may be the one that faulted. */
  async #driverStops(settleMs: number, signal: AbortSignal): Promise<boolean> {
    const service = new DriverService(this.#target, this.#client, this.#project.driver.service);
    const until = Date.now() + settleMs;
    for (;;) {
      if ((await service.query(this.#operation))?.state !== 'running') return true;
      if (Date.now() >= until) return false;
      await pause(FAULT_INTERVAL_MS, signal);
    }
  }

  #faultError(capture: DebugCapture): EventscopeError {
    return driverFaultError({
      id: 'run.driverFault',
      driver: this.#project.driver.name,
      target: this.#target.name,
      where: 'the run',
      fault: firstFault(capture.lines),
      lines: capture.lines,
      next: 'The application was ended and the service is stopped; correct the driver and deploy again.',
    });
  }

  #outOfTime(timeoutMs: number): EventscopeError {
    return new EventscopeError({
      id: 'run.timeout',
      what: `${this.#project.application.name} did not end`,
      target: this.#target.name,
      why: `it ran for ${timeoutMs / 1000} s and was ended`,
      next: 'Give it more time, or look at what it waits for.',
    });
  }

  #endEarly(reason: Error): void {
    this.#endReason ??= reason;
    this.#end.abort();
  }
}

interface RunningDriver {
  readonly process: number | undefined;
}

interface RunTracepoints extends TracepointRun {
  readonly sources: readonly RunSource[];
  readonly qpcFrequency: bigint;
}

interface RunTrace {
  readonly stream: { readonly stream: number; close(): void };
  readonly sources: readonly RunSource[];
  readonly qpcFrequency: bigint;
  readonly section: string | undefined;
}
