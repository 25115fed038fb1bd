/**
 * One directory of the namespace as a list on a screen: read in parts, sorted, shown page by page.
 */
import type { AgentClient } from './agent-client.js';
import { type DirectoryEntry, entryPath, listObjects } from './objects.js';
import type { Operation } from './target.js';

/** Entries of a page: as many as a person scrolls through, and as the target tells the state of within 100 ms. */
export const PAGE_ENTRIES = 200;
/** Over this a directory is not read: the list alone would take more memory than the window has for it. */
const MAX_ENTRIES = 200_000;

export interface ListedEntry extends DirectoryEntry {
  readonly path: string;
}

interface SortedEntry extends ListedEntry {
  /** The name as the object manager compares it: without regard to case. */
  readonly folded: string;
}

function compare(a: SortedEntry, b: SortedEntry): number {
  if (a.folded !== b.folded) return a.folded < b.folded ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.typeName < b.typeName ? -1 : a.typeName === b.typeName ? 0 : 1;
}

function merge(a: readonly SortedEntry[], b: readonly SortedEntry[]): SortedEntry[] {
  const merged: SortedEntry[] = [];
  let i = 0;
  let j = 0;
  for (let x = a[i], y = b[j]; x !== undefined || y !== undefined;) {
    if (y === undefined || (x !== undefined && compare(x, y) <= 0)) {
      merged.push(x as SortedEntry);
      x = a[++i];
    } else {
      merged.push(y);
      y = b[++j];
    }
  }
  return merged;
}

/** Sorts what comes in parts as it comes: no step takes longer than one pass over the list, also of tens of thousands. */
class SortedParts {
  readonly #runs: SortedEntry[][] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(part: SortedEntry[]): void {
    this.#count += part.length;
    let run = part.sort(compare);
    for (let last = this.#runs.at(-1); last !== undefined && last.length <= run.length * 2; last = this.#runs.at(-1)) {
      this.#runs.pop();
      run = merge(last, run);
    }
    this.#runs.push(run);
  }

  all(): readonly SortedEntry[] {
    for (let last = this.#runs.pop(), next = this.#runs.pop(); last !== undefined; next = this.#runs.pop()) {
      if (next === undefined) {
        this.#runs.push(last);
        return last;
      }
      last = merge(next, last);
    }
    return [];
  }
}

/** Entries of the second of two sorted lists that the first does not hold. */
function added(before: readonly SortedEntry[], now: readonly SortedEntry[]): SortedEntry[] {
  let at = 0;
  return now.filter((entry) => {
    for (let old = before[at]; old !== undefined; old = before[++at]) {
      const order = compare(old, entry);
      if (order === 0) return false;
      if (order > 0) return true;
    }
    return true;
  });
}

export class NamespaceDirectory {
  #entries: readonly SortedEntry[] = [];
  #shown = PAGE_ENTRIES;
  #sessionDirectory: string | undefined;
  /** The whole directory has been read; before, entries are those that have come. */
  complete = false;

  constructor(readonly path: string) {}

  /** Sorted by name once complete; in the order of arrival, sorted, while it is read. */
  get entries(): readonly ListedEntry[] {
    return this.#entries;
  }

  /** The session's own directory of named objects, as the target told it with the list. */
  get sessionDirectory(): string | undefined {
    return this.#sessionDirectory;
  }

  /** What is on the screen: the first pages of the entries whose type is wanted. */
  page(wanted: (entry: ListedEntry) => boolean): { readonly entries: readonly ListedEntry[]; readonly left: number } {
    const all = this.#entries.filter(wanted);
    return { entries: all.slice(0, this.#shown), left: Math.max(0, all.length - this.#shown) };
  }

  showMore(): void {
    this.#shown += PAGE_ENTRIES;
  }

  /**
   * Reads the names. On a first read entries appear as they come, and onPart is called; on a later one the list changes when it
   * is complete, so that nothing vanishes from the screen and comes back.
   * @returns entries that are new since the last complete read; none on the first
   * @throws EventscopeError `object.directory`, `agent.*`; CancelledError. What was read before stays.
   */
  async read(client: AgentClient, operation: Operation, onPart?: () => void): Promise<readonly ListedEntry[]> {
    const before = this.complete ? this.#entries : undefined;
    const coming = new SortedParts();
    const { sessionDirectory } = await listObjects(client, this.path, operation, (entries) => {
      if (coming.count >= MAX_ENTRIES) return;
      coming.add(
        entries.map(({ name, typeName }) => ({
          name,
          typeName,
          path: entryPath(this.path, name),
          folded: name.toLowerCase(),
        })),
      );
      // The first page, at once; showing each later part would move what a person is looking at.
      if (before === undefined && this.#entries.length < PAGE_ENTRIES) {
        this.#entries = coming.all();
        onPart?.();
      }
    });
    this.#entries = coming.all();
    this.#sessionDirectory = sessionDirectory;
    this.complete = true;
    if (before === undefined) return [];
    return added(before, this.#entries);
  }
}
