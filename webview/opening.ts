/** What the worker does: bytes of recordings to columns and their index. The same code runs without a worker, as tests do. */
import { buffersOf, type TimelineColumns } from '../trace/columns/columns.js';
import { decodeColumns, isColumns } from '../trace/columns/encode.js';
import { toColumns } from '../trace/columns/from-model.js';
import { buffersOfIndex, indexColumns, type ColumnIndex } from '../trace/columns/index-columns.js';
import { joinColumns, type Alignment } from '../trace/columns/join.js';
import { decodeEvtrace } from '../trace/evtrace.js';
import { buildModel } from '../trace/model/model.js';

export interface Picture {
  readonly columns: TimelineColumns;
  readonly index: ColumnIndex;
}

export interface Opened extends Picture {
  /** What is wrong with a recording, in words; what can be read is shown. */
  readonly problems: readonly string[];
}

/** @throws EventscopeError when nothing of it can be read */
export function openRecording(bytes: Uint8Array<ArrayBuffer>): {
  readonly columns: TimelineColumns;
  readonly problems: readonly string[];
} {
  if (isColumns(bytes)) return { columns: decodeColumns(bytes), problems: [] };
  const { recording, problems } = decodeEvtrace(bytes);
  return { columns: toColumns(buildModel(recording)), problems: problems.map(inWords) };
}

/** Several are one picture. */
export function pictureOf(parts: readonly TimelineColumns[], alignment: Alignment): Picture {
  const columns = joinColumns(parts, alignment);
  return { columns, index: indexColumns(columns) };
}

/** What can be handed over instead of being copied. */
export const transferables = ({ columns, index }: Picture): ArrayBuffer[] => [
  ...new Set([...buffersOf(columns), ...buffersOfIndex(index)]),
];

/** What went wrong, for a person: what, why, and what to do. */
export function inWords(error: unknown): string {
  if (error instanceof RangeError) return `There is not enough memory for this recording (${error.message}).`;
  return error instanceof Error ? error.message : String(error);
}
