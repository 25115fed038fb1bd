/** Where keys and links lead: from a transition to the next, along wake edges, and back along the critical path. */
import { lowerBound } from '../trace/columns/columns.js';
import { Transition } from '../trace/model/transitions.js';
import { Evidence, Meeting } from '../trace/model/wakes.js';
import type { TimeRange } from './draw/scene.js';
import { nextMatch, type Filter } from './filter.js';
import { keyOf, type Lane } from './lanes.js';
import { atOrBehind, sameLane, type LaneKey, type Selection, type ViewIndex } from './view-index.js';

/** The next or the one before on the same lane. */
export function stepped(view: ViewIndex, { lane, at, index }: Selection, by: number): Selection {
  const last = view.times({ lane, at }).length - 1;
  return { lane, at, index: Math.min(Math.max(index + by, 0), Math.max(0, last)) };
}

/** The lane above or below, at about the same time; the first one when nothing is selected. */
export function onOtherLane(
  view: ViewIndex,
  lanes: readonly Lane[],
  current: Selection | undefined,
  by: number,
  from: number,
): Selection | undefined {
  const keys = lanes.flatMap((lane): LaneKey[] => {
    const key = keyOf(lane);
    return key === undefined ? [] : [key];
  });
  const time = current === undefined ? from : view.momentOf(current);
  // A thread may have no wait at all: go on to the next lane.
  let at = Math.max(keys.findIndex((key) => sameLane(key, current)) + by, 0);
  for (; at >= 0 && at < keys.length; at += by) {
    const key = keys[at];
    const selection = key === undefined ? undefined : atOrBehind(view, key, time);
    if (selection !== undefined) return selection;
  }
  return undefined;
}

/** From a signal to the wait that it released, from a wait or a take to its signal. */
export function followed(view: ViewIndex, current: Selection): Selection | undefined {
  const edges = view.edgesOf(current);
  // Of several the one that is sure to be this one's.
  const edge = edges.find((one) => (view.data.columns.edges.evidence[one] ?? 9) <= Evidence.Inferred) ?? edges[0];
  if (edge === undefined) return undefined;
  return isSignal(view, current) ? view.waitOf(edge) : view.signalOf(edge);
}

const isSignal = (view: ViewIndex, { lane, at, index }: Selection): boolean =>
  lane === 'object' && view.object(at)?.what[index] !== Transition.Take;

/**
 * One step back along the critical path: from a wait to the signal that released it; from a signal to the last wait of
 * the thread that made it, which is what had released *that* thread.
 */
export function releasedBy(view: ViewIndex, current: Selection): Selection | undefined {
  if (!isSignal(view, current)) {
    // Of a wait for all, the signal that came last let the thread go.
    const signals = view.edgesOf(current).flatMap((edge) => view.signalOf(edge) ?? []);
    return signals.sort((a, b) => view.momentOf(b) - view.momentOf(a))[0];
  }
  const object = view.object(current.at);
  const thread = view.thread(object?.thread[current.index]);
  if (thread === undefined) return undefined;
  return lastWaitBefore(view, thread.at, view.momentOf(current));
}

/** Waits may lie within one another: of those that began before, so many are looked at. */
const MAX_NESTED = 8;

function lastWaitBefore(view: ViewIndex, at: number, moment: number): Selection | undefined {
  const lane = view.thread(at);
  if (lane === undefined) return undefined;
  const last = lowerBound(lane.begin, moment) - 1;
  let found = -1;
  for (let index = last; index >= 0 && index > last - MAX_NESTED; index -= 1) {
    const end = lane.end[index] ?? Infinity;
    if (end <= moment && end > (lane.end[found] ?? -Infinity)) found = index;
  }
  return found < 0 ? undefined : { lane: 'thread', at, index: found };
}

export interface PathStep {
  readonly selection: Selection;
  /** ns of this step's beginning, or of the wait's end. */
  readonly time: number;
  /** Edge to the step before it in time; undefined from a signal to its thread's last wait. */
  readonly edge: number | undefined;
}

const MAX_PATH = 64;

/**
 * What had to happen before the selection could, latest first: wait, its signal, the wait that had released that signal's
 * thread, its signal, and on, across threads and sides. Ends where the next step is not known for sure.
 */
export function criticalPath(view: ViewIndex, from: Selection): readonly PathStep[] {
  const path: PathStep[] = [];
  const { meeting } = view.data.columns.edges;
  for (let current: Selection | undefined = from; current !== undefined && path.length < MAX_PATH;) {
    const next = releasedBy(view, current);
    const backward = isSignal(view, current)
      ? undefined
      : view.edgesOf(current).find((edge) => sameEntry(view.signalOf(edge), next));
    path.push({ selection: current, time: timeOfStep(view, current), edge: backward });
    // A wait that found its object signaled did not wait for the signal: its own thread decided when.
    if (backward !== undefined && meeting[backward] === Meeting.FoundSignaled) break;
    current = next;
  }
  return path;
}

const sameEntry = (a: Selection | undefined, b: Selection | undefined): boolean =>
  sameLane(a, b) && a?.index === b?.index;

function timeOfStep(view: ViewIndex, selection: Selection): number {
  if (selection.lane === 'object') return view.momentOf(selection);
  return view.thread(selection.at)?.end[selection.index] ?? 0;
}

/** The first wait of a run that a signal of the other side released: what a reader came to see. */
export function firstWake(view: ViewIndex, run: number | undefined): Selection | undefined {
  const { edges } = view.data.columns;
  let best: { readonly wait: Selection; readonly end: number; readonly across: boolean } | undefined;
  const limit = Math.min(edges.wait.length, 20_000);
  for (let edge = 0; edge < limit; edge += 1) {
    if (Number.isNaN(edges.latency[edge] ?? NaN)) continue;
    const wait = view.waitOf(edge);
    const to = view.thread(wait.at);
    const signal = view.signalOf(edge);
    const by = view.thread(signal === undefined ? undefined : view.object(signal.at)?.thread[signal.index]);
    if (to === undefined || by === undefined || (run !== undefined && to.head.run !== run)) continue;
    const across = to.head.side !== by.head.side;
    const end = to.end[wait.index] ?? 0;
    if (best === undefined || (across && !best.across) || (across === best.across && end < best.end)) {
      best = { wait, end, across };
    }
  }
  return best?.wait;
}

/** The next transition or wait that was called from one of these places, behind the current one; else the first of all. */
export function nextCallFrom(
  view: ViewIndex,
  callers: readonly string[],
  current: Selection | undefined,
): Selection | undefined {
  const { columns } = view.data;
  const wanted = new Uint8Array(columns.callers.length);
  for (const caller of callers) {
    const at = columns.callers.indexOf(caller);
    if (at >= 0) wanted[at] = 1;
  }
  const after = current === undefined ? -Infinity : view.momentOf(current);
  const found: { first?: Selection; next?: Selection } = {};
  let [first, next] = [Infinity, Infinity];
  const look = (places: Int32Array, times: Float64Array, selectionOf: (row: number) => Selection): void => {
    for (let row = 0; row < places.length; row += 1) {
      if (wanted[places[row] ?? -1] !== 1) continue;
      const time = times[row] ?? 0;
      if (time < first) {
        first = time;
        found.first = selectionOf(row);
      }
      if (time > after && time < next) {
        next = time;
        found.next = selectionOf(row);
      }
    }
  };
  look(columns.transitions.caller, columns.transitions.time, (row) => view.transition(row));
  look(columns.waits.caller, columns.waits.begin, (row) => view.wait(row));
  return found.next ?? found.first;
}

/** From the first transition of an object of interest to the last of a run (-1: of none), or of all when it has none. */
export function whereThingsHappen(view: ViewIndex, run: number): TimeRange {
  const { columns, shownObjects } = view.data;
  const lanes = shownObjects.filter(({ head }) => head.run === run && !head.quiet);
  const mark = columns.runs[run];
  if (lanes.length === 0) return { from: mark?.from ?? 0, until: mark?.until ?? columns.end };
  return {
    from: Math.min(...lanes.map(({ time }) => time[0] ?? 0)),
    until: Math.max(...lanes.map(({ time }) => time.at(-1) ?? 0)),
  };
}

/** The nearest wait of all threads behind (`by` 1) or before (-1) a moment that the filter asks for. */
export function nextMatchingWait(
  view: ViewIndex,
  lanes: readonly Lane[],
  filter: Filter,
  current: Selection | undefined,
  moment: number,
  by: number,
): Selection | undefined {
  let best: Selection | undefined;
  for (const lane of lanes.flatMap((one) => (one.type === 'thread' ? [one.thread] : []))) {
    const from =
      current?.lane === 'thread' && current.at === lane.at
        ? current.index
        : (atOrBehind(view, { lane: 'thread', at: lane.at }, moment)?.index ?? 0) - (by > 0 ? 1 : 0);
    const index = nextMatch(filter, view, lane, from, by);
    const time = lane.begin[index] ?? NaN;
    const beyond = by > 0 ? time > moment : time < moment;
    const nearer = best === undefined || Math.abs(time - moment) < Math.abs(view.momentOf(best) - moment);
    if (index >= 0 && beyond && nearer) best = { lane: 'thread', at: lane.at, index };
  }
  return best;
}
