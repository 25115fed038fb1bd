/** What can be done with one object of the tree. */
import * as vscode from 'vscode';
import { canSignal, describeAccess } from '../../machine/access-rights.js';
import { hasOpenCode, openObjectCode, type CodeSide } from '../../machine/open-object-code.js';
import { explainSddl } from '../../machine/sddl.js';
import { describeNtstatus } from '../../machine/status.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { ListedEntry } from '../../target/namespace-directory.js';
import { queryPaths } from '../../target/objects.js';
import type { Connection, ViewServices } from './services.js';
import type { ObjectsView } from './objects-view.js';

const HOLDERS_LIMIT_MS = 20_000;
const REQUEST_LIMIT_MS = 10_000;

type ObjectCommand = (view: ObjectsView, services: ViewServices, entry: ListedEntry) => Promise<unknown>;

export type ObjectCommandName =
  | 'object.signal'
  | 'object.reset'
  | 'object.pulse'
  | 'object.copyPath'
  | 'object.copyAsC'
  | 'object.showSecurity'
  | 'object.showHolders'
  | 'object.addFavorite'
  | 'object.removeFavorite';

export const OBJECT_COMMANDS: Readonly<Record<ObjectCommandName, ObjectCommand>> = {
  'object.signal': (view, services, entry) => change(view, services, entry, 'set'),
  'object.reset': (view, services, entry) => change(view, services, entry, 'reset'),
  'object.pulse': (view, services, entry) => change(view, services, entry, 'pulse'),
  'object.copyPath': (_view, _services, entry) => copy(entry.path),
  'object.copyAsC': (_view, _services, entry) => copyAsC(entry),
  'object.showSecurity': (_view, services, entry) => showSecurity(services, entry),
  'object.showHolders': (_view, services, entry) => showHolders(services, entry),
  'object.addFavorite': async (view, _services, entry) => {
    await view.favorites.add(entry);
    view.redraw();
  },
  'object.removeFavorite': async (view, _services, entry) => {
    await view.favorites.remove(entry);
    view.redraw();
  },
};

/** @throws EventscopeError `target.notConnected` */
function connected(services: ViewServices): Connection {
  const { connection } = services;
  if (connection !== undefined) return connection;
  throw new EventscopeError({
    id: 'target.notConnected',
    what: vscode.l10n.t('The target is not started'),
    next: vscode.l10n.t('Run "Start Target" first.'),
  });
}

async function copy(text: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  vscode.window.setStatusBarMessage(`$(check) ${vscode.l10n.t('Copied')}`, 2_000);
}

async function change(
  view: ObjectsView,
  services: ViewServices,
  entry: ListedEntry,
  action: 'set' | 'reset' | 'pulse',
): Promise<number> {
  const connection = connected(services);
  const { client } = connection;
  const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
  try {
    const { previous } = await client.request('object/change', { path: entry.path, action }, { signal });
    if (action !== 'reset') services.reached('objectSignaled');
    return previous;
  } catch (error) {
    if (!(error instanceof EventscopeError) || error.id !== 'agent.request') throw error;
    throw new EventscopeError({
      id: 'object.change',
      what: vscode.l10n.t('{0} was not changed', entry.path),
      target: client.target,
      why: error.why ?? error.what,
      next: vscode.l10n.t('Refresh the view: the object may be gone, or its security keeps this user out.'),
      data: error.data,
      cause: error,
    });
  } finally {
    // An event that is gone is shown as such too.
    await view.refreshStates([entry], connection).catch(() => undefined);
  }
}

async function copyAsC(entry: ListedEntry): Promise<void> {
  const sides: { label: string; side: CodeSide; icon: string }[] = [
    { label: vscode.l10n.t('For an application'), side: 'user', icon: 'window' },
    { label: vscode.l10n.t('For a driver'), side: 'kernel', icon: 'circuit-board' },
  ];
  const items = sides.flatMap(({ label, side, icon }) => {
    const code = openObjectCode(entry.path, entry.typeName, side);
    return code === undefined ? [] : [{ label, code, iconPath: new vscode.ThemeIcon(icon) }];
  });
  const [first] = items;
  if (first === undefined || !hasOpenCode(entry.typeName)) {
    throw new EventscopeError({
      id: 'object.noCode',
      what: vscode.l10n.t('There is no call that opens a {0} by name', entry.typeName),
    });
  }
  const placeHolder = vscode.l10n.t('Which side opens {0}', entry.path);
  const chosen = items.length === 1 ? first : await vscode.window.showQuickPick(items, { placeHolder });
  if (chosen !== undefined) await copy(chosen.code);
}

interface Line extends vscode.QuickPickItem {
  readonly copied: string;
}

/** A list to read; what is chosen is copied. */
async function showLines(title: string, lines: readonly Line[]): Promise<void> {
  const placeHolder = vscode.l10n.t('Enter copies a line');
  const chosen = await vscode.window.showQuickPick(lines, { title, placeHolder, matchOnDescription: true });
  if (chosen !== undefined) await copy(chosen.copied);
}

const line = (text: string, icon: string, description?: string): Line => ({
  label: text,
  copied: text,
  iconPath: new vscode.ThemeIcon(icon),
  ...(description === undefined ? {} : { description }),
});

const ICON_OF_LINE: readonly (readonly [RegExp, string])[] = [
  [/^Allows/, 'pass'],
  [/^Denies/, 'error'],
  [/^(Owner|Group)/, 'account'],
  [/^(Ordinary|No access|Empty)/, 'warning'],
];

async function showSecurity(services: ViewServices, entry: ListedEntry): Promise<void> {
  const { client } = connected(services);
  const operation = { signal: AbortSignal.timeout(REQUEST_LIMIT_MS), progress: () => undefined };
  const [object] = await queryPaths(client, [entry], operation);
  await showLines(vscode.l10n.t('Security of {0}', entry.path), securityLines(object, entry.typeName));
}

function securityLines(object: Awaited<ReturnType<typeof queryPaths>>[number] | undefined, typeName: string): Line[] {
  if (object === undefined) return [];
  if ('status' in object) return [line(describeNtstatus(object.status), 'warning')];
  const { sddl } = object;
  if (typeof sddl !== 'string') {
    return [line(vscode.l10n.t('Not available on this target: {0}', sddl.unavailable), 'info')];
  }
  const iconOf = (text: string) => ICON_OF_LINE.find(([pattern]) => pattern.test(text))?.[1] ?? 'info';
  return [...explainSddl(sddl, typeName).map((text) => line(text, iconOf(text))), line(sddl, 'code', 'SDDL')];
}

async function showHolders(services: ViewServices, entry: ListedEntry): Promise<void> {
  const { client } = connected(services);
  const lines = vscode.window.withProgress(
    { location: { viewId: 'eventscope.objects' }, cancellable: false },
    async (): Promise<Line[]> => {
      const { path, typeName } = entry;
      const signal = AbortSignal.timeout(HOLDERS_LIMIT_MS);
      const { holders } = await client.request('object/holders', { path, typeName }, { signal });
      if (holders.length === 0) {
        return [line(vscode.l10n.t('No process that this agent may look into has a handle to it'), 'info')];
      }
      return holders.map(({ process, processName, handle, grantedAccess }) => {
        const rights = describeAccess(grantedAccess, typeName);
        return {
          ...line(`${processName} (${process})`, canSignal(grantedAccess, typeName) ? 'bell' : 'eye'),
          description: vscode.l10n.t('handle {0}: {1}', `0x${handle.toString(16)}`, rights),
          copied: `${processName} (${process}) 0x${handle.toString(16)} ${rights}`,
        };
      });
    },
  );
  await showLines(vscode.l10n.t('Who has {0} open', entry.path), await lines);
}
