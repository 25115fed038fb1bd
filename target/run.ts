/**
 * One run of the application on a target, with what happened on both sides of the kernel boundary recorded.
 */
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import type { Project } from './project.js';
import type { DbgPrintLine, Operation, Target } from './target.js';

/** A trace source of a run; `source` is the number its slots carry. */
export interface RunSource {
  readonly source: number;
  readonly side: 'kernel' | 'user';
  /** Such as "eventsys" or "eventapp". */
  readonly description: string;
  readonly ringCount: number;
  readonly slotsPerRing: number;
}

/** Takes a recording as it comes. trace/recording.ts has one that keeps it. */
export interface TraceSink {
  /** Whole slots of 64 bytes; `bytes` is the sink's to keep. firstSlot: absolute index; lost: the ring's count by now. */
  slots(source: number, ring: number, firstSlot: bigint, lost: bigint, bytes: Uint8Array): void;
}

export interface RunRequest {
  /** Arguments of the application, one string each. */
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Record the trace rings of driver and application; default true. */
  readonly trace?: boolean;
  /** Slots per ring, a power of two; default 65,536 for each ring of the application and the driver's own default (0). */
  readonly applicationSlots?: number;
  readonly driverSlots?: number;
  /** Rings of the application, one per thread that records; default 64. */
  readonly applicationRings?: number;
  /** Bound of the whole run in ms; default 120,000. The application is ended then, and the run fails. */
  readonly timeoutMs?: number;
  readonly sink?: TraceSink;
  /** Called once before the first slots, with the sources. */
  onSources?(sources: readonly RunSource[], qpcFrequency: bigint): void;
  /** Output as it comes. stream: 1 standard output, 2 standard error. */
  onOutput?(stream: 1 | 2, data: Uint8Array): void;
  onDbgPrint?(line: DbgPrintLine): void;
  /** The application is started. */
  onStarted?(process: number): void;
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
  readonly qpcFrequency: bigint;
  /** Totals by source, in the order of `sources`; lost: records that found a ring full. */
  readonly totals: readonly {
    readonly source: number;
    readonly slots: bigint;
    readonly lost: bigint;
    readonly error?: string;
  }[];
}

/**
 * Runs the deployed application and returns when it has ended and everything it left is collected.
 * A cancel ends the application and stops the tracing before this rejects.
 * @throws EventscopeError `run.notDeployed`, `run.timeout`, `run.driverFault`, `agent.*`; CancelledError
 */
// eslint-disable-next-line @typescript-eslint/require-await
export async function run(
  _target: Target,
  _client: AgentClient,
  _project: Project,
  _request: RunRequest,
  _operation: Operation,
): Promise<RunResult> {
  throw new EventscopeError({ id: 'run.unfinished', what: 'Running is not there yet' });
}
