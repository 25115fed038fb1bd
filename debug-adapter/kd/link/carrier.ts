/** What carries KD packets: a stream of bytes (KDCOM) or encrypted datagrams (KDNET). Packets may be lost or doubled here. */
import type { KdPacket } from './packet.js';

export interface CarrierEvents {
  packet(packet: KdPacket): void;
  /** Something came that was no packet, or a packet that was damaged: worth asking for it again. */
  damaged(): void;
  /** Text outside packets, as a boot loader prints it. */
  text(text: string): void;
  /** The wire is gone; the carrier looks for it again. */
  away(why: Error | undefined): void;
  /** The wire is back, or came up first. Everything that both sides counted may be out of step. */
  back(): void;
  /** KDNET: the target rebooted and made new keys. */
  restarted(): void;
  /** For good: closed by us, or no wire can come any more. */
  closed(error: Error | undefined): void;
}

/** Every byte, or every decrypted packet, that crosses the wire; for recordings. */
export type WireTap = (direction: 'host' | 'target', bytes: Uint8Array) => void;

export interface PacketCarrier {
  readonly dialect: 'kdcom' | 'kdnet';
  /** What a person calls it, such as `tcp:10.0.0.5:5555`. */
  readonly description: string;
  /** Whether bytes can be sent now. */
  readonly up: boolean;
  start(events: CarrierEvents): void;
  send(packet: KdPacket): void;
  breakIn(): void;
  /** How long an incomplete packet may rest before it is asked for again, in milliseconds. */
  setStallTime(milliseconds: number): void;
  close(): Promise<void>;
}
