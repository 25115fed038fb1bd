/** Wake edges as they are found, object by object, to columns in that order or in that of their waits. */
import type { Parts } from './model.js';
import type { Wakes } from './wakes.js';

export type EdgeColumns = Omit<Wakes, 'activity' | 'coalesced' | 'kept'>;

/** Columns that grow. */
export class EdgeTable {
  #count = 0;
  #wait: Uint32Array;
  #object: Uint32Array;
  #signal: Int32Array;
  #evidence: Uint8Array;
  #meeting: Uint8Array;
  #latency: Float64Array;
  /** By edge: of ambiguous ones alone. */
  readonly #candidates = new Map<number, readonly number[]>();

  /** `expected`: about so many come. */
  constructor(expected: number) {
    const room = Math.max(64, expected);
    this.#wait = new Uint32Array(room);
    this.#object = new Uint32Array(room);
    this.#signal = new Int32Array(room);
    this.#evidence = new Uint8Array(room);
    this.#meeting = new Uint8Array(room);
    this.#latency = new Float64Array(room);
  }

  /** Columns of `Wakes`, in their order. */
  add(wait: number, object: number, signal: number, evidence: number, meeting: number, latency: number): void {
    const at = this.#count;
    if (at === this.#wait.length) this.#grow();
    this.#count += 1;
    this.#wait[at] = wait;
    this.#object[at] = object;
    this.#signal[at] = signal;
    this.#evidence[at] = evidence;
    this.#meeting[at] = meeting;
    this.#latency[at] = latency;
  }

  /** Records of the signals that the edge added last may come from. */
  setCandidates(candidates: readonly number[]): void {
    this.#candidates.set(this.#count - 1, candidates);
  }

  #grow(): void {
    this.#wait = doubled(this.#wait);
    this.#object = doubled(this.#object);
    this.#signal = doubled(this.#signal);
    this.#evidence = doubled(this.#evidence);
    this.#meeting = doubled(this.#meeting);
    this.#latency = doubled(this.#latency);
  }

  /** In the order in which they were found: object by object. */
  asFound(waits: number): EdgeColumns {
    const count = this.#count;
    const ofWait = new Int32Array(waits).fill(-1);
    for (let edge = count - 1; edge >= 0; edge -= 1) ofWait[this.#wait[edge] ?? 0] = edge;
    return {
      count,
      ofWait,
      ...this.#candidatesOf((edge) => edge),
      wait: this.#wait.subarray(0, count),
      object: this.#object.subarray(0, count),
      signal: this.#signal.subarray(0, count),
      evidence: this.#evidence.subarray(0, count),
      meeting: this.#meeting.subarray(0, count),
      latency: this.#latency.subarray(0, count),
      last: new Uint8Array(),
    };
  }

  /** In order of their waits; those of one wait in the order in which they were found. */
  byWait(parts: Parts): EdgeColumns {
    const count = this.#count;
    const { order, ofWait } = this.#orderByWait(parts.waits.count);
    const wakes = { count, ofWait, ...this.#candidatesOf((at) => order[at] ?? 0), ...this.#inOrder(order) };
    return { ...wakes, last: lastOfWait(parts, wakes) };
  }

  #candidatesOf(edgeAt: (at: number) => number): Pick<Wakes, 'firstCandidate' | 'candidates'> {
    const count = this.#count;
    const candidates: number[] = [];
    const firstCandidate = new Uint32Array(count + 1);
    for (let at = 0; at < count && this.#candidates.size > 0; at += 1) {
      firstCandidate[at] = candidates.length;
      for (const candidate of this.#candidates.get(edgeAt(at)) ?? []) candidates.push(candidate);
    }
    firstCandidate[count] = candidates.length;
    return { firstCandidate, candidates: Int32Array.from(candidates) };
  }

  /** One loop for all, so that each of its accesses is to arrays of one type. */
  #inOrder(order: Uint32Array): Pick<Wakes, 'wait' | 'object' | 'signal' | 'evidence' | 'meeting' | 'latency'> {
    const count = order.length;
    const wait = new Uint32Array(count);
    const object = new Uint32Array(count);
    const signal = new Int32Array(count);
    const evidence = new Uint8Array(count);
    const meeting = new Uint8Array(count);
    const latency = new Float64Array(count);
    for (let at = 0; at < count; at += 1) {
      const edge = order[at] ?? 0;
      wait[at] = this.#wait[edge] ?? 0;
      object[at] = this.#object[edge] ?? 0;
      signal[at] = this.#signal[edge] ?? 0;
      evidence[at] = this.#evidence[edge] ?? 0;
      meeting[at] = this.#meeting[edge] ?? 0;
      latency[at] = this.#latency[edge] ?? 0;
    }
    return { wait, object, signal, evidence, meeting, latency };
  }

  /** A counting sort: edges of one wait lie together, in the order in which they were found. */
  #orderByWait(waits: number): { readonly order: Uint32Array; readonly ofWait: Int32Array } {
    const next = new Uint32Array(waits + 1);
    for (let edge = 0; edge < this.#count; edge += 1) {
      const behind = (this.#wait[edge] ?? 0) + 1;
      next[behind] = (next[behind] ?? 0) + 1;
    }
    const ofWait = new Int32Array(waits).fill(-1);
    for (let wait = 0; wait < waits; wait += 1) {
      const own = next[wait + 1] ?? 0;
      const first = next[wait] ?? 0;
      if (own > 0) ofWait[wait] = first;
      next[wait + 1] = own + first;
    }
    const order = new Uint32Array(this.#count);
    for (let edge = 0; edge < this.#count; edge += 1) {
      const wait = this.#wait[edge] ?? 0;
      const at = next[wait] ?? 0;
      order[at] = edge;
      next[wait] = at + 1;
    }
    return { order, ofWait };
  }
}

/** Of the edges of one wait the latest signal's is marked. */
function lastOfWait(
  { records, waits }: Parts,
  { count, wait, signal, ofWait }: Pick<Wakes, 'count' | 'wait' | 'signal' | 'ofWait'>,
): Uint8Array {
  const last = new Uint8Array(count);
  const time = (edge: number): number => {
    const record = signal[edge] ?? -1;
    return record < 0 ? -Infinity : (records.time[record] ?? 0);
  };
  for (let one = 0; one < waits.count; one += 1) {
    const first = ofWait[one] ?? -1;
    if (first < 0) continue;
    let latest = first;
    for (let edge = first + 1; edge < count && wait[edge] === one; edge += 1) {
      if (time(edge) >= time(latest)) latest = edge;
    }
    last[latest] = 1;
  }
  return last;
}

type Column = Uint32Array | Int32Array | Uint8Array | Float64Array;

function doubled<T extends Column>(column: T): T {
  const larger = new (column.constructor as new (length: number) => T)(column.length * 2);
  larger.set(column);
  return larger;
}
