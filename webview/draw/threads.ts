/** A thread's lane: its life, its waits as bars with what they waited for, the time it was ready, its calls as ticks. */
import { lowerBound } from '../../trace/columns/columns.js';
import { Outcome } from '../../trace/model/waits.js';
import { Meeting } from '../../trace/model/wakes.js';
import { asksForWaits, matchesWait } from '../filter.js';
import { shortLabelOf } from '../lanes.js';
import type { ThreadLane } from '../view-data.js';
import type { Pen, Scene } from './scene.js';
import { OPAQUE, cover, newShades, type Shades } from './shades.js';
import { fitText } from './text.js';

const BAR_TOP = 9;
const BAR_HEIGHT = 12;

/** @param stopped columns in which the debugger held the target; undefined: none */
export function drawThread(pen: Pen, scene: Scene, lane: ThreadLane, top: number, stopped: Shades | undefined): void {
  const { theme, scale, gutter } = scene;
  const barTop = top + BAR_TOP;
  if (!lane.head.deferred) {
    const from = Math.max(0, scale.x(lane.head.first));
    const until = Math.min(scale.width, scale.x(lane.head.last));
    pen.fillStyle = theme.faint;
    if (until > from) pen.fillRect(gutter + from, barTop + 5, until - from, 2);
    if (stopped !== undefined && until > from) {
      const own = stopped.slice();
      own.fill(0, 0, Math.floor(from)).fill(0, Math.ceil(until));
      scene.shades.paint(theme.focus, gutter, barTop + 4, 4, own);
    }
  }
  drawWaits(pen, scene, lane, barTop);
  drawCalls(scene, lane, barTop);
}

function drawCalls(scene: Scene, lane: ThreadLane, top: number): void {
  const { theme, scale, gutter } = scene;
  const calls = newShades(scale.width);
  for (let at = lowerBound(lane.calls, scale.from); at < lane.calls.length;) {
    const x = Math.max(0, Math.floor(scale.x(lane.calls[at] ?? 0)));
    if (x >= calls.length) break;
    calls[x] = OPAQUE;
    at = lowerBound(lane.calls, scale.ns(x + 1), at + 1);
  }
  scene.shades.paint(theme.foreground, gutter, top + 1, 10, calls);
}

/** Pixels from which on a wait is drawn by itself, with what it waited for. */
const OWN_WIDTH = 8;
/** Pixels below which waits are drawn together, by column. */
const LEAST_WIDTH = 1.5;

function drawWaits(pen: Pen, scene: Scene, lane: ThreadLane, top: number): void {
  const { scale, theme, gutter } = scene;
  const narrow = new NarrowWaits(scene, lane);
  const wide: number[] = [];
  const isWide = (at: number): boolean => scale.x(lane.end[at] ?? 0) - scale.x(lane.begin[at] ?? 0) > OWN_WIDTH;
  // Waits of a thread follow one another, so that the one before the first that begins here may still reach in.
  for (let at = Math.max(0, lowerBound(lane.begin, scale.from) - 1); at < lane.count;) {
    const begin = scale.x(lane.begin[at] ?? 0);
    if (begin > scale.width) break;
    if (isWide(at)) {
      wide.push(at);
      at += 1;
      continue;
    }
    const next = narrow.add(at, begin);
    // The last of those that begin in one column may reach far beyond it.
    if (next > at + 1 && isWide(next - 1)) wide.push(next - 1);
    at = next;
  }
  scene.shades.paint(theme.wait, gutter, top, BAR_HEIGHT, narrow.bars);
  scene.shades.paint(theme.wiped, gutter, top + BAR_HEIGHT - 3, 3, narrow.timedOut);
  for (const at of wide) drawWait(pen, scene, lane, at, top);
}

/** Waits of few pixels: how much of each column they are, and where one of them timed out. */
class NarrowWaits {
  readonly bars: Shades;
  readonly timedOut: Shades;
  readonly #scene: Scene;
  readonly #lane: ThreadLane;
  readonly #filtered: boolean;

  constructor(scene: Scene, lane: ThreadLane) {
    this.bars = newShades(scene.scale.width);
    this.timedOut = newShades(scene.scale.width);
    this.#scene = scene;
    this.#lane = lane;
    this.#filtered = asksForWaits(scene.filter);
  }

  /** Adds the wait that begins at this pixel, with all that begin in its column when it is no wider. Returns the next. */
  add(at: number, begin: number): number {
    if (this.#addAlone(at)) return at + 1;
    const next = this.#addColumn(at, Math.floor(begin));
    // The last of them may reach beyond the column.
    if (next > at + 1) this.#addAlone(next - 1);
    return next;
  }

  /** Unless it is too narrow, or so wide that it is drawn by itself. */
  #addAlone(at: number): boolean {
    const { scale } = this.#scene;
    const lane = this.#lane;
    const [begin, end] = [scale.x(lane.begin[at] ?? 0), scale.x(lane.end[at] ?? 0)];
    if (end - begin < LEAST_WIDTH || end - begin > OWN_WIDTH) return false;
    cover(this.bars, begin, end, opacityOf(this.#scene, lane, at) * OPAQUE);
    if (lane.outcome[at] === Outcome.TimedOut) cover(this.timedOut, begin, end, OPAQUE);
    return true;
  }

  #addColumn(at: number, column: number): number {
    const { scale, view } = this.#scene;
    const lane = this.#lane;
    const [from, until] = [scale.ns(column), scale.ns(column + 1)];
    const next = Math.max(at + 1, lowerBound(lane.begin, until, at + 1));
    if (column < 0) return next;
    const share = view.data.summary.waitedIn(lane, from, until) / Math.max(until - from, 1e-9);
    // In steps: their columns differ by what can be seen.
    const shade = Math.round(Math.min(1, Math.max(0.25, share)) * 4) / 4;
    this.bars[column] = Math.max(this.bars[column] ?? 0, Math.round((this.#filtered ? 0.3 : shade * 0.9) * OPAQUE));
    if (((view.data.summary.outcomes(lane, at, next) >>> Outcome.TimedOut) & 1) === 1) this.timedOut[column] = OPAQUE;
    return next;
  }
}

/** Less of what is not sure, and of what the filter does not ask for. */
function opacityOf({ filter, view }: Scene, lane: ThreadLane, at: number): number {
  if (asksForWaits(filter) && !matchesWait(filter, view, lane, at)) return 0.2;
  const outcome = lane.outcome[at];
  return outcome !== Outcome.Unknown && outcome !== Outcome.Open ? 0.9 : 0.4;
}

function drawWait(pen: Pen, scene: Scene, lane: ThreadLane, at: number, top: number): void {
  const { theme, scale, gutter } = scene;
  const left = Math.max(0, scale.x(lane.begin[at] ?? 0));
  const right = Math.min(scale.width, scale.x(lane.end[at] ?? 0));
  if (right <= left) return;
  pen.fillStyle = theme.background;
  pen.fillRect(gutter + left, top, right - left, BAR_HEIGHT);
  pen.fillStyle = theme.wait;
  pen.globalAlpha = opacityOf(scene, lane, at);
  pen.fillRect(gutter + left, top, right - left, BAR_HEIGHT);
  pen.globalAlpha = 1;
  if (lane.outcome[at] === Outcome.TimedOut && right - left > 3) {
    pen.fillStyle = theme.wiped;
    pen.fillRect(gutter + right - 2, top, 2, BAR_HEIGHT);
  }
  drawReady(pen, scene, lane, at, right, top);
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

/** Pixels; in less no name is told. */
const LEAST_LABELLED = 44;

function waitLabel(
  pen: Pen,
  scene: Scene,
  lane: ThreadLane,
  at: number,
  left: number,
  right: number,
  top: number,
): void {
  if (right - left < LEAST_LABELLED) return;
  const object = scene.view.object(lane.object[at]);
  if (object === undefined) return;
  pen.font = `10px ${scene.theme.font}`;
  pen.fillStyle = scene.theme.onWait;
  pen.textBaseline = 'middle';
  const room = right - left - 10;
  const name = shortLabelOf(object, scene.arrangement, (label) => fitText(pen, label, room) === label);
  // What it waited for comes first: that it timed out its end shows as well.
  const words = `timed out: ${name}`;
  const isWhole = lane.outcome[at] === Outcome.TimedOut && fitText(pen, words, room) === words;
  pen.fillText(isWhole ? words : fitText(pen, name, room), scene.gutter + left + 5, top + 6.5);
}
