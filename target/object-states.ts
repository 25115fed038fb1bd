/** The last known states of objects on a screen, and what changed when they are asked again. */
import type { AgentClient } from './agent-client.js';
import type { ListedEntry } from './namespace-directory.js';
import { changeKey } from './object-text.js';
import { type QueriedObject, queryPaths } from './objects.js';
import type { Operation } from './target.js';

/** More than is ever shown at a time; what was not asked for longest is forgotten. */
const MAX_STATES = 10_000;

interface Known {
  readonly object: QueriedObject;
  readonly key: string;
}

const keyOf = ({ path, typeName }: ListedEntry): string => `${typeName} ${path}`;

export class ObjectStates {
  readonly #known = new Map<string, Known>();

  of(entry: ListedEntry): QueriedObject | undefined {
    return this.#known.get(keyOf(entry))?.object;
  }

  /**
   * Asks for the state of objects, all in one request. One that has vanished since it was listed carries its status.
   * @returns those that show something else than before; those asked for the first time are not among them
   * @throws EventscopeError `agent.*`; CancelledError
   */
  async refresh(
    client: AgentClient,
    entries: readonly ListedEntry[],
    operation: Operation,
  ): Promise<readonly ListedEntry[]> {
    const objects = await queryPaths(client, entries, operation);
    const changed: ListedEntry[] = [];
    for (const [index, entry] of entries.entries()) {
      const object = objects[index];
      if (object === undefined) continue;
      const id = keyOf(entry);
      const key = changeKey(object);
      const known = this.#known.get(id);
      if (known !== undefined && known.key !== key) changed.push(entry);
      this.#known.delete(id);
      this.#known.set(id, { object, key });
    }
    this.#forgetOldest();
    return changed;
  }

  #forgetOldest(): void {
    for (const id of this.#known.keys()) {
      if (this.#known.size <= MAX_STATES) return;
      this.#known.delete(id);
    }
  }

  clear(): void {
    this.#known.clear();
  }
}
