/** Dispatcher Objects, under Run and Debug: what the session knows of each event, semaphore, mutant and timer of both sides. */
import * as vscode from 'vscode';
import type { DispatcherObject } from '../../protocol/debug-requests.js';
import type { DebugSessions } from './debug-sessions.js';

export interface ObjectFact {
  readonly kind: 'fact';
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly icon: string;
  readonly place?: { readonly path: string; readonly line: number };
}
export interface DebuggedObjectNode {
  readonly kind: 'debuggedObject';
  readonly object: DispatcherObject;
}
export type DispatcherNode = DebuggedObjectNode | ObjectFact;

const ICONS: Readonly<Record<string, string>> = {
  Event: 'symbol-event',
  Semaphore: 'symbol-number',
  Mutant: 'lock',
  Timer: 'watch',
};

export class DispatcherObjectsView implements vscode.TreeDataProvider<DispatcherNode>, vscode.Disposable {
  readonly #sessions: DebugSessions;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly tree: vscode.TreeView<DispatcherNode>;
  readonly #subscriptions: vscode.Disposable[];

  constructor(sessions: DebugSessions) {
    this.#sessions = sessions;
    this.tree = vscode.window.createTreeView('eventscope.dispatcherObjects', { treeDataProvider: this });
    this.#subscriptions = [
      sessions.onDidChangeObjects(() => this.#changed.fire(undefined)),
      vscode.debug.onDidChangeActiveDebugSession(() => this.#changed.fire(undefined)),
    ];
  }

  getChildren(node?: DispatcherNode): DispatcherNode[] {
    if (node === undefined) {
      // Those with a name are what a person looks for; the others stay in the order in which they were met.
      const ordered = [...this.#sessions.objects].sort(
        (a, b) => Number(a.name === undefined) - Number(b.name === undefined),
      );
      return ordered.map((object) => ({ kind: 'debuggedObject', object }));
    }
    return node.kind === 'debuggedObject' ? factsOf(node.object) : [];
  }

  getTreeItem(node: DispatcherNode): vscode.TreeItem {
    return node.kind === 'fact' ? factItem(node) : objectItem(node.object);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.tree.dispose();
    this.#changed.dispose();
  }
}

/** The name's last part, else what it is called by in a process. */
export function labelOf({ type, name, references }: DispatcherObject): string {
  if (name !== undefined) return name.slice(name.lastIndexOf('\\') + 1);
  const pointer = references.find(({ kind }) => kind === 'pointer') ?? references[0];
  return pointer === undefined ? type : `${type} ${pointer.value}`;
}

export function factsOf(object: DispatcherObject): ObjectFact[] {
  const { id, name, references, waiters, lastSignal } = object;
  const facts: ObjectFact[] = [];
  const add = (label: string, value: string, icon: string, place?: ObjectFact['place']): void => {
    facts.push({
      kind: 'fact',
      id: `${id}|${facts.length}`,
      label,
      value,
      icon,
      ...(place === undefined ? {} : { place }),
    });
  };
  if (name !== undefined) add(vscode.l10n.t('Name'), name, 'tag');
  for (const { side, process, processId, kind, value } of references) {
    const label = kind === 'handle' ? vscode.l10n.t('Handle') : vscode.l10n.t('Pointer');
    add(label, `${value} · ${process} (${processId})`, side === 'kernel' ? 'circuit-board' : 'window');
  }
  if (waiters.length === 0) add(vscode.l10n.t('Waiters'), vscode.l10n.t('none'), 'watch');
  for (const waiter of waiters) add(vscode.l10n.t('Waiter'), waiter.name, 'watch');
  if (lastSignal !== undefined) {
    const { point, thread, caller, place } = lastSignal;
    add(vscode.l10n.t('Last signaled by'), `${point} · ${caller} · ${thread}`, 'bell', place);
  }
  return facts;
}

function objectItem(object: DispatcherObject): vscode.TreeItem {
  const label = labelOf(object);
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Collapsed);
  item.id = String(object.id);
  const waiting = object.waiters.length;
  const waits = waiting === 1 ? vscode.l10n.t('1 waiter') : vscode.l10n.t('{0} waiters', waiting);
  item.description = waiting === 0 || object.state.includes('waiter') ? object.state : `${object.state}, ${waits}`;
  item.tooltip = object.name ?? label;
  const color = object.isSignaled === true ? new vscode.ThemeColor('charts.green') : undefined;
  item.iconPath = new vscode.ThemeIcon(ICONS[object.type] ?? 'symbol-misc', color);
  item.contextValue = 'debuggedObject';
  item.accessibilityInformation = { label: `${object.type} ${label}, ${item.description}` };
  return item;
}

function factItem({ id, label, value, icon, place }: ObjectFact): vscode.TreeItem {
  const item = new vscode.TreeItem(label);
  item.id = id;
  item.description = value;
  item.tooltip = `${label}: ${value}`;
  item.iconPath = new vscode.ThemeIcon(icon);
  item.accessibilityInformation = { label: `${label}, ${value}` };
  if (place !== undefined) {
    const selection = new vscode.Range(place.line - 1, 0, place.line - 1, 0);
    const title = vscode.l10n.t('Go to the call');
    item.command = { command: 'vscode.open', title, arguments: [vscode.Uri.file(place.path), { selection }] };
  }
  return item;
}
