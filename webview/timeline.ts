/** The timeline: reacts to pointer and keys, and draws on the next frame. */
import { describeSelection, edgesOf } from './describe.js';
import { drawScene, type Selection } from './draw.js';
import { layOut, type Lane, type LaneLayout } from './lanes.js';
import { lowerBound } from './search.js';
import { fillTable } from './table.js';
import { readTheme, type Theme } from './theme.js';
import { TimeScale } from './time-scale.js';
import type { ViewData } from './view-data.js';

/** Pixels around the pointer in which a transition counts as hit. */
const REACH = 7;

export class Timeline {
  readonly #data: ViewData;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #stage: HTMLElement;
  readonly #scale: TimeScale;
  #layout: LaneLayout;
  #theme: Theme;
  #width = 0;
  #height = 0;
  #pointer: { x: number; y: number } | undefined;
  #drag: { x: number; moved: boolean } | undefined;
  #selection: Selection | undefined;
  #hover: Selection | undefined;
  #frame = 0;

  constructor(data: ViewData) {
    this.#data = data;
    this.#canvas = element('canvas', HTMLCanvasElement);
    this.#stage = element('stage', HTMLElement);
    const context = this.#canvas.getContext('2d', { alpha: false });
    if (context === null) throw new Error('This browser does not draw on a canvas.');
    this.#context = context;
    this.#layout = layOut(data, '');
    this.#theme = readTheme();
    this.#scale = new TimeScale(0, data.end, 1, data.end);
    this.#resize();
    this.showAll();
    this.#say(undefined);
    this.#listen();
  }

  showAll(): void {
    const margin = this.#data.end * 0.02;
    this.#scale.show(-margin, this.#data.end + margin);
    this.#draw();
  }

  get #gutter(): number {
    return Math.round(Math.min(330, Math.max(150, this.#width * 0.27)));
  }

  #listen(): void {
    const canvas = this.#canvas;
    new ResizeObserver(() => {
      this.#resize();
      this.#draw();
    }).observe(this.#stage);
    const repaint = (): void => {
      this.#theme = readTheme();
      this.#draw();
    };
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
    // VS Code changes the class of the body with its theme.
    new MutationObserver(repaint).observe(document.body, { attributes: true, attributeFilter: ['class'] });
    this.#stage.addEventListener('scroll', () => this.#draw());
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => {
      this.#drag = { x: event.offsetX, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', () => this.#release());
    canvas.addEventListener('pointerleave', () => {
      this.#pointer = undefined;
      this.#setHover(undefined);
    });
    canvas.addEventListener('keydown', (event) => this.#key(event));
    element('fit', HTMLButtonElement).addEventListener('click', () => this.showAll());
    element('in', HTMLButtonElement).addEventListener('click', () => this.#zoom(0.5));
    element('out', HTMLButtonElement).addEventListener('click', () => this.#zoom(2));
    const filter = element('filter', HTMLInputElement);
    filter.addEventListener('input', () => {
      this.#layout = layOut(this.#data, filter.value);
      this.#resize();
      this.#draw();
    });
    const details = element('table-details', HTMLDetailsElement);
    details.addEventListener('toggle', () => {
      if (details.open) fillTable(element('table', HTMLElement), this.#data, this.#scale.from, this.#scale.until);
    });
  }

  #resize(): void {
    const ratio = window.devicePixelRatio || 1;
    this.#width = this.#stage.clientWidth;
    this.#height = Math.max(160, Math.min(this.#stage.clientHeight, Math.max(this.#layout.height, 160)));
    this.#canvas.width = Math.round(this.#width * ratio);
    this.#canvas.height = Math.round(this.#height * ratio);
    this.#canvas.style.width = `${this.#width}px`;
    this.#canvas.style.height = `${this.#height}px`;
    element('height', HTMLElement).style.height = `${this.#layout.height}px`;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const from = this.#scale.from;
    const until = this.#scale.until;
    this.#scale.width = Math.max(1, this.#width - this.#gutter - 12);
    this.#scale.show(from, until);
  }

  #draw(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      drawScene(this.#context, {
        ...{ data: this.#data, layout: this.#layout, scale: this.#scale, theme: this.#theme },
        ...{ gutter: this.#gutter, width: this.#width, height: this.#height, scrollTop: this.#stage.scrollTop },
        ...{ selection: this.#selection, hover: this.#hover, pointer: this.#pointer },
        edges: [...new Set([...edgesOf(this.#data, this.#selection), ...edgesOf(this.#data, this.#hover)])].slice(
          0,
          64,
        ),
      });
      document.body.dataset['drawn'] = 'yes';
    });
  }

  // ---- pointer

  #wheel(event: WheelEvent): void {
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.#scale.pan(event.deltaX + (event.shiftKey ? event.deltaY : 0));
      this.#draw();
      return;
    }
    const scrolls = this.#layout.height > this.#height && !event.ctrlKey && event.offsetX < this.#gutter;
    if (scrolls) return;
    event.preventDefault();
    this.#scale.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 250))), event.offsetX - this.#gutter);
    this.#draw();
  }

  #zoom(factor: number): void {
    const x =
      this.#pointer !== undefined && this.#pointer.x > this.#gutter
        ? this.#pointer.x - this.#gutter
        : this.#scale.width / 2;
    this.#scale.zoom(factor, x);
    this.#draw();
  }

  #move(event: PointerEvent): void {
    this.#pointer = { x: event.offsetX, y: event.offsetY };
    if (this.#drag !== undefined && (event.buttons & 1) !== 0) {
      const moved = this.#drag.x - event.offsetX;
      if (this.#drag.moved || Math.abs(moved) > 3) {
        this.#scale.pan(moved);
        this.#drag = { x: event.offsetX, moved: true };
      }
    }
    this.#setHover(this.#hit(event.offsetX, event.offsetY));
  }

  #release(): void {
    if (this.#drag?.moved === false && this.#pointer !== undefined) {
      this.#select(this.#hit(this.#pointer.x, this.#pointer.y));
    }
    this.#drag = undefined;
  }

  #setHover(hover: Selection | undefined): void {
    this.#hover = hover;
    this.#say(hover ?? this.#selection);
    this.#draw();
  }

  #select(selection: Selection | undefined): void {
    this.#selection = selection;
    this.#say(selection);
    this.#draw();
  }

  #say(selection: Selection | undefined): void {
    const text = describeSelection(this.#data, selection);
    const detail = element('detail', HTMLElement);
    const words =
      text === '' ? 'Point at a transition or a wait, or click it to keep it. Wheel: zoom. Drag: move.' : text;
    if (detail.textContent !== words) detail.textContent = words;
  }

  /** The transition or wait at a place of the canvas. */
  #hit(x: number, y: number): Selection | undefined {
    if (x < this.#gutter) return undefined;
    const top = y + this.#stage.scrollTop;
    const lane = this.#layout.lanes.find((one) => top >= one.top && top < one.top + one.height);
    return lane === undefined ? undefined : this.#hitLane(lane, x - this.#gutter);
  }

  #hitLane(lane: Lane, x: number): Selection | undefined {
    const scale = this.#scale;
    if (lane.type === 'object') {
      const { time } = lane.object;
      const after = lowerBound(time, scale.ns(x));
      const nearest = [after - 1, after]
        .filter((index) => index >= 0 && index < time.length)
        .map((index) => ({ index, distance: Math.abs(scale.x(time[index] ?? 0) - x) }))
        .sort((a, b) => a.distance - b.distance)[0];
      if (nearest === undefined || nearest.distance > REACH) return undefined;
      return { lane: 'object', id: lane.object.id, index: nearest.index };
    }
    if (lane.type === 'heading') return undefined;
    const { begin, end, id } = lane.thread;
    for (let index = lowerBound(begin, scale.ns(x + REACH)) - 1; index >= 0; index -= 1) {
      if (scale.x(end[index] ?? 0) >= x - 3) return { lane: 'thread', id, index };
      if (scale.x(begin[index] ?? 0) < x - scale.width) break;
    }
    return undefined;
  }

  // ---- keys

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = this.#scale.width / 8;
    const actions: Readonly<Record<string, () => void>> = {
      a: () => this.#scale.pan(-step),
      d: () => this.#scale.pan(step),
      w: () => this.#zoom(0.7),
      s: () => this.#zoom(1 / 0.7),
      0: () => this.showAll(),
      arrowleft: () => this.#step(-1),
      arrowright: () => this.#step(1),
      arrowup: () => this.#changeLane(-1),
      arrowdown: () => this.#changeLane(1),
      f: () => this.#follow(),
      escape: () => this.#select(undefined),
    };
    const action = actions[event.key.toLowerCase()];
    if (action === undefined) return;
    event.preventDefault();
    action();
    this.#draw();
  }

  #timesOf(selection: Selection): readonly number[] {
    return selection.lane === 'object'
      ? (this.#data.objects.find(({ id }) => id === selection.id)?.time ?? [])
      : (this.#data.threads.find(({ id }) => id === selection.id)?.begin ?? []);
  }

  #step(by: number): void {
    const current = this.#selection ?? this.#firstSelection();
    if (current === undefined) return;
    const times = this.#timesOf(current);
    const index = Math.min(Math.max(this.#selection === undefined ? 0 : current.index + by, 0), times.length - 1);
    this.#select({ ...current, index });
    this.#reveal(times[index] ?? 0);
  }

  #firstSelection(): Selection | undefined {
    const lane = this.#layout.lanes.find((one) => one.type !== 'heading');
    if (lane?.type === 'object') return { lane: 'object', id: lane.object.id, index: 0 };
    return lane?.type === 'thread' ? { lane: 'thread', id: lane.thread.id, index: 0 } : undefined;
  }

  #changeLane(by: number): void {
    const lanes = this.#layout.lanes.filter((lane) => lane.type !== 'heading');
    const current = this.#selection;
    const at = lanes.findIndex(
      (lane) =>
        (lane.type === 'object' && current?.lane === 'object' && lane.object.id === current.id) ||
        (lane.type === 'thread' && current?.lane === 'thread' && lane.thread.id === current.id),
    );
    const lane = lanes[Math.min(Math.max(at + by, 0), lanes.length - 1)];
    if (lane === undefined) return;
    const target: Selection =
      lane.type === 'object'
        ? { lane: 'object', id: lane.object.id, index: 0 }
        : { lane: 'thread', id: lane.thread.id, index: 0 };
    const times = this.#timesOf(target);
    const time = current === undefined ? this.#scale.from : (this.#timesOf(current)[current.index] ?? 0);
    const index = Math.min(lowerBound(times, time), Math.max(0, times.length - 1));
    this.#select(times.length === 0 ? undefined : { ...target, index });
    if (lane.top < this.#stage.scrollTop + 40 || lane.top + lane.height > this.#stage.scrollTop + this.#height) {
      this.#stage.scrollTop = lane.top - this.#height / 2;
    }
  }

  /** From a signal to the wait that it released, from a wait to its signal. */
  #follow(): void {
    const current = this.#selection;
    const edge = edgesOf(this.#data, current)[0];
    if (current === undefined || edge === undefined) return;
    const { edges } = this.#data;
    if (current.lane === 'object') {
      const thread = this.#data.threads.find(({ id }) => id === edges.toThread[edge]);
      const index = thread?.begin.indexOf(edges.begin[edge] ?? NaN) ?? -1;
      if (thread === undefined || index < 0) return;
      this.#select({ lane: 'thread', id: thread.id, index });
      this.#reveal(edges.to[edge] ?? 0);
      return;
    }
    const object = this.#data.objects.find(({ id }) => id === edges.object[edge]);
    const index =
      object?.time.findIndex((time, at) => time === edges.from[edge] && object.thread[at] === edges.fromThread[edge]) ??
      -1;
    if (object === undefined || index < 0) return;
    this.#select({ lane: 'object', id: object.id, index });
    this.#reveal(edges.from[edge] ?? 0);
  }

  #reveal(ns: number): void {
    const x = this.#scale.x(ns);
    if (x < 20 || x > this.#scale.width - 20) this.#scale.pan(x - this.#scale.width / 2);
    this.#draw();
  }
}

export function element<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${id}.`);
}
