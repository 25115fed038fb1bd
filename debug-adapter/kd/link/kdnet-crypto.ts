/** KDNET's keys and datagrams: AES-256-CBC, whose initialisation vector is the truncated HMAC-SHA256 of the plain text. */
import { createCipheriv, createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { EventscopeError } from '../../../protocol/errors.js';

export const KDNET_MAGIC = 'MDBG';
const HEADER_BYTES = 6;
const METADATA_BYTES = 8;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
const HOST_TO_TARGET = 0x80;

export enum KdnetChannel {
  Data = 0,
  Control = 1,
}

/** 256 bits out of four numbers in base 36, as `bcdedit /dbgsettings net key:w.x.y.z` prints them. */
export function parseKdnetKey(text: string): Buffer {
  const malformed = (): EventscopeError =>
    new EventscopeError({
      id: 'debug.kdnetKey',
      what: 'The KDNET key is not valid',
      why: 'it must be four numbers of base 36 with dots between them, each below 2^64',
      next: 'Copy it from the output of "bcdedit /dbgsettings" on the target',
    });
  const words = text.trim().toLowerCase().split('.');
  if (words.length !== 4) throw malformed();
  const key = Buffer.alloc(32);
  words.forEach((word, index) => {
    if (!/^[0-9a-z]{1,13}$/.test(word)) throw malformed();
    let value = 0n;
    for (const digit of word) value = value * 36n + BigInt(parseInt(digit, 36));
    if (value >= 1n << 64n) throw malformed();
    key.writeBigUInt64LE(value, index * 8);
  });
  return key;
}

/** The key of the HMAC: every bit of the control key inverted. */
export const hmacKeyOf = (controlKey: Uint8Array): Buffer => Buffer.from(controlKey.map((byte) => byte ^ 0xff));

/** The key of one session's data channel: both sides have seen the response's body. */
export const dataKeyOf = (controlKey: Uint8Array, responseBody: Uint8Array): Buffer =>
  createHash('sha256').update(controlKey).update(responseBody).digest();

export interface KdnetDatagram {
  readonly version: number;
  readonly channel: KdnetChannel;
  /** 56 bits. */
  readonly sequence: bigint;
  readonly fromHost: boolean;
  readonly body: Uint8Array;
}

const tagOf = (hmacKey: Uint8Array, plain: Uint8Array): Buffer =>
  createHmac('sha256', hmacKey).update(plain).digest().subarray(0, TAG_BYTES);

export function sealDatagram(datagram: KdnetDatagram, key: Uint8Array, hmacKey: Uint8Array): Buffer {
  const used = METADATA_BYTES + datagram.body.length;
  const pad = (BLOCK_BYTES - (used % BLOCK_BYTES)) % BLOCK_BYTES;
  const plain = Buffer.alloc(HEADER_BYTES + used + pad);
  plain.write(KDNET_MAGIC, 0, 'ascii');
  plain[4] = datagram.version;
  plain[5] = datagram.channel;
  plain.writeBigUInt64BE((datagram.sequence << 8n) | BigInt((datagram.fromHost ? HOST_TO_TARGET : 0) | pad), 6);
  plain.set(datagram.body, HEADER_BYTES + METADATA_BYTES);
  const tag = tagOf(hmacKey, plain);
  const cipher = createCipheriv('aes-256-cbc', key, tag).setAutoPadding(false);
  const sealed = Buffer.concat([cipher.update(plain.subarray(HEADER_BYTES)), cipher.final()]);
  return Buffer.concat([plain.subarray(0, HEADER_BYTES), sealed, tag]);
}

/** The clear part: enough to choose the key. Undefined when it is no KDNET datagram. */
export function peekDatagram(bytes: Uint8Array): { version: number; channel: KdnetChannel } | undefined {
  const sealed = bytes.length - HEADER_BYTES - TAG_BYTES;
  if (sealed < BLOCK_BYTES || sealed % BLOCK_BYTES !== 0) return undefined;
  if (Buffer.from(bytes.buffer, bytes.byteOffset, 4).toString('latin1') !== KDNET_MAGIC) return undefined;
  const version = bytes[4];
  const channel = bytes[5];
  if (version === undefined || (channel !== KdnetChannel.Data && channel !== KdnetChannel.Control)) return undefined;
  return { version, channel };
}

/** Undefined when the datagram was not made with these keys. */
export function openDatagram(bytes: Uint8Array, key: Uint8Array, hmacKey: Uint8Array): KdnetDatagram | undefined {
  const head = peekDatagram(bytes);
  if (head === undefined) return undefined;
  const tag = bytes.subarray(bytes.length - TAG_BYTES);
  const decipher = createDecipheriv('aes-256-cbc', key, tag).setAutoPadding(false);
  const plain = Buffer.concat([
    bytes.subarray(0, HEADER_BYTES),
    decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES)),
    decipher.final(),
  ]);
  if (!timingSafeEqual(tagOf(hmacKey, plain), tag)) return undefined;
  const metadata = plain.readBigUInt64BE(HEADER_BYTES);
  const pad = Number(metadata & 0x0fn);
  const end = plain.length - pad;
  if (end < HEADER_BYTES + METADATA_BYTES) return undefined;
  return {
    ...head,
    sequence: metadata >> 8n,
    fromHost: (metadata & BigInt(HOST_TO_TARGET)) !== 0n,
    body: plain.subarray(HEADER_BYTES + METADATA_BYTES, end),
  };
}
