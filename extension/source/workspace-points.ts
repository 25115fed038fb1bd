/** The points of the workspace's C and C++ sources: searched when somebody asks first, then kept up with every edit. */
import * as vscode from 'vscode';
import type { CSyntax } from '../../debug-adapter/source-points/c-syntax.js';
import { isInstrumentation, languageOf, MAX_SOURCE_CHARACTERS } from '../../debug-adapter/source-points/source-file.js';
import type { PointGroup, SourcePointIndex, TextChange } from '../../debug-adapter/source-points/source-point-index.js';
import type { SourcePoint } from '../../debug-adapter/source-points/source-points.js';
import type { PointSide } from '../../machine/point.js';
import { asError } from '../../target/operation.js';

const SOURCES = '**/*.{c,cc,cpp,cxx,h,hh,hpp,hxx,inl}';
const NOT_SOURCES = '**/{node_modules,.git,.eventscope,out,dist,build}/**';
const SOURCE_NAME = /\.(c|cc|cpp|cxx|h|hh|hpp|hxx|inl)$/i;
const MAX_FILES = 5_000;
/** A search gives the editor its turn after this long. */
const SLICE_MS = 15;
/** Typing is followed after a pause this long. */
const EDIT_PAUSE_MS = 150;

export const isSource = (uri: vscode.Uri): boolean => SOURCE_NAME.test(uri.path) && !isInstrumentation(uri.path);

export class WorkspacePoints implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #syntaxFolder: vscode.Uri;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #subscriptions: vscode.Disposable[] = [];
  readonly #ended = new AbortController();
  readonly #edited = new Map<string, { readonly document: vscode.TextDocument; readonly changes: TextChange[] }>();
  #syntax: CSyntax | undefined;
  #index: Promise<SourcePointIndex> | undefined;
  #ready: SourcePointIndex | undefined;
  #search: Promise<void> | undefined;
  #truncated = false;
  #editTimer: NodeJS.Timeout | undefined;

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel) {
    this.#log = log;
    this.#syntaxFolder = vscode.Uri.joinPath(context.extensionUri, 'dist');
  }

  /** What the view says above its tree. */
  get message(): string | undefined {
    const skipped = this.#ready?.skipped.size ?? 0;
    const parts = [
      this.#truncated ? vscode.l10n.t('Only the first {0} sources are searched', MAX_FILES) : '',
      skipped === 0 ? '' : vscode.l10n.t('{0} sources are too large', skipped),
    ].filter((part) => part !== '');
    return parts.length === 0 ? undefined : parts.join(' · ');
  }

  byObject(): PointGroup[] {
    return this.#ready?.byObject() ?? [];
  }
  ofSide(side: PointSide): PointGroup[] {
    return this.#ready?.ofSide(side) ?? [];
  }
  pointsOf(uri: vscode.Uri): readonly SourcePoint[] {
    return this.#ready?.pointsOf(uri.toString()) ?? [];
  }

  #load(): Promise<SourcePointIndex> {
    this.#index ??= this.#loadIndex();
    return this.#index;
  }

  async #loadIndex(): Promise<SourcePointIndex> {
    const file = (name: string): string => vscode.Uri.joinPath(this.#syntaxFolder, name).fsPath;
    const [{ CSyntax }, { SourcePointIndex }] = await Promise.all([
      import('../../debug-adapter/source-points/c-syntax.js'),
      import('../../debug-adapter/source-points/source-point-index.js'),
    ]);
    this.#syntax = await CSyntax.load({
      runtime: file('web-tree-sitter.wasm'),
      c: file('tree-sitter-c.wasm'),
      cpp: file('tree-sitter-cpp.wasm'),
    });
    const index = new SourcePointIndex(this.#syntax);
    this.#ready = index;
    this.#watch(index);
    return index;
  }

  #watch(index: SourcePointIndex): void {
    const watcher = vscode.workspace.createFileSystemWatcher(SOURCES);
    this.#subscriptions.push(
      watcher,
      watcher.onDidCreate((uri) => this.#inBackground(this.#readAgain(index, uri))),
      watcher.onDidChange((uri) => this.#inBackground(this.#readAgain(index, uri))),
      watcher.onDidDelete((uri) => {
        if (index.remove(uri.toString())) this.#changed.fire();
      }),
      vscode.workspace.onDidChangeTextDocument((event) => this.#takeEdit(event)),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.#edited.delete(document.uri.toString());
        index.release(document.uri.toString());
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.searchAgain()),
    );
  }

  /** Resolves when the whole workspace has been searched; a failure is in the log, and what was found is shown. */
  searched(): Promise<void> {
    this.#search ??= this.#searchWorkspace().catch((error: unknown) => {
      this.#log.error(`Signal and wait points: ${asError(error).message}`);
    });
    return this.#search;
  }

  searchAgain(): void {
    if (this.#search === undefined) return;
    this.#search = undefined;
    this.#inBackground(this.searched());
  }

  async #searchWorkspace(): Promise<void> {
    const index = await this.#load();
    const files = await vscode.workspace.findFiles(SOURCES, NOT_SOURCES, MAX_FILES + 1);
    this.#truncated = files.length > MAX_FILES;
    let sliceEnd = performance.now() + SLICE_MS;
    for (const uri of files.slice(0, MAX_FILES).filter(isSource)) {
      if (this.#ended.signal.aborted) return;
      await this.#read(index, uri);
      if (performance.now() < sliceEnd) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEnd = performance.now() + SLICE_MS;
    }
    this.#changed.fire();
  }

  /** The text of an editor counts, saved or not; a file that vanished meanwhile has no points. */
  async #read(index: SourcePointIndex, uri: vscode.Uri): Promise<boolean> {
    const key = uri.toString();
    const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === key);
    if (open !== undefined) return index.set(key, open.getText(), languageOf(uri.path), true);
    try {
      const { size } = await vscode.workspace.fs.stat(uri);
      // A text has at most as many characters as bytes.
      if (size > 4 * MAX_SOURCE_CHARACTERS) return index.set(key, ' '.repeat(MAX_SOURCE_CHARACTERS + 1), 'c');
      const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
      return index.set(key, text, languageOf(uri.path));
    } catch (error) {
      this.#log.debug(`${key}: ${asError(error).message}`);
      return index.remove(key);
    }
  }

  async #readAgain(index: SourcePointIndex, uri: vscode.Uri): Promise<void> {
    if (
      !isSource(uri) ||
      vscode.workspace.getWorkspaceFolder(uri) === undefined ||
      /\/(\.eventscope|node_modules)\//.test(uri.path)
    )
      return;
    if (await this.#read(index, uri)) this.#changed.fire();
  }

  /** The points of a document as it is now. */
  async ofDocument(document: vscode.TextDocument): Promise<readonly SourcePoint[]> {
    const index = await this.#load();
    const key = document.uri.toString();
    if (this.#edited.has(key)) this.#applyEdits();
    if (index.pointsOf(key).length === 0) index.set(key, document.getText(), languageOf(document.uri.path), true);
    return index.pointsOf(key);
  }

  #takeEdit({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    if (!isSource(document.uri) || document.uri.scheme === 'git' || contentChanges.length === 0) return;
    const key = document.uri.toString();
    const edited = this.#edited.get(key) ?? { document, changes: [] };
    this.#edited.set(key, edited);
    for (const { range, rangeOffset, rangeLength, text } of contentChanges) {
      edited.changes.push({
        offset: rangeOffset,
        removed: rangeLength,
        text,
        start: { line: range.start.line, column: range.start.character },
        end: { line: range.end.line, column: range.end.character },
      });
    }
    clearTimeout(this.#editTimer);
    this.#editTimer = setTimeout(() => this.#applyEdits(), EDIT_PAUSE_MS);
  }

  #applyEdits(): void {
    const index = this.#ready;
    if (index === undefined) return;
    let changed = false;
    for (const [key, { document, changes }] of this.#edited) {
      changed = index.edit(key, document.getText(), languageOf(document.uri.path), changes) || changed;
    }
    this.#edited.clear();
    if (changed) this.#changed.fire();
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.#log.error(`Signal and wait points: ${asError(error).message}`));
  }

  dispose(): void {
    this.#ended.abort();
    clearTimeout(this.#editTimer);
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#changed.dispose();
    this.#ready?.dispose();
    this.#syntax?.dispose();
  }
}
