import path from 'node:path';
import { deploy } from '../../target/deploy.js';
import { ExitCode } from '../exit-code.js';
import { describeReport, reportOf, reportToJson } from '../../trace/report.js';
import type { Project } from '../../target/project.js';
import type { Recording } from '../../trace/recording.js';
import type { Session } from '../session.js';
import { keepTrace } from '../../target/trace-file.js';
import { traceRun, versionsOf } from '../../target/traced-run.js';

export interface RunOptions {
  /** Where the recording goes. */
  readonly out?: string;
  /** Seconds. */
  readonly timeout?: number;
}

/** The sample's own log goes into the recording; on the terminal it would hide what a person wants to read. */
const isLogLine = (stream: 1 | 2, line: string): boolean => stream === 1 && line.startsWith('{"n":');

/** What was recorded of a run that came to no good end is what tells why. The run's own failure is told, not that of this file. */
export async function keepCutShort(
  { terminal }: Session,
  { stateFolder }: Project,
  recording: Recording,
  out: string | undefined,
): Promise<void> {
  try {
    terminal.note(`What was recorded until then: ${relative(await keepTrace(stateFolder, recording, out))}`);
  } catch (error) {
    terminal.note(`What was recorded until then is lost: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const relative = (file: string): string => path.relative(process.cwd(), file);

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
    const onCutShort = (recording: Recording): Promise<void> => keepCutShort(session, project, recording, options.out);
    const request = { arguments: args, onLine, onCutShort, ...timeout };
    const traced = await traceRun(connected, request, versions, operation);
    return { ...traced, file: await keepTrace(project.stateFolder, traced.recording, options.out) };
  });
  const report = reportOf(recording);
  const { exitCode, startedUtcMs, endedUtcMs, dbgPrint, totals } = result;
  session.print(
    {
      trace: path.resolve(file),
      ...{ process: result.process, exitCode, startedUtcMs, endedUtcMs, totals, dbgPrint },
      ...reportToJson(report),
    },
    () => describeReport(report),
  );
  terminal.note(`Recorded in ${relative(file)}`);
  if (exitCode === 0) return ExitCode.Done;
  terminal.note(`The application returned ${exitCode}.`);
  return ExitCode.ApplicationFailed;
}
