/** The chunks of an `.evtrace` file: nothing is believed before its checksum is right, no length before it is compared. */
import { EventscopeError } from '../../protocol/errors.js';
import { crc32 } from '../crc32.js';
import {
  CHUNK_HEAD_BYTES,
  EVTRACE_VERSION,
  FILE_HEAD_BYTES,
  MAGIC,
  MAX_CHUNK_BYTES,
  MAX_TEXT_CHUNK_BYTES,
  TYPE,
} from './format.js';

export interface Chunk {
  readonly number: number;
  readonly type: string;
  readonly start: number;
  readonly payload: Uint8Array;
}

export const problem = (id: string, what: string, why: string, next: string): EventscopeError =>
  new EventscopeError({ id: `evtrace.${id}`, what, why, next });
export const RECORD_AGAIN = 'Record the trace again, or copy the file again from where it was made';

/** @throws EventscopeError `evtrace.notEvtrace`, `evtrace.damaged` or `evtrace.version` */
export function checkFileHead(bytes: Uint8Array): void {
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

/**
 * Cuts a file that comes in pieces into its chunks; every length is checked against what the file still has before it is
 * used. A chunk that lies in one piece is a view of it.
 */
export class ChunkReader {
  readonly problems: EventscopeError[] = [];
  readonly #size: number;
  readonly #take: (chunk: Chunk) => boolean;
  /** Of the file, what was read: behind a chunk, or where reading ended. */
  #at = 0;
  #number = 0;
  /** What of the next head or chunk came in pieces before, and how much of it there is. */
  #part: Uint8Array | undefined;
  #filled = 0;
  #over = false;

  /**
   * `size`: bytes of the whole file. `take` is given each chunk whose checksum is right, in order, and returns whether it was the
   * last.
   */
  constructor(size: number, take: (chunk: Chunk) => boolean) {
    this.#size = size;
    this.#take = take;
  }

  get position(): number {
    return this.#at;
  }

  /** The next bytes of the file. @throws EventscopeError of {@link checkFileHead} */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length && !this.#over;) at += this.#step(piece, at);
  }

  /** Nothing more comes. @throws EventscopeError of {@link checkFileHead} */
  finish(): void {
    if (this.#at === 0) checkFileHead((this.#part ?? new Uint8Array()).subarray(0, this.#filled));
    else if (!this.#over && this.#at < this.#size) this.#cut();
    this.#over = true;
  }

  /** Returns how many bytes of the piece it used. */
  #step(piece: Uint8Array, at: number): number {
    const part = this.#part;
    if (part === undefined) {
      const here = piece.subarray(at);
      const needed = this.#needed(here);
      if (this.#over) return here.length;
      if (needed <= here.length) {
        this.#whole(here.subarray(0, needed));
        return needed;
      }
      this.#part = new Uint8Array(needed);
      this.#filled = 0;
      return 0;
    }
    const more = Math.min(part.length - this.#filled, piece.length - at);
    part.set(piece.subarray(at, at + more), this.#filled);
    this.#filled += more;
    if (this.#filled < part.length) return more;
    const needed = this.#needed(part);
    if (this.#over) return more;
    if (needed > part.length) {
      // It was its head.
      this.#part = new Uint8Array(needed);
      this.#part.set(part);
    } else {
      this.#part = undefined;
      this.#whole(part);
    }
    return more;
  }

  /** Bytes of what begins with these; of a head alone, when that is not whole yet. */
  #needed(bytes: Uint8Array): number {
    if (this.#at === 0) return FILE_HEAD_BYTES;
    if (bytes.length < CHUNK_HEAD_BYTES) {
      if (this.#size - this.#at < CHUNK_HEAD_BYTES) this.#cut();
      return CHUNK_HEAD_BYTES;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, CHUNK_HEAD_BYTES);
    const length = view.getUint32(4, true);
    const limit = typeOf(bytes) === TYPE.slots ? MAX_CHUNK_BYTES : MAX_TEXT_CHUNK_BYTES;
    if (view.getUint32(16, true) !== crc32(bytes.subarray(0, 16))) this.#badHead('checksum');
    else if (view.getUint32(8, true) !== this.#number) this.#badHead('number');
    else if (length > limit) this.#badHead(`length (${length})`);
    else if (length > this.#size - this.#at - CHUNK_HEAD_BYTES) this.#cut();
    return CHUNK_HEAD_BYTES + length;
  }

  /** A whole chunk, or the file's head. */
  #whole(bytes: Uint8Array): void {
    const start = this.#at;
    this.#at += bytes.length;
    if (start === 0) {
      checkFileHead(bytes);
      return;
    }
    const number = this.#number;
    this.#number += 1;
    const type = typeOf(bytes);
    const payload = bytes.subarray(CHUNK_HEAD_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, CHUNK_HEAD_BYTES);
    if (view.getUint32(12, true) === crc32(payload)) {
      this.#over = this.#take({ number, type, start, payload });
      return;
    }
    this.problems.push(
      problem(
        'damaged',
        `Chunk ${number} (${type}, at byte ${start}) of the .evtrace file is damaged`,
        `its ${payload.length} bytes have a wrong checksum`,
        'They are left out, and the rest of the file was read',
      ),
    );
  }

  #cut(): void {
    this.#over = true;
    this.problems.push(
      problem(
        'cut',
        'The .evtrace file is cut',
        `chunk ${this.#number} at byte ${this.#at} is not whole: ${this.#size - this.#at} bytes are left out`,
        RECORD_AGAIN,
      ),
    );
  }

  #badHead(part: string): void {
    this.#over = true;
    this.problems.push(
      problem(
        'damaged',
        `The head of chunk ${this.#number} at byte ${this.#at} of the .evtrace file is damaged`,
        `wrong ${part}: ${this.#size - this.#at} of ${this.#size} bytes are left out`,
        RECORD_AGAIN,
      ),
    );
  }
}

const typeOf = (chunk: Uint8Array): string => String.fromCharCode(...chunk.subarray(0, 4));
