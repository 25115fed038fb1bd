/**
 * The `.evtrace` file (docs/evtrace.md): a recording in checked chunks, written as it comes and readable up to wherever
 * it was cut.
 */
import * as v from 'valibot';
import { EventscopeError } from '../protocol/errors.js';
import { crc32 } from './crc32.js';
import {
  MAX_RINGS,
  MAX_SOURCES,
  SLOT_BYTES,
  type LogLine,
  type Recording,
  type RecordingMetadata,
  type RecordingSource,
  type SlotChunk,
} from './recording.js';

export const EVTRACE_VERSION = 1;
export const FILE_HEAD_BYTES = 16;
export const CHUNK_HEAD_BYTES = 20;
export const MAX_CHUNK_BYTES = 64 * 1024 * 1024;
/** Chunks that hold JSON. */
export const MAX_TEXT_CHUNK_BYTES = 4 * 1024 * 1024;
const SLOTS_HEAD_BYTES = 32;
const MAX_LINES = 1_000_000;

/** "EVTRACE" and a byte that a text-mode transfer would spoil. */
const MAGIC = Uint8Array.of(0x45, 0x56, 0x54, 0x52, 0x41, 0x43, 0x45, 0x1a);

/** Four letters each. A reader skips a type that it does not know when the first letter is small. */
const TYPE = { metadata: 'META', source: 'SRCE', slots: 'SLOT', log: 'LOGL', end: 'DONE' } as const;

// ---------------------------------------------------------------------------------------------------------- writing

/** Makes the file's bytes piece by piece; the pieces in order are the file. */
export class EvtraceWriter {
  #sequence = 0;
  #slots = 0n;

  begin(metadata: RecordingMetadata): Uint8Array {
    const head = new Uint8Array(FILE_HEAD_BYTES);
    head.set(MAGIC);
    const view = new DataView(head.buffer);
    view.setUint16(8, EVTRACE_VERSION, true);
    view.setUint16(10, FILE_HEAD_BYTES, true);
    view.setUint32(12, crc32(head.subarray(0, 12)), true);
    return joined([head, this.metadata(metadata)]);
  }

  /** May come again: the later one holds. */
  metadata(metadata: RecordingMetadata): Uint8Array {
    return this.#text(TYPE.metadata, metadata);
  }

  /** May come again for one id: the later one holds. */
  source(source: RecordingSource): Uint8Array {
    return this.#text(TYPE.source, source);
  }

  slots(chunk: SlotChunk): Uint8Array {
    const perChunk = Math.floor((MAX_CHUNK_BYTES - SLOTS_HEAD_BYTES) / SLOT_BYTES) * SLOT_BYTES;
    if (chunk.bytes.length <= perChunk) return this.#slotChunk(chunk);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < chunk.bytes.length; at += perChunk) {
      const bytes = chunk.bytes.subarray(at, at + perChunk);
      pieces.push(this.#slotChunk({ ...chunk, firstSlot: chunk.firstSlot + BigInt(at / SLOT_BYTES), bytes }));
    }
    return joined(pieces);
  }

  log(lines: readonly LogLine[]): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < lines.length; at += LINES_PER_CHUNK) {
      pieces.push(this.#text(TYPE.log, { lines: lines.slice(at, at + LINES_PER_CHUNK).map(shortLine) }));
    }
    return joined(pieces);
  }

  end(dropped: Recording['dropped'] = { slots: 0, lines: 0 }): Uint8Array {
    return this.#text(TYPE.end, { slots: this.#slots.toString(), dropped });
  }

  #slotChunk(chunk: SlotChunk): Uint8Array {
    const payload = new Uint8Array(SLOTS_HEAD_BYTES + chunk.bytes.length);
    const view = new DataView(payload.buffer);
    const count = chunk.bytes.length / SLOT_BYTES;
    view.setUint32(0, chunk.source, true);
    view.setUint32(4, chunk.ring, true);
    view.setBigUint64(8, chunk.firstSlot, true);
    view.setBigUint64(16, chunk.lost, true);
    view.setUint32(24, count, true);
    payload.set(chunk.bytes, SLOTS_HEAD_BYTES);
    this.#slots += BigInt(count);
    return this.#chunk(TYPE.slots, payload);
  }

  #text(type: string, content: unknown): Uint8Array {
    const json = JSON.stringify(content, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    return this.#chunk(type, new TextEncoder().encode(json));
  }

  #chunk(type: string, payload: Uint8Array): Uint8Array {
    const chunk = new Uint8Array(CHUNK_HEAD_BYTES + payload.length);
    for (let index = 0; index < 4; index += 1) chunk[index] = type.charCodeAt(index);
    const view = new DataView(chunk.buffer);
    view.setUint32(4, payload.length, true);
    view.setUint32(8, this.#sequence, true);
    view.setUint32(12, crc32(payload), true);
    view.setUint32(16, crc32(chunk.subarray(0, 16)), true);
    chunk.set(payload, CHUNK_HEAD_BYTES);
    this.#sequence += 1;
    return chunk;
  }
}

/** A line longer than this is cut, so that a chunk of them fits its limit whatever JSON has to escape. */
const MAX_LINE_CHARACTERS = 1_000;
const LINES_PER_CHUNK = 500;
const shortLine = (line: LogLine): LogLine =>
  line.text.length <= MAX_LINE_CHARACTERS ? line : { ...line, text: `${line.text.slice(0, MAX_LINE_CHARACTERS - 1)}…` };

/** The whole file of a finished recording. */
export function encodeEvtrace(recording: Recording): Uint8Array {
  const writer = new EvtraceWriter();
  const pieces = [writer.begin(recording.metadata)];
  for (const source of recording.sources) pieces.push(writer.source(source));
  for (const chunk of recording.chunks) pieces.push(writer.slots(chunk));
  pieces.push(writer.log(recording.log), writer.end(recording.dropped));
  return joined(pieces);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const only = pieces[0];
  if (pieces.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

// ---------------------------------------------------------------------------------------------------------- reading

export interface EvtraceReading {
  readonly recording: Recording;
  /** What is wrong with the file, first one first; empty when it is whole. */
  readonly problems: readonly EventscopeError[];
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const u32 = v.pipe(count, v.maxValue(0xffff_ffff));
const text = v.pipe(v.string(), v.maxLength(32_768));
const moment = v.pipe(v.number(), v.finite());
const decimal = v.pipe(
  v.string(),
  v.regex(/^\d{1,20}$/),
  v.transform((digits) => BigInt(digits)),
);

const metadataSchema = v.object({
  target: text,
  host: text,
  versions: v.record(text, text),
  title: v.optional(text),
  startUtcMs: moment,
  endUtcMs: v.optional(moment),
});
const sourceSchema = v.object({
  id: v.pipe(u32, v.maxValue(0xffff)),
  side: v.picklist(['kernel', 'user']),
  description: text,
  process: v.optional(u32),
  session: v.optional(u32),
  machine: v.optional(text),
  ringCount: v.pipe(u32, v.minValue(1), v.maxValue(MAX_RINGS)),
  slotsPerRing: u32,
  end: v.optional(
    v.object({
      lost: v.optional(decimal),
      exitUtcMs: v.optional(moment),
      exitCode: v.optional(u32),
      error: v.optional(text),
    }),
  ),
});
const logSchema = v.object({
  lines: v.pipe(
    v.array(
      v.object({
        utcMs: moment,
        channel: v.picklist(['application', 'dbgprint']),
        text,
        process: v.optional(u32),
      }),
    ),
    v.maxLength(1_000),
  ),
});
const endSchema = v.object({ slots: decimal, dropped: v.object({ slots: count, lines: count }) });

interface ChunkHead {
  readonly number: number;
  readonly type: string;
  readonly start: number;
  readonly payload: Uint8Array;
}

const problem = (id: string, what: string, why: string, next: string): EventscopeError =>
  new EventscopeError({ id: `evtrace.${id}`, what, why, next });
const RECORD_AGAIN = 'Record the trace again, or copy the file again from where it was made';

/**
 * Reads a file. Slots stay views of `bytes`. A cut or damaged file is read as far as it can be trusted, and `problems`
 * says what is left out; what is no `.evtrace`, is of a newer version, or has no metadata throws.
 */
export function decodeEvtrace(bytes: Uint8Array): EvtraceReading {
  checkFileHead(bytes);
  const reader = new ChunkReader(bytes);
  const contents = new Contents();
  for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) {
    try {
      if (contents.take(chunk)) break;
    } catch (error) {
      reader.problems.push(
        problem(
          'damaged',
          `Chunk ${chunk.number} (${chunk.type}, at byte ${chunk.start}) of the .evtrace file does not hold what it should`,
          error instanceof Error ? error.message : String(error),
          'The rest of the file was read',
        ),
      );
    }
  }
  return contents.finish(reader, bytes.length);
}

function checkFileHead(bytes: Uint8Array): void {
  const notOurs = (why: string): EventscopeError =>
    problem('notEvtrace', 'This is not an .evtrace file', why, 'Choose a file written by Eventscope');
  if (bytes.length < FILE_HEAD_BYTES) throw notOurs(`it has ${bytes.length} bytes, fewer than the head of one`);
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) throw notOurs('it does not begin with the mark of one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(12, true) !== crc32(bytes.subarray(0, 12))) {
    throw problem('damaged', 'The .evtrace file is damaged', 'its head has a wrong checksum', RECORD_AGAIN);
  }
  const version = view.getUint16(8, true);
  if (version !== EVTRACE_VERSION) {
    throw problem(
      'version',
      `The .evtrace file is of version ${version}, and this Eventscope reads version ${EVTRACE_VERSION}`,
      version > EVTRACE_VERSION ? 'the file is newer than the program' : 'there was never such a version',
      'Update Eventscope',
    );
  }
  if (view.getUint16(10, true) !== FILE_HEAD_BYTES) throw notOurs('its head has an unknown length');
}

/** Walks the chunks; every length is checked against what is there before it is used. */
class ChunkReader {
  readonly problems: EventscopeError[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = FILE_HEAD_BYTES;
  #number = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#at;
  }

  /** The next chunk whose checksum is right; undefined at the end of what can be trusted. */
  next(): ChunkHead | undefined {
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      const number = this.#number;
      const left = this.#bytes.length - start;
      if (left < CHUNK_HEAD_BYTES) return this.#cut(start);
      const head = this.#bytes.subarray(start, start + 16);
      if (this.#view.getUint32(start + 16, true) !== crc32(head)) return this.#badHead(start, 'checksum');
      if (this.#view.getUint32(start + 8, true) !== number) return this.#badHead(start, 'number');
      const type = String.fromCharCode(...head.subarray(0, 4));
      const length = this.#view.getUint32(start + 4, true);
      const limit = type === TYPE.slots ? MAX_CHUNK_BYTES : MAX_TEXT_CHUNK_BYTES;
      if (length > limit) return this.#badHead(start, `length (${length})`);
      if (length > left - CHUNK_HEAD_BYTES) return this.#cut(start);
      const payload = this.#bytes.subarray(start + CHUNK_HEAD_BYTES, start + CHUNK_HEAD_BYTES + length);
      this.#at += CHUNK_HEAD_BYTES + length;
      this.#number += 1;
      if (this.#view.getUint32(start + 12, true) === crc32(payload)) return { number, type, start, payload };
      this.problems.push(
        problem(
          'damaged',
          `Chunk ${number} (${type}, at byte ${start}) of the .evtrace file is damaged`,
          `its ${length} bytes have a wrong checksum`,
          'They are left out, and the rest of the file was read',
        ),
      );
    }
    return undefined;
  }

  #cut(start: number): ChunkHead | undefined {
    this.problems.push(
      problem(
        'cut',
        'The .evtrace file is cut',
        `chunk ${this.#number} at byte ${start} is not whole: ${this.#bytes.length - start} bytes are left out`,
        RECORD_AGAIN,
      ),
    );
    return undefined;
  }

  #badHead(start: number, part: string): ChunkHead | undefined {
    this.problems.push(
      problem(
        'damaged',
        `The head of chunk ${this.#number} at byte ${start} of the .evtrace file is damaged`,
        `wrong ${part}: ${this.#bytes.length - start} of ${this.#bytes.length} bytes are left out`,
        RECORD_AGAIN,
      ),
    );
    return undefined;
  }
}

/** What the chunks hold, gathered. */
class Contents {
  #metadata: RecordingMetadata | undefined;
  readonly #sources = new Map<number, RecordingSource>();
  readonly #chunks: SlotChunk[] = [];
  readonly #log: LogLine[] = [];
  #dropped: Recording['dropped'] = { slots: 0, lines: 0 };
  #slots = 0n;
  #promised: bigint | undefined;

  /** Returns true at the end mark. */
  take(chunk: ChunkHead): boolean {
    switch (chunk.type) {
      case TYPE.metadata:
        this.#metadata = checked(metadataSchema, chunk.payload) as RecordingMetadata;
        return false;
      case TYPE.source: {
        const source = checked(sourceSchema, chunk.payload) as RecordingSource;
        if (!this.#sources.has(source.id) && this.#sources.size >= MAX_SOURCES) throw new Error('too many sources');
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
    this.#slots += BigInt(slots);
    this.#chunks.push({
      source: source.id,
      ring,
      firstSlot: view.getBigUint64(8, true),
      lost: view.getBigUint64(16, true),
      bytes,
    });
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
    const recording: Recording = {
      metadata: this.#metadata,
      sources: [...this.#sources.values()],
      chunks: this.#chunks,
      log: this.#log,
      dropped: this.#dropped,
    };
    return { recording, problems };
  }
}

function checked<S extends v.GenericSchema>(schema: S, payload: Uint8Array): v.InferOutput<S> {
  const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  const result = v.safeParse(schema, parsed);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new Error(`${v.getDotPath(issue) ?? 'its content'}: ${issue.message}`);
}
