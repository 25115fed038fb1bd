/** Two names of one object: joined where a record shows both, and by path while the name lives. */
import type { Epoch, Namespace } from '../epochs.js';
import { Flag, Kind } from '../records.js';
import type { Known } from './known.js';

/** `lifecycle`: life-cycle records in the order in which values change hands. */
export function joinNames(known: Known, lifecycle: readonly number[]): void {
  const joiner = new Joiner(known);
  for (const record of lifecycle) joiner.join(record);
  joiner.joinPaths(lifecycle);
}

class Joiner {
  readonly #known: Known;

  constructor(known: Known) {
    this.#known = known;
  }

  join(record: number): void {
    const { table } = this.#known.in;
    const node = this.#known.nodeOf[record] ?? -1;
    const began = this.#known.began.get(record);
    const kind = table.kind[record];
    const argument = table.argument[record] ?? 0;
    if (kind === Kind.Reference && node >= 0 && argument !== 0) {
      const other = this.#handleDuring(this.#known.space(record), argument, record);
      if (other !== undefined) this.#known.sets.unite(node, other.node);
      else this.#known.doubt(node);
    } else if (kind === Kind.Duplicate && began !== undefined) {
      const object = table.object[record] ?? 0;
      if (object === 0) return;
      const time = table.time[record] ?? 0;
      const from = this.#known.isHandle(record)
        ? this.#known.handles.use(this.#known.space(record), object, time, this.#known.slack)
        : this.#known.pointers.use(table.source[record] ?? 0, object, time, 0);
      this.#known.nodeOf[record] = from.node;
      if (time <= from.uncertainFrom) this.#known.sets.unite(from.node, began.node);
      else this.#known.doubt(began.node);
    }
  }

  /** The only epoch of a handle during a call, or undefined when there are several: then nothing is joined. */
  #handleDuring(space: Namespace, word: number, record: number): Epoch | undefined {
    const time = this.#known.in.table.time[record] ?? 0;
    const end = this.#known.end(record);
    // A driver's own handles are recorded by the clock that records the reference.
    const slack = space < 0 ? 0 : this.#known.slack;
    const found = this.#known.handles.overlapping(space, word, time - slack, end + slack);
    if (found.length > 1) return undefined;
    const epoch = found[0] ?? this.#known.handles.use(space, word, time, this.#known.slack);
    return epoch.uncertainFrom < end ? undefined : epoch;
  }

  joinPaths(lifecycle: readonly number[]): void {
    const { table, order } = this.#known.in;
    const named = new Map<string, number[]>();
    const add = (record: number): void => {
      const text = table.text.get(record);
      if (text === undefined || text === '' || this.#known.failed.has(record)) return;
      const path = this.#known.path(record, text);
      const list = named.get(path);
      if (list === undefined) named.set(path, [record]);
      else list.push(record);
    };
    for (const record of lifecycle) {
      if (table.kind[record] === Kind.Create || table.kind[record] === Kind.Open) add(record);
    }
    const anyName = (table.ofKind[Kind.Name] ?? 0) > 0;
    for (let at = 0; anyName && at < order.length; at += 1) {
      const record = order[at] ?? 0;
      if (table.kind[record] !== Kind.Name) continue;
      this.#known.nodeOf[record] = this.#known.use(record).node;
      add(record);
    }
    for (const [path, records] of named) this.#joinPath(path, records);
  }

  /** Lives of one name: each begins with a create that made the object, and ends with its last handle. */
  #joinPath(path: string, records: readonly number[]): void {
    const { table } = this.#known.in;
    const lives: { node: number; from: number; until: number; sure: boolean }[] = [];
    const isFresh = (record: number): boolean =>
      table.kind[record] === Kind.Create && ((table.flags[record] ?? 0) & Flag.Existed) === 0;
    const existing = new Set<number>();
    for (const record of records.filter(isFresh)) {
      const before = lives.at(-1);
      // IoCreateNotificationEvent does not tell whether it made the event; two objects never share a name.
      if (before !== undefined && this.#known.isKernel(record) && this.#nameAlive(before.node, record)) {
        existing.add(record);
        continue;
      }
      if (before !== undefined) before.until = this.#known.end(record) + this.#known.slack;
      const node = this.#known.nodeOf[record] ?? -1;
      if (node < 0) continue;
      this.#known.paths.set(node, path);
      lives.push({ node, from: (table.time[record] ?? 0) - this.#known.slack, until: Infinity, sure: true });
    }
    for (const record of records) {
      const node = this.#known.nodeOf[record] ?? -1;
      if (node < 0 || (isFresh(record) && !existing.has(record))) continue;
      this.#known.paths.set(node, path);
      const from = table.time[record] ?? 0;
      const until = this.#known.end(record);
      const alive = lives.filter(
        (life) =>
          life.from <= until &&
          Math.min(life.until, this.#known.sets.handlesUntil(life.node) + this.#known.slack) >= from,
      );
      const only = alive[0];
      if (alive.length === 1 && only !== undefined && this.#nameSure(only.node, until))
        this.#known.sets.unite(only.node, node);
      else if (alive.length > 0) this.#known.doubt(node);
      else lives.push({ node, from: -Infinity, until: Infinity, sure: false });
    }
  }

  /** Some handle of the object was surely open through the whole call. */
  #nameAlive(node: number, record: number): boolean {
    const root = this.#known.sets.find(node);
    const end = this.#known.end(record) + this.#known.slack;
    return this.#known.handles.all.some(
      (epoch) => this.#known.sets.find(epoch.node) === root && epoch.until > end && epoch.uncertainFrom > end,
    );
  }

  /** False when every handle that keeps the name alive may have been closed in a gap. */
  #nameSure(node: number, time: number): boolean {
    const root = this.#known.sets.find(node);
    const losses = this.#known.in.gaps.filter((gap) => gap.from <= time);
    if (losses.length === 0) return true;
    return this.#known.handles.all.some(
      (epoch) => this.#known.sets.find(epoch.node) === root && epoch.until >= time && epoch.uncertainFrom > time,
    );
  }
}
