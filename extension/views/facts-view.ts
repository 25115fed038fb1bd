/** A tree of facts that is loaded as a whole and drawn anew only when one of them is another. */
import * as vscode from 'vscode';
import { CancelledError } from '../../protocol/errors.js';
import { asError } from '../../target/operation.js';
import type { Operation } from '../../target/target.js';
import { describeFact, type Fact } from './facts.js';
import type { ViewServices } from './services.js';

const LOAD_LIMIT_MS = 20_000;

export class FactsView implements vscode.TreeDataProvider<Fact>, vscode.Disposable {
  readonly #services: ViewServices;
  readonly #load: (operation: Operation) => Promise<readonly Fact[]>;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly tree: vscode.TreeView<Fact>;
  #facts: readonly Fact[] | undefined;
  #drawn = '';
  #loading: AbortController | undefined;

  constructor(viewId: string, services: ViewServices, load: (operation: Operation) => Promise<readonly Fact[]>) {
    this.#services = services;
    this.#load = load;
    this.tree = vscode.window.createTreeView(viewId, { treeDataProvider: this });
  }

  /** Loads when somebody looks; else when somebody looks next. A load that goes on is of the past and ends. */
  refresh(): void {
    if (!this.tree.visible) {
      this.#facts = undefined;
      this.#changed.fire(undefined);
      return;
    }
    this.#fill().catch((error: unknown) => {
      if (!(error instanceof CancelledError)) this.#services.log.warn(asError(error).message);
    });
  }

  async #fill(): Promise<void> {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    const signal = AbortSignal.any([loading.signal, AbortSignal.timeout(LOAD_LIMIT_MS)]);
    const facts = await this.#load({ signal, progress: () => undefined });
    if (this.#loading !== loading) return;
    const drawn = JSON.stringify(facts);
    const same = drawn === this.#drawn;
    this.#facts = facts;
    this.#drawn = drawn;
    if (!same) this.#changed.fire(undefined);
  }

  async getChildren(fact?: Fact): Promise<Fact[]> {
    if (fact !== undefined) return [...(fact.children ?? [])];
    try {
      if (this.#facts === undefined) await this.#fill();
    } catch (error) {
      if (!(error instanceof CancelledError)) this.#services.log.warn(asError(error).message);
    }
    return [...(this.#facts ?? [])];
  }

  getTreeItem(fact: Fact): vscode.TreeItem {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const open = fact.expanded === true ? Expanded : Collapsed;
    const item = new vscode.TreeItem(fact.label, (fact.children?.length ?? 0) === 0 ? None : open);
    item.id = fact.id;
    if (fact.value !== undefined) item.description = fact.value;
    item.tooltip = fact.tooltip ?? describeFact(fact);
    item.iconPath = new vscode.ThemeIcon(fact.icon);
    if (fact.context !== undefined) item.contextValue = fact.context;
    item.accessibilityInformation = { label: describeFact(fact) };
    return item;
  }

  dispose(): void {
    this.#loading?.abort();
    this.tree.dispose();
    this.#changed.dispose();
  }
}
