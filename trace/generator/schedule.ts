/** Simulated time: what is due, in order of time. */
interface Due {
  readonly at: number;
  readonly run: () => void;
}

export class Schedule {
  /** A heap: each entry is due no later than the two below it. */
  readonly #due: Due[] = [];
  /** ns since the start of the simulation. */
  now = 0;

  at(time: number, run: () => void): void {
    const heap = this.#due;
    heap.push({ at: time, run });
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if ((heap[parent]?.at ?? 0) <= (heap[at]?.at ?? 0)) return;
      swap(heap, at, parent);
      at = parent;
    }
  }

  /** Runs all that is due, and what that makes due, to the end. */
  runAll(): void {
    for (let due = this.#take(); due !== undefined; due = this.#take()) {
      this.now = due.at;
      due.run();
    }
  }

  #take(): Due | undefined {
    const heap = this.#due;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const small = (heap[right]?.at ?? Infinity) < (heap[left]?.at ?? Infinity) ? right : left;
      if ((heap[small]?.at ?? Infinity) >= (heap[at]?.at ?? 0)) return first;
      swap(heap, at, small);
      at = small;
    }
  }
}

function swap(items: Due[], a: number, b: number): void {
  const [one, other] = [items[a], items[b]];
  if (one === undefined || other === undefined) return;
  items[a] = other;
  items[b] = one;
}
