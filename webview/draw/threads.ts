/** A thread's lane: its life, its waits as bars with what they waited for, its calls as ticks. */
import { Outcome } from '../../trace/model/waits.js';
import { lowerBound } from '../search.js';
import type { ThreadLane } from '../view-data.js';
import type { Scene } from './scene.js';
import { fitText } from './text.js';

export function drawThread(context: CanvasRenderingContext2D, scene: Scene, lane: ThreadLane, top: number): void {
  const { theme, scale, gutter } = scene;
  const barTop = top + 9;
  if (!lane.deferred) {
    const from = Math.max(0, scale.x(lane.first));
    const until = Math.min(scale.width, scale.x(lane.last));
    context.fillStyle = theme.faint;
    if (until > from) context.fillRect(gutter + from, barTop + 5, until - from, 2);
  }
  drawWaits(context, scene, lane, barTop);
  context.fillStyle = theme.foreground;
  for (let at = lowerBound(lane.calls, scale.from); at < lane.calls.length;) {
    const x = scale.x(lane.calls[at] ?? 0);
    if (x > scale.width) break;
    context.fillRect(gutter + Math.round(x), barTop + 1, 1, 10);
    at = lowerBound(lane.calls, scale.ns(Math.floor(x) + 1), at + 1);
  }
}

function drawWaits(context: CanvasRenderingContext2D, scene: Scene, lane: ThreadLane, top: number): void {
  const { theme, scale, gutter } = scene;
  // Waits of a thread follow one another, so that the one before the first that begins here may still reach in.
  let at = Math.max(0, lowerBound(lane.begin, scale.from) - 1);
  let painted = -1;
  while (at < lane.begin.length) {
    const begin = scale.x(lane.begin[at] ?? 0);
    if (begin > scale.width) break;
    const end = scale.x(lane.end[at] ?? 0);
    const left = Math.max(0, begin);
    const right = Math.min(scale.width, Math.max(end, begin + 1));
    if (right > painted && right > left) {
      const outcome = lane.outcome[at];
      context.fillStyle = theme.background;
      context.fillRect(gutter + left, top, right - left, 12);
      context.fillStyle = theme.wait;
      context.globalAlpha = outcome === Outcome.Unknown || outcome === Outcome.Open ? 0.4 : 0.9;
      context.fillRect(gutter + left, top, right - left, 12);
      context.globalAlpha = 1;
      if (outcome === Outcome.TimedOut && right - left > 3) {
        context.fillStyle = theme.wiped;
        context.fillRect(gutter + right - 2, top, 2, 12);
      }
      waitLabel(context, scene, lane, at, left, right, top);
      painted = right;
    }
    // The next that ends on another column.
    at =
      right - left < 1.5 ? Math.max(at + 1, lowerBound(lane.begin, scale.ns(Math.floor(begin) + 1), at + 1)) : at + 1;
  }
}

function waitLabel(
  context: CanvasRenderingContext2D,
  scene: Scene,
  lane: ThreadLane,
  at: number,
  left: number,
  right: number,
  top: number,
): void {
  if (right - left < 70) return;
  const object = scene.view.object(lane.object[at]);
  if (object === undefined) return;
  context.font = `10px ${scene.theme.font}`;
  // Dark on the yellow of a wait, in every theme.
  context.fillStyle = '#1b1f24';
  const words = lane.outcome[at] === Outcome.TimedOut ? 'timed out: ' : '';
  context.textBaseline = 'middle';
  context.fillText(fitText(context, words + object.label, right - left - 10), scene.gutter + left + 5, top + 6.5);
}
