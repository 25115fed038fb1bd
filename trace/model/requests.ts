/**
 * Requests and their completions, by the id that the application chose. Completing a request signals its overlapped
 * event, and sending one clears it first (NtDeviceIoControlFile does so with the event it is given).
 */
import type { Parts } from './model.js';
import { Kind } from './records.js';

export interface RequestLinks {
  /** Request record by Complete record. */
  readonly requestOf: ReadonlyMap<number, number>;
  /** Complete record by Request record. */
  readonly completeOf: ReadonlyMap<number, number>;
  /** Complete records that more than one open request fits. */
  readonly ambiguous: ReadonlySet<number>;
}

export function linkRequests({ records, order, clock }: Parts, objectOf: Int32Array): RequestLinks {
  const requestOf = new Map<number, number>();
  const completeOf = new Map<number, number>();
  const ambiguous = new Set<number>();
  const links = { requestOf, completeOf, ambiguous };
  if (!((records.ofKind[Kind.Complete] ?? 0) > 0)) return links;
  const slacks = clock.sources.map(({ uncertainty }) => Math.min(MOST_SLACK, uncertainty));
  const slackOf = (record: number): number => slacks[records.source[record] ?? 0] ?? 0;
  const most = Math.max(...slacks);
  const byId = new Map<number, RequestsOfId>();
  const completes: number[] = [];
  for (let at = 0; at < order.length; at += 1) {
    const record = order[at] ?? 0;
    const kind = records.kind[record] ?? 0;
    if (kind === Kind.Complete) completes.push(record);
    if (kind !== Kind.Request) continue;
    const id = records.argument[record] ?? 0;
    let requests = byId.get(id);
    if (requests === undefined) byId.set(id, (requests = new RequestsOfId(records.time)));
    requests.add(record);
  }
  for (const complete of completes) {
    const requests = byId.get(records.argument[complete] ?? 0);
    const latest = (records.time[complete] ?? 0) + (records.duration[complete] ?? 0) + slackOf(complete);
    const fits = (record: number): boolean => (records.time[record] ?? 0) - slackOf(record) <= latest;
    const [last, other] = requests?.lastOpen(latest + most, fits) ?? [];
    if (requests === undefined || last === undefined) continue;
    if (other !== undefined) ambiguous.add(complete);
    const request = requests.close(last);
    requestOf.set(complete, request);
    completeOf.set(request, complete);
    objectOf[complete] = objectOf[request] ?? -1;
  }
  return links;
}

/** ns: clocks that cannot be compared are taken to be no further apart. */
const MOST_SLACK = 1e9;

/** Requests of one id, in order of time. An application may use an id over and over: each is looked at a few times, however many there are. */
class RequestsOfId {
  readonly #time: Float64Array;
  readonly #records: number[] = [];
  /** By place + 1: the place + 1 itself while its request is open, else one before it; 0: none. */
  readonly #open: number[] = [0];

  constructor(time: Float64Array) {
    this.#time = time;
  }

  add(record: number): void {
    this.#open.push(this.#records.push(record));
  }

  /** Places of the last two open ones that began by `latest` (ns) and fit. */
  lastOpen(latest: number, fits: (record: number) => boolean): number[] {
    const found: number[] = [];
    let at = this.#lastOpenUpTo(this.#countBy(latest));
    for (; at > 0 && found.length < 2; at = this.#lastOpenUpTo(at - 1))
      if (fits(this.#records[at - 1] ?? -1)) found.push(at - 1);
    return found;
  }

  /** Returns its record. */
  close(place: number): number {
    this.#open[place + 1] = place;
    return this.#records[place] ?? -1;
  }

  #countBy(latest: number): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#time[this.#records[middle] ?? 0] ?? 0) <= latest) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Shortens the way for those who come after. */
  #lastOpenUpTo(from: number): number {
    const open = this.#open;
    let at = from;
    for (let before = open[at] ?? 0; before !== at; before = open[at] ?? 0) {
      open[at] = open[before] ?? 0;
      at = open[at] ?? 0;
    }
    return at;
  }
}
