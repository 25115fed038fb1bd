/** An object's lane: its state as a band, its transitions as glyphs above it. */
import { lowerBound } from '../../trace/columns/columns.js';
import { State, Transition } from '../../trace/model/transitions.js';
import { drawGlyph } from './glyphs.js';
import { OPAQUE, newShades } from './shades.js';
import type { Theme } from '../theme.js';
import type { ObjectLane } from '../view-data.js';
import type { Pen, Scene } from './scene.js';

const GLYPH_WIDTH = 8;
const BAND_TOP = 24;
const BAND_HEIGHT = 10;
const GLYPH_MIDDLE = 13;

export function drawObject(pen: Pen, scene: Scene, lane: ObjectLane, top: number): void {
  drawBand(scene, lane, top + BAND_TOP);
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

/** Steps of opacity of a column that holds both states: so many are told apart. */
const STEPS = 8;

/** Filled while signaled, a line while not, dots while unknown; shaded by its share where a column holds both. */
function drawBand(scene: Scene, lane: ObjectLane, top: number): void {
  const { scale, gutter, theme, view, shades } = scene;
  const { summary } = view.data;
  const first = lane.time[0] ?? 0;
  const left = Math.max(0, Math.floor(scale.x(first)));
  const right = Math.min(scale.width, Math.ceil(scale.x(Math.min(lane.head.until, view.data.columns.end))));
  const signaled = newShades(scale.width);
  const line = newShades(scale.width);
  const add = (from: number, until: number, state: number): void => {
    if (state === State.Signaled) signaled.fill(OPAQUE, from, until);
    else if (state !== State.Unknown) line.fill(OPAQUE, from, until);
    else for (let x = from; x < until; x += 1) line[x] = x % 6 < 2 ? OPAQUE : 0;
  };
  let at = lowerBound(lane.time, scale.ns(left));
  for (let x = left; x < right;) {
    const state = at === 0 ? lane.head.initial : (lane.state[at - 1] ?? State.Unknown);
    const change = at < lane.count ? Math.max(x, Math.floor(scale.x(lane.time[at] ?? 0))) : right;
    if (change > x) {
      const until = Math.min(change, right);
      add(x, until, state);
      x = until;
      continue;
    }
    const [from, until] = [scale.ns(x), scale.ns(x + 1)];
    const next = lowerBound(lane.time, until, at);
    const held = summary.signaledBefore(lane, until, next) - summary.signaledBefore(lane, from, at);
    // The least bit of being signaled is seen.
    if (held > 0 || lane.state[next - 1] === State.Signaled) {
      const share = Math.max(2, Math.round((held / Math.max(until - from, 1e-9)) * STEPS)) / STEPS;
      signaled[x] = Math.round(Math.min(1, share) * OPAQUE);
    } else line[x] = OPAQUE;
    at = next;
    x += 1;
  }
  shades.paint(theme.signaled, gutter, top, BAND_HEIGHT, signaled);
  shades.paint(theme.faint, gutter, top + BAND_HEIGHT - 2, 1, line);
}
