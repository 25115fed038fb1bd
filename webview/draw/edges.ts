/** What lies across lanes: gaps, wake edges, the pointer. */
import { AXIS_HEIGHT } from '../lanes.js';
import type { GapMark } from '../view-data.js';
import { laneX, type Scene } from './scene.js';
import { fitText } from './text.js';

/** Hatched on the lanes of the source that lost records, and a bar on the axis, which is always in sight. */
export function drawGap(context: CanvasRenderingContext2D, scene: Scene, gap: GapMark): void {
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
export function drawEdge(context: CanvasRenderingContext2D, scene: Scene, edge: number): void {
  const { layout, theme, scrollTop } = scene;
  const { data } = scene.view;
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

export function drawPointer(context: CanvasRenderingContext2D, scene: Scene): void {
  if (scene.pointer === undefined || scene.pointer.x < scene.gutter) return;
  context.fillStyle = scene.theme.faint;
  context.fillRect(Math.round(scene.pointer.x), AXIS_HEIGHT, 1, scene.height);
}
