/** The timeline: reacts to pointer and keys, and draws on the next frame. */
import { describeSelection } from './describe.js';
import { drawScene } from './draw.js';
import { AXIS_HEIGHT, laneAt, layOut, type Group, type Lane, type LaneLayout } from './lanes.js';
import { firstWake, followed, onOtherLane, stepped } from './navigation.js';
import { lowerBound } from './search.js';
import { fillTable } from './table.js';
import { readTheme, type Theme } from './theme.js';
import { TimeScale } from './time-scale.js';
import type { ViewData } from './view-data.js';
import { ViewIndex, momentOf, type Selection } from './view-index.js';

/** Pixels around the pointer in which a transition counts as hit. */
const REACH = 7;
/** Waits of a thread that can lie within one another. */
const MAX_NESTED = 4;

export class Timeline {
  readonly #data: ViewData;
  readonly #view: ViewIndex;
  readonly #folded = new Set<Group>(['quiet']);
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
    this.#view = new ViewIndex(data);
    this.#canvas = element('canvas', HTMLCanvasElement);
    this.#stage = element('stage', HTMLElement);
    const context = this.#canvas.getContext('2d', { alpha: false });
    if (context === null) throw new Error('This browser does not draw on a canvas.');
    this.#context = context;
    this.#layout = layOut(data, '', this.#folded);
    this.#theme = readTheme();
    this.#scale = new TimeScale(0, data.end, 1, data.end);
    this.#resize();
    this.#listRuns();
    if (data.runs.length > 0) this.#showRun(0);
    else {
      this.showAll();
      this.#select(firstWake(this.#view, undefined));
    }
    this.#listen();
  }

  /** The whole time, every run unfolded. */
  showAll(): void {
    this.#data.runs.forEach((_run, index) => this.#folded.delete(index));
    this.#relayout();
    this.#choose('');
    this.#show(0, this.#data.end);
  }

  /** One run, with the first of its wakes selected. */
  #showRun(run: number): void {
    this.#data.runs.forEach((_run, index) => this.#folded.add(index));
    this.#folded.delete(run);
    this.#relayout();
    this.#choose(String(run));
    const { from, until } = whereThingsHappen(this.#data, run);
    this.#show(from, until);
    this.#select(firstWake(this.#view, run));
    const heading = this.#layout.lanes.find((lane) => lane.type === 'heading' && lane.group === run);
    if (heading !== undefined && this.#layout.height > this.#height) this.#stage.scrollTop = heading.top - AXIS_HEIGHT;
  }

  #show(from: number, until: number): void {
    const margin = Math.max(1, until - from) * 0.03;
    this.#scale.show(from - margin, until + margin);
    this.#draw();
  }

  #fold(group: Group): void {
    if (typeof group === 'number' && this.#folded.has(group)) {
      this.#showRun(group);
      return;
    }
    if (!this.#folded.delete(group)) this.#folded.add(group);
    this.#relayout();
  }

  #relayout(): void {
    this.#layout = layOut(this.#data, element('filter', HTMLInputElement).value, this.#folded);
    this.#resize();
    this.#draw();
  }

  /** Runs by name, for those who look for one, and for those who use no pointer. */
  #listRuns(): void {
    const list = element('runs', HTMLSelectElement);
    list.hidden = this.#data.runs.length === 0;
    list.append(new Option('All runs', ''), ...this.#data.runs.map(({ label }, run) => new Option(label, String(run))));
    list.addEventListener('change', () => {
      if (list.value === '') this.showAll();
      else this.#showRun(Number(list.value));
    });
  }

  #choose(run: string): void {
    element('runs', HTMLSelectElement).value = run;
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
    filter.addEventListener('input', () => this.#relayout());
    const details = element('table-details', HTMLDetailsElement);
    details.addEventListener('toggle', () => {
      if (details.open) fillTable(element('table', HTMLElement), this.#view, this.#scale.from, this.#scale.until);
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
        ...{ view: this.#view, layout: this.#layout, scale: this.#scale, theme: this.#theme },
        ...{ gutter: this.#gutter, width: this.#width, height: this.#height, scrollTop: this.#stage.scrollTop },
        ...{ selection: this.#selection, hover: this.#hover, pointer: this.#pointer },
        edges: [...new Set([...this.#view.edgesOf(this.#selection), ...this.#view.edgesOf(this.#hover)])].slice(0, 64),
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
    const lane = laneAt(this.#layout, event.offsetY + this.#stage.scrollTop);
    this.#canvas.style.cursor = lane?.type === 'heading' && lane.group !== undefined ? 'pointer' : '';
    this.#setHover(this.#hit(event.offsetX, event.offsetY));
  }

  #release(): void {
    if (this.#drag?.moved === false && this.#pointer !== undefined) {
      const lane = laneAt(this.#layout, this.#pointer.y + this.#stage.scrollTop);
      if (lane?.type === 'heading' && lane.group !== undefined) this.#fold(lane.group);
      else this.#select(this.#hit(this.#pointer.x, this.#pointer.y));
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
    const text = describeSelection(this.#view, selection);
    const detail = element('detail', HTMLElement);
    const words =
      text === '' ? 'Point at a transition or a wait, or click it to keep it. Wheel: zoom. Drag: move.' : text;
    if (detail.textContent !== words) detail.textContent = words;
  }

  /** The transition or wait at a place of the canvas. */
  #hit(x: number, y: number): Selection | undefined {
    if (x < this.#gutter) return undefined;
    const lane = laneAt(this.#layout, y + this.#stage.scrollTop);
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
    const last = lowerBound(begin, scale.ns(x + REACH)) - 1;
    for (let index = last; index >= 0 && index > last - MAX_NESTED; index -= 1) {
      if (scale.x(end[index] ?? 0) >= x - 3) return { lane: 'thread', id, index };
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
      t: () => this.#fold('quiet'),
      escape: () => this.#select(undefined),
    };
    const action = actions[event.key.toLowerCase()];
    if (action === undefined) return;
    event.preventDefault();
    action();
    this.#draw();
  }

  #step(by: number): void {
    const current = this.#selection;
    const next = current === undefined ? this.#onOtherLane(1) : stepped(this.#view, current, by);
    if (next !== undefined) this.#goTo(next);
  }

  #changeLane(by: number): void {
    const next = this.#onOtherLane(by);
    if (next !== undefined) this.#goTo(next);
  }

  #onOtherLane(by: number): Selection | undefined {
    return onOtherLane(this.#view, this.#layout.lanes, this.#selection, by, this.#scale.from)?.selection;
  }

  #follow(): void {
    const next = this.#selection === undefined ? undefined : followed(this.#view, this.#selection);
    if (next !== undefined) this.#goTo(next);
  }

  /** Selects, and brings into sight. */
  #goTo(selection: Selection): void {
    this.#select(selection);
    const lane = (selection.lane === 'object' ? this.#layout.ofObject : this.#layout.ofThread).get(selection.id);
    const { scrollTop } = this.#stage;
    if (lane !== undefined && (lane.top < scrollTop + 40 || lane.top + lane.height > scrollTop + this.#height)) {
      this.#stage.scrollTop = lane.top - this.#height / 2;
    }
    this.#reveal(momentOf(this.#view, selection));
  }

  #reveal(ns: number): void {
    const x = this.#scale.x(ns);
    if (x < 20 || x > this.#scale.width - 20) this.#scale.pan(x - this.#scale.width / 2);
    this.#draw();
  }
}

/** From the first transition of an object of interest to the last of a run, or of all when it has none. */
function whereThingsHappen({ objects, runs, end }: ViewData, run: number): { from: number; until: number } {
  const lanes = objects.filter((lane) => lane.run === run && !lane.quiet);
  const mark = runs[run];
  if (lanes.length === 0) return { from: mark?.from ?? 0, until: mark?.until ?? end };
  return {
    from: Math.min(...lanes.map(({ time }) => time[0] ?? 0)),
    until: Math.max(...lanes.map(({ time }) => time.at(-1) ?? 0)),
  };
}

export function element<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${id}.`);
}
