/** Where a key, a button or a link of the editor leads: from the selection to the next one, which comes into sight. */
import { followed, nextCallFrom, nextMatchingWait, onOtherLane, releasedBy, stepped } from './navigation.js';
import type { Timeline } from './timeline.js';
import { atOrBehind } from './view-index.js';

/** What an editor asks to be shown: an object by path or label, the next call from one of some places, a moment in ns. */
export interface Revealed {
  readonly object?: string;
  readonly callers?: readonly string[];
  readonly time?: number;
}

export class Walk {
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** Along the lane. */
  step(by: number): void {
    const { view, selection } = this.#timeline;
    if (selection === undefined) this.changeLane(1);
    else this.#timeline.goTo(stepped(view, selection, by));
  }

  changeLane(by: number): void {
    const { view, layout, selection, scale } = this.#timeline;
    this.#timeline.goTo(onOtherLane(view, layout.lanes, selection, by, scale.from));
  }

  /** Along the wake: from a signal to the wait that it released, from a wait to its signal. */
  follow(): void {
    const { view, selection } = this.#timeline;
    if (selection !== undefined) this.#timeline.goTo(followed(view, selection));
  }

  /** To what released the selection, or the thread that signaled. */
  back(): void {
    const { view, selection } = this.#timeline;
    if (selection !== undefined) this.#timeline.goTo(releasedBy(view, selection));
  }

  /** The next or previous wait that the filter asks for; without one, the next wait. */
  nextMatch(by: number): void {
    const { view, layout, filter, selection, scale } = this.#timeline;
    const from = selection === undefined ? scale.from : view.momentOf(selection);
    this.#timeline.goTo(nextMatchingWait(view, layout.lanes, filter, selection, from, by));
  }

  /** Zooms to the marked range; without one to the selected wait, or nearer to the selected transition. */
  zoom(): void {
    const timeline = this.#timeline;
    const { view, selection, range, scale } = timeline;
    if (range !== undefined) timeline.showTime(range.from, range.until);
    else if (selection?.lane === 'thread') {
      const end = view.thread(selection.at)?.end[selection.index] ?? view.data.columns.end;
      timeline.showTime(view.momentOf(selection), end);
    } else if (selection !== undefined) {
      timeline.centre(view.momentOf(selection));
      timeline.zoom(0.25, scale.width / 2);
    }
  }

  /** Returns false when there is no such thing. */
  reveal({ object, callers, time }: Revealed): boolean {
    const timeline = this.#timeline;
    const { view } = timeline;
    if (object !== undefined) {
      const lane = view.data.shownObjects.find(({ head }) => head.path === object || head.label === object);
      if (lane === undefined) return false;
      timeline.goTo(atOrBehind(view, { lane: 'object', at: lane.at }, time ?? timeline.scale.from));
      return true;
    }
    if (callers !== undefined) {
      const call = nextCallFrom(view, callers, timeline.selection);
      timeline.goTo(call);
      return call !== undefined;
    }
    if (time !== undefined) timeline.centre(time);
    return time !== undefined;
  }
}
