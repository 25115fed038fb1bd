/** What a frame shows. */
import type { ShadePainter } from './shades.js';
import type { Filter } from '../filter.js';
import type { Arrangement, LaneLayout } from '../lanes.js';
import type { Theme } from '../theme.js';
import type { TimeScale } from '../time-scale.js';
import type { Selection, ViewIndex } from '../view-index.js';

/** What drawing needs of a canvas: a frame can be drawn on one, or written as SVG. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  | 'fillStyle'
  | 'strokeStyle'
  | 'globalAlpha'
  | 'lineWidth'
  | 'font'
  | 'textBaseline'
  | 'textAlign'
  | 'fillRect'
  | 'strokeRect'
  | 'fillText'
  | 'measureText'
  | 'beginPath'
  | 'closePath'
  | 'moveTo'
  | 'lineTo'
  | 'bezierCurveTo'
  | 'arc'
  | 'rect'
  | 'fill'
  | 'stroke'
  | 'clip'
  | 'save'
  | 'restore'
  | 'setLineDash'
>;

/** Two moments that were marked, to be measured and to be counted between. */
export interface TimeRange {
  readonly from: number;
  readonly until: number;
}

export interface Scene {
  readonly shades: ShadePainter;
  readonly view: ViewIndex;
  readonly layout: LaneLayout;
  readonly arrangement: Arrangement;
  readonly filter: Filter;
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
  /** Edges to draw: of the selection, of what is under the pointer, of the critical path. */
  readonly edges: readonly number[];
  readonly range: TimeRange | undefined;
  /** What is being drawn to zoom into, in pixels. */
  readonly box: { readonly left: number; readonly right: number } | undefined;
  /** Time in which a debugger held the target is cut out, not hatched. */
  readonly stopsCut: boolean;
  /** Where the session stands stopped now, ns; undefined when it runs or there is none. */
  readonly currentStop: number | undefined;
}

/** Where a time is on the canvas. */
export const laneX = (scene: Scene, ns: number): number => scene.gutter + scene.scale.x(ns);
