/** Time to pixels and back, in one place, and the marks of the axis. */
export class TimeScale {
  /** ns at the left edge, and ns per pixel. */
  from: number;
  perPixel: number;
  readonly #least = 0.05;

  constructor(
    from: number,
    until: number,
    public width: number,
    readonly end: number,
  ) {
    this.from = from;
    this.perPixel = Math.max(this.#least, (until - from) / Math.max(1, width));
  }

  get until(): number {
    return this.from + this.perPixel * this.width;
  }

  x(ns: number): number {
    return (ns - this.from) / this.perPixel;
  }

  ns(x: number): number {
    return this.from + x * this.perPixel;
  }

  show(from: number, until: number): void {
    const span = Math.max(until - from, this.#least * this.width);
    this.perPixel = span / Math.max(1, this.width);
    this.from = from;
  }

  /** Keeps what is under x where it is. */
  zoom(factor: number, x: number): void {
    const at = this.ns(x);
    const widest = (this.end * 1.2) / Math.max(1, this.width);
    this.perPixel = Math.min(Math.max(this.perPixel * factor, this.#least), Math.max(widest, this.#least));
    this.from = at - x * this.perPixel;
    this.#keepInside();
  }

  pan(pixels: number): void {
    this.from += pixels * this.perPixel;
    this.#keepInside();
  }

  #keepInside(): void {
    const margin = this.perPixel * this.width * 0.5;
    this.from = Math.min(Math.max(this.from, -margin), this.end - margin);
  }

  /** Marks at 1, 2 or 5 times a power of ten, about `spacing` pixels apart. */
  marks(spacing: number): { readonly step: number; readonly times: readonly number[] } {
    const wanted = this.perPixel * spacing;
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= wanted) ?? 10 * power;
    const times: number[] = [];
    for (let at = Math.ceil(this.from / step); at * step <= this.until && times.length < 200; at += 1) {
      times.push(at * step);
    }
    return { step, times };
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
