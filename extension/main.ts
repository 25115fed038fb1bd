/** Where the extension begins and ends. Activation registers; work begins when a view or a command asks for it. */
import * as vscode from 'vscode';
import { registerCommands } from './commands.js';
import { ExtensionServices } from './context.js';
import { type Debugging, registerDebugging } from './debug/register.js';
import { onProjectSettingChanged, onSettingChanged } from './settings.js';
import { registerStatusBar } from './status-bar.js';
import { registerTasks } from './tasks.js';
import { registerTimeline, type TimelineParts } from './timeline/register.js';
import { registerViews, type Views } from './views/register.js';

/** What other extensions may use. */
export interface EventscopeApi {
  readonly version: 1;
  /** In a test host alone: what the tests of the extension look at. */
  readonly services?: ExtensionServices;
  readonly views?: Views;
  readonly timeline?: TimelineParts;
  readonly debugging?: Debugging;
}

let services: ExtensionServices | undefined;

export function activate(context: vscode.ExtensionContext): EventscopeApi {
  const own = new ExtensionServices(context);
  services = own;
  const views = registerViews(own);
  const debugging = registerDebugging(own, views);
  const timeline = registerTimeline(own, views);
  context.subscriptions.push(
    own,
    timeline,
    registerCommands(own),
    registerTasks(own),
    registerStatusBar(own),
    views,
    debugging,
    watchSettings(own),
  );
  // A few small files are read; nothing is started by it.
  own.inBackground(own.load());
  own.inBackground(own.problems.showMisplaced());
  const parts = { services: own, views, timeline, debugging };
  return { version: 1, ...(context.extensionMode === vscode.ExtensionMode.Test ? parts : {}) };
}

/** VS Code waits for this, some seconds: agents of ours end now rather than by the loss of their connection. */
export async function deactivate(): Promise<void> {
  await services?.end();
  services = undefined;
}

/** The project is read from the folder's own settings file, as the command line does. */
function watchSettings(own: ExtensionServices): vscode.Disposable {
  const watcher = vscode.workspace.createFileSystemWatcher('**/.vscode/settings.json');
  const changed = (uri: vscode.Uri): void => {
    const folder = vscode.workspace.getWorkspaceFolder(uri);
    const connection = folder === undefined ? undefined : own.folderOf(folder.uri);
    if (connection !== undefined) own.inBackground(connection.load());
  };
  return vscode.Disposable.from(
    watcher,
    watcher.onDidChange(changed),
    watcher.onDidCreate(changed),
    watcher.onDidDelete(changed),
    onSettingChanged(['setup.nodeForWindows'], () => own.inBackground(own.load())),
    onProjectSettingChanged(() => own.inBackground(own.problems.showMisplaced())),
  );
}
