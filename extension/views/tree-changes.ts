/**
 * When a tree's changes are told to VS Code. It takes a change at once when none came in the 200 ms before, and holds it back until
 * 200 ms after the last one otherwise, so that a person who types sees nothing until the pause (measured with 1.139). Changes here are
 * told together, the earliest that is taken at once: what is typed is seen while it is typed.
 */

/** A little more than VS Code's own time. */
export const HELD_BACK_MS = 205;

export class TreeChanges<T> {
  readonly #tell: (nodes: T[] | undefined) => void;
  readonly #show: (message: string | undefined) => void;
  readonly #waiting = new Set<T>();
  #everything = false;
  #message: string | undefined;
  #freeAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param tell fires the tree's event; undefined: the whole tree
   * @param show sets the tree's message, which counts as a change of it
   */
  constructor(tell: (nodes: T[] | undefined) => void, show: (message: string | undefined) => void) {
    this.#tell = tell;
    this.#show = show;
  }

  /** @param node undefined: the whole tree */
  fire(node: T | undefined): void {
    if (node === undefined) this.#everything = true;
    else this.#waiting.add(node);
    if (this.#timer !== undefined) return;
    const wait = this.#freeAt - Date.now();
    if (wait <= 0) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), wait);
  }

  /** The message above the tree. Shown behind the next change, when one waits: told before it, it would hold that one back. */
  say(message: string | undefined): void {
    if (message === this.#message) return;
    this.#message = message;
    if (this.#timer === undefined) this.#showMessage();
  }
  #shown: string | undefined;

  #showMessage(): void {
    if (this.#shown === this.#message) return;
    this.#shown = this.#message;
    this.#freeAt = Date.now() + HELD_BACK_MS;
    this.#show(this.#message);
  }

  #flush(): void {
    this.#timer = undefined;
    const nodes = this.#everything ? undefined : [...this.#waiting];
    this.#everything = false;
    this.#waiting.clear();
    this.#freeAt = Date.now() + HELD_BACK_MS;
    this.#tell(nodes);
    this.#showMessage();
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }
}
