import os from 'node:os';
import path from 'node:path';
import { recordDriver } from '../../target/record.js';
import { RecordingBuilder } from '../../trace/recording.js';
import { ExitCode } from '../exit-code.js';
import { describeReport, reportOf, reportToJson } from '../../trace/report.js';
import type { Session } from '../session.js';
import { standalonePage } from '../standalone-page.js';
import { newTraceFile, readTrace, writeTrace, writeWhole } from '../../target/trace-file.js';
import { versionsOf } from '../../target/traced-run.js';

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
  const { file, total } = await session.connected(async ({ project, target, client }) => {
    const startUtcMs = Date.now();
    const versions = await versionsOf(client, version);
    const title = project.driver.name;
    const builder = new RecordingBuilder({ target: target.name, host: os.hostname(), versions, title, startUtcMs });
    const limit = options.seconds === undefined ? [] : [AbortSignal.timeout(options.seconds * 1_000)];
    const until = AbortSignal.any([operation.signal, ...limit]);
    operation.progress(
      options.seconds === undefined
        ? 'Recording; Ctrl-C ends it'
        : `Recording for ${options.seconds} s; Ctrl-C ends it`,
    );
    const total = await recordDriver(
      target,
      client,
      project,
      {
        sink: { slots: (...chunk) => void builder.slots(...chunk) },
        onSource: ({ source, ...described }) => {
          builder.addSource({ id: source, ...described });
        },
        until,
      },
      operation,
    );
    const { source, lost, error } = total;
    builder.sourceEnded(source, { lost, ...(error === undefined ? {} : { error }) });
    const file = options.out ?? (await newTraceFile(project.stateFolder, title, new Date(startUtcMs)));
    await writeTrace(file, builder.finish(Date.now()));
    return { file, total };
  });
  const { slots, lost } = total;
  session.print({ trace: path.resolve(file), slots, lost }, () => path.relative(process.cwd(), file));
  terminal.note(`${slots.toString()} slots recorded, ${lost.toString()} records lost.`);
  return ExitCode.Done;
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
