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

/** Walks the chunks; every length is checked against what is there before it is used. */
export class ChunkReader {
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
  next(): Chunk | undefined {
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

  #cut(start: number): Chunk | undefined {
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

  #badHead(start: number, part: string): Chunk | undefined {
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
