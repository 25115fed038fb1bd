/** What the timeline says about the thing under the pointer, in plain text. */
import { TRANSITION_WORDS, Transition } from '../trace/model/transitions.js';
import { duration, moment } from '../trace/wording.js';
import type { Selection } from './draw.js';
import { exactNs } from './time-scale.js';
import type { ViewData } from './view-data.js';

/** Edges that belong to a transition or a wait, by index. */
export function edgesOf(data: ViewData, selection: Selection | undefined): number[] {
  if (selection === undefined) return [];
  const { edges } = data;
  const found: number[] = [];
  if (selection.lane === 'thread') {
    const lane = data.threads.find(({ id }) => id === selection.id);
    const begin = lane?.begin[selection.index];
    for (let edge = 0; edge < edges.to.length; edge += 1) {
      if (edges.toThread[edge] === selection.id && edges.begin[edge] === begin) found.push(edge);
    }
    return found;
  }
  const lane = data.objects.find(({ id }) => id === selection.id);
  const time = lane?.time[selection.index];
  const thread = lane?.thread[selection.index];
  const isTake = lane?.what[selection.index] === Transition.Take;
  for (let edge = 0; edge < edges.to.length; edge += 1) {
    if (edges.object[edge] !== selection.id) continue;
    const bySignal = edges.from[edge] === time && edges.fromThread[edge] === thread;
    const byTake =
      isTake &&
      edges.toThread[edge] === thread &&
      (edges.to[edge] ?? 0) >= (time ?? 0) &&
      (edges.begin[edge] ?? 0) <= (time ?? 0);
    const byCandidate = edges.candidates[edge]?.includes(time ?? NaN) ?? false;
    if (bySignal || byTake || byCandidate) found.push(edge);
  }
  return found;
}

export function describeSelection(data: ViewData, selection: Selection | undefined): string {
  if (selection === undefined) return '';
  return selection.lane === 'object' ? describeTransition(data, selection) : describeWait(data, selection);
}

const threadLabel = (data: ViewData, id: number | undefined): string =>
  data.threads.find((lane) => lane.id === id)?.label ?? 'an unrecorded thread';
const objectLabel = (data: ViewData, id: number | undefined): string =>
  data.objects.find((lane) => lane.id === id)?.label ?? 'an unknown object';

function describeTransition(data: ViewData, { id, index }: Selection): string {
  const lane = data.objects.find((one) => one.id === id);
  if (lane === undefined) return '';
  const time = lane.time[index] ?? 0;
  const previous = lane.previous[index] ?? -1;
  const caller = data.callers[lane.caller[index] ?? -1];
  const found = previous < 0 ? '' : previous === 0 ? ', found it not signaled' : ', found it signaled';
  const first = `${moment(time)} (${exactNs(time)})  ${lane.label}: ${TRANSITION_WORDS[lane.what[index] ?? 0] ?? ''} by ${threadLabel(data, lane.thread[index])}${caller === undefined ? '' : ` at ${caller}`}${found}`;
  return [
    first,
    ...edgesOf(data, { lane: 'object', id, index })
      .slice(0, 4)
      .map((edge) => describeEdge(data, edge)),
  ].join('\n');
}

function describeWait(data: ViewData, { id, index }: Selection): string {
  const lane = data.threads.find((one) => one.id === id);
  if (lane === undefined) return '';
  const begin = lane.begin[index] ?? 0;
  const end = lane.end[index] ?? 0;
  const outcome = data.outcomeWords[lane.outcome[index] ?? 0] ?? '';
  const first = `${moment(begin)} to ${moment(end)} (${exactNs(end - begin)})  ${lane.label} waited for ${objectLabel(data, lane.object[index])}: ${outcome}`;
  return [
    first,
    ...edgesOf(data, { lane: 'thread', id, index })
      .slice(0, 4)
      .map((edge) => describeEdge(data, edge)),
  ].join('\n');
}

export function describeEdge(data: ViewData, edge: number): string {
  const { edges } = data;
  const words = data.evidenceWords[edges.evidence[edge] ?? 0] ?? '';
  const wait = `the wait of ${threadLabel(data, edges.toThread[edge])} that ended at ${moment(edges.to[edge] ?? 0)}`;
  const latency = edges.latency[edge] ?? -1;
  if (words === 'ambiguous')
    return `one of ${edges.candidates[edge]?.length ?? 0} signals released ${wait} (ambiguous)`;
  if (words === 'unseen') return `a signal that was not recorded released ${wait}`;
  if ((edges.from[edge] ?? -1) < 0) return `its first state satisfied ${wait}`;
  const how = latency < 0 ? 'satisfied, without blocking,' : 'released';
  const after = latency < 0 ? '' : ` after ${duration(latency)}`;
  return `${threadLabel(data, edges.fromThread[edge])} ${how} ${wait}${after}${words === 'inferred' ? ' (inferred)' : ''}`;
}
