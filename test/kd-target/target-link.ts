/**
 * The target's end of KD's link layer: packets, acknowledgements, resends, resets, in the two dialects of packet ids (reference,
 * sections 2.1 to 2.7 and 5.6). Written from the reference alone.
 */
export const PacketType = {
  StateManipulate: 2,
  DebugIo: 3,
  Acknowledge: 4,
  Resend: 5,
  Reset: 6,
  StateChange64: 7,
  FileIo: 11,
} as const;

const DATA_LEADER = 0x3030_3030;
const CONTROL_LEADER = 0x6969_6969;
const HEADER_BYTES = 16;
const TRAILER = 0xaa;
export const BREAK_IN = 0x62;
export const MAX_PAYLOAD_BYTES = 4000;
const INITIAL_ID = 0x8080_0000;
const SYNC = 0x800;

export type Dialect = 'kdcom' | 'kdnet';

export interface TargetLinkOptions {
  readonly dialect: Dialect;
  /** How long the target waits for an acknowledgement before it sends again, ms. */
  readonly retransmitMs: number;
  readonly send: (bytes: Uint8Array) => void;
  /** A data packet of the host, once, while the target listens. */
  readonly onData: (type: number, payload: Uint8Array) => void;
  readonly onBreakIn: () => void;
  /** The host has reset the link and nothing is on its way to it: a stopped target reports its stop again (reference, 2.8). */
  readonly onReset: () => void;
}

interface Outgoing {
  readonly type: number;
  readonly payload: Uint8Array;
  /** Sends after the first; undefined: for ever. */
  readonly retries: number | undefined;
  readonly settle: (outcome: 'acknowledged' | 'given up') => void;
  attempts: number;
}

export class TargetLink {
  /** The target reads requests only while it is stopped; running it looks for a break-in alone. */
  listening = false;
  readonly #options: TargetLinkOptions;
  #ownId: number;
  #expectedId: number;
  #input: Uint8Array = new Uint8Array(0);
  #queue: Outgoing[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: TargetLinkOptions) {
    this.#options = options;
    this.#ownId = this.#initialOwnId();
    this.#expectedId = this.#kdnet ? 0x8000_0000 : INITIAL_ID;
  }

  /** Sends a data packet when those before it are acknowledged. */
  transmit(type: number, payload: Uint8Array, retries?: number): Promise<'acknowledged' | 'given up'> {
    if (payload.length > MAX_PAYLOAD_BYTES) throw new Error(`${payload.length} bytes are too many for a packet`);
    return new Promise((settle) => {
      this.#queue.push({ type, payload, retries, settle, attempts: 0 });
      if (this.#queue.length === 1) this.#sendFirst();
    });
  }

  /** What a reboot does: nothing of before is known. */
  restart(): void {
    clearTimeout(this.#timer);
    for (const { settle } of this.#queue.splice(0)) settle('given up');
    this.#ownId = this.#initialOwnId();
    this.#expectedId = this.#kdnet ? 0x8000_0000 : INITIAL_ID;
    this.#input = new Uint8Array(0);
    this.listening = false;
  }

  close(): void {
    this.#closed = true;
    this.restart();
  }

  /** KDCOM: bytes as they come. KDNET: one KD packet, or the break-in byte. */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (!this.listening && this.#queue.length === 0) {
      // One byte a clock tick is looked at; what is glued to it is lost.
      if (bytes[0] === BREAK_IN) this.#options.onBreakIn();
      this.#input = new Uint8Array(0);
      return;
    }
    if (this.#kdnet && bytes.length === 1) return;
    const joined = new Uint8Array(this.#input.length + bytes.length);
    joined.set(this.#input);
    joined.set(bytes, this.#input.length);
    this.#input = joined;
    while (this.#takePacket());
    if (this.#kdnet) this.#input = new Uint8Array(0);
  }

  get #kdnet(): boolean {
    return this.#options.dialect === 'kdnet';
  }

  #initialOwnId(): number {
    return this.#kdnet ? 0 : (INITIAL_ID | SYNC) >>> 0;
  }

  /** Takes one packet, or noise, from the beginning of the input; false when more bytes are needed. */
  #takePacket(): boolean {
    const input = this.#input;
    const at = leaderAt(input);
    if (at > 0) this.#input = input.subarray(at);
    if (this.#input.length < HEADER_BYTES) return false;
    const view = new DataView(this.#input.buffer, this.#input.byteOffset);
    const isData = view.getUint32(0, true) === DATA_LEADER;
    const type = view.getUint16(4, true);
    const count = view.getUint16(6, true);
    const id = view.getUint32(8, true);
    const checksum = view.getUint32(12, true);
    if (!isData) {
      this.#input = this.#input.subarray(HEADER_BYTES);
      this.#control(type, id);
      return true;
    }
    if (count > MAX_PAYLOAD_BYTES) {
      this.#input = this.#input.subarray(4);
      this.#sendControl(PacketType.Resend, 0);
      return true;
    }
    const whole = HEADER_BYTES + count + (this.#kdnet ? 0 : 1);
    if (this.#input.length < whole) return false;
    const payload = this.#input.slice(HEADER_BYTES, HEADER_BYTES + count);
    const trailerIsRight = this.#kdnet || this.#input[whole - 1] === TRAILER;
    this.#input = this.#input.subarray(whole);
    if (!trailerIsRight || sum(payload) !== checksum) this.#sendControl(PacketType.Resend, 0);
    else this.#data(type, id, payload);
    return true;
  }

  #data(type: number, id: number, payload: Uint8Array): void {
    if (this.#queue.length > 0) {
      // Data instead of an acknowledgement counts as one; the data itself is asked for again.
      this.#acknowledged();
      this.#sendControl(PacketType.Resend, 0);
      return;
    }
    this.#sendControl(PacketType.Acknowledge, this.#kdnet ? id : (id & ~SYNC) >>> 0);
    const fresh = this.#kdnet ? ((id - this.#expectedId) | 0) >= 0 : (id & ~SYNC) >>> 0 === this.#expectedId;
    if (!fresh) return;
    this.#expectedId = this.#kdnet ? (id + 2) >>> 0 : (this.#expectedId ^ 1) >>> 0;
    this.#options.onData(type, payload);
  }

  #control(type: number, id: number): void {
    switch (type) {
      case PacketType.Acknowledge: {
        const own = this.#kdnet ? this.#ownId : (this.#ownId & ~SYNC) >>> 0;
        if (this.#queue.length > 0 && id === own) this.#acknowledged();
        return;
      }
      case PacketType.Resend:
        if (this.#queue.length > 0) this.#sendFirst();
        return;
      case PacketType.Reset:
        this.#reset(id);
        return;
      default:
        return;
    }
  }

  #reset(id: number): void {
    if (this.#kdnet) {
      this.#expectedId = id;
      this.#sendControl(PacketType.Reset, this.#ownId);
    } else {
      this.#ownId = INITIAL_ID;
      this.#expectedId = INITIAL_ID;
      this.#sendControl(PacketType.Reset, 0);
    }
    if (this.#queue.length > 0) this.#sendFirst();
    else this.#options.onReset();
  }

  #acknowledged(): void {
    clearTimeout(this.#timer);
    const first = this.#queue.shift();
    this.#ownId = this.#kdnet ? (this.#ownId + 2) >>> 0 : ((this.#ownId & ~SYNC) ^ 1) >>> 0;
    first?.settle('acknowledged');
    if (this.#queue.length > 0) this.#sendFirst();
  }

  #sendFirst(): void {
    const first = this.#queue[0];
    if (first === undefined) return;
    clearTimeout(this.#timer);
    if (first.retries !== undefined && first.attempts > first.retries) {
      this.#queue.shift();
      if (!this.#kdnet) this.#ownId = this.#initialOwnId();
      first.settle('given up');
      this.#sendFirst();
      return;
    }
    first.attempts++;
    this.#options.send(this.#frame(DATA_LEADER, first.type, this.#ownId, first.payload));
    this.#timer = setTimeout(() => this.#sendFirst(), this.#options.retransmitMs);
  }

  #sendControl(type: number, id: number): void {
    this.#options.send(this.#frame(CONTROL_LEADER, type, id, new Uint8Array(0)));
  }

  #frame(leader: number, type: number, id: number, payload: Uint8Array): Uint8Array {
    const isData = leader === DATA_LEADER;
    const bytes = new Uint8Array(HEADER_BYTES + payload.length + (isData && !this.#kdnet ? 1 : 0));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, leader, true);
    view.setUint16(4, type, true);
    view.setUint16(6, payload.length, true);
    view.setUint32(8, id, true);
    view.setUint32(12, sum(payload), true);
    bytes.set(payload, HEADER_BYTES);
    if (isData && !this.#kdnet) bytes[bytes.length - 1] = TRAILER;
    return bytes;
  }
}

function sum(payload: Uint8Array): number {
  let total = 0;
  for (const byte of payload) total = (total + byte) >>> 0;
  return total;
}

/** Where four equal leader bytes begin, or may begin at the end of the input. */
function leaderAt(input: Uint8Array): number {
  for (let at = 0; at < input.length; at++) {
    const byte = input[at];
    if (byte !== 0x30 && byte !== 0x69) continue;
    const candidate = input.subarray(at, at + 4);
    if (candidate.every((each) => each === byte)) return at;
  }
  return input.length;
}
