/** Drawing of a frame. Every lane is walked by pixel columns, so that the cost follows pixels, not events. */
import {
  drawBox,
  drawCurrentStop,
  drawEdge,
  drawGap,
  drawPointer,
  drawRange,
  drawRangeLabel,
  drawStop,
} from './draw/edges.js';
import { drawAxis, drawLabel } from './draw/labels.js';
import { drawMiniMap } from './draw/mini-map.js';
import { drawObject } from './draw/objects.js';
import { laneX, type Pen, type Scene } from './draw/scene.js';
import { OPAQUE, cover, newShades, type Shades } from './draw/shades.js';
import { drawThread } from './draw/threads.js';
import type { GapMark } from '../trace/columns/columns.js';
import { LANES_TOP, keyOf, type Lane } from './lanes.js';
import { sameLane } from './view-index.js';

export function drawScene(pen: Pen, scene: Scene): void {
  const { theme, width, height, gutter, view } = scene;
  pen.fillStyle = theme.background;
  pen.fillRect(0, 0, width, height);
  const visible = scene.layout.lanes.filter(
    (lane) => lane.top + lane.height > scene.scrollTop + LANES_TOP && lane.top < scene.scrollTop + height,
  );
  clipped(pen, { left: 0, top: LANES_TOP, width, height: height - LANES_TOP }, () => {
    visible.forEach((lane) => drawLaneBackground(pen, scene, lane));
    clipped(pen, { left: gutter, top: LANES_TOP, width: scene.scale.width, height: height - LANES_TOP }, () => {
      drawGridLines(pen, scene);
      const stopped = stoppedColumns(scene);
      for (const lane of visible) drawLane(pen, scene, lane, stopped);
      for (const gap of joinedGaps(scene)) drawGap(pen, scene, gap);
      view.data.columns.stops.forEach((stop) => drawStop(pen, scene, stop));
      drawRange(pen, scene);
      scene.edges.forEach((edge) => drawEdge(pen, scene, edge));
      drawBox(pen, scene);
    });
    visible.forEach((lane) => drawLabel(pen, scene, lane));
  });
  drawAxis(pen, scene);
  drawCurrentStop(pen, scene);
  drawRangeLabel(pen, scene);
  drawPointer(pen, scene);
  drawMiniMap(pen, scene);
}

/** Gaps of one source that are less than a pixel apart are drawn as one, with the sum of their counts. */
function joinedGaps({ view, scale }: Scene): readonly GapMark[] {
  const joined: GapMark[] = [];
  /** Place in `joined` of the last gap by source. */
  const last = new Map<number, number>();
  for (const gap of view.data.columns.gaps) {
    if (gap.until < scale.from || gap.from > scale.until) continue;
    const at = last.get(gap.source) ?? -1;
    const before = joined[at];
    if (before !== undefined && scale.x(gap.from) - scale.x(before.until) < 1) {
      const count = before.count + gap.count;
      const until = Math.max(before.until, gap.until);
      joined[at] = { ...before, count, until, label: `${count} records or slots missing here` };
      continue;
    }
    last.set(gap.source, joined.length);
    joined.push(gap);
  }
  return joined;
}

/** Where the debugger held the target; undefined when that is cut out or nowhere in sight. */
function stoppedColumns({ view, scale, stopsCut }: Scene): Shades | undefined {
  if (stopsCut) return undefined;
  let columns: Shades | undefined;
  for (const { from, until } of view.data.columns.stops) {
    if (until < scale.from || from > scale.until) continue;
    columns ??= newShades(scale.width);
    cover(columns, scale.x(from), Math.max(scale.x(until), scale.x(from) + 1), OPAQUE);
  }
  return columns;
}

function clipped(
  pen: Pen,
  { left, top, width, height }: { left: number; top: number; width: number; height: number },
  draw: () => void,
): void {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  draw();
  pen.restore();
}

function drawLane(pen: Pen, scene: Scene, lane: Lane, stopped: Shades | undefined): void {
  const top = lane.top - scene.scrollTop;
  if (lane.type === 'object') drawObject(pen, scene, lane.object, top);
  else if (lane.type === 'thread') drawThread(pen, scene, lane.thread, top, stopped);
  else if (lane.run >= 0) drawRun(pen, scene, lane.run, top, lane.height);
}

function drawLaneBackground(pen: Pen, scene: Scene, lane: Lane): void {
  const { theme } = scene;
  const top = lane.top - scene.scrollTop;
  if (lane.type === 'heading' || sameLane(keyOf(lane), scene.selection ?? scene.hover)) {
    pen.fillStyle = theme.stripe;
    pen.fillRect(0, top, scene.width, lane.height);
  }
  pen.fillStyle = theme.line;
  pen.fillRect(0, Math.round(top + lane.height) - 1, scene.width, 1);
}

/** On a run's heading: when it ran. */
function drawRun(pen: Pen, scene: Scene, run: number, top: number, height: number): void {
  const mark = scene.view.data.columns.runs[run];
  if (mark === undefined) return;
  const from = scene.scale.x(mark.from);
  const left = Math.max(0, from);
  const right = Math.min(scene.scale.width, Math.max(scene.scale.x(mark.until), from + 2));
  if (right <= left) return;
  pen.fillStyle = scene.theme.faint;
  pen.globalAlpha = 0.55;
  pen.fillRect(scene.gutter + left, top + height - 4, right - left, 3);
  pen.globalAlpha = 1;
}

function drawGridLines(pen: Pen, scene: Scene): void {
  pen.globalAlpha = 0.6;
  pen.fillStyle = scene.theme.line;
  for (const time of scene.scale.marks(110).times) {
    pen.fillRect(Math.round(laneX(scene, time)), LANES_TOP, 1, scene.height);
  }
  pen.globalAlpha = 1;
}
