/** What of a growing recording is modelled anew: what of it is settled, what is drawn for now, and what the next model needs again. */
import { lowerBound, type TimelineColumns } from '../columns/columns.js';
import type { TraceModel } from '../model/model.js';
import { objectNamed, type ObjectNamer } from '../model/objects.js';
import { EXPIRED, whatItTells } from '../model/threads.js';
import { Outcome, recordOfWait } from '../model/waits.js';
import { rowsToKeep } from './kept-rows.js';
import { quietMoments } from './quiet-moments.js';
import { ObjectLane, ThreadLane, type Settled } from './settled.js';
import { Tally } from './tally.js';

/** By row of a part its place in its lane, -1: settled before and not referred to. */
interface Places {
  readonly transitions: Int32Array;
  readonly waits: Int32Array;
}

/** What is modelled anew, beside what is settled. */
export class Part {
  /** It is of the same objects as what is settled. */
  readonly fits: boolean;
  /** Lane by object and by thread of this model. */
  readonly #objects: Int32Array;
  readonly #threads: Int32Array;
  readonly #callers: Int32Array;

  constructor(
    readonly settled: Settled,
    readonly threadLanes: Map<string, number>,
    readonly callerOf: Map<string, number>,
    readonly model: TraceModel,
    readonly columns: TimelineColumns,
    readonly rows: Uint32Array,
  ) {
    this.#objects = new Int32Array(model.objects.length).fill(-1);
    this.#threads = new Int32Array(model.threads.length);
    this.#callers = new Int32Array(columns.callers.length);
    this.fits = this.#placeObjects();
    if (!this.fits) return;
    this.#placeThreads();
    columns.callers.forEach((caller, at) => {
      let place = callerOf.get(caller);
      if (place === undefined) callerOf.set(caller, (place = settled.callers.push(caller) - 1));
      this.#callers[at] = place;
    });
  }

  /** Record by index among all, as it is named here. */
  #local(record: number): number {
    return lowerBound(this.rows, record);
  }

  #placeObjects(): boolean {
    const { model, settled, columns } = this;
    const objectOf = objectNamed(model, model.waits);
    for (const [at, lane] of settled.objects.entries()) {
      const { record, place } = lane.namer;
      const object = objectOf({ record: this.#local(record), place });
      const found = model.objects[object];
      // Gone, or the same as another.
      if (found === undefined || this.#objects[object] !== -1) return false;
      const type = `${found.type} ${found.kind}`;
      if (lane.from > -Infinity && type !== lane.type) return false;
      lane.type = type;
      this.#objects[object] = at;
      const { initial } = lane.head;
      const head = columns.objects[object];
      if (head !== undefined) lane.head = { ...head, id: at, ...(lane.from > -Infinity ? { initial } : {}) };
    }
    const namers = this.#namersOfNew();
    for (const [object, { type, kind }] of model.objects.entries()) {
      if (this.#objects[object] !== -1) continue;
      const head = columns.objects[object];
      const namer = namers[object];
      if (head === undefined || namer === undefined) return false;
      const at = settled.objects.push(
        new ObjectLane({ ...head, id: settled.objects.length }, namer, `${type} ${kind}`),
      );
      this.#objects[object] = at - 1;
    }
    return true;
  }

  #namersOfNew(): readonly (ObjectNamer | undefined)[] {
    const { objectOf, waitObjects, waits, records } = this.model;
    const namers: (ObjectNamer | undefined)[] = [];
    const global = (record: number): number => this.rows[record] ?? -1;
    for (let record = 0; record < records.count; record += 1) {
      const object = objectOf[record] ?? -1;
      if (object >= 0) namers[object] ??= { record: global(record), place: -1 };
    }
    for (let wait = 0; wait < waits.count; wait += 1) {
      const first = waits.first[wait] ?? 0;
      const record = global(recordOfWait(waits, wait));
      for (let place = 0; place < (waits.objectCount[wait] ?? 0); place += 1) {
        const object = waitObjects[first + place] ?? -1;
        if (object >= 0) namers[object] ??= { record, place };
      }
    }
    return namers;
  }

  #placeThreads(): void {
    const { model, settled, columns, threadLanes } = this;
    for (const [at, thread] of model.threads.entries()) {
      const key = `${thread.source}:${thread.thread}`;
      const head = columns.threads[at];
      if (head === undefined) continue;
      let place = threadLanes.get(key);
      if (place === undefined) {
        place = settled.threads.push(new ThreadLane({ ...head, id: settled.threads.length })) - 1;
        threadLanes.set(key, place);
      }
      this.#threads[at] = place;
    }
    const { records, threadOf } = model;
    for (let record = 0; record < records.count; record += 1) {
      const lane = settled.threads[this.#threads[threadOf[record] ?? 0] ?? 0];
      const told = whatItTells(records.kind[record] ?? 0, records.flags[record] ?? 0);
      if (lane !== undefined && (lane.told | told) !== lane.told) lane.told |= told;
    }
    for (const [at, head] of columns.threads.entries()) {
      const lane = settled.threads[this.#threads[at] ?? 0];
      if (lane === undefined) continue;
      const { id, process } = lane.head;
      const { first, last } = head.last >= head.first ? head : { first: Infinity, last: -Infinity };
      const span = { first: Math.min(first, lane.first), last: Math.max(last, lane.last) };
      lane.head = { ...head, id, process, deferred: lane.told === EXPIRED, ...(span.last >= span.first ? span : {}) };
    }
  }

  /**
   * Settles what is settled by `until`, and returns everything. `callsFrom`: calls before are settled already.
   */
  settle(until: number, callsFrom: number): TimelineColumns {
    const { settled, columns, model } = this;
    const places = this.#placesOfRows();
    const rows = {
      ...columns.transitions,
      thread: mapped(columns.transitions.thread, this.#threads),
      caller: mapped(columns.transitions.caller, this.#callers),
      wait: mapped(columns.transitions.wait, places.waits),
    };
    const waits = {
      ...columns.waits,
      object: mapped(columns.waits.object, this.#objects),
      caller: mapped(columns.waits.caller, this.#callers),
    };
    const counts: (() => void)[] = [];
    const tails = new Map<ObjectLane, Tally>();
    const moments = quietMoments(model, until);
    const before = settled.objects.map(({ from }) => from);
    for (const [object, place] of this.#objects.entries()) {
      const lane = settled.objects[place];
      if (lane === undefined) continue;
      const last = columns.transitions.first[object + 1] ?? 0;
      const first = lowerBound(columns.transitions.time, lane.from, columns.transitions.first[object], last);
      const moment = moments[object];
      if (moment !== undefined) {
        lane.from = moment.from;
        lane.namer = { record: this.rows[moment.record] ?? moment.record, place: moment.place };
      }
      const middle = lowerBound(columns.transitions.time, lane.from, first, last);
      lane.rows.append(rows, first, middle);
      const { count } = lane.rows;
      lane.rows.append(rows, middle, last);
      counts.push(() => lane.rows.truncate(count));
      if (lane.from === -Infinity) continue;
      const tail = new Tally();
      tails.set(lane, tail);
      this.#count(lane.settled, first, middle);
      this.#count(tail, middle, last);
    }
    this.#countTimeouts(before, tails);
    for (const [thread, place] of this.#threads.entries()) {
      const lane = settled.threads[place];
      if (lane === undefined) continue;
      counts.push(...this.#settleThread(thread, lane, waits, until, callsFrom));
    }
    counts.push(this.#settleEdges(before, places, tails));
    const joined = this.#joined(tails);
    for (const cutBack of counts) cutBack();
    return joined;
  }

  #joined(tails: ReadonlyMap<ObjectLane, Tally>): TimelineColumns {
    const { settled, columns } = this;
    return {
      ...columns,
      objects: settled.objects.map((lane) => {
        const tail = tails.get(lane);
        if (tail === undefined) return lane.head;
        const quiet = lane.head.quiet && lane.settled.isEmpty;
        return { ...lane.head, quiet, summary: lane.settled.summaryWith(tail) };
      }),
      threads: settled.threads.map(({ head }) => head),
      callers: [...settled.callers],
      ...settled.tables(),
    };
  }

  #placesOfRows(): Places {
    const { transitions, waits } = this.columns;
    const ofTransitions = new Int32Array(transitions.time.length).fill(-1);
    for (const [object, place] of this.#objects.entries()) {
      const lane = this.settled.objects[place];
      if (lane === undefined) continue;
      const last = transitions.first[object + 1] ?? 0;
      const first = lowerBound(transitions.time, lane.from, transitions.first[object], last);
      for (let row = first; row < last; row += 1) ofTransitions[row] = lane.rows.count + row - first;
    }
    const ofWaits = new Int32Array(waits.begin.length).fill(-1);
    for (const [thread, place] of this.#threads.entries()) {
      const lane = this.settled.threads[place];
      if (lane === undefined) continue;
      const last = waits.first[thread + 1] ?? 0;
      const first = lowerBound(waits.begin, lane.from, waits.first[thread], last);
      for (let row = first; row < last; row += 1) ofWaits[row] = lane.waits.count + row - first;
      const [begins, rings, slots] = [lane.waits.column('begin'), lane.waits.column('ring'), lane.waits.column('slot')];
      for (let row = waits.first[thread] ?? 0; row < first; row += 1) {
        let at = lowerBound(begins, waits.begin[row] ?? 0);
        while (at < begins.length && (rings[at] !== waits.ring[row] || slots[at] !== waits.slot[row])) at += 1;
        if (at < begins.length) ofWaits[row] = at;
      }
    }
    return { transitions: ofTransitions, waits: ofWaits };
  }

  /** Waits in the order of their beginning, up to the first that has not ended by `until`. */
  #settleThread(
    thread: number,
    lane: ThreadLane,
    rows: TimelineColumns['waits'],
    until: number,
    callsFrom: number,
  ): (() => void)[] {
    const { begin, end, outcome } = rows;
    const last = rows.first[thread + 1] ?? 0;
    const first = lowerBound(begin, lane.from, rows.first[thread], last);
    let middle = first;
    while (middle < last && (end[middle] ?? 0) < until && outcome[middle] !== Outcome.Open) middle += 1;
    // What begins at one moment is settled together.
    while (middle > first && middle < last && begin[middle] === begin[middle - 1]) middle -= 1;
    lane.from = Math.max(lane.from, middle < last ? Math.min(begin[middle] ?? until, until) : until);
    lane.waits.append(rows, first, middle);
    const { count } = lane.waits;
    lane.waits.append(rows, middle, last);
    const { calls } = this.columns;
    const lastCall = calls.first[thread + 1] ?? 0;
    const firstCall = lowerBound(calls.time, callsFrom, calls.first[thread], lastCall);
    const middleCall = lowerBound(calls.time, until, firstCall, lastCall);
    lane.calls.append(calls, firstCall, middleCall);
    const callCount = lane.calls.count;
    lane.calls.append(calls, middleCall, lastCall);
    return [() => lane.waits.truncate(count), () => lane.calls.truncate(callCount)];
  }

  /** Those of waits that ended before the quiet moment of their object. Returns what takes the others away again. */
  #settleEdges(before: readonly number[], places: Places, tails: ReadonlyMap<ObjectLane, Tally>): () => void {
    const { edges, waits } = this.columns;
    const { edges: pool, candidates, objects } = this.settled;
    const threadOf = new Int32Array(waits.begin.length);
    for (let thread = 0; thread < this.#threads.length; thread += 1)
      threadOf.fill(this.#threads[thread] ?? 0, waits.first[thread], waits.first[thread + 1]);
    const chosen: { readonly settled: number[]; readonly open: number[] } = { settled: [], open: [] };
    for (let edge = 0; edge < edges.wait.length; edge += 1) {
      const place = this.#objects[edges.object[edge] ?? -1] ?? -1;
      const end = waits.end[edges.wait[edge] ?? 0] ?? 0;
      if (end < (before[place] ?? -Infinity)) continue;
      (end < (objects[place]?.from ?? -Infinity) ? chosen.settled : chosen.open).push(edge);
    }
    const add = (list: readonly number[], tallyOf: (lane: ObjectLane) => Tally | undefined): void => {
      const { latency } = edges;
      const rows = {
        thread: Int32Array.from(list, (edge) => threadOf[edges.wait[edge] ?? 0] ?? 0),
        wait: Uint32Array.from(list, (edge) => places.waits[edges.wait[edge] ?? 0] ?? 0),
        object: Int32Array.from(list, (edge) => this.#objects[edges.object[edge] ?? -1] ?? -1),
        signal: Int32Array.from(list, (edge) => places.transitions[edges.signal[edge] ?? -1] ?? -1),
        evidence: Uint8Array.from(list, (edge) => edges.evidence[edge] ?? 0),
        meeting: Uint8Array.from(list, (edge) => edges.meeting[edge] ?? 0),
        latency: Float64Array.from(list, (edge) => latency[edge] ?? NaN),
        candidates: Uint32Array.from(
          list,
          (edge) => (edges.firstCandidate[edge + 1] ?? 0) - (edges.firstCandidate[edge] ?? 0),
        ),
      };
      pool.append(rows, 0, list.length);
      for (const edge of list) {
        const from = edges.firstCandidate[edge] ?? 0;
        const row = edges.candidates
          .subarray(from, edges.firstCandidate[edge + 1])
          .map((candidate) => places.transitions[candidate] ?? -1);
        candidates.append({ row }, 0, row.length);
      }
      this.#countEdges(list, tallyOf);
    };
    add(chosen.settled, (lane) => lane.settled);
    const [count, candidateCount] = [pool.count, candidates.count];
    add(chosen.open, (lane) => tails.get(lane));
    return () => {
      pool.truncate(count);
      candidates.truncate(candidateCount);
    };
  }

  #countEdges(list: readonly number[], tallyOf: (lane: ObjectLane) => Tally | undefined): void {
    const { edges, waits } = this.columns;
    const latencies = new Map<Tally, number[]>();
    for (const edge of list) {
      const lane = this.settled.objects[this.#objects[edges.object[edge] ?? -1] ?? -1];
      const tally = lane === undefined ? undefined : tallyOf(lane);
      if (tally === undefined) continue;
      tally.addWait();
      const latency = edges.latency[edge] ?? NaN;
      const end = waits.end[edges.wait[edge] ?? 0] ?? 0;
      // What a debugger has prolonged is no latency of the program's.
      if (Number.isNaN(latency) || this.model.held.within(end - latency, end) > 0) continue;
      const known = latencies.get(tally);
      if (known === undefined) latencies.set(tally, [latency]);
      else known.push(latency);
    }
    for (const [tally, ns] of latencies) tally.addLatencies(Float64Array.from(ns));
  }

  #count(tally: Tally, from: number, until: number): void {
    const { kind, record, fate } = this.model.transitions;
    for (let row = from; row < until; row += 1) tally.addRow(kind[row] ?? 0, fate[record[row] ?? -1] ?? 0);
  }

  #countTimeouts(before: readonly number[], tails: ReadonlyMap<ObjectLane, Tally>): void {
    const { waits, waitObjects } = this.model;
    for (let wait = 0; wait < waits.count; wait += 1) {
      if (waits.outcome[wait] !== Outcome.TimedOut || waits.objectCount[wait] !== 1) continue;
      const place = this.#objects[waitObjects[waits.first[wait] ?? 0] ?? -1] ?? -1;
      const lane = this.settled.objects[place];
      const end = waits.end[wait] ?? 0;
      if (lane === undefined || end < (before[place] ?? -Infinity)) continue;
      (end < lane.from ? lane.settled : tails.get(lane))?.addTimeout();
    }
  }

  /** Records that the next model is made of, by index among all. */
  rowsToKeep(): Uint32Array<ArrayBuffer> {
    const { settled, model, rows } = this;
    return rowsToKeep({ settled, model, rows, objects: this.#objects, threads: this.#threads });
  }
}

/** Other numbers for what there is; what there is none of stays so. */
function mapped(values: Int32Array, to: Int32Array): Int32Array {
  const result = new Int32Array(values.length);
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? -1;
    result[at] = value < 0 ? -1 : (to[value] ?? -1);
  }
  return result;
}
