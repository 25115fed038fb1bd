/** One run of the application, kept as a recording: rings of both sides, and what both sides printed themselves. */
import os from 'node:os';
import type { AgentClient } from './agent-client.js';
import { recordInto, type OnCutShort } from './cut-short.js';
import type { Project } from './project.js';
import { run, type RunRequest, type RunResult } from './run.js';
import type { Operation, Target } from './target.js';
import { RecordingBuilder, type Recording } from '../trace/recording.js';

export interface TracedRun {
  readonly result: RunResult;
  readonly recording: Recording;
}

export interface TracedRunOptions extends Pick<
  RunRequest,
  'timeoutMs' | 'applicationSlots' | 'driverSlots' | 'trace' | 'tracepoints'
> {
  readonly arguments: readonly string[];
  /** A whole line of the application's output, without its end. stream: 1 standard output, 2 standard error. */
  readonly onLine?: (stream: 1 | 2, line: string) => void;
  /** The recording has begun: `soFar` may be asked at any time. */
  readonly onBegin?: (soFar: () => Recording) => void;
  /** Sources or slots were added to it. */
  readonly onGrow?: () => void;
  /** The run failed, was cancelled or ran out of time. */
  readonly onCutShort?: OnCutShort;
}

/** Cuts bytes into lines as they come; a line longer than the bound is handed on in pieces. */
export class LineSplitter {
  #rest = '';
  readonly #decoder = new TextDecoder();

  constructor(
    private readonly onLine: (line: string) => void,
    private readonly maxLength = 16_384,
  ) {}

  push(data: Uint8Array): void {
    this.#take(this.#decoder.decode(data, { stream: true }));
  }

  /** What came after the last line end is a line too. */
  end(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== '') this.onLine(this.#rest);
    this.#rest = '';
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    while (this.#rest.length > this.maxLength) {
      this.onLine(this.#rest.slice(0, this.maxLength));
      this.#rest = this.#rest.slice(this.maxLength);
    }
  }
}

/** What took part in recordings of this target. */
export async function versionsOf(client: AgentClient, version?: string): Promise<Record<string, string>> {
  const info = await client.request('agent/info', {});
  return {
    ...(version === undefined ? {} : { eventscope: version }),
    windows: info.windowsVersion,
    node: info.nodeVersion,
    ...(info.wineVersion === undefined ? {} : { wine: info.wineVersion }),
  };
}

/** Runs the deployed application with both rings recorded. */
export async function traceRun(
  { target, client, project }: { target: Target; client: AgentClient; project: Project },
  options: TracedRunOptions,
  versions: Readonly<Record<string, string>>,
  operation: Operation,
): Promise<TracedRun> {
  const title = [project.application.name, ...options.arguments].join(' ');
  const builder = new RecordingBuilder({
    target: target.name,
    host: os.hostname(),
    versions,
    title,
    startUtcMs: Date.now(),
  });
  options.onBegin?.(() => builder.finish());
  const info = await client.request('agent/info', {}, { signal: operation.signal });
  let process: number | undefined;
  const splitters = ([1, 2] as const).map(
    (stream) =>
      new LineSplitter((line) => {
        builder.log({
          utcMs: Date.now(),
          channel: 'application',
          text: line,
          ...(process === undefined ? {} : { process }),
        });
        options.onLine?.(stream, line);
      }),
  );
  const running = (): Promise<RunResult> =>
    run(
      target,
      client,
      project,
      {
        arguments: options.arguments,
        ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
        ...(options.applicationSlots === undefined ? {} : { applicationSlots: options.applicationSlots }),
        ...(options.driverSlots === undefined ? {} : { driverSlots: options.driverSlots }),
        ...(options.trace === undefined ? {} : { trace: options.trace }),
        ...(options.tracepoints === undefined ? {} : { tracepoints: options.tracepoints }),
        sink: {
          slots: (...chunk) => {
            builder.slots(...chunk);
            options.onGrow?.();
          },
        },
        onSources: (sources) => {
          for (const { source, side, description, process: host, ringCount, slotsPerRing } of sources) {
            const ofSide =
              side === 'user'
                ? { description: [description, ...options.arguments].join(' '), session: info.sessionId }
                : { description, ...(host === undefined ? {} : { process: host }) };
            builder.addSource({ id: source, side, ringCount, slotsPerRing, ...ofSide });
          }
          options.onGrow?.();
        },
        onOutput: (stream, data) => splitters[stream - 1]?.push(data),
        onDbgPrint: ({ utcMs, text }) => builder.log({ utcMs, channel: 'dbgprint', text }),
        onStarted: (started) => {
          process = started;
          for (const { id, side } of builder.finish().sources) {
            if (side === 'user') builder.updateSource(id, { process: started });
          }
          options.onGrow?.();
        },
      },
      operation,
    ).finally(() => {
      for (const splitter of splitters) splitter.end();
    });
  const result = await recordInto(builder, running, options.onCutShort);
  for (const { source, side } of result.sources) {
    const total = result.totals.find((candidate) => candidate.source === source);
    if (side === 'user') builder.updateSource(source, { process: result.process });
    builder.sourceEnded(source, {
      ...(total === undefined ? {} : { lost: total.lost }),
      ...(total?.error === undefined ? {} : { error: total.error }),
      ...(side === 'user' ? { exitUtcMs: result.endedUtcMs, exitCode: result.exitCode } : {}),
    });
  }
  return { result, recording: builder.finish(result.endedUtcMs) };
}
