/** A thread's lane: its life, its waits as bars with what they waited for, the time it was ready, its calls as ticks. */
import { lowerBound } from '../../trace/columns/columns.js';
import { Outcome } from '../../trace/model/waits.js';
import { Meeting } from '../../trace/model/wakes.js';
import { asksForWaits, matchesWait } from '../filter.js';
import { labelOf } from '../lanes.js';
import type { ThreadLane } from '../view-data.js';
import type { Pen, Scene } from './scene.js';
import { fitText } from './text.js';

const BAR_TOP = 9;
const BAR_HEIGHT = 12;

export function drawThread(pen: Pen, scene: Scene, lane: ThreadLane, top: number): void {
  const { theme, scale, gutter } = scene;
  const barTop = top + BAR_TOP;
  if (!lane.head.deferred) {
    const from = Math.max(0, scale.x(lane.head.first));
    const until = Math.min(scale.width, scale.x(lane.head.last));
    pen.fillStyle = theme.faint;
    if (until > from) pen.fillRect(gutter + from, barTop + 5, until - from, 2);
  }
  drawWaits(pen, scene, lane, barTop);
  drawCalls(pen, scene, lane, barTop);
}

function drawCalls(pen: Pen, scene: Scene, lane: ThreadLane, top: number): void {
  const { theme, scale, gutter } = scene;
  pen.fillStyle = theme.foreground;
  let [from, until] = [-1, -1];
  const flush = (): void => {
    if (until > from) pen.fillRect(gutter + from, top + 1, until - from, 10);
  };
  // Columns beside one another are one rectangle.
  for (let at = lowerBound(lane.calls, scale.from); at < lane.calls.length;) {
    const x = Math.floor(scale.x(lane.calls[at] ?? 0));
    if (x > scale.width) break;
    if (x > until) {
      flush();
      from = x;
    }
    until = x + 1;
    at = lowerBound(lane.calls, scale.ns(x + 1), at + 1);
  }
  flush();
}

function drawWaits(pen: Pen, scene: Scene, lane: ThreadLane, top: number): void {
  const { scale, view } = scene;
  // Waits of a thread follow one another, so that the one before the first that begins here may still reach in.
  let at = Math.max(0, lowerBound(lane.begin, scale.from) - 1);
  const narrow = new NarrowWaits(pen, scene, top);
  while (at < lane.count) {
    const begin = scale.x(lane.begin[at] ?? 0);
    if (begin > scale.width) break;
    const end = scale.x(lane.end[at] ?? 0);
    if (end - begin >= 1.5) {
      narrow.end();
      drawWait(pen, scene, lane, at, begin, end, top);
      at += 1;
      continue;
    }
    // All that begin in this column, as one: how much of it they waited.
    const column = Math.floor(begin);
    const next = Math.max(at + 1, lowerBound(lane.begin, scale.ns(column + 1), at + 1));
    const [from, until] = [scale.ns(column), scale.ns(column + 1)];
    const share = view.data.summary.waitedIn(lane, from, until) / Math.max(until - from, 1e-9);
    const timedOut = (view.data.summary.outcomes(lane, at, next) >>> Outcome.TimedOut) & 1;
    narrow.add(column, Math.min(1, Math.max(0.25, share)), timedOut === 1);
    // The last of them may reach far beyond the column.
    const last = next - 1;
    if (last > at && scale.x(lane.end[last] ?? 0) - scale.x(lane.begin[last] ?? 0) >= 1.5) {
      narrow.end();
      drawWait(pen, scene, lane, last, scale.x(lane.begin[last] ?? 0), scale.x(lane.end[last] ?? 0), top);
    }
    at = next;
  }
  narrow.end();
}

/** Columns that hold many short waits, those of one shade together. */
class NarrowWaits {
  #from = 0;
  #until = 0;
  #shade = 0;
  #timedOut = false;

  constructor(
    private readonly pen: Pen,
    private readonly scene: Scene,
    private readonly top: number,
  ) {}

  add(column: number, share: number, timedOut: boolean): void {
    const shade = Math.round(share * 4);
    if (column !== this.#until || shade !== this.#shade || timedOut !== this.#timedOut) {
      this.end();
      this.#from = column;
      this.#shade = shade;
      this.#timedOut = timedOut;
    }
    this.#until = column + 1;
  }

  end(): void {
    const { pen, scene, top } = this;
    const from = Math.max(0, this.#from);
    const width = Math.min(this.#until, scene.scale.width) - from;
    this.#from = this.#until;
    if (width <= 0) return;
    pen.globalAlpha =
      scene.view.data.columns.waits.begin.length > 0 && asksForWaits(scene.filter) ? 0.3 : (this.#shade / 4) * 0.9;
    pen.fillStyle = scene.theme.wait;
    pen.fillRect(scene.gutter + from, top, width, BAR_HEIGHT);
    pen.globalAlpha = 1;
    if (!this.#timedOut) return;
    pen.fillStyle = scene.theme.wiped;
    pen.fillRect(scene.gutter + from, top + BAR_HEIGHT - 3, width, 3);
  }
}

function drawWait(pen: Pen, scene: Scene, lane: ThreadLane, at: number, begin: number, end: number, top: number): void {
  const { theme, scale, gutter, filter, view } = scene;
  const left = Math.max(0, begin);
  const right = Math.min(scale.width, end);
  if (right <= left) return;
  const outcome = lane.outcome[at];
  const dim = asksForWaits(filter) && !matchesWait(filter, view, lane, at);
  const sure = outcome !== Outcome.Unknown && outcome !== Outcome.Open;
  pen.fillStyle = theme.background;
  pen.fillRect(gutter + left, top, right - left, BAR_HEIGHT);
  pen.fillStyle = theme.wait;
  pen.globalAlpha = dim ? 0.2 : sure ? 0.9 : 0.4;
  pen.fillRect(gutter + left, top, right - left, BAR_HEIGHT);
  pen.globalAlpha = 1;
  if (outcome === Outcome.TimedOut && right - left > 3) {
    pen.fillStyle = theme.wiped;
    pen.fillRect(gutter + right - 2, top, 2, BAR_HEIGHT);
  }
  if (right - left > 8) drawReady(pen, scene, lane, at, right, top);
  waitLabel(pen, scene, lane, at, left, right, top);
}

/** From the signal to the wait's return the thread could run, or did: no more a wait. */
function drawReady(pen: Pen, scene: Scene, lane: ThreadLane, at: number, right: number, top: number): void {
  const { view, scale, gutter, theme } = scene;
  const { meeting, signal } = view.data.columns.edges;
  const edge = view.edgesOfWait(lane.base + at).find((one) => meeting[one] === Meeting.Released);
  const row = edge === undefined ? -1 : (signal[edge] ?? -1);
  if (row < 0) return;
  const from = Math.max(0, scale.x(view.data.columns.transitions.time[row] ?? 0));
  if (right - from < 1) return;
  pen.fillStyle = theme.background;
  pen.fillRect(gutter + from, top, right - from, BAR_HEIGHT);
  pen.fillStyle = theme.signaled;
  pen.globalAlpha = 0.75;
  pen.fillRect(gutter + from, top + 3, right - from, BAR_HEIGHT - 6);
  pen.globalAlpha = 1;
}

function waitLabel(
  pen: Pen,
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
  pen.font = `10px ${scene.theme.font}`;
  pen.fillStyle = scene.theme.onWait;
  pen.textBaseline = 'middle';
  const words = lane.outcome[at] === Outcome.TimedOut ? 'timed out: ' : '';
  const text = fitText(pen, words + labelOf(object, scene.arrangement), right - left - 10);
  pen.fillText(text, scene.gutter + left + 5, top + 6.5);
}
