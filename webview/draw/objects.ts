/** An object's lane: its state as a band, its transitions as glyphs above it. */
import { State, Transition } from '../../trace/model/transitions.js';
import { lowerBound } from '../search.js';
import type { Theme } from '../theme.js';
import type { ObjectLane } from '../view-data.js';
import type { Scene } from './scene.js';

export function drawObject(context: CanvasRenderingContext2D, scene: Scene, lane: ObjectLane, top: number): void {
  const bandTop = top + 24;
  const bandHeight = 10;
  drawBand(context, scene, lane, bandTop, bandHeight);
  const { scale } = scene;
  const lastColumn = scale.width;
  let at = lowerBound(lane.time, scale.ns(-8));
  while (at < lane.time.length) {
    const x = scale.x(lane.time[at] ?? 0);
    if (x > lastColumn + 8) break;
    // Of all that would be drawn over one another, the most telling: zooming in shows the others.
    const next = lowerBound(lane.time, scale.ns(x + GLYPH_WIDTH), at + 1);
    const telling = mostTelling(lane, at, next);
    drawGlyph(context, scene, lane.what[telling] ?? 0, scene.gutter + scale.x(lane.time[telling] ?? 0), top);
    at = next;
  }
}

const GLYPH_WIDTH = 8;

/** Wiped before coalesced before plain ones; the life cycle last. */
const TELLING: readonly number[] = [
  ...[Transition.Wipe, Transition.MissedPulse, Transition.CoalescedSet, Transition.Pulse, Transition.Set],
  ...[Transition.Complete, Transition.Release, Transition.Expire, Transition.Reset, Transition.Take, Transition.Create],
];

/** Index of the one to draw, of a group; of groups too large to look through, of their beginning. */
function mostTelling(lane: ObjectLane, from: number, until: number): number {
  let best = from;
  let bestRank = TELLING.length;
  for (let at = from; at < Math.min(until, from + 64); at += 1) {
    const rank = TELLING.indexOf(lane.what[at] ?? 0);
    if (rank < 0 || rank >= bestRank) continue;
    best = at;
    bestRank = rank;
  }
  return best;
}

/** The state: filled while signaled, a line while not, dots while unknown; shades where a column holds both. */
function drawBand(
  context: CanvasRenderingContext2D,
  scene: Scene,
  lane: ObjectLane,
  top: number,
  height: number,
): void {
  const { theme, scale, gutter } = scene;
  const first = lane.time[0] ?? 0;
  const left = Math.max(0, Math.floor(scale.x(Math.max(first, scale.from))));
  const right = Math.min(scale.width, Math.ceil(scale.x(Math.min(lane.until, scene.view.data.end))));
  let at = lowerBound(lane.time, scale.ns(left));
  let state = at === 0 ? lane.initial : (lane.state[at - 1] ?? lane.initial);
  for (let x = left; x < right;) {
    const changes = at < lane.time.length ? Math.max(x, Math.floor(scale.x(lane.time[at] ?? 0))) : right;
    if (changes > x) {
      fillState(context, theme, state, gutter + x, Math.min(changes, right) - x, top, height);
      x = changes;
      continue;
    }
    const next = lowerBound(lane.time, scale.ns(x + 1), at);
    let signaled = 0;
    const looked = Math.min(next, at + 64);
    for (let one = at; one < looked; one += 1) if (lane.state[one] === State.Signaled) signaled += 1;
    state = lane.state[next - 1] ?? state;
    fillState(context, theme, signaled > 0 ? State.Signaled : state, gutter + x, 1, top, height);
    at = next;
    x += 1;
  }
}

function fillState(
  context: CanvasRenderingContext2D,
  theme: Theme,
  state: number,
  x: number,
  width: number,
  top: number,
  height: number,
): void {
  if (state === State.Signaled) {
    context.fillStyle = theme.signaled;
    context.fillRect(x, top, width, height);
  } else if (state === State.NotSignaled) {
    context.fillStyle = theme.faint;
    context.fillRect(x, top + height - 2, width, 1);
  } else {
    context.fillStyle = theme.faint;
    for (let dot = x - (x % 6); dot < x + width; dot += 6) if (dot >= x) context.fillRect(dot, top + height - 2, 2, 1);
  }
}

function drawGlyph(context: CanvasRenderingContext2D, scene: Scene, kind: number, x: number, top: number): void {
  const { theme } = scene;
  const y = top + 13;
  context.lineWidth = 1.5;
  switch (kind as Transition) {
    case Transition.Set:
    case Transition.Complete:
    case Transition.Release:
    case Transition.Expire:
      triangle(context, x, y, 5, theme.signal, true);
      break;
    case Transition.CoalescedSet:
      triangle(context, x, y, 5, theme.signal, false);
      break;
    case Transition.Reset:
    case Transition.Clear:
      triangle(context, x, y, -5, theme.reset, true);
      break;
    case Transition.Wipe:
      cross(context, x, y, 5, theme.wiped);
      break;
    case Transition.Pulse:
      diamond(context, x, y, 5, theme.signal, true);
      break;
    case Transition.MissedPulse:
      diamond(context, x, y, 5, theme.wiped, false);
      break;
    case Transition.Take:
      context.fillStyle = theme.signaled;
      context.fillRect(x - 0.75, top + 20, 1.5, 16);
      break;
    case Transition.Create:
    case Transition.Open:
    case Transition.Reference:
    case Transition.Dereference:
    case Transition.Duplicate:
    case Transition.Close:
      context.fillStyle = theme.faint;
      context.beginPath();
      context.arc(x, y, 2.25, 0, Math.PI * 2);
      context.fill();
      break;
  }
}

/** Points up with a positive size, down with a negative one. */
function triangle(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  size: number,
  colour: string,
  full: boolean,
): void {
  const half = Math.abs(size);
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + half, y + size);
  context.lineTo(x - half, y + size);
  context.closePath();
  paint(context, colour, full);
}

function diamond(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  size: number,
  colour: string,
  full: boolean,
): void {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.closePath();
  paint(context, colour, full);
}

function paint(context: CanvasRenderingContext2D, colour: string, full: boolean): void {
  context.fillStyle = colour;
  context.strokeStyle = colour;
  if (full) context.fill();
  else context.stroke();
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 2.25;
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x + size, y - size);
  context.lineTo(x - size, y + size);
  context.stroke();
}
