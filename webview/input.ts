/** Pointer, wheel and keys: what they do to the timeline. */
import { miniMapNs } from './draw/mini-map.js';
import { element } from './element.js';
import { KEY_WORDS } from './keys.js';
import { LANES_TOP, MINIMAP_HEIGHT, QUIET, keyOf, laneAt, type Lane } from './lanes.js';
import type { Timeline } from './timeline.js';
import { sameLane, type LaneKey } from './view-index.js';

/** Pixels that a pointer may tremble in a click. */
const TREMBLE = 3;

type Gesture =
  | { readonly kind: 'pan'; x: number; moved: boolean }
  | { readonly kind: 'map' }
  | { readonly kind: 'range' | 'box'; readonly x: number; readonly ns: number }
  | { readonly kind: 'lane'; readonly lane: LaneKey; readonly y: number; moved: boolean };

export class Input {
  readonly #timeline: Timeline;
  readonly #canvas = element('canvas', HTMLCanvasElement);
  #gesture: Gesture | undefined;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    const canvas = this.#canvas;
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', () => this.#cancel());
    canvas.addEventListener('pointerleave', () => this.#timeline.setPointer(undefined));
    canvas.addEventListener('dblclick', (event) => this.#doubleClick(event));
    canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  #laneUnder(y: number): Lane | undefined {
    return y < LANES_TOP ? undefined : laneAt(this.#timeline.layout, y + this.#timeline.scrollTop);
  }

  /** A touchpad sends its horizontal moves as deltaX, and a pinch as a wheel with Ctrl. */
  #wheel(event: WheelEvent): void {
    const timeline = this.#timeline;
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const [across, down] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey || Math.abs(across) > Math.abs(down)) {
      event.preventDefault();
      timeline.pan(across + (event.shiftKey ? down : 0));
      return;
    }
    if (timeline.scrolls && !event.ctrlKey && event.offsetX < timeline.gutter) return;
    event.preventDefault();
    timeline.zoom(
      Math.exp(Math.max(-1, Math.min(1, down / (event.ctrlKey ? 60 : 250)))),
      event.offsetX - timeline.gutter,
    );
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 && event.button !== 1) return;
    const { offsetX: x, offsetY: y } = event;
    const timeline = this.#timeline;
    this.#canvas.setPointerCapture(event.pointerId);
    const lane = this.#laneUnder(y);
    const key = lane === undefined ? undefined : keyOf(lane);
    if (y < MINIMAP_HEIGHT) {
      this.#gesture = { kind: 'map' };
      this.#move(event);
    } else if (x < timeline.gutter && key !== undefined) this.#gesture = { kind: 'lane', lane: key, y, moved: false };
    else if (event.ctrlKey || event.metaKey)
      this.#gesture = { kind: 'box', x, ns: timeline.scale.ns(x - timeline.gutter) };
    else if (event.shiftKey || y < LANES_TOP) {
      this.#gesture = { kind: 'range', x, ns: timeline.scale.ns(x - timeline.gutter) };
    } else this.#gesture = { kind: 'pan', x, moved: false };
  }

  #move(event: PointerEvent): void {
    const { offsetX: x, offsetY: y } = event;
    const timeline = this.#timeline;
    const gesture = this.#gesture;
    switch (gesture?.kind) {
      case 'pan': {
        const by = gesture.x - x;
        if (gesture.moved || Math.abs(by) > TREMBLE) {
          timeline.pan(by);
          gesture.x = x;
          gesture.moved = true;
        }
        break;
      }
      case 'map':
        timeline.centre(miniMapNs(timeline, x));
        break;
      case 'range': {
        const ns = timeline.scale.ns(x - timeline.gutter);
        if (Math.abs(x - gesture.x) > TREMBLE) {
          timeline.setRange({ from: Math.min(gesture.ns, ns), until: Math.max(gesture.ns, ns) });
        }
        break;
      }
      case 'box':
        timeline.setBox({ left: Math.min(gesture.x, x), right: Math.max(gesture.x, x) });
        break;
      case 'lane':
        gesture.moved ||= Math.abs(y - gesture.y) > TREMBLE;
        break;
      case undefined:
    }
    const lane = this.#laneUnder(y);
    this.#canvas.style.cursor =
      gesture?.kind === 'lane' && gesture.moved
        ? 'grabbing'
        : lane?.type === 'heading' || y < MINIMAP_HEIGHT
          ? 'pointer'
          : '';
    timeline.setPointer({ x, y });
  }

  #up({ offsetX: x, offsetY: y }: PointerEvent): void {
    const timeline = this.#timeline;
    const gesture = this.#gesture;
    this.#gesture = undefined;
    const lane = this.#laneUnder(y);
    const key = lane === undefined ? undefined : keyOf(lane);
    switch (gesture?.kind) {
      case 'pan':
        if (gesture.moved) return;
        if (lane?.type === 'heading') timeline.fold(lane);
        else timeline.choose(timeline.hit(x, y));
        return;
      case 'box': {
        timeline.setBox(undefined);
        const ns = timeline.scale.ns(x - timeline.gutter);
        if (Math.abs(x - gesture.x) > TREMBLE) timeline.showTime(Math.min(gesture.ns, ns), Math.max(gesture.ns, ns));
        return;
      }
      case 'range':
        if (Math.abs(x - gesture.x) <= TREMBLE) timeline.setRange(undefined);
        return;
      case 'lane':
        if (gesture.moved && key !== undefined && !sameLane(key, gesture.lane)) timeline.moveLane(gesture.lane, key);
        return;
      case 'map':
      case undefined:
    }
  }

  #cancel(): void {
    this.#gesture = undefined;
    this.#timeline.setBox(undefined);
  }

  /** On a name: pins it, with Alt renames it. On a transition: its source. */
  #doubleClick({ offsetX: x, offsetY: y, altKey }: MouseEvent): void {
    const lane = this.#laneUnder(y);
    const key = lane === undefined ? undefined : keyOf(lane);
    if (x >= this.#timeline.gutter) this.#timeline.openSource(false);
    else if (key !== undefined && altKey) this.#rename(key, lane);
    else if (key !== undefined) this.#timeline.togglePin(key);
  }

  /** A field over the lane's name: Enter takes it, Escape leaves it. */
  #rename(key: LaneKey, lane: Lane | undefined): void {
    if (lane === undefined || lane.type === 'heading') return;
    const field = document.createElement('input');
    field.setAttribute('aria-label', 'Name of the lane');
    field.value = lane.type === 'object' ? lane.object.head.label : lane.thread.head.label;
    field.style.position = 'absolute';
    field.style.left = '12px';
    field.style.top = `${lane.top + 2}px`;
    field.style.width = `${this.#timeline.gutter - 24}px`;
    let open = true;
    const finish = (take: boolean): void => {
      // Taking the field away takes the focus from it: that is no second answer.
      if (!open) return;
      open = false;
      if (take) this.#timeline.rename(key, field.value);
      field.remove();
      this.#canvas.focus();
    };
    field.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === 'Escape') finish(event.key === 'Enter');
      event.stopPropagation();
    });
    field.addEventListener('blur', () => finish(true));
    element('stage', HTMLElement).append(field);
    field.select();
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey) return;
    const timeline = this.#timeline;
    const step = timeline.scale.width / 8;
    const plain: Readonly<Record<string, () => void>> = {
      a: () => timeline.pan(-step),
      d: () => timeline.pan(step),
      w: () => timeline.zoom(0.7),
      s: () => timeline.zoom(1 / 0.7),
      0: () => timeline.showAll(),
      arrowleft: () => timeline.walk.step(-1),
      arrowright: () => timeline.walk.step(1),
      arrowup: () => timeline.walk.changeLane(-1),
      arrowdown: () => timeline.walk.changeLane(1),
      f: () => timeline.walk.follow(),
      b: () => timeline.walk.back(),
      c: () => element('path', HTMLButtonElement).click(),
      m: () => timeline.mark(),
      z: () => timeline.walk.zoom(),
      g: () => (event.shiftKey ? timeline.unfoldAll() : timeline.foldSelected()),
      '?': () => timeline.say(KEY_WORDS),
      n: () => timeline.walk.nextMatch(event.shiftKey ? -1 : 1),
      p: () => timeline.togglePin(),
      o: () => timeline.revealObject(),
      t: () => timeline.foldGroup(QUIET),
      x: () => element('stops', HTMLButtonElement).click(),
      enter: () => timeline.openSource(event.shiftKey),
      '/': () => element('filter', HTMLInputElement).focus(),
      escape: () => {
        if (timeline.range === undefined) timeline.select(undefined);
        else timeline.setRange(undefined);
      },
    };
    const withAlt: Readonly<Record<string, () => void>> = {
      arrowup: () => timeline.moveSelected(-1),
      arrowdown: () => timeline.moveSelected(1),
    };
    const named: Readonly<Record<string, () => void>> = { f2: () => this.#renameSelected() };
    const key = event.key.toLowerCase();
    const action = event.altKey ? withAlt[key] : (plain[key] ?? named[key]);
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #renameSelected(): void {
    const { selection, layout } = this.#timeline;
    const lane = layout.lanes.find((one) => sameLane(keyOf(one), selection));
    if (selection !== undefined) this.#rename(selection, lane);
  }
}
