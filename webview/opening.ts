/** What the worker does: bytes of recordings to columns and their index. The same code runs without a worker, as tests do. */
import { EventscopeError } from '../protocol/errors.js';
import { buffersOf, noEdges, type Column, type EdgeColumns, type TimelineColumns } from '../trace/columns/columns.js';
import { decodeColumns, isColumns } from '../trace/columns/encode.js';
import { intoColumnsBeforeEdges } from '../trace/columns/from-model.js';
import {
  buffersOfIndex,
  edgesBySignal,
  indexColumns,
  type ColumnIndex,
  type EdgeIndex,
} from '../trace/columns/index-columns.js';
import { joinColumns, type Alignment } from '../trace/columns/join.js';
import { EvtraceStream } from '../trace/evtrace.js';
import { drawnModelOf } from '../trace/model/model.js';
import { RecordReader } from '../trace/model/record-reader.js';
import { SLOT_BYTES } from '../trace/recording.js';

export interface Picture {
  readonly columns: TimelineColumns;
  readonly index: ColumnIndex;
}

export interface Opened {
  readonly columns: TimelineColumns;
  /** What is wrong with a recording, in words; what can be read is shown. */
  readonly problems: readonly string[];
  /** Of very many edges the columns have none yet: this makes them, once. Nobody sees them before pointing at something. */
  readonly edges: (() => Edges) | undefined;
}

/** What a picture without edges lacks. */
export interface Edges {
  readonly edges: EdgeColumns;
  readonly index: EdgeIndex;
}

/** So many edges take longer than the eye does. */
export const MANY_EDGES = 50_000;

/** A recording that comes in pieces. Its slots are read as they come, and not kept: there are far more of them than of columns. */
export class Opening {
  readonly #size: number;
  readonly #manyEdges: number;
  #received = 0;
  #reading: Reading | undefined;

  /** `size`: bytes of the whole. `manyEdges`: of more than these the picture comes first. */
  constructor(size: number, manyEdges = MANY_EDGES) {
    this.#size = size;
    this.#manyEdges = manyEdges;
  }

  /** All of it came. */
  get whole(): boolean {
    return this.#received === this.#size;
  }

  /** @throws EventscopeError when it is not the next piece, or of nothing that can be read */
  push(at: number, piece: Uint8Array): void {
    // In order, so that "all are there" is a count.
    if (at !== this.#received || piece.length > this.#size - at) {
      throw new EventscopeError({
        ...{ id: 'timeline.pieces', what: 'The recording did not arrive whole' },
        ...{ why: `${piece.length} bytes came for place ${at}, after ${this.#received} of ${this.#size}` },
        next: 'Open it again',
      });
    }
    this.#reading ??= isColumns(piece) ? new ReadingColumns(this.#size) : new ReadingSlots(this.#size, this.#manyEdges);
    this.#received += piece.length;
    this.#reading.push(piece);
  }

  /** @throws EventscopeError when nothing of it can be read */
  finish(): Opened {
    return (this.#reading ?? new ReadingSlots(this.#size, this.#manyEdges)).finish();
  }
}

interface Reading {
  push(piece: Uint8Array): void;
  finish(): Opened;
}

class ReadingColumns implements Reading {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  push(piece: Uint8Array): void {
    this.#bytes.set(piece, this.#at);
    this.#at += piece.length;
  }

  finish(): Opened {
    return { columns: decodeColumns(this.#bytes), problems: [], edges: undefined };
  }
}

class ReadingSlots implements Reading {
  readonly #records: RecordReader;
  readonly #stream: EvtraceStream;
  readonly #manyEdges: number;

  constructor(size: number, manyEdges: number) {
    this.#manyEdges = manyEdges;
    const records = new RecordReader(Math.ceil(size / SLOT_BYTES));
    this.#records = records;
    this.#stream = new EvtraceStream(size, (source, chunk) => records.take(source, chunk));
  }

  push(piece: Uint8Array): void {
    this.#stream.push(piece);
  }

  finish(): Opened {
    const { recording, problems } = this.#stream.finish();
    const before = intoColumnsBeforeEdges(drawnModelOf(recording, this.#records.finish(recording)));
    // Of several runs the first wake of one is what is shown first.
    const later = before.count > this.#manyEdges && before.columns.runs.length === 0;
    const rows = before.columns.transitions.time.length;
    const makeEdges = (): Edges => {
      const edges = before.edges();
      return { edges, index: edgesBySignal(edges, rows) };
    };
    return {
      columns: { ...before.columns, edges: later ? noEdges() : before.edges() },
      problems: problems.map(inWords),
      edges: later ? makeEdges : undefined,
    };
  }
}

/** Several are one picture. */
export function pictureOf(parts: readonly TimelineColumns[], alignment: Alignment): Picture {
  const columns = joinColumns(parts, alignment);
  return { columns, index: indexColumns(columns) };
}

export const withEdges = ({ columns, index }: Picture, { edges, index: ofEdges }: Edges): Picture => ({
  columns: { ...columns, edges },
  index: { ...index, ...ofEdges },
});

/** What can be handed over instead of being copied. */
export const transferables = ({ columns, index }: Picture): ArrayBuffer[] => [
  ...new Set([...buffersOf(columns), ...buffersOfIndex(index)]),
];

export const transferablesOfEdges = ({ edges, index }: Edges): ArrayBuffer[] =>
  Object.values<Column>({ ...edges, ...index }).map(({ buffer }) => buffer as ArrayBuffer);

/** What went wrong, for a person: what, why, and what to do. */
export function inWords(error: unknown): string {
  if (error instanceof RangeError) return `There is not enough memory for this recording (${error.message}).`;
  return error instanceof Error ? error.message : String(error);
}
