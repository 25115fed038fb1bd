import path from 'node:path';
import { deploy } from '../../target/deploy.js';
import { ExitCode } from '../exit-code.js';
import { describeReport, reportOf, reportToJson } from '../../trace/report.js';
import type { Session } from '../session.js';
import { newTraceFile, writeTrace } from '../../target/trace-file.js';
import { traceRun, versionsOf } from '../../target/traced-run.js';

export interface RunOptions {
  /** Where the recording goes. */
  readonly out?: string;
  /** Seconds. */
  readonly timeout?: number;
}

/** The sample's own log goes into the recording; on the terminal it would hide what a person wants to read. */
const isLogLine = (stream: 1 | 2, line: string): boolean => stream === 1 && line.startsWith('{"n":');

/** `eventscope run [ARGUMENTS...]`: builds and deploys what changed, runs the application, shows what happened. */
export async function runCommand(
  session: Session,
  args: readonly string[],
  options: RunOptions,
  version: string,
): Promise<ExitCode> {
  const { terminal, operation } = session;
  const { result, recording, file } = await session.connectedWithBuild(async (connected, built) => {
    const { project, target, client } = connected;
    await deploy(target, client, project, built, operation);
    const onLine = (stream: 1 | 2, line: string): void => {
      if (!isLogLine(stream, line)) terminal.note(line);
    };
    const timeout = options.timeout === undefined ? {} : { timeoutMs: options.timeout * 1_000 };
    const versions = await versionsOf(client, version);
    const traced = await traceRun(connected, { arguments: args, onLine, ...timeout }, versions, operation);
    const title = traced.recording.metadata.title ?? project.application.name;
    const file = options.out ?? (await newTraceFile(project.stateFolder, title, new Date(traced.result.startedUtcMs)));
    await writeTrace(file, traced.recording);
    return { ...traced, file };
  });
  const report = reportOf(recording);
  const { process, exitCode, startedUtcMs, endedUtcMs, dbgPrint, totals } = result;
  session.print(
    {
      trace: path.resolve(file),
      ...{ process, exitCode, startedUtcMs, endedUtcMs, totals, dbgPrint },
      ...reportToJson(report),
    },
    () => describeReport(report),
  );
  terminal.note(`Recorded in ${path.relative(globalThis.process.cwd(), file)}`);
  if (exitCode === 0) return ExitCode.Done;
  terminal.note(`The application returned ${exitCode}.`);
  return ExitCode.ApplicationFailed;
}
