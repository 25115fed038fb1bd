import path from 'node:path';
import type { BuildResult } from '../../target/build.js';
import { deploy } from '../../target/deploy.js';
import { mergeRecordings } from '../../trace/merge.js';
import type { Recording } from '../../trace/recording.js';
import { ExitCode } from '../exit-code.js';
import { describeFlowOf, describeFindings, reportOf, reportToJson } from '../../trace/report.js';
import type { Connected, Session } from '../session.js';
import { standalonePage } from '../standalone-page.js';
import { writeTrace, writeWhole } from '../../target/trace-file.js';
import { traceRun, versionsOf } from '../../target/traced-run.js';

/** Every way of sharing an event that the sample has, in the order of the article. */
const RUNS: readonly { readonly title: string; readonly arguments: readonly string[] }[] = [
  { title: "1. By handle: the application's event goes to the driver", arguments: ['app-handle'] },
  { title: "2. By handle: the driver's event comes to the application", arguments: ['driver-handle'] },
  { title: '3. By name: the application creates, the driver opens (classic)', arguments: ['app-name', '--classic'] },
  { title: '3. By name: the application creates, the driver opens (strict)', arguments: ['app-name', '--strict'] },
  { title: '4. By name: the driver creates, any user may open', arguments: ['driver-name'] },
  { title: '5. Inverted call: a pended request is the notification', arguments: ['inverted-call'] },
  { title: '6. A buffer with two events: work one way, done the other', arguments: ['shared-buffer'] },
  {
    title: '7. Signals from DPC, worker, completed request and by hand: notification event',
    arguments: ['signals', '--type', 'notification', '--period', '20'],
  },
  {
    title: '7. Signals from DPC, worker, completed request and by hand: synchronization event',
    arguments: ['signals', '--type', 'synchronization', '--period', '20'],
  },
];

export interface DemoOptions {
  /** Folder of demo.evtrace and demo.html; default: out in the workspace. */
  readonly out?: string;
}

interface DemoRun {
  readonly title: string;
  readonly arguments: readonly string[];
  readonly exitCode: number;
  readonly recording: Recording;
}

async function runAll(session: Session, connected: Connected, built: BuildResult, version: string): Promise<DemoRun[]> {
  const { project, target, client } = connected;
  const { operation, terminal } = session;
  await deploy(target, client, project, built, operation);
  const versions = await versionsOf(client, version);
  const runs: DemoRun[] = [];
  for (const run of RUNS) {
    const said: string[] = [];
    const onLine = (stream: 1 | 2, line: string): void => {
      if (stream === 2) said.push(line);
    };
    const traced = await traceRun(connected, { arguments: run.arguments, onLine }, versions, operation);
    const { exitCode } = traced.result;
    if (!session.json) {
      terminal.result(`${run.title}\n   eventapp ${run.arguments.join(' ')}\n`);
      terminal.result(`${describeFlowOf(traced.recording)}\n`);
    }
    if (exitCode !== 0) terminal.note([`eventapp returned ${exitCode}`, ...said].join('\n  '));
    runs.push({ ...run, exitCode, recording: traced.recording });
  }
  return runs;
}

/** `eventscope demo`: what `npm run demo` shows. */
export async function demoCommand(session: Session, options: DemoOptions, version: string): Promise<ExitCode> {
  const { runs, folder } = await session.connectedWithBuild(async (connected, built) => ({
    runs: await runAll(session, connected, built, version),
    folder: path.resolve(connected.project.folder, options.out ?? 'out'),
  }));
  session.operation.progress('Drawing the timeline');
  const recording = mergeRecordings(
    runs.map(({ title, recording: of }) => ({ ...of, metadata: { ...of.metadata, title: title.trim() } })),
    'every way of sharing an event',
  );
  const report = reportOf(recording);
  const trace = path.join(folder, 'demo.evtrace');
  const html = path.join(folder, 'demo.html');
  await writeTrace(trace, recording);
  await writeWhole(html, await standalonePage(report.model));
  const json = {
    trace,
    html,
    runs: runs.map(({ title, arguments: args, exitCode, recording: of }) => ({
      title: title.trim(),
      arguments: args,
      exitCode,
      ...reportToJson(reportOf(of)),
    })),
    findings: report.findings,
  };
  const here = (file: string): string => path.relative(process.cwd(), file);
  session.print(json, () =>
    [describeFindings(report.findings), '', `Recording: ${here(trace)}`, `Timeline:  ${here(html)}`].join('\n'),
  );
  return runs.every((run) => run.exitCode === 0) ? ExitCode.Done : ExitCode.ApplicationFailed;
}
