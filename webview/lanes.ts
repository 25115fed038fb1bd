/** Which lanes there are, in which order and where; groups of lanes can be folded. */
import { counted } from '../trace/wording.js';
import type { ObjectLane, ThreadLane, ViewData } from './view-data.js';

export interface Heading {
  readonly type: 'heading';
  readonly label: string;
  readonly top: number;
  readonly height: number;
  /** What to fold by it; undefined when it only names what follows. */
  readonly group: Group | undefined;
  readonly folded: boolean;
}

export type Lane =
  | Heading
  | { readonly type: 'object'; readonly object: ObjectLane; readonly top: number; readonly height: number }
  | { readonly type: 'thread'; readonly thread: ThreadLane; readonly top: number; readonly height: number };

/** A run by its number, or the objects of little interest. */
export type Group = number | 'quiet';

export const AXIS_HEIGHT = 26;
const HEADING_HEIGHT = 24;
const OBJECT_HEIGHT = 40;
const THREAD_HEIGHT = 30;

export interface LaneLayout {
  readonly lanes: readonly Lane[];
  readonly height: number;
  readonly ofObject: ReadonlyMap<number, Lane>;
  readonly ofThread: ReadonlyMap<number, Lane>;
}

/**
 * Of one run: objects, then the threads of each side. Of several: a group for each run. What nobody waits for comes last.
 * @param filter part of a label, any case; what it finds is shown also in folded groups
 */
export function layOut(data: ViewData, filter: string, folded: ReadonlySet<Group>): LaneLayout {
  const stack = new LaneStack(filter, folded);
  if (data.runs.length === 0) stack.addRun(data.objects, data.threads);
  data.runs.forEach(({ label }, run) => {
    stack.addGroup(run, label, () =>
      stack.addRun(
        data.objects.filter((object) => object.run === run),
        data.threads.filter((thread) => thread.run === run),
      ),
    );
  });
  const quiet = data.objects.filter((object) => object.quiet && stack.matches(object.label));
  if (quiet.length > 0) {
    const label = `Timers and objects without waits (${quiet.length})`;
    stack.addGroup('quiet', label, () => quiet.forEach((object) => stack.addObject(object)));
  }
  return stack.finish();
}

class LaneStack {
  readonly #lanes: Lane[] = [];
  readonly #wanted: string;
  readonly #folded: ReadonlySet<Group>;
  #top = AXIS_HEIGHT;

  constructor(filter: string, folded: ReadonlySet<Group>) {
    this.#wanted = filter.trim().toLowerCase();
    this.#folded = folded;
  }

  matches(label: string): boolean {
    return this.#wanted === '' || label.toLowerCase().includes(this.#wanted);
  }

  /** A group without any lane that matches is left out. */
  addGroup(group: Group, label: string, fill: () => void): void {
    const before = { top: this.#top, lanes: this.#lanes.length };
    const folded = this.#wanted === '' && this.#folded.has(group);
    this.#heading(label, group, folded);
    const begun = this.#lanes.length;
    if (!folded) fill();
    if (folded || this.#lanes.length > begun) return;
    this.#top = before.top;
    this.#lanes.length = before.lanes;
  }

  addRun(objects: readonly ObjectLane[], threads: readonly ThreadLane[]): void {
    const loud = objects.filter((object) => !object.quiet && this.matches(object.label));
    if (loud.length > 0) this.#heading(`Objects (${loud.length})`);
    for (const object of loud) this.addObject(object);
    for (const [side, label] of [
      ['kernel', 'Kernel side'],
      ['user', 'User side'],
    ] as const) {
      const shown = threads.filter((thread) => thread.side === side && this.matches(thread.label));
      if (shown.length > 0) this.#heading(`${label}: ${counted(shown.length, 'thread')}`);
      for (const thread of shown) this.#add({ type: 'thread', thread, top: this.#top, height: THREAD_HEIGHT });
    }
  }

  addObject(object: ObjectLane): void {
    this.#add({ type: 'object', object, top: this.#top, height: OBJECT_HEIGHT });
  }

  finish(): LaneLayout {
    const lanes = this.#lanes;
    return {
      lanes,
      height: this.#top + 8,
      ofObject: new Map(lanes.flatMap((lane) => (lane.type === 'object' ? [[lane.object.id, lane] as const] : []))),
      ofThread: new Map(lanes.flatMap((lane) => (lane.type === 'thread' ? [[lane.thread.id, lane] as const] : []))),
    };
  }

  #heading(label: string, group?: Group, folded = false): void {
    this.#add({ type: 'heading', label, group, folded, top: this.#top, height: HEADING_HEIGHT });
  }

  #add(lane: Lane): void {
    this.#lanes.push(lane);
    this.#top += lane.height;
  }
}

/** The lane at a height of the layout; undefined when there is none. */
export function laneAt({ lanes }: LaneLayout, y: number): Lane | undefined {
  let low = 0;
  let high = lanes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const lane = lanes[middle];
    if (lane !== undefined && lane.top + lane.height <= y) low = middle + 1;
    else high = middle;
  }
  const found = lanes[low];
  return found !== undefined && found.top <= y ? found : undefined;
}
