/**
 * Small numbers for what the client may ask about later. A handle is known by its parent and its name there, so that the same thing has
 * the same number at the next stop, and a tree that the user unfolded stays unfolded.
 */
export class HandleTree<T> {
  #next = 1;
  #current = new Map<number, { readonly value: T; readonly key: string }>();
  #numbers = new Map<string, number>();
  #previous = new Map<string, number>();

  /** @param parent 0 for a root */
  add(parent: number, name: string, value: T): number {
    const key = `${parent}/${name}`;
    const handle = this.#numbers.get(key) ?? this.#previous.get(key) ?? this.#next++;
    this.#numbers.set(key, handle);
    this.#current.set(handle, { value, key });
    return handle;
  }

  get(handle: number): T | undefined {
    return this.#current.get(handle)?.value;
  }

  /** What was known is stale; numbers of this generation are given again to what is of the same place, older ones are forgotten. */
  reset(): void {
    this.#previous = this.#numbers;
    this.#numbers = new Map();
    this.#current = new Map();
  }
}
