/**
 * What commands and tasks do with a folder's driver and application. Progress and cancelling are the caller's. What does the work is
 * loaded when it is asked for: a window that only opens does not wait for it.
 */
import * as vscode from 'vscode';
import { EventscopeError } from '../protocol/errors.js';
import type { BuildResult, Diagnostic } from '../target/build.js';
import type { DeployResult, UndeployResult } from '../target/deploy.js';
import type { Operation } from '../target/target.js';
import type { Project } from '../target/project.js';
import type { Recording } from '../trace/recording.js';
import { type FolderConnection, requireTrust } from './connection.js';
import type { ExtensionServices } from './context.js';
import type { BuildIdentities } from './timeline/source-links.js';

export async function buildDriver(
  services: ExtensionServices,
  folder: FolderConnection,
  operation: Operation,
): Promise<BuildResult> {
  requireTrust();
  const project = await folder.requireProject();
  services.problems.clearBuild();
  const { build } = await import('../target/build.js');
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
  const { findBuild } = await import('../target/build.js');
  const { deploy } = await import('../target/deploy.js');
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
  const { undeploy } = await import('../target/deploy.js');
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
  const { DriverService } = await import('../target/driver-service.js');
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
  const { cleanBuild } = await import('../target/build.js');
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
  const [{ traceRun, versionsOf }, { keepTrace }, { describeReport, reportOf }] = await Promise.all([
    import('../target/traced-run.js'),
    import('../target/trace-file.js'),
    import('../trace/report.js'),
  ]);
  const versions = { ...(await versionsOf(client, extensionVersion(services))), ...(await builtIdentities(project)) };
  const watched = services.recordings?.watch([project.application.name, ...args].join(' '));
  const keep = async (made: Recording): Promise<vscode.Uri> =>
    vscode.Uri.file(await keepTrace(project.stateFolder, withStops(services, made)));
  let kept: vscode.Uri | undefined;
  try {
    const { result, recording: made } = await services.whileTracing(() =>
      traceRun(
        connection,
        {
          arguments: args,
          onLine,
          onBegin: (soFar) => watched?.began(soFar),
          onGrow: () => watched?.grew(),
          onCutShort: async (made) => {
            try {
              kept = await keep(made);
            } catch (error) {
              services.log.error(`What was recorded until then could not be kept: ${String(error)}`);
            }
          },
        },
        versions,
        operation,
      ),
    );
    kept = await keep(made);
    services.reached('applicationRan');
    folder.driverChanged();
    const report = describeReport(reportOf(withStops(services, made)));
    return { exitCode: result.exitCode, file: kept.fsPath, report };
  } finally {
    watched?.ended(kept);
  }
}

export const extensionVersion = (services: ExtensionServices): string =>
  (services.context.extension.packageJSON as { readonly version: string }).version;

/** Which builds are recorded: lines are found by the PDBs of these alone. */
export async function builtIdentities(project: Project): Promise<BuildIdentities> {
  const { findBuild } = await import('../target/build.js');
  const { identitiesOf } = await import('./timeline/source-links.js');
  return identitiesOf(await findBuild(project));
}

/** Time in which the debugger held the target is told apart in a recording. */
export function withStops(services: ExtensionServices, recording: Recording): Recording {
  const { startUtcMs, endUtcMs } = recording.metadata;
  const stops = services.recordings?.stopsWithin(startUtcMs, endUtcMs ?? Date.now()) ?? [];
  return stops.length === 0 ? recording : { ...recording, metadata: { ...recording.metadata, stops } };
}
