/**
 * One identity per object, whichever side names it: epochs of handles and of addresses, joined where a record shows two
 * names of one object (create, open, reference, duplicate, close), and by path while the name lives.
 */
import type { RecordingSource } from '../recording.js';
import { objectPath } from '../names.js';
import { EpochTable, UnionFind, type Epoch, type Namespace } from './epochs.js';
import { Flag, Kind, type Gap, type RecordTable } from './records.js';
import type { Waits } from './waits.js';

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

export interface IdentityInput {
  readonly table: RecordTable;
  readonly sources: readonly RecordingSource[];
  /** Records by time. */
  readonly order: Uint32Array;
  readonly waits: Waits;
  readonly gaps: readonly Gap[];
  /** By source, ns. */
  readonly uncertainty: readonly number[];
}

const LIFECYCLE: ReadonlySet<number> = new Set([
  Kind.Create,
  Kind.Open,
  Kind.Reference,
  Kind.Dereference,
  Kind.Duplicate,
  Kind.Close,
  Kind.Initialize,
]);
const OPERATES: ReadonlySet<number> = new Set([
  ...[Kind.Set, Kind.Pulse, Kind.Reset, Kind.Release, Kind.TimerSet, Kind.TimerCancel, Kind.TimerExpire],
  ...[Kind.Request, Kind.Name],
]);
/** NTSTATUS severity "error". */
const failedStatus = (status: number): boolean => status >= 0xc000_0000;
/** An invalid handle names no object: STATUS_INVALID_HANDLE, and ERROR_INVALID_HANDLE as an NTSTATUS. */
const isInvalidHandle = (status: number | undefined): boolean => status === 0xc000_0008 || status === 0xc007_0006;

export function identify(input: IdentityInput): Identity {
  return new Identifier(input).run();
}

/** A driver's calibrations bear the process that holds kernel handles: System, or the driver host under Wine. */
function hostProcess(table: RecordTable, source: number): number {
  for (let record = 0; record < table.count; record += 1) {
    if (table.source[record] === source && table.kind[record] === Kind.Calibration) return table.process[record] ?? 4;
  }
  return 4;
}

class Identifier {
  readonly #in: IdentityInput;
  readonly #sets = new UnionFind();
  /** By node. */
  readonly #epochs: Epoch[] = [];
  readonly #handles = new EpochTable('handle', this.#sets, this.#epochs);
  readonly #pointers = new EpochTable('pointer', this.#sets, this.#epochs);
  /** References held, by node of an address. */
  readonly #references = new Map<number, number>();
  /** Address that a thread's last call referenced. */
  readonly #lastReference = new Map<number, number>();
  readonly #nodeOf: Int32Array;
  readonly #uncertain: Uint8Array;
  readonly #paths = new Map<number, string>();
  readonly #failed = new Map<number, string>();
  /** By source: process whose handles a driver's own are. */
  readonly #systemProcess: readonly number[];
  /** Handle epoch that a record began, by record. */
  readonly #began = new Map<number, Epoch>();
  readonly #losses: readonly (readonly Gap[])[];
  readonly #slack: number;

  constructor(input: IdentityInput) {
    this.#in = input;
    this.#nodeOf = new Int32Array(input.table.count).fill(-1);
    this.#uncertain = new Uint8Array(input.table.count);
    const { table, sources } = input;
    this.#systemProcess = sources.map(({ process }, ordinal) => process ?? hostProcess(table, ordinal));
    this.#losses = sources.map((_source, ordinal) => input.gaps.filter((gap) => gap.source === ordinal));
    this.#slack = Math.min(1e9, 2 * Math.max(0, ...input.uncertainty));
  }

  run(): Identity {
    const lifecycle = this.#lifecycle();
    for (const record of lifecycle) this.#epochStep(record);
    this.#endWithProcesses();
    for (const epoch of this.#handles.all) this.#sets.setHandlesUntil(epoch.node, epoch.until);
    this.#markUncertain();
    for (const record of lifecycle) this.#join(record);
    this.#joinNames(lifecycle);
    this.#resolveUses();
    const waitNodes = this.#resolveWaits();
    return {
      sets: this.#sets,
      epochs: this.#epochs,
      nodeOf: this.#nodeOf,
      uncertain: this.#uncertain,
      ...waitNodes,
      paths: this.#paths,
      failed: this.#failed,
    };
  }

  /** Life-cycle records, beginnings at their return and all else at its entry: the order in which values change hands. */
  #lifecycle(): number[] {
    const { table, order } = this.#in;
    const records: number[] = [];
    for (const record of order) if (LIFECYCLE.has(table.kind[record] ?? 0)) records.push(record);
    const moment = (record: number): number =>
      (table.time[record] ?? 0) + (this.#isBegin(record) ? (table.duration[record] ?? 0) : 0);
    return records.sort((a, b) => moment(a) - moment(b));
  }

  #isBegin(record: number): boolean {
    const kind = this.#in.table.kind[record];
    return kind === Kind.Create || kind === Kind.Open || kind === Kind.Reference || kind === Kind.Duplicate;
  }

  #isKernel(record: number): boolean {
    return this.#in.sources[this.#in.table.source[record] ?? 0]?.side === 'kernel';
  }

  #isHandle(record: number): boolean {
    return !this.#isKernel(record) || ((this.#in.table.flags[record] ?? 0) & Flag.ObjectIsHandle) !== 0;
  }

  /** Table of a record's handle. A driver's own handles are in a table of their own, whatever process it runs in. */
  #space(record: number): Namespace {
    const { table } = this.#in;
    const process = table.process[record] ?? 0;
    const source = table.source[record] ?? 0;
    const own = process === 0 || process === this.#systemProcess[source];
    return this.#isKernel(record) && own ? -(source + 1) : process;
  }

  #end(record: number): number {
    return (this.#in.table.time[record] ?? 0) + (this.#in.table.duration[record] ?? 0);
  }

  #epochStep(record: number): void {
    const { table } = this.#in;
    const object = table.object[record] ?? 0;
    const time = table.time[record] ?? 0;
    const failed = failedStatus(table.status[record] ?? 0);
    switch (table.kind[record] ?? 0) {
      case Kind.Create:
      case Kind.Open:
        if (failed || object === 0) {
          const text = table.text.get(record);
          if (text !== undefined) this.#failed.set(record, this.#path(record, text));
        } else if (this.#isHandle(record)) this.#beginHandle(this.#space(record), object, record);
        else this.#beginPointer(record, object, false);
        return;
      case Kind.Duplicate: {
        const handle = table.argument[record] ?? 0;
        // Process 0: the recorder could not tell whose handle it is.
        const known = this.#isKernel(record) || (table.process[record] ?? 0) !== 0;
        if (!failed && handle !== 0 && known) this.#beginHandle(this.#space(record), handle, record);
        return;
      }
      case Kind.Reference:
        if (!failed && object !== 0) this.#beginPointer(record, object, this.#repeatsReference(record, object));
        return;
      case Kind.Initialize: {
        const before = this.#pointers.last(table.source[record] ?? 0, object);
        if (before !== undefined && before.until > time) before.until = time;
        const epoch = this.#pointers.append(table.source[record] ?? 0, object, time, Infinity, false);
        this.#nodeOf[record] = epoch.node;
        return;
      }
      case Kind.Dereference:
        this.#dropReference(record, object);
        return;
      case Kind.Close:
        this.#closeHandle(record, object, failed);
        return;
      default:
    }
  }

  #beginHandle(space: Namespace, word: number, record: number): void {
    const before = this.#handles.last(space, word);
    // Its close was not recorded: it was over before this call could return the same value.
    if (before !== undefined && before.until > this.#end(record)) before.until = this.#in.table.time[record] ?? 0;
    const epoch = this.#handles.append(space, word, this.#end(record), Infinity, false);
    this.#began.set(record, epoch);
    if (this.#in.table.kind[record] !== Kind.Duplicate) this.#nodeOf[record] = epoch.node;
  }

  /**
   * A driver that had to duplicate a handle before it could reference it tells whose handle it was in a record of its own
   * (a point, not a call) behind that of the call: one reference, two records.
   */
  #repeatsReference(record: number, word: number): boolean {
    const { table } = this.#in;
    const thread = table.thread[record] ?? 0;
    const isCall = (table.duration[record] ?? 0) > 0;
    const repeats = !isCall && this.#lastReference.get(thread) === word;
    this.#lastReference.set(thread, isCall ? word : 0);
    return repeats;
  }

  /** An address stays one object while a reference is held. `repeated`: no further reference, but a further fact. */
  #beginPointer(record: number, word: number, repeated: boolean): void {
    const source = this.#in.table.source[record] ?? 0;
    const current = this.#pointers.last(source, word);
    const held = current === undefined ? 0 : (this.#references.get(current.node) ?? 0);
    const end = this.#end(record);
    if (current !== undefined && held > 0 && !this.#lostBetween(source, current.from, end, 1)) {
      this.#references.set(current.node, repeated ? held : held + 1);
      this.#nodeOf[record] = current.node;
      return;
    }
    if (current !== undefined && current.until > end) current.until = this.#in.table.time[record] ?? 0;
    const epoch = this.#pointers.append(source, word, end, Infinity, false);
    this.#references.set(epoch.node, 1);
    this.#nodeOf[record] = epoch.node;
  }

  #dropReference(record: number, word: number): void {
    const { table } = this.#in;
    const epoch = this.#pointers.use(table.source[record] ?? 0, word, table.time[record] ?? 0, 0);
    this.#nodeOf[record] = epoch.node;
    const held = (this.#references.get(epoch.node) ?? 1) - 1;
    this.#references.set(epoch.node, held);
    if (held === 0) epoch.until = table.time[record] ?? 0;
  }

  #closeHandle(record: number, word: number, failed: boolean): void {
    const time = this.#in.table.time[record] ?? 0;
    const epoch = this.#handles.use(this.#space(record), word, time, 0);
    if (failed) return;
    this.#nodeOf[record] = epoch.node;
    epoch.until = time;
  }

  /** What a process still had open was closed when it ended, soon after its last record. */
  #endWithProcesses(): void {
    const { table, sources } = this.#in;
    sources.forEach((source, ordinal) => {
      if (source.side !== 'user' || source.end?.exitCode === undefined) return;
      let last = -Infinity;
      const processes = new Set<number>();
      for (let record = 0; record < table.count; record += 1) {
        if (table.source[record] !== ordinal) continue;
        last = Math.max(last, this.#end(record));
        processes.add(table.process[record] ?? 0);
      }
      for (const epoch of this.#handles.all) {
        if (processes.has(epoch.space) && epoch.from <= last) epoch.until = Math.min(epoch.until, last);
      }
    });
  }

  #lostBetween(source: number, from: number, until: number, atLeast: number): boolean {
    let lost = 0;
    for (const gap of this.#losses[source] ?? []) {
      if (gap.from <= until && gap.until >= from) lost += gap.count;
    }
    return lost >= atLeast;
  }

  /** To mean another object, a handle needs a lost close and create, an address a lost dereference and reference. */
  #markUncertain(): void {
    for (const epoch of this.#handles.all) {
      for (const [ordinal, losses] of this.#losses.entries()) {
        if (losses.length === 0 || !this.#touches(ordinal, epoch.space)) continue;
        this.#uncertainAfter(epoch, losses, 2);
      }
    }
    for (const epoch of this.#pointers.all) this.#uncertainAfter(epoch, this.#losses[epoch.space] ?? [], 2);
  }

  /** Whether a source records what happens to a handle table. */
  #touches(ordinal: number, space: Namespace): boolean {
    const source = this.#in.sources[ordinal];
    if (source === undefined) return false;
    if (source.side === 'kernel') return space === -(ordinal + 1) || space >= 0;
    return source.process === space || (source.process === undefined && space >= 0);
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

  #join(record: number): void {
    const { table } = this.#in;
    const node = this.#nodeOf[record] ?? -1;
    const began = this.#began.get(record);
    const kind = table.kind[record];
    const argument = table.argument[record] ?? 0;
    if (kind === Kind.Reference && node >= 0 && argument !== 0) {
      const other = this.#handleDuring(this.#space(record), argument, record);
      if (other !== undefined) this.#sets.unite(node, other.node);
      else this.#doubt(node);
    } else if (kind === Kind.Duplicate && began !== undefined) {
      const object = table.object[record] ?? 0;
      if (object === 0) return;
      const time = table.time[record] ?? 0;
      const from = this.#isHandle(record)
        ? this.#handles.use(this.#space(record), object, time, this.#slack)
        : this.#pointers.use(table.source[record] ?? 0, object, time, 0);
      this.#nodeOf[record] = from.node;
      if (time <= from.uncertainFrom) this.#sets.unite(from.node, began.node);
      else this.#doubt(began.node);
    }
  }

  /** It names an object that another name may name as well, and that cannot be told. */
  #doubt(node: number): void {
    const epoch = this.#epochs[node];
    if (epoch !== undefined) epoch.uncertainFrom = -Infinity;
  }

  /** The only epoch of a handle during a call, or undefined when there are several: then nothing is joined. */
  #handleDuring(space: Namespace, word: number, record: number): Epoch | undefined {
    const time = this.#in.table.time[record] ?? 0;
    const end = this.#end(record);
    // A driver's own handles are recorded by the clock that records the reference.
    const slack = space < 0 ? 0 : this.#slack;
    const found = this.#handles.overlapping(space, word, time - slack, end + slack);
    if (found.length > 1) return undefined;
    const epoch = found[0] ?? this.#handles.use(space, word, time, this.#slack);
    return epoch.uncertainFrom < end ? undefined : epoch;
  }

  #path(record: number, name: string): string {
    const source = this.#in.sources[this.#in.table.source[record] ?? 0];
    return objectPath(name, source?.side ?? 'user', source?.session);
  }

  #joinNames(lifecycle: readonly number[]): void {
    const { table, order } = this.#in;
    const named = new Map<string, number[]>();
    const add = (record: number): void => {
      const text = table.text.get(record);
      if (text === undefined || text === '' || this.#failed.has(record)) return;
      const path = this.#path(record, text);
      const list = named.get(path);
      if (list === undefined) named.set(path, [record]);
      else list.push(record);
    };
    for (const record of lifecycle) {
      if (table.kind[record] === Kind.Create || table.kind[record] === Kind.Open) add(record);
    }
    for (const record of order) {
      if (table.kind[record] !== Kind.Name) continue;
      this.#nodeOf[record] = this.#use(record).node;
      add(record);
    }
    for (const [path, records] of named) this.#joinPath(path, records);
  }

  /** Lives of one name: each begins with a create that made the object, and ends with its last handle. */
  #joinPath(path: string, records: readonly number[]): void {
    const { table } = this.#in;
    const lives: { node: number; from: number; until: number; sure: boolean }[] = [];
    const isFresh = (record: number): boolean =>
      table.kind[record] === Kind.Create && ((table.flags[record] ?? 0) & Flag.Existed) === 0;
    const existing = new Set<number>();
    for (const record of records.filter(isFresh)) {
      const before = lives.at(-1);
      // IoCreateNotificationEvent does not tell whether it made the event; two objects never share a name.
      if (before !== undefined && this.#isKernel(record) && this.#nameAlive(before.node, record)) {
        existing.add(record);
        continue;
      }
      if (before !== undefined) before.until = this.#end(record) + this.#slack;
      const node = this.#nodeOf[record] ?? -1;
      if (node < 0) continue;
      this.#paths.set(node, path);
      lives.push({ node, from: (table.time[record] ?? 0) - this.#slack, until: Infinity, sure: true });
    }
    for (const record of records) {
      const node = this.#nodeOf[record] ?? -1;
      if (node < 0 || (isFresh(record) && !existing.has(record))) continue;
      this.#paths.set(node, path);
      const from = table.time[record] ?? 0;
      const until = this.#end(record);
      const alive = lives.filter(
        (life) => life.from <= until && Math.min(life.until, this.#sets.handlesUntil(life.node) + this.#slack) >= from,
      );
      const only = alive[0];
      if (alive.length === 1 && only !== undefined && this.#nameSure(only.node, until))
        this.#sets.unite(only.node, node);
      else if (alive.length > 0) this.#doubt(node);
      else lives.push({ node, from: -Infinity, until: Infinity, sure: false });
    }
  }

  /** Some handle of the object was surely open through the whole call. */
  #nameAlive(node: number, record: number): boolean {
    const root = this.#sets.find(node);
    const end = this.#end(record) + this.#slack;
    return this.#handles.all.some(
      (epoch) => this.#sets.find(epoch.node) === root && epoch.until > end && epoch.uncertainFrom > end,
    );
  }

  /** False when every handle that keeps the name alive may have been closed in a gap. */
  #nameSure(node: number, time: number): boolean {
    const root = this.#sets.find(node);
    const losses = this.#in.gaps.filter((gap) => gap.from <= time);
    if (losses.length === 0) return true;
    return this.#handles.all.some(
      (epoch) => this.#sets.find(epoch.node) === root && epoch.until >= time && epoch.uncertainFrom > time,
    );
  }

  #use(record: number): Epoch {
    const { table } = this.#in;
    const object = table.object[record] ?? 0;
    const time = table.time[record] ?? 0;
    if (this.#isHandle(record)) return this.#handles.use(this.#space(record), object, time, this.#slack);
    return this.#pointers.use(table.source[record] ?? 0, object, time, 0);
  }

  #resolveUses(): void {
    const { table, order } = this.#in;
    const uncertainNodes = this.#uncertainByNode();
    for (const record of order) {
      const kind = table.kind[record] ?? 0;
      if (OPERATES.has(kind) && (this.#nodeOf[record] ?? -1) < 0) {
        if ((table.object[record] ?? 0) === 0 || isInvalidHandle(table.status[record])) continue;
        const epoch = this.#use(record);
        this.#nodeOf[record] = epoch.node;
        this.#uncertain[record] = this.#end(record) > epoch.uncertainFrom ? 1 : 0;
      } else if (LIFECYCLE.has(kind)) {
        const from = uncertainNodes.get(this.#nodeOf[record] ?? -1) ?? Infinity;
        this.#uncertain[record] = this.#end(record) > from ? 1 : 0;
      }
    }
  }

  #uncertainByNode(): Map<number, number> {
    const byNode = new Map<number, number>();
    for (const epoch of this.#epochs) {
      if (Number.isFinite(epoch.uncertainFrom)) byNode.set(epoch.node, epoch.uncertainFrom);
    }
    return byNode;
  }

  #resolveWaits(): Pick<Identity, 'waitNodes' | 'waitUncertain'> {
    const { table, waits } = this.#in;
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
        const epoch = this.#isHandle(record)
          ? this.#handles.use(this.#space(record), word, time, this.#slack)
          : this.#pointers.use(table.source[record] ?? 0, word, time, 0);
        waitNodes[at] = epoch.node;
        waitUncertain[at] = Math.min(waits.end[wait] ?? time, Number.MAX_VALUE) > epoch.uncertainFrom ? 1 : 0;
      }
    }
    return { waitNodes, waitUncertain };
  }
}
