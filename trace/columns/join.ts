/** Several recordings in one picture: each is a run of its own, on one clock or each from its own beginning. */
import { columnsOf, type Column, type RunMark, type TimelineColumns } from './columns.js';

/**
 * 'clock': as they happened, by UTC (where a recording does not know it, it begins at 0). 'start': each begins at 0, to be
 * compared.
 */
export type Alignment = 'clock' | 'start';

export function joinColumns(parts: readonly TimelineColumns[], alignment: Alignment): TimelineColumns {
  const [first] = parts;
  if (first === undefined) throw new RangeError('There is no recording to show');
  if (parts.length === 1) return first;
  const shifts = shiftsOf(parts, alignment);
  const places = placesOf(parts);
  const starts = parts.flatMap(({ startUtcMs }) => (startUtcMs === null ? [] : [startUtcMs]));
  const each = <T>(make: (part: TimelineColumns, at: number) => readonly T[]): T[] => parts.flatMap(make);
  const shift = (at: number): number => shifts[at] ?? 0;
  const place = (at: number): Place => places[at] ?? ORIGIN;
  return {
    title: parts.map(({ title }) => title).join(' and '),
    target: [...new Set(parts.map(({ target }) => target))].join(', '),
    startUtcMs: alignment === 'clock' && starts.length > 0 ? Math.min(...starts) : null,
    end: Math.max(...parts.map(({ end }, at) => end + shift(at))),
    runs: each((part, at) => runsOf(part).map((run) => moved(run, shift(at)))),
    objects: each((part, at) =>
      part.objects.map((head) => ({
        ...head,
        id: head.id + place(at).object,
        run: runOf(part, head.run, place(at)),
        until: head.until + shift(at),
      })),
    ),
    threads: each((part, at) =>
      part.threads.map((head) => ({
        ...head,
        ...{ id: head.id + place(at).thread, source: head.source + place(at).source },
        ...{ first: head.first + shift(at), last: head.last + shift(at), run: runOf(part, head.run, place(at)) },
      })),
    ),
    gaps: each((part, at) =>
      part.gaps.map((gap) => ({ ...moved(gap, shift(at)), source: gap.source + place(at).source })),
    ),
    stops: each((part, at) => part.stops.map((stop) => moved(stop, shift(at)))).sort((a, b) => a.from - b.from),
    callers: each((part) => part.callers),
    ...joinTables(parts, shifts, places),
  };
}

interface Place {
  readonly object: number;
  readonly thread: number;
  readonly caller: number;
  readonly run: number;
  readonly source: number;
  readonly transition: number;
  readonly wait: number;
  readonly call: number;
  readonly candidate: number;
}
const ORIGIN: Place = {
  ...{ object: 0, thread: 0, caller: 0, run: 0, source: 0, transition: 0, wait: 0, call: 0, candidate: 0 },
};

function placesOf(parts: readonly TimelineColumns[]): readonly Place[] {
  const places: Place[] = [];
  let next = ORIGIN;
  for (const part of parts) {
    places.push(next);
    const sources = [...part.threads, ...part.gaps].reduce((most, { source }) => Math.max(most, source + 1), 0);
    next = {
      object: next.object + part.objects.length,
      thread: next.thread + part.threads.length,
      caller: next.caller + part.callers.length,
      run: next.run + runsOf(part).length,
      source: next.source + sources,
      transition: next.transition + part.transitions.time.length,
      wait: next.wait + part.waits.begin.length,
      call: next.call + part.calls.time.length,
      candidate: next.candidate + part.edges.candidates.length,
    };
  }
  return places;
}

function shiftsOf(parts: readonly TimelineColumns[], alignment: Alignment): readonly number[] {
  const starts = parts.flatMap(({ startUtcMs }) => (startUtcMs === null ? [] : [startUtcMs]));
  const zero = Math.min(...starts);
  return parts.map(({ startUtcMs }) => (alignment === 'start' || startUtcMs === null ? 0 : (startUtcMs - zero) * 1e6));
}

const runsOf = (part: TimelineColumns): readonly RunMark[] =>
  part.runs.length > 0 ? part.runs : [{ label: part.title, from: 0, until: part.end }];

const runOf = (part: TimelineColumns, run: number, { run: place }: Place): number =>
  part.runs.length === 0 ? place : run < 0 ? -1 : place + run;

const moved = <T extends { readonly from: number; readonly until: number }>(mark: T, by: number): T => ({
  ...mark,
  from: mark.from + by,
  until: mark.until + by,
});

/** What is added to the entries of a column, other than NONE, of one part. */
const OFFSETS: Readonly<Record<string, (place: Place, shift: number) => number>> = {
  'transitions.time': (_place, shift) => shift,
  'waits.begin': (_place, shift) => shift,
  'waits.end': (_place, shift) => shift,
  'calls.time': (_place, shift) => shift,
  'transitions.first': ({ transition }) => transition,
  'transitions.thread': ({ thread }) => thread,
  'transitions.caller': ({ caller }) => caller,
  'transitions.wait': ({ wait }) => wait,
  'waits.first': ({ wait }) => wait,
  'waits.object': ({ object }) => object,
  'waits.caller': ({ caller }) => caller,
  'calls.first': ({ call }) => call,
  'edges.wait': ({ wait }) => wait,
  'edges.object': ({ object }) => object,
  'edges.signal': ({ transition }) => transition,
  'edges.firstCandidate': ({ candidate }) => candidate,
  'edges.candidates': ({ transition }) => transition,
};
/** Each part has one entry more than it has lanes: the last is the next part's first. */
const BEGINNINGS: ReadonlySet<string> = new Set([
  ...['transitions.first', 'waits.first', 'calls.first', 'edges.firstCandidate'],
]);

function joinTables(
  parts: readonly TimelineColumns[],
  shifts: readonly number[],
  places: readonly Place[],
): Pick<TimelineColumns, 'transitions' | 'waits' | 'calls' | 'edges'> {
  const tables: Record<string, Record<string, Column>> = {};
  const columns = parts.map((part) => new Map(columnsOf(part)));
  for (const [name, sample] of columns[0] ?? []) {
    const lists = columns.map((map) => map.get(name) ?? sample);
    const shared = BEGINNINGS.has(name) ? lists.length - 1 : 0;
    const joined = emptyLike(sample, lists.reduce((sum, { length }) => sum + length, 0) - shared);
    const offset = OFFSETS[name];
    let at = 0;
    lists.forEach((list, part) => {
      const by = offset?.(places[part] ?? ORIGIN, shifts[part] ?? 0) ?? 0;
      const isTime = name.endsWith('time') || name === 'waits.begin' || name === 'waits.end';
      const count = BEGINNINGS.has(name) && part < lists.length - 1 ? list.length - 1 : list.length;
      if (by === 0) joined.set(list.subarray(0, count), at);
      else {
        for (let entry = 0; entry < count; entry += 1) {
          const value = list[entry] ?? 0;
          joined[at + entry] = value < 0 && !isTime ? value : value + by;
        }
      }
      at += count;
    });
    const [table = '', column = ''] = name.split('.');
    (tables[table] ??= {})[column] = joined;
  }
  return tables as unknown as Pick<TimelineColumns, 'transitions' | 'waits' | 'calls' | 'edges'>;
}

const emptyLike = (column: Column, length: number): Column =>
  new (column.constructor as new (length: number) => Column)(length);
