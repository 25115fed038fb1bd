/** What a frame shows. */
import type { LaneLayout } from '../lanes.js';
import type { Theme } from '../theme.js';
import type { TimeScale } from '../time-scale.js';
import type { Selection, ViewIndex } from '../view-index.js';

export interface Scene {
  readonly view: ViewIndex;
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

/** Where a time is on the canvas. */
export const laneX = (scene: Scene, ns: number): number => scene.gutter + scene.scale.x(ns);
