/** Which lanes there are, in which order and where. */
import type { ObjectLane, ThreadLane, ViewData } from './view-data.js';

export type Lane =
  | { readonly type: 'heading'; readonly label: string; readonly top: number; readonly height: number }
  | { readonly type: 'object'; readonly object: ObjectLane; readonly top: number; readonly height: number }
  | { readonly type: 'thread'; readonly thread: ThreadLane; readonly top: number; readonly height: number };

export const AXIS_HEIGHT = 26;
const HEADING_HEIGHT = 22;
const OBJECT_HEIGHT = 40;
const THREAD_HEIGHT = 30;

export interface LaneLayout {
  readonly lanes: readonly Lane[];
  readonly height: number;
  readonly ofObject: ReadonlyMap<number, Lane>;
  readonly ofThread: ReadonlyMap<number, Lane>;
}

/** Objects first, then the threads of each side, then what is of little interest. `filter`: part of a label, any case. */
export function layOut(data: ViewData, filter: string): LaneLayout {
  const wanted = filter.trim().toLowerCase();
  const matches = (label: string): boolean => wanted === '' || label.toLowerCase().includes(wanted);
  const lanes: Lane[] = [];
  let top = AXIS_HEIGHT;
  const heading = (label: string): void => {
    lanes.push({ type: 'heading', label, top, height: HEADING_HEIGHT });
    top += HEADING_HEIGHT;
  };
  const addObjects = (title: string, quiet: boolean): void => {
    const objects = data.objects.filter((object) => object.quiet === quiet && matches(object.label));
    if (objects.length > 0) heading(title);
    for (const object of objects) {
      lanes.push({ type: 'object', object, top, height: OBJECT_HEIGHT });
      top += OBJECT_HEIGHT;
    }
  };
  addObjects('Objects', false);
  for (const [side, label] of [
    ['kernel', 'Kernel side'],
    ['user', 'User side'],
  ] as const) {
    const threads = data.threads.filter((thread) => thread.side === side && matches(thread.label));
    if (threads.length > 0) heading(label);
    for (const thread of threads) {
      lanes.push({ type: 'thread', thread, top, height: THREAD_HEIGHT });
      top += THREAD_HEIGHT;
    }
  }
  addObjects('Timers of procedures, and objects that nobody signaled or waited for', true);
  return {
    lanes,
    height: top + 8,
    ofObject: new Map(lanes.flatMap((lane) => (lane.type === 'object' ? [[lane.object.id, lane] as const] : []))),
    ofThread: new Map(lanes.flatMap((lane) => (lane.type === 'thread' ? [[lane.thread.id, lane] as const] : []))),
  };
}
