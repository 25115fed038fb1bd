/**
 * The KD packet: a header of 16 bytes, then the payload. KDCOM adds a trailing byte to packets with data; KDNET puts one packet
 * without it into a datagram. All integers are little-endian.
 */
export const HEADER_BYTES = 16;
/** The most payload that any transport carries. */
export const MAX_PAYLOAD_BYTES = 4000;
export const DATA_LEADER_BYTE = 0x30;
export const CONTROL_LEADER_BYTE = 0x69;
export const BREAK_IN_BYTE = 0x62;
export const TRAILER_BYTE = 0xaa;

export enum PacketType {
  Unused = 0,
  StateChange32 = 1,
  StateManipulate = 2,
  DebugIo = 3,
  Acknowledge = 4,
  Resend = 5,
  Reset = 6,
  StateChange64 = 7,
  TraceIo = 9,
  ControlRequest = 10,
  FileIo = 11,
}

export interface KdPacket {
  /** Acknowledge, Resend or Reset: no payload, never acknowledged. */
  readonly control: boolean;
  readonly type: PacketType;
  readonly id: number;
  /** Empty in control packets. */
  readonly payload: Uint8Array;
}

const EMPTY = new Uint8Array(0);

export const controlPacket = (type: PacketType, id: number): KdPacket => ({ control: true, type, id, payload: EMPTY });

export const dataPacket = (type: PacketType, id: number, payload: Uint8Array): KdPacket => ({
  control: false,
  type,
  id,
  payload,
});

/** The sum of the payload's bytes, modulo 2^32. */
export function checksum(payload: Uint8Array): number {
  let sum = 0;
  for (const byte of payload) sum += byte;
  return sum >>> 0;
}

export interface PacketHeader {
  readonly control: boolean;
  /** Undefined when no packet has this type. */
  readonly type: PacketType | undefined;
  readonly byteCount: number;
  readonly id: number;
  readonly checksum: number;
}

const DATA_TYPES: ReadonlySet<PacketType> = new Set([
  PacketType.StateChange32,
  PacketType.StateManipulate,
  PacketType.DebugIo,
  PacketType.StateChange64,
  PacketType.TraceIo,
  PacketType.ControlRequest,
  PacketType.FileIo,
]);
const CONTROL_TYPES: ReadonlySet<PacketType> = new Set([PacketType.Acknowledge, PacketType.Resend, PacketType.Reset]);

const PACKET_TYPES: ReadonlyMap<number, PacketType> = new Map(
  [PacketType.Unused, ...DATA_TYPES, ...CONTROL_TYPES].map((type) => [type, type]),
);

export function readHeader(bytes: Uint8Array, at = 0): PacketHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
  return {
    control: view.getUint8(0) === CONTROL_LEADER_BYTE,
    type: PACKET_TYPES.get(view.getUint16(4, true)),
    byteCount: view.getUint16(6, true),
    id: view.getUint32(8, true),
    checksum: view.getUint32(12, true),
  };
}

/** Whether a header can be one: what fails here was noise, or was damaged on its way. */
export function isPlausible(header: PacketHeader): header is PacketHeader & { readonly type: PacketType } {
  if (header.type === undefined) return false;
  if (header.control) return CONTROL_TYPES.has(header.type) && header.byteCount === 0;
  return DATA_TYPES.has(header.type) && header.byteCount > 0 && header.byteCount <= MAX_PAYLOAD_BYTES;
}

/** A packet as bytes. `trailer` as KDCOM wants it, for packets with data. */
export function encodePacket(packet: KdPacket, trailer: boolean): Uint8Array {
  const withTrailer = trailer && !packet.control;
  const bytes = new Uint8Array(HEADER_BYTES + packet.payload.length + (withTrailer ? 1 : 0));
  const view = new DataView(bytes.buffer);
  bytes.fill(packet.control ? CONTROL_LEADER_BYTE : DATA_LEADER_BYTE, 0, 4);
  view.setUint16(4, packet.type, true);
  view.setUint16(6, packet.payload.length, true);
  view.setUint32(8, packet.id, true);
  if (!packet.control) view.setUint32(12, checksum(packet.payload), true);
  bytes.set(packet.payload, HEADER_BYTES);
  if (withTrailer) bytes[bytes.length - 1] = TRAILER_BYTE;
  return bytes;
}
