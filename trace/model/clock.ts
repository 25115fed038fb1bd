/**
 * One clock for all sources. Each source writes calibration records: its TSC, QPC and UTC read together. QPC is common to
 * a machine, so it decides where sources meet; UTC joins machines.
 *
 * Sources whose calibrations agree on one line count the same TSC (the usual case: one machine, invariant TSC): they share
 * one fit, and times of the two compare exactly. Otherwise each source has a fit of its own, and its times carry an
 * uncertainty that every later decision widens its intervals by.
 */
import { FILETIME_OF_1970 } from '../../machine/filetime.js';
import type { RecordingSource } from '../recording.js';
import { Kind, type RecordTable } from './records.js';

export interface SourceClock {
  readonly basis: 'shared' | 'own' | 'utc' | 'none';
  readonly calibrations: number;
  /** Its times may be off by this much against other sources, ns. Infinity: not comparable. */
  readonly uncertainty: number;
  /** ns of one tick. */
  readonly nsPerTick: number;
  /** How far the rate moved between calibrations, parts per million; 0 with fewer than three. */
  readonly driftPpm: number;
}

export interface Clock {
  /** UTC of time 0, ms since 1970; NaN when no source says. */
  readonly startUtcMs: number;
  readonly sources: readonly SourceClock[];
}

interface Point {
  /** Ticks since the source's base. */
  readonly ticks: number;
  readonly qpcNs: number;
  readonly utcNs: number;
  /** How long the reading took, in ticks: its two counters may lie that far apart. */
  readonly width: number;
}

/** ns = origin + ticks * rate between knots; one knot: a straight line. */
interface Fit {
  readonly knots: readonly { readonly ticks: number; readonly ns: number; readonly rate: number }[];
}

/** Agreement that counts as one TSC: two QPC ticks of 100 ns and a microsecond for the reading itself. */
const SAME_COUNTER_NS = 1_200;
/** A reading can be interrupted between its two counters. */
const READING_NS = 1_000;
/** A source without calibrations whose first TSC lies further off than this counts something else. */
const REACH_NS = 3_600e9;
const ASSUMED_NS_PER_TICK = 1 / 3;

/** What is known of the times of all records, once they are ns. */
export interface Times {
  readonly clock: Clock;
  /** ns of the last thing recorded. */
  readonly end: number;
  /** The longest call by source, ns. */
  readonly longest: Float64Array;
}

/** Turns `time` and `duration` of the table from ticks to ns since the start. */
export function applyClock(table: RecordTable, sources: readonly RecordingSource[]): Times {
  const origin = qpcOrigin(table);
  const points = sources.map((_source, ordinal) => calibrations(table, ordinal, origin));
  const fits = fitSources(table, sources, points);
  const start = earliest(table, fits);
  const longest = new Float64Array(sources.length);
  let end = 0;
  for (let from = 0; from < table.count;) {
    const source = table.source[from] ?? 0;
    const until = endOfStretch(table, from, source);
    const { knots } = fits[source]?.fit ?? { knots: [] };
    const only = knots.length > 1 ? undefined : knots[0];
    const found = only === undefined ? bend(table, from, until, knots, start) : scale(table, from, until, only, start);
    longest[source] = Math.max(longest[source] ?? 0, found.longest);
    end = Math.max(end, found.end);
    from = until;
  }
  return {
    clock: { startUtcMs: startUtc(points, fits, start), sources: fits.map(({ clock }) => clock) },
    end,
    longest,
  };
}

type Knot = Fit['knots'][number];

/** Records of one source lie together, as they were drained. */
function endOfStretch({ source, count }: RecordTable, from: number, of: number): number {
  let until = from + 1;
  while (until < count && source[until] === of) until += 1;
  return until;
}

/** ns of the first record that is no calibration. */
function earliest(table: RecordTable, fits: readonly Fitted[]): number {
  const start = Math.min(...fits.map(({ fit }, from) => nsAt(fit, table.earliest[from] ?? Infinity)));
  return Number.isFinite(start) ? start : 0;
}

/** Of a WaitEnd the time is the end, and the duration lies before it; of points it says nothing. */
function scale({ kind, time, duration }: RecordTable, from: number, until: number, knot: Knot, start: number) {
  const { rate } = knot;
  const { ns, ticks: zero } = knot;
  let end = 0;
  let longest = 0;
  for (let index = from; index < until; index += 1) {
    const at = ns + ((time[index] ?? 0) - zero) * rate - start;
    const took = (duration[index] ?? 0) * rate;
    time[index] = at;
    duration[index] = took;
    const one = kind[index];
    if (one === Kind.WaitEnd || one === Kind.Calibration) {
      if (one === Kind.WaitEnd && at > end) end = at;
      continue;
    }
    if (at + took > end) end = at + took;
    if (took > longest) longest = took;
  }
  return { end, longest };
}

/** The same for a source whose rate changes. */
function bend(
  { kind, time, duration }: RecordTable,
  from: number,
  until: number,
  knots: readonly Knot[],
  start: number,
) {
  const fit = { knots };
  let end = 0;
  let longest = 0;
  for (let index = from; index < until; index += 1) {
    const ticks = time[index] ?? 0;
    const at = nsAt(fit, ticks) - start;
    const took = (duration[index] ?? 0) * rateAt(fit, ticks);
    time[index] = at;
    duration[index] = took;
    const isEnd = kind[index] === Kind.WaitEnd;
    if (kind[index] !== Kind.Calibration) end = Math.max(end, isEnd ? at : at + took);
    if (!isEnd && kind[index] !== Kind.Calibration) longest = Math.max(longest, took);
  }
  return { end, longest };
}

/** Subtracted from every QPC, so that ns stay exact in a double. */
function qpcOrigin(table: RecordTable): bigint {
  const [first] = table.calibrations;
  return first === undefined ? 0n : table.words.toBigInt(table.argument[first] ?? 0);
}

function calibrations(table: RecordTable, ordinal: number, origin: bigint): Point[] {
  const points: Point[] = [];
  for (const index of table.calibrations) {
    if (table.source[index] !== ordinal) continue;
    const frequency = Number(table.words.toBigInt(table.caller[index] ?? 0));
    if (frequency <= 0) continue;
    const qpc = Number(table.words.toBigInt(table.argument[index] ?? 0) - origin);
    const utc = table.words.toBigInt(table.object[index] ?? 0) - FILETIME_OF_1970;
    points.push({
      ticks: table.time[index] ?? 0,
      qpcNs: (qpc * 1e9) / frequency,
      utcNs: Number(utc) * 100,
      width: table.duration[index] ?? 0,
    });
  }
  return points.sort((a, b) => a.ticks - b.ticks);
}

interface Fitted {
  readonly fit: Fit;
  readonly clock: SourceClock;
}

function fitSources(table: RecordTable, sources: readonly RecordingSource[], points: readonly Point[][]): Fitted[] {
  const machines = new Map<string, number[]>();
  sources.forEach((source, ordinal) => {
    const machine = source.machine ?? '';
    machines.set(machine, [...(machines.get(machine) ?? []), ordinal]);
  });
  const fitted: Fitted[] = [];
  let first = true;
  for (const members of machines.values()) {
    const shared = sharedFit(table, members, points);
    const rate = shared?.rate ?? bestRate(members.map((ordinal) => points[ordinal] ?? []));
    const compared = members.length > 1 || machines.size > 1;
    for (const ordinal of members) {
      const own = points[ordinal] ?? [];
      fitted[ordinal] =
        shared !== undefined && shared.members.has(ordinal)
          ? sharedSource(table, shared, ordinal, own, compared)
          : ownSource(own, rate, compared);
    }
    if (!first) members.forEach((ordinal) => (fitted[ordinal] = byUtc(fitted, ordinal, points)));
    first = false;
  }
  return fitted;
}

interface SharedFit {
  readonly members: ReadonlySet<number>;
  readonly reference: bigint;
  readonly originNs: number;
  readonly rate: number;
  /** Sources whose own calibrations show that they count this TSC. */
  readonly verified: ReadonlySet<number>;
}

/** One line through the calibrations of all sources that count the same TSC, or undefined when they do not. */
function sharedFit(table: RecordTable, members: readonly number[], points: readonly Point[][]): SharedFit | undefined {
  const reference = table.base[members[0] ?? 0] ?? 0n;
  const shift = (ordinal: number): number => Number((table.base[ordinal] ?? 0n) - reference);
  const calibrated = members.filter((ordinal) => (points[ordinal] ?? []).length > 0);
  const all = calibrated.flatMap((ordinal) =>
    (points[ordinal] ?? []).map((point) => ({
      ...{ x: point.ticks + shift(ordinal), y: point.qpcNs, ordinal, weight: weightOf(point), width: point.width },
    })),
  );
  const line = leastSquares(all);
  if (line === undefined) return undefined;
  // A source counts the same TSC when what its best readings leave between it and the line is within their own width.
  const strays = calibrated.some((ordinal) => {
    const misses = all
      .filter((point) => point.ordinal === ordinal)
      .map(({ x, y, width }) => Math.abs(y - (line.origin + x * line.rate)) - width * line.rate);
    return median(misses) > SAME_COUNTER_NS;
  });
  const ownRates = calibrated
    .map((ordinal) => ({
      line: leastSquares(
        (points[ordinal] ?? []).map((point) => ({ x: point.ticks, y: point.qpcNs, weight: weightOf(point) })),
      ),
      width: Math.max(0, ...(points[ordinal] ?? []).map((point) => point.width)) * line.rate,
    }))
    .flatMap((own) => (own.line === undefined ? [] : [{ ...own.line, width: own.width }]));
  const bent = ownRates.some((own) => Math.abs(own.rate - line.rate) * own.span > 2 * (SAME_COUNTER_NS + own.width));
  if (strays || bent) return undefined;
  // One calibration each says nothing about the rate: the line is only good for drawing.
  const verified = calibrated.length === 1 || ownRates.length > 0;
  const reach = members.filter((ordinal) => Math.abs(shift(ordinal) * line.rate) < REACH_NS);
  return {
    members: new Set(reach),
    verified: new Set(verified ? calibrated : []),
    ...{ reference, originNs: line.origin, rate: line.rate },
  };
}

function sharedSource(
  table: RecordTable,
  shared: SharedFit,
  ordinal: number,
  own: readonly Point[],
  compared: boolean,
): Fitted {
  const shift = Number((table.base[ordinal] ?? 0n) - shared.reference);
  const sure = shared.verified.has(ordinal);
  return {
    fit: { knots: [{ ticks: 0, ns: shared.originNs + shift * shared.rate, rate: shared.rate }] },
    clock: {
      ...{ basis: sure ? 'shared' : 'none', uncertainty: sure || !compared ? 0 : Infinity, driftPpm: 0 },
      ...{ calibrations: own.length, nsPerTick: shared.rate },
    },
  };
}

function ownSource(own: readonly Point[], rate: number | undefined, compared: boolean): Fitted {
  const only = own[0];
  const nsPerTick = leastSquares(own.map(({ ticks, qpcNs }) => ({ x: ticks, y: qpcNs })))?.rate ?? rate;
  if (only === undefined || nsPerTick === undefined) {
    const knots = [{ ticks: only?.ticks ?? 0, ns: only?.qpcNs ?? 0, rate: nsPerTick ?? ASSUMED_NS_PER_TICK }];
    return {
      fit: { knots },
      clock: {
        ...({ basis: 'none' } as const),
        ...{ calibrations: own.length, uncertainty: compared ? Infinity : 0, driftPpm: 0 },
        nsPerTick: nsPerTick ?? ASSUMED_NS_PER_TICK,
      },
    };
  }
  const knots = piecewise(own, nsPerTick);
  const rates = knots.slice(0, -1).map((knot) => knot.rate);
  return {
    fit: { knots },
    clock: {
      basis: 'own',
      calibrations: own.length,
      uncertainty: compared ? READING_NS + leaveOneOut(own) : 0,
      nsPerTick,
      driftPpm: rates.length < 2 ? 0 : ((Math.max(...rates) - Math.min(...rates)) / nsPerTick) * 1e6,
    },
  };
}

/** Sources of another machine than the first: moved so that UTC agrees, which is good to some ms at best. */
function byUtc(fitted: readonly Fitted[], ordinal: number, points: readonly Point[][]): Fitted {
  const mine = fitted[ordinal];
  if (mine === undefined) throw new RangeError('source without a fit');
  const reference = fitted[0];
  const there = points[ordinal]?.[0];
  const here = points[0]?.[0];
  if (reference === undefined || there === undefined || here === undefined) {
    return { ...mine, clock: { ...mine.clock, basis: 'none', uncertainty: Infinity } };
  }
  const offset = nsAt(reference.fit, here.ticks) - here.utcNs - (nsAt(mine.fit, there.ticks) - there.utcNs);
  const knots = mine.fit.knots.map((knot) => ({ ...knot, ns: knot.ns + offset }));
  return { fit: { knots }, clock: { ...mine.clock, basis: 'utc', uncertainty: mine.clock.uncertainty + 50e6 } };
}

/** Straight between calibrations at least 50 ms apart; outside, the rate of the whole. */
function piecewise(own: readonly Point[], rate: number): Fit['knots'] {
  const chosen: Point[] = [];
  for (const point of own) {
    const last = chosen.at(-1);
    if (last === undefined || point.qpcNs - last.qpcNs >= 50e6) chosen.push(point);
  }
  return chosen.map((point, index) => {
    const next = chosen[index + 1];
    const slope = next === undefined ? rate : (next.qpcNs - point.qpcNs) / (next.ticks - point.ticks);
    return { ticks: point.ticks, ns: point.qpcNs, rate: slope };
  });
}

/** The worst miss of a calibration when it is predicted from its neighbours: reading noise and drift together. */
function leaveOneOut(own: readonly Point[]): number {
  let worst = own.length < 3 ? 9_000 : 0;
  for (let index = 1; index + 1 < own.length; index += 1) {
    const [a, b, c] = [own[index - 1], own[index], own[index + 1]];
    if (a === undefined || b === undefined || c === undefined || c.ticks === a.ticks) continue;
    const predicted = a.qpcNs + ((b.ticks - a.ticks) / (c.ticks - a.ticks)) * (c.qpcNs - a.qpcNs);
    worst = Math.max(worst, Math.abs(predicted - b.qpcNs));
  }
  return worst;
}

function leastSquares(
  points: readonly { readonly x: number; readonly y: number; readonly weight?: number }[],
): { origin: number; rate: number; span: number } | undefined {
  if (points.length < 2) return undefined;
  const total = points.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const meanX = points.reduce((sum, { x, weight = 1 }) => sum + x * weight, 0) / total;
  const meanY = points.reduce((sum, { y, weight = 1 }) => sum + y * weight, 0) / total;
  let square = 0;
  let product = 0;
  for (const { x, y, weight = 1 } of points) {
    square += weight * (x - meanX) ** 2;
    product += weight * (x - meanX) * (y - meanY);
  }
  const span = Math.max(...points.map(({ x }) => x)) - Math.min(...points.map(({ x }) => x));
  // Closer than about 100 us a rate would be mostly noise.
  if (span < 300_000) return undefined;
  const rate = product / square;
  return rate > 0 ? { origin: meanY - rate * meanX, rate, span } : undefined;
}

const bestRate = (sets: readonly (readonly Point[])[]): number | undefined =>
  sets
    .map((set) => leastSquares(set.map(({ ticks, qpcNs }) => ({ x: ticks, y: qpcNs }))))
    .filter((line) => line !== undefined)
    .sort((a, b) => b.span - a.span)[0]?.rate;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function knotAt(fit: Fit, ticks: number): Fit['knots'][number] {
  const { knots } = fit;
  let low = 0;
  let high = knots.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((knots[middle]?.ticks ?? Infinity) <= ticks) low = middle;
    else high = middle - 1;
  }
  return knots[low] ?? { ticks: 0, ns: 0, rate: ASSUMED_NS_PER_TICK };
}

/** A reading is trusted by the square of how quick it was. */
const weightOf = (point: Point): number => 1 / (300 + point.width) ** 2;

const rateAt = (fit: Fit, ticks: number): number => knotAt(fit, ticks).rate;

function nsAt(fit: Fit, ticks: number): number {
  const knot = knotAt(fit, ticks);
  return knot.ns + (ticks - knot.ticks) * knot.rate;
}

function startUtc(points: readonly Point[][], fits: readonly Fitted[], start: number): number {
  for (const [ordinal, own] of points.entries()) {
    const point = own[0];
    const fitted = fits[ordinal];
    if (point === undefined || fitted === undefined) continue;
    return (point.utcNs - (nsAt(fitted.fit, point.ticks) - start)) / 1e6;
  }
  return NaN;
}
