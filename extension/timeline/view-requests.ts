/** What a timeline asks of VS Code: a line of a source, an object of the tree, a file to keep, text to copy. */
import path from 'node:path';
import * as vscode from 'vscode';
import type { Project } from '../../target/project.js';
import type { ObjectsView } from '../views/objects-view.js';
import type { ExtensionServices } from '../context.js';
import type { BuildIdentities, SourceLinks, SourcePlace } from './source-links.js';
import type { TimelineView, ViewRequest } from './timeline-view.js';
import type { Timelines } from './timelines.js';

type Request<T extends ViewRequest['type']> = Extract<ViewRequest, { type: T }>;

export class ViewRequests {
  /** Where an export goes. Tests answer in its place: a test host shows no dialogs. */
  chooseFile = (name: string): Thenable<vscode.Uri | undefined> => askForFile(name);
  readonly #services: ExtensionServices;
  readonly #objects: ObjectsView;
  readonly #links: SourceLinks;
  readonly #timelines: () => Timelines;

  constructor(services: ExtensionServices, objects: ObjectsView, links: SourceLinks, timelines: () => Timelines) {
    this.#services = services;
    this.#objects = objects;
    this.#links = links;
    this.#timelines = timelines;
  }

  /** Failures are told: in a message when a person asked for it, in the status bar when a click only brought it along. */
  async take(view: TimelineView, request: ViewRequest): Promise<void> {
    try {
      if (request.type === 'openSource') await this.#openSource(view, request);
      else if (request.type === 'revealObject') await this.#revealObject(request);
      else if (request.type === 'chosen') await this.#showChosen(view, request);
      else if (request.type === 'export') await this.#keep(request);
      else await vscode.env.clipboard.writeText(request.text);
    } catch (error) {
      if (request.type !== 'chosen') this.#services.showError(error);
      else this.#mention(error instanceof Error ? error.message : String(error));
    }
  }

  /** Project and builds that a view's recordings are of. */
  async recorded(view: TimelineView): Promise<{ readonly project: Project; readonly builds: BuildIdentities }> {
    const file = view.sources.find((source) => source.file !== undefined)?.file;
    const folder = file === undefined ? undefined : vscode.workspace.getWorkspaceFolder(file);
    const connection = (folder && this.#services.folderOf(folder.uri)) ?? this.#services.requireFolder();
    const versions = await Promise.all(view.sources.map((source) => source.versions()));
    return { project: await connection.requireProject(), builds: Object.assign({}, ...versions) as BuildIdentities };
  }

  async #placeOf(view: TimelineView, caller: string): Promise<SourcePlace | undefined> {
    const { project, builds } = await this.recorded(view);
    return this.#links.placeOf(project, caller, builds);
  }

  async #openSource(view: TimelineView, { caller, beside }: Request<'openSource'>): Promise<void> {
    const place = await this.#placeOf(view, caller);
    if (place === undefined) this.#mention(vscode.l10n.t('{0} is in no source of this project', caller));
    else await open(place, beside ? vscode.ViewColumn.Beside : this.#besideOf(view), false);
  }

  async #showChosen(view: TimelineView, { caller, object }: Request<'chosen'>): Promise<void> {
    if (object?.path !== undefined && this.#objects.tree.visible) await this.#objects.reveal(object.path, false);
    const place = caller === undefined ? undefined : await this.#placeOf(view, caller);
    if (place !== undefined) await open(place, this.#besideOf(view), true);
  }

  async #revealObject({ label, path: objectPath }: Request<'revealObject'>): Promise<void> {
    if (objectPath === undefined) {
      this.#mention(vscode.l10n.t('{0} has no name: it is not in the tree', label));
      return;
    }
    await this.#services.connect();
    await vscode.commands.executeCommand('eventscope.objects.focus');
    const found = await this.#objects.reveal(objectPath, true);
    if (!found) this.#mention(vscode.l10n.t('{0} is not there any more', objectPath));
  }

  /** The column of sources that is there already, so that clicks do not open ever more of them. */
  #besideOf(view: TimelineView): vscode.ViewColumn {
    const own = this.#timelines().columnOf(view);
    const other = vscode.window.visibleTextEditors.find(
      ({ viewColumn }) => viewColumn !== undefined && viewColumn !== own,
    );
    return other?.viewColumn ?? vscode.ViewColumn.Beside;
  }

  async #keep({ name, content }: Request<'export'>): Promise<void> {
    const file = await this.chooseFile(name);
    if (file === undefined) return;
    await vscode.workspace.fs.writeFile(file, typeof content === 'string' ? Buffer.from(content) : content);
    this.#mention(vscode.l10n.t('Exported to {0}', vscode.workspace.asRelativePath(file)));
  }

  #mention(text: string): void {
    this.#services.log.info(text);
    vscode.window.setStatusBarMessage(text, 5_000);
  }
}

async function open({ file, line }: SourcePlace, viewColumn: vscode.ViewColumn, preserveFocus: boolean): Promise<void> {
  const selection = new vscode.Range(line, 0, line, 0);
  const editor = await vscode.window.showTextDocument(file, { viewColumn, preserveFocus, preview: true, selection });
  editor.revealRange(selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

function askForFile(name: string): Thenable<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const ending = path.extname(name).slice(1);
  return vscode.window.showSaveDialog({
    ...(folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder, path.basename(name)) }),
    ...(ending === '' ? {} : { filters: { [ending.toUpperCase()]: [ending] } }),
    title: vscode.l10n.t('Export the Timeline'),
  });
}
