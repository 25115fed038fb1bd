/** What the timeline says about the thing under the pointer, in plain text. */
import { TRANSITION_WORDS } from '../trace/model/transitions.js';
import { Evidence, Meeting } from '../trace/model/wakes.js';
import { counted, duration, heldText, moment, outcomeText } from '../trace/wording.js';
import type { PathStep } from './navigation.js';
import { exactNs } from './time-scale.js';
import type { Selection, ViewIndex } from './view-index.js';

const MAX_EDGES = 4;

export function describeSelection(view: ViewIndex, selection: Selection | undefined): string {
  if (selection === undefined) return '';
  const first = selection.lane === 'object' ? transitionText(view, selection) : waitText(view, selection);
  const edges = view.edgesOf(selection);
  const more = edges.length > MAX_EDGES ? [`and ${counted(edges.length - MAX_EDGES, 'more wake')}`] : [];
  return [first, ...edges.slice(0, MAX_EDGES).map((edge) => describeEdge(view, edge)), ...more].join('\n');
}

const threadLabel = (view: ViewIndex, at: number | undefined): string =>
  view.thread(at)?.head.label ?? 'an unrecorded thread';
const objectLabel = (view: ViewIndex, at: number | undefined): string =>
  view.object(at)?.head.label ?? 'an unknown object';

/** Who called, "eventsys.sys+0x12c4"; undefined when it is not recorded. */
export function callerOfSelection(view: ViewIndex, { lane, at, index }: Selection): string | undefined {
  const { callers, waits } = view.data.columns;
  if (lane === 'object') return callers[view.object(at)?.caller[index] ?? -1];
  return callers[waits.caller[(view.thread(at)?.base ?? 0) + index] ?? -1];
}

/** An object as the page's host knows it. */
export interface ShownObject {
  readonly label: string;
  readonly path?: string;
  readonly kind: string;
}

/** Of a transition its object, of a wait what was waited for. */
export function objectOfSelection(view: ViewIndex, { lane, at, index }: Selection): ShownObject | undefined {
  const of = lane === 'object' ? at : (view.thread(at)?.object[index] ?? -1);
  const head = view.object(of)?.head;
  if (head === undefined) return undefined;
  const { label, path, kind } = head;
  return { label, kind, ...(path === undefined ? {} : { path }) };
}

function transitionText(view: ViewIndex, { at, index }: Selection): string {
  const lane = view.object(at);
  if (lane === undefined) return '';
  const time = lane.time[index] ?? 0;
  const previous = lane.previous[index] ?? -1;
  const caller = view.data.columns.callers[lane.caller[index] ?? -1];
  const found = previous < 0 ? '' : previous === 0 ? ', found it not signaled' : ', found it signaled';
  return `${moment(time)} (${exactNs(time)})  ${lane.head.label}: ${TRANSITION_WORDS[lane.what[index] ?? 0] ?? ''} by ${threadLabel(view, lane.thread[index])}${caller === undefined ? '' : ` at ${caller}`}${found}`;
}

function waitText(view: ViewIndex, { at, index }: Selection): string {
  const lane = view.thread(at);
  if (lane === undefined) return '';
  const begin = lane.begin[index] ?? 0;
  const end = lane.end[index] ?? 0;
  const outcome = outcomeText(lane.outcome[index] ?? 0, lane.status[index] ?? 0);
  const held = heldText(view.held.within(begin, end));
  return `${moment(begin)} to ${moment(end)} (${exactNs(end - begin)}${held})  ${lane.head.label} waited for ${objectLabel(view, lane.object[index])}: ${outcome}`;
}

export function describeEdge(view: ViewIndex, edge: number): string {
  const { edges } = view.data.columns;
  const to = view.waitOf(edge);
  const end = view.thread(to.at)?.end[to.index] ?? 0;
  const wait = `the wait of ${threadLabel(view, to.at)} that ended at ${moment(end)}`;
  const evidence = edges.evidence[edge] ?? 0;
  if (evidence === Evidence.Ambiguous) {
    return `one of ${counted(view.candidatesOf(edge).length, 'signal')} released ${wait} (ambiguous)`;
  }
  if (evidence === Evidence.Unseen) return `a signal that was not recorded released ${wait}`;
  const signal = view.signalOf(edge);
  if (signal === undefined) return `its first state satisfied ${wait}`;
  const latency = edges.latency[edge] ?? NaN;
  const how = Number.isNaN(latency) ? 'satisfied, without blocking,' : 'released';
  const by = threadLabel(view, view.object(signal.at)?.thread[signal.index]);
  const held = Number.isNaN(latency) ? '' : heldText(view.held.within(end - latency, end));
  const after = Number.isNaN(latency) ? '' : ` after ${duration(latency)}${held}${partsText(view, edge, signal, end)}`;
  return `${by} ${how} ${wait}${after}${evidence === Evidence.Inferred ? ' (inferred)' : ''}`;
}

export interface LatencyParts {
  /** ns from the signal's call to its return; by then the thread is ready at the latest. */
  readonly signaling: number;
  /** ns from there to the wait's return: ready, then running. No record tells the two apart. */
  readonly waking: number;
}

/** What a wake's latency is made of, as far as the records tell; undefined when the call returned after the wait did. */
export function latencyParts(view: ViewIndex, edge: number): LatencyParts | undefined {
  const { edges, transitions } = view.data.columns;
  const row = edges.signal[edge] ?? -1;
  const latency = edges.latency[edge] ?? NaN;
  const signaling = transitions.duration[row] ?? 0;
  if (row < 0 || Number.isNaN(latency) || edges.meeting[edge] !== Meeting.Released || signaling > latency)
    return undefined;
  return { signaling, waking: latency - signaling };
}

function partsText(view: ViewIndex, edge: number, signal: Selection, end: number): string {
  const parts = latencyParts(view, edge);
  if (parts !== undefined) {
    return ` (${duration(parts.signaling)} in the signaling call, then ${duration(parts.waking)} ready and returning)`;
  }
  const lane = view.object(signal.at);
  const returned = (lane?.time[signal.index] ?? 0) + (lane?.duration[signal.index] ?? 0);
  return returned > end ? ' (the wait returned before the signaling call did)' : '';
}

/** The critical path as text, latest first. */
export function describePath(view: ViewIndex, path: readonly PathStep[]): string {
  return path
    .map(({ selection, time }, at) => {
      const before = path[at + 1];
      const took = before === undefined ? '' : ` (${duration(time - before.time)} after the step before)`;
      if (selection.lane === 'object') {
        const lane = view.object(selection.at);
        const what = TRANSITION_WORDS[lane?.what[selection.index] ?? 0] ?? '';
        return `${moment(time)}  ${threadLabel(view, lane?.thread[selection.index])}: ${what} ${lane?.head.label ?? ''}${took}`;
      }
      const object = view.thread(selection.at)?.object[selection.index];
      return `${moment(time)}  ${threadLabel(view, selection.at)} woke from its wait for ${objectLabel(view, object)}${took}`;
    })
    .join('\n');
}
