/** What happened, as a person reads it: who created, passed, signaled, waited, and which wait each signal released. */
import { describeNtstatus } from '../machine/status.js';
import { actionOf, isDeferred, sideOf, whoDid } from './actors.js';
import { flowWakes, heldOfWake } from './flow-wakes.js';
import type { TraceModel } from './model/model.js';
import { Flag, Kind } from './model/records.js';
import { FATE_WORDS, Fate } from './model/transitions.js';
import { OUTCOME_WORDS, Outcome } from './model/waits.js';
import { Evidence, Meeting } from './model/wakes.js';
import { leafName } from '../machine/object-names.js';
import {
  aligned,
  counted,
  duration,
  heldText,
  moment,
  objectKind,
  objectName,
  programName,
  threadName,
} from './wording.js';

export interface FlowStep {
  /** ns since the start. */
  readonly time: number;
  readonly thread: number;
  readonly who: string;
  readonly side: 'kernel' | 'user';
  readonly action: string;
  /** -1: about no object. */
  readonly object: number;
  readonly text: string;
  /** Record that tells it; -1 for none. */
  readonly record: number;
}

const SIGNALS: ReadonlySet<number> = new Set([Kind.Set, Kind.Pulse, Kind.Release, Kind.Complete, Kind.TimerExpire]);

/** Steps in order of time, the first `limit` of them, or the last when `fromEnd`. */
export function flowSteps(model: TraceModel, limit = Infinity, fromEnd = false): FlowStep[] {
  const steps: FlowStep[] = [];
  const { order } = model;
  for (let at = 0; at < order.length && steps.length < limit; at += 1) {
    const record = order[fromEnd ? order.length - 1 - at : at] ?? 0;
    const text = stepText(model, record);
    if (text === undefined) continue;
    steps.push({
      ...{ time: model.records.time[record] ?? 0, thread: model.threadOf[record] ?? 0, record, text },
      ...{ who: whoDid(model, record), side: sideOf(model, record) },
      ...{ action: actionOf(model, record), object: model.objectOf[record] ?? -1 },
    });
  }
  return fromEnd ? steps.reverse() : steps;
}

function edgesBySignal(model: TraceModel): Map<number, number[]> {
  const edges = new Map<number, number[]>();
  for (let edge = 0; edge < model.wakes.count; edge += 1) {
    const signal = model.wakes.signal[edge] ?? -1;
    if (signal < 0) continue;
    const list = edges.get(signal);
    if (list === undefined) edges.set(signal, [edge]);
    else list.push(edge);
  }
  return edges;
}

/** undefined: not worth a line. */
function stepText(model: TraceModel, record: number): string | undefined {
  const { records } = model;
  const kind = records.kind[record] ?? 0;
  const object = model.objects[model.objectOf[record] ?? -1];
  const name = objectName(object);
  const handle = records.words.hex(records.object[record] ?? 0);
  const failed = model.failedNames.get(record);
  if (failed !== undefined)
    return `could not open or create ${failed}: ${describeNtstatus(records.status[record] ?? 0)}`;
  if (object === undefined && kind !== Kind.Note && kind !== Kind.WaitEnd) return undefined;
  switch (kind) {
    case Kind.Create: {
      const existed =
        ((records.flags[record] ?? 0) & Flag.Existed) !== 0 || (object !== undefined && object.created !== record);
      const what = existed ? 'opened (it existed)' : 'created';
      const state = !existed && object?.initiallySet === true ? ', signaled' : '';
      return `${what} ${name}, ${object === undefined ? '' : objectKind(object)}${state}: handle ${handle}`;
    }
    case Kind.Initialize:
      return `initialized ${name}, ${object === undefined ? '' : objectKind(object)} in the driver's own memory`;
    case Kind.Open:
      return `opened ${name}: handle ${handle}`;
    case Kind.Reference:
      // By a handle of its own: a step on the way to another reference, or of the creation.
      if (ownerSource(model, record) === undefined || ((records.flags[record] ?? 0) & Flag.Existed) !== 0)
        return undefined;
      return `referenced ${name} by handle ${records.words.hex(records.argument[record] ?? 0)} of ${ownerName(model, record)}`;
    case Kind.Duplicate:
      return `gave ${ownerName(model, record)} handle ${records.words.hex(records.argument[record] ?? 0)} for ${name}`;
    case Kind.Reset:
      return `reset ${name}${previousText(model, record)}${wipedText(model, record)}`;
    case Kind.Request:
      return `sent request ${records.words.toBigInt(records.argument[record] ?? 0)} with ${name}`;
    case Kind.TimerSet:
      return `set ${name} going${expiryText(model, indexOf(model).edges.get(record) ?? [])}`;
    case Kind.WaitEnd:
      return waitText(model, record);
    case Kind.Note:
      return `noted: ${records.text.get(record) ?? ''}`;
    default:
      return SIGNALS.has(kind) ? signalText(model, record, name, indexOf(model).edges.get(record) ?? []) : undefined;
  }
}

/** Source of the application whose process a record names; undefined when none is recorded. */
function ownerSource(model: TraceModel, record: number): number | undefined {
  const process = model.records.process[record] ?? 0;
  const source = model.recording.sources.findIndex((one) => one.side === 'user' && one.process === process);
  return source >= 0 ? source : model.threads.find((one) => one.side === 'user' && one.process === process)?.source;
}

function ownerName(model: TraceModel, record: number): string {
  const owner = ownerSource(model, record);
  return owner === undefined ? `process ${model.records.process[record] ?? 0}` : programName(model, owner);
}

function previousText(model: TraceModel, record: number): string {
  const previous = model.records.previous[record];
  return previous === 0xff ? '' : previous === 0 ? ', was not signaled' : ', was signaled';
}

function wipedText(model: TraceModel, record: number): string {
  const signal = indexOf(model).wiped.get(record);
  if (signal === undefined) return '';
  return `: wiped the signal of ${whoDid(model, signal)} at ${moment(model.records.time[signal] ?? 0)}`;
}

function signalText(model: TraceModel, record: number, name: string, edges: readonly number[]): string {
  const { records } = model;
  const kind = records.kind[record] ?? 0;
  const verb =
    kind === Kind.Set
      ? 'set'
      : kind === Kind.Pulse
        ? 'pulsed'
        : kind === Kind.Release
          ? 'released'
          : kind === Kind.TimerExpire
            ? 'expired:'
            : `completed request ${records.words.toBigInt(records.argument[record] ?? 0)} with`;
  const fate = model.transitions.fate[record] ?? 0;
  const effects = edges.map((edge) => edgeText(model, edge));
  const consequence =
    effects.length > 0
      ? `; ${effects.slice(0, 3).join('; ')}${effects.length > 3 ? `; and ${counted(effects.length - 3, 'more wait')}` : ''}`
      : kind === Kind.Pulse && fate === Fate.Coalesced
        ? '; that reset it'
        : kind === Kind.TimerExpire
          ? ''
          : FATE_TEXT[fate];
  const from = isDeferred(model, record) && kind === Kind.Set ? ' in a DPC' : '';
  return `${verb} ${name}${from}${previousText(model, record)}${consequence ?? ''}`;
}

/** What the expiry of a timer did, where only its setting is recorded. */
function expiryText(model: TraceModel, edges: readonly number[]): string {
  const [edge] = edges;
  if (edge === undefined) return '';
  const more = edges.length > 1 ? ` and ${counted(edges.length - 1, 'more wait')}` : '';
  return `; its expiry satisfied the wait of ${threadName(model, model.waits.thread[model.wakes.wait[edge] ?? 0] ?? 0)}${more} (inferred)`;
}

const FATE_TEXT: Readonly<Record<number, string>> = {
  [Fate.Coalesced]: '; coalesced: nothing changed',
  [Fate.Wiped]: '; wiped by a reset before any wait took it',
  [Fate.Missed]: '; nobody was waiting',
  [Fate.Pending]: '; nobody has taken it',
};

function edgeText(model: TraceModel, edge: number): string {
  const { wakes, waits } = model;
  const thread = threadName(model, waits.thread[wakes.wait[edge] ?? 0] ?? 0);
  const latency = wakes.latency[edge] ?? NaN;
  const sure = wakes.evidence[edge] === Evidence.Inferred ? ' (inferred)' : '';
  if (wakes.meeting[edge] === Meeting.FoundSignaled) return `${thread} found it signaled${sure}`;
  const wait = wakes.wait[edge] ?? 0;
  const after = Number.isNaN(latency) ? '' : ` after ${duration(latency)}${heldText(heldOfWake(model, edge))}`;
  if (waits.all[wait] === 1 && wakes.last[edge] !== 1) return `${thread} still waits for others${sure}`;
  return `released ${thread}${after}${sure}`;
}

/** Waits that a known signal released are told with the signal. */
function waitText(model: TraceModel, record: number): string | undefined {
  const wait = indexOf(model).waits.get(record);
  if (wait === undefined) return undefined;
  const { waits, wakes } = model;
  const outcome = waits.outcome[wait] ?? 0;
  const [begin, end] = [waits.begin[wait] ?? 0, waits.end[wait] ?? 0];
  const took = `${duration(end - begin)}${heldText(model.held.within(begin, end))}`;
  const first = waits.first[wait] ?? 0;
  const names = [...model.waitObjects.subarray(first, first + (waits.objectCount[wait] ?? 0))].map((id) =>
    objectName(model.objects[id]),
  );
  const what = names.join(waits.all[wait] === 1 ? ' and ' : ' or ');
  if (outcome !== Outcome.Satisfied) return `waited for ${what}: ${OUTCOME_WORDS[outcome] ?? ''} after ${took}`;
  const edge = wakes.ofWait[wait] ?? -1;
  if (edge < 0 || (wakes.signal[edge] ?? -1) >= 0) return undefined;
  switch (wakes.evidence[edge] ?? -1) {
    case Evidence.Ambiguous: {
      const count = (wakes.firstCandidate[edge + 1] ?? 0) - (wakes.firstCandidate[edge] ?? 0);
      return `was released from ${what} by one of ${counted(count, 'signal')} (ambiguous)`;
    }
    case Evidence.Unseen:
      return `was released from ${what} by a signal that was not recorded`;
    default:
      return `found ${what} signaled as it was created`;
  }
}

interface FlowIndex {
  /** Wait by the record of its end. */
  readonly waits: ReadonlyMap<number, number>;
  /** Signal by the record of the reset that wiped it. */
  readonly wiped: ReadonlyMap<number, number>;
  /** Edges by the record of their signal. */
  readonly edges: ReadonlyMap<number, readonly number[]>;
}

const indexes = new WeakMap<TraceModel, FlowIndex>();
function indexOf(model: TraceModel): FlowIndex {
  let index = indexes.get(model);
  if (index === undefined) {
    const waits = new Map<number, number>();
    for (let wait = 0; wait < model.waits.count; wait += 1) waits.set(model.waits.endRecord[wait] ?? -1, wait);
    const wiped = new Map<number, number>();
    model.transitions.wipedBy.forEach((by, signal) => {
      if (by >= 0) wiped.set(by, signal);
    });
    index = { waits, wiped, edges: edgesBySignal(model) };
    indexes.set(model, index);
  }
  return index;
}

// -------------------------------------------------------------------------------------------------------- as text

const MAX_LINES = 48;

/** The flow as text: what happened in order, shortened in its middle, then a line per object with its counts. */
export function describeFlow(model: TraceModel): string {
  const all = flowSteps(model, MAX_LINES + 1);
  const head = Math.ceil(MAX_LINES * 0.75);
  const whole = all.length <= MAX_LINES;
  const last = whole ? [] : flowSteps(model, MAX_LINES - head, true);
  const short = whole ? all : [...all.slice(0, head), ...last];
  const lines = aligned(
    short.map((step) => [moment(step.time), step.who, step.text]),
    new Set([0]),
  );
  if (!whole) {
    const between = [all[head], last[0]].map((step) => moment(step?.time ?? 0));
    lines.splice(head, 0, `... more of the same kinds from ${between.join(' to ')} ...`);
  }
  const stillWaiting = describeOpenWaits(model);
  return [...lines, ...stillWaiting, '', ...describeObjects(model)].map((line) => `  ${line}`.trimEnd()).join('\n');
}

function describeOpenWaits(model: TraceModel): string[] {
  const lines: string[] = [];
  for (let wait = 0; wait < model.waits.count && lines.length < 10; wait += 1) {
    if (model.waits.outcome[wait] !== Outcome.Open) continue;
    const object = model.objects[model.waitObjects[model.waits.first[wait] ?? 0] ?? -1];
    const since = moment(model.waits.begin[wait] ?? 0);
    lines.push(
      `${threadName(model, model.waits.thread[wait] ?? 0)} still waits for ${objectName(object)} since ${since}`,
    );
  }
  return lines;
}

/** One line per object that was signaled or waited for. */
export function describeObjects(model: TraceModel): string[] {
  const head = ['object', 'type', 'signals', 'taken', 'coalesced', 'wiped', 'waits', 'timed out', 'p50', 'p99', 'max'];
  const rows = model.objects
    .filter(({ id, type }) => {
      const counters = model.transitions.counters[id];
      // Of timers that only run a procedure the flow says enough.
      return counters !== undefined && counters.waits + (type === 'timer' ? 0 : counters.signals) > 0;
    })
    .map((object) => {
      const c = model.transitions.counters[object.id];
      const latency = [c?.latency?.p50, c?.latency?.p99, c?.latency?.max];
      return [
        objectName(object).length > 44 ? `…${leafName(objectName(object)).slice(-43)}` : objectName(object),
        objectKind(object),
        ...[c?.signals, c?.taken, c?.coalesced, c?.wiped, c?.waits, c?.timedOut].map((count) => String(count ?? 0)),
        ...latency.map((ns) => (ns === undefined ? '-' : duration(ns))),
      ];
    });
  return rows.length === 0
    ? ['no object was signaled or waited for']
    : aligned([head, ...rows], new Set([2, 3, 4, 5, 6, 7, 8, 9, 10]));
}

// -------------------------------------------------------------------------------------------------------- as JSON

const MAX_JSON_STEPS = 20_000;

/** Plain JSON: no bigint, times in ns since the start; steps and wakes are cut at 20,000 and `omitted` counts the rest. */
export function flowToJson(model: TraceModel): Record<string, unknown> {
  const steps = flowSteps(model, MAX_JSON_STEPS + 1);
  const wakes = flowWakes(model, MAX_JSON_STEPS);
  return {
    startUtcMs: Number.isNaN(model.clock.startUtcMs) ? null : model.clock.startUtcMs,
    objects: model.objects.map((object) => ({
      ...{ id: object.id, label: object.label, type: object.type, kind: object.kind, paths: object.paths },
      initiallySet: object.initiallySet ?? null,
      names: object.names.map((one) => ({
        ...{ kind: one.kind, process: one.process ?? null, value: `0x${one.value.toString(16)}` },
      })),
      counters: model.transitions.counters[object.id],
    })),
    steps: steps.slice(0, MAX_JSON_STEPS).map(({ time, who, side, action, object, text }) => ({
      ...{ time, who, side, action, object, text },
    })),
    wakes,
    stops: model.stops,
    gaps: model.gaps.map(({ source, ring, count, unit, reason, from, until }) => ({
      ...{ source, ring, count, unit, reason, from, until },
    })),
    omitted: {
      steps: steps.length > MAX_JSON_STEPS,
      wakes: Math.max(0, model.wakes.count - MAX_JSON_STEPS),
    },
  };
}

/** "taken", "coalesced", ... of a signal's record; empty for others. */
export const fateOf = (model: TraceModel, record: number): string =>
  FATE_WORDS[model.transitions.fate[record] ?? 0] ?? '';
