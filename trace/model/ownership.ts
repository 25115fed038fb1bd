/** Who had a mutant, and how often: its owner may take it again without any signal, and then has to release it as often. */
import type { Parts } from './model.js';
import type { TraceObject } from './objects.js';
import type { ObjectActivity } from './signals.js';
import { Outcome } from './waits.js';

export interface Ownership {
  /** Waits of a thread that had it already. */
  readonly again: ReadonlySet<number>;
  /** Records of releases after which their thread still had it. */
  readonly kept: ReadonlySet<number>;
}

interface Step {
  readonly at: number;
  readonly thread: number;
  /** -1: a release. */
  readonly wait: number;
  readonly record: number;
}

/**
 * From what each thread did, in its own order. `undefined` when that does not fit: somebody released what he was not seen to
 * take, or it is not known how a wait ended.
 */
export function ownershipOf(parts: Parts, object: TraceObject, own: ObjectActivity): Ownership | undefined {
  const { waits, threads, records } = parts;
  const steps: Step[] = [];
  const { takes, signals } = own;
  for (let row = 0; row < takes.count; row += 1) {
    if (takes.outcome[row] === Outcome.Open) continue;
    if (takes.uncertain[row] === 1 || takes.outcome[row] === Outcome.Unknown) return undefined;
    const wait = takes.wait[row] ?? 0;
    steps.push({ at: waits.end[wait] ?? 0, thread: waits.thread[wait] ?? 0, wait, record: -1 });
  }
  for (let row = 0; row < signals.count; row += 1) {
    if (signals.uncertain[row] === 1) return undefined;
    const record = signals.record[row] ?? 0;
    steps.push({ at: records.time[record] ?? 0, thread: threads.of[record] ?? 0, wait: -1, record });
  }
  if (object.created < 0) return undefined;
  const held = new Map<number, number>();
  if (object.initiallySet === false) held.set(threads.of[object.created] ?? -1, 1);
  const again = new Set<number>();
  const kept = new Set<number>();
  for (const { thread, wait, record } of steps.sort((a, b) => a.at - b.at)) {
    const depth = held.get(thread) ?? 0;
    if (wait >= 0 && depth > 0) again.add(wait);
    if (wait < 0 && depth === 0) return undefined;
    if (wait < 0 && depth > 1) kept.add(record);
    held.set(thread, wait >= 0 ? depth + 1 : depth - 1);
  }
  return { again, kept };
}
