/** Tasks of type "eventscope": the same work as the commands', in a terminal, for tasks.json and preLaunchTask. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import type { ExtensionServices } from './context.js';
import { LineTerminal } from './line-terminal.js';

export const TASK_TYPE = 'eventscope';
const ACTIONS = ['build', 'deploy', 'undeploy', 'clean'] as const;
const MATCHER = '$eventscope';

const definition = v.object({
  type: v.literal(TASK_TYPE),
  action: v.picklist(ACTIONS),
  target: v.optional(v.string()),
});
export type TaskDefinition = v.InferOutput<typeof definition>;

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
  what: TaskDefinition,
  given?: vscode.Task,
): vscode.Task {
  const execution = new vscode.CustomExecution(() => Promise.resolve(taskTerminal(services, folder, what)));
  const name = given?.name ?? what.action;
  const task = new vscode.Task(given?.definition ?? what, folder, name, 'eventscope', execution, [MATCHER]);
  if (what.action === 'build' || what.action === 'deploy') task.group = vscode.TaskGroup.Build;
  if (what.action === 'clean') task.group = vscode.TaskGroup.Clean;
  return task;
}

function taskTerminal(services: ExtensionServices, folder: vscode.WorkspaceFolder, what: TaskDefinition): LineTerminal {
  const terminal = new LineTerminal(() => {
    const run = async (): Promise<number> => {
      const { runTask } = await import('./task-run.js');
      return runTask(services, folder, what, terminal);
    };
    run().then(
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
