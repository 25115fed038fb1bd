/** Writes `.evtrace` files, whole or as they are recorded. */
import { crc32 } from '../crc32.js';
import {
  SLOT_BYTES,
  type LogLine,
  type Recording,
  type RecordingMetadata,
  type RecordingSource,
  type RecordingStop,
  type SlotChunk,
} from '../recording.js';
import {
  CHUNK_HEAD_BYTES,
  EVTRACE_VERSION,
  FILE_HEAD_BYTES,
  MAGIC,
  MAX_CHUNK_BYTES,
  MAX_STOPS,
  MAX_TEXT_CHUNK_BYTES,
  SLOTS_HEAD_BYTES,
  TYPE,
} from './format.js';

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

  /** May come again: the later one holds. Of very many stops the oldest are left out: a reader takes no more. */
  metadata(metadata: RecordingMetadata): Uint8Array {
    const { stops } = metadata;
    return this.#text(TYPE.metadata, stops === undefined ? metadata : { ...metadata, stops: lastStops(stops) });
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
    const text = new TextEncoder().encode(json);
    // Spaces, so that slots behind it begin at a multiple of 4, where they can be read by words.
    const padded = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
    padded.set(text);
    return this.#chunk(type, padded);
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

/** Bytes: the rest of the metadata has room beside them in its chunk. */
const MAX_STOPS_BYTES = MAX_TEXT_CHUNK_BYTES / 2;

function lastStops(stops: readonly RecordingStop[]): readonly RecordingStop[] {
  const kept: RecordingStop[] = [];
  let bytes = 0;
  for (let at = stops.length - 1; at >= 0 && kept.length < MAX_STOPS; at -= 1) {
    const stop = stops[at];
    if (stop === undefined) break;
    const short = { ...stop, reason: stop.reason.slice(0, MAX_LINE_CHARACTERS) };
    bytes += new TextEncoder().encode(JSON.stringify(short)).length + 1;
    if (bytes > MAX_STOPS_BYTES) break;
    kept.push(short);
  }
  return kept.reverse();
}

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
