/** Wake edges: for each satisfied wait and each object that it took, the signal that did it, with its evidence. */
import { EdgeTable } from './edge-table.js';
import type { Parts } from './model.js';
import { ObjectMatcher } from './object-matcher.js';
import type { Catalogue } from './objects.js';
import type { RequestLinks } from './requests.js';
import { collectActivity, type Activity } from './signals.js';

export { Evidence, EVIDENCE_WORDS, Meeting } from './evidence.js';

/** A column per field, in order of the waits; of a model for drawing alone object by object. */
export interface Wakes {
  readonly count: number;
  readonly wait: Uint32Array;
  readonly object: Uint32Array;
  /** Record of the signal; -1: the object's first state, unseen, or ambiguous (then see the candidates). */
  readonly signal: Int32Array;
  readonly evidence: Uint8Array;
  readonly meeting: Uint8Array;
  /** From the signal's call to the wait's return, ns; NaN when the wait was not released by a known signal. */
  readonly latency: Float64Array;
  /** Ambiguous: records of signals, `firstCandidate` to the next edge's. */
  readonly firstCandidate: Uint32Array;
  readonly candidates: Int32Array;
  /** Of a wait for all: this signal came last, it is the one that released the thread. Empty in a model for drawing alone. */
  readonly last: Uint8Array;
  /** First edge by wait, -1 when it has none. */
  readonly ofWait: Int32Array;
  /** Activity by object, for what else is made of it. */
  readonly activity: Activity;
  /** Signals found to be coalesced although their record does not say so. */
  readonly coalesced: ReadonlySet<number>;
  /** Releases of a mutant whose owner had it more than once, and kept it. */
  readonly kept: ReadonlySet<number>;
}

/** Frees what was recorded of each object: a third of what a model takes. */
export function forgetActivity(wakes: { activity: Activity }): void {
  wakes.activity = {
    ...wakes.activity,
    of: () => {
      throw new RangeError('what was recorded of each object was given up');
    },
  };
}

export function findWakes(parts: Parts, catalogue: Catalogue, requests: RequestLinks): Wakes {
  const activity = collectActivity(parts, catalogue, requests);
  const coalesced = new Set<number>();
  const kept = new Set<number>();
  const edges = new EdgeTable(parts.waits.count);
  for (const object of catalogue.objects) {
    const own = activity.of(object.id);
    if (own.takes.count === 0 && own.signals.count === 0) continue;
    new ObjectMatcher(parts, object, own, activity, { coalesced, kept }).match(edges);
  }
  const columns = parts.drawnOnly ? edges.asFound(parts.waits.count) : edges.byWait(parts);
  return { ...columns, activity, coalesced, kept };
}
