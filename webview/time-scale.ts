/** Time to pixels and back, in one place, and the marks of the axis. Stretches can be cut out: they take no pixels. */
import { lowerBound } from '../trace/columns/columns.js';
import { instant, span, type Instant, type Span } from '../trace/time.js';

export interface Stretch {
  readonly from: number;
  readonly until: number;
}

/** Stretches that take no room. In between a place is `at` = the time less what was cut out before it. */
class Cuts {
  readonly #from: Float64Array;
  readonly #until: Float64Array;
  /** ns cut out before each. */
  readonly #before: Float64Array;

  constructor(stretches: readonly Stretch[]) {
    const merged: { from: number; until: number }[] = [];
    for (const { from, until } of [...stretches].sort((a, b) => a.from - b.from)) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last.until) last.until = Math.max(last.until, until);
      else if (until > from) merged.push({ from, until });
    }
    this.#from = Float64Array.from(merged, ({ from }) => from);
    this.#until = Float64Array.from(merged, ({ until }) => until);
    this.#before = new Float64Array(merged.length + 1);
    merged.forEach(({ from, until }, at) => (this.#before[at + 1] = (this.#before[at] ?? 0) + until - from));
  }

  place(ns: number): number {
    if (this.#from.length === 0) return ns;
    // Those that begin before it; the last of them may hold it.
    const count = lowerBound(this.#from, ns);
    const last = count - 1;
    const inside = count > 0 ? Math.max(0, (this.#until[last] ?? 0) - ns) : 0;
    return ns - (this.#before[count] ?? 0) + inside;
  }

  ns(place: number): number {
    if (this.#from.length === 0) return place;
    let low = 0;
    let high = this.#from.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#from[middle] ?? 0) - (this.#before[middle] ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    return place + (this.#before[low] ?? 0);
  }
}

/** ns per pixel at which a ns is twenty pixels wide: no clock is finer. */
const LEAST = 0.05;

export class TimeScale {
  /** Place of the left edge: ns less what is cut out before. */
  #left: number;
  #perPixel: number;
  #cuts: Cuts;
  #end: Instant;

  constructor(
    from: number,
    until: number,
    public width: number,
    end: number,
    cuts: readonly Stretch[] = [],
  ) {
    this.#cuts = new Cuts(cuts);
    this.#end = instant(end);
    this.#left = this.#cuts.place(from);
    this.#perPixel = Math.max(LEAST, (this.#cuts.place(until) - this.#left) / Math.max(1, width));
  }

  /** ns of the left edge, and of the right one. */
  get from(): Instant {
    return this.ns(0);
  }

  get until(): Instant {
    return this.ns(this.width);
  }

  get end(): Instant {
    return this.#end;
  }

  get perPixel(): Span {
    return span(this.#perPixel);
  }

  x(ns: number): number {
    return (this.#cuts.place(ns) - this.#left) / this.#perPixel;
  }

  ns(x: number): Instant {
    return instant(this.#cuts.ns(this.#left + x * this.#perPixel));
  }

  show(from: number, until: number): void {
    const left = this.#cuts.place(from);
    const length = Math.max(this.#cuts.place(until) - left, LEAST * this.width);
    this.#perPixel = length / Math.max(1, this.width);
    this.#left = left;
  }

  /** The same stretch in another width. */
  resize(width: number): void {
    const length = this.#perPixel * this.width;
    this.width = Math.max(1, width);
    this.#perPixel = Math.max(LEAST, length / this.width);
  }

  /** Other stretches are cut out, or the recording grew. What is at the left edge stays there. */
  change(end: number, cuts: readonly Stretch[]): void {
    const from = this.from;
    this.#end = instant(end);
    this.#cuts = new Cuts(cuts);
    this.#left = this.#cuts.place(from);
  }

  /** Keeps what is under x where it is. */
  zoom(factor: number, x: number): void {
    const at = this.#left + x * this.#perPixel;
    const widest = (this.#cuts.place(this.#end) * 1.2) / Math.max(1, this.width);
    this.#perPixel = Math.min(Math.max(this.#perPixel * factor, LEAST), Math.max(widest, LEAST));
    this.#left = at - x * this.#perPixel;
    this.#keepInside();
  }

  pan(pixels: number): void {
    this.#left += pixels * this.#perPixel;
    this.#keepInside();
  }

  #keepInside(): void {
    const margin = this.#perPixel * this.width * 0.5;
    this.#left = Math.min(Math.max(this.#left, -margin), Math.max(-margin, this.#cuts.place(this.#end) - margin));
  }

  /** Marks at 1, 2 or 5 times a power of ten, about `spacing` pixels apart. */
  marks(spacing: number): { readonly step: Span; readonly times: readonly Instant[] } {
    const wanted = this.#perPixel * spacing;
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= wanted) ?? 10 * power;
    const times: Instant[] = [];
    const { from, until } = this;
    let lastX = -Infinity;
    for (let at = Math.ceil(from / step); at * step <= until && times.length < 200; at += 1) {
      const x = this.x(at * step);
      // Over what is cut out, marks would lie on one another.
      if (x - lastX < spacing * 0.4) {
        at = Math.max(at, Math.ceil(this.ns(lastX + spacing * 0.4) / step) - 1);
        continue;
      }
      lastX = x;
      times.push(instant(at * step));
    }
    return { step: span(step), times };
  }
}

/** "201.35 ms": as many figures as the step between marks needs. */
export function axisLabel(ns: number, step: number): string {
  const [size, unit] = step >= 1e9 ? [1e9, 's'] : step >= 1e5 ? [1e6, 'ms'] : step >= 1e2 ? [1e3, 'us'] : [1, 'ns'];
  const places = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return `${(ns / size).toFixed(Math.min(places, 6))} ${unit}`;
}

/** "201 312 345 ns": every digit. */
export const exactNs = (ns: number): string =>
  `${Math.round(ns)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ' ')} ns`;
