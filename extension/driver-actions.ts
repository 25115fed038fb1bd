/** What commands and tasks do with a folder's driver and application. Progress and cancelling are the caller's. */
import path from 'node:path';
import { EventscopeError } from '../protocol/errors.js';
import { build, type BuildResult, cleanBuild, type Diagnostic, findBuild } from '../target/build.js';
import { deploy, type DeployResult, undeploy, type UndeployResult } from '../target/deploy.js';
import { DriverService } from '../target/driver-service.js';
import { newTraceFile, writeTrace } from '../target/trace-file.js';
import { traceRun, versionsOf } from '../target/traced-run.js';
import type { Operation } from '../target/target.js';
import { describeReport, reportOf } from '../trace/report.js';
import { type FolderConnection, requireTrust } from './connection.js';
import type { ExtensionServices } from './context.js';

export async function buildDriver(
  services: ExtensionServices,
  folder: FolderConnection,
  operation: Operation,
): Promise<BuildResult> {
  requireTrust();
  const project = await folder.requireProject();
  services.problems.clearBuild();
  try {
    const result = await build(project, operation);
    services.problems.showBuild(result.diagnostics);
    services.reached('built');
    return result;
  } catch (error) {
    services.problems.showBuild(diagnosticsOf(error));
    throw error;
  }
}

/** Of a build that failed; empty for every other error. */
export function diagnosticsOf(error: unknown): readonly Diagnostic[] {
  if (!(error instanceof EventscopeError) || error.id !== 'build.failed') return [];
  return error.data['diagnostics'] as readonly Diagnostic[];
}

/** @param built default: the binaries of the last good build */
export async function deployDriver(
  services: ExtensionServices,
  folder: FolderConnection,
  operation: Operation,
  built?: BuildResult,
): Promise<DeployResult> {
  requireTrust();
  const project = await folder.requireProject();
  const binaries = built ?? (await findBuild(project));
  const { target, client } = await folder.connect(operation);
  try {
    const result = await deploy(target, client, project, binaries, operation);
    services.reached('deployed');
    services.reached('machineReady');
    return result;
  } finally {
    folder.driverChanged();
  }
}

/** The target is started meanwhile: making a prefix or starting an agent takes as long as a build. */
export async function buildAndDeploy(
  services: ExtensionServices,
  folder: FolderConnection,
  operation: Operation,
): Promise<DeployResult> {
  requireTrust();
  await folder.requireProject();
  // Whoever fails first, the other is waited for: nothing goes on behind the command's end.
  const [built, connected] = await Promise.allSettled([
    buildDriver(services, folder, operation),
    folder.connect(operation),
  ]);
  if (built.status === 'rejected') throw built.reason;
  if (connected.status === 'rejected') throw connected.reason;
  return deployDriver(services, folder, operation, built.value);
}

export async function undeployDriver(folder: FolderConnection, operation: Operation): Promise<UndeployResult> {
  const { project, target, client } = await folder.connect(operation);
  try {
    return await undeploy(target, client, project, operation);
  } finally {
    folder.driverChanged();
  }
}

export async function changeDriver(
  folder: FolderConnection,
  action: 'start' | 'stop' | 'reload',
  operation: Operation,
): Promise<void> {
  const { project, target, client } = await folder.connect(operation);
  const service = new DriverService(target, client, project.driver.service);
  try {
    if (action !== 'start') await service.stop(operation);
    if (action !== 'stop') await service.start(operation);
  } finally {
    folder.driverChanged();
  }
}

export async function clean(folder: FolderConnection, operation: Operation): Promise<void> {
  requireTrust();
  await cleanBuild(await folder.requireProject(), operation);
}

export interface ApplicationRun {
  readonly exitCode: number;
  /** The recording. */
  readonly file: string;
  /** What happened, and what the diagnosis found. */
  readonly report: string;
}

/** Builds and deploys what changed, runs the application with both sides recorded. */
export async function runApplication(
  services: ExtensionServices,
  folder: FolderConnection,
  args: readonly string[],
  onLine: (stream: 1 | 2, line: string) => void,
  operation: Operation,
): Promise<ApplicationRun> {
  await buildAndDeploy(services, folder, operation);
  const connection = await folder.connect(operation);
  const { project, client } = connection;
  const { version } = services.context.extension.packageJSON as { version: string };
  const versions = await versionsOf(client, version);
  const { result, recording } = await services.whileTracing(() =>
    traceRun(connection, { arguments: args, onLine }, versions, operation),
  );
  const title = recording.metadata.title ?? project.application.name;
  const file = await newTraceFile(project.stateFolder, title, new Date(result.startedUtcMs));
  await writeTrace(file, recording);
  services.reached('applicationRan');
  folder.driverChanged();
  return { exitCode: result.exitCode, file: path.normalize(file), report: describeReport(reportOf(recording)) };
}
