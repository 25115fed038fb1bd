/** What is under a place of the canvas. */
import { lowerBound } from '../trace/columns/columns.js';
import { laneAt, type LaneLayout } from './lanes.js';
import type { TimeScale } from './time-scale.js';
import type { ObjectLane, ThreadLane } from './view-data.js';
import type { Selection, ViewIndex } from './view-index.js';

/** Pixels around the pointer in which a transition counts as hit. */
const REACH = 7;
/** Waits of a thread that can lie within one another. */
const MAX_NESTED = 4;

/** `x` from the left edge of the lanes, `y` in the layout. */
export function hitAt(
  layout: LaneLayout,
  view: ViewIndex,
  scale: TimeScale,
  x: number,
  y: number,
): Selection | undefined {
  const lane = laneAt(layout, y);
  if (lane === undefined || lane.type === 'heading') return undefined;
  if (lane.type === 'thread') return hitWait(lane.thread, scale, x);
  return hitTransition(view, lane.object, scale, x);
}

/** The nearest; of those at one moment the first, which is the glyph that is drawn. */
function hitTransition(view: ViewIndex, lane: ObjectLane, scale: TimeScale, x: number): Selection | undefined {
  const { time, at, count } = lane;
  const after = lowerBound(time, scale.ns(x));
  const distance = (index: number): number =>
    index < 0 || index >= count ? Infinity : Math.abs(scale.x(time[index] ?? 0) - x);
  const nearest = distance(after) < distance(after - 1) ? after : after - 1;
  if (distance(nearest) > REACH) return undefined;
  // Something with a wake, when it is as near: that is what a pointer looks for.
  const candidates = [nearest, nearest - 1, nearest + 1].filter((index) => distance(index) <= distance(nearest) + 1);
  const index = candidates.find((one) => view.edgesOf({ lane: 'object', at, index: one }).length > 0) ?? nearest;
  return { lane: 'object', at, index };
}

function hitWait({ begin, end, at }: ThreadLane, scale: TimeScale, x: number): Selection | undefined {
  const last = lowerBound(begin, scale.ns(x + REACH)) - 1;
  for (let index = last; index >= 0 && index > last - MAX_NESTED; index -= 1) {
    if (scale.x(end[index] ?? 0) >= x - 3) return { lane: 'thread', at, index };
  }
  return undefined;
}
