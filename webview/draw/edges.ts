/** What lies across lanes: gaps, stops, wake edges, the range, the pointer. */
import { EVIDENCE_WORDS } from '../../trace/model/wakes.js';
import { duration } from '../../trace/wording.js';
import type { GapMark, StopMark } from '../../trace/columns/columns.js';
import { AXIS_HEIGHT, LANES_TOP, MINIMAP_HEIGHT, labelOf } from '../lanes.js';
import { exactNs } from '../time-scale.js';
import { laneX, type Pen, type Scene } from './scene.js';
import { fitText } from './text.js';

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly height: number;
}

function hatch(pen: Pen, { left, right, top, height }: Box, colour: string, alpha: number, rising: boolean): void {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, right - left, height);
  pen.clip();
  pen.globalAlpha = alpha;
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let x = left - (left % 8) - height; x < right; x += 8) {
    pen.moveTo(x, rising ? top + height : top);
    pen.lineTo(x + height, rising ? top : top + height);
  }
  pen.stroke();
  pen.restore();
}

/** Hatched on the lanes of the source that lost records, and a bar on the axis, which is always in sight. */
export function drawGap(pen: Pen, scene: Scene, gap: GapMark): void {
  const { scale, gutter, theme } = scene;
  const left = Math.max(0, scale.x(gap.from));
  const right = Math.min(scale.width, Math.max(scale.x(gap.until), scale.x(gap.from) + 2));
  if (right <= left) return;
  pen.fillStyle = theme.wiped;
  pen.fillRect(gutter + left, LANES_TOP, right - left, 2);
  let first = true;
  for (const lane of scene.layout.lanes) {
    if (lane.type !== 'thread' || lane.thread.head.source !== gap.source) continue;
    const top = lane.top - scene.scrollTop;
    if (top > scene.height || top + lane.height < LANES_TOP) continue;
    const box = { left: gutter + left, right: gutter + right, top, height: lane.height };
    hatch(pen, box, theme.wiped, 0.3, true);
    if (first && right - left > 60) {
      pen.font = `10px ${theme.font}`;
      pen.fillStyle = theme.wiped;
      pen.textBaseline = 'alphabetic';
      pen.fillText(fitText(pen, gap.label, right - left - 6), box.left + 3, top + lane.height - 2);
    }
    first = false;
  }
}

/** Time in which the debugger held the target: over all lanes; a mark alone where it is cut out. */
export function drawStop(pen: Pen, scene: Scene, stop: StopMark): void {
  const { scale, gutter, theme, height } = scene;
  const from = scale.x(stop.from);
  const until = scale.x(stop.until);
  if (until < 0 || from > scale.width) return;
  if (scene.stopsCut) {
    pen.strokeStyle = theme.focus;
    pen.lineWidth = 1;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(gutter + from, LANES_TOP);
    pen.lineTo(gutter + from, height);
    pen.stroke();
    pen.setLineDash([]);
    return;
  }
  const left = gutter + Math.max(0, from);
  const right = gutter + Math.min(scale.width, Math.max(until, from + 2));
  pen.globalAlpha = 0.12;
  pen.fillStyle = theme.focus;
  pen.fillRect(left, LANES_TOP, right - left, height);
  pen.globalAlpha = 1;
  hatch(pen, { left, right, top: LANES_TOP, height: height - LANES_TOP }, theme.focus, 0.28, false);
  if (right - left < 70) return;
  pen.font = `10px ${theme.font}`;
  pen.fillStyle = theme.focus;
  pen.textBaseline = 'top';
  pen.fillText(fitText(pen, `stopped: ${stop.reason}`, right - left - 8), left + 4, LANES_TOP + 4);
}

/** The place at which the session stands now. */
export function drawCurrentStop(pen: Pen, scene: Scene): void {
  if (scene.currentStop === undefined) return;
  const x = laneX(scene, scene.currentStop);
  if (x < scene.gutter || x > scene.width) return;
  pen.fillStyle = scene.theme.focus;
  pen.fillRect(Math.round(x) - 1, MINIMAP_HEIGHT, 2, scene.height);
  pen.beginPath();
  pen.moveTo(x - 6, MINIMAP_HEIGHT);
  pen.lineTo(x + 6, MINIMAP_HEIGHT);
  pen.lineTo(x, MINIMAP_HEIGHT + 8);
  pen.closePath();
  pen.fill();
}

const DASHES: Readonly<Record<string, readonly number[]>> = { seen: [], inferred: [6, 4] };
const DOTTED: readonly number[] = [2, 4];

/** From the signal on its object's lane to the end of the wait on its thread's lane. */
export function drawEdge(pen: Pen, scene: Scene, edge: number): void {
  const { layout, theme, scrollTop, view } = scene;
  const { edges, transitions } = view.data.columns;
  const object = layout.ofObject.get(edges.object[edge] ?? -1);
  const wait = view.waitOf(edge);
  const thread = layout.ofThread.get(wait.at);
  if (object === undefined || thread === undefined) return;
  const fromY = object.top + 29 - scrollTop;
  const toY = thread.top + 15 - scrollTop;
  const toX = laneX(scene, thread.thread.end[wait.index] ?? 0);
  const signal = edges.signal[edge] ?? -1;
  const starts =
    signal >= 0 ? [signal] : edges.candidates.subarray(edges.firstCandidate[edge], edges.firstCandidate[edge + 1]);
  pen.strokeStyle = theme.edge;
  pen.fillStyle = theme.edge;
  pen.lineWidth = 2;
  pen.setLineDash([...(DASHES[EVIDENCE_WORDS[edges.evidence[edge] ?? 0] ?? ''] ?? DOTTED)]);
  for (const row of starts) {
    const fromX = laneX(scene, transitions.time[row] ?? 0);
    const bend = Math.min(40, Math.abs(toY - fromY) / 2);
    pen.beginPath();
    pen.moveTo(fromX, fromY);
    pen.bezierCurveTo(fromX, fromY + bend, toX, toY - bend - 8, toX, toY - 8);
    pen.stroke();
  }
  pen.setLineDash([]);
  nameBeyond(pen, scene, labelOf(thread.thread, scene.arrangement), toX, toY);
  const [first] = starts;
  if (first !== undefined) {
    nameBeyond(
      pen,
      scene,
      labelOf(object.object, scene.arrangement),
      laneX(scene, transitions.time[first] ?? 0),
      fromY,
    );
  }
  const down = toY >= fromY ? 1 : -1;
  pen.beginPath();
  pen.moveTo(toX, toY - 2 * down);
  pen.lineTo(toX - 4.5, toY - 10 * down);
  pen.lineTo(toX + 4.5, toY - 10 * down);
  pen.closePath();
  pen.fill();
}

/** Where an edge leaves the lanes in sight: the name of the lane that it leads to. */
function nameBeyond(pen: Pen, scene: Scene, name: string, x: number, y: number): void {
  const { gutter, width, height, theme } = scene;
  const above = y < LANES_TOP;
  if ((!above && y <= height) || x < gutter || x > width) return;
  pen.font = `600 11px ${theme.font}`;
  const text = `${above ? '\u2191' : '\u2193'} ${name}`;
  const length = pen.measureText(text).width + 10;
  const left = Math.min(x + 6, width - length - 4);
  const top = above ? LANES_TOP + 4 : height - 22;
  pen.fillStyle = theme.background;
  pen.fillRect(left, top, length, 18);
  pen.fillStyle = theme.edge;
  pen.textBaseline = 'middle';
  pen.fillText(text, left + 5, top + 9.5);
}

/** The marked range: shaded, its length at the foot. */
export function drawRange(pen: Pen, scene: Scene): void {
  const { range, gutter, scale, theme } = scene;
  if (range === undefined) return;
  const left = gutter + Math.max(-1, scale.x(range.from));
  const right = gutter + Math.min(scale.width + 1, scale.x(range.until));
  if (right < gutter || left > gutter + scale.width) return;
  pen.fillStyle = theme.focus;
  pen.globalAlpha = 0.1;
  pen.fillRect(left, LANES_TOP, right - left, scene.height);
  pen.globalAlpha = 1;
  pen.fillRect(left, MINIMAP_HEIGHT, 1, scene.height);
  pen.fillRect(right, MINIMAP_HEIGHT, 1, scene.height);
}

/** At the foot of the lanes: on the axis is the pointer's time. */
export function drawRangeLabel(pen: Pen, scene: Scene): void {
  const { range, gutter, scale, theme } = scene;
  if (range === undefined) return;
  const length = range.until - range.from;
  const text = `${duration(length)} (${exactNs(length)})`;
  pen.font = `600 11px ${theme.font}`;
  const width = pen.measureText(text).width + 10;
  const middle = gutter + (Math.max(0, scale.x(range.from)) + Math.min(scale.width, scale.x(range.until))) / 2;
  const left = Math.min(Math.max(middle - width / 2, gutter), gutter + scale.width - width);
  pen.fillStyle = theme.focus;
  const top = scene.height - AXIS_HEIGHT;
  pen.fillRect(left, top, width, AXIS_HEIGHT - 6);
  pen.fillStyle = theme.background;
  pen.textBaseline = 'middle';
  pen.fillText(text, left + 5, top + AXIS_HEIGHT / 2 - 2.5);
}

export function drawBox(pen: Pen, scene: Scene): void {
  if (scene.box === undefined) return;
  const { left, right } = scene.box;
  pen.strokeStyle = scene.theme.focus;
  pen.lineWidth = 1.5;
  pen.strokeRect(left, LANES_TOP + 2, right - left, scene.height - LANES_TOP - 4);
}

/** A line at the pointer, with its exact time on the axis. */
export function drawPointer(pen: Pen, scene: Scene): void {
  const { pointer, theme, gutter, scale } = scene;
  if (pointer === undefined || pointer.x < gutter || pointer.y < MINIMAP_HEIGHT) return;
  pen.fillStyle = theme.faint;
  pen.fillRect(Math.round(pointer.x), MINIMAP_HEIGHT + AXIS_HEIGHT, 1, scene.height);
  const text = exactNs(scale.ns(pointer.x - gutter));
  pen.font = `11px ${theme.font}`;
  const width = pen.measureText(text).width + 10;
  const left = Math.min(Math.max(pointer.x - width / 2, gutter), gutter + scale.width - width);
  pen.fillStyle = theme.foreground;
  pen.fillRect(left, MINIMAP_HEIGHT + 3, width, AXIS_HEIGHT - 6);
  pen.fillStyle = theme.background;
  pen.textBaseline = 'middle';
  pen.fillText(text, left + 5, MINIMAP_HEIGHT + AXIS_HEIGHT / 2 + 0.5);
}
