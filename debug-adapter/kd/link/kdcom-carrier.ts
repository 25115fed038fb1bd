/** KDCOM: packets over a stream of bytes, opened again whenever it ends: a virtual machine restarts, a cable comes back. */
import type { CarrierEvents, PacketCarrier, WireTap } from './carrier.js';
import type { ByteStream, OpenByteStream } from './byte-stream.js';
import { type Clock, realClock } from './clock.js';
import { BREAK_IN_BYTE, type KdPacket, encodePacket } from './packet.js';
import { StreamParser } from './stream-parser.js';

const REOPEN_MS = 250;
/** As much text as a line of a boot loader has; longer is handed on in parts. */
const TEXT_BYTES = 512;
/** So many unprintable bytes outside packets were a packet. */
const LOST_PACKET_BYTES = 8;

export interface KdcomOptions {
  readonly description: string;
  readonly open: OpenByteStream;
  /** false: the end of the stream ends the carrier (a replay, a test). */
  readonly reopen?: boolean;
  readonly clock?: Clock;
  readonly tap?: WireTap;
}

export class KdcomCarrier implements PacketCarrier {
  readonly dialect = 'kdcom';
  readonly description: string;
  readonly #options: KdcomOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #parser: StreamParser;
  #events: CarrierEvents | undefined;
  #stream: ByteStream | undefined;
  #stallTime = 100;
  #stalls = 0;
  #cancelStall: (() => void) | undefined;
  #cancelReopen: (() => void) | undefined;
  #text = '';
  #unprintable = 0;

  constructor(options: KdcomOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.description = options.description;
    this.#parser = new StreamParser({
      packet: (packet) => {
        this.#flushText();
        this.#unprintable = 0;
        this.#events?.packet(packet);
      },
      noise: (bytes) => this.#noise(bytes),
      damaged: () => this.#events?.damaged(),
    });
  }

  get up(): boolean {
    return this.#stream !== undefined;
  }

  start(events: CarrierEvents): void {
    this.#events = events;
    void this.#open();
  }

  send(packet: KdPacket): void {
    this.#write(encodePacket(packet, true));
  }

  breakIn(): void {
    this.#write(Uint8Array.of(BREAK_IN_BYTE), true);
  }

  setStallTime(milliseconds: number): void {
    this.#stallTime = milliseconds;
  }

  close(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#closing.abort();
    this.#cancelReopen?.();
    this.#cancelStall?.();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
    this.#events?.closed(undefined);
    return Promise.resolve();
  }

  async #open(): Promise<void> {
    let stream: ByteStream;
    try {
      stream = await this.#options.open(this.#closing.signal);
    } catch (error) {
      this.#away(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#closing.signal.aborted) {
      stream.close();
      return;
    }
    this.#stream = stream;
    stream.start({
      data: (bytes) => this.#receive(bytes),
      closed: (error) => {
        if (this.#stream !== stream) return;
        this.#stream = undefined;
        this.#away(error);
      },
    });
    if (this.#stream === stream) this.#events?.back();
  }

  #away(why: Error | undefined): void {
    if (this.#closing.signal.aborted) return;
    while (this.#parser.pending > 0) this.#parser.abandon();
    this.#flushText();
    if (this.#options.reopen === false) {
      this.#closing.abort();
      this.#events?.closed(why);
      return;
    }
    this.#events?.away(why);
    this.#cancelReopen = this.#clock.after(REOPEN_MS, () => void this.#open());
  }

  #write(bytes: Uint8Array, alone = false): void {
    if (this.#stream === undefined) return;
    this.#options.tap?.('host', bytes);
    this.#stream.write(bytes, alone);
  }

  #receive(bytes: Uint8Array): void {
    this.#options.tap?.('target', bytes);
    this.#cancelStall?.();
    this.#cancelStall = undefined;
    this.#parser.push(bytes);
    if (this.#parser.pending === 0) {
      this.#stalls = 0;
      this.#flushText();
    } else {
      this.#watchStall();
    }
  }

  /** A packet that does not come to its end is asked for again; at the second time its beginning was no packet's. */
  #watchStall(): void {
    this.#cancelStall = this.#clock.after(this.#stallTime, () => {
      this.#stalls++;
      if (this.#stalls > 1) {
        this.#stalls = 0;
        this.#parser.abandon();
      }
      this.#events?.damaged();
      if (this.#parser.pending > 0) this.#watchStall();
    });
  }

  #noise(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if ((byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        this.#text += String.fromCharCode(byte);
        if (this.#text.length >= TEXT_BYTES) this.#flushText();
      } else {
        this.#unprintable++;
        this.#text = '';
      }
    }
    if (this.#unprintable >= LOST_PACKET_BYTES) {
      this.#unprintable = 0;
      this.#events?.damaged();
    }
  }

  #flushText(): void {
    // Single characters are what is left of damaged packets.
    if (this.#text.length > 3 && this.#unprintable === 0) this.#events?.text(this.#text);
    this.#text = '';
  }
}
