/** The view's data with what looking things up needs: lanes by their ids, wake edges by their two ends. */
import { Transition } from '../trace/model/transitions.js';
import { lowerBound } from './search.js';
import type { ObjectLane, ThreadLane, ViewData } from './view-data.js';

export interface Selection {
  readonly lane: 'object' | 'thread';
  readonly id: number;
  /** Entry of the object's columns, or wait of the thread's. */
  readonly index: number;
}

/** Edges by an id and a time. */
type ByTime = Map<number, Map<number, number[]>>;

export class ViewIndex {
  readonly #objects: ReadonlyMap<number, ObjectLane>;
  readonly #threads: ReadonlyMap<number, ThreadLane>;
  #edges: EdgeIndex | undefined;

  constructor(readonly data: ViewData) {
    this.#objects = new Map(data.objects.map((lane) => [lane.id, lane] as const));
    this.#threads = new Map(data.threads.map((lane) => [lane.id, lane] as const));
  }

  object(id: number | undefined): ObjectLane | undefined {
    return id === undefined ? undefined : this.#objects.get(id);
  }

  thread(id: number | undefined): ThreadLane | undefined {
    return id === undefined ? undefined : this.#threads.get(id);
  }

  /** Times of a selection's lane: of an object's transitions, or the beginnings of a thread's waits. */
  times({ lane, id }: Selection): readonly number[] {
    return (lane === 'object' ? this.object(id)?.time : this.thread(id)?.begin) ?? [];
  }

  /** Edges that belong to a transition or a wait. */
  edgesOf(selection: Selection | undefined): readonly number[] {
    if (selection === undefined) return [];
    // Made when first asked for: a large page is there sooner.
    this.#edges ??= new EdgeIndex(this.data);
    const time = this.times(selection)[selection.index];
    if (time === undefined) return [];
    if (selection.lane === 'thread') return this.#edges.ofWait(selection.id, time);
    const lane = this.object(selection.id);
    const thread = lane?.thread[selection.index] ?? -1;
    return lane?.what[selection.index] === Transition.Take
      ? this.#edges.ofTake(selection.id, thread, time)
      : this.#edges.ofSignal(selection.id, thread, time);
  }
}

/** Edges of one thread's waits, and when those ended, ascending. */
interface Takers {
  readonly edges: number[];
  readonly ends: number[];
}

class EdgeIndex {
  readonly #data: ViewData;
  /** By object and the time of a signal, that of each candidate too. */
  readonly #bySignal: ByTime = new Map();
  /** By thread and the beginning of its wait. */
  readonly #byWait: ByTime = new Map();
  /** By object and thread, in order of the end of their waits. */
  readonly #byTaker = new Map<number, Map<number, Takers>>();

  constructor(data: ViewData) {
    this.#data = data;
    const { edges } = data;
    for (let edge = 0; edge < edges.to.length; edge += 1) {
      const object = edges.object[edge] ?? -1;
      const thread = edges.toThread[edge] ?? -1;
      const from = edges.from[edge] ?? -1;
      if (from >= 0) put(this.#bySignal, object, from, edge);
      for (const candidate of edges.candidates[edge] ?? []) put(this.#bySignal, object, candidate, edge);
      put(this.#byWait, thread, edges.begin[edge] ?? 0, edge);
      this.#addTaker(object, thread, edge);
    }
  }

  /** Two threads may signal at the same moment: an edge with one signal is the one's. */
  ofSignal(object: number, thread: number, time: number): readonly number[] {
    const { from, fromThread } = this.#data.edges;
    const found = this.#bySignal.get(object)?.get(time) ?? [];
    return found.filter((edge) => (from[edge] ?? -1) < 0 || fromThread[edge] === thread);
  }

  ofWait(thread: number, begin: number): readonly number[] {
    return this.#byWait.get(thread)?.get(begin) ?? [];
  }

  /** A take lies within its wait. Waits of one thread follow one another, but for those within an APC. */
  ofTake(object: number, thread: number, time: number): readonly number[] {
    const mine = this.#byTaker.get(object)?.get(thread);
    if (mine === undefined) return [];
    const { begin } = this.#data.edges;
    const first = lowerBound(mine.ends, time);
    return mine.edges.slice(first, first + MAX_NESTED).filter((edge) => (begin[edge] ?? 0) <= time);
  }

  #addTaker(object: number, thread: number, edge: number): void {
    let threads = this.#byTaker.get(object);
    if (threads === undefined) this.#byTaker.set(object, (threads = new Map<number, Takers>()));
    let list = threads.get(thread);
    if (list === undefined) threads.set(thread, (list = { edges: [], ends: [] }));
    list.edges.push(edge);
    list.ends.push(this.#data.edges.to[edge] ?? 0);
  }
}

const MAX_NESTED = 4;

function put(index: ByTime, id: number, time: number, edge: number): void {
  let times = index.get(id);
  if (times === undefined) index.set(id, (times = new Map<number, number[]>()));
  const list = times.get(time);
  if (list === undefined) times.set(time, [edge]);
  else list.push(edge);
}

/** Where a selection is, ns. */
export const momentOf = (view: ViewIndex, selection: Selection): number => view.times(selection)[selection.index] ?? 0;

/** The transition of a lane nearest to a time at or behind it; undefined when it has none. */
export function atOrBehind(view: ViewIndex, lane: Pick<Selection, 'lane' | 'id'>, time: number): Selection | undefined {
  const times = view.times({ ...lane, index: 0 });
  if (times.length === 0) return undefined;
  return { ...lane, index: Math.min(lowerBound(times, time), times.length - 1) };
}
