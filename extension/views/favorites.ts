/** Objects that a person has chosen to keep at hand, in this workspace. */
import type * as vscode from 'vscode';
import * as v from 'valibot';
import type { ListedEntry } from '../../target/namespace-directory.js';

const KEY = 'favorites';
const MAX_FAVORITES = 200;
const stored = v.array(v.object({ name: v.string(), typeName: v.string(), path: v.string() }));

const same = (a: ListedEntry, b: ListedEntry): boolean =>
  a.typeName === b.typeName && a.path.toLowerCase() === b.path.toLowerCase();

export class Favorites {
  readonly #memento: vscode.Memento;
  #entries: readonly ListedEntry[];

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
    // What another version wrote may have another shape.
    const result = v.safeParse(stored, memento.get(KEY));
    this.#entries = result.success ? result.output : [];
  }

  get entries(): readonly ListedEntry[] {
    return this.#entries;
  }

  has(entry: ListedEntry): boolean {
    return this.#entries.some((favorite) => same(favorite, entry));
  }

  async add({ name, typeName, path }: ListedEntry): Promise<void> {
    const entry = { name, typeName, path };
    if (this.has(entry)) return;
    await this.#keep([...this.#entries, entry].slice(-MAX_FAVORITES));
  }

  async remove(entry: ListedEntry): Promise<void> {
    await this.#keep(this.#entries.filter((favorite) => !same(favorite, entry)));
  }

  async #keep(entries: readonly ListedEntry[]): Promise<void> {
    this.#entries = entries;
    await this.#memento.update(KEY, entries);
  }
}
