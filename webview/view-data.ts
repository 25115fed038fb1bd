/** What the timeline draws: the columns of a recording, cut into lanes. Nothing is copied: a lane's arrays are views. */
import {
  laneOfRow,
  lowerBound,
  type ObjectHead,
  type ThreadHead,
  type TimelineColumns,
} from '../trace/columns/columns.js';
import { lastRows, signaledAfter, type ColumnIndex } from '../trace/columns/index-columns.js';
import { MaskPyramid, TimeSums } from '../trace/columns/mip-map.js';
import { State } from '../trace/model/transitions.js';

/** Rows of one lane among those of all. */
interface Rows {
  /** Row of the first entry. */
  readonly base: number;
  readonly count: number;
}

export interface ObjectLane extends Rows {
  readonly type: 'object';
  /** Position among the objects: names the lane. */
  readonly at: number;
  readonly head: ObjectHead;
  /** ns, ascending. */
  readonly time: Float64Array;
  /** `Transition` by entry. */
  readonly what: Uint8Array;
  /** `State` behind the entry. */
  readonly state: Uint8Array;
  readonly previous: Int8Array;
  readonly thread: Int32Array;
  readonly caller: Int32Array;
  readonly duration: Float32Array;
}

export interface ThreadLane extends Rows {
  readonly type: 'thread';
  readonly at: number;
  readonly head: ThreadHead;
  /** Waits in order of their beginning. */
  readonly begin: Float64Array;
  readonly end: Float64Array;
  readonly outcome: Uint8Array;
  readonly object: Int32Array;
  readonly status: Uint32Array;
  /** Times of calls other than waits. */
  readonly calls: Float64Array;
}

export interface ViewData {
  readonly columns: TimelineColumns;
  readonly index: ColumnIndex;
  /** By position; objects that nothing happened to have no entry in `shown`. */
  readonly objects: readonly ObjectLane[];
  readonly threads: readonly ThreadLane[];
  /** In the order in which things began to happen. */
  readonly shownObjects: readonly ObjectLane[];
  readonly shownThreads: readonly ThreadLane[];
  readonly summary: Summaries;
}

export function viewOf(columns: TimelineColumns, index: ColumnIndex): ViewData {
  const { transitions: t, waits: w, calls } = columns;
  const objects = columns.objects.map((head, at): ObjectLane => {
    const [from, until] = [t.first[at] ?? 0, t.first[at + 1] ?? 0];
    return {
      ...{ type: 'object', at, head, base: from, count: until - from, time: t.time.subarray(from, until) },
      ...{ what: t.what.subarray(from, until), state: t.state.subarray(from, until) },
      ...{ previous: t.previous.subarray(from, until), thread: t.thread.subarray(from, until) },
      ...{ caller: t.caller.subarray(from, until), duration: t.duration.subarray(from, until) },
    };
  });
  const threads = columns.threads.map((head, at): ThreadLane => {
    const [from, until] = [w.first[at] ?? 0, w.first[at + 1] ?? 0];
    return {
      ...{ type: 'thread', at, head, base: from, count: until - from, begin: w.begin.subarray(from, until) },
      ...{ end: w.end.subarray(from, until), outcome: w.outcome.subarray(from, until) },
      ...{ object: w.object.subarray(from, until), status: w.status.subarray(from, until) },
      calls: calls.time.subarray(calls.first[at], calls.first[at + 1]),
    };
  });
  return {
    ...{ columns, index, objects, threads, summary: new Summaries(columns, index) },
    shownObjects: objects.filter(({ count }) => count > 0).sort((a, b) => (a.time[0] ?? 0) - (b.time[0] ?? 0)),
    shownThreads: threads.filter(({ head }) => head.last >= head.first),
  };
}

/** What many rows hold together, by the mip-map. Entries are those of a lane. */
export class Summaries {
  readonly #columns: TimelineColumns;
  readonly #kinds: MaskPyramid;
  readonly #outcomes: MaskPyramid;
  readonly #signaled: TimeSums;
  readonly #waited: TimeSums;
  readonly #signaledAfter: (row: number) => number;
  readonly #waitLength: (row: number) => number;

  constructor(columns: TimelineColumns, index: ColumnIndex) {
    const { transitions, waits } = columns;
    this.#columns = columns;
    this.#kinds = new MaskPyramid(index.kinds, transitions.what);
    this.#outcomes = new MaskPyramid(index.outcomes, waits.outcome);
    this.#signaled = new TimeSums(index.signaled);
    this.#waited = new TimeSums(index.waited);
    const last = lastRows(transitions.first, transitions.time.length);
    this.#signaledAfter = signaledAfter(transitions, (row) => last[row] === 1);
    this.#waitLength = (row) => (waits.end[row] ?? 0) - (waits.begin[row] ?? 0);
  }

  /** Bits of the kinds of transitions [from, until). */
  kinds(lane: ObjectLane, from: number, until: number): number {
    return this.#kinds.query(lane.base + from, lane.base + until);
  }

  /** First entry of [from, until) of one of the kinds; -1 when there is none. */
  firstOf(lane: ObjectLane, bits: number, from: number, until: number): number {
    const row = this.#kinds.find(bits, lane.base + from, lane.base + until);
    return row < 0 ? -1 : row - lane.base;
  }

  outcomes(lane: ThreadLane, from: number, until: number): number {
    return this.#outcomes.query(lane.base + from, lane.base + until);
  }

  /** ns that the object was signaled before a moment, since its first transition. `behind`: entries at or before it. */
  signaledBefore(lane: ObjectLane, moment: number, behind: number): number {
    if (behind === 0) return 0;
    const whole =
      this.#signaled.before(lane.base + behind - 1, this.#signaledAfter) - this.#base(this.#signaled, lane.base);
    const tail = lane.state[behind - 1] === State.Signaled ? Math.max(0, moment - (lane.time[behind - 1] ?? 0)) : 0;
    return whole + tail;
  }

  #base(sums: TimeSums, row: number): number {
    return sums === this.#signaled ? sums.before(row, this.#signaledAfter) : sums.before(row, this.#waitLength);
  }

  /** ns that the thread waited in [from, until); waits within one another count twice, so that it may be more. */
  waitedIn(lane: ThreadLane, from: number, until: number): number {
    const first = lowerBound(lane.begin, from);
    const last = lowerBound(lane.begin, until, first);
    const reaches = first > 0 ? Math.min(Math.max(0, (lane.end[first - 1] ?? 0) - from), until - from) : 0;
    if (last === first) return reaches;
    const whole =
      this.#waited.before(lane.base + last, this.#waitLength) -
      this.#waited.before(lane.base + first, this.#waitLength);
    return whole - Math.max(0, (lane.end[last - 1] ?? 0) - until) + reaches;
  }

  /** Position of the thread that a wait is of. */
  threadOfWait(row: number): number {
    return laneOfRow(this.#columns.waits.first, row);
  }

  /** Position of the object that a transition is of. */
  objectOfRow(row: number): number {
    return laneOfRow(this.#columns.transitions.first, row);
  }
}
