/** Which lanes are shown, in what order and where: what the filter asks for, as a person has arranged it. */
import type { ViewState } from '../protocol/webview.js';
import { isEmpty, parseFilter, type Filter } from './filter.js';
import { LaneArrangement } from './lane-arrangement.js';
import { keyOf, layOut, nameOf, runGroup, type Group, type Lane, type LaneLayout } from './lanes.js';
import { sameLane, type LaneKey, type Selection, type ViewIndex } from './view-index.js';

export class ShownLanes {
  readonly arrangement = new LaneArrangement();
  #view: ViewIndex;
  #filter: Filter = parseFilter('');
  #layout: LaneLayout;

  constructor(view: ViewIndex) {
    this.#view = view;
    this.#layout = layOut(view, this.#filter, this.arrangement);
  }

  get layout(): LaneLayout {
    return this.#layout;
  }

  get filter(): Filter {
    return this.#filter;
  }

  /** Of another picture from now on; laid out at the next {@link layOut}. */
  set view(view: ViewIndex) {
    this.#view = view;
  }

  /** What was changed in the arrangement, the filter or the picture comes into the layout with this. */
  layOut(): void {
    this.#layout = layOut(this.#view, this.#filter, this.arrangement);
  }

  setFilter(text: string): void {
    this.#filter = parseFilter(text);
  }

  restore(state: ViewState): void {
    this.arrangement.restore(state);
    this.setFilter(state.filter);
  }

  /** Every run unfolded, or one alone. */
  unfoldRuns(only?: number): void {
    this.#view.data.columns.runs.forEach((_run, run) => {
      if (only === undefined || run === only) this.arrangement.unfold(runGroup(run));
      else this.arrangement.fold(runGroup(run));
    });
  }

  headingOf(run: number): Lane | undefined {
    return this.#layout.lanes.find((lane) => lane.type === 'heading' && lane.run === run);
  }

  /** The innermost group in which a lane is shown; undefined when it is folded away. */
  groupOf(key: LaneKey): Group | undefined {
    const lane = this.laneOf(key);
    const above = this.#layout.lanes.findLast(
      (one) => one.type === 'heading' && lane !== undefined && one.top < lane.top,
    );
    return above?.type === 'heading' ? above.group : undefined;
  }

  unfoldAll(): void {
    for (const group of this.arrangement.folded) this.arrangement.unfold(group);
  }

  togglePin(key: LaneKey | undefined): boolean {
    const lane = this.#find(key);
    if (lane !== undefined) this.arrangement.togglePin(nameOf(lane));
    return lane !== undefined;
  }

  /** Puts a lane before another of its kind, or behind it when it was above. Returns whether it is of its kind. */
  move(moving: LaneKey, target: LaneKey): boolean {
    const [from, to] = [this.#find(moving), this.#find(target)];
    if (from === undefined || to?.type !== from.type) return false;
    this.arrangement.move(this.#layout.lanes, from, to);
    return true;
  }

  /** The lane so many places below a lane (above, when it is less than 0). */
  neighbour(of: LaneKey | undefined, by: number): { readonly moving: LaneKey; readonly target: LaneKey } | undefined {
    const keys = this.#layout.lanes.flatMap((lane) => keyOf(lane) ?? []);
    const at = keys.findIndex((key) => sameLane(key, of));
    const [moving, target] = [keys[at], keys[at + by]];
    return moving === undefined || target === undefined ? undefined : { moving, target };
  }

  /** Gives a lane a name of its own; an empty one, or the one that it has anyway, takes it away. */
  rename(key: LaneKey, name: string): boolean {
    const lane = this.#find(key);
    if (lane !== undefined) this.arrangement.rename(nameOf(lane), name === lane.head.label ? '' : name);
    return lane !== undefined;
  }

  laneOf({ lane, at }: LaneKey): Lane | undefined {
    return (lane === 'object' ? this.#layout.ofObject : this.#layout.ofThread).get(at);
  }

  /** Unfolds until the lane is shown; a filter is left as it is. Returns whether anything was unfolded. */
  unfoldFor(selection: Selection): boolean {
    if (this.laneOf(selection) !== undefined || !isEmpty(this.#filter)) return false;
    this.arrangement.unfoldUntil(() => {
      this.layOut();
      return { lanes: this.#layout.lanes, found: this.laneOf(selection) !== undefined };
    });
    return true;
  }

  #find(key: LaneKey | undefined): ReturnType<ViewIndex['object']> | ReturnType<ViewIndex['thread']> {
    return key === undefined
      ? undefined
      : key.lane === 'object'
        ? this.#view.object(key.at)
        : this.#view.thread(key.at);
  }
}
