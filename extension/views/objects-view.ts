/**
 * Named Objects: the object manager's namespace as a tree. Directories are read when they are opened, page by page; states are asked for
 * what is shown, all of a level in one request.
 */
import * as vscode from 'vscode';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { ListedEntry } from '../../target/namespace-directory.js';
import { ObjectStates } from '../../target/object-states.js';
import type { DriverWatch } from './driver-watch.js';
import { Favorites } from './favorites.js';
import { Highlights, objectUri } from './highlights.js';
import { LinkTargets } from './link-targets.js';
import { objectItem, otherItem } from './object-items.js';
import { isOpen, ListNode, messageNode, type MoreNode, ObjectNode, type ObjectsNode } from './object-nodes.js';
import { ObjectsFilter } from './objects-filter.js';
import type { Connection, ViewServices } from './services.js';
import { TreeChanges } from './tree-changes.js';

/** A directory that is read in this time is painted once, with its states; a longer one is painted as soon as a page is there. */
const PAINT_WITHIN_MS = 120;
/** What a filter finds is painted with its states when they come in this time, and without them otherwise. */
const STATES_WITHIN_MS = 30;
/** A part of the namespace that nobody waits for longer. */
const READ_LIMIT_MS = 120_000;

/** Nobody is asked for ours while the machine is stopped: of whoever logged on first. */
const FIRST_USER_SESSION = 1;
const GLOBAL_DIRECTORY = '\\BaseNamedObjects';

export class ObjectsView implements vscode.TreeDataProvider<ObjectsNode>, vscode.Disposable {
  readonly #services: ViewServices;
  readonly #driver: DriverWatch;
  readonly #emitter = new vscode.EventEmitter<ObjectsNode[] | undefined>();
  readonly onDidChangeTreeData = this.#emitter.event;
  readonly #changed = new TreeChanges<ObjectsNode>(
    (nodes) => this.#emitter.fire(nodes),
    (message) => {
      // Deleting the property would take away the setter with it, and the view would keep what it shows for ever.
      this.tree.message = message ?? '';
    },
  );
  readonly states = new ObjectStates();
  readonly #links = new LinkTargets();
  readonly highlights = new Highlights();
  readonly favorites: Favorites;
  readonly filter: ObjectsFilter;
  readonly tree: vscode.TreeView<ObjectsNode>;
  readonly #subscriptions: { dispose(): unknown }[];
  /** Of one connection; a new one begins anew. */
  #connection: Connection | undefined;
  #ended = new AbortController();
  #roots: Promise<ListNode[]> | undefined;
  #lists: ListNode[] = [];
  #results: ObjectNode[] = [];
  readonly #nodes = new Map<string, ObjectNode>();

  constructor(services: ViewServices, driver: DriverWatch) {
    this.#services = services;
    this.#driver = driver;
    this.favorites = new Favorites(services.context.workspaceState);
    this.filter = new ObjectsFilter(services, () => this.#filterChanged());
    this.tree = vscode.window.createTreeView('eventscope.objects', { treeDataProvider: this, showCollapseAll: true });
    this.#subscriptions = [
      this.tree,
      this.highlights,
      this.filter,
      this.#changed,
      this.#emitter,
      services.onDidChangeTarget(() => this.#targetChanged()),
      driver.onDidChange(() => this.#marksChanged()),
      this.tree.onDidExpandElement(({ element }) => this.#expand(element, true)),
      this.tree.onDidCollapseElement(({ element }) => this.#expand(element, false)),
    ];
  }

  /** Cancelled when the connection is another one. */
  get operation(): { readonly signal: AbortSignal; progress(message: string): void } {
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(READ_LIMIT_MS)]);
    return { signal, progress: () => undefined };
  }

  #targetChanged(): void {
    if (this.#services.connection?.client === this.#connection?.client) return;
    this.#begin(this.#services.connection);
    this.#changed.fire(undefined);
  }

  #begin(connection: Connection | undefined): void {
    this.#ended.abort();
    this.#ended = new AbortController();
    this.#connection = connection;
    this.#roots = undefined;
    this.#lists = [];
    this.#results = [];
    this.#nodes.clear();
    this.states.clear();
    this.#links.clear();
    this.filter.forget();
  }

  #filterChanged(): void {
    this.#changed.fire(undefined);
    if (!this.filter.active) this.#changed.say(this.filter.message);
  }

  /** The driver shares other events than before: their marks are drawn anew, where they are shown. */
  #shownShared = new Set<string>();
  #marksChanged(): void {
    const now = new Set([...this.#nodes.values()].filter(({ entry }) => this.#driver.shares(entry.path)));
    const shared = new Set([...now].map(({ id }) => id));
    for (const node of this.#nodes.values()) {
      if (shared.has(node.id) !== this.#shownShared.has(node.id)) this.#changed.fire(node);
    }
    this.#shownShared = shared;
  }

  #expand(node: ObjectsNode, expanded: boolean): void {
    if (node.kind === 'list' || node.kind === 'object') node.expanded = expanded;
  }

  getParent(node: ObjectsNode): ObjectsNode | undefined {
    return node.parent;
  }

  async getChildren(node?: ObjectsNode): Promise<ObjectsNode[]> {
    const connection = this.#services.connection;
    if (connection === undefined) return [];
    if (connection.client !== this.#connection?.client) this.#begin(connection);
    try {
      if (node === undefined) return this.filter.active ? await this.#found(connection) : await this.#top(connection);
      if (node.kind === 'list' && node.directory === undefined) return await this.#favoriteNodes(node, connection);
      if (node.kind === 'list' || node.kind === 'object') return await this.#entries(node, connection);
      return [];
    } catch (error) {
      if (error instanceof CancelledError) return [];
      return [messageNode(node, failureText(error), 'warning')];
    }
  }

  async #top(connection: Connection): Promise<ObjectsNode[]> {
    this.#roots ??= this.#makeRoots(connection);
    const [favorites, ...lists] = await this.#roots;
    this.#lists = favorites === undefined || this.favorites.entries.length === 0 ? lists : [favorites, ...lists];
    return this.#lists;
  }

  async #makeRoots({ client, stoppedKernel }: Connection): Promise<ListNode[]> {
    const { sessionId } =
      stoppedKernel === undefined
        ? await client.request('agent/info', {}, { signal: this.operation.signal })
        : { sessionId: FIRST_USER_SESSION };
    const session = sessionId === 0 ? GLOBAL_DIRECTORY : `\\Sessions\\${sessionId}\\BaseNamedObjects`;
    const global = vscode.l10n.t('Objects of all sessions: what drivers and services name, and Global\\ names');
    const own = vscode.l10n.t('Objects of the session that applications run in: names without Global\\');
    const whole = vscode.l10n.t("The object manager's whole namespace");
    const lists = [new ListNode('favorites', vscode.l10n.t('Favorites'), '', 'star-full', '', true)];
    lists.push(new ListNode('global', GLOBAL_DIRECTORY, GLOBAL_DIRECTORY, 'globe', global, true));
    if (session !== GLOBAL_DIRECTORY) lists.push(new ListNode('session', session, session, 'account', own, false));
    lists.push(new ListNode('root', '\\', '\\', 'list-tree', whole, false));
    return lists;
  }

  /** Nodes stay the same over refreshes, so that what is expanded and selected stays so. */
  #node(parent: ListNode | ObjectNode | undefined, prefix: string, entry: ListedEntry, alone: boolean): ObjectNode {
    const id = `${prefix}|${entry.typeName}|${entry.path}`;
    let node = this.#nodes.get(id);
    if (node === undefined) {
      node = new ObjectNode(parent, id, entry, alone);
      this.#nodes.set(id, node);
    }
    return node;
  }

  async #favoriteNodes(list: ListNode, { client }: Connection): Promise<ObjectsNode[]> {
    const entries = this.favorites.entries;
    await this.states.refresh(client, entries, this.operation);
    return entries.map((entry) => this.#node(list, list.id, entry, true));
  }

  async #found(connection: Connection): Promise<ObjectsNode[]> {
    const entries = this.filter.results(connection);
    this.#changed.say(this.filter.message);
    this.#results = entries.map((entry) => this.#node(undefined, 'found', entry, true));
    const results = this.#results;
    const unknown = entries.filter((entry) => this.states.of(entry) === undefined);
    if (unknown.length > 0) {
      // Painted once with the states of a target that answers soon; else the names first.
      let painted = false;
      const asked = this.#askStates(unknown, connection).then(() => {
        if (painted) this.#changed.fire(undefined);
      });
      this.#inBackground(asked);
      await Promise.race([asked.catch(() => undefined), pauseMs(STATES_WITHIN_MS)]);
      painted = true;
    }
    return results;
  }

  async #entries(node: ListNode | ObjectNode, connection: Connection): Promise<ObjectsNode[]> {
    const { directory } = node;
    if (directory === undefined) return [];
    if (!directory.complete && node.reading === undefined) {
      let paint: () => void = () => undefined;
      const firstPage = new Promise<void>((resolve) => {
        paint = resolve;
      });
      node.reading = this.#read(node, connection, paint);
      await Promise.race([node.reading, firstPage.then(() => pauseMs(PAINT_WITHIN_MS))]);
    }
    const { entries, left } = this.shown(node);
    const children: ObjectsNode[] = entries.map((entry) => this.#node(node, node.id, entry, false));
    if (node.failure !== undefined) children.unshift(messageNode(node, node.failure, 'warning'));
    if (children.length === 0) {
      children.push(messageNode(node, vscode.l10n.t('No objects'), 'info'));
    }
    if (left > 0) children.push({ kind: 'more', id: `${node.id}|more`, parent: node, left } satisfies MoreNode);
    return children;
  }

  /** What is on the screen of an opened list, by the type filter. */
  shown(node: ListNode | ObjectNode): { readonly entries: readonly ListedEntry[]; readonly left: number } {
    if (node.directory === undefined) return { entries: this.favorites.entries, left: 0 };
    return node.directory.page((entry) => this.filter.wants(entry));
  }

  /** The first reading of a directory. Ends without an error: a failure is shown in the tree. */
  async #read(node: ListNode | ObjectNode, connection: Connection, firstPage: () => void): Promise<void> {
    const { directory } = node;
    const painted = new AbortController();
    try {
      await directory?.read(connection.client, this.operation, () => {
        if (painted.signal.aborted || directory.entries.length === 0) return;
        painted.abort();
        firstPage();
        this.#inBackground(this.#tellFirstPage(node, connection));
      });
      node.failure = undefined;
      await this.#askStates(this.shown(node).entries, connection);
    } catch (error) {
      if (!(error instanceof CancelledError)) node.failure = failureText(error);
    } finally {
      node.reading = undefined;
      if (painted.signal.aborted || node.failure !== undefined) this.#changed.fire(node);
    }
  }

  /** The states of a page that was painted without them do not wait for the rest of a long directory. */
  async #tellFirstPage(node: ListNode | ObjectNode, connection: Connection): Promise<void> {
    await pauseMs(PAINT_WITHIN_MS);
    if (node.reading === undefined) return;
    await this.#askStates(this.shown(node).entries, connection);
    this.#changed.fire(node);
  }

  /** Reads the names of an opened directory again, and marks those that are new. */
  async readAgain(node: ListNode | ObjectNode, connection: Connection): Promise<void> {
    const { directory } = node;
    if (directory === undefined || node.reading !== undefined || !directory.complete) return;
    const before = directory.entries;
    try {
      const fresh = await directory.read(connection.client, this.operation);
      const recovered = node.failure !== undefined;
      node.failure = undefined;
      if (!recovered && fresh.length === 0 && before.length === directory.entries.length) return;
      await this.#askStates(this.shown(node).entries, connection);
      this.highlights.mark(
        fresh.map(({ typeName, path }) => objectUri(typeName, path)),
        true,
      );
    } catch (error) {
      if (error instanceof CancelledError) return;
      node.failure = failureText(error);
    }
    this.#changed.fire(node);
  }

  /** Asks for states, draws what changed, and makes it stand out for a moment. */
  async refreshStates(entries: readonly ListedEntry[], connection: Connection): Promise<void> {
    const unknown = entries.filter((entry) => this.states.of(entry) === undefined);
    const changed = await this.states.refresh(connection.client, entries, this.operation);
    if (changed.length === 0 && unknown.length === 0) return;
    const keys = new Set([...changed, ...unknown].map(({ typeName, path }) => `${typeName}|${path}`));
    for (const node of this.#nodes.values()) {
      if (keys.has(`${node.entry.typeName}|${node.entry.path}`)) this.#changed.fire(node);
    }
    this.highlights.mark(
      changed.map(({ typeName, path }) => objectUri(typeName, path)),
      false,
    );
  }

  async #askStates(entries: readonly ListedEntry[], connection: Connection): Promise<void> {
    await this.states.refresh(connection.client, entries, this.operation);
    await this.#links.follow(connection.client, entries, this.states, this.operation);
  }

  /** Opened lists that can be seen, and the results of a filter. */
  visible(): { readonly lists: readonly (ListNode | ObjectNode)[]; readonly found: readonly ListedEntry[] } {
    if (!this.tree.visible) return { lists: [], found: [] };
    if (this.filter.active) return { lists: [], found: this.#results.map(({ entry }) => entry) };
    const opened = [...this.#nodes.values()].filter((node) => node.expanded && isOpen(node));
    return { lists: [...this.#lists.filter((list) => list.expanded), ...opened], found: [] };
  }

  showMore(node: MoreNode): void {
    node.parent.directory?.showMore();
    const { connection } = this.#services;
    if (connection === undefined) return;
    this.#inBackground(
      this.#askStates(this.shown(node.parent).entries, connection).finally(() => this.#changed.fire(node.parent)),
    );
  }

  /** The whole tree anew: what is open is read again. */
  refreshAll(): void {
    const { connection } = this.#services;
    if (connection === undefined) return;
    this.#inBackground(
      Promise.all(this.visible().lists.map((list) => this.readAgain(list, connection))).then(() =>
        this.#changed.fire(undefined),
      ),
    );
  }

  redraw(): void {
    this.#changed.fire(undefined);
  }

  /** Opens the tree down to an object, selects it and makes it stand out. Returns false when it is not in the tree. */
  async reveal(path: string, focus: boolean): Promise<boolean> {
    const { connection } = this.#services;
    if (connection === undefined || this.filter.active) return false;
    if (connection.client !== this.#connection?.client) this.#begin(connection);
    const wanted = path.toLowerCase();
    const leadsTo = (above: string): boolean => wanted.startsWith(`${above.toLowerCase().replace(/\\$/, '')}\\`);
    const lists = (await this.#top(connection)).filter((node) => node.kind === 'list');
    const [root] = lists
      .filter((list) => list.directory !== undefined && leadsTo(list.path))
      .sort((a, b) => b.path.length - a.path.length);
    let node: ListNode | ObjectNode | undefined = root;
    while (node !== undefined) {
      await this.#entries(node, connection);
      await node.reading;
      const children: ObjectNode[] = (await this.#entries(node, connection)).filter((child) => child.kind === 'object');
      const found = children.find(({ entry }) => entry.path.toLowerCase() === wanted);
      if (found !== undefined) {
        await this.tree.reveal(found, { select: true, focus });
        this.highlights.mark([objectUri(found.entry.typeName, found.entry.path)], false);
        return true;
      }
      node = children.find((child) => child.entry.typeName === 'Directory' && leadsTo(child.entry.path));
    }
    return false;
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof CancelledError)) this.#services.log.warn(`Named Objects: ${failureText(error)}`);
    });
  }

  getTreeItem(node: ObjectsNode): vscode.TreeItem {
    if (node.kind !== 'object') return otherItem(node);
    const { entry } = node;
    node.leadsTo = this.#links.directoryOf(entry.path);
    return objectItem(node, this.states.of(entry), {
      shared: this.#driver.shares(entry.path),
      favorite: this.favorites.has(entry),
    });
  }

  dispose(): void {
    this.#ended.abort();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}

const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function failureText(error: unknown): string {
  if (error instanceof EventscopeError) return error.why ?? error.what;
  return error instanceof Error ? error.message : String(error);
}
