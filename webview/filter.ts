/**
 * What the search field asks for. Words are parts of names; `side:kernel`, `thread:waiter`, `object:done`,
 * `status:timed`, `status:STATUS_INVALID_HANDLE`, `wait>10ms`, `latency>200us` narrow further. Everything must hold.
 */
import { OUTCOME_WORDS, Outcome } from '../trace/model/waits.js';
import { statusText } from '../trace/wording.js';
import type { ViewIndex } from './view-index.js';
import type { ObjectLane, ThreadLane } from './view-data.js';

export interface Filter {
  readonly words: readonly string[];
  readonly object: readonly string[];
  readonly thread: readonly string[];
  readonly side: 'kernel' | 'user' | undefined;
  /** Bits of `Outcome`; 0: any. */
  readonly outcomes: number;
  /** Parts of the name or the digits of an NTSTATUS, in small letters; none: any. */
  readonly statuses: readonly string[];
  /** ns; waits at most this long are left out. */
  readonly waitOver: number;
  readonly latencyOver: number;
  /** Parts that could not be read. */
  readonly wrong: readonly string[];
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };

export function parseFilter(text: string): Filter {
  const filter = {
    ...{
      words: [] as string[],
      object: [] as string[],
      thread: [] as string[],
      wrong: [] as string[],
      statuses: [] as string[],
    },
    side: undefined as Filter['side'],
    ...{ outcomes: 0, waitOver: -1, latencyOver: -1 },
  };
  for (const part of text.trim().toLowerCase().split(/\s+/).filter(Boolean)) {
    const [, name, operator, value = ''] = /^(object|thread|side|status|wait|latency)([:>])(.*)$/.exec(part) ?? [];
    if (name === undefined) filter.words.push(part);
    else if (value === '') continue;
    else if (operator === '>' && (name === 'wait' || name === 'latency')) {
      const ns = parseSpan(value);
      if (ns === undefined) filter.wrong.push(part);
      else filter[name === 'wait' ? 'waitOver' : 'latencyOver'] = ns;
    } else if (operator === ':' && (name === 'object' || name === 'thread')) filter[name].push(value);
    else if (operator === ':' && name === 'side' && ['kernel', 'user'].some((side) => side.startsWith(value))) {
      filter.side = value.startsWith('k') ? 'kernel' : 'user';
    } else if (operator === ':' && name === 'status') {
      const bits = OUTCOME_WORDS.reduce((mask, word, at) => (word.includes(value) ? mask | (1 << at) : mask), 0);
      if (bits !== 0) filter.outcomes |= bits;
      else if (/^(status_|0x)\w/.test(value)) filter.statuses.push(value);
      else filter.wrong.push(part);
    } else filter.wrong.push(part);
  }
  return filter;
}

/** "10ms" to ns. */
function parseSpan(text: string): number | undefined {
  const [, digits, unit = 'ns'] = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? 1);
}

const all = (label: string, parts: readonly string[]): boolean => {
  const lower = label.toLowerCase();
  return parts.every((part) => lower.includes(part));
};

/** It asks for certain waits, not only for names. */
export const asksForWaits = ({ outcomes, statuses, waitOver, latencyOver }: Filter): boolean =>
  outcomes !== 0 || statuses.length > 0 || waitOver >= 0 || latencyOver >= 0;

export const isEmpty = (filter: Filter): boolean =>
  filter.words.length + filter.object.length + filter.thread.length === 0 &&
  filter.side === undefined &&
  !asksForWaits(filter);

export function matchesObject(filter: Filter, { head }: ObjectLane): boolean {
  if (filter.thread.length > 0 || filter.side !== undefined || asksForWaits(filter)) {
    // Objects stay in sight beside the threads that are asked for, unless a name is asked for as well.
    if (filter.words.length + filter.object.length === 0) return false;
  }
  return all(`${head.label} ${head.kind}`, [...filter.words, ...filter.object]);
}

export function matchesThread(filter: Filter, view: ViewIndex, lane: ThreadLane): boolean {
  const { head } = lane;
  if (filter.side !== undefined && head.side !== filter.side) return false;
  if (filter.object.length > 0 && filter.thread.length + filter.words.length === 0 && !asksForWaits(filter))
    return false;
  if (!all(`${head.label} ${head.process} ${head.thread}`, [...filter.words, ...filter.thread])) return false;
  return !asksForWaits(filter) || nextMatch(filter, view, lane, -1, 1) >= 0;
}

/** Whether a wait is one of those asked for. */
export function matchesWait(filter: Filter, view: ViewIndex, lane: ThreadLane, index: number): boolean {
  if (filter.outcomes !== 0 && (filter.outcomes & (1 << (lane.outcome[index] ?? 0))) === 0) return false;
  if (filter.statuses.length > 0 && !hasStatus(filter, lane, index)) return false;
  if (filter.waitOver >= 0 && (lane.end[index] ?? 0) - (lane.begin[index] ?? 0) <= filter.waitOver) return false;
  if (filter.object.length > 0) {
    const object = view.object(lane.object[index]);
    if (object === undefined || !all(object.head.label, filter.object)) return false;
  }
  if (filter.latencyOver < 0) return true;
  const { latency } = view.data.columns.edges;
  return view.edgesOfWait(lane.base + index).some((edge) => (latency[edge] ?? NaN) > filter.latencyOver);
}

/** Of a wait that is over. */
function hasStatus({ statuses }: Filter, { outcome, status }: ThreadLane, index: number): boolean {
  if (outcome[index] === Outcome.Open || outcome[index] === Outcome.Unknown) return false;
  const text = lowerStatusText(status[index] ?? 0);
  return statuses.some((part) => text.includes(part));
}

/** A recording has few of them, and a filter asks for that of each wait. */
const lowerTexts = new Map<number, string>();
const MOST_REMEMBERED = 1_000;

function lowerStatusText(status: number): string {
  const known = lowerTexts.get(status);
  if (known !== undefined) return known;
  if (lowerTexts.size >= MOST_REMEMBERED) lowerTexts.clear();
  const text = statusText(status).toLowerCase();
  lowerTexts.set(status, text);
  return text;
}

/** The next wait of a lane that is asked for; -1 when there is none. `by`: 1 or -1. */
export function nextMatch(filter: Filter, view: ViewIndex, lane: ThreadLane, from: number, by: number): number {
  for (let index = from + by; index >= 0 && index < lane.count; index += by) {
    if (matchesWait(filter, view, lane, index)) return index;
  }
  return -1;
}
