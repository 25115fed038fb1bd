/** Counts of an object for its summary, of which part is settled and the rest is counted anew. */
import { summaryOf } from '../columns/from-model.js';
import { nthLeast } from '../model/order.js';
import { Fate, Transition } from '../model/transitions.js';
import { GrowingTable } from './growing-table.js';

const SIGNALS: ReadonlySet<number> = new Set([
  ...[Transition.Set, Transition.CoalescedSet, Transition.Pulse, Transition.MissedPulse, Transition.Release],
  ...[Transition.Expire, Transition.Complete],
]);

export class Tally {
  #signals = 0;
  #taken = 0;
  #coalesced = 0;
  #wiped = 0;
  #timedOut = 0;
  #waits = 0;
  readonly #latencies = new GrowingTable({ ns: Float64Array });

  /** Neither signaled nor waited for. */
  get isEmpty(): boolean {
    return this.#signals + this.#waits === 0;
  }

  /** A row of its transitions. `fate`: of the signal, of all else `Fate.None`. */
  addRow(what: number, fate: number): void {
    if (!SIGNALS.has(what)) return;
    this.#signals += 1;
    if (fate === Fate.Taken) this.#taken += 1;
    else if (fate === Fate.Coalesced) this.#coalesced += 1;
    else if (fate === Fate.Wiped) this.#wiped += 1;
  }

  addTimeout(): void {
    this.#timedOut += 1;
    this.#waits += 1;
  }

  addWait(): void {
    this.#waits += 1;
  }

  addLatencies(ns: Float64Array): void {
    this.#latencies.append({ ns }, 0, ns.length);
  }

  /** The counts of both. */
  summaryWith(other: Tally): string {
    const sum = (field: (tally: Tally) => number): number => field(this) + field(other);
    const latencies = new Float64Array(this.#latencies.count + other.#latencies.count);
    latencies.set(this.#latencies.column('ns'));
    latencies.set(other.#latencies.column('ns'), this.#latencies.count);
    return summaryOf({
      signals: sum((tally) => tally.#signals),
      taken: sum((tally) => tally.#taken),
      coalesced: sum((tally) => tally.#coalesced),
      wiped: sum((tally) => tally.#wiped),
      timedOut: sum((tally) => tally.#timedOut),
      latency: percentiles(latencies),
    });
  }
}

/** Moves the values. */
function percentiles(ns: Float64Array): { readonly p50: number; readonly max: number } | undefined {
  if (ns.length === 0) return undefined;
  let max = -Infinity;
  for (let at = 0; at < ns.length; at += 1) max = Math.max(max, ns[at] ?? 0);
  return { p50: nthLeast(ns, Math.ceil(ns.length / 2) - 1), max };
}
