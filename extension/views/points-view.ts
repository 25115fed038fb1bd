/** Signal and Wait Points: where the workspace's sources signal, wait for, reset and make dispatcher objects. */
import * as vscode from 'vscode';
import type { PointRole, PointSide } from '../../machine/point.js';
import type { FilePoint, PointGroup } from '../../debug-adapter/source-points/source-point-index.js';
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
  readonly point: FilePoint;
}
export type PointsNode = SideNode | GroupNode | PointNode;

export const ROLE_ICONS: Readonly<Record<PointRole, string>> = {
  signal: 'bell',
  wait: 'watch',
  reset: 'bell-slash',
  lifecycle: 'symbol-constructor',
};

export class PointsView implements vscode.TreeDataProvider<PointsNode>, vscode.Disposable {
  readonly #points: WorkspacePoints;
  readonly #memento: vscode.Memento;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly tree: vscode.TreeView<PointsNode>;
  readonly #subscription: vscode.Disposable;
  #grouping: PointsGrouping;

  constructor(points: WorkspacePoints, memento: vscode.Memento) {
    this.#points = points;
    this.#memento = memento;
    this.#grouping = memento.get<string>(GROUPING) === 'side' ? 'side' : 'object';
    this.tree = vscode.window.createTreeView('eventscope.points', { treeDataProvider: this, showCollapseAll: true });
    this.#subscription = points.onDidChange(() => this.#draw());
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

  #draw(): void {
    if (!this.tree.visible) return;
    const { message } = this.#points;
    if (message === undefined) delete this.tree.message;
    else this.tree.message = message;
    this.#changed.fire(undefined);
  }

  async getChildren(node?: PointsNode): Promise<PointsNode[]> {
    if (node === undefined) {
      // The first look at the view is what makes the workspace be searched.
      await this.#points.searched();
      if (this.#grouping === 'object') return this.#points.byObject().map((group) => groupNode('object', group));
      const sides: readonly PointSide[] = ['kernel', 'user'];
      return sides.filter((side) => this.#points.ofSide(side).length > 0).map((side) => ({ kind: 'side', side }));
    }
    switch (node.kind) {
      case 'side':
        return this.#points.ofSide(node.side).map((group) => groupNode(node.side, group));
      case 'group':
        return node.group.points.map((point) => pointNode(node.id, point));
      case 'point':
        return [];
    }
  }

  getTreeItem(node: PointsNode): vscode.TreeItem {
    switch (node.kind) {
      case 'side':
        return sideItem(node);
      case 'group':
        return groupItem(node, this.#grouping);
      case 'point':
        return pointItem(node, this.#grouping);
    }
  }

  dispose(): void {
    this.#subscription.dispose();
    this.tree.dispose();
    this.#changed.dispose();
  }
}

const groupNode = (above: string, group: PointGroup): GroupNode => ({
  kind: 'group',
  id: `${above}|${group.label ?? ''}`,
  group,
});

const pointNode = (above: string, point: FilePoint): PointNode => ({
  kind: 'point',
  id: `${above}|${point.file}|${point.at.line}|${point.at.column}`,
  point,
});

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
