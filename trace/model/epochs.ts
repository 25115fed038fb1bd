/**
 * Epochs: stretches of time in which one handle, or one address, means one object. Handles and addresses are reused, so
 * an object is never known by them alone (DESIGN, decision 8). Epochs that evidence shows to be one object are united.
 */

/** Which table a handle belongs to: a process id, or -(source + 1) for the handles of a driver. */
export type Namespace = number;

export interface Epoch {
  readonly node: number;
  readonly kind: 'handle' | 'pointer';
  /** Handles: namespace. Pointers: source. */
  readonly space: number;
  readonly word: number;
  /** -Infinity: before anything was recorded of it. */
  from: number;
  /** Infinity: to the end. */
  until: number;
  /** Its beginning was not recorded. */
  readonly implicit: boolean;
  /** From here on lost records may have ended it and given its value to another object. Infinity: never. */
  uncertainFrom: number;
}

/** Disjoint sets with path halving. */
export class UnionFind {
  readonly #parent: number[] = [];
  /** Latest end of a handle of the set: a name lives as long as one. */
  readonly #handlesUntil: number[] = [];

  add(handlesUntil: number): number {
    this.#handlesUntil.push(handlesUntil);
    return this.#parent.push(this.#parent.length) - 1;
  }

  find(node: number): number {
    let at = node;
    for (;;) {
      const parent = this.#parent[at] ?? at;
      if (parent === at) return at;
      const grand = this.#parent[parent] ?? parent;
      this.#parent[at] = grand;
      at = grand;
    }
  }

  unite(a: number, b: number): void {
    const rootA = this.find(a);
    const rootB = this.find(b);
    if (rootA === rootB) return;
    const [low, high] = rootA < rootB ? [rootA, rootB] : [rootB, rootA];
    this.#parent[high] = low;
    this.#handlesUntil[low] = Math.max(this.#handlesUntil[low] ?? 0, this.#handlesUntil[high] ?? 0);
  }

  /** Before any union: when the handle of this node was closed. */
  setHandlesUntil(node: number, time: number): void {
    this.#handlesUntil[node] = time;
  }

  handlesUntil(node: number): number {
    return this.#handlesUntil[this.find(node)] ?? -Infinity;
  }
}

/** A power of two. */
const RECENT = 64;

export class EpochTable {
  readonly sets: UnionFind;
  readonly all: Epoch[] = [];
  readonly #byWord = new Map<number, Map<number, Epoch[]>>();
  /** Those asked for last. */
  readonly #recent = new Array<{ space: number; word: number; list: Epoch[] } | undefined>(RECENT);
  readonly #kind: Epoch['kind'];
  readonly #epochs: Epoch[];

  /** `epochs` gets those of all tables that share `sets`, by node. */
  constructor(kind: Epoch['kind'], sets: UnionFind, epochs: Epoch[]) {
    this.#kind = kind;
    this.#epochs = epochs;
    this.sets = sets;
  }

  /** Adds behind all other epochs of that value. */
  append(space: number, word: number, from: number, until: number, implicit: boolean): Epoch {
    const list = this.#list(space, word);
    const epoch = this.#make(space, word, from, until, implicit);
    list.push(epoch);
    return epoch;
  }

  last(space: number, word: number): Epoch | undefined {
    return this.#byWord.get(space)?.get(word)?.at(-1);
  }

  /** Epochs that may overlap [from, until]. */
  overlapping(space: number, word: number, from: number, until: number): Epoch[] {
    const list = this.#byWord.get(space)?.get(word) ?? [];
    return list.filter((epoch) => epoch.from <= until && epoch.until >= from);
  }

  /** The epoch in which `word` was used at `time`, with times of the two good to `slack`; made when none is known. */
  use(space: number, word: number, time: number, slack: number): Epoch {
    const list = this.#list(space, word);
    const [only] = list;
    // Most values mean one object all along.
    if (list.length === 1 && only !== undefined && only.from <= time && only.until >= time) return only;
    const at = lastFrom(list, time);
    const current = list[at];
    if (current !== undefined && current.until >= time) return current;
    const next = list[at + 1];
    if (next !== undefined && next.from - slack <= time) return next;
    if (current !== undefined && current.until + slack >= time) return current;
    const epoch = this.#make(space, word, current?.until ?? -Infinity, next?.from ?? Infinity, true);
    list.splice(at + 1, 0, epoch);
    return epoch;
  }

  #list(space: number, word: number): Epoch[] {
    // Handles are multiples of 4, and few objects are used at a time.
    const place = (word / 4) & (RECENT - 1);
    const recent = this.#recent[place];
    if (recent !== undefined && recent.space === space && recent.word === word) return recent.list;
    const list = this.#find(space, word);
    this.#recent[place] = { space, word, list };
    return list;
  }

  #find(space: number, word: number): Epoch[] {
    let words = this.#byWord.get(space);
    if (words === undefined) this.#byWord.set(space, (words = new Map<number, Epoch[]>()));
    let list = words.get(word);
    if (list === undefined) words.set(word, (list = []));
    return list;
  }

  #make(space: number, word: number, from: number, until: number, implicit: boolean): Epoch {
    const node = this.sets.add(this.#kind === 'handle' ? until : -Infinity);
    const epoch: Epoch = { node, kind: this.#kind, space, word, from, until, implicit, uncertainFrom: Infinity };
    this.all.push(epoch);
    this.#epochs[node] = epoch;
    return epoch;
  }
}

/** Index of the last epoch that begins at `time` or before; -1 when none does. Epochs of one value follow one another. */
function lastFrom(list: readonly Epoch[], time: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.from ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
