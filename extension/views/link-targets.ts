/** Where symbolic links of the tree lead to: those that lead to a directory are opened like one. */
import type { AgentClient } from '../../target/agent-client.js';
import type { ListedEntry } from '../../target/namespace-directory.js';
import type { ObjectStates } from '../../target/object-states.js';
import { queryPaths } from '../../target/objects.js';
import type { Operation } from '../../target/target.js';

export class LinkTargets {
  readonly #directories = new Map<string, string>();

  /** Path of the directory that a link leads to; undefined: it leads to none, or nobody has looked yet. */
  directoryOf(path: string): string | undefined {
    return this.#directories.get(path);
  }

  /**
   * Looks which of these entries are links to directories, all in one request.
   * @param states of the entries: they tell where a link leads to
   * @throws EventscopeError `agent.*`; CancelledError
   */
  async follow(
    client: AgentClient,
    entries: readonly ListedEntry[],
    states: ObjectStates,
    operation: Operation,
  ): Promise<void> {
    const links = entries.flatMap((entry) => {
      const state = entry.typeName === 'SymbolicLink' ? states.of(entry) : undefined;
      if (state === undefined || 'status' in state || typeof state.linkTarget !== 'string') return [];
      return state.linkTarget.startsWith('\\')
        ? [{ link: entry.path, path: state.linkTarget, typeName: 'Directory' }]
        : [];
    });
    if (links.length === 0) return;
    const targets = await queryPaths(client, links, operation);
    for (const [index, { link, path }] of links.entries()) {
      const target = targets[index];
      if (target === undefined || 'status' in target) this.#directories.delete(link);
      else this.#directories.set(link, path);
    }
  }

  clear(): void {
    this.#directories.clear();
  }
}
