/** How a person has arranged the lanes: folded, pinned, ordered and named by hand. */
import type { ViewState } from '../protocol/webview.js';
import { nameOf, QUIET, reordered, type Arrangement, type Group, type Lane } from './lanes.js';
import type { ObjectLane, ThreadLane } from './view-data.js';

export class LaneArrangement implements Arrangement {
  readonly folded = new Set<Group>([QUIET]);
  readonly pinned = new Set<string>();
  readonly names = new Map<string, string>();
  #order: string[] = [];

  /** Names of lanes. */
  get order(): readonly string[] {
    return this.#order;
  }

  fold(group: Group): void {
    this.folded.add(group);
  }

  unfold(group: Group): void {
    this.folded.delete(group);
  }

  /** Unfolds group by group until what is sought is found in the lanes, and folds again those that do not hold it. */
  unfoldUntil(layOut: () => { readonly lanes: readonly Lane[]; readonly found: boolean }): void {
    const foldedIn = (lanes: readonly Lane[]): Group[] =>
      lanes.flatMap((lane) => (lane.type === 'heading' && lane.folded ? [lane.group] : []));
    const folded = foldedIn(layOut().lanes);
    for (const group of folded) {
      this.unfold(group);
      const { lanes, found } = layOut();
      if (found) return;
      // A run unfolded shows groups that are folded themselves: only when it does not hold the lane, fold it again.
      if (foldedIn(lanes).every((one) => folded.includes(one))) this.fold(group);
    }
  }

  toggleFold(group: Group): void {
    if (!this.folded.delete(group)) this.folded.add(group);
  }

  togglePin(name: string): void {
    if (!this.pinned.delete(name)) this.pinned.add(name);
  }

  /** Gives a lane a name of its own; an empty one takes it away. */
  rename(name: string, label: string): void {
    const own = label.trim().slice(0, 200);
    if (own === '') this.names.delete(name);
    else this.names.set(name, own);
  }

  /** Puts a lane before another of its kind, or behind it when it was above. */
  move(lanes: readonly Lane[], moving: ObjectLane | ThreadLane, target: ObjectLane | ThreadLane): void {
    const shown = lanes.flatMap((lane) => {
      if (lane.type === 'heading' || lane.type !== moving.type) return [];
      return [nameOf(lane.type === 'object' ? lane.object : lane.thread)];
    });
    const others = this.#order.filter((name) => !name.startsWith(`${moving.type} `));
    this.#order = reordered([...others, ...new Set(shown)], nameOf(moving), nameOf(target));
  }

  get state(): Pick<ViewState, 'folded' | 'pinned' | 'order' | 'names'> {
    return { folded: [...this.folded], pinned: [...this.pinned], order: [...this.#order], names: [...this.names] };
  }

  restore(state: Pick<ViewState, 'folded' | 'pinned' | 'order' | 'names'>): void {
    this.folded.clear();
    for (const group of state.folded) this.folded.add(group);
    for (const name of state.pinned) this.pinned.add(name);
    for (const [name, label] of state.names) this.names.set(name, label);
    this.#order = [...state.order];
  }
}
