/** Where the timeline is drawn: the canvas, as large as the room it has, the colours, and one drawing a frame. */
import { CanvasShades, type ShadePainter } from './draw/shades.js';
import type { Pen } from './draw/scene.js';
import { element } from './element.js';
import { readTheme, type Theme } from './theme.js';

/** Pixels; lanes in a lower room could not be told apart. */
const LEAST_HEIGHT = 160;

export class Stage {
  readonly #canvas = element('canvas', HTMLCanvasElement);
  readonly #place = element('stage', HTMLElement);
  readonly #context: CanvasRenderingContext2D;
  readonly #shades: ShadePainter;
  readonly #paint: (pen: Pen, shades: ShadePainter) => void;
  readonly #resized: () => void;
  #theme = readTheme();
  #width = 0;
  #height = 0;
  /** Pixels of the room when it was taken last. */
  #room = { width: 0, height: 0 };
  #frame = 0;

  /** `paint` draws a frame; `resized`: the room for it is another. */
  constructor(paint: (pen: Pen, shades: ShadePainter) => void, resized: () => void) {
    const context = this.#canvas.getContext('2d', { alpha: false });
    if (context === null) throw new Error('This browser does not draw on a canvas.');
    this.#context = context;
    this.#shades = new CanvasShades(context);
    this.#paint = paint;
    this.#resized = resized;
    new ResizeObserver(() => {
      if (this.#isOutgrown) resized();
    }).observe(this.#place);
    this.#place.addEventListener('scroll', () => this.draw());
  }

  get theme(): Theme {
    return this.#theme;
  }

  /** Pixels of the page, as `height`. */
  get width(): number {
    return this.#width;
  }

  get height(): number {
    return this.#height;
  }

  /** Width of the names at the left. */
  get gutter(): number {
    return Math.round(Math.min(330, Math.max(150, this.#width * 0.27)));
  }

  get scrollTop(): number {
    return this.#place.scrollTop;
  }

  set scrollTop(top: number) {
    this.#place.scrollTop = top;
  }

  /** As high as the room is at this moment: `height` may be of before the page around it changed. */
  get roomHeight(): number {
    return this.#place.clientHeight;
  }

  /** The theme may be another. */
  repaint(): void {
    this.#theme = readTheme();
    this.draw();
  }

  /** On the next frame, however often it is asked for until then. */
  draw(): void {
    if (this.#frame !== 0) return;
    // The page is at rest when nothing is to be drawn: who makes pictures waits for that.
    document.body.dataset['drawn'] = 'no';
    this.#frame = requestAnimationFrame(() => {
      // What was said beside it since may have left it another room: one drawing is enough.
      if (this.#isOutgrown) this.#resized();
      this.#frame = 0;
      this.#paint(this.#context, this.#shades);
      document.body.dataset['drawn'] = 'yes';
    });
  }

  /** The room is another than the one that was taken. */
  get #isOutgrown(): boolean {
    const { clientWidth, clientHeight } = this.#place;
    return clientWidth !== this.#room.width || clientHeight !== this.#room.height;
  }

  /** Takes the room that there is. @param contentHeight pixels of all lanes, to be scrolled over */
  resize(contentHeight: number): void {
    const ratio = window.devicePixelRatio || 1;
    this.#room = { width: this.#place.clientWidth, height: this.#place.clientHeight };
    this.#width = this.#room.width;
    this.#height = Math.max(LEAST_HEIGHT, this.#room.height);
    const [width, height] = [Math.round(this.#width * ratio), Math.round(this.#height * ratio)];
    // Setting a canvas' size clears it, also to the same size.
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.#canvas.style.width = `${this.#width}px`;
      this.#canvas.style.height = `${this.#height}px`;
    }
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    element('height', HTMLElement).style.height = `${contentHeight}px`;
  }
}
