/** What the worker does: bytes of recordings to columns and their index. The same code runs without a worker, as tests do. */
import { EventscopeError } from '../protocol/errors.js';
import { buffersOf, type TimelineColumns } from '../trace/columns/columns.js';
import { decodeColumns, isColumns } from '../trace/columns/encode.js';
import { intoColumns } from '../trace/columns/from-model.js';
import { buffersOfIndex, indexColumns, type ColumnIndex } from '../trace/columns/index-columns.js';
import { joinColumns, type Alignment } from '../trace/columns/join.js';
import { EvtraceStream } from '../trace/evtrace.js';
import { drawnModelOf } from '../trace/model/model.js';
import { RecordReader } from '../trace/model/record-reader.js';
import { SLOT_BYTES } from '../trace/recording.js';

export interface Picture {
  readonly columns: TimelineColumns;
  readonly index: ColumnIndex;
}

export interface Opened extends Picture {
  /** What is wrong with a recording, in words; what can be read is shown. */
  readonly problems: readonly string[];
}

/** A recording that comes in pieces. Its slots are read as they come, and not kept: there are far more of them than of columns. */
export class Opening {
  readonly #size: number;
  #received = 0;
  #reading: Reading | undefined;

  /** `size`: bytes of the whole. */
  constructor(size: number) {
    this.#size = size;
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
    this.#reading ??= isColumns(piece) ? new ReadingColumns(this.#size) : new ReadingSlots(this.#size);
    this.#received += piece.length;
    this.#reading.push(piece);
  }

  /** @throws EventscopeError when nothing of it can be read */
  finish(): { readonly columns: TimelineColumns; readonly problems: readonly string[] } {
    return (this.#reading ?? new ReadingSlots(this.#size)).finish();
  }
}

interface Reading {
  push(piece: Uint8Array): void;
  finish(): ReturnType<Opening['finish']>;
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

  finish(): ReturnType<Opening['finish']> {
    return { columns: decodeColumns(this.#bytes), problems: [] };
  }
}

class ReadingSlots implements Reading {
  readonly #records: RecordReader;
  readonly #stream: EvtraceStream;

  constructor(size: number) {
    const records = new RecordReader(Math.ceil(size / SLOT_BYTES));
    this.#records = records;
    this.#stream = new EvtraceStream(size, (source, chunk) => records.take(source, chunk));
  }

  push(piece: Uint8Array): void {
    this.#stream.push(piece);
  }

  finish(): ReturnType<Opening['finish']> {
    const { recording, problems } = this.#stream.finish();
    const columns = intoColumns(drawnModelOf(recording, this.#records.finish(recording)));
    return { columns, problems: problems.map(inWords) };
  }
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
