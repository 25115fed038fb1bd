/**
 * An index of names over the whole namespace, for a filter that answers while one types. It is filled by a walk from the root
 * that follows no links, directory by directory in the agent's short slices; the walk waits while a trace records.
 */
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from './agent-client.js';
import type { ListedEntry } from './namespace-directory.js';
import { entryPath, listObjects } from './objects.js';
import type { Operation } from './target.js';

const ROOT = '\\';
/** Bounds of the walk: far over any Windows machine's namespace, and some 40 MB of names. */
const MAX_ENTRIES = 200_000;
const MAX_DIRECTORIES = 10_000;
const MAX_DEPTH = 32;

export interface SearchResult {
  readonly entries: readonly ListedEntry[];
  /** How many match; entries holds the first of them. */
  readonly total: number;
}

export interface IndexProgress {
  readonly entries: number;
  readonly directories: number;
  /** Directories that could not be listed, with why. */
  readonly refused: readonly { readonly path: string; readonly why: string }[];
  /** Names were left out because a bound was reached. */
  readonly truncated: boolean;
}

interface Indexed {
  readonly name: string;
  readonly typeName: string;
  readonly directory: string;
  /** The full path in lower case: what is searched. */
  readonly searched: string;
}

/** A walk that may not begin or go on, because a trace records. */
export class TraceRecordsError extends EventscopeError {
  constructor(target: string, holder: string | undefined) {
    super({
      id: 'namespace.tracing',
      what: 'The namespace is not searched while a trace records',
      target,
      ...(holder === undefined ? {} : { why: `the trace is recorded by ${holder}` }),
      next: 'Search again when the recording has ended; directories can still be opened one by one.',
    });
  }
}

export class NamespaceIndex {
  #names: Indexed[] = [];
  #refused: { path: string; why: string }[] = [];
  #directories = 0;
  #truncated = false;
  #complete = false;

  get complete(): boolean {
    return this.#complete;
  }

  get progress(): IndexProgress {
    return {
      entries: this.#names.length,
      directories: this.#directories,
      refused: this.#refused,
      truncated: this.#truncated,
    };
  }

  /** Types that occur, sorted. */
  get typeNames(): readonly string[] {
    return [...new Set(this.#names.map(({ typeName }) => typeName))].sort();
  }

  /**
   * Fills the index anew. What was there is searched until the new walk has passed it; a cancelled walk leaves the old one.
   * @param mayWalk asked before each directory: rejects when the walk has to end, such as with TraceRecordsError
   * @param onProgress called after each directory
   * @throws what mayWalk throws; EventscopeError `agent.*` when the agent is gone; CancelledError
   */
  async fill(
    client: AgentClient,
    operation: Operation,
    mayWalk: () => Promise<void>,
    onProgress?: () => void,
  ): Promise<void> {
    const first = !this.#complete;
    const walk = { names: [] as Indexed[], refused: [] as { path: string; why: string }[], directories: 0 };
    let truncated = false;
    if (first) this.#adopt(walk, false);
    const waiting: { path: string; depth: number }[] = [{ path: ROOT, depth: 0 }];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { path, depth } = next;
      await mayWalk();
      try {
        await listObjects(client, path, operation, (entries) => {
          for (const { name, typeName } of entries) {
            if (walk.names.length >= MAX_ENTRIES) {
              truncated = true;
              return;
            }
            const full = entryPath(path, name);
            walk.names.push({ name, typeName, directory: path, searched: full.toLowerCase() });
            if (typeName !== 'Directory') continue;
            if (depth + 1 < MAX_DEPTH && waiting.length < MAX_DIRECTORIES)
              waiting.push({ path: full, depth: depth + 1 });
            else truncated = true;
          }
        });
      } catch (error) {
        // One directory that vanished or refuses is told of; an agent that is gone, or a person, ends the walk.
        if (error instanceof CancelledError) throw error;
        if (!(error instanceof EventscopeError) || error.id !== 'object.directory') throw error;
        walk.refused.push({ path, why: error.why ?? error.what });
      }
      walk.directories++;
      if (first) this.#adopt(walk, truncated);
      onProgress?.();
    }
    this.#adopt(walk, truncated);
    this.#complete = true;
  }

  #adopt(
    walk: { names: Indexed[]; refused: { path: string; why: string }[]; directories: number },
    cut: boolean,
  ): void {
    this.#names = walk.names;
    this.#refused = walk.refused;
    this.#directories = walk.directories;
    this.#truncated = cut;
  }

  /**
   * Objects whose path holds every word of the text, without regard to case; names that begin with it come first.
   * @param types the kernel's type names; empty: all
   * @param limit most entries returned
   */
  search(text: string, types: ReadonlySet<string>, limit: number): SearchResult {
    const words = text
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const [firstWord = ''] = words;
    const begins: Indexed[] = [];
    const others: Indexed[] = [];
    let total = 0;
    for (const indexed of this.#names) {
      if (types.size > 0 && !types.has(indexed.typeName)) continue;
      if (!words.every((word) => indexed.searched.includes(word))) continue;
      total++;
      if (begins.length + others.length >= limit * 4) continue;
      (indexed.name.toLowerCase().startsWith(firstWord) ? begins : others).push(indexed);
    }
    const entries = [...begins, ...others]
      .slice(0, limit)
      .map(({ name, typeName, directory }) => ({ name, typeName, path: entryPath(directory, name) }));
    return { entries, total };
  }
}
