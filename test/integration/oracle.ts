/**
 * The two accounts of a run that are not our trace: the application's log (JSON lines, driver/app/eventapp.h) and the
 * driver's debug log (driver/include/eventsys_public.h). What the trace says is held against them.
 */
import assert from 'node:assert/strict';
import * as v from 'valibot';
import { Kind } from '../../trace/model/records.js';
import type { TraceModel } from '../../trace/model/model.js';
import { Outcome } from '../../trace/model/waits.js';

const applicationFact = v.object({
  n: v.number(),
  qpc: v.number(),
  until: v.number(),
  thread: v.number(),
  what: v.picklist(['create', 'open', 'pass', 'signal', 'wait-begin', 'wait-end', 'reset', 'close', 'ioctl', 'note']),
  object: v.string(),
  handle: v.number(),
  status: v.number(),
  detail: v.string(),
});
export type ApplicationFact = v.InferOutput<typeof applicationFact>;

/** One line of the driver's log. */
export interface DriverFact {
  readonly n: number;
  readonly what: string;
  readonly values: Readonly<Record<string, string>>;
}

/** @throws AssertionError when a line is missing, cut or not as documented. */
export function readApplicationLog(text: string): ApplicationFact[] {
  const facts = text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => v.parse(applicationFact, JSON.parse(line)));
  facts.forEach((fact, index) => assert.equal(fact.n, index, `the application's log has a hole before line ${fact.n}`));
  return facts;
}

const DRIVER_PREFIX = 'eventsys: ';

/** @throws AssertionError when a line is missing: the driver numbers all of them. */
export function readDriverLog(lines: readonly string[]): DriverFact[] {
  // Threads take their numbers before they print, so two lines may come in the other order.
  const facts = lines
    .filter((line) => line.startsWith(DRIVER_PREFIX))
    .map(readDriverLine)
    .sort((a, b) => a.n - b.n);
  facts.forEach((fact, index) => {
    const before = facts[index - 1];
    if (before !== undefined) assert.equal(fact.n, before.n + 1, `a line of the driver's log is missing: ${fact.n}`);
    assert.notEqual(fact.what, 'dropped', 'the driver dropped lines of its log');
  });
  return facts;
}

function readDriverLine(line: string): DriverFact {
  const values: Record<string, string> = {};
  // `name` may hold spaces, and stands last.
  const [head = '', name] = line.slice(DRIVER_PREFIX.length).split(/ name=(.*)$/s);
  for (const word of head.trim().split(' ')) {
    const at = word.indexOf('=');
    assert.ok(at > 0, `not a line of the driver's log: ${line}`);
    values[word.slice(0, at)] = word.slice(at + 1);
  }
  if (name !== undefined) values['name'] = name;
  return { n: Number(values['n']), what: values['what'] ?? '', values };
}

/** A `key=value` of a detail text. */
export function detailOf(fact: ApplicationFact, key: string): string | undefined {
  return new RegExp(`(?:^| )${key}=(\\S+)`).exec(fact.detail)?.[1];
}

export const isWaitEnd = (fact: ApplicationFact): boolean => fact.what === 'wait-end';

/** A wait of the trace. */
export interface TracedWait {
  readonly index: number;
  readonly thread: number;
  readonly handle: bigint;
  /** TraceObject id. */
  readonly object: number;
  readonly begin: number;
  readonly end: number;
  readonly outcome: number;
}

/** The waits for one object that a side recorded, by the time of their ends. */
export function tracedWaits(model: TraceModel, side: 'kernel' | 'user'): TracedWait[] {
  const { waits } = model;
  const found: TracedWait[] = [];
  for (let index = 0; index < waits.count; index++) {
    const thread = model.threads[waits.thread[index] ?? 0];
    const first = waits.first[index] ?? 0;
    if (model.recording.sources[waits.source[index] ?? 0]?.side !== side || thread === undefined) continue;
    if (waits.objectCount[index] !== 1) continue;
    found.push({
      index,
      thread: thread.thread,
      handle: model.records.words.toBigInt(waits.words[first] ?? 0),
      object: model.waitObjects[first] ?? -1,
      begin: waits.begin[index] ?? NaN,
      end: waits.end[index] ?? NaN,
      outcome: waits.outcome[index] ?? Outcome.Unknown,
    });
  }
  return found.sort((a, b) => a.end - b.end);
}

/** A record that changes an object's state. */
export interface TracedSignal {
  readonly record: number;
  readonly object: number;
  readonly time: number;
  /** Of a kernel record: the object's address. Of a user record: the handle. */
  readonly word: bigint;
  readonly previous: number;
  readonly thread: number;
}

export function tracedRecords(model: TraceModel, side: 'kernel' | 'user', kind: number): TracedSignal[] {
  const { records } = model;
  const found: TracedSignal[] = [];
  for (const record of model.order) {
    if (records.kind[record] !== kind) continue;
    if (model.recording.sources[records.source[record] ?? 0]?.side !== side) continue;
    found.push({
      record,
      object: model.objectOf[record] ?? -1,
      time: records.time[record] ?? NaN,
      word: records.words.toBigInt(records.object[record] ?? 0),
      previous: records.previous[record] ?? 0xff,
      thread: model.threads[model.threadOf[record] ?? 0]?.thread ?? -1,
    });
  }
  return found;
}

const STATUS_TIMEOUT = 0x102;

/**
 * Each wait that the application's log tells of is in the trace: the same thread, handle and outcome, in the same order;
 * and inside the same stretch of time, by one clock offset for all of them.
 * @returns the trace's waits, one for each `wait-end` of the log.
 */
export function matchWaits(model: TraceModel, log: readonly ApplicationFact[]): TracedWait[] {
  const traced = tracedWaits(model, 'user');
  const matched: TracedWait[] = [];
  for (const thread of new Set(log.filter(isWaitEnd).map((fact) => fact.thread))) {
    const logged = log.filter((fact) => fact.thread === thread && isWaitEnd(fact));
    const handles = new Set(logged.map((fact) => BigInt(fact.handle)));
    const own = traced.filter((wait) => wait.thread === thread && handles.has(wait.handle));
    assert.deepEqual(
      own.map(({ handle, outcome }) => ({ handle, outcome })),
      logged.map((fact) => ({
        handle: BigInt(fact.handle),
        outcome: fact.status === STATUS_TIMEOUT ? Outcome.TimedOut : Outcome.Satisfied,
      })),
      `waits of thread ${thread}: the trace and the application's log`,
    );
    matched.push(...own);
  }
  checkTimes(log.filter(isWaitEnd), matched, log);
  const order = log.filter(isWaitEnd).map((fact) => fact.until);
  return order.length === 0 ? [] : matched.sort((a, b) => a.end - b.end);
}

/** QPC ticks of Wine and of Windows 10: 100 ns. Calibration of the trace's clock is good to about a microsecond. */
const QPC_NS = 100;
const CLOCK_SLACK_NS = 5_000;

/**
 * The application took its times outside the call, the trace inside it. So there must be one offset between the two
 * clocks by which every traced wait lies within its logged one.
 */
function checkTimes(
  logged: readonly ApplicationFact[],
  traced: readonly TracedWait[],
  log: readonly ApplicationFact[],
): void {
  let least = -Infinity;
  let most = Infinity;
  const left = [...traced];
  for (const fact of logged) {
    const at = left.findIndex((wait) => wait.thread === fact.thread && wait.handle === BigInt(fact.handle));
    const [wait] = left.splice(at, 1);
    assert.ok(wait !== undefined);
    const begin = log.findLast(
      (other) => other.what === 'wait-begin' && other.thread === fact.thread && other.n < fact.n,
    );
    assert.ok(begin !== undefined, 'a wait-end without a wait-begin in the log');
    most = Math.min(most, wait.begin - begin.qpc * QPC_NS);
    least = Math.max(least, wait.end - fact.until * QPC_NS);
  }
  assert.ok(least <= most + CLOCK_SLACK_NS, `the clocks of trace and log differ by ${least - most} ns`);
}

/**
 * Each KeSetEvent that the driver's log tells of is in the trace, object by object: the same address, the same states
 * before, in the same order.
 * @param concurrent Calls for one object overlap: the driver numbers a call when it has returned, the trace dates it by its
 *   begin, so the two orders may differ; then the states are compared as a count of each.
 * @returns by event id of the driver: the trace's records of its signals.
 */
export function matchDriverSignals(
  model: TraceModel,
  driver: readonly DriverFact[],
  concurrent = false,
): Map<string, TracedSignal[]> {
  const inOrder = (states: number[]): number[] => (concurrent ? states.sort((a, b) => a - b) : states);
  const traced = tracedRecords(model, 'kernel', Kind.Set);
  const used = new Set<number>();
  const matched = new Map<string, TracedSignal[]>();
  const ids = new Set(driver.filter(({ what }) => what === 'signal').map(({ values }) => values['id'] ?? ''));
  for (const id of ids) {
    const logged = driver
      .filter(({ what, values }) => what === 'signal' && values['id'] === id)
      .sort((a, b) => Number(a.values['seq']) - Number(b.values['seq']));
    const address = BigInt(logged[0]?.values['object'] ?? 0);
    // An address is used again after its object has gone, so the first records of it that no earlier event has.
    const own = traced.filter((signal) => signal.word === address && !used.has(signal.record)).slice(0, logged.length);
    for (const { record } of own) used.add(record);
    assert.deepEqual(
      inOrder(own.map(({ previous }) => previous)),
      inOrder(logged.map(({ values }) => Number(values['prev']))),
      `signals of the driver's event ${id}: the trace and the driver's log`,
    );
    matched.set(id, own);
  }
  // The driver ends the thread of a buffer by its "work" event; that is no signal that it shares, and not in its log.
  const ownUse = new Set(driver.filter(({ what }) => what === 'buffer').map(({ values }) => values['work']));
  const known = new Set(
    driver
      .filter(({ values }) => values['object'] !== undefined && !ownUse.has(values['id']))
      .map(({ values }) => BigInt(values['object'] ?? 0)),
  );
  const unexplained = traced.filter(({ record, word }) => !used.has(record) && known.has(word));
  assert.deepEqual(unexplained, [], "the trace has signals of shared events that the driver's log does not tell of");
  return matched;
}

/** The signal that released a wait, with how sure the trace is; undefined: no edge. */
export function wakeOf(
  model: TraceModel,
  wait: number,
): { signal: number; evidence: number; latency: number } | undefined {
  const edge = model.wakes.ofWait[wait] ?? -1;
  if (edge < 0) return undefined;
  return {
    signal: model.wakes.signal[edge] ?? -1,
    evidence: model.wakes.evidence[edge] ?? -1,
    latency: model.wakes.latency[edge] ?? NaN,
  };
}
