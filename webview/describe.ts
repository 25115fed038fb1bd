/** What the timeline says about the thing under the pointer, in plain text. */
import { TRANSITION_WORDS } from '../trace/model/transitions.js';
import { counted, duration, moment } from '../trace/wording.js';
import { exactNs } from './time-scale.js';
import type { Selection, ViewIndex } from './view-index.js';

export function describeSelection(view: ViewIndex, selection: Selection | undefined): string {
  if (selection === undefined) return '';
  return selection.lane === 'object' ? describeTransition(view, selection) : describeWait(view, selection);
}

const threadLabel = (view: ViewIndex, id: number | undefined): string =>
  view.thread(id)?.label ?? 'an unrecorded thread';
const objectLabel = (view: ViewIndex, id: number | undefined): string => view.object(id)?.label ?? 'an unknown object';

function describeTransition(view: ViewIndex, { id, index }: Selection): string {
  const lane = view.object(id);
  if (lane === undefined) return '';
  const time = lane.time[index] ?? 0;
  const previous = lane.previous[index] ?? -1;
  const caller = view.data.callers[lane.caller[index] ?? -1];
  const found = previous < 0 ? '' : previous === 0 ? ', found it not signaled' : ', found it signaled';
  const first = `${moment(time)} (${exactNs(time)})  ${lane.label}: ${TRANSITION_WORDS[lane.what[index] ?? 0] ?? ''} by ${threadLabel(view, lane.thread[index])}${caller === undefined ? '' : ` at ${caller}`}${found}`;
  return [
    first,
    ...view
      .edgesOf({ lane: 'object', id, index })
      .slice(0, 4)
      .map((edge) => describeEdge(view, edge)),
  ].join('\n');
}

function describeWait(view: ViewIndex, { id, index }: Selection): string {
  const lane = view.thread(id);
  if (lane === undefined) return '';
  const begin = lane.begin[index] ?? 0;
  const end = lane.end[index] ?? 0;
  const outcome = view.data.outcomeWords[lane.outcome[index] ?? 0] ?? '';
  const first = `${moment(begin)} to ${moment(end)} (${exactNs(end - begin)})  ${lane.label} waited for ${objectLabel(view, lane.object[index])}: ${outcome}`;
  return [
    first,
    ...view
      .edgesOf({ lane: 'thread', id, index })
      .slice(0, 4)
      .map((edge) => describeEdge(view, edge)),
  ].join('\n');
}

export function describeEdge(view: ViewIndex, edge: number): string {
  const { edges, evidenceWords } = view.data;
  const words = evidenceWords[edges.evidence[edge] ?? 0] ?? '';
  const wait = `the wait of ${threadLabel(view, edges.toThread[edge])} that ended at ${moment(edges.to[edge] ?? 0)}`;
  const latency = edges.latency[edge] ?? -1;
  if (words === 'ambiguous')
    return `one of ${counted(edges.candidates[edge]?.length ?? 0, 'signal')} released ${wait} (ambiguous)`;
  if (words === 'unseen') return `a signal that was not recorded released ${wait}`;
  if ((edges.from[edge] ?? -1) < 0) return `its first state satisfied ${wait}`;
  const how = latency < 0 ? 'satisfied, without blocking,' : 'released';
  const after = latency < 0 ? '' : ` after ${duration(latency)}`;
  return `${threadLabel(view, edges.fromThread[edge])} ${how} ${wait}${after}${words === 'inferred' ? ' (inferred)' : ''}`;
}
