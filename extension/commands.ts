/**
 * Every command of the manifest that is not a view's own, in one table. Commands of the views are registered where the views
 * are (views/).
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { splitCommandLine } from '../machine/command-line.js';
import type { Operation } from '../target/target.js';
import { type FolderConnection, requireTrust } from './connection.js';
import type { ExtensionServices } from './context.js';
import {
  buildAndDeploy,
  buildDriver,
  changeDriver,
  deployDriver,
  runApplication,
  undeployDriver,
} from './driver-actions.js';
import { LineTerminal } from './line-terminal.js';
import { readSetting, writeSetting } from './settings.js';

type Command = (services: ExtensionServices, ...args: unknown[]) => unknown;

/** Work on the chosen folder, with progress; the same command while it runs joins it. */
function job<T>(
  key: string,
  title: string,
  work: (services: ExtensionServices, folder: FolderConnection, operation: Operation) => Promise<T>,
  done?: (services: ExtensionServices, result: T) => void,
): Command {
  return async (services) => {
    requireTrust();
    const folder = services.requireFolder();
    if (!(await vscode.workspace.saveAll(false))) services.log.warn('Some files could not be saved');
    const result = await services.jobs.run(folder.folder.uri, key, vscode.l10n.t(title), (operation) =>
      work(services, folder, operation),
    );
    done?.(services, result);
  };
}

const COMMANDS: Readonly<Record<string, Command>> = {
  'driver.build': job('build', 'Building the driver', buildDriver, (services, { rebuilt }) =>
    say(services, rebuilt.length === 0 ? vscode.l10n.t('Nothing had changed.') : vscode.l10n.t('The build is done.')),
  ),
  'driver.deploy': job('deploy', 'Deploying the driver', deployDriver, (services, { service }) =>
    say(services, vscode.l10n.t('Service {0} is {1}.', service.name, service.state)),
  ),
  'driver.buildAndDeploy': job('buildAndDeploy', 'Building and deploying', buildAndDeploy, (services, { service }) =>
    say(services, vscode.l10n.t('Service {0} is {1}.', service.name, service.state)),
  ),
  'driver.undeploy': job(
    'undeploy',
    'Undeploying',
    (_services, folder, operation) => undeployDriver(folder, operation),
    (services, { service }) =>
      say(services, service ? vscode.l10n.t('Nothing of it is left.') : vscode.l10n.t('There was nothing of it.')),
  ),
  'driver.start': job('driver.start', 'Starting the driver', (_services, folder, operation) =>
    changeDriver(folder, 'start', operation),
  ),
  'driver.stop': job('driver.stop', 'Stopping the driver', (_services, folder, operation) =>
    changeDriver(folder, 'stop', operation),
  ),
  'driver.reload': job('driver.reload', 'Reloading the driver', (_services, folder, operation) =>
    changeDriver(folder, 'reload', operation),
  ),
  'application.run': runApplicationCommand,
  'target.start': job('target.start', 'Starting the target', async (services, folder, operation) => {
    await folder.connect(operation);
    services.reached('machineReady');
  }),
  'target.stop': job('target.stop', 'Stopping the target', async (_services, folder, operation) => {
    const { target } = await folder.require();
    await folder.disconnect();
    await target.stop(operation);
    folder.driverChanged();
  }),
  'target.reset': resetTarget,
  'target.select': selectTarget,
  'machine.setUp': setUpCommand,
  'project.create': createProject,
  'log.open': (services) => services.log.show(true),
  'dbgPrint.open': (services) => services.dbgPrint.show(),
  'dbgPrint.filter': filterDbgPrint,
  'actions.show': showActions,
  'job.cancel': (services) => services.jobs.cancel(services.requireFolder().folder.uri),
};

export function registerCommands(services: ExtensionServices): vscode.Disposable {
  const registrations = Object.entries(COMMANDS).map(([name, command]) =>
    vscode.commands.registerCommand(`eventscope.${name}`, async (...args: unknown[]) => {
      try {
        return await command(services, ...args);
      } catch (error) {
        services.showError(error);
        return undefined;
      }
    }),
  );
  return vscode.Disposable.from(...registrations);
}

/** On success nothing pops up: the status bar says it for a moment, the log keeps it. */
function say(services: ExtensionServices, message: string): void {
  services.log.info(message);
  vscode.window.setStatusBarMessage(`$(check) ${message}`, 5_000);
}

async function resetTarget(services: ExtensionServices): Promise<void> {
  requireTrust();
  const folder = services.requireFolder();
  const { target } = await folder.require();
  const detail =
    target.kind === 'wine'
      ? vscode.l10n.t('Its Wine prefix is deleted, with everything that was installed in it.')
      : vscode.l10n.t('Our services and the folder {0} are removed from that machine.', target.folder);
  const question = vscode.l10n.t('Reset the target {0}?', target.name);
  if (!(await services.confirm(question, detail, vscode.l10n.t('Reset')))) return;
  const title = vscode.l10n.t('Resetting the target');
  await services.jobs.run(folder.folder.uri, 'target.reset', title, async (operation) => {
    await folder.disconnect();
    await target.reset(operation);
    folder.driverChanged();
  });
}

interface TargetItem extends vscode.QuickPickItem {
  readonly folder: FolderConnection;
}

async function selectTarget(services: ExtensionServices): Promise<void> {
  await services.load();
  const items = services.folders.flatMap((folder): TargetItem[] =>
    (folder.project?.targets ?? []).map((target) => ({
      folder,
      label: target.name,
      description: target.kind === 'ssh' ? `${target.user}@${target.host}` : vscode.l10n.t('Wine on this machine'),
      ...(services.folders.length > 1 ? { detail: folder.folder.name } : {}),
      picked: folder === services.folder && folder.target?.name === target.name,
      iconPath: new vscode.ThemeIcon(target.kind === 'ssh' ? 'remote' : 'vm'),
    })),
  );
  if (items.length === 0) {
    const folder = services.requireFolder();
    await folder.requireProject();
    return;
  }
  const placeHolder = vscode.l10n.t('The target on which the driver runs');
  const chosen = await vscode.window.showQuickPick(items, { placeHolder, matchOnDescription: true });
  if (chosen !== undefined) await services.select(chosen.folder, chosen.label);
}

async function runApplicationCommand(services: ExtensionServices, given?: unknown): Promise<void> {
  requireTrust();
  const folder = services.requireFolder();
  const project = await folder.requireProject();
  const key = `arguments:${folder.folder.uri.toString()}`;
  const line =
    typeof given === 'string'
      ? given
      : await vscode.window.showInputBox({
          title: vscode.l10n.t('Run {0}', project.application.name),
          prompt: vscode.l10n.t('Arguments of the application'),
          value: services.context.workspaceState.get<string>(key) ?? '',
          ignoreFocusOut: true,
        });
  if (line === undefined) return;
  await services.context.workspaceState.update(key, line);
  if (!(await vscode.workspace.saveAll(false))) services.log.warn('Some files could not be saved');
  const title = vscode.l10n.t('Running {0}', project.application.name);
  await services.jobs.run(folder.folder.uri, 'run', title, (operation) =>
    runInTerminal(services, folder, line, operation),
  );
}

async function runInTerminal(
  services: ExtensionServices,
  folder: FolderConnection,
  line: string,
  outer: Operation,
): Promise<void> {
  const project = await folder.requireProject();
  const pty = new LineTerminal();
  const terminal = vscode.window.createTerminal({ name: project.application.name, pty });
  terminal.show(true);
  pty.line(`${project.application.name} ${line}`.trim());
  const operation: Operation = {
    signal: AbortSignal.any([outer.signal, pty.signal]),
    progress: (message) => outer.progress(message),
  };
  try {
    const run = await runApplication(
      services,
      folder,
      splitCommandLine(`${project.application.name} ${line}`).slice(1),
      (stream, text) => {
        // The sample's log of itself goes into the recording alone.
        if (stream === 2 || !text.startsWith('{"n":')) pty.line(text);
      },
      operation,
    );
    pty.line(`\n${run.report}\n`);
    pty.line(vscode.l10n.t('Recorded in {0}', path.relative(folder.folder.uri.fsPath, run.file)));
    if (run.exitCode !== 0) pty.line(vscode.l10n.t('The application returned {0}.', run.exitCode));
  } catch (error) {
    pty.line(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

async function setUpCommand(services: ExtensionServices): Promise<void> {
  requireTrust();
  const place = services.context.globalStorageUri;
  const title = vscode.l10n.t('Setting up this machine');
  const { setUpMachine } = await import('./machine-setup.js');
  const { missing, command } = await services.jobs.run(place, 'setUp', title, (operation) =>
    setUpMachine(services.context, operation),
  );
  await services.load();
  if (command === undefined) {
    services.reached('machineReady');
    say(services, vscode.l10n.t('This machine has everything that is needed.'));
    return;
  }
  for (const { name, why } of missing) services.log.info(`missing: ${name} (${why})`);
  const install = vscode.l10n.t('Install in Terminal');
  const names = missing.map(({ name }) => name).join(', ');
  const offer = async (): Promise<void> => {
    const message = vscode.l10n.t('System packages are missing: {0}.', names);
    if ((await vscode.window.showWarningMessage(message, install)) !== install) return;
    const terminal = vscode.window.createTerminal(vscode.l10n.t('Eventscope: Set-up'));
    terminal.show();
    terminal.sendText(command);
  };
  services.inBackground(offer());
}

async function createProject(services: ExtensionServices, given?: unknown): Promise<void> {
  requireTrust();
  const folder = given instanceof vscode.Uri ? given : await folderForProject();
  if (folder === undefined) return;
  const { installationFolder } = await import('../target/installation.js');
  const { writeSampleProject } = await import('./project-template.js');
  await writeSampleProject(await installationFolder(), folder.fsPath);
  services.log.info(`The sample was written into ${folder.fsPath}`);
  const open = services.folderOf(folder);
  if (open !== undefined) await open.load();
  else if (given === undefined) await vscode.commands.executeCommand('vscode.openFolder', folder);
}

/** The folder that is open, when it is empty; else one that is asked for. */
async function folderForProject(): Promise<vscode.Uri | undefined> {
  const { isEmptyFolder } = await import('./project-template.js');
  for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
    if (uri.scheme === 'file' && (await isEmptyFolder(uri.fsPath))) return uri;
  }
  const chosen = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: vscode.l10n.t('Write the Project Here'),
    title: vscode.l10n.t('An empty folder for the new project'),
  });
  return chosen?.[0];
}

async function filterDbgPrint(): Promise<void> {
  const value = await vscode.window.showInputBox({
    prompt: vscode.l10n.t('Show only lines that hold this text, or that match /regular expression/'),
    value: readSetting('dbgPrint.filter'),
  });
  if (value !== undefined) await writeSetting('dbgPrint.filter', value);
}

interface ActionItem extends vscode.QuickPickItem {
  readonly command: string;
}

/** What makes sense now, most wanted first. */
async function showActions(services: ExtensionServices): Promise<void> {
  const { folder } = services;
  const commands = services.context.extension.packageJSON as {
    readonly contributes: { readonly commands: readonly { command: string; title: string; icon?: string }[] };
  };
  const items = actionsNow(services).flatMap((name): ActionItem[] => {
    const found = commands.contributes.commands.find(({ command }) => command === `eventscope.${name}`);
    if (found === undefined) return [];
    return [{ command: found.command, label: `${found.icon ?? ''} ${found.title}`.trim() }];
  });
  const kernel = services.kernelSessions.at(-1)?.state;
  if (kernel === 'stopped') {
    const label = `$(debug-continue) ${vscode.l10n.t('Let the Kernel Go On')}`;
    items.unshift({ command: 'workbench.action.debug.continue', label });
  }
  if (kernel === 'running') {
    items.unshift({
      command: 'workbench.action.debug.pause',
      label: `$(debug-pause) ${vscode.l10n.t('Stop the Kernel')}`,
    });
  }
  if (folder !== undefined && services.jobs.current(folder.folder.uri) !== undefined) {
    items.unshift({ command: '', label: `$(stop-circle) ${vscode.l10n.t('Cancel What Is Going On')}` });
  }
  const placeHolder = services.problem?.message ?? vscode.l10n.t('What to do');
  const chosen = await vscode.window.showQuickPick(items, { placeHolder });
  if (chosen === undefined) return;
  if (chosen.command !== '') await vscode.commands.executeCommand(chosen.command);
  else if (folder !== undefined) services.jobs.cancel(folder.folder.uri);
}

function actionsNow({ folder }: ExtensionServices): string[] {
  if (!vscode.workspace.isTrusted) return ['log.open'];
  if (folder?.project === undefined) return ['project.create', 'machine.setUp', 'log.open'];
  const always = ['target.select', 'log.open', 'dbgPrint.open', 'machine.setUp'];
  if (folder.state !== 'running') return ['driver.buildAndDeploy', 'driver.build', 'target.start', ...always];
  return [
    'driver.buildAndDeploy',
    'application.run',
    'driver.reload',
    'driver.undeploy',
    'driver.build',
    'target.stop',
    'target.reset',
    ...always,
  ];
}
