/** Where keys and links lead: from a transition to the next, from a signal to the wait that it released. */
import type { Group, Lane } from './lanes.js';
import { lowerBound } from './search.js';
import { atOrBehind, momentOf, type Selection, type ViewIndex } from './view-index.js';

export const laneOf = (lane: Lane): Pick<Selection, 'lane' | 'id'> | undefined =>
  lane.type === 'heading'
    ? undefined
    : lane.type === 'object'
      ? { lane: 'object', id: lane.object.id }
      : { lane: 'thread', id: lane.thread.id };

/** The next or the one before on the same lane. */
export function stepped(view: ViewIndex, { index, ...lane }: Selection, by: number): Selection {
  const last = view.times({ ...lane, index }).length - 1;
  return { ...lane, index: Math.min(Math.max(index + by, 0), Math.max(0, last)) };
}

/** The lane above or below, at about the same time; the first one when nothing is selected. */
export function onOtherLane(
  view: ViewIndex,
  lanes: readonly Lane[],
  current: Selection | undefined,
  by: number,
  from: number,
): { readonly lane: Lane; readonly selection: Selection } | undefined {
  const shown = lanes.filter((lane) => lane.type !== 'heading');
  let at = shown.findIndex((lane) => {
    const own = laneOf(lane);
    return own?.lane === current?.lane && own?.id === current?.id;
  });
  const time = current === undefined ? from : momentOf(view, current);
  // A thread may have no wait at all: go on to the next lane.
  for (at = Math.max(at + by, 0); at >= 0 && at < shown.length; at += by) {
    const lane = shown[at];
    const own = lane === undefined ? undefined : laneOf(lane);
    const selection = own === undefined ? undefined : atOrBehind(view, own, time);
    if (lane !== undefined && selection !== undefined) return { lane, selection };
  }
  return undefined;
}

/** From a signal to the wait that it released, from a wait to its signal. */
export function followed(view: ViewIndex, current: Selection): Selection | undefined {
  const edge = view.edgesOf(current)[0];
  if (edge === undefined) return undefined;
  return current.lane === 'object' ? waitOfEdge(view, edge) : signalOfEdge(view, edge);
}

function waitOfEdge(view: ViewIndex, edge: number): Selection | undefined {
  const { edges } = view.data;
  const thread = view.thread(edges.toThread[edge]);
  const begin = edges.begin[edge] ?? NaN;
  const index = lowerBound(thread?.begin ?? [], begin);
  return thread?.begin[index] === begin ? { lane: 'thread', id: thread.id, index } : undefined;
}

function signalOfEdge(view: ViewIndex, edge: number): Selection | undefined {
  const { edges } = view.data;
  const object = view.object(edges.object[edge]);
  const from = edges.from[edge] ?? -1;
  if (object === undefined || from < 0) return undefined;
  for (let index = lowerBound(object.time, from); object.time[index] === from; index += 1) {
    if (object.thread[index] === edges.fromThread[edge]) return { lane: 'object', id: object.id, index };
  }
  return undefined;
}

/** The first wait of a run that a signal of the other side released: what a reader came to see. */
export function firstWake(view: ViewIndex, run: Group | undefined): Selection | undefined {
  const { edges } = view.data;
  let other: number | undefined;
  for (let edge = 0; edge < edges.to.length; edge += 1) {
    const to = view.thread(edges.toThread[edge]);
    const from = view.thread(edges.fromThread[edge]);
    if (to === undefined || from === undefined || (edges.latency[edge] ?? -1) < 0) continue;
    if (run !== undefined && to.run !== run) continue;
    if (to.side !== from.side) return waitOfEdge(view, edge);
    other ??= edge;
  }
  return other === undefined ? undefined : waitOfEdge(view, other);
}
