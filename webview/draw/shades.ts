/**
 * Columns of one colour side by side, each as opaque as what it holds: on a canvas one picture a lane, for a rectangle a
 * column is what a frame of dense lanes would be made of. In SVG rectangles, those of one opacity together.
 */
import type { Pen } from './scene.js';

/** Opacity by pixel column, 0 to 255. */
export type Shades = Uint8Array;

export interface ShadePainter {
  paint(colour: string, left: number, top: number, height: number, shades: Shades): void;
}

export const OPAQUE = 255;

/** A row for lanes that are `width` pixels wide; nothing in it yet. */
export const newShades = (width: number): Shades => new Uint8Array(Math.max(1, Math.ceil(width)));

/** Adds [from, until) in pixels: a column that is covered in part is that much less opaque. */
export function cover(shades: Shades, from: number, until: number, opacity: number): void {
  const last = Math.min(shades.length, Math.ceil(until));
  for (let column = Math.max(0, Math.floor(from)); column < last; column += 1) {
    const covered = Math.min(until, column + 1) - Math.max(from, column);
    shades[column] = Math.min(OPAQUE, (shades[column] ?? 0) + Math.round(covered * opacity));
  }
}

export class CanvasShades implements ShadePainter {
  readonly #target: CanvasRenderingContext2D;
  readonly #strip: CanvasRenderingContext2D;
  readonly #colours = new Map<string, number>();
  #image: ImageData | undefined;
  #pixels = new Uint32Array();

  constructor(target: CanvasRenderingContext2D) {
    const strip = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (strip === null) throw new Error('This browser does not draw on a canvas.');
    this.#target = target;
    this.#strip = strip;
    strip.canvas.height = 1;
  }

  paint(colour: string, left: number, top: number, height: number, shades: Shades): void {
    const opaque = this.#colourOf(colour);
    const image = this.#imageOf(shades.length);
    const pixels = this.#pixels;
    let any = false;
    for (let column = 0; column < shades.length; column += 1) {
      const shade = shades[column] ?? 0;
      pixels[column] = shade === 0 ? 0 : opaque | (shade << 24);
      any ||= shade > 0;
    }
    if (!any) return;
    this.#strip.putImageData(image, 0, 0);
    // A column has sharp edges, also where the screen has more pixels than the page.
    this.#target.imageSmoothingEnabled = false;
    this.#target.drawImage(this.#strip.canvas, 0, 0, shades.length, 1, left, top, shades.length, height);
  }

  #imageOf(width: number): ImageData {
    if (this.#image?.width !== width) {
      this.#strip.canvas.width = width;
      this.#image = this.#strip.createImageData(width, 1);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
    }
    return this.#image;
  }

  /** Its red, green and blue as a pixel without opacity. Pixels lie in memory as they do in every browser: little endian. */
  #colourOf(colour: string): number {
    const known = this.#colours.get(colour);
    if (known !== undefined) return known;
    const sample = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (sample === null) return 0;
    sample.fillStyle = colour;
    sample.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = sample.getImageData(0, 0, 1, 1).data;
    const pixel = red | (green << 8) | (blue << 16);
    this.#colours.set(colour, pixel);
    return pixel;
  }
}

export class RectangleShades implements ShadePainter {
  constructor(private readonly pen: Pen) {}

  paint(colour: string, left: number, top: number, height: number, shades: Shades): void {
    const { pen } = this;
    pen.fillStyle = colour;
    for (let from = 0; from < shades.length;) {
      const shade = shades[from] ?? 0;
      let until = from + 1;
      while (until < shades.length && shades[until] === shade) until += 1;
      if (shade > 0) {
        pen.globalAlpha = shade / OPAQUE;
        pen.fillRect(left + from, top, until - from, height);
      }
      from = until;
    }
    pen.globalAlpha = 1;
  }
}
