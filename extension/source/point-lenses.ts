/** What the editor shows of signal and wait points: a CodeLens over the call, and a mark in the gutter. */
import * as vscode from 'vscode';
import type { SourcePoint } from '../../debug-adapter/source-points/source-points.js';
import type { PointAction, PointRole } from '../../machine/point.js';
import { asError } from '../../target/operation.js';
import { onSettingChanged, readSetting } from '../settings.js';
import { isSource, type WorkspacePoints } from './workspace-points.js';

const SELECTOR: vscode.DocumentSelector = [
  ...(['c', 'cpp'] as const).map((language) => ({ language, scheme: 'file' })),
  ...(['c', 'cpp'] as const).map((language) => ({ language, scheme: 'untitled' })),
];

/** What a call does, in the words of who reads it. */
export function describePoint({ roles, object, point }: SourcePoint): string {
  const it = object ?? vscode.l10n.t('an object');
  if (roles.length > 1) return vscode.l10n.t('signal and wait point: signals {0}, then waits', it);
  if (roles.includes('signal')) return describeSignal(point.action, it);
  if (roles.includes('wait')) {
    return point.action === 'delay'
      ? vscode.l10n.t('wait point: waits for a time')
      : vscode.l10n.t('wait point: waits for {0}', it);
  }
  return roles.includes('reset')
    ? vscode.l10n.t('reset point: takes the signal of {0} back', it)
    : vscode.l10n.t('lifecycle point: makes or opens {0}', it);
}

function describeSignal(action: PointAction, it: string): string {
  if (action === 'complete') return vscode.l10n.t('signal point: completes {0} and wakes its requestor', it);
  if (action === 'timerSet') return vscode.l10n.t('signal point: {0} wakes its waiters when its time has come', it);
  return vscode.l10n.t('signal point: wakes waiters of {0}', it);
}

const breakpointAt = (uri: vscode.Uri, line: number): vscode.SourceBreakpoint | undefined =>
  vscode.debug.breakpoints.find(
    (candidate): candidate is vscode.SourceBreakpoint =>
      candidate instanceof vscode.SourceBreakpoint &&
      candidate.location.uri.toString() === uri.toString() &&
      candidate.location.range.start.line === line,
  );

/** Sets a breakpoint at the line, or takes it away. */
export function toggleBreakpoint(uri: vscode.Uri, line: number): void {
  const there = breakpointAt(uri, line);
  if (there !== undefined) vscode.debug.removeBreakpoints([there]);
  else {
    const location = new vscode.Location(uri, new vscode.Position(line, 0));
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location)]);
  }
}

class PointLenses implements vscode.CodeLensProvider {
  readonly #points: WorkspacePoints;
  readonly onDidChangeCodeLenses: vscode.Event<void>;

  constructor(points: WorkspacePoints, changed: vscode.Event<void>) {
    this.#points = points;
    this.onDidChangeCodeLenses = changed;
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    if (!readSetting('points.codeLens', document)) return [];
    const points = await this.#points.ofDocument(document);
    return points.flatMap((point) => lensesOf(document.uri, point));
  }
}

function lensesOf(uri: vscode.Uri, point: SourcePoint): vscode.CodeLens[] {
  const range = new vscode.Range(point.line, point.column, point.line, point.endColumn);
  const breaks = breakpointAt(uri, point.line) !== undefined;
  return [
    new vscode.CodeLens(range, {
      title: describePoint(point),
      tooltip: point.point.note ?? vscode.l10n.t('Show all signal and wait points'),
      command: 'eventscope.points.focus',
    }),
    new vscode.CodeLens(range, {
      title: breaks ? vscode.l10n.t('remove breakpoint') : vscode.l10n.t('break here'),
      command: 'eventscope.point.toggleBreakpoint',
      arguments: [uri, point.line],
    }),
  ];
}

const ROLES: readonly PointRole[] = ['signal', 'wait', 'reset', 'lifecycle'];

/** A mark of the role before each line that has a point. */
class GutterMarks implements vscode.Disposable {
  readonly #points: WorkspacePoints;
  readonly #log: vscode.LogOutputChannel;
  readonly #types: Readonly<Record<PointRole, vscode.TextEditorDecorationType>>;

  constructor(context: vscode.ExtensionContext, points: WorkspacePoints, log: vscode.LogOutputChannel) {
    this.#points = points;
    this.#log = log;
    const typeOf = (role: PointRole): vscode.TextEditorDecorationType =>
      vscode.window.createTextEditorDecorationType({
        gutterIconPath: vscode.Uri.joinPath(context.extensionUri, 'extension', 'media', `gutter-${role}.svg`),
        gutterIconSize: 'contain',
        overviewRulerLane: vscode.OverviewRulerLane.Left,
        overviewRulerColor: new vscode.ThemeColor('charts.blue'),
      });
    this.#types = {
      signal: typeOf('signal'),
      wait: typeOf('wait'),
      reset: typeOf('reset'),
      lifecycle: typeOf('lifecycle'),
    };
  }

  drawAll(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      this.#draw(editor).catch((error: unknown) => this.#log.error(`Gutter marks: ${asError(error).message}`));
    }
  }

  async #draw(editor: vscode.TextEditor): Promise<void> {
    const { document } = editor;
    if (!isSource(document.uri) || document.uri.scheme !== 'file') return;
    const shown = readSetting('points.gutter', document) ? await this.#points.ofDocument(document) : [];
    for (const role of ROLES) {
      const marked = shown.filter(({ roles }) => roles[0] === role);
      const ranges = marked.map(({ line, column, endColumn }) => new vscode.Range(line, column, line, endColumn));
      editor.setDecorations(this.#types[role], ranges);
    }
  }

  dispose(): void {
    for (const role of ROLES) this.#types[role].dispose();
  }
}

export function registerPointEditors(
  context: vscode.ExtensionContext,
  points: WorkspacePoints,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  const changed = new vscode.EventEmitter<void>();
  const marks = new GutterMarks(context, points, log);
  const redraw = (): void => {
    changed.fire();
    marks.drawAll();
  };
  marks.drawAll();
  return vscode.Disposable.from(
    changed,
    marks,
    vscode.languages.registerCodeLensProvider(SELECTOR, new PointLenses(points, changed.event)),
    points.onDidChange(redraw),
    onSettingChanged(['points.codeLens', 'points.gutter'], redraw),
    vscode.debug.onDidChangeBreakpoints(() => changed.fire()),
    vscode.window.onDidChangeVisibleTextEditors(() => marks.drawAll()),
    vscode.commands.registerCommand('eventscope.point.toggleBreakpoint', (uri: unknown, line: unknown) => {
      if (uri instanceof vscode.Uri && typeof line === 'number') toggleBreakpoint(uri, line);
    }),
  );
}
