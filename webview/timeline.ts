/** The timeline: what is shown and chosen, and its drawing on the next frame. What moves it is in input.ts, where keys lead in walk.ts. */
import type { ViewState } from '../protocol/webview.js';
import { callerOfSelection, describePath, describeSelection, objectOfSelection, type ShownObject } from './describe.js';
import { drawScene } from './draw.js';
import type { Pen, Scene, TimeRange } from './draw/scene.js';
import type { ShadePainter } from './draw/shades.js';
import { element } from './element.js';
import type { Filter } from './filter.js';
import { hitAt } from './hit.js';
import { LANES_TOP, type Group, type Lane, type LaneLayout } from './lanes.js';
import { criticalPath, firstWake, whereThingsHappen } from './navigation.js';
import { ShownLanes } from './shown-lanes.js';
import { Stage } from './stage.js';
import { TimeScale } from './time-scale.js';
import { viewOf } from './view-data.js';
import { ViewIndex, type LaneKey, type LastingSelection, type Selection } from './view-index.js';
import { Walk } from './walk.js';
import type { Picture } from './opening.js';

/** What the timeline tells its page. */
export interface TimelineEvents {
  /** The range, or what is in sight, is another. */
  readonly rangeChanged: () => void;
  readonly stateChanged: () => void;
  readonly openSource: (caller: string, beside: boolean) => void;
  readonly revealObject: (object: ShownObject) => void;
  /** Clicked: where it was called, and the object. */
  readonly chosen: (chosen: { readonly caller?: string; readonly object?: ShownObject }) => void;
}

const HINT =
  'Point at a transition or a wait, or click it to keep it. Wheel: zoom. Drag: move. Shift and drag: measure and count. Ctrl and drag: zoom into a box. Keys: ?';

export class Timeline {
  readonly walk = new Walk(this);
  readonly #events: TimelineEvents;
  readonly #stage: Stage;
  readonly #lanes: ShownLanes;
  #view: ViewIndex;
  #scale: TimeScale;
  #pointer: { x: number; y: number } | undefined;
  #selection: Selection | undefined;
  /** Was selected in what is restored, and is not there yet: recordings come one after the other. */
  #sought: LastingSelection | undefined;
  #hover: Selection | undefined;
  #range: TimeRange | undefined;
  #box: Scene['box'];
  #path: readonly number[] | undefined;
  #stopsCut = false;
  #currentStop: number | undefined;

  /** @param live more is to come: the whole time is shown, so that it can be seen to grow */
  constructor(picture: Picture, events: TimelineEvents, state: ViewState | undefined, live: boolean) {
    this.#events = events;
    this.#stage = new Stage(
      (pen, shades) => void this.drawOn(pen, shades, true),
      () => this.relayout(),
    );
    this.#view = new ViewIndex(viewOf(picture.columns, picture.index));
    const { end } = picture.columns;
    this.#scale = new TimeScale(0, end, 1, end);
    this.#lanes = new ShownLanes(this.#view);
    this.#resize();
    if (state !== undefined) this.#restore(state);
    else if (live) {
      this.showTime(0, end);
      this.say('');
    } else this.#showFirst();
  }

  get view(): ViewIndex {
    return this.#view;
  }

  get scale(): TimeScale {
    return this.#scale;
  }

  get layout(): LaneLayout {
    return this.#lanes.layout;
  }

  get filter(): Filter {
    return this.#lanes.filter;
  }

  get range(): TimeRange | undefined {
    return this.#range;
  }

  get selection(): Selection | undefined {
    return this.#selection;
  }

  get stopsCut(): boolean {
    return this.#stopsCut;
  }

  get pathShown(): boolean {
    return this.#path !== undefined;
  }

  get gutter(): number {
    return this.#stage.gutter;
  }

  get scrollTop(): number {
    return this.#stage.scrollTop;
  }

  /** The lanes are higher than the room for them. */
  get scrolls(): boolean {
    return this.layout.height > this.#stage.height;
  }

  /** Another picture of the same recordings: one that grew, or with one more. What is in sight stays. */
  show(picture: Picture, follow: boolean): void {
    const before = this.#view.data.columns.end;
    const selected = this.#selection === undefined ? this.#sought : this.#view.lasting(this.#selection);
    const all = this.#scale.from <= 0 && this.#scale.until >= before;
    this.#view = new ViewIndex(viewOf(picture.columns, picture.index));
    this.#lanes.view = this.#view;
    const { end } = picture.columns;
    this.#scale.change(end, this.#cuts());
    if (all) this.#scale.show(-end * 0.03, end * 1.03);
    else if (follow && this.#scale.until >= before * 0.999) this.#scale.pan((end - before) / this.#scale.perPixel);
    this.#selection = selected === undefined ? undefined : this.#view.found(selected);
    if (this.#selection !== undefined) this.#sought = undefined;
    this.#hover = undefined;
    this.#path = undefined;
    this.relayout();
    this.#events.rangeChanged();
  }

  /** The whole time, every run unfolded. */
  showAll(): void {
    this.#lanes.unfoldRuns();
    this.relayout();
    this.showTime(0, this.#view.data.columns.end);
  }

  /** One run, with the first of its wakes selected. */
  showRun(run: number): void {
    this.#lanes.unfoldRuns(run);
    this.relayout();
    const { from, until } = whereThingsHappen(this.#view, run);
    this.showTime(from, until);
    this.select(firstWake(this.#view, run));
    const heading = this.#lanes.headingOf(run);
    if (heading !== undefined && this.scrolls) this.#stage.scrollTop = heading.top - LANES_TOP;
  }

  showTime(from: number, until: number): void {
    const margin = Math.max(1, until - from) * 0.03;
    this.#scale.show(from - margin, until + margin);
    this.#moved();
  }

  zoom(factor: number, x = this.#middle()): void {
    this.#scale.zoom(factor, x);
    this.#moved();
  }

  pan(pixels: number): void {
    this.#scale.pan(pixels);
    this.#moved();
  }

  /** Moves what is in sight so that this moment is in its middle. */
  centre(ns: number): void {
    this.pan(this.#scale.x(ns) - this.#scale.width / 2);
  }

  fold(lane: Lane): void {
    if (lane.type !== 'heading') return;
    if (lane.run >= 0 && lane.folded) {
      this.showRun(lane.run);
      return;
    }
    this.foldGroup(lane.group);
  }

  foldGroup(group: Group): void {
    this.#lanes.arrangement.toggleFold(group);
    this.relayout();
  }

  /** Folds the group of the selected lane; unfolds it when the lane is folded away. */
  foldSelected(): void {
    if (this.#selection === undefined) return;
    const group = this.#lanes.groupOf(this.#selection);
    if (group !== undefined) this.foldGroup(group);
    else if (this.#lanes.unfoldFor(this.#selection)) this.relayout();
  }

  unfoldAll(): void {
    this.#lanes.unfoldAll();
    this.relayout();
  }

  setFilter(text: string): Filter {
    this.#lanes.setFilter(text);
    this.relayout();
    return this.#lanes.filter;
  }

  setRange(range: TimeRange | undefined): void {
    this.#range = range;
    this.draw();
    this.#events.rangeChanged();
  }

  setBox(box: Scene['box']): void {
    this.#box = box;
    this.draw();
  }

  /** Marks one end of a range at the selection, or at the pointer; the next time the other. */
  mark(): void {
    const at =
      this.#pointer !== undefined && this.#pointer.x > this.gutter
        ? this.#scale.ns(this.#pointer.x - this.gutter)
        : this.#selection === undefined
          ? undefined
          : this.#view.momentOf(this.#selection);
    if (at === undefined) return;
    const { from, until } = this.#range ?? { from: at, until: at };
    const open = this.#range !== undefined && from === until;
    this.setRange(open ? { from: Math.min(from, at), until: Math.max(from, at) } : { from: at, until: at });
  }

  setStopsCut(cut: boolean): void {
    this.#stopsCut = cut;
    this.#scale.change(this.#view.data.columns.end, this.#cuts());
    this.#moved();
  }

  setCurrentStop(ns: number | undefined): void {
    this.#currentStop = ns;
    this.draw();
  }

  setPointer(pointer: { x: number; y: number } | undefined): void {
    this.#pointer = pointer;
    const hover = pointer === undefined ? undefined : this.hit(pointer.x, pointer.y);
    this.#hover = hover;
    if (this.#path === undefined) this.say(describeSelection(this.#view, hover ?? this.#selection));
    this.draw();
  }

  hit(x: number, y: number): Selection | undefined {
    if (x < this.gutter || y < LANES_TOP) return undefined;
    return hitAt(this.layout, this.#view, this.#scale, x - this.gutter, y + this.#stage.scrollTop);
  }

  select(selection: Selection | undefined): void {
    this.#sought = undefined;
    this.#selection = selection;
    this.#path = undefined;
    this.say(describeSelection(this.#view, selection));
    this.draw();
    this.#events.stateChanged();
  }

  /** Selects what was clicked, and says so: its line and its object are shown beside the timeline. */
  choose(selection: Selection | undefined): void {
    this.select(selection);
    if (selection === undefined) return;
    const caller = callerOfSelection(this.#view, selection);
    const object = objectOfSelection(this.#view, selection);
    this.#events.chosen({ ...(caller === undefined ? {} : { caller }), ...(object === undefined ? {} : { object }) });
  }

  /** Selects, and brings into sight. */
  goTo(selection: Selection | undefined): void {
    if (selection === undefined) return;
    this.select(selection);
    if (this.#lanes.unfoldFor(selection)) this.relayout();
    const lane = this.#lanes.laneOf(selection);
    // As high as it is now that the detail says something else: the last resize may be of before.
    const { scrollTop, roomHeight: height } = this.#stage;
    if (lane !== undefined && (lane.top < scrollTop + LANES_TOP || lane.top + lane.height > scrollTop + height)) {
      this.#stage.scrollTop = lane.top - height / 2;
    }
    const x = this.#scale.x(this.#view.momentOf(selection));
    if (x < 20 || x > this.#scale.width - 20) this.pan(x - this.#scale.width / 2);
  }

  /** Draws and tells the critical path of the selection; again: no more. */
  togglePath(): void {
    if (this.#path !== undefined || this.#selection === undefined) {
      this.select(this.#selection);
      return;
    }
    const path = criticalPath(this.#view, this.#selection);
    this.#path = path.flatMap(({ edge }) => edge ?? []);
    this.say(describePath(this.#view, path));
    this.draw();
    this.#events.stateChanged();
  }

  openSource(beside: boolean): void {
    const caller = this.#selection === undefined ? undefined : callerOfSelection(this.#view, this.#selection);
    if (caller !== undefined) this.#events.openSource(caller, beside);
  }

  revealObject(): void {
    const object = this.#selection === undefined ? undefined : objectOfSelection(this.#view, this.#selection);
    if (object !== undefined) this.#events.revealObject(object);
  }

  togglePin(key: LaneKey | undefined = this.#selection): void {
    if (this.#lanes.togglePin(key)) this.relayout();
  }

  /** Puts a lane before another of its kind, or behind it when it was above. */
  moveLane(moving: LaneKey, target: LaneKey): void {
    if (this.#lanes.move(moving, target)) this.relayout();
  }

  moveSelected(by: number): void {
    const lanes = this.#lanes.neighbour(this.#selection, by);
    if (lanes !== undefined) this.moveLane(lanes.moving, lanes.target);
  }

  /** Gives a lane a name of its own; an empty one takes it away. */
  rename(key: LaneKey, name: string): void {
    if (this.#lanes.rename(key, name)) this.relayout();
  }

  relayout(): void {
    this.#lanes.layOut();
    this.#resize();
    this.draw();
    this.#events.stateChanged();
  }

  repaint(): void {
    this.#stage.repaint();
  }

  draw(): void {
    this.#stage.draw();
  }

  /** Draws a frame now, also on something else than the canvas. Returns its size in pixels of the page. */
  drawOn(pen: Pen, shades: ShadePainter, withPointer: boolean): { readonly width: number; readonly height: number } {
    const { theme, gutter, width, height, scrollTop } = this.#stage;
    const edges = this.#path ?? [...this.#view.edgesOf(this.#selection), ...this.#view.edgesOf(this.#hover)];
    drawScene(pen, {
      ...{ view: this.#view, layout: this.layout, scale: this.#scale, filter: this.#lanes.filter },
      ...{ theme, gutter, width, height, scrollTop },
      ...{ selection: this.#selection, hover: withPointer ? this.#hover : undefined, box: this.#box },
      ...{ pointer: withPointer ? this.#pointer : undefined, edges: [...new Set(edges)].slice(0, 64) },
      ...{ range: this.#range, stopsCut: this.#stopsCut, currentStop: this.#currentStop },
      ...{ arrangement: this.#lanes.arrangement, shades },
    });
    return { width, height };
  }

  get state(): Omit<ViewState, 'recordings'> {
    return {
      ...{ from: this.#scale.from, until: this.#scale.until, filter: element('filter', HTMLInputElement).value },
      ...this.#lanes.arrangement.state,
      ...{ stopsCut: this.#stopsCut, scrollTop: this.#stage.scrollTop, range: this.#range ?? null },
      selection: (this.#selection === undefined ? this.#sought : this.#view.lasting(this.#selection)) ?? null,
    };
  }

  #restore(state: ViewState): void {
    this.#lanes.restore(state);
    this.#stopsCut = state.stopsCut;
    this.#range = state.range ?? undefined;
    element('filter', HTMLInputElement).value = state.filter;
    const { selection } = state;
    this.#scale.change(this.#view.data.columns.end, this.#cuts());
    this.relayout();
    if (state.until > state.from) this.#scale.show(state.from, state.until);
    this.select(selection === null ? undefined : this.#view.found(selection));
    if (selection !== null && this.#selection === undefined) this.#sought = selection;
    this.#stage.scrollTop = state.scrollTop;
  }

  #showFirst(): void {
    if (this.#view.data.columns.runs.length > 0) this.showRun(0);
    else {
      const { from, until } = whereThingsHappen(this.#view, -1);
      this.showTime(from, until);
      this.select(firstWake(this.#view, undefined));
    }
  }

  #cuts(): readonly TimeRange[] {
    return this.#stopsCut ? this.#view.data.columns.stops : [];
  }

  #middle(): number {
    const pointer = this.#pointer;
    return pointer !== undefined && pointer.x > this.gutter ? pointer.x - this.gutter : this.#scale.width / 2;
  }

  #moved(): void {
    this.draw();
    this.#events.stateChanged();
    if (this.#range === undefined) this.#events.rangeChanged();
  }

  #resize(): void {
    this.#stage.resize(this.layout.height);
    this.#scale.resize(this.#stage.width - this.gutter - 12);
  }

  /** In the detail, until something else is selected or pointed at; nothing: what can be done. */
  say(text: string): void {
    const detail = element('detail', HTMLElement);
    const words = text === '' ? HINT : text;
    if (detail.textContent !== words) detail.textContent = words;
  }
}
