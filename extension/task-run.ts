/** What a task of type "eventscope" does, with its lines in the task's terminal. */
import * as vscode from 'vscode';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import type { Operation } from '../target/target.js';
import { formatDiagnostic } from '../target/toolchain/diagnostics.js';
import type { FolderConnection } from './connection.js';
import type { ExtensionServices } from './context.js';
import { buildAndDeploy, buildDriver, clean, diagnosticsOf, undeployDriver } from './driver-actions.js';
import { describeFailure } from './failure.js';
import type { LineTerminal } from './line-terminal.js';
import type { TaskDefinition } from './tasks.js';

/** Returns the task's exit code. */
export async function runTask(
  services: ExtensionServices,
  place: vscode.WorkspaceFolder,
  { action, target }: TaskDefinition,
  terminal: LineTerminal,
): Promise<number> {
  const outer: Operation = { signal: terminal.signal, progress: (step) => terminal.line(step) };
  try {
    const folder = services.folderOf(place.uri);
    if (folder === undefined) throw new Error(`${place.name} is no folder of this window`);
    await requireTarget(folder, target);
    const title = vscode.l10n.t('Task {0}', action);
    terminal.line(
      await services.jobs.runIn(place.uri, `task:${action}`, title, outer, (operation) =>
        ACT[action](services, folder, operation, terminal),
      ),
    );
    return 0;
  } catch (error) {
    if (error instanceof CancelledError) {
      terminal.line(vscode.l10n.t('Cancelled.'));
      return 130;
    }
    if (!(error instanceof EventscopeError)) throw error;
    for (const diagnostic of diagnosticsOf(error)) printDiagnostic(terminal, diagnostic);
    terminal.line(describeFailure(error));
    return 1;
  }
}

async function requireTarget(folder: FolderConnection, name: string | undefined): Promise<void> {
  if (name === undefined) return;
  const project = await folder.requireProject();
  if (!project.targets.some((target) => target.name === name)) {
    throw new EventscopeError({
      id: 'target.unknown',
      what: vscode.l10n.t('There is no target named {0}', name),
      next: vscode.l10n.t('Known targets: {0}.', project.targets.map((target) => target.name).join(', ')),
    });
  }
  if (folder.target?.name !== name) await folder.select(name);
}

type Act = (
  services: ExtensionServices,
  folder: FolderConnection,
  operation: Operation,
  terminal: LineTerminal,
) => Promise<string>;

/** Each returns the last line of its terminal. */
const ACT: Readonly<Record<TaskDefinition['action'], Act>> = {
  build: async (services, folder, operation, terminal) => {
    const result = await buildDriver(services, folder, operation);
    for (const diagnostic of result.diagnostics) printDiagnostic(terminal, diagnostic);
    if (result.rebuilt.length === 0) return vscode.l10n.t('Nothing had changed.');
    return vscode.l10n.t('Built: {0}', result.rebuilt.join(', '));
  },
  deploy: async (services, folder, operation) => {
    const { service } = await buildAndDeploy(services, folder, operation);
    return vscode.l10n.t('Service {0} is {1}.', service.name, service.state);
  },
  undeploy: async (_services, folder, operation) => {
    const { service } = await undeployDriver(folder, operation);
    return service ? vscode.l10n.t('Nothing of it is left.') : vscode.l10n.t('There was nothing of it.');
  },
  clean: async (_services, folder, operation) => {
    await clean(folder, operation);
    return vscode.l10n.t('What was built is deleted.');
  },
};

/** As the problem matcher reads it. */
function printDiagnostic(terminal: LineTerminal, diagnostic: Parameters<typeof formatDiagnostic>[0]): void {
  terminal.line(formatDiagnostic(diagnostic));
  for (const { file, line, column, message } of diagnostic.related) {
    terminal.line(`${file}:${line}:${column}: note: ${message}`);
  }
}
