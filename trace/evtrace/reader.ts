/** Reads `.evtrace` files: whole ones, and cut or damaged ones as far as they can be trusted. */
import type { EventscopeError } from '../../protocol/errors.js';
import {
  MAX_SOURCES,
  SLOT_BYTES,
  isSlotIndex,
  type LogLine,
  type Recording,
  type RecordingMetadata,
  type RecordingSource,
  type SlotChunk,
} from '../recording.js';
import { ChunkReader, RECORD_AGAIN, problem, type Chunk } from './chunks.js';
import { SLOTS_HEAD_BYTES, TYPE } from './format.js';
import { checked, endSchema, logSchema, metadataSchema, sourceSchema } from './schemas.js';

const MAX_LINES = 1_000_000;

export interface EvtraceReading {
  readonly recording: Recording;
  /** What is wrong with the file, first one first; empty when it is whole. */
  readonly problems: readonly EventscopeError[];
}

/**
 * Reads a file. Slots stay views of `bytes`. A cut or damaged file is read as far as it can be trusted, and `problems`
 * says what is left out; what is no `.evtrace`, is of a newer version, or has no metadata throws.
 */
export function decodeEvtrace(bytes: Uint8Array): EvtraceReading {
  const chunks: SlotChunk[] = [];
  const stream = new EvtraceStream(bytes.length, (_source, chunk) => {
    chunks.push(chunk);
    return 0;
  });
  stream.push(bytes);
  const { recording, problems } = stream.finish();
  return { recording: { ...recording, chunks }, problems };
}

/**
 * Takes the slots of a file as they are read, with the ordinal of their source; the bytes are not to be kept. Returns how many of
 * them it left out because they lie before others of their ring that it had already.
 */
export type TakeSlots = (source: number, chunk: SlotChunk) => number;

/** Reads a file that comes in pieces, and keeps nothing of its slots. */
export class EvtraceStream {
  readonly #contents: Contents;
  readonly #reader: ChunkReader;
  readonly #size: number;

  /** `size`: bytes of the whole file. */
  constructor(size: number, take: TakeSlots) {
    this.#size = size;
    this.#contents = new Contents(take);
    this.#reader = new ChunkReader(size, (chunk) => this.#take(chunk));
  }

  /** The next bytes of the file. @throws EventscopeError when this is no `.evtrace`, or one of another version */
  push(piece: Uint8Array): void {
    this.#reader.push(piece);
  }

  /** Everything but the slots. @throws EventscopeError when it has no metadata, and what `push` throws */
  finish(): EvtraceReading {
    this.#reader.finish();
    return this.#contents.finish(this.#reader, this.#size);
  }

  #take(chunk: Chunk): boolean {
    try {
      return this.#contents.take(chunk);
    } catch (error) {
      this.#reader.problems.push(
        problem(
          'damaged',
          `Chunk ${chunk.number} (${chunk.type}, at byte ${chunk.start}) of the .evtrace file does not hold what it should`,
          error instanceof Error ? error.message : String(error),
          'The rest of the file was read',
        ),
      );
      return false;
    }
  }
}

/** What the chunks hold, gathered. */
class Contents {
  #metadata: RecordingMetadata | undefined;
  readonly #sources = new Map<number, RecordingSource>();
  /** Ordinals by id. */
  readonly #ordinals = new Map<number, number>();
  readonly #takeChunk: TakeSlots;
  readonly #log: LogLine[] = [];
  #dropped: Recording['dropped'] = { slots: 0, lines: 0 };
  #slots = 0n;
  #late = 0;
  #promised: bigint | undefined;

  constructor(take: TakeSlots) {
    this.#takeChunk = take;
  }

  /** Returns true at the end mark. */
  take(chunk: Chunk): boolean {
    switch (chunk.type) {
      case TYPE.metadata:
        this.#metadata = checked(metadataSchema, chunk.payload) as RecordingMetadata;
        return false;
      case TYPE.source: {
        const source = checked(sourceSchema, chunk.payload) as RecordingSource;
        if (!this.#sources.has(source.id) && this.#sources.size >= MAX_SOURCES) throw new Error('too many sources');
        if (!this.#sources.has(source.id)) this.#ordinals.set(source.id, this.#sources.size);
        this.#sources.set(source.id, source);
        return false;
      }
      case TYPE.slots:
        this.#takeSlots(chunk.payload);
        return false;
      case TYPE.log: {
        const { lines } = checked(logSchema, chunk.payload);
        if (this.#log.length + lines.length > MAX_LINES) throw new Error(`more than ${MAX_LINES} log lines`);
        for (const line of lines) this.#log.push(line as LogLine);
        return false;
      }
      case TYPE.end: {
        const end = checked(endSchema, chunk.payload);
        this.#dropped = end.dropped;
        this.#promised = end.slots;
        return true;
      }
      default:
        if (/^[a-z]/.test(chunk.type)) return false;
        throw new Error(`its type is unknown to this Eventscope`);
    }
  }

  #takeSlots(payload: Uint8Array): void {
    if (payload.length < SLOTS_HEAD_BYTES) throw new Error('it is shorter than its own head');
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const bytes = payload.subarray(SLOTS_HEAD_BYTES);
    const slots = view.getUint32(24, true);
    if (slots * SLOT_BYTES !== bytes.length) throw new Error(`it promises ${slots} slots in ${bytes.length} bytes`);
    const source = this.#sources.get(view.getUint32(0, true));
    const ring = view.getUint32(4, true);
    if (source === undefined) throw new Error(`it names source ${view.getUint32(0, true)}, which is not described`);
    if (ring >= source.ringCount) throw new Error(`it names ring ${ring} of ${source.ringCount}`);
    const [firstSlot, lost] = [view.getBigUint64(8, true), view.getBigUint64(16, true)];
    if (!isSlotIndex(firstSlot)) throw new Error(`it names slot ${firstSlot}, which no ring comes to`);
    this.#slots += BigInt(slots);
    const chunk = { source: source.id, ring, firstSlot, lost, bytes };
    this.#late += this.#takeChunk(this.#ordinals.get(source.id) ?? 0, chunk);
  }

  finish(reader: ChunkReader, length: number): EvtraceReading {
    const problems = reader.problems.slice();
    if (this.#metadata === undefined) {
      throw (
        problems[0] ??
        problem('damaged', 'The .evtrace file says nothing about its recording', 'no metadata chunk', RECORD_AGAIN)
      );
    }
    if (this.#promised === undefined && problems.every(({ id }) => id !== 'evtrace.cut')) {
      problems.push(
        problem(
          'cut',
          'The .evtrace file has no end mark',
          `it was cut after byte ${reader.position}, or its recording was interrupted: what came later is missing`,
          'What was read is shown',
        ),
      );
    }
    if (this.#promised !== undefined && reader.position < length) {
      problems.push(
        problem(
          'damaged',
          'The .evtrace file goes on behind its end mark',
          `${length - reader.position} bytes are left out`,
          RECORD_AGAIN,
        ),
      );
    }
    if (this.#promised !== undefined && this.#promised !== this.#slots) {
      problems.push(
        problem(
          'incomplete',
          'The .evtrace file holds fewer slots than it was given',
          `${this.#slots} of ${this.#promised}`,
          'The missing ones are shown as gaps',
        ),
      );
    }
    if (this.#late > 0) {
      problems.push(
        problem(
          'order',
          'The .evtrace file holds slots in disorder',
          `${this.#late} come behind later ones of their ring, and are left out here`,
          'The command line reads them: eventscope trace show',
        ),
      );
    }
    const recording: Recording = {
      metadata: this.#metadata,
      sources: [...this.#sources.values()],
      chunks: [],
      log: this.#log,
      dropped: this.#dropped,
    };
    return { recording, problems };
  }
}
