/** Tasks of type "eventscope": the same work as the commands', in a terminal, for tasks.json and preLaunchTask. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import type { Operation } from '../target/target.js';
import { formatDiagnostic } from '../target/toolchain/diagnostics.js';
import type { FolderConnection } from './connection.js';
import type { ExtensionServices } from './context.js';
import { buildAndDeploy, buildDriver, clean, diagnosticsOf, undeployDriver } from './driver-actions.js';
import { describeFailure } from './failure.js';
import { LineTerminal } from './line-terminal.js';

export const TASK_TYPE = 'eventscope';
const ACTIONS = ['build', 'deploy', 'undeploy', 'clean'] as const;
type Action = (typeof ACTIONS)[number];
const MATCHER = '$eventscope';

const definition = v.object({
  type: v.literal(TASK_TYPE),
  action: v.picklist(ACTIONS),
  target: v.optional(v.string()),
});
type Definition = v.InferOutput<typeof definition>;

export function registerTasks(services: ExtensionServices): vscode.Disposable {
  return vscode.tasks.registerTaskProvider(TASK_TYPE, {
    provideTasks: () =>
      services.folders
        .filter((folder) => folder.project !== undefined)
        .flatMap((folder) => ACTIONS.map((action) => makeTask(services, folder.folder, { type: TASK_TYPE, action }))),
    // The definition must stay the very object that it was given.
    resolveTask: (task) => {
      const parsed = v.safeParse(definition, task.definition);
      const folder = folderOf(task.scope);
      if (!parsed.success || folder === undefined) return undefined;
      return makeTask(services, folder, parsed.output, task);
    },
  });
}

function folderOf(scope: vscode.Task['scope']): vscode.WorkspaceFolder | undefined {
  if (typeof scope === 'object') return scope;
  return vscode.workspace.workspaceFolders?.[0];
}

function makeTask(
  services: ExtensionServices,
  folder: vscode.WorkspaceFolder,
  what: Definition,
  given?: vscode.Task,
): vscode.Task {
  const execution = new vscode.CustomExecution(() => Promise.resolve(taskTerminal(services, folder, what)));
  const name = given?.name ?? what.action;
  const task = new vscode.Task(given?.definition ?? what, folder, name, 'eventscope', execution, [MATCHER]);
  if (what.action === 'build' || what.action === 'deploy') task.group = vscode.TaskGroup.Build;
  if (what.action === 'clean') task.group = vscode.TaskGroup.Clean;
  return task;
}

function taskTerminal(services: ExtensionServices, folder: vscode.WorkspaceFolder, what: Definition): LineTerminal {
  const terminal = new LineTerminal(() => {
    runTask(services, folder, what, terminal).then(
      (code) => terminal.end(code),
      (error: unknown) => {
        services.log.error(error instanceof Error ? error : String(error));
        terminal.line(String(error));
        terminal.end(1);
      },
    );
  });
  return terminal;
}

async function runTask(
  services: ExtensionServices,
  place: vscode.WorkspaceFolder,
  { action, target }: Definition,
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
const ACT: Readonly<Record<Action, Act>> = {
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
