/** Which lanes there are, in which order and where. Groups fold; lanes can be pinned to the top and moved among their own. */
import { counted } from '../trace/wording.js';
import { isEmpty, matchesObject, matchesThread, type Filter } from './filter.js';
import type { ObjectLane, ThreadLane } from './view-data.js';
import type { LaneKey, ViewIndex } from './view-index.js';

export interface Heading {
  readonly type: 'heading';
  readonly label: string;
  readonly group: Group;
  /** 0: a run; deeper ones are set in. */
  readonly depth: number;
  readonly folded: boolean;
  /** Of a run. */
  readonly run: number;
  readonly top: number;
  readonly height: number;
}

export interface PlacedObject {
  readonly type: 'object';
  readonly object: ObjectLane;
  readonly pinned: boolean;
  readonly top: number;
  readonly height: number;
}

export interface PlacedThread {
  readonly type: 'thread';
  readonly thread: ThreadLane;
  readonly pinned: boolean;
  readonly top: number;
  readonly height: number;
}

export type Lane = Heading | PlacedObject | PlacedThread;

/** "run 2", "run 2 objects", "run 2 kernel 4", "quiet", "pinned": the same for the same recording. */
export type Group = string;
export const runGroup = (run: number): Group => `run ${run}`;
export const QUIET: Group = 'quiet';

export const MINIMAP_HEIGHT = 34;
export const AXIS_HEIGHT = 24;
/** Where the lanes begin. */
export const LANES_TOP = MINIMAP_HEIGHT + AXIS_HEIGHT;
const HEADING_HEIGHT = 24;
const OBJECT_HEIGHT = 40;
const THREAD_HEIGHT = 30;

export interface LaneLayout {
  readonly lanes: readonly Lane[];
  readonly height: number;
  /** By position; the pinned one when a lane is shown twice. */
  readonly ofObject: ReadonlyMap<number, PlacedObject>;
  readonly ofThread: ReadonlyMap<number, PlacedThread>;
}

/** How a person arranged the lanes. Lanes are named by `nameOf`, so that it holds for a recording opened again. */
export interface Arrangement {
  readonly folded: ReadonlySet<Group>;
  readonly pinned: ReadonlySet<string>;
  /** Lanes that were moved come in this order, before their neighbours that were not. */
  readonly order: readonly string[];
  /** Names given by hand. */
  readonly names: ReadonlyMap<string, string>;
}

/** "object \BaseNamedObjects\Done": which lane it is, across openings of the recording. */
export const nameOf = (lane: ObjectLane | ThreadLane): string =>
  lane.type === 'object'
    ? `object ${lane.head.run} ${lane.head.label}`
    : `thread ${lane.head.run} ${lane.head.source} ${lane.head.process} ${lane.head.thread}`;

export const labelOf = (lane: ObjectLane | ThreadLane, { names }: Pick<Arrangement, 'names'>): string =>
  names.get(nameOf(lane)) ?? lane.head.label;

/** Where there is little room: of a path the last part, of what has no name its kind and number, or its number alone. */
export function shortLabelOf(
  lane: ObjectLane,
  { names }: Pick<Arrangement, 'names'>,
  fits: (label: string) => boolean,
): string {
  const given = names.get(nameOf(lane));
  if (given !== undefined) return given;
  const { path, label } = lane.head;
  if (path !== undefined) return label.slice(label.lastIndexOf('\\') + 1);
  const numbered = label.replace(/^unnamed | \(.*\)$/g, '');
  return fits(numbered) ? numbered : numbered.slice(numbered.lastIndexOf('#'));
}

export const keyOf = (lane: Lane): LaneKey | undefined =>
  lane.type === 'heading'
    ? undefined
    : lane.type === 'object'
      ? { lane: 'object', at: lane.object.at }
      : { lane: 'thread', at: lane.thread.at };

/**
 * Of one run: objects, then the threads of each side by process, then the contexts of DPCs and timers. Of several: a group
 * for each run. What nobody waits for comes last. What a filter finds is shown also in folded groups.
 */
export function layOut(view: ViewIndex, filter: Filter, arrangement: Arrangement): LaneLayout {
  return new LaneStack(view, filter, arrangement).build();
}

class LaneStack {
  readonly #lanes: Lane[] = [];
  readonly #view: ViewIndex;
  readonly #filter: Filter;
  readonly #arrangement: Arrangement;
  readonly #order: ReadonlyMap<string, number>;
  #top = LANES_TOP;

  constructor(view: ViewIndex, filter: Filter, arrangement: Arrangement) {
    this.#view = view;
    this.#filter = filter;
    this.#arrangement = arrangement;
    this.#order = new Map(arrangement.order.map((name, at) => [name, at] as const));
  }

  build(): LaneLayout {
    const { data } = this.#view;
    const objects = this.#ordered(data.shownObjects.filter((lane) => matchesObject(this.#filter, lane)));
    const threads = this.#ordered(data.shownThreads.filter((lane) => matchesThread(this.#filter, this.#view, lane)));
    this.#addPinned([...objects, ...threads]);
    const { runs } = data.columns;
    if (runs.length === 0) this.#addRun(objects, threads, '', 0);
    runs.forEach(({ label }, run) => {
      this.#group({ group: runGroup(run), label, depth: 0, run }, () =>
        this.#addRun(
          objects.filter(({ head }) => head.run === run),
          threads.filter(({ head }) => head.run === run),
          `${runGroup(run)} `,
          1,
        ),
      );
    });
    const quiet = objects.filter(({ head }) => head.quiet);
    const label = `Timers and objects without waits (${quiet.length})`;
    this.#group({ group: QUIET, label, depth: 0, run: -1 }, () => quiet.forEach((lane) => this.#addLane(lane, false)));
    const lanes = this.#lanes;
    return {
      lanes,
      height: this.#top + 8,
      ofObject: new Map(reversed(lanes).flatMap((lane) => (lane.type === 'object' ? [[lane.object.at, lane]] : []))),
      ofThread: new Map(reversed(lanes).flatMap((lane) => (lane.type === 'thread' ? [[lane.thread.at, lane]] : []))),
    };
  }

  #ordered<T extends ObjectLane | ThreadLane>(lanes: readonly T[]): readonly T[] {
    if (this.#order.size === 0) return lanes;
    const place = (lane: T): number => this.#order.get(nameOf(lane)) ?? this.#order.size;
    return [...lanes].sort((a, b) => place(a) - place(b));
  }

  #addPinned(lanes: readonly (ObjectLane | ThreadLane)[]): void {
    const pinned = lanes.filter((lane) => this.#arrangement.pinned.has(nameOf(lane)));
    this.#group({ group: 'pinned', label: `Pinned (${pinned.length})`, depth: 0, run: -1 }, () =>
      pinned.forEach((lane) => this.#addLane(lane, true)),
    );
  }

  #addRun(objects: readonly ObjectLane[], threads: readonly ThreadLane[], prefix: string, depth: number): void {
    const loud = objects.filter(({ head }) => !head.quiet);
    this.#group({ group: `${prefix}objects`, label: `Objects (${loud.length})`, depth, run: -1 }, () =>
      loud.forEach((lane) => this.#addLane(lane, false)),
    );
    for (const [side, words] of SIDES) {
      const own = threads.filter(({ head }) => head.side === side && !head.deferred);
      const processes = [...new Set(own.map(processKey))];
      for (const process of processes) {
        const ofProcess = own.filter((lane) => processKey(lane) === process);
        const label = `${words}: ${processLabel(ofProcess, processes.length)}, ${counted(ofProcess.length, 'thread')}`;
        this.#group({ group: `${prefix}${side} ${process}`, label, depth, run: -1 }, () =>
          ofProcess.forEach((lane) => this.#addLane(lane, false)),
        );
      }
    }
    const deferred = threads.filter(({ head }) => head.deferred);
    const label = `DPC and timer contexts (${deferred.length})`;
    this.#group({ group: `${prefix}deferred`, label, depth, run: -1 }, () =>
      deferred.forEach((lane) => this.#addLane(lane, false)),
    );
  }

  /** A group without any lane is left out. */
  #group(heading: Pick<Heading, 'group' | 'label' | 'depth' | 'run'>, fill: () => void): void {
    const before = { top: this.#top, lanes: this.#lanes.length };
    const folded = isEmpty(this.#filter) && this.#arrangement.folded.has(heading.group);
    this.#add({ type: 'heading', ...heading, folded, top: this.#top, height: HEADING_HEIGHT });
    const begun = { top: this.#top, lanes: this.#lanes.length };
    fill();
    const empty = this.#lanes.length === begun.lanes;
    if (!empty && !folded) return;
    this.#top = empty ? before.top : begun.top;
    this.#lanes.length = empty ? before.lanes : begun.lanes;
  }

  #addLane(lane: ObjectLane | ThreadLane, pinned: boolean): void {
    if (lane.type === 'object')
      this.#add({ type: 'object', object: lane, pinned, top: this.#top, height: OBJECT_HEIGHT });
    else this.#add({ type: 'thread', thread: lane, pinned, top: this.#top, height: THREAD_HEIGHT });
  }

  #add(lane: Lane): void {
    this.#lanes.push(lane);
    this.#top += lane.height;
  }
}

const SIDES = [
  ['kernel', 'Kernel side'],
  ['user', 'User side'],
] as const;

/** A driver runs in threads of every process: its lanes are one group. */
const processKey = ({ head }: ThreadLane): string =>
  `${head.source} ${head.side === 'kernel' ? '' : head.process}`.trim();

function processLabel([first]: readonly ThreadLane[], processes: number): string {
  if (first === undefined) return '';
  const { program, side, process } = first.head;
  return side === 'kernel' || processes === 1 ? program : `${program} (process ${process})`;
}

const reversed = <T>(list: readonly T[]): T[] => [...list].reverse();

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

/** `moving` comes right before `target` in the order of lanes; both of one type. Returns the new order by hand. */
export function reordered(shown: readonly string[], moving: string, target: string): string[] {
  if (moving === target) return [...shown];
  const others = shown.filter((name) => name !== moving);
  const forward = shown.indexOf(moving) < shown.indexOf(target);
  const at = others.indexOf(target) + (forward ? 1 : 0);
  return [...others.slice(0, at), moving, ...others.slice(at)];
}
