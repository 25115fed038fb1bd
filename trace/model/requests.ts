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

export function linkRequests(parts: Parts, objectOf: Int32Array): RequestLinks {
  const { records, order } = parts;
  const open = new Map<number, number[]>();
  const requestOf = new Map<number, number>();
  const completeOf = new Map<number, number>();
  const ambiguous = new Set<number>();
  const uncertainty = (record: number): number => parts.clock.sources[records.source[record] ?? 0]?.uncertainty ?? 0;
  const completes: number[] = [];
  const any = (records.ofKind[Kind.Complete] ?? 0) > 0;
  for (let at = 0; any && at < order.length; at += 1) {
    const record = order[at] ?? 0;
    const kind = records.kind[record] ?? 0;
    if (kind === Kind.Complete) completes.push(record);
    if (kind === Kind.Request) {
      const id = records.argument[record] ?? 0;
      const list = open.get(id);
      if (list === undefined) open.set(id, [record]);
      else list.push(record);
    }
  }
  for (const complete of completes) {
    const latest =
      (records.time[complete] ?? 0) + (records.duration[complete] ?? 0) + Math.min(1e9, uncertainty(complete));
    const fitting = (open.get(records.argument[complete] ?? 0) ?? []).filter(
      (request) =>
        (records.time[request] ?? 0) - Math.min(1e9, uncertainty(request)) <= latest && !completeOf.has(request),
    );
    const request = fitting.at(-1);
    if (request === undefined) continue;
    if (fitting.length > 1) ambiguous.add(complete);
    requestOf.set(complete, request);
    completeOf.set(request, complete);
    objectOf[complete] = objectOf[request] ?? -1;
  }
  return { requestOf, completeOf, ambiguous };
}
