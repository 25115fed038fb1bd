/** Life-cycle records to epochs: from when until when a handle or an address meant one object. */
import { Flag, Kind } from '../records.js';
import type { Namespace } from '../epochs.js';
import { LIFECYCLE, type Known } from './known.js';

/** NTSTATUS severity "error". */
const failedStatus = (status: number): boolean => status >= 0xc000_0000;

/** Makes the epochs; returns the life-cycle records in the order in which values change hands. */
export function readLifecycle(known: Known): number[] {
  return new LifecycleReader(known).run();
}

class LifecycleReader {
  readonly #known: Known;
  /** References held, by node of an address. */
  readonly #references = new Map<number, number>();
  /** Address that a thread's last call referenced. */
  readonly #lastReference = new Map<number, number>();

  constructor(known: Known) {
    this.#known = known;
  }

  run(): number[] {
    const records = this.#lifecycle();
    for (const record of records) this.#epochStep(record);
    this.#endWithProcesses();
    for (const epoch of this.#known.handles.all) this.#known.sets.setHandlesUntil(epoch.node, epoch.until);
    return records;
  }

  #isBegin(record: number): boolean {
    const kind = this.#known.in.table.kind[record];
    return kind === Kind.Create || kind === Kind.Open || kind === Kind.Reference || kind === Kind.Duplicate;
  }

  /** Life-cycle records, beginnings at their return and all else at its entry: the order in which values change hands. */
  #lifecycle(): number[] {
    const { table } = this.#known.in;
    const records: number[] = [];
    const { kind, time, count } = table;
    for (let record = 0; record < count; record += 1) if (LIFECYCLE[kind[record] ?? 0] === 1) records.push(record);
    // As in the order of all records: they are few among them.
    records.sort((a, b) => (time[a] ?? 0) - (time[b] ?? 0));
    const moment = (record: number): number =>
      (table.time[record] ?? 0) + (this.#isBegin(record) ? (table.duration[record] ?? 0) : 0);
    return records.sort((a, b) => moment(a) - moment(b));
  }

  #epochStep(record: number): void {
    const { table } = this.#known.in;
    const object = table.object[record] ?? 0;
    const time = table.time[record] ?? 0;
    const failed = failedStatus(table.status[record] ?? 0);
    switch (table.kind[record] ?? 0) {
      case Kind.Create:
      case Kind.Open:
        if (failed || object === 0) {
          const text = table.text.get(record);
          if (text !== undefined) this.#known.failed.set(record, this.#known.path(record, text));
        } else if (this.#known.isHandle(record)) this.#beginHandle(this.#known.space(record), object, record);
        else this.#beginPointer(record, object, false);
        return;
      case Kind.Duplicate: {
        const handle = table.argument[record] ?? 0;
        // Process 0: the recorder could not tell whose handle it is.
        const known = this.#known.isKernel(record) || (table.process[record] ?? 0) !== 0;
        if (!failed && handle !== 0 && known) this.#beginHandle(this.#known.space(record), handle, record);
        return;
      }
      case Kind.Reference:
        if (!failed && object !== 0) this.#beginPointer(record, object, this.#repeatsReference(record, object));
        return;
      case Kind.Initialize: {
        const before = this.#known.pointers.last(table.source[record] ?? 0, object);
        if (before !== undefined && before.until > time) before.until = time;
        const epoch = this.#known.pointers.append(table.source[record] ?? 0, object, time, Infinity, false);
        this.#known.nodeOf[record] = epoch.node;
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
    const before = this.#known.handles.last(space, word);
    // Its close was not recorded: it was over before this call could return the same value.
    if (before !== undefined && before.until > this.#known.end(record))
      before.until = this.#known.in.table.time[record] ?? 0;
    const epoch = this.#known.handles.append(space, word, this.#known.end(record), Infinity, false);
    this.#known.began.set(record, epoch);
    if (this.#known.in.table.kind[record] !== Kind.Duplicate) this.#known.nodeOf[record] = epoch.node;
  }

  /**
   * A driver that had to duplicate a handle before it could reference it tells whose handle it was in a record of its own
   * (a point, not a call) behind that of the call: one reference, two records.
   */
  #repeatsReference(record: number, word: number): boolean {
    const { table } = this.#known.in;
    const thread = table.thread[record] ?? 0;
    const isCall = (table.duration[record] ?? 0) > 0;
    const repeats = !isCall && this.#lastReference.get(thread) === word;
    this.#lastReference.set(thread, isCall ? word : 0);
    return repeats;
  }

  /** An address stays one object while a reference is held. `repeated`: no further reference, but a further fact. */
  #beginPointer(record: number, word: number, repeated: boolean): void {
    const source = this.#known.in.table.source[record] ?? 0;
    const current = this.#known.pointers.last(source, word);
    const held = current === undefined ? 0 : (this.#references.get(current.node) ?? 0);
    const end = this.#known.end(record);
    if (current !== undefined && held > 0 && !this.#lostBetween(source, current.from, end, 1)) {
      this.#references.set(current.node, repeated ? held : held + 1);
      this.#known.nodeOf[record] = current.node;
      return;
    }
    if (current !== undefined && current.until > end) current.until = this.#known.in.table.time[record] ?? 0;
    // What a driver knew before the recording is recognized when it comes with it first.
    const isOld = ((this.#known.in.table.flags[record] ?? 0) & Flag.Existed) !== 0;
    const from = isOld ? (current?.until ?? -Infinity) : end;
    const epoch = this.#known.pointers.append(source, word, from, Infinity, false);
    this.#references.set(epoch.node, 1);
    this.#known.nodeOf[record] = epoch.node;
  }

  #dropReference(record: number, word: number): void {
    const { table } = this.#known.in;
    const epoch = this.#known.pointers.use(table.source[record] ?? 0, word, table.time[record] ?? 0, 0);
    this.#known.nodeOf[record] = epoch.node;
    const held = (this.#references.get(epoch.node) ?? 1) - 1;
    this.#references.set(epoch.node, held);
    if (held === 0) epoch.until = table.time[record] ?? 0;
  }

  #closeHandle(record: number, word: number, failed: boolean): void {
    const time = this.#known.in.table.time[record] ?? 0;
    const epoch = this.#known.handles.use(this.#known.space(record), word, time, 0);
    if (failed) return;
    this.#known.nodeOf[record] = epoch.node;
    epoch.until = time;
  }

  /** What a process still had open was closed when it ended, soon after its last record. */
  #endWithProcesses(): void {
    const { table, sources } = this.#known.in;
    sources.forEach((source, ordinal) => {
      if (source.side !== 'user' || source.end?.exitCode === undefined) return;
      let last = -Infinity;
      const processes = new Set<number>();
      for (let record = 0; record < table.count; record += 1) {
        if (table.source[record] !== ordinal) continue;
        last = Math.max(last, this.#known.end(record));
        processes.add(table.process[record] ?? 0);
      }
      for (const epoch of this.#known.handles.all) {
        if (processes.has(epoch.space) && epoch.from <= last) epoch.until = Math.min(epoch.until, last);
      }
    });
  }

  #lostBetween(source: number, from: number, until: number, atLeast: number): boolean {
    let lost = 0;
    for (const gap of this.#known.losses[source] ?? []) {
      if (gap.from <= until && gap.until >= from) lost += gap.count;
    }
    return lost >= atLeast;
  }
}
