/** Wake edges, spelled out: both ends of each, with who and where. */
import { actionOf, isDeferred, sideOf, whoDid } from './actors.js';
import { callerOf, type TraceModel } from './model/model.js';
import { EVIDENCE_WORDS, Meeting } from './model/wakes.js';

/** One wake edge, spelled out. */
export interface FlowWake {
  readonly object: number;
  readonly label: string;
  readonly evidence: (typeof EVIDENCE_WORDS)[number];
  readonly released: boolean | undefined;
  /** From the signal's call to the wait's return, ns. */
  readonly latency: number | undefined;
  /** ns of that in which the debugger held the target. */
  readonly held: number;
  readonly signal: FlowEnd | undefined;
  readonly candidates: readonly FlowEnd[];
  /** held: ns of it in which the debugger held the target. */
  readonly wait: FlowEnd & { readonly end: number; readonly held: number; readonly status: number };
}

export interface FlowEnd {
  readonly action: string;
  readonly time: number;
  readonly side: 'kernel' | 'user';
  readonly who: string;
  readonly process: number;
  readonly thread: number;
  readonly caller: string | undefined;
  readonly deferred: boolean;
}

/** Wake edges in order of their waits. */
export function flowWakes(model: TraceModel, limit = Infinity): FlowWake[] {
  const { wakes, waits, records } = model;
  const list: FlowWake[] = [];
  for (let edge = 0; edge < wakes.count && list.length < limit; edge += 1) {
    const wait = wakes.wait[edge] ?? 0;
    const end = waits.endRecord[wait] ?? -1;
    const signal = wakes.signal[edge] ?? -1;
    const latency = wakes.latency[edge] ?? NaN;
    const meeting = wakes.meeting[edge];
    const candidates = wakes.candidates.subarray(wakes.firstCandidate[edge], wakes.firstCandidate[edge + 1]);
    const object = wakes.object[edge] ?? 0;
    list.push({
      object,
      label: model.objects[object]?.label ?? '',
      evidence: EVIDENCE_WORDS[wakes.evidence[edge] ?? 0] ?? 'seen',
      released: meeting === Meeting.Unknown ? undefined : meeting === Meeting.Released,
      latency: Number.isNaN(latency) ? undefined : latency,
      held: heldOfWake(model, edge),
      signal: signal < 0 ? undefined : flowEnd(model, signal),
      candidates: [...candidates].map((record) => flowEnd(model, record)),
      wait: {
        ...flowEnd(model, end),
        ...{
          action: 'wait',
          time: waits.begin[wait] ?? 0,
          end: waits.end[wait] ?? 0,
          held: model.held.within(waits.begin[wait] ?? 0, waits.end[wait] ?? 0),
          status: records.status[end] ?? 0,
        },
      },
    });
  }
  return list;
}

function flowEnd(model: TraceModel, record: number): FlowEnd {
  const { records } = model;
  return {
    action: actionOf(model, record),
    ...{ time: records.time[record] ?? 0, side: sideOf(model, record), who: whoDid(model, record) },
    ...{ process: records.process[record] ?? 0, thread: records.thread[record] ?? 0 },
    ...{ caller: callerOf(model, record), deferred: isDeferred(model, record) },
  };
}

/** ns of a wake's latency in which the debugger held the target. */
export function heldOfWake({ wakes, waits, held }: TraceModel, edge: number): number {
  const end = waits.end[wakes.wait[edge] ?? 0] ?? 0;
  const latency = wakes.latency[edge] ?? NaN;
  return Number.isNaN(latency) ? 0 : held.within(end - latency, end);
}
