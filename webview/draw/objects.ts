/** An object's lane: its state as a band, its transitions as glyphs above it. */
import { lowerBound } from '../../trace/columns/columns.js';
import { State, Transition } from '../../trace/model/transitions.js';
import { drawGlyph } from './glyphs.js';
import type { Theme } from '../theme.js';
import type { ObjectLane } from '../view-data.js';
import type { Pen, Scene } from './scene.js';

const GLYPH_WIDTH = 8;
const BAND_TOP = 24;
const BAND_HEIGHT = 10;
const GLYPH_MIDDLE = 13;

export function drawObject(pen: Pen, scene: Scene, lane: ObjectLane, top: number): void {
  drawBand(pen, scene, lane, top + BAND_TOP);
  drawTransitions(pen, scene, lane, top);
}

/** Wiped before coalesced before plain ones; the life cycle last. */
const TELLING: readonly number[] = [
  ...[Transition.Wipe, Transition.MissedPulse, Transition.CoalescedSet, Transition.Pulse, Transition.Set],
  ...[Transition.Complete, Transition.Release, Transition.Expire, Transition.Reset, Transition.Clear, Transition.Take],
  ...[Transition.Create, Transition.Open, Transition.Close, Transition.Reference, Transition.Dereference],
  Transition.Duplicate,
];

/**
 * Of all that would lie on one another the most telling is drawn, where it is, with a bar for how many there are: zooming
 * in shows the others. Groups keep to the grid of the time axis, so that they stay the same while it moves.
 */
function drawTransitions(pen: Pen, scene: Scene, lane: ObjectLane, top: number): void {
  const { scale, view, theme } = scene;
  const { summary } = view.data;
  let at = lowerBound(lane.time, scale.ns(-GLYPH_WIDTH));
  while (at < lane.count) {
    const x = scale.x(lane.time[at] ?? 0);
    if (x > scale.width + GLYPH_WIDTH) break;
    const next = lowerBound(lane.time, scale.ns(x + GLYPH_WIDTH), at + 1);
    let telling = at;
    if (next - at > 1) {
      const kinds = summary.kinds(lane, at, next);
      const kind = TELLING.find((one) => ((kinds >>> one) & 1) === 1) ?? 0;
      telling = summary.firstOf(lane, 1 << kind, at, next);
      drawCount(pen, theme, scene.gutter + x, top, next - at);
    }
    drawGlyph(pen, theme, lane.what[telling] ?? 0, scene.gutter + scale.x(lane.time[telling] ?? 0), top + GLYPH_MIDDLE);
    at = next;
  }
}

/** Higher for more: a pixel for every doubling. */
function drawCount(pen: Pen, theme: Theme, x: number, top: number, count: number): void {
  if (count < 4) return;
  const height = Math.min(12, Math.log2(count));
  pen.globalAlpha = 0.35;
  pen.fillStyle = theme.signal;
  pen.fillRect(x - 3, top + BAND_TOP - 1 - height, GLYPH_WIDTH - 1, height);
  pen.globalAlpha = 1;
}

/** Shades of a column that holds both states: so many are told apart. */
const SHADES = 8;

/** Filled while signaled, a line while not, dots while unknown; shaded by its share where a column holds both. */
function drawBand(pen: Pen, scene: Scene, lane: ObjectLane, top: number): void {
  const { scale, gutter, theme, view } = scene;
  const first = lane.time[0] ?? 0;
  const left = Math.max(0, Math.floor(scale.x(first)));
  const right = Math.min(scale.width, Math.ceil(scale.x(Math.min(lane.head.until, view.data.columns.end))));
  const band = new BandPainter(pen, theme, gutter, top);
  let at = lowerBound(lane.time, scale.ns(left));
  for (let x = left; x < right;) {
    const state = at === 0 ? lane.head.initial : (lane.state[at - 1] ?? State.Unknown);
    const change = at < lane.count ? Math.max(x, Math.floor(scale.x(lane.time[at] ?? 0))) : right;
    if (change > x) {
      const until = Math.min(change, right);
      band.add(x, until, state === State.Signaled ? SHADES : state === State.Unknown ? UNKNOWN : 0);
      x = until;
      continue;
    }
    const [from, until] = [scale.ns(x), scale.ns(x + 1)];
    const next = lowerBound(lane.time, until, at);
    const { summary } = view.data;
    const signaled = summary.signaledBefore(lane, until, next) - summary.signaledBefore(lane, from, at);
    const share = signaled / Math.max(until - from, 1e-9);
    // The least bit of being signaled is seen.
    const wasSet = signaled > 0 || lane.state[next - 1] === State.Signaled;
    band.add(x, x + 1, wasSet ? Math.min(SHADES, Math.max(2, Math.round(share * SHADES))) : 0);
    at = next;
    x += 1;
  }
  band.end();
}

const UNKNOWN = -1;

/** Puts columns of one shade together: a rectangle each. */
class BandPainter {
  #from = 0;
  #until = 0;
  #shade = 0;

  constructor(
    private readonly pen: Pen,
    private readonly theme: Theme,
    private readonly gutter: number,
    private readonly top: number,
  ) {}

  add(from: number, until: number, shade: number): void {
    if (shade !== this.#shade || from !== this.#until) {
      this.end();
      this.#from = from;
      this.#shade = shade;
    }
    this.#until = until;
  }

  end(): void {
    const { pen, theme, top } = this;
    const [x, width] = [this.gutter + this.#from, this.#until - this.#from];
    this.#from = this.#until;
    if (width <= 0) return;
    if (this.#shade > 0) {
      pen.fillStyle = theme.signaled;
      pen.globalAlpha = this.#shade / SHADES;
      pen.fillRect(x, top, width, BAND_HEIGHT);
      pen.globalAlpha = 1;
      return;
    }
    pen.fillStyle = theme.faint;
    if (this.#shade === 0) {
      pen.fillRect(x, top + BAND_HEIGHT - 2, width, 1);
      return;
    }
    for (let dot = x - (x % 6); dot < x + width; dot += 6) {
      if (dot >= x) pen.fillRect(dot, top + BAND_HEIGHT - 2, 2, 1);
    }
  }
}
