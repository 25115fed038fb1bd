/** Names and headings at the left, and the axis of time. */
import { AXIS_HEIGHT, type Lane } from '../lanes.js';
import { axisLabel } from '../time-scale.js';
import { laneX, type Scene } from './scene.js';
import { fitStart, fitText } from './text.js';

export function drawLabel(context: CanvasRenderingContext2D, scene: Scene, lane: Lane): void {
  const { theme, gutter } = scene;
  const top = lane.top - scene.scrollTop;
  context.textBaseline = 'middle';
  if (lane.type === 'heading') {
    const foldable = lane.group !== undefined;
    context.font = `600 ${foldable ? 12 : 11}px ${theme.font}`;
    context.fillStyle = foldable ? theme.foreground : theme.faint;
    const middle = top + lane.height / 2 + 1;
    if (foldable) drawFold(context, 16, middle - 1, lane.folded);
    context.fillText(lane.label, foldable ? 27 : 12, middle);
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

/** A triangle that points at what is there, or to the side when that is folded away. */
function drawFold(context: CanvasRenderingContext2D, x: number, y: number, folded: boolean): void {
  context.beginPath();
  if (folded) {
    context.moveTo(x - 3, y - 4.5);
    context.lineTo(x + 3, y);
    context.lineTo(x - 3, y + 4.5);
  } else {
    context.moveTo(x - 4.5, y - 3);
    context.lineTo(x + 4.5, y - 3);
    context.lineTo(x, y + 3);
  }
  context.closePath();
  context.fill();
}

export function drawAxis(context: CanvasRenderingContext2D, scene: Scene): void {
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
