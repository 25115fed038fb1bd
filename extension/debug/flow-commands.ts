/** Following the flow from a signal to its wait and back, and recording points: the commands of the debug toolbar. */
import path from 'node:path';
import * as vscode from 'vscode';
import * as v from 'valibot';
import {
  DebugRequest,
  flowBody,
  type FlowBody,
  type ObjectOfFocus,
  type Signaler,
  tracepointsBody,
  whoSignalsBody,
} from '../../protocol/debug-requests.js';
import type { ListedEntry } from '../../target/namespace-directory.js';
import type { ExtensionServices } from '../context.js';
import type { WorkspacePoints } from '../source/workspace-points.js';
import type { ChosenPoints } from './chosen-points.js';
import type { DebugSessions } from './debug-sessions.js';

interface Parts {
  readonly services: ExtensionServices;
  readonly sessions: DebugSessions;
  readonly chosen: ChosenPoints;
  readonly sources: WorkspacePoints;
}
type Command = (parts: Parts, argument: unknown) => Promise<unknown>;

const objectNode = v.object({ kind: v.literal('debuggedObject'), object: v.object({ id: v.number() }) });

/** The thread in focus, and of a menu of the Dispatcher Objects view the object. */
function focus(argument: unknown): ObjectOfFocus {
  const threadId = vscode.debug.activeStackItem?.threadId;
  return {
    ...(threadId === undefined ? {} : { threadId }),
    ...(v.is(objectNode, argument) ? { object: argument.object.id } : {}),
  };
}

/** Going on needs no words: the stop that follows says what happened. */
function tell({ outcome, message }: FlowBody): void {
  if (outcome === 'following') vscode.window.setStatusBarMessage(`$(arrow-right) ${message}`, 5_000);
  else void vscode.window.showInformationMessage(message);
}

const flow =
  (request: string): Command =>
  async ({ sessions }, argument) => {
    const answer = await sessions.request(sessions.require(), request, focus(argument), flowBody);
    tell(answer);
    return answer;
  };

interface SignalerItem extends vscode.QuickPickItem {
  readonly place?: { readonly path: string; readonly line: number };
}

const whoSignals: Command = async ({ sessions, sources }, argument) => {
  const session = sessions.require();
  const known = await sourcesOfFocus(session, sources);
  const answer = await sessions.request(session, DebugRequest.whoSignals, focus(argument), whoSignalsBody);
  tell(answer);
  const items = [...answer.signalers, ...known].map(signalerItem);
  if (items.length === 0) return answer;
  const title = vscode.l10n.t('Who signals it');
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: answer.message,
    matchOnDescription: true,
    // The stop that comes meanwhile takes the focus.
    ignoreFocusOut: true,
  });
  if (chosen?.place !== undefined) await openPlace(chosen.place);
  return answer;
};

const stackTrace = v.object({
  stackFrames: v.array(v.object({ line: v.number(), source: v.optional(v.object({ path: v.optional(v.string()) })) })),
});

/** Calls in the workspace's sources that signal what the line in focus waits for. */
async function sourcesOfFocus(session: vscode.DebugSession, sources: WorkspacePoints): Promise<Signaler[]> {
  const threadId = vscode.debug.activeStackItem?.threadId;
  if (threadId === undefined) return [];
  await sources.searched();
  const stack = v.safeParse(
    stackTrace,
    await session.customRequest('stackTrace', { threadId, startFrame: 0, levels: 4 }),
  );
  const frame = stack.success ? stack.output.stackFrames.find(({ source }) => source?.path !== undefined) : undefined;
  if (frame?.source?.path === undefined) return [];
  const here = sources.pointsOf(vscode.Uri.file(frame.source.path)).find(({ line }) => line === frame.line - 1);
  if (here?.object === undefined) return [];
  const group = sources.byObject().find(({ label }) => label === here.object);
  return (group?.points ?? [])
    .filter(({ at }) => at.roles.includes('signal'))
    .map(({ file, at }) => ({
      origin: 'source',
      point: at.called,
      side: at.side,
      caller: at.inFunction ?? '',
      place: { path: vscode.Uri.parse(file, true).fsPath, line: at.line + 1 },
      times: 0,
    }));
}

function signalerItem({ origin, point, side, caller, place, times }: Signaler): SignalerItem {
  const where = place === undefined ? '' : `${vscode.workspace.asRelativePath(place.path)}:${place.line}`;
  const seen = times === 1 ? vscode.l10n.t('seen once') : vscode.l10n.t('seen {0} times', times);
  const known = origin === 'seen' ? seen : vscode.l10n.t('in the sources');
  return {
    label: point,
    description: [caller, where].filter((part) => part !== '').join(' · '),
    detail: known,
    iconPath: new vscode.ThemeIcon(side === 'kernel' ? 'circuit-board' : 'window'),
    ...(place === undefined ? {} : { place }),
  };
}

async function openPlace({ path: file, line }: { readonly path: string; readonly line: number }): Promise<void> {
  const selection = new vscode.Range(line - 1, 0, line - 1, 0);
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection });
}

const startTracepoints: Command = async ({ sessions }) => {
  const answer = await sessions.request(sessions.require(), DebugRequest.startTracepoints, {}, tracepointsBody);
  sessions.setRecording(true);
  vscode.window.setStatusBarMessage(`$(record) ${answer.message}`, 5_000);
  return answer;
};

const stopTracepoints: Command = async ({ sessions, services }) => {
  const answer = await sessions.request(sessions.require(), DebugRequest.stopTracepoints, {}, tracepointsBody);
  sessions.setRecording(false);
  const { file } = answer;
  if (file === undefined) void vscode.window.showInformationMessage(answer.message);
  else services.inBackground(offerRecording(answer.message, file));
  return answer;
};

async function offerRecording(message: string, file: string): Promise<void> {
  const open = vscode.l10n.t('Open {0}', path.basename(file));
  const chosen = await vscode.window.showInformationMessage(message, open);
  if (chosen === open) await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(file));
}

/** From the tree of named objects: a choice like the check boxes of points, for calls wherever they are. */
export async function breakOnObject(
  chosen: ChosenPoints,
  entry: Pick<ListedEntry, 'path' | 'typeName'>,
  role: 'signal' | 'wait',
): Promise<void> {
  await chosen.putObject({ path: entry.path, typeName: entry.typeName, role, checked: true });
  const words =
    role === 'signal'
      ? vscode.l10n.t('Stops at signals of {0}', entry.path)
      : vscode.l10n.t('Stops at waits for {0}', entry.path);
  vscode.window.setStatusBarMessage(`$(debug-breakpoint) ${words}`, 5_000);
}

const COMMANDS: Readonly<Record<string, Command>> = {
  'debug.followSignal': flow(DebugRequest.followSignal),
  'debug.runToNextSignal': flow(DebugRequest.runToNextSignal),
  'debug.runToNextWait': flow(DebugRequest.runToNextWait),
  'debug.whoSignals': whoSignals,
  'debug.startTracepoints': startTracepoints,
  'debug.stopTracepoints': stopTracepoints,
};

export function registerFlowCommands(parts: Parts): vscode.Disposable {
  const registrations = Object.entries(COMMANDS).map(([name, command]) =>
    vscode.commands.registerCommand(`eventscope.${name}`, async (argument: unknown) => {
      try {
        return await command(parts, argument);
      } catch (error) {
        parts.services.showError(error);
        return undefined;
      }
    }),
  );
  return vscode.Disposable.from(...registrations);
}
