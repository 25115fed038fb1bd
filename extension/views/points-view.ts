/** Signal and Wait Points: where the workspace's sources signal, wait for, reset and make dispatcher objects. */
import * as vscode from 'vscode';
import type { PointRole, PointSide } from '../../machine/point.js';
import type { FilePoint, PointGroup } from '../../debug-adapter/source-points/source-point-index.js';
import { type ChosenPoints, statusWords } from '../debug/chosen-points.js';
import { objectKey, type ObjectChoice } from '../debug/point-choices.js';
import type { WorkspacePoints } from '../source/workspace-points.js';

export type PointsGrouping = 'object' | 'side';
const GROUPING = 'pointsGrouping';

interface SideNode {
  readonly kind: 'side';
  readonly side: PointSide;
}
interface GroupNode {
  readonly kind: 'group';
  readonly id: string;
  readonly group: PointGroup;
}
interface PointNode {
  readonly kind: 'point';
  readonly id: string;
  readonly key: string;
  readonly point: FilePoint;
}
interface ObjectChoicesNode {
  readonly kind: 'objectChoices';
}
export interface ObjectChoiceNode {
  readonly kind: 'objectChoice';
  readonly choice: ObjectChoice;
}
export type PointsNode = SideNode | GroupNode | PointNode | ObjectChoicesNode | ObjectChoiceNode;

export const ROLE_ICONS: Readonly<Record<PointRole, string>> = {
  signal: 'bell',
  wait: 'watch',
  reset: 'bell-slash',
  lifecycle: 'symbol-constructor',
};

export class PointsView implements vscode.TreeDataProvider<PointsNode>, vscode.Disposable {
  readonly #points: WorkspacePoints;
  readonly #memento: vscode.Memento;
  readonly #changed = new vscode.EventEmitter<PointsNode[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly tree: vscode.TreeView<PointsNode>;
  readonly #chosen: ChosenPoints;
  readonly #subscriptions: vscode.Disposable[];
  #grouping: PointsGrouping;
  /** Rows with a check box as the editor has them: id to the row's node, and what its box and its session said. */
  readonly #drawn = new Map<string, { readonly node: PointsNode; readonly look: string }>();
  /** Which named objects the editor has rows of. */
  #drawnObjects = '';
  /** The first rows are being looked for. */
  #searching = 0;
  #hasSearched = false;
  /** What changed while nobody looked: the editor keeps what it had drawn before. */
  #stale: 'rows' | 'checks' | undefined;

  constructor(points: WorkspacePoints, memento: vscode.Memento, chosen: ChosenPoints) {
    this.#points = points;
    this.#chosen = chosen;
    this.#memento = memento;
    this.#grouping = memento.get<string>(GROUPING) === 'side' ? 'side' : 'object';
    this.tree = vscode.window.createTreeView('eventscope.points', {
      treeDataProvider: this,
      showCollapseAll: true,
      manageCheckboxStateManually: true,
    });
    this.#subscriptions = [
      points.onDidChange(() => this.#draw('rows')),
      chosen.onDidChange(() => this.#draw(this.#drawnObjects === this.#objects() ? 'checks' : 'rows')),
      chosen.onDidChangeStatus(() => this.#draw('checks')),
      this.tree.onDidChangeVisibility(({ visible }) => {
        if (visible && this.#stale !== undefined) this.#draw(this.#stale);
      }),
      this.tree.onDidChangeCheckboxState(({ items }) => void this.#takeChecks(items)),
    ];
    this.#setContext();
  }

  get grouping(): PointsGrouping {
    return this.#grouping;
  }

  async group(by: PointsGrouping): Promise<void> {
    this.#grouping = by;
    this.#setContext();
    this.#changed.fire(undefined);
    await this.#memento.update(GROUPING, by);
  }

  #setContext(): void {
    void vscode.commands.executeCommand('setContext', 'eventscope.pointsGrouping', this.#grouping);
  }

  async #takeChecks(items: readonly (readonly [PointsNode, vscode.TreeItemCheckboxState])[]): Promise<void> {
    const isChecked = (state: vscode.TreeItemCheckboxState): boolean => state === vscode.TreeItemCheckboxState.Checked;
    const places = items.flatMap(([node, state]): [string, boolean][] =>
      node.kind === 'point' ? [[node.key, isChecked(state)]] : [],
    );
    if (places.length > 0) await this.#chosen.choose(places);
    for (const [node, state] of items) {
      if (node.kind === 'objectChoice') await this.#chosen.putObject({ ...node.choice, checked: isChecked(state) });
    }
  }

  /**
   * While the editor draws all rows anew it loses each click on a check box without a word: rows are drawn one by one where others do not
   * come or go.
   */
  #draw(what: 'rows' | 'checks'): void {
    if (!this.tree.visible) {
      this.#stale = what === 'rows' ? what : (this.#stale ?? what);
      return;
    }
    this.#stale = undefined;
    // Empty: none. Deleting the property would take away the setter with it.
    this.tree.message = this.#points.message ?? '';
    // Who waits for the search is given what it found.
    if (this.#searching > 0) return;
    if (what === 'rows') {
      this.#changed.fire(undefined);
      return;
    }
    const others = [...this.#drawn.values()].filter(({ node, look }) => this.#look(node) !== look);
    if (others.length > 0) this.#changed.fire(others.map(({ node }) => node));
  }

  #objects(): string {
    return this.#chosen.objects.map(objectKey).join('\n');
  }

  #isChecked(node: PointNode | ObjectChoiceNode): boolean {
    return node.kind === 'point' ? this.#chosen.isChosen(node.key) : this.#chosen.isObjectChosen(node.choice);
  }

  /** What may change of a row while it stays. */
  #look(node: PointsNode): string {
    if (node.kind !== 'point' && node.kind !== 'objectChoice') return '';
    return JSON.stringify([this.#isChecked(node), this.#chosen.status(keyOf(node))]);
  }

  async getChildren(node?: PointsNode): Promise<PointsNode[]> {
    if (node === undefined) {
      await this.#search();
      this.#drawn.clear();
      this.#drawnObjects = this.#objects();
      const named: PointsNode[] = this.#chosen.objects.length > 0 ? [{ kind: 'objectChoices' }] : [];
      if (this.#grouping === 'object') {
        return [...named, ...this.#points.byObject().map((group) => groupNode('object', group))];
      }
      const sides = SIDES.filter((side) => this.#points.ofSide(side).length > 0);
      return [...named, ...sides.map((side): SideNode => ({ kind: 'side', side }))];
    }
    switch (node.kind) {
      case 'side':
        return this.#points.ofSide(node.side).map((group) => groupNode(node.side, group));
      case 'group':
        return node.group.points.map((point) => this.#pointNode(node.id, point));
      case 'objectChoices':
        return this.#chosen.objects.map((choice) => ({ kind: 'objectChoice', choice }));
      case 'point':
      case 'objectChoice':
        return [];
    }
  }

  /** The first look at the view is what makes the workspace be searched. */
  async #search(): Promise<void> {
    this.#searching++;
    await this.#points.searched().finally(() => this.#searching--);
    if (this.#hasSearched) return;
    this.#hasSearched = true;
    // Only now can it be said that there are none.
    void vscode.commands.executeCommand('setContext', 'eventscope.pointsSearched', true);
  }

  getTreeItem(node: PointsNode): vscode.TreeItem {
    switch (node.kind) {
      case 'side':
        return sideItem(node);
      case 'group':
        return groupItem(node, this.#grouping);
      case 'point':
        return this.#checked(pointItem(node, this.#grouping), node);
      case 'objectChoices':
        return objectChoicesItem();
      case 'objectChoice':
        return this.#checked(objectChoiceItem(node.choice), node);
    }
  }

  #pointNode(above: string, point: FilePoint): PointNode {
    const id = `${above}|${point.file}|${point.at.line}|${point.at.column}`;
    return { kind: 'point', id, key: this.#chosen.keyOf(point), point };
  }

  /** With its check box, and what the session says of it. */
  #checked(item: vscode.TreeItem, node: PointNode | ObjectChoiceNode): vscode.TreeItem {
    this.#drawn.set(item.id ?? '', { node, look: this.#look(node) });
    const isChecked = this.#isChecked(node);
    const { Checked, Unchecked } = vscode.TreeItemCheckboxState;
    const name = item.accessibilityInformation?.label ?? '';
    item.checkboxState = {
      state: isChecked ? Checked : Unchecked,
      tooltip: isChecked ? vscode.l10n.t('Stops here') : vscode.l10n.t('Does not stop here'),
      accessibilityInformation: { label: vscode.l10n.t('Stop at {0}', name) },
    };
    // One that was unchecked is still met until the session has taken it away.
    const status = this.#chosen.status(keyOf(node));
    if (status === undefined) return item;
    const words = statusWords(status);
    item.description = [words, typeof item.description === 'string' ? item.description : ''].join(' · ');
    if (status.message !== undefined)
      item.tooltip = `${typeof item.tooltip === 'string' ? item.tooltip : ''}\n${status.message}`;
    item.accessibilityInformation = { label: `${name}, ${words}` };
    return item;
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.tree.dispose();
    this.#changed.dispose();
  }
}

/** By which the choice of it is kept. */
const keyOf = (node: PointNode | ObjectChoiceNode): string =>
  node.kind === 'point' ? node.key : objectKey(node.choice);

const groupNode = (above: string, group: PointGroup): GroupNode => ({
  kind: 'group',
  id: `${above}|${group.label ?? ''}`,
  group,
});

const SIDES: readonly PointSide[] = ['kernel', 'user'];

function objectChoicesItem(): vscode.TreeItem {
  const label = vscode.l10n.t('Named objects');
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Expanded);
  item.id = 'objectChoices';
  item.iconPath = new vscode.ThemeIcon('symbol-namespace');
  item.accessibilityInformation = { label };
  return item;
}

function objectChoiceItem(choice: ObjectChoice): vscode.TreeItem {
  const { path, role } = choice;
  const name = path.slice(path.lastIndexOf('\\') + 1);
  const label = role === 'signal' ? vscode.l10n.t('Signals of {0}', name) : vscode.l10n.t('Waits for {0}', name);
  const item = new vscode.TreeItem(label);
  item.id = objectKey(choice);
  item.tooltip = path;
  item.iconPath = new vscode.ThemeIcon(ROLE_ICONS[role]);
  item.contextValue = 'objectChoice';
  item.accessibilityInformation = { label };
  return item;
}

export const sideWords = (side: PointSide): string =>
  side === 'kernel' ? vscode.l10n.t('driver') : vscode.l10n.t('application');

function sideItem({ side }: SideNode): vscode.TreeItem {
  const label = side === 'kernel' ? vscode.l10n.t('Driver') : vscode.l10n.t('Application');
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Expanded);
  item.id = side;
  item.iconPath = new vscode.ThemeIcon(side === 'kernel' ? 'circuit-board' : 'window');
  item.accessibilityInformation = { label };
  return item;
}

function groupItem({ id, group }: GroupNode, grouping: PointsGrouping): vscode.TreeItem {
  const label = group.label ?? vscode.l10n.t('(no object)');
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Collapsed);
  const sides = [...new Set(group.points.map(({ at }) => at.side))].map(sideWords);
  item.id = id;
  item.description =
    grouping === 'object' ? `${group.points.length} · ${sides.join(', ')}` : String(group.points.length);
  const [first] = group.points;
  const icon = grouping === 'object' ? 'symbol-event' : ROLE_ICONS[first?.at.roles[0] ?? 'signal'];
  item.iconPath = new vscode.ThemeIcon(icon);
  item.accessibilityInformation = { label: vscode.l10n.t('{0}, {1} points', label, group.points.length) };
  return item;
}

function pointItem({ id, point }: PointNode, grouping: PointsGrouping): vscode.TreeItem {
  const { at, file } = point;
  const uri = vscode.Uri.parse(file, true);
  const place = `${vscode.workspace.asRelativePath(uri)}:${at.line + 1}`;
  const label = grouping === 'object' ? at.called : (at.object ?? at.inFunction ?? place);
  const item = new vscode.TreeItem(label);
  item.id = id;
  item.description = [at.inFunction ?? '', place].filter((part) => part !== '').join(' · ');
  item.tooltip = [`${at.called}(${at.expression ?? ''})`, place, at.point.note ?? '']
    .filter((part) => part !== '')
    .join('\n');
  item.iconPath = new vscode.ThemeIcon(ROLE_ICONS[at.roles[0] ?? 'signal']);
  item.contextValue = 'point';
  item.command = { command: 'eventscope.point.open', title: vscode.l10n.t('Go to Point'), arguments: [point] };
  const words = [at.called, at.object ?? '', at.roles.join(', '), sideWords(at.side), place];
  item.accessibilityInformation = { label: words.filter((word) => word !== '').join(', ') };
  return item;
}

/** Goes to the call in its source. */
export async function openPoint({ file, at }: FilePoint): Promise<void> {
  const selection = new vscode.Range(at.line, at.column, at.line, at.endColumn);
  await vscode.window.showTextDocument(vscode.Uri.parse(file, true), { selection });
}
