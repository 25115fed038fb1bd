/** The timelines of this window: editors of `.evtrace` files, and panels with several recordings or a live one. */
import * as vscode from 'vscode';
import { EventscopeError } from '../../protocol/errors.js';
import { parseViewState } from '../../protocol/webview.js';
import { type LiveTrace, TraceFile } from './trace-source.js';
import { TimelineView, type ViewHost } from './timeline-view.js';

export const PANEL_TYPE = 'eventscope.timeline';
export const EDITOR_TYPE = 'eventscope.evtrace';

interface Opened {
  readonly view: TimelineView;
  readonly panel: vscode.WebviewPanel;
}

export class Timelines
  implements vscode.CustomReadonlyEditorProvider, vscode.WebviewPanelSerializer, vscode.Disposable
{
  readonly #host: ViewHost;
  /** The one that was in front last comes last. */
  #opened: Opened[] = [];
  readonly #subscriptions: vscode.Disposable;

  constructor(host: ViewHost) {
    this.#host = host;
    this.#subscriptions = vscode.Disposable.from(
      vscode.window.registerCustomEditorProvider(EDITOR_TYPE, this, { supportsMultipleEditorsPerDocument: true }),
      vscode.window.registerWebviewPanelSerializer(PANEL_TYPE, this),
    );
  }

  /** The timeline that was in front last. */
  get current(): TimelineView | undefined {
    return this.#opened.at(-1)?.view;
  }
  get all(): readonly TimelineView[] {
    return this.#opened.map(({ view }) => view);
  }

  /** @throws EventscopeError `timeline.none` */
  requireCurrent(): TimelineView {
    const { current } = this;
    if (current !== undefined) return current;
    throw new EventscopeError({
      id: 'timeline.none',
      what: vscode.l10n.t('No timeline is open'),
      next: vscode.l10n.t('Open an .evtrace file, run the application, or run "Record Trace".'),
    });
  }

  /** Where a timeline is shown, so that sources are opened beside it. */
  columnOf(view: TimelineView): vscode.ViewColumn | undefined {
    return this.#opened.find((one) => one.view === view)?.panel.viewColumn;
  }

  show(view: TimelineView): void {
    this.#opened.find((one) => one.view === view)?.panel.reveal(undefined, true);
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  async resolveCustomEditor({ uri }: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const view = this.#take(panel);
    view.add(new TraceFile(uri));
    await view.load();
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const view = this.#take(panel);
    for (const address of parseViewState(state)?.recordings ?? []) {
      const uri = vscode.Uri.parse(address);
      // What the page kept names files of ours alone.
      if (uri.path.endsWith('.evtrace')) view.add(new TraceFile(uri));
    }
    if (view.sources.length === 0) {
      // A live recording went with its window.
      panel.dispose();
      return;
    }
    await view.load();
  }

  /** Several recordings on one time axis. */
  async open(files: readonly vscode.Uri[], compare = false): Promise<TimelineView> {
    const sources = files.map((file) => new TraceFile(file));
    const titles = sources.map(({ title }) => title.replace(/\.evtrace$/, ''));
    const title = compare ? titles.join(' ↔ ') : titles.length === 1 ? (titles[0] ?? '') : titles.join(' + ');
    const view = this.#panel(title.slice(0, 80), vscode.ViewColumn.Active, false);
    for (const source of sources) view.add(source);
    const [before, after] = sources;
    if (compare && before !== undefined && after !== undefined) view.compare(before, after);
    await view.load();
    return view;
  }

  /** A recording that is being made. The panel of the last one that is over is taken again. */
  async openLive(trace: LiveTrace): Promise<TimelineView> {
    const free = this.#opened.find(({ view }) => this.#live.has(view) && this.#live.get(view)?.over === true);
    const column = free?.panel.viewColumn ?? vscode.ViewColumn.Beside;
    const view = this.#panel(trace.title.slice(0, 80), column, true);
    // Behind the new one: an empty group of editors would close.
    free?.panel.dispose();
    this.#live.set(view, trace);
    view.add(trace);
    await view.load();
    return view;
  }
  readonly #live = new WeakMap<TimelineView, LiveTrace>();

  #panel(title: string, column: vscode.ViewColumn, preserveFocus: boolean): TimelineView {
    const panel = vscode.window.createWebviewPanel(PANEL_TYPE, title, { viewColumn: column, preserveFocus });
    return this.#take(panel);
  }

  #take(panel: vscode.WebviewPanel): TimelineView {
    const icon = (theme: string): vscode.Uri =>
      vscode.Uri.joinPath(this.#host.context.extensionUri, 'extension', 'media', `timeline-${theme}.svg`);
    panel.iconPath = { light: icon('light'), dark: icon('dark') };
    const view = new TimelineView(panel.webview, this.#host);
    const opened = { view, panel };
    this.#opened.push(opened);
    this.#count();
    const subscription = panel.onDidChangeViewState(() => {
      if (!panel.active) return;
      this.#opened = [...this.#opened.filter((one) => one !== opened), opened];
    });
    panel.onDidDispose(() => {
      subscription.dispose();
      view.dispose();
      this.#opened = this.#opened.filter((one) => one !== opened);
      this.#count();
    });
    return view;
  }

  /** For the menus: there is a timeline to show something on. */
  #count(): void {
    void vscode.commands.executeCommand('setContext', 'eventscope.timelineOpen', this.#opened.length > 0);
  }

  dispose(): void {
    this.#subscriptions.dispose();
    for (const { view } of this.#opened) view.dispose();
  }
}
