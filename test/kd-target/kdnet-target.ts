/**
 * The target's end of KDNET: pokes, the key exchange, one encrypted datagram for each KD packet (reference, section 5). The primitives
 * are Node's; which bytes go into them is the reference's.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { KdTarget, type KdTargetOptions } from './kd-target.js';

const VERSION = 5;
const DATA_CHANNEL = 0;
const CONTROL_CHANNEL = 1;
const HEADER_BYTES = 6;
const METADATA_BYTES = 8;
const TAG_BYTES = 16;
const RESPONSE_BYTES = 322;
const POKE_BYTES = 344;

export interface KdnetTargetOptions extends Omit<KdTargetOptions, 'send' | 'dialect'> {
  /** Four numbers in base 36 with dots between them. */
  readonly key: string;
  readonly hostPort: number;
  /** Between pokes, ms; 3,000 on Windows. */
  readonly pokeMs?: number;
  /** Changes, drops (undefined) or repeats datagrams on their way to the host. */
  readonly mangle?: (datagram: Uint8Array) => readonly Uint8Array[];
}

export class KdnetTarget {
  readonly target: KdTarget;
  /** Datagrams of the host that were not authentic, or came again. */
  refused = 0;
  readonly #options: KdnetTargetOptions;
  readonly #socket: Socket = createSocket('udp4');
  readonly #controlKey: Buffer;
  readonly #hmacKey: Buffer;
  #dataKey: Buffer | undefined;
  #nonce = Buffer.alloc(32);
  #sequence = 0n;
  #highest = 0n;
  #poker: NodeJS.Timeout | undefined;

  constructor(options: KdnetTargetOptions) {
    this.#options = options;
    this.#controlKey = parseKey(options.key);
    this.#hmacKey = Buffer.from(this.#controlKey.map((byte) => ~byte & 0xff));
    this.target = new KdTarget({ ...options, dialect: 'kdnet', send: (packet) => this.#sendData(packet) });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    this.#socket.on('message', (datagram) => this.#receive(datagram));
    this.#poker = setInterval(() => this.#poke(), this.#options.pokeMs ?? 3_000);
    this.#poke();
    await this.target.start();
  }

  end(): void {
    clearInterval(this.#poker);
    this.target.end();
    this.#socket.close();
  }

  #poke(): void {
    // In a new nonce for each poke; answers to older ones are not taken.
    this.#nonce = randomBytes(32);
    const body = Buffer.alloc(POKE_BYTES);
    body[0] = 1;
    body[1] = 1;
    this.#nonce.copy(body, 2);
    this.#address(body, 34, this.#socket.address().port);
    this.#address(body, 52, this.#options.hostPort);
    this.#address(body, 70, this.#dataKey === undefined ? 0 : this.#options.hostPort);
    this.#sendDatagram(CONTROL_CHANNEL, body, this.#controlKey);
  }

  #address(body: Buffer, at: number, port: number): void {
    body.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1], at);
    body.writeUInt16BE(port, at + 16);
  }

  #sendData(packet: Uint8Array): void {
    if (this.#dataKey !== undefined) this.#sendDatagram(DATA_CHANNEL, packet, this.#dataKey);
  }

  #sendDatagram(channel: number, body: Uint8Array, key: Buffer): void {
    this.#sequence++;
    const padding = (16 - ((METADATA_BYTES + body.length) % 16)) % 16;
    const plain = Buffer.alloc(HEADER_BYTES + METADATA_BYTES + body.length + padding);
    plain.write('MDBG', 0, 'latin1');
    plain[4] = VERSION;
    plain[5] = channel;
    plain.writeBigUInt64BE((this.#sequence << 8n) | BigInt(padding), HEADER_BYTES);
    plain.set(body, HEADER_BYTES + METADATA_BYTES);
    const tag = createHmac('sha256', this.#hmacKey).update(plain).digest().subarray(0, TAG_BYTES);
    const cipher = createCipheriv('aes-256-cbc', key, tag).setAutoPadding(false);
    const encrypted = Buffer.concat([cipher.update(plain.subarray(HEADER_BYTES)), cipher.final()]);
    const datagram = Buffer.concat([plain.subarray(0, HEADER_BYTES), encrypted, tag]);
    const sent = this.#options.mangle?.(datagram) ?? [datagram];
    for (const each of sent) this.#socket.send(each, this.#options.hostPort, '127.0.0.1', () => undefined);
  }

  #receive(datagram: Buffer): void {
    const channel = datagram[5];
    const key = channel === CONTROL_CHANNEL ? this.#controlKey : this.#dataKey;
    const opened = key === undefined ? undefined : this.#open(datagram, key);
    if (opened === undefined) {
      this.refused++;
      return;
    }
    const { sequence, body } = opened;
    if (channel === CONTROL_CHANNEL) {
      this.#control(body);
      return;
    }
    if (sequence <= this.#highest) {
      this.refused++;
      return;
    }
    this.#highest = sequence;
    this.target.receive(body);
  }

  #open(datagram: Buffer, key: Buffer): { readonly sequence: bigint; readonly body: Buffer } | undefined {
    const length = datagram.length - HEADER_BYTES - TAG_BYTES;
    if (length < METADATA_BYTES || length % 16 !== 0 || datagram.toString('latin1', 0, 4) !== 'MDBG') return undefined;
    const tag = datagram.subarray(-TAG_BYTES);
    const cipher = createDecipheriv('aes-256-cbc', key, tag).setAutoPadding(false);
    const plain = Buffer.concat([cipher.update(datagram.subarray(HEADER_BYTES, -TAG_BYTES)), cipher.final()]);
    const whole = Buffer.concat([datagram.subarray(0, HEADER_BYTES), plain]);
    const expected = createHmac('sha256', this.#hmacKey).update(whole).digest().subarray(0, TAG_BYTES);
    if (!timingSafeEqual(expected, tag)) return undefined;
    const metadata = plain.readBigUInt64BE(0);
    const fromHost = (metadata & 0x80n) !== 0n;
    if (!fromHost) return undefined;
    const padding = Number(metadata & 0xfn);
    return { sequence: metadata >> 8n, body: plain.subarray(METADATA_BYTES, plain.length - padding) };
  }

  #control(body: Buffer): void {
    if (body.length === 0) {
      // Somebody who has lost the session asks to be poked.
      this.#poke();
      return;
    }
    if (body.length !== RESPONSE_BYTES || body[1] !== 2 || !body.subarray(2, 34).equals(this.#nonce)) {
      this.refused++;
      return;
    }
    this.#dataKey = createHash('sha256').update(this.#controlKey).update(body).digest();
    this.#highest = 0n;
    // The first data datagram is a stub that is no KD packet.
    this.#sendData(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1));
  }
}

/** @throws Error for what is no key */
function parseKey(text: string): Buffer {
  const parts = text.split('.');
  if (parts.length !== 4) throw new Error(`${text} is not four numbers`);
  const key = Buffer.alloc(32);
  parts.forEach((part, index) => {
    let value = 0n;
    for (const digit of part) value = value * 36n + BigInt(parseInt(digit, 36));
    key.writeBigUInt64LE(value, 8 * index);
  });
  return key;
}
