/**
 * One identity per object, whichever side names it: epochs of handles and of addresses, joined where a record shows two
 * names of one object (create, open, reference, duplicate, close), and by path while the name lives.
 */
import type { Epoch, Namespace, UnionFind } from './epochs.js';
import { joinNames } from './identity/joins.js';
import { kindTable, Known, LIFECYCLE, type IdentityInput } from './identity/known.js';
import { readLifecycle } from './identity/lifecycle.js';
import { Kind, type Gap } from './records.js';

export type { IdentityInput } from './identity/known.js';

export interface Identity {
  readonly sets: UnionFind;
  readonly epochs: readonly Epoch[];
  /** Epoch's node of a record's object, by record; -1: of none. */
  readonly nodeOf: Int32Array;
  /** Record's object may be another than its epoch says, because records were lost. */
  readonly uncertain: Uint8Array;
  /** The same for entries of Waits.words. */
  readonly waitNodes: Int32Array;
  readonly waitUncertain: Uint8Array;
  /** Paths by node. */
  readonly paths: ReadonlyMap<number, string>;
  /** Creates and opens that failed, by record: the path that they asked for. */
  readonly failed: ReadonlyMap<number, string>;
}

const OPERATES = kindTable([
  ...[Kind.Set, Kind.Pulse, Kind.Reset, Kind.Release, Kind.TimerSet, Kind.TimerCancel, Kind.TimerExpire],
  ...[Kind.Request, Kind.Name],
]);
/** An invalid handle names no object: STATUS_INVALID_HANDLE, and ERROR_INVALID_HANDLE as an NTSTATUS. */
const isInvalidHandle = (status: number | undefined): boolean => status === 0xc000_0008 || status === 0xc007_0006;

export function identify(input: IdentityInput): Identity {
  return new Identifier(input).run();
}

class Identifier {
  readonly #known: Known;
  readonly #uncertain: Uint8Array;

  constructor(input: IdentityInput) {
    this.#known = new Known(input);
    this.#uncertain = new Uint8Array(input.table.count);
  }

  run(): Identity {
    const { sets, epochs, nodeOf, paths, failed } = this.#known;
    const lifecycle = readLifecycle(this.#known);
    this.#markUncertain();
    joinNames(this.#known, lifecycle);
    this.#resolveUses();
    return { sets, epochs, nodeOf, uncertain: this.#uncertain, ...this.#resolveWaits(), paths, failed };
  }

  /** To mean another object, a handle needs a lost close and create, an address a lost dereference and reference. */
  #markUncertain(): void {
    for (const epoch of this.#known.handles.all) {
      for (const [ordinal, losses] of this.#known.losses.entries()) {
        if (losses.length === 0 || !this.#touches(ordinal, epoch.space)) continue;
        this.#uncertainAfter(epoch, losses, 2);
      }
    }
    for (const epoch of this.#known.pointers.all) this.#uncertainAfter(epoch, this.#known.losses[epoch.space] ?? [], 2);
  }

  #uncertainAfter(epoch: Epoch, losses: readonly Gap[], needed: number): void {
    let lost = 0;
    for (const gap of [...losses].sort((a, b) => a.from - b.from)) {
      if (gap.until < epoch.from || gap.from > epoch.until) continue;
      lost += gap.count;
      if (lost >= needed) {
        epoch.uncertainFrom = Math.min(epoch.uncertainFrom, gap.from);
        return;
      }
    }
  }

  #resolveUses(): void {
    const known = this.#known;
    const uncertain = this.#uncertain;
    const { nodeOf } = known;
    const { table, order } = known.in;
    const { kind: kinds, object, status } = table;
    const uncertainNodes = this.#uncertainByNode();
    for (let at = 0; at < order.length; at += 1) {
      const record = order[at] ?? 0;
      const kind = kinds[record] ?? 0;
      if (OPERATES[kind] === 1 && (nodeOf[record] ?? -1) < 0) {
        if ((object[record] ?? 0) === 0 || isInvalidHandle(status[record])) continue;
        const epoch = known.use(record);
        nodeOf[record] = epoch.node;
        if (epoch.uncertainFrom < Infinity && known.end(record) > epoch.uncertainFrom) uncertain[record] = 1;
      } else if (LIFECYCLE[kind] === 1) {
        const from = uncertainNodes.get(nodeOf[record] ?? -1) ?? Infinity;
        if (known.end(record) > from) uncertain[record] = 1;
      }
    }
  }

  #uncertainByNode(): Map<number, number> {
    const byNode = new Map<number, number>();
    for (const epoch of this.#known.epochs) {
      if (Number.isFinite(epoch.uncertainFrom)) byNode.set(epoch.node, epoch.uncertainFrom);
    }
    return byNode;
  }

  #resolveWaits(): Pick<Identity, 'waitNodes' | 'waitUncertain'> {
    const { table, waits } = this.#known.in;
    const waitNodes = new Int32Array(waits.words.length).fill(-1);
    const waitUncertain = new Uint8Array(waits.words.length);
    for (let wait = 0; wait < waits.count; wait += 1) {
      const begin = waits.beginRecord[wait] ?? -1;
      const record = begin >= 0 ? begin : (waits.endRecord[wait] ?? -1);
      if (record < 0 || isInvalidHandle(waits.status[wait])) continue;
      const time = waits.begin[wait] ?? 0;
      const first = waits.first[wait] ?? 0;
      for (let at = first; at < first + (waits.objectCount[wait] ?? 0); at += 1) {
        const word = waits.words[at] ?? 0;
        if (word === 0) continue;
        const epoch = this.#known.isHandle(record)
          ? this.#known.handles.use(this.#known.space(record), word, time, this.#known.slack)
          : this.#known.pointers.use(table.source[record] ?? 0, word, time, 0);
        waitNodes[at] = epoch.node;
        waitUncertain[at] = Math.min(waits.end[wait] ?? time, Number.MAX_VALUE) > epoch.uncertainFrom ? 1 : 0;
      }
    }
    return { waitNodes, waitUncertain };
  }

  /** Whether a source records what happens to a handle table. */
  #touches(ordinal: number, space: Namespace): boolean {
    const source = this.#known.in.sources[ordinal];
    if (source === undefined) return false;
    if (source.side === 'kernel') return space === -(ordinal + 1) || space >= 0;
    return source.process === space || (source.process === undefined && space >= 0);
  }
}
