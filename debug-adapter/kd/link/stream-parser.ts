/**
 * KDCOM: packets out of a stream of bytes in which anything may be damaged, missing or foreign. Where a packet turns out to be none,
 * the search goes on one byte after its first: a whole packet behind lost bytes is found without anybody's help.
 */
import {
  BREAK_IN_BYTE,
  CONTROL_LEADER_BYTE,
  DATA_LEADER_BYTE,
  HEADER_BYTES,
  type KdPacket,
  TRAILER_BYTE,
  checksum,
  isPlausible,
  readHeader,
} from './packet.js';

export interface ParserEvents {
  packet(packet: KdPacket): void;
  /** Bytes that belong to no packet, in order: text of a boot loader, or what is left of a damaged packet. */
  noise(bytes: Uint8Array): void;
  /** A packet's checksum or trailer was wrong. */
  damaged(): void;
}

const EMPTY = new Uint8Array(0);

const isLeaderByte = (byte: number | undefined): boolean => byte === DATA_LEADER_BYTE || byte === CONTROL_LEADER_BYTE;

export class StreamParser {
  readonly #events: ParserEvents;
  #buffer: Uint8Array = EMPTY;
  /** Whether a break-in byte outside packets is one, as on the way from the host. */
  readonly #breakIn: (() => void) | undefined;

  constructor(events: ParserEvents, breakIn?: () => void) {
    this.#events = events;
    this.#breakIn = breakIn;
  }

  /** Bytes of a packet that has begun and not ended. At most one packet's worth is ever kept. */
  get pending(): number {
    return this.#buffer.length;
  }

  push(chunk: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    this.#parse();
  }

  /** Gives up the packet that has begun: its length was damaged, or its end is lost. What stands behind its first byte is looked at. */
  abandon(): void {
    if (this.#buffer.length === 0) return;
    this.#events.noise(this.#buffer.subarray(0, 1));
    this.#buffer = this.#buffer.subarray(1);
    this.#parse();
  }

  #parse(): void {
    let at = 0;
    let noiseFrom = 0;
    const buffer = this.#buffer;
    const flushNoise = (): void => {
      if (at > noiseFrom) this.#noise(buffer.subarray(noiseFrom, at));
    };
    while (at < buffer.length) {
      const found = this.#packetAt(buffer, at);
      if (found === 'incomplete') break;
      if (found === 'none') {
        at += 1;
        continue;
      }
      flushNoise();
      at += found.length;
      noiseFrom = at;
      this.#buffer = buffer.subarray(at);
      this.#events.packet(found.packet);
    }
    flushNoise();
    this.#buffer = at === buffer.length ? EMPTY : new Uint8Array(buffer.subarray(at));
  }

  /** The whole and sound packet that begins here, and its length in bytes. */
  #packetAt(buffer: Uint8Array, at: number): { packet: KdPacket; length: number } | 'none' | 'incomplete' {
    const leader = buffer[at];
    if (!isLeaderByte(leader)) return 'none';
    for (let index = 1; index < 4; index++) {
      if (at + index >= buffer.length) return 'incomplete';
      if (buffer[at + index] !== leader) return 'none';
    }
    if (at + HEADER_BYTES > buffer.length) return 'incomplete';
    const header = readHeader(buffer, at);
    if (!isPlausible(header)) return 'none';
    const { control, type, id } = header;
    const end = at + HEADER_BYTES + header.byteCount;
    if (control) return { packet: { control, type, id, payload: EMPTY }, length: HEADER_BYTES };
    if (end >= buffer.length) return 'incomplete';
    // A copy, because a caller may keep the payload while the chunk's buffer is reused.
    const payload = new Uint8Array(buffer.subarray(at + HEADER_BYTES, end));
    if (buffer[end] === TRAILER_BYTE && checksum(payload) === header.checksum) {
      return { packet: { control, type, id, payload }, length: end + 1 - at };
    }
    this.#events.damaged();
    return 'none';
  }

  #noise(bytes: Uint8Array): void {
    if (this.#breakIn === undefined) {
      this.#events.noise(bytes);
      return;
    }
    for (let index = 0; index < bytes.length; index++) {
      if (bytes[index] === BREAK_IN_BYTE) this.#breakIn();
      else this.#events.noise(bytes.subarray(index, index + 1));
    }
  }
}
