/** What a recording tells of a target: its stops in order, what it said between them, and its answers at each. */
import { type KdPacket, PacketType } from '../link/packet.js';
import { Api, decodeManipulate, type Manipulate } from '../protocol/manipulate.js';
import type { DecodedRecording } from './recording.js';

/** What a target says on its own: text, a question, a file request, or a stop. */
export interface Said {
  readonly type: PacketType;
  readonly payload: Uint8Array;
  /** It came after a break-in. */
  readonly afterBreakIn: boolean;
}

export interface Phase {
  /** Said before the target stopped, then the stop itself; the last phase may have none. */
  readonly said: readonly Said[];
  /** By the request's key: replies in their order. */
  readonly answers: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly virtual: SparseMemory;
  readonly physical: SparseMemory;
}

/** Bytes that were read, wherever they were. */
export class SparseMemory {
  readonly #pages = new Map<bigint, { bytes: Uint8Array; known: Uint8Array }>();

  put(address: bigint, bytes: Uint8Array): void {
    bytes.forEach((byte, index) => {
      const at = address + BigInt(index);
      const key = at >> 12n;
      let page = this.#pages.get(key);
      if (page === undefined) {
        page = { bytes: new Uint8Array(4096), known: new Uint8Array(4096) };
        this.#pages.set(key, page);
      }
      page.bytes[Number(at & 0xfffn)] = byte;
      page.known[Number(at & 0xfffn)] = 1;
    });
  }

  /** The known beginning of the range. */
  take(address: bigint, count: number): Uint8Array {
    const result = new Uint8Array(count);
    for (let index = 0; index < count; index++) {
      const at = address + BigInt(index);
      const page = this.#pages.get(at >> 12n);
      const offset = Number(at & 0xfffn);
      if (page?.known[offset] !== 1) return result.subarray(0, index);
      result[index] = page.bytes[offset] ?? 0;
    }
    return result;
  }
}

/** What makes two requests the same: api, processor where it matters, the request's own fields that its caller sets, and its data. */
export function requestKey(request: Manipulate): string {
  const { header } = request;
  const fields = Buffer.from(header.buffer, header.byteOffset + 16, 40);
  const length = FIELD_BYTES.get(request.api ?? 0) ?? 40;
  const processor = ON_ANY_PROCESSOR.has(request.api ?? 0) ? '' : request.processor;
  const data = Buffer.from(request.data).toString('hex');
  return `${request.apiNumber}:${processor}:${fields.subarray(0, length).toString('hex')}:${data}`;
}

/** Bytes of the union that a request sets; behind them stands whatever was there. */
const FIELD_BYTES: ReadonlyMap<number, number> = new Map<number, number>([
  [Api.ReadVirtualMemory, 12],
  [Api.WriteVirtualMemory, 12],
  [Api.ReadPhysicalMemory, 12],
  [Api.WritePhysicalMemory, 12],
  [Api.ReadControlSpace, 8],
  [Api.WriteControlSpace, 12],
  [Api.GetContext, 0],
  [Api.SetContext, 0],
  [Api.GetVersion, 0],
  [Api.WriteBreakPoint, 8],
  [Api.RestoreBreakPoint, 4],
  [Api.ReadMsr, 4],
  [Api.GetContextEx, 8],
  [Api.QueryMemory, 8],
]);
const ON_ANY_PROCESSOR: ReadonlySet<number> = new Set<number>([
  Api.GetVersion,
  Api.ReadVirtualMemory,
  Api.WriteVirtualMemory,
  Api.ReadPhysicalMemory,
  Api.WritePhysicalMemory,
  Api.WriteBreakPoint,
  Api.RestoreBreakPoint,
]);

/** Requests that have no reply: the target runs. */
export const LETS_RUN: ReadonlySet<number> = new Set<number>([
  Api.Continue,
  Api.Continue2,
  Api.Reboot,
  Api.CauseBugCheck,
  Api.SwitchProcessor,
]);

class PhaseBuilder implements Phase {
  readonly said: Said[] = [];
  readonly answers = new Map<string, Uint8Array[]>();
  readonly virtual = new SparseMemory();
  readonly physical = new SparseMemory();

  answer(request: Manipulate, payload: Uint8Array): void {
    const key = requestKey(request);
    const before = this.answers.get(key);
    if (before === undefined) this.answers.set(key, [payload]);
    else before.push(payload);
    const reply = decodeManipulate(payload);
    if (reply === undefined) return;
    const address = request.header.getBigUint64(16, true);
    if (request.api === Api.ReadVirtualMemory) this.virtual.put(address, reply.data);
    if (request.api === Api.ReadPhysicalMemory) this.physical.put(address, reply.data);
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The phases of a session: each ends when the target is let go. */
export function conversationOf({ packets }: DecodedRecording): readonly Phase[] {
  let phase = new PhaseBuilder();
  const phases = [phase];
  let outstanding: Manipulate | undefined;
  let lastOfTarget: KdPacket | undefined;
  let lastOfHost: KdPacket | undefined;
  let brokenIn = false;
  for (const { direction, packet } of packets) {
    if (packet === 'break-in') {
      brokenIn = true;
      continue;
    }
    if (packet.control) {
      // After a reset both sides begin anew, and what has the same id and bytes may be another packet.
      if (packet.type === PacketType.Reset) lastOfHost = undefined;
      continue;
    }
    const last = direction === 'host' ? lastOfHost : lastOfTarget;
    const repeated = last?.id === packet.id && last.type === packet.type && sameBytes(last.payload, packet.payload);
    if (direction === 'host') lastOfHost = packet;
    else lastOfTarget = packet;
    if (repeated) continue;
    if (packet.type !== PacketType.StateManipulate) {
      if (direction === 'host') continue;
      phase.said.push({ type: packet.type, payload: packet.payload, afterBreakIn: brokenIn });
      brokenIn = false;
      continue;
    }
    const message = decodeManipulate(packet.payload);
    if (message === undefined) continue;
    if (direction === 'target') {
      if (outstanding?.apiNumber === message.apiNumber) phase.answer(outstanding, packet.payload);
      outstanding = undefined;
    } else if (LETS_RUN.has(message.apiNumber)) {
      phase = new PhaseBuilder();
      phases.push(phase);
    } else {
      outstanding = message;
    }
  }
  return phases;
}
