/** The timeline's part of the extension: its editor and panels, its commands, and what links it with sources and the tree. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { CancelledError } from '../../protocol/errors.js';
import { EXPORT_KINDS, type ExportKind } from '../../protocol/webview.js';
import type { ExtensionServices, WatchedRecording } from '../context.js';
import { readSetting } from '../settings.js';
import { ObjectNode } from '../views/object-nodes.js';
import type { Views } from '../views/register.js';
import { DebugStops } from './debug-stops.js';
import { SourceLinks } from './source-links.js';
import type { TimelineView } from './timeline-view.js';
import { Timelines } from './timelines.js';
import { TraceRecorder } from './trace-recorder.js';
import { LiveTrace, TraceFile } from './trace-source.js';
import { ViewRequests } from './view-requests.js';

/** What the tests of the timeline look at. */
export interface TimelineParts {
  dispose(): void;
  readonly timelines: Timelines;
  readonly links: SourceLinks;
  readonly stops: DebugStops;
  readonly requests: ViewRequests;
  readonly recorder: TraceRecorder;
}

export function registerTimeline(services: ExtensionServices, views: Views): TimelineParts {
  const links = new SourceLinks();
  const stops = new DebugStops();
  const requests: ViewRequests = new ViewRequests(services, views.objects, links, () => timelines);
  const timelines = new Timelines({
    context: services.context,
    log: services.log,
    get stops() {
      return stops.all;
    },
    take: (view, request) => requests.take(view, request),
  });
  const recorder = new TraceRecorder(services);
  services.recordings = {
    watch: (title) => watch(services, timelines, title),
    stopsWithin: (from, until) => stops.within(from, until),
  };
  const parts = { timelines, links, stops, requests, recorder };
  const subscriptions = vscode.Disposable.from(
    ...[recorder, timelines, links, stops],
    stops.onDidChange(() => timelines.all.forEach((view) => view.tellStops(stops.all))),
    ...Object.entries(COMMANDS).map(([name, command]) =>
      vscode.commands.registerCommand(`eventscope.${name}`, async (...args: unknown[]) => {
        try {
          return await command(parts, services, ...args);
        } catch (error) {
          if (!(error instanceof CancelledError)) services.showError(error);
          return undefined;
        }
      }),
    ),
  );
  return { ...parts, dispose: () => void subscriptions.dispose() };
}

/** Shows a recording while it is made, and the file when it is whole. */
function watch(services: ExtensionServices, timelines: Timelines, title: string): WatchedRecording {
  let trace: LiveTrace | undefined;
  let opening: Promise<TimelineView> | undefined;
  return {
    began: (soFar) => {
      if (!readSetting('timeline.openOnRun')) return;
      const live = new LiveTrace(title, soFar);
      trace = live;
      opening = timelines.openLive(live);
      services.inBackground(opening);
    },
    grew: () => trace?.grew(),
    ended: (file) => {
      trace?.end();
      const [live, shown] = [trace, opening];
      if (live === undefined || shown === undefined || file === undefined) return;
      // A short run may be over before its page is there.
      services.inBackground(shown.then((view) => view.replace(live, new TraceFile(file))));
    },
  };
}

type Command = (parts: Omit<TimelineParts, 'dispose'>, services: ExtensionServices, ...args: unknown[]) => unknown;

/** The next call that was recorded from the line of the cursor, or from a given one. */
const showLine: Command = async ({ timelines, requests, links }, services, file, line) => {
  const editor = vscode.window.activeTextEditor;
  const place =
    file instanceof vscode.Uri && typeof line === 'number'
      ? { file, line }
      : editor && { file: editor.document.uri, line: editor.selection.active.line };
  if (place === undefined) return;
  const view = timelines.requireCurrent();
  timelines.show(view);
  const { project, builds } = await requests.recorded(view);
  const callers = await links.callersOn(project, await view.callers(), place, builds);
  if (callers.length > 0) view.reveal({ callers });
  else {
    const name = vscode.workspace.asRelativePath(place.file);
    const message = vscode.l10n.t('No call from {0}:{1} was recorded.', name, place.line + 1);
    services.log.info(message);
    vscode.window.setStatusBarMessage(message, 5_000);
  }
};

const COMMANDS: Readonly<Record<string, Command>> = {
  'trace.start': ({ recorder }) => recorder.start(),
  'trace.stop': ({ recorder }) => recorder.stop(),
  'timeline.open': async ({ timelines }, _services, ...args) => {
    const files = await chosenFiles(args, vscode.l10n.t('Trace Files for One Timeline'));
    return files.length === 0 ? undefined : timelines.open(files);
  },
  'timeline.compare': async ({ timelines }, _services, ...args) => {
    const files = await chosenFiles(args, vscode.l10n.t('Two Traces to Compare, the Earlier One First'));
    if (files.length === 0) return undefined;
    if (files.length === 2) return timelines.open(files, true);
    void vscode.window.showWarningMessage(vscode.l10n.t('Choose two traces, not {0}.', files.length));
    return undefined;
  },
  'timeline.export': ({ timelines }, _services, kind) => exportTimeline(timelines.requireCurrent(), kind),
  'timeline.showObject': ({ timelines }, _services, node) => {
    const object = objectOf(node);
    if (object !== undefined) show(timelines, (view) => view.reveal({ object }));
  },
  'timeline.showLine': showLine,
};

function show(timelines: Timelines, reveal: (view: TimelineView) => void): void {
  const view = timelines.requireCurrent();
  timelines.show(view);
  reveal(view);
}

/** Of the explorer (one, and all that are selected), or asked for. */
async function chosenFiles([one, all]: readonly unknown[], title: string): Promise<vscode.Uri[]> {
  const given = Array.isArray(all) && all.length > 0 ? (all as readonly unknown[]) : [one];
  const files = given.filter((item) => item instanceof vscode.Uri).filter(({ path }) => path.endsWith('.evtrace'));
  if (files.length > 1 || (files.length === 1 && Array.isArray(all))) return files;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showOpenDialog({
    ...{ canSelectMany: true, title, openLabel: vscode.l10n.t('Show') },
    ...(folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder, '.eventscope', 'traces') }),
    filters: { [vscode.l10n.t('Traces')]: ['evtrace'] },
  });
  return [...files, ...(chosen ?? [])];
}

const EXPORT_WORDS: Readonly<Record<ExportKind, () => string>> = {
  chrome: () => vscode.l10n.t('Perfetto: Chrome trace JSON'),
  csv: () => vscode.l10n.t('CSV of the range in sight'),
  png: () => vscode.l10n.t('PNG of the view'),
  svg: () => vscode.l10n.t('SVG of the view'),
};

async function exportTimeline(view: TimelineView, given: unknown): Promise<void> {
  const known = EXPORT_KINDS.find((kind) => kind === given);
  const items = EXPORT_KINDS.map((as) => ({ as, label: EXPORT_WORDS[as]() }));
  const placeHolder = vscode.l10n.t('What the timeline is exported as');
  const kind = known ?? (await vscode.window.showQuickPick(items, { placeHolder }))?.as;
  if (kind !== undefined) view.export(kind);
}

const treeObject = v.object({ object: v.object({ path: v.string() }) });

function objectOf(node: unknown): string | undefined {
  if (node instanceof ObjectNode) return node.entry.path;
  if (typeof node === 'string') return node;
  return v.is(treeObject, node) ? node.object.path : undefined;
}
