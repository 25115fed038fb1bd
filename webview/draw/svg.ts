/** A pen that writes SVG: the view's drawing as a picture that can be enlarged. Only what the drawing uses is there. */
import type { Pen } from './scene.js';

interface PenState {
  fillStyle: string;
  strokeStyle: string;
  globalAlpha: number;
  lineWidth: number;
  font: string;
  textBaseline: CanvasTextBaseline;
  dash: readonly number[];
  /** Groups that were opened by a clip since the state was saved. */
  clips: number;
}

/** A hundredth of a pixel is finer than any screen. */
const short = (value: number): string => String(Math.round(value * 100) / 100);

export const escapeXml = (text: string): string =>
  // XML knows no other control characters, not even escaped.
  text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const BASELINES: Partial<Record<CanvasTextBaseline, string>> = { middle: 'central', top: 'text-before-edge' };

export class SvgPen implements Pen {
  fillStyle = '#000';
  strokeStyle = '#000';
  globalAlpha = 1;
  lineWidth = 1;
  font = '10px sans-serif';
  textBaseline: CanvasTextBaseline = 'alphabetic';
  textAlign: CanvasTextAlign = 'start';
  readonly #measure: (text: string, font: string) => TextMetrics;
  readonly #parts: string[] = [];
  readonly #saved: PenState[] = [];
  #path = '';
  #dash: readonly number[] = [];
  #clips = 0;
  #clipNumber = 0;

  /** `measure`: widths as a canvas measures them. */
  constructor(measure: (text: string, font: string) => TextMetrics) {
    this.#measure = measure;
  }

  /** The picture; the pen is done then. */
  finish(width: number, height: number): string {
    while (this.#saved.length > 0) this.restore();
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${short(width)}" height="${short(height)}" viewBox="0 0 ${short(width)} ${short(height)}">\n${this.#parts.join('\n')}\n${'</g>'.repeat(this.#clips)}</svg>\n`;
  }

  measureText(text: string): TextMetrics {
    return this.#measure(text, this.font);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.#parts.push(`<rect ${box(x, y, width, height)} ${this.#filled()}/>`);
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.#parts.push(`<rect ${box(x, y, width, height)} ${this.#stroked()}/>`);
  }

  fillText(text: string, x: number, y: number): void {
    const baseline = BASELINES[this.textBaseline];
    const place = `x="${short(x)}" y="${short(y)}"${baseline === undefined ? '' : ` dominant-baseline="${baseline}"`}`;
    this.#parts.push(`<text ${place} style="font:${escapeXml(this.font)}" ${this.#filled()}>${escapeXml(text)}</text>`);
  }

  beginPath(): void {
    this.#path = '';
  }

  closePath(): void {
    this.#path += 'Z';
  }

  moveTo(x: number, y: number): void {
    this.#path += `M${short(x)} ${short(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.#path += `L${short(x)} ${short(y)}`;
  }

  bezierCurveTo(ax: number, ay: number, bx: number, by: number, x: number, y: number): void {
    this.#path += `C${[ax, ay, bx, by, x, y].map(short).join(' ')}`;
  }

  /** Whole circles alone are drawn here. */
  arc(x: number, y: number, radius: number): void {
    const [r, d] = [short(radius), short(2 * radius)];
    this.#path += `M${short(x - radius)} ${short(y)}a${r} ${r} 0 1 0 ${d} 0a${r} ${r} 0 1 0 -${d} 0`;
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.#path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`;
  }

  fill(): void {
    this.#parts.push(`<path d="${this.#path}" ${this.#filled()}/>`);
  }

  stroke(): void {
    if (this.#path !== '') this.#parts.push(`<path d="${this.#path}" ${this.#stroked()}/>`);
  }

  clip(): void {
    const id = `clip${this.#clipNumber++}`;
    this.#parts.push(`<clipPath id="${id}"><path d="${this.#path}"/></clipPath><g clip-path="url(#${id})">`);
    this.#clips += 1;
  }

  save(): void {
    const { fillStyle, strokeStyle, globalAlpha, lineWidth, font, textBaseline } = this;
    const state = { fillStyle, strokeStyle, globalAlpha, lineWidth, font, textBaseline };
    this.#saved.push({ ...state, dash: this.#dash, clips: this.#clips });
    this.#clips = 0;
  }

  restore(): void {
    const state = this.#saved.pop();
    if (state === undefined) return;
    if (this.#clips > 0) this.#parts.push('</g>'.repeat(this.#clips));
    const { dash, clips, ...own } = state;
    Object.assign(this, own);
    this.#dash = dash;
    this.#clips = clips;
  }

  setLineDash(dash: readonly number[]): void {
    this.#dash = dash;
  }

  #filled(): string {
    return `fill="${escapeXml(this.fillStyle)}"${this.#opacity()}`;
  }

  #stroked(): string {
    const dash = this.#dash.length === 0 ? '' : ` stroke-dasharray="${this.#dash.map(short).join(' ')}"`;
    return `fill="none" stroke="${escapeXml(this.strokeStyle)}" stroke-width="${short(this.lineWidth)}"${dash}${this.#opacity()}`;
  }

  #opacity(): string {
    return this.globalAlpha === 1 ? '' : ` opacity="${short(this.globalAlpha)}"`;
  }
}

const box = (x: number, y: number, width: number, height: number): string =>
  `x="${short(x)}" y="${short(y)}" width="${short(Math.max(0, width))}" height="${short(Math.max(0, height))}"`;
