import os from 'node:os';
import path from 'node:path';
import { recordInto } from '../../target/cut-short.js';
import { recordDriverTrace, recordTracepoints } from '../../target/record.js';
import type { StopRequest } from '../../target/tracepoint-stops.js';
import { choosePoints, chooseStops } from '../../target/tracepoints.js';
import { RecordingBuilder, type Recording } from '../../trace/recording.js';
import { ExitCode } from '../exit-code.js';
import { describeReport, reportOf, reportToJson } from '../../trace/report.js';
import type { Connected, Session } from '../session.js';
import { standalonePage } from '../standalone-page.js';
import { keepCutShort } from './run.js';
import { keepTrace, readTrace, writeWhole } from '../../target/trace-file.js';
import { traceRun, versionsOf } from '../../target/traced-run.js';

export interface TraceRecordOptions {
  readonly out?: string;
  readonly seconds?: number;
}

/** `eventscope trace record`: the running driver, until Ctrl-C or for some seconds. */
export async function traceRecordCommand(
  session: Session,
  options: TraceRecordOptions,
  version: string,
): Promise<ExitCode> {
  const { operation, terminal } = session;
  const { file, total } = await session.connected(async (connected) => {
    const { project, client } = connected;
    const versions = await versionsOf(client, version);
    const limit = options.seconds === undefined ? [] : [AbortSignal.timeout(options.seconds * 1_000)];
    const until = AbortSignal.any([operation.signal, ...limit]);
    operation.progress(
      options.seconds === undefined
        ? 'Recording; Ctrl-C ends it'
        : `Recording for ${options.seconds} s; Ctrl-C ends it`,
    );
    const onCutShort = (cut: Recording): Promise<void> => keepCutShort(session, project, cut, options.out);
    const { recording, total } = await recordDriverTrace(connected, { versions, until, onCutShort }, operation);
    return { file: await keepTrace(project.stateFolder, recording, options.out), total };
  });
  const { slots, lost } = total;
  session.print({ trace: path.resolve(file), slots, lost }, () => path.relative(process.cwd(), file));
  terminal.note(`${slots.toString()} slots recorded, ${lost.toString()} records lost.`);
  return ExitCode.Done;
}

export interface TracePointsOptions extends TraceRecordOptions {
  /** What a person wrote behind --points: functions, kinds of points, or all; split by blanks or commas. */
  readonly points: readonly string[];
  /** Named functions are recorded by stops, also where import slots lead to them. */
  readonly stopping?: boolean;
}

/**
 * `eventscope trace record --points ... [-- ARGUMENTS...]`: by tracepoints. With arguments the deployed application is run and
 * recorded from its first instruction on; without, what runs already is recorded until Ctrl-C or for some seconds.
 */
export async function tracePointsCommand(
  session: Session,
  args: readonly string[],
  options: TracePointsOptions,
  version: string,
): Promise<ExitCode> {
  const { operation, terminal } = session;
  const words = options.points.flatMap((word) => word.split(',')).filter((word) => word !== '');
  const points = choosePoints(words);
  const chosen = { ...(points === undefined ? {} : { points }), stops: chooseStops(words, options.stopping) };
  const { file, recording, exitCode } = await session.connected(async (connected) => {
    const { project, client } = connected;
    const versions = await versionsOf(client, version);
    let recording: Recording;
    let exitCode = 0;
    if (args.length > 0) {
      const limit = options.seconds === undefined ? {} : { timeoutMs: options.seconds * 1_000 };
      const onCutShort = (cut: Recording): Promise<void> => keepCutShort(session, project, cut, options.out);
      const request = { arguments: args, trace: false, tracepoints: chosen, onCutShort, ...limit };
      const traced = await traceRun(connected, request, versions, operation);
      ({ recording } = traced);
      ({ exitCode } = traced.result);
    } else {
      recording = await recordRunning(session, connected, options, chosen, versions);
    }
    return { file: await keepTrace(project.stateFolder, recording, options.out), recording, exitCode };
  });
  const report = reportOf(recording);
  session.print({ trace: path.resolve(file), exitCode, ...reportToJson(report) }, () => describeReport(report));
  terminal.note(`Recorded in ${path.relative(process.cwd(), file)}`);
  if (exitCode === 0) return ExitCode.Done;
  terminal.note(`The application returned ${exitCode}.`);
  return ExitCode.ApplicationFailed;
}

async function recordRunning(
  session: Session,
  { project, target, client }: Connected,
  { seconds, out }: TracePointsOptions,
  chosen: { readonly points?: readonly string[]; readonly stops: readonly StopRequest[] },
  versions: Readonly<Record<string, string>>,
): Promise<Recording> {
  const { operation } = session;
  const title = project.driver.name;
  const metadata = { target: target.name, host: os.hostname(), versions, title, startUtcMs: Date.now() };
  const builder = new RecordingBuilder(metadata);
  const info = await client.request('agent/info', {}, { signal: operation.signal });
  const limit = seconds === undefined ? [] : [AbortSignal.timeout(seconds * 1_000)];
  operation.progress(
    seconds === undefined ? 'Recording; Ctrl-C ends it' : `Recording for ${seconds} s; Ctrl-C ends it`,
  );
  const recording = (): ReturnType<typeof recordTracepoints> =>
    recordTracepoints(
      target,
      client,
      project,
      {
        ...chosen,
        sink: { slots: (...chunk) => void builder.slots(...chunk) },
        onSources: (sources) => {
          for (const { source, ...described } of sources) {
            const session = described.side === 'user' ? { session: info.sessionId } : {};
            builder.addSource({ id: source, ...described, ...session });
          }
        },
        until: AbortSignal.any([operation.signal, ...limit]),
      },
      operation,
    );
  const onCutShort = (cut: Recording): Promise<void> => keepCutShort(session, project, cut, out);
  const totals = await recordInto(builder, recording, onCutShort);
  for (const { source, lost, error } of totals) {
    builder.sourceEnded(source, { lost, ...(error === undefined ? {} : { error }) });
  }
  return builder.finish(Date.now());
}

export interface TraceShowOptions {
  /** Writes a page there instead of printing. */
  readonly html?: string;
}

/** `eventscope trace show FILE`. What a damaged or cut file still holds is shown, and the exit code tells. */
export async function traceShowCommand(session: Session, file: string, options: TraceShowOptions): Promise<ExitCode> {
  const { recording, problems } = await readTrace(file);
  for (const problem of problems) session.terminal.note(`warning: ${problem.message}`);
  const report = reportOf(recording);
  if (options.html !== undefined) {
    await writeWhole(options.html, await standalonePage(report.model));
    session.print({ html: path.resolve(options.html) }, () => options.html ?? '');
  } else {
    const { metadata, sources } = recording;
    const json = { metadata, sources, problems: problems.map(({ id, message }) => ({ id, message })) };
    session.print({ ...json, ...reportToJson(report) }, () => describeReport(report));
  }
  return problems.length === 0 ? ExitCode.Done : ExitCode.Failed;
}
