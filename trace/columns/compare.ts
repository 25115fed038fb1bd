/** Two runs compared: what changed in counts and latencies, object by object. Objects are matched by what they are called. */
import type { TimelineColumns } from './columns.js';
import type { ColumnIndex } from './index-columns.js';
import { rangeStatistics, type ObjectStatistics } from './statistics.js';

export interface Difference {
  readonly label: string;
  readonly kind: string;
  /** undefined: the run has no such object, or nothing happened to it. */
  readonly before: ObjectStatistics | undefined;
  readonly after: ObjectStatistics | undefined;
  /** How much is different, for ordering: 0 when nothing is. */
  readonly weight: number;
}

/**
 * Differences of two runs of one picture, the largest first. Unnamed objects of a kind are matched in the order in which
 * they first appear.
 * @param before index in `runs`
 */
export function compareRuns(
  columns: TimelineColumns,
  index: ColumnIndex,
  before: number,
  after: number,
): readonly Difference[] {
  const [left, right] = [before, after].map((run) => byName(columns, index, run));
  const names = new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])]);
  return [...names]
    .map((name): Difference => {
      const one = left?.get(name);
      const other = right?.get(name);
      const head = columns.objects[(one ?? other)?.object ?? -1];
      return {
        label: head?.label ?? name,
        kind: head?.kind ?? 'object',
        before: one,
        after: other,
        weight: weightOf(one, other),
      };
    })
    .sort((a, b) => b.weight - a.weight);
}

function byName(columns: TimelineColumns, index: ColumnIndex, run: number): Map<string, ObjectStatistics> {
  const own = new Set(columns.objects.flatMap((head, at) => (head.run === run ? [at] : [])));
  const { objects } = rangeStatistics(columns, index, -Infinity, Infinity, own);
  const firstTime = ({ object }: ObjectStatistics): number =>
    columns.transitions.time[columns.transitions.first[object] ?? 0] ?? 0;
  const counts = new Map<string, number>();
  const named = new Map<string, ObjectStatistics>();
  for (const one of [...objects].sort((a, b) => firstTime(a) - firstTime(b))) {
    const head = columns.objects[one.object];
    if (head === undefined) continue;
    const base = head.path ?? `unnamed ${head.kind}`;
    const nth = (counts.get(base) ?? 0) + 1;
    counts.set(base, nth);
    named.set(nth === 1 ? base : `${base} ${nth}`, one);
  }
  return named;
}

/** Share by which each figure changed, summed; a figure that appears or vanishes counts as wholly changed. */
function weightOf(a: ObjectStatistics | undefined, b: ObjectStatistics | undefined): number {
  const figures = (of: ObjectStatistics | undefined): readonly number[] => [
    ...[of?.signals, of?.taken, of?.coalesced, of?.wiped, of?.timedOut, of?.latency?.p50, of?.latency?.p99].map(
      (figure) => figure ?? 0,
    ),
  ];
  const others = figures(b);
  return figures(a).reduce((sum, figure, at) => {
    const other = others[at] ?? 0;
    const most = Math.max(figure, other);
    return sum + (most === 0 ? 0 : Math.abs(figure - other) / most);
  }, 0);
}
