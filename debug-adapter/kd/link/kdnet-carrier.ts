/** KDNET: one packet in one encrypted datagram. The target finds us: we listen, it pokes, our response makes the session's keys. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { EventscopeError } from '../../../protocol/errors.js';
import type { CarrierEvents, PacketCarrier, WireTap } from './carrier.js';
import { type Clock, realClock } from './clock.js';
import {
  dataKeyOf,
  hmacKeyOf,
  KdnetChannel,
  type KdnetDatagram,
  openDatagram,
  parseKdnetKey,
  peekDatagram,
  sealDatagram,
} from './kdnet-crypto.js';
import { makeResponse, readPoke } from './kdnet-handshake.js';
import {
  BREAK_IN_BYTE,
  checksum,
  encodePacket,
  HEADER_BYTES,
  isPlausible,
  type KdPacket,
  PacketType,
  readHeader,
} from './packet.js';

/** How often a target that is known by address is asked to poke at once. */
const WAKE_MS = 500;
const REMEMBERED_POKES = 4_096;

interface Session {
  readonly dataKey: Buffer;
  readonly peer: RemoteInfo;
  readonly version: number;
  /** The highest number that the target has used: at or below it is a replay. */
  received: bigint;
}

export interface KdnetOptions {
  readonly port: number;
  readonly key: string;
  /** Asked to poke at once instead of every 3 s. */
  readonly targetHost?: string;
  readonly targetPort?: number;
  readonly clock?: Clock;
  readonly tap?: WireTap;
}

export class KdnetCarrier implements PacketCarrier {
  readonly dialect = 'kdnet';
  readonly description: string;
  readonly #options: KdnetOptions;
  readonly #clock: Clock;
  readonly #controlKey: Buffer;
  readonly #hmacKey: Buffer;
  #events: CarrierEvents | undefined;
  #socket: Socket | undefined;
  #session: Session | undefined;
  /** Of the data channel; only ever grows, over sessions too. */
  #sent = 0n;
  /** Of the pokes that were answered: a recorded one must not end a session that lives. */
  readonly #nonces = new Set<string>();
  #cancelWake: (() => void) | undefined;
  #closed = false;
  /** Datagrams that no key of ours opened, that were replayed, or that came from elsewhere. */
  rejected = 0;

  constructor(options: KdnetOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#controlKey = parseKdnetKey(options.key);
    this.#hmacKey = hmacKeyOf(this.#controlKey);
    this.description = `net:${options.port}`;
  }

  get up(): boolean {
    return this.#session !== undefined;
  }

  /** Nothing is missing inside a datagram. */
  setStallTime(): void {
    return;
  }

  start(events: CarrierEvents): void {
    this.#events = events;
    const host = this.#options.targetHost;
    const socket = createSocket(host !== undefined && isIP(host) === 6 ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    socket.on('error', (error) => {
      this.#finish(
        new EventscopeError({
          id: 'debug.kdnetPort',
          what: `UDP port ${this.#options.port} cannot be used`,
          why: error.message,
          next: 'End the debugger that listens there, or use another port on both sides',
          cause: error,
        }),
      );
    });
    socket.bind(this.#options.port, () => {
      this.#wake();
    });
  }

  send(packet: KdPacket): void {
    const bytes = encodePacket(packet, false);
    this.#options.tap?.('host', encodePacket(packet, true));
    this.#sendData(bytes);
  }

  breakIn(): void {
    this.#options.tap?.('host', Uint8Array.of(BREAK_IN_BYTE));
    this.#sendData(Uint8Array.of(BREAK_IN_BYTE));
  }

  close(): Promise<void> {
    this.#finish(undefined);
    return Promise.resolve();
  }

  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelWake?.();
    this.#session = undefined;
    try {
      this.#socket?.close();
    } catch {
      // It was never bound.
    }
    this.#events?.closed(error);
  }

  #wake(): void {
    const host = this.#options.targetHost;
    if (host === undefined || this.#closed || this.#session !== undefined) return;
    this.#askForPoke(host, this.#options.targetPort ?? this.#options.port, 4);
    this.#cancelWake = this.#clock.after(WAKE_MS, () => this.#wake());
  }

  /** An empty control datagram: a target that gets one pokes at once. */
  #askForPoke(host: string, port: number, version: number): void {
    const datagram: KdnetDatagram = {
      version,
      channel: KdnetChannel.Control,
      sequence: 0n,
      fromHost: true,
      body: new Uint8Array(0),
    };
    this.#transmit(sealDatagram(datagram, this.#controlKey, this.#hmacKey), port, host);
  }

  #transmit(bytes: Uint8Array, port: number, host: string): void {
    if (this.#closed) return;
    // A datagram that cannot be sent is a lost one: the link above repeats it.
    this.#socket?.send(bytes, port, host, () => undefined);
  }

  #sendData(body: Uint8Array): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#sent++;
    const datagram: KdnetDatagram = {
      version: session.version,
      channel: KdnetChannel.Data,
      sequence: this.#sent,
      fromHost: true,
      body,
    };
    this.#transmit(sealDatagram(datagram, session.dataKey, this.#hmacKey), session.peer.port, session.peer.address);
  }

  #receive(bytes: Uint8Array, from: RemoteInfo): void {
    const head = peekDatagram(bytes);
    if (head === undefined) {
      this.rejected++;
      return;
    }
    if (head.channel === KdnetChannel.Control) this.#receiveControl(bytes, from);
    else this.#receiveData(bytes, from, head.version);
  }

  #receiveControl(bytes: Uint8Array, from: RemoteInfo): void {
    const datagram = openDatagram(bytes, this.#controlKey, this.#hmacKey);
    const poke = datagram === undefined || datagram.fromHost ? undefined : readPoke(datagram.body);
    const session = this.#session;
    if (
      datagram === undefined ||
      poke === undefined ||
      (session !== undefined && session.peer.address !== from.address)
    ) {
      this.rejected++;
      return;
    }
    const nonce = Buffer.from(poke.nonce).toString('hex');
    if (session !== undefined && (poke.bound || this.#nonces.has(nonce))) {
      this.rejected += poke.bound ? 0 : 1;
      return;
    }
    this.#remember(nonce);
    const response = makeResponse(poke.nonce);
    const answer: KdnetDatagram = { ...datagram, fromHost: true, body: response };
    this.#transmit(sealDatagram(answer, this.#controlKey, this.#hmacKey), from.port, from.address);
    this.#session = {
      dataKey: dataKeyOf(this.#controlKey, response),
      peer: from,
      version: datagram.version,
      received: 0n,
    };
    if (session !== undefined) this.#events?.restarted();
    this.#events?.back();
  }

  #remember(nonce: string): void {
    this.#nonces.add(nonce);
    for (const oldest of this.#nonces) {
      if (this.#nonces.size <= REMEMBERED_POKES) break;
      this.#nonces.delete(oldest);
    }
  }

  #receiveData(bytes: Uint8Array, from: RemoteInfo, version: number): void {
    const session = this.#session;
    if (session === undefined) {
      // A target whose former debugger was killed: it makes new keys with us when asked.
      this.#askForPoke(from.address, from.port, version);
      return;
    }
    const datagram = openDatagram(bytes, session.dataKey, this.#hmacKey);
    if (datagram === undefined || datagram.fromHost || datagram.sequence <= session.received) {
      this.rejected++;
      return;
    }
    session.received = datagram.sequence;
    this.#deliver(datagram.body);
  }

  #deliver(body: Uint8Array): void {
    // The stub after the handshake: twelve bytes of type 0.
    if (body.length < HEADER_BYTES) return;
    const header = readHeader(body);
    if (header.type === PacketType.Unused) return;
    const payload = new Uint8Array(body.subarray(HEADER_BYTES, HEADER_BYTES + header.byteCount));
    const whole = payload.length === header.byteCount && (header.control || checksum(payload) === header.checksum);
    if (!whole || !isPlausible(header)) {
      this.#events?.damaged();
      return;
    }
    const packet: KdPacket = { control: header.control, type: header.type, id: header.id, payload };
    this.#options.tap?.('target', encodePacket(packet, true));
    this.#events?.packet(packet);
  }
}
