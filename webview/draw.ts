/** Drawing of the lanes. Every lane is walked by pixel columns, so that the cost follows pixels, not events. */
import { drawEdge, drawGap, drawPointer } from './draw/edges.js';
import { drawAxis, drawLabel } from './draw/labels.js';
import { drawObject } from './draw/objects.js';
import { laneX, type Scene } from './draw/scene.js';
import { drawThread } from './draw/threads.js';
import { AXIS_HEIGHT, type Lane } from './lanes.js';

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
    else if (typeof lane.group === 'number')
      drawRun(context, scene, lane.group, lane.top - scene.scrollTop, lane.height);
  }
  scene.view.data.gaps.forEach((gap) => drawGap(context, scene, gap));
  scene.edges.forEach((edge) => drawEdge(context, scene, edge));
  drawPointer(context, scene);
  context.restore();
  visible.forEach((lane) => drawLabel(context, scene, lane));
  context.restore();
  drawAxis(context, scene);
}

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

/** On a run's heading: when it ran. */
function drawRun(context: CanvasRenderingContext2D, scene: Scene, run: number, top: number, height: number): void {
  const mark = scene.view.data.runs[run];
  if (mark === undefined) return;
  const from = scene.scale.x(mark.from);
  const left = Math.max(0, from);
  const right = Math.min(scene.scale.width, Math.max(scene.scale.x(mark.until), from + 2));
  if (right <= left) return;
  context.fillStyle = scene.theme.faint;
  context.globalAlpha = 0.55;
  context.fillRect(scene.gutter + left, top + height - 4, right - left, 3);
  context.globalAlpha = 1;
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
