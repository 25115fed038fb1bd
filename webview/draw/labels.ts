/** Names and headings at the left, and the axis of time. */
import { AXIS_HEIGHT, LANES_TOP, MINIMAP_HEIGHT, labelOf, type Lane } from '../lanes.js';
import { axisLabel } from '../time-scale.js';
import { laneX, type Pen, type Scene } from './scene.js';
import { fitStart, fitText } from './text.js';

const INDENT = 14;

export function drawLabel(pen: Pen, scene: Scene, lane: Lane): void {
  const { theme, gutter, arrangement } = scene;
  const top = lane.top - scene.scrollTop;
  pen.textBaseline = 'middle';
  if (lane.type === 'heading') {
    const left = 16 + lane.depth * INDENT;
    pen.font = `600 ${lane.depth === 0 ? 12 : 11}px ${theme.font}`;
    pen.fillStyle = lane.depth === 0 && lane.run >= 0 ? theme.foreground : theme.faint;
    const middle = top + lane.height / 2 + 1;
    drawFold(pen, left, middle - 1, lane.folded);
    pen.fillText(lane.label, left + 11, middle);
    return;
  }
  pen.fillStyle = theme.line;
  pen.fillRect(gutter - 1, top, 1, lane.height);
  if (lane.pinned) drawPin(pen, theme.focus, top + lane.height / 2);
  pen.font = `12px ${theme.font}`;
  pen.fillStyle = theme.foreground;
  if (lane.type === 'thread') {
    // The program is told above: the end tells threads apart.
    pen.fillText(fitStart(pen, labelOf(lane.thread, arrangement), gutter - 28), 16, top + lane.height / 2);
    return;
  }
  const { head } = lane.object;
  const label = labelOf(lane.object, arrangement);
  const room = gutter - 28;
  // Of a path the end tells more. What has none is told apart by its number.
  const fitted =
    head.path !== undefined
      ? fitStart(pen, label, room)
      : fitText(pen, fitText(pen, label, room) === label ? label : label.replace(/^unnamed /, ''), room);
  pen.fillText(fitted, 16, top + 13);
  pen.font = `10.5px ${theme.font}`;
  pen.fillStyle = theme.faint;
  pen.fillText(fitText(pen, `${head.kind}: ${head.summary}`, gutter - 28), 16, top + 29);
}

function drawPin(pen: Pen, colour: string, middle: number): void {
  pen.fillStyle = colour;
  pen.fillRect(4, middle - 6, 3, 12);
}

/** A triangle that points at what is there, or to the side when that is folded away. */
function drawFold(pen: Pen, x: number, y: number, folded: boolean): void {
  pen.beginPath();
  if (folded) {
    pen.moveTo(x - 3, y - 4.5);
    pen.lineTo(x + 3, y);
    pen.lineTo(x - 3, y + 4.5);
  } else {
    pen.moveTo(x - 4.5, y - 3);
    pen.lineTo(x + 4.5, y - 3);
    pen.lineTo(x, y + 3);
  }
  pen.closePath();
  pen.fill();
}

export function drawAxis(pen: Pen, scene: Scene): void {
  const { theme, gutter, scale } = scene;
  const { step, times } = scale.marks(110);
  pen.fillStyle = theme.background;
  pen.fillRect(0, MINIMAP_HEIGHT, scene.width, AXIS_HEIGHT);
  pen.fillStyle = theme.line;
  pen.fillRect(0, LANES_TOP - 1, scene.width, 1);
  pen.font = `11px ${theme.font}`;
  pen.textBaseline = 'middle';
  pen.fillStyle = theme.faint;
  for (const time of times) {
    const x = laneX(scene, time);
    if (x < gutter) continue;
    pen.fillRect(Math.round(x), LANES_TOP - 6, 1, 5);
    pen.fillText(axisLabel(time, step), Math.round(x) + 4, MINIMAP_HEIGHT + 11);
  }
}
