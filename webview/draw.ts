/** Drawing of the lanes. Every lane is walked by pixel columns, so that the cost follows pixels, not events. */
import { State, Transition } from '../trace/model/transitions.js';
import { Outcome } from '../trace/model/waits.js';
import { AXIS_HEIGHT, type Lane, type LaneLayout } from './lanes.js';
import { lowerBound } from './search.js';
import type { Theme } from './theme.js';
import { axisLabel, type TimeScale } from './time-scale.js';
import type { GapMark, ObjectLane, ThreadLane, ViewData } from './view-data.js';

export interface Selection {
  readonly lane: 'object' | 'thread';
  readonly id: number;
  /** Entry of the object's columns, or wait of the thread's. */
  readonly index: number;
}

export interface Scene {
  readonly data: ViewData;
  readonly layout: LaneLayout;
  readonly scale: TimeScale;
  readonly theme: Theme;
  /** Width of the labels. */
  readonly gutter: number;
  readonly width: number;
  readonly height: number;
  readonly scrollTop: number;
  readonly selection: Selection | undefined;
  readonly hover: Selection | undefined;
  /** Pointer, in pixels of the canvas; undefined when it is elsewhere. */
  readonly pointer: { readonly x: number; readonly y: number } | undefined;
  /** Edges to draw, by index. */
  readonly edges: readonly number[];
}

export function drawScene(context: CanvasRenderingContext2D, scene: Scene): void {
  const { theme, width, height, gutter } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(0, AXIS_HEIGHT, width, height - AXIS_HEIGHT);
  context.clip();
  const visible = scene.layout.lanes.filter(
    (lane) => lane.top + lane.height > scene.scrollTop && lane.top < scene.scrollTop + height,
  );
  visible.forEach((lane) => drawLaneBackground(context, scene, lane));
  context.save();
  context.beginPath();
  context.rect(gutter, AXIS_HEIGHT, width - gutter, height - AXIS_HEIGHT);
  context.clip();
  drawGridLines(context, scene);
  for (const lane of visible) {
    if (lane.type === 'object') drawObject(context, scene, lane.object, lane.top - scene.scrollTop);
    else if (lane.type === 'thread') drawThread(context, scene, lane.thread, lane.top - scene.scrollTop);
  }
  scene.data.gaps.forEach((gap) => drawGap(context, scene, gap));
  scene.edges.forEach((edge) => drawEdge(context, scene, edge));
  drawPointer(context, scene);
  context.restore();
  visible.forEach((lane) => drawLabel(context, scene, lane));
  context.restore();
  drawAxis(context, scene);
}

const laneX = (scene: Scene, ns: number): number => scene.gutter + scene.scale.x(ns);

function drawLaneBackground(context: CanvasRenderingContext2D, scene: Scene, lane: Lane): void {
  const { theme } = scene;
  const top = lane.top - scene.scrollTop;
  const chosen = scene.selection ?? scene.hover;
  const isChosen =
    chosen !== undefined &&
    ((lane.type === 'object' && chosen.lane === 'object' && lane.object.id === chosen.id) ||
      (lane.type === 'thread' && chosen.lane === 'thread' && lane.thread.id === chosen.id));
  if (lane.type === 'heading' || isChosen) {
    context.fillStyle = theme.stripe;
    context.fillRect(0, top, scene.width, lane.height);
  }
  context.fillStyle = theme.line;
  context.fillRect(0, Math.round(top + lane.height) - 1, scene.width, 1);
}

function drawGridLines(context: CanvasRenderingContext2D, scene: Scene): void {
  context.save();
  context.globalAlpha = 0.6;
  context.fillStyle = scene.theme.line;
  for (const time of scene.scale.marks(110).times) {
    context.fillRect(Math.round(laneX(scene, time)), AXIS_HEIGHT, 1, scene.height);
  }
  context.restore();
}

// ---- objects

function drawObject(context: CanvasRenderingContext2D, scene: Scene, lane: ObjectLane, top: number): void {
  const bandTop = top + 24;
  const bandHeight = 10;
  drawBand(context, scene, lane, bandTop, bandHeight);
  const { scale } = scene;
  const lastColumn = scale.width;
  let at = lowerBound(lane.time, scale.ns(-8));
  while (at < lane.time.length) {
    const x = scale.x(lane.time[at] ?? 0);
    if (x > lastColumn + 8) break;
    // All that falls on this pixel column is one glyph: the most telling of them.
    const next = lowerBound(lane.time, scale.ns(Math.floor(x) + 1), at + 1);
    drawGlyph(context, scene, mostTelling(lane, at, next), scene.gutter + x, top);
    at = next;
  }
}

/** Wiped before coalesced before plain ones; the life cycle last. */
const TELLING: readonly number[] = [
  ...[Transition.Wipe, Transition.MissedPulse, Transition.CoalescedSet, Transition.Pulse, Transition.Set],
  ...[Transition.Complete, Transition.Release, Transition.Expire, Transition.Reset, Transition.Create],
];

function mostTelling(lane: ObjectLane, from: number, until: number): number {
  let best = lane.what[from] ?? 0;
  const looked = Math.min(until, from + 64);
  for (let at = from; at < looked; at += 1) {
    const kind = lane.what[at] ?? 0;
    const [rank, bestRank] = [TELLING.indexOf(kind), TELLING.indexOf(best)];
    if (rank >= 0 && (bestRank < 0 || rank < bestRank)) best = kind;
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
  const right = Math.min(scale.width, Math.ceil(scale.x(Math.min(lane.until, scene.data.end))));
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

// ---- threads

function drawThread(context: CanvasRenderingContext2D, scene: Scene, lane: ThreadLane, top: number): void {
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
  const object = scene.data.objects.find(({ id }) => id === lane.object[at]);
  if (object === undefined) return;
  context.font = `10px ${scene.theme.font}`;
  // Dark on the yellow of a wait, in every theme.
  context.fillStyle = '#1b1f24';
  const words = lane.outcome[at] === Outcome.TimedOut ? 'timed out: ' : '';
  context.textBaseline = 'middle';
  context.fillText(fitText(context, words + object.label, right - left - 10), scene.gutter + left + 5, top + 6.5);
}

// ---- gaps, edges, pointer

/** Hatched on the lanes of the source that lost records, and a bar on the axis, which is always in sight. */
function drawGap(context: CanvasRenderingContext2D, scene: Scene, gap: GapMark): void {
  const { scale, gutter, theme } = scene;
  const left = Math.max(0, scale.x(gap.from));
  const right = Math.min(scale.width, Math.max(scale.x(gap.until), scale.x(gap.from) + 2));
  if (right <= left) return;
  context.fillStyle = theme.wiped;
  context.fillRect(gutter + left, AXIS_HEIGHT, right - left, 2);
  const lanes = scene.layout.lanes.filter((lane) => lane.type === 'thread' && lane.thread.source === gap.source);
  lanes.forEach((lane, index) => {
    const top = lane.top - scene.scrollTop;
    context.save();
    context.beginPath();
    context.rect(gutter + left, top, right - left, lane.height);
    context.clip();
    context.globalAlpha = 0.3;
    context.strokeStyle = theme.wiped;
    context.lineWidth = 1;
    context.beginPath();
    for (let x = left - (left % 8) - lane.height; x < right; x += 8) {
      context.moveTo(gutter + x, top + lane.height);
      context.lineTo(gutter + x + lane.height, top);
    }
    context.stroke();
    context.globalAlpha = 1;
    context.font = `10px ${theme.font}`;
    context.fillStyle = theme.wiped;
    context.textBaseline = 'alphabetic';
    if (index === 0 && right - left > 60) {
      context.fillText(fitText(context, gap.label, right - left - 6), gutter + left + 3, top + lane.height - 2);
    }
    context.restore();
  });
}

/** From the signal on its object's lane to the end of the wait on its thread's lane. */
function drawEdge(context: CanvasRenderingContext2D, scene: Scene, edge: number): void {
  const { data, layout, theme, scrollTop } = scene;
  const { edges } = data;
  const object = layout.ofObject.get(edges.object[edge] ?? -1);
  const thread = layout.ofThread.get(edges.toThread[edge] ?? -1);
  if (object === undefined || thread === undefined) return;
  const fromY = object.top + 29 - scrollTop;
  const toY = thread.top + 15 - scrollTop;
  const toX = laneX(scene, edges.to[edge] ?? 0);
  const from = edges.from[edge] ?? -1;
  const starts = from >= 0 ? [from] : (edges.candidates[edge] ?? []);
  const words = data.evidenceWords[edges.evidence[edge] ?? 0];
  context.strokeStyle = theme.edge;
  context.fillStyle = theme.edge;
  context.lineWidth = 2;
  context.setLineDash(words === 'seen' ? [] : words === 'inferred' ? [6, 4] : [2, 4]);
  for (const start of starts) {
    const fromX = laneX(scene, start);
    const bend = Math.min(40, Math.abs(toY - fromY) / 2);
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.bezierCurveTo(fromX, fromY + bend, toX, toY - bend - 8, toX, toY - 8);
    context.stroke();
  }
  context.setLineDash([]);
  const down = toY >= fromY ? 1 : -1;
  context.beginPath();
  context.moveTo(toX, toY - 2 * down);
  context.lineTo(toX - 4.5, toY - 10 * down);
  context.lineTo(toX + 4.5, toY - 10 * down);
  context.closePath();
  context.fill();
}

function drawPointer(context: CanvasRenderingContext2D, scene: Scene): void {
  if (scene.pointer === undefined || scene.pointer.x < scene.gutter) return;
  context.fillStyle = scene.theme.faint;
  context.fillRect(Math.round(scene.pointer.x), AXIS_HEIGHT, 1, scene.height);
}

// ---- labels and axis

function drawLabel(context: CanvasRenderingContext2D, scene: Scene, lane: Lane): void {
  const { theme, gutter } = scene;
  const top = lane.top - scene.scrollTop;
  context.textBaseline = 'middle';
  if (lane.type === 'heading') {
    context.font = `600 11px ${theme.font}`;
    context.fillStyle = theme.faint;
    context.fillText(lane.label, 12, top + lane.height / 2 + 1);
    return;
  }
  context.fillStyle = theme.line;
  context.fillRect(gutter - 1, top, 1, lane.height);
  context.font = `12px ${theme.font}`;
  context.fillStyle = theme.foreground;
  if (lane.type === 'thread') {
    context.fillText(fitText(context, lane.thread.label, gutter - 24), 12, top + lane.height / 2);
    return;
  }
  context.fillText(fitStart(context, lane.object.label, gutter - 24), 12, top + 13);
  context.font = `10.5px ${theme.font}`;
  context.fillStyle = theme.faint;
  context.fillText(fitText(context, `${lane.object.kind}: ${lane.object.summary}`, gutter - 24), 12, top + 29);
}

function drawAxis(context: CanvasRenderingContext2D, scene: Scene): void {
  const { theme, gutter, scale } = scene;
  const { step, times } = scale.marks(110);
  context.fillStyle = theme.background;
  context.fillRect(0, 0, scene.width, AXIS_HEIGHT);
  context.fillStyle = theme.line;
  context.fillRect(0, AXIS_HEIGHT - 1, scene.width, 1);
  context.font = `11px ${theme.font}`;
  context.textBaseline = 'middle';
  context.fillStyle = theme.faint;
  for (const time of times) {
    const x = laneX(scene, time);
    if (x < gutter) continue;
    context.fillRect(Math.round(x), AXIS_HEIGHT - 6, 1, 5);
    context.fillText(axisLabel(time, step), Math.round(x) + 4, 11);
  }
}

/** Cut at its end, with an ellipsis. */
function fitText(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = Math.max(1, Math.floor((text.length * width) / context.measureText(text).width));
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length)}…`;
}

/** Cut at its beginning: a path's end tells more. */
function fitStart(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = Math.max(1, Math.floor((text.length * width) / context.measureText(text).width));
  while (length > 1 && context.measureText(`…${text.slice(-length)}`).width > width) length -= 1;
  return `…${text.slice(-length)}`;
}
