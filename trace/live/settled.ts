/**
 * Columns lane by lane, as far as they are settled: rows refer to one another by their place in their lane, which is the same
 * however the lanes before it grow. What is not settled yet is added for one picture and taken away again.
 */
import type {
  Column,
  EdgeColumns,
  ObjectHead,
  ThreadHead,
  TimelineColumns,
  TransitionColumns,
  WaitColumns,
} from '../columns/columns.js';
import type { ObjectNamer } from '../model/objects.js';
import { GrowingTable } from './growing-table.js';
import { Tally } from './tally.js';

const TRANSITIONS = {
  ...{ time: Float64Array, what: Uint8Array, state: Uint8Array, previous: Int8Array, thread: Int32Array },
  ...{ caller: Int32Array, duration: Float32Array, wait: Int32Array, ring: Uint16Array, slot: Uint32Array },
};
const WAITS = {
  ...{ begin: Float64Array, end: Float64Array, outcome: Uint8Array, status: Uint32Array, object: Int32Array },
  ...{ caller: Int32Array, ring: Uint16Array, slot: Uint32Array },
};
/** `thread` and `wait`: lane and place in it; `signal`: place in the lane of the object. */
const EDGES = {
  ...{ thread: Int32Array, wait: Uint32Array, object: Int32Array, signal: Int32Array, evidence: Uint8Array },
  ...{ meeting: Uint8Array, latency: Float64Array, candidates: Uint32Array },
};

export type EdgeRows = Readonly<Record<keyof typeof EDGES, Column>>;

export class ObjectLane {
  readonly rows = new GrowingTable(TRANSITIONS);
  readonly settled = new Tally();
  /** ns: what was before is settled. */
  from = -Infinity;

  constructor(
    public head: ObjectHead,
    /** By index among all records. */
    public namer: ObjectNamer,
    /** What its rows were made of: of an object of another type they would be others. */
    public type: string,
  ) {}
}

export class ThreadLane {
  readonly waits = new GrowingTable(WAITS);
  readonly calls = new GrowingTable({ time: Float64Array });
  /** ns: what began before is settled. */
  from = -Infinity;
  /** Bits of what it was seen to do. */
  told = 0;
  /** ns: of its records that are left out the first and the last. */
  first = Infinity;
  last = -Infinity;

  constructor(public head: ThreadHead) {}
}

export class Settled {
  readonly objects: ObjectLane[] = [];
  readonly threads: ThreadLane[] = [];
  readonly callers: string[] = [];
  readonly edges = new GrowingTable(EDGES);
  /** Of all edges one behind the other. */
  readonly candidates = new GrowingTable({ row: Int32Array });

  /** All lanes one behind the other. */
  tables(): Pick<TimelineColumns, 'transitions' | 'waits' | 'calls' | 'edges'> {
    const first = firstRows(this.objects.map(({ rows }) => rows.count));
    const firstWait = firstRows(this.threads.map(({ waits }) => waits.count));
    const firstCall = firstRows(this.threads.map(({ calls }) => calls.count));
    const transitions = joinLanes(
      this.objects.map(({ rows }) => rows),
      TRANSITIONS,
    ) as unknown as Omit<TransitionColumns, 'first'>;
    const { wait, thread } = transitions;
    for (let row = 0; row < wait.length; row += 1) {
      const place = wait[row] ?? -1;
      if (place >= 0) wait[row] = (firstWait[thread[row] ?? 0] ?? 0) + place;
    }
    const waits = joinLanes(
      this.threads.map((lane) => lane.waits),
      WAITS,
    ) as unknown as Omit<WaitColumns, 'first'>;
    const calls = joinLanes(
      this.threads.map((lane) => lane.calls),
      { time: Float64Array },
    ) as unknown as { time: Float64Array };
    return {
      transitions: { first, ...transitions },
      waits: { first: firstWait, ...waits },
      calls: { first: firstCall, ...calls },
      edges: this.#joinEdges(first, firstWait),
    };
  }

  /** In order of the rows of their waits: a counting sort. */
  #joinEdges(first: Uint32Array, firstWait: Uint32Array): EdgeColumns {
    const { count } = this.edges;
    const column = (name: keyof typeof EDGES): Column => this.edges.column(name);
    const [thread, place, candidateCount] = [column('thread'), column('wait'), column('candidates')];
    const rows = new Uint32Array(count);
    const next = new Uint32Array((firstWait.at(-1) ?? 0) + 1);
    const firstOf = new Uint32Array(count);
    let candidates = 0;
    for (let edge = 0; edge < count; edge += 1) {
      const row = (firstWait[thread[edge] ?? 0] ?? 0) + (place[edge] ?? 0);
      rows[edge] = row;
      next[row + 1] = (next[row + 1] ?? 0) + 1;
      firstOf[edge] = candidates;
      candidates += candidateCount[edge] ?? 0;
    }
    for (let row = 1; row < next.length; row += 1) next[row] = (next[row] ?? 0) + (next[row - 1] ?? 0);
    const order = new Uint32Array(count);
    for (let edge = 0; edge < count; edge += 1) {
      const row = rows[edge] ?? 0;
      const at = next[row] ?? 0;
      order[at] = edge;
      next[row] = at + 1;
    }
    const joined = {
      ...{ wait: new Uint32Array(count), object: new Int32Array(count), signal: new Int32Array(count) },
      ...{ evidence: new Uint8Array(count), meeting: new Uint8Array(count), latency: new Float64Array(count) },
      ...{ firstCandidate: new Uint32Array(count + 1), candidates: new Int32Array(candidates) },
    };
    const [object, signal, evidence] = [column('object'), column('signal'), column('evidence')];
    const [meeting, latency, candidate] = [column('meeting'), column('latency'), this.candidates.column('row')];
    let nextCandidate = 0;
    for (let at = 0; at < count; at += 1) {
      const edge = order[at] ?? 0;
      const lane = first[object[edge] ?? 0] ?? 0;
      const released = signal[edge] ?? -1;
      joined.wait[at] = rows[edge] ?? 0;
      joined.object[at] = object[edge] ?? -1;
      joined.signal[at] = released < 0 ? -1 : lane + released;
      joined.evidence[at] = evidence[edge] ?? 0;
      joined.meeting[at] = meeting[edge] ?? 0;
      joined.latency[at] = latency[edge] ?? NaN;
      joined.firstCandidate[at] = nextCandidate;
      const from = firstOf[edge] ?? 0;
      for (let one = from; one < from + (candidateCount[edge] ?? 0); one += 1)
        joined.candidates[nextCandidate++] = lane + (candidate[one] ?? 0);
    }
    joined.firstCandidate[count] = nextCandidate;
    return joined;
  }
}

function firstRows(counts: readonly number[]): Uint32Array {
  const first = new Uint32Array(counts.length + 1);
  counts.forEach((count, lane) => (first[lane + 1] = (first[lane] ?? 0) + count));
  return first;
}

function joinLanes<K extends string>(
  lanes: readonly GrowingTable<K>[],
  types: Readonly<Record<K, new (length: number) => Column>>,
): Record<string, Column> {
  const count = lanes.reduce((sum, lane) => sum + lane.count, 0);
  const joined: Record<string, Column> = {};
  for (const name of Object.keys(types) as K[]) {
    const column = new types[name](count);
    let at = 0;
    for (const lane of lanes) {
      column.set(lane.column(name), at);
      at += lane.count;
    }
    joined[name] = column;
  }
  return joined;
}
