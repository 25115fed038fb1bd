/**
 * What names a transition or a wait however its row moves: where its record lies in the rings. Rows move when a recording
 * grows, and when it is read again from its file; records stay.
 */
import { laneOfRow, type TimelineColumns } from './columns.js';

export interface RowKey {
  /** Ordinal of the source. */
  readonly source: number;
  readonly ring: number;
  /** Modulo 2^32. */
  readonly slot: number;
  /** Of an object's row, what the object is called: a wait for all takes from several at once. */
  readonly label: string;
}

export function keyOfTransition({ transitions, threads, objects }: TimelineColumns, row: number): RowKey {
  return {
    source: threads[transitions.thread[row] ?? -1]?.source ?? -1,
    ...{ ring: transitions.ring[row] ?? 0, slot: transitions.slot[row] ?? 0 },
    label: objects[laneOfRow(transitions.first, row)]?.label ?? '',
  };
}

export function keyOfWait({ waits, threads }: TimelineColumns, row: number): RowKey {
  const source = threads[laneOfRow(waits.first, row)]?.source ?? -1;
  return { source, ring: waits.ring[row] ?? 0, slot: waits.slot[row] ?? 0, label: '' };
}

/** Row of the transitions, -1 when it is not there. A walk over all of them, some ms for ten million. */
export function transitionOfKey(columns: TimelineColumns, key: RowKey): number {
  const { slot, ring, thread, first } = columns.transitions;
  let found = -1;
  for (let row = slot.indexOf(key.slot); row >= 0; row = slot.indexOf(key.slot, row + 1)) {
    if (ring[row] !== key.ring || columns.threads[thread[row] ?? -1]?.source !== key.source) continue;
    if (columns.objects[laneOfRow(first, row)]?.label === key.label) return row;
    // An unnamed object's label may count otherwise than before.
    if (found < 0) found = row;
  }
  return found;
}

/** Row of the waits, -1 when it is not there. */
export function waitOfKey(columns: TimelineColumns, key: RowKey): number {
  const { slot, ring, first } = columns.waits;
  for (let row = slot.indexOf(key.slot); row >= 0; row = slot.indexOf(key.slot, row + 1)) {
    if (ring[row] === key.ring && columns.threads[laneOfRow(first, row)]?.source === key.source) return row;
  }
  return -1;
}
