/** The whole recording on one strip: how much happened when, gaps and stops, and what of it is in sight. */
import { DENSITY_BINS } from '../../trace/columns/index-columns.js';
import { MINIMAP_HEIGHT } from '../lanes.js';
import { duration } from '../../trace/wording.js';
import type { Pen, Scene } from './scene.js';

/** Where a moment is on the strip. Nothing is cut out here: it shows where the stops are. */
export const miniMapX = (scene: Pick<Scene, 'gutter' | 'scale'>, ns: number): number =>
  scene.gutter + (ns / Math.max(1, scene.scale.end)) * scene.scale.width;

export const miniMapNs = (scene: Pick<Scene, 'gutter' | 'scale'>, x: number): number =>
  ((x - scene.gutter) / Math.max(1, scene.scale.width)) * scene.scale.end;

export function drawMiniMap(pen: Pen, scene: Scene): void {
  const { theme, gutter, scale, width, view } = scene;
  const { columns, index } = view.data;
  pen.fillStyle = theme.stripe;
  pen.fillRect(0, 0, width, MINIMAP_HEIGHT);
  drawDensity(pen, scene, index.density);
  pen.fillStyle = theme.wiped;
  for (const gap of columns.gaps)
    pen.fillRect(
      miniMapX(scene, gap.from),
      MINIMAP_HEIGHT - 3,
      Math.max(2, miniMapX(scene, gap.until) - miniMapX(scene, gap.from)),
      2,
    );
  pen.fillStyle = theme.focus;
  pen.globalAlpha = 0.3;
  for (const stop of columns.stops)
    pen.fillRect(
      miniMapX(scene, stop.from),
      0,
      Math.max(1, miniMapX(scene, stop.until) - miniMapX(scene, stop.from)),
      MINIMAP_HEIGHT,
    );
  pen.globalAlpha = 1;
  const left = Math.max(gutter, miniMapX(scene, scale.from));
  const right = Math.min(gutter + scale.width, Math.max(miniMapX(scene, scale.until), left + 3));
  pen.globalAlpha = 0.55;
  pen.fillStyle = theme.background;
  pen.fillRect(gutter, 0, left - gutter, MINIMAP_HEIGHT);
  pen.fillRect(right, 0, gutter + scale.width - right, MINIMAP_HEIGHT);
  pen.globalAlpha = 1;
  pen.strokeStyle = theme.focus;
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, 0.5, right - left - 1, MINIMAP_HEIGHT - 1);
  pen.font = `11px ${theme.font}`;
  pen.fillStyle = theme.faint;
  pen.textBaseline = 'middle';
  // Beyond either end there is nothing.
  const inSight = Math.max(0, Math.min(scale.until, scale.end) - Math.max(scale.from, 0));
  pen.fillText(`${duration(inSight)} of ${duration(scale.end)}`, 16, MINIMAP_HEIGHT / 2);
}

/** Heights by the logarithm: a single transition is seen beside a storm. */
function drawDensity(pen: Pen, { theme, gutter, scale }: Scene, density: Uint32Array): void {
  const columns = Math.max(1, Math.floor(scale.width));
  const counts = new Float64Array(columns);
  for (let bin = 0; bin < DENSITY_BINS; bin += 1) {
    const count = density[bin] ?? 0;
    if (count === 0) continue;
    const column = Math.floor((bin * columns) / DENSITY_BINS);
    counts[column] = (counts[column] ?? 0) + count;
  }
  const most = counts.reduce((max, count) => Math.max(max, count), 1);
  const room = MINIMAP_HEIGHT - 8;
  pen.fillStyle = theme.signal;
  counts.forEach((count, column) => {
    if (count === 0) return;
    const height = Math.max(2, (Math.log1p(count) / Math.log1p(most)) * room);
    pen.fillRect(gutter + column, MINIMAP_HEIGHT - 4 - height, 1, height);
  });
}
