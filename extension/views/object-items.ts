/** How the tree of named objects draws its nodes. */
import * as vscode from 'vscode';
import { describeDetails, describeEntry, isUnavailable } from '../../target/object-text.js';
import type { QueriedObject } from '../../target/objects.js';
import { objectUri } from './highlights.js';
import { objectIcon } from './object-icons.js';
import { contextOf, type ListNode, type MessageNode, type MoreNode, type ObjectNode } from './object-nodes.js';

export interface ObjectMarks {
  /** The driver shares it. */
  readonly shared: boolean;
  readonly favorite: boolean;
}

/** @param state undefined: it was not asked for yet */
export function objectItem(node: ObjectNode, state: QueriedObject | undefined, marks: ObjectMarks): vscode.TreeItem {
  const { entry } = node;
  const item = new vscode.TreeItem(entry.name);
  item.id = node.id;
  const directory = entry.path.slice(0, Math.max(1, entry.path.length - entry.name.length - 1));
  const words = [
    marks.shared ? vscode.l10n.t('shared by the driver') : '',
    describeEntry(state),
    node.alone ? directory : '',
  ].filter((word) => word !== '');
  item.description = words.join(' · ');
  const { icon, color } = objectIcon(entry.typeName, state);
  item.iconPath = new vscode.ThemeIcon(icon, color === undefined ? undefined : new vscode.ThemeColor(color));
  item.resourceUri = objectUri(entry.typeName, entry.path);
  item.contextValue = contextOf(entry, marks);
  item.tooltip = [entry.path, entry.typeName, ...(state === undefined ? [] : describeDetails(state))].join('\n');
  item.accessibilityInformation = { label: [entry.name, entry.typeName, ...words].join(', ') };
  if (node.opens !== undefined && !isDenied(state)) item.collapsibleState = stateOf(node);
  return item;
}

/** A directory whose very opening was refused has nothing to expand; the entry says so. */
const isDenied = (state: QueriedObject | undefined): boolean =>
  state !== undefined && ('status' in state || (state.linkTarget !== undefined && isUnavailable(state.linkTarget)));

const stateOf = ({ expanded }: ListNode | ObjectNode): vscode.TreeItemCollapsibleState =>
  expanded ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed;

export function otherItem(node: ListNode | MoreNode | MessageNode): vscode.TreeItem {
  switch (node.kind) {
    case 'list':
      return listItem(node);
    case 'more':
      return moreItem(node);
    case 'message':
      return messageItem(node);
  }
}

function listItem(node: ListNode): vscode.TreeItem {
  const item = new vscode.TreeItem(node.label, stateOf(node));
  item.id = node.id;
  item.iconPath = new vscode.ThemeIcon(node.icon);
  item.tooltip = node.about === '' ? node.label : node.about;
  item.contextValue = 'list';
  item.accessibilityInformation = { label: node.about === '' ? node.label : `${node.label}, ${node.about}` };
  return item;
}

function moreItem(node: MoreNode): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.l10n.t('Show More…'));
  item.id = node.id;
  item.description = vscode.l10n.t('{0} left; the filter searches them all', node.left);
  item.iconPath = new vscode.ThemeIcon('ellipsis');
  item.command = { command: 'eventscope.objects.showMore', title: vscode.l10n.t('Show More'), arguments: [node] };
  item.accessibilityInformation = { label: vscode.l10n.t('Show more, {0} left', node.left), role: 'button' };
  return item;
}

function messageItem(node: MessageNode): vscode.TreeItem {
  const item = new vscode.TreeItem(node.text);
  item.id = node.id;
  item.iconPath = new vscode.ThemeIcon(node.icon);
  item.tooltip = node.text;
  item.accessibilityInformation = { label: node.text };
  return item;
}
