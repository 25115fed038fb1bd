/** What the tree of named objects is made of. */
import { NamespaceDirectory, type ListedEntry } from '../../target/namespace-directory.js';

/** A list that can be opened: a directory, a link to one, or the favourites. */
export interface ObjectsList {
  /** The directory behind it; undefined for the favourites. */
  readonly directory: NamespaceDirectory | undefined;
  /** Reading for the first time, or again. */
  reading: Promise<void> | undefined;
  /** Why it could not be read; what was read before is still shown. */
  failure: string | undefined;
  expanded: boolean;
}

export class ListNode implements ObjectsList {
  readonly kind = 'list';
  reading: Promise<void> | undefined;
  failure: string | undefined;
  readonly directory: NamespaceDirectory | undefined;

  constructor(
    readonly id: string,
    readonly label: string,
    /** Path of the directory; empty for the favourites. */
    readonly path: string,
    readonly icon: string,
    readonly about: string,
    public expanded: boolean,
  ) {
    this.directory = path === '' ? undefined : new NamespaceDirectory(path);
  }
  readonly parent = undefined;
}

export class ObjectNode implements ObjectsList {
  readonly kind = 'object';
  reading: Promise<void> | undefined;
  failure: string | undefined;
  expanded = false;
  #directory: NamespaceDirectory | undefined;

  constructor(
    readonly parent: ListNode | ObjectNode | undefined,
    readonly id: string,
    readonly entry: ListedEntry,
    /** It stands alone: the directory is shown with it. */
    readonly alone: boolean,
  ) {}

  /** Where a link leads to, once it is known to be a directory. */
  leadsTo: string | undefined;

  get opens(): string | undefined {
    return this.entry.typeName === 'Directory' ? this.entry.path : this.leadsTo;
  }

  get directory(): NamespaceDirectory | undefined {
    const path = this.opens;
    if (path === undefined) return undefined;
    if (this.#directory?.path !== path) this.#directory = new NamespaceDirectory(path);
    return this.#directory;
  }
}

/** The rest of a long list. */
export interface MoreNode {
  readonly kind: 'more';
  readonly id: string;
  readonly parent: ListNode | ObjectNode;
  readonly left: number;
}

/** A sentence in place of entries, such as access denied. */
export interface MessageNode {
  readonly kind: 'message';
  readonly id: string;
  readonly parent: ListNode | ObjectNode | undefined;
  readonly text: string;
  readonly icon: string;
}

export type ObjectsNode = ListNode | ObjectNode | MoreNode | MessageNode;

/** @param parent the list that the sentence is about; undefined: the whole tree */
export function messageNode(parent: ObjectsNode | undefined, text: string, icon: string): MessageNode {
  const above = parent?.kind === 'list' || parent?.kind === 'object' ? parent : undefined;
  return { kind: 'message', id: `${above?.id ?? ''}|message`, parent: above, text, icon };
}

/** It is on the screen when it and everything above it is expanded. */
export function isOpen(node: ListNode | ObjectNode): boolean {
  for (let at: ListNode | ObjectNode | undefined = node; at !== undefined; at = at.parent) {
    if (!at.expanded) return false;
  }
  return true;
}

/** Words that the menus' when-clauses look for. */
export function contextOf(entry: ListedEntry, marks: { readonly favorite: boolean; readonly shared: boolean }): string {
  const words = ['object', entry.typeName.toLowerCase().replaceAll(/[^a-z0-9]/g, '')];
  if (marks.favorite) words.push('favorite');
  if (marks.shared) words.push('shared');
  return words.join(' ');
}
