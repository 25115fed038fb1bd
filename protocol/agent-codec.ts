/**
 * Bytes to frames and back, for both ends of the agent connection (agent-wire.ts says what they mean). Pure: no socket here.
 */
import { Decoder, Encoder } from '@msgpack/msgpack';
import {
  BULK_HEAD_BYTES,
  BulkKind,
  FRAME_HEAD_BYTES,
  FrameType,
  GREETING_ANSWER_BYTES,
  GREETING_ANSWER_MAGIC,
  GREETING_BYTES,
  GREETING_MAGIC,
  MAX_BULK_BYTES,
  MAX_CONTROL_BYTES,
  PROTOCOL_VERSION,
  TOKEN_BYTES,
  type BulkHead,
  type GreetingStatus,
} from './agent-wire.js';

/** The other end broke the rules of the wire. The connection cannot go on. */
export class AgentWireError extends Error {
  constructor(
    readonly reason: 'oversized' | 'cut' | 'unknown' | 'malformed',
    message: string,
  ) {
    super(message);
    this.name = 'AgentWireError';
  }
}

export interface Frame {
  readonly type: FrameType;
  /** The bytes behind the head. Valid for as long as it is held: never reused. */
  readonly payload: Uint8Array;
}

function isFrameType(value: number): value is FrameType {
  return value in FrameType;
}

function isBulkKind(value: number): value is BulkKind {
  return value in BulkKind;
}

/** The most bytes that may stand behind a frame's head. */
export function frameLimit(type: FrameType): number {
  return type === FrameType.Control ? MAX_CONTROL_BYTES : MAX_BULK_BYTES;
}

export function encodeFrameHead(type: FrameType, length: number): Uint8Array {
  if (length > frameLimit(type)) {
    throw new AgentWireError('oversized', `A frame of ${length} bytes is over the limit of ${frameLimit(type)}`);
  }
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  new DataView(head.buffer).setUint32(0, length, true);
  head[4] = type;
  return head;
}

/**
 * Cuts a byte stream into frames, whatever pieces it comes in. Holds at most one frame, and takes memory for it only after
 * its head was found to be within the limits.
 */
export class FrameDecoder {
  readonly #head = new Uint8Array(FRAME_HEAD_BYTES);
  #headLength = 0;
  #type: FrameType = FrameType.Control;
  #body: Uint8Array | undefined;
  #bodyLength = 0;

  /** Calls onFrame for each frame that the chunk completes. Throws {@link AgentWireError}; do not push again after that. */
  push(chunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body === undefined) {
        const taken = Math.min(FRAME_HEAD_BYTES - this.#headLength, chunk.length - at);
        this.#head.set(chunk.subarray(at, at + taken), this.#headLength);
        this.#headLength += taken;
        at += taken;
        if (this.#headLength < FRAME_HEAD_BYTES) {
          return;
        }
        const length = this.#readHead();
        if (chunk.length - at >= length) {
          this.#headLength = 0;
          const payload = chunk.subarray(at, at + length);
          at += length;
          onFrame({ type: this.#type, payload });
          continue;
        }
        this.#body = new Uint8Array(length);
        this.#bodyLength = 0;
      }
      const taken = Math.min(this.#body.length - this.#bodyLength, chunk.length - at);
      this.#body.set(chunk.subarray(at, at + taken), this.#bodyLength);
      this.#bodyLength += taken;
      at += taken;
      if (this.#bodyLength === this.#body.length) {
        const payload = this.#body;
        this.#body = undefined;
        this.#headLength = 0;
        onFrame({ type: this.#type, payload });
      }
    }
  }

  /** The stream has ended. Throws when that was inside a frame. */
  end(): void {
    if (this.#body !== undefined) {
      throw new AgentWireError(
        'cut',
        `The connection ended inside a frame, after ${this.#bodyLength} of ${this.#body.length} bytes`,
      );
    }
    if (this.#headLength > 0) {
      throw new AgentWireError(
        'cut',
        `The connection ended inside a frame's head, after ${this.#headLength} of ${FRAME_HEAD_BYTES} bytes`,
      );
    }
  }

  #readHead(): number {
    const view = new DataView(this.#head.buffer);
    const length = view.getUint32(0, true);
    const type = view.getUint8(4);
    if (!isFrameType(type)) {
      throw new AgentWireError('unknown', `A frame has the unknown type ${type}`);
    }
    if ((view.getUint32(4, true) & 0xffff_ff00) !== 0) {
      throw new AgentWireError('unknown', 'A frame has reserved bytes that are not 0');
    }
    if (length > frameLimit(type)) {
      throw new AgentWireError('oversized', `A frame of ${length} bytes is over the limit of ${frameLimit(type)}`);
    }
    if (type === FrameType.Bulk && length < BULK_HEAD_BYTES) {
      throw new AgentWireError('malformed', `A bulk frame of ${length} bytes is shorter than its head`);
    }
    if (length === 0) {
      throw new AgentWireError('malformed', 'A control frame is empty');
    }
    this.#type = type;
    return length;
  }
}

/** Frame head and bulk head as one piece; the data goes behind it. dataLength: bytes of data. */
export function encodeBulkFrameHead(head: BulkHead, dataLength: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + BULK_HEAD_BYTES);
  bytes.set(encodeFrameHead(FrameType.Bulk, BULK_HEAD_BYTES + dataLength));
  const view = new DataView(bytes.buffer, FRAME_HEAD_BYTES);
  view.setUint32(0, head.stream, true);
  view.setUint16(4, head.kind, true);
  view.setUint16(6, head.source, true);
  view.setBigUint64(8, head.sequence, true);
  view.setBigUint64(16, head.count, true);
  view.setBigUint64(24, head.lost, true);
  view.setBigUint64(32, head.first, true);
  return bytes;
}

/** Splits a bulk frame's payload. The data is a view into it. */
export function decodeBulk(payload: Uint8Array): { readonly head: BulkHead; readonly data: Uint8Array } {
  if (payload.length < BULK_HEAD_BYTES) {
    throw new AgentWireError('malformed', `A bulk frame of ${payload.length} bytes is shorter than its head`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, BULK_HEAD_BYTES);
  const kind = view.getUint16(4, true);
  if (!isBulkKind(kind)) {
    throw new AgentWireError('unknown', `A bulk frame has the unknown kind ${kind}`);
  }
  return {
    head: {
      stream: view.getUint32(0, true),
      kind,
      source: view.getUint16(6, true),
      sequence: view.getBigUint64(8, true),
      count: view.getBigUint64(16, true),
      lost: view.getBigUint64(24, true),
      first: view.getBigUint64(32, true),
    },
    data: payload.subarray(BULK_HEAD_BYTES),
  };
}

/** MessagePack as the wire uses it: every bigint is a 64-bit integer and comes back as a bigint; undefined fields are left out. */
export function encodePacked(value: unknown): Uint8Array {
  return new Encoder({ useBigInt64: true, ignoreUndefined: true }).encode(value);
}

export function decodePacked(bytes: Uint8Array): unknown {
  try {
    return new Decoder({ useBigInt64: true }).decode(bytes);
  } catch (error) {
    throw new AgentWireError('malformed', `Not valid MessagePack: ${error instanceof Error ? error.message : ''}`);
  }
}

/** One JSON-RPC message as it goes over the wire. */
export interface ControlMessage {
  readonly jsonrpc: string;
}

/** A whole control frame, head included. */
export function encodeControl(message: ControlMessage): Uint8Array {
  const body = encodePacked(message);
  const frame = new Uint8Array(FRAME_HEAD_BYTES + body.length);
  frame.set(encodeFrameHead(FrameType.Control, body.length));
  frame.set(body, FRAME_HEAD_BYTES);
  return frame;
}

export function decodeControl(payload: Uint8Array): ControlMessage {
  const message = decodePacked(payload);
  if (typeof message === 'object' && message !== null && 'jsonrpc' in message && message.jsonrpc === '2.0') {
    return { ...message, jsonrpc: message.jsonrpc };
  }
  throw new AgentWireError('malformed', 'A control frame holds no JSON-RPC 2.0 message');
}

export interface Greeting {
  readonly version: number;
  /** {@link TOKEN_BYTES} long. */
  readonly token: Uint8Array;
}

export function encodeGreeting(token: Uint8Array, version = PROTOCOL_VERSION): Uint8Array {
  if (token.length !== TOKEN_BYTES) {
    throw new RangeError(`A token has ${TOKEN_BYTES} bytes, not ${token.length}`);
  }
  const bytes = new Uint8Array(GREETING_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, GREETING_MAGIC, true);
  view.setUint32(4, version, true);
  bytes.set(token, 8);
  return bytes;
}

/** Undefined when it is not a greeting at all: somebody else's protocol. */
export function decodeGreeting(bytes: Uint8Array): Greeting | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== GREETING_BYTES || view.getUint32(0, true) !== GREETING_MAGIC) {
    return undefined;
  }
  return { version: view.getUint32(4, true), token: bytes.subarray(8, GREETING_BYTES) };
}

export interface GreetingAnswer {
  readonly version: number;
  /** A {@link GreetingStatus}, or one that a later version made up. */
  readonly status: number;
}

export function encodeGreetingAnswer(status: GreetingStatus): Uint8Array {
  const bytes = new Uint8Array(GREETING_ANSWER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, GREETING_ANSWER_MAGIC, true);
  view.setUint32(4, PROTOCOL_VERSION, true);
  view.setUint32(8, status, true);
  return bytes;
}

/** Undefined when the other end is not an agent. */
export function decodeGreetingAnswer(bytes: Uint8Array): GreetingAnswer | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== GREETING_ANSWER_BYTES || view.getUint32(0, true) !== GREETING_ANSWER_MAGIC) {
    return undefined;
  }
  return { version: view.getUint32(4, true), status: view.getUint32(8, true) };
}
