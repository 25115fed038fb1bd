/**
 * A recording as a target: says what was said, in its order, and answers requests by their key. Memory is answered in whatever pieces it
 * is asked for. What the recording has no answer for is refused, and counted.
 */
import type { ByteStream } from '../link/byte-stream.js';
import { type Clock, realClock } from '../link/clock.js';
import { controlPacket, dataPacket, encodePacket, type KdPacket, PacketType } from '../link/packet.js';
import { StreamParser } from '../link/stream-parser.js';
import { Api, decodeManipulate, encodeManipulate, MANIPULATE_BYTES, type Manipulate } from '../protocol/manipulate.js';
import { conversationOf, LETS_RUN, type Phase, requestKey } from './conversation.js';
import type { DecodedRecording } from './recording.js';

const FIRST_ID = 0x80800000;
const SYNC = 0x800;
const RETRY_MS = 500;
const STATUS_UNSUCCESSFUL = 0xc0000001;

export interface ReplayCounts {
  /** Requests with an answer of the same stop. */
  answered: number;
  /** With an answer of another stop only: it may have changed. */
  fromOtherStops: number;
  /** Refused. */
  unanswered: number;
}

export class ReplayTarget {
  readonly counts: ReplayCounts = { answered: 0, fromOtherStops: 0, unanswered: 0 };
  /** Names and addresses of what was refused, the first hundred. */
  readonly refused: string[] = [];
  readonly #phases: readonly Phase[];
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #used = new Map<string, number>();
  #phase = 0;
  #said = 0;
  #stopped = false;
  #brokenIn = false;
  #nextId = (FIRST_ID | SYNC) >>> 0;
  #hostId: number | undefined;
  #inFlight: { packet: KdPacket; cancel: () => void } | undefined;
  #queue: { type: PacketType; payload: Uint8Array }[] = [];
  #lastStop: Uint8Array | undefined;

  constructor(recording: DecodedRecording, stream: ByteStream, clock: Clock = realClock) {
    this.#phases = conversationOf(recording);
    this.#stream = stream;
    this.#clock = clock;
    const parser = new StreamParser(
      {
        packet: (packet) => this.#receive(packet),
        noise: () => undefined,
        damaged: () => this.#write(controlPacket(PacketType.Resend, 0)),
      },
      () => {
        this.#brokenIn = true;
        this.#run();
      },
    );
    stream.start({ data: (bytes) => parser.push(bytes), closed: () => this.close() });
    this.#run();
  }

  /** Nothing is left to be said. */
  get ended(): boolean {
    return this.#phase >= this.#phases.length;
  }

  close(): void {
    this.#inFlight?.cancel();
    this.#inFlight = undefined;
    this.#queue = [];
    this.#stream.close();
  }

  /** Says what comes next, up to the next stop. */
  #run(): void {
    while (!this.#stopped) {
      const said = this.#phases[this.#phase]?.said[this.#said];
      if (said === undefined) return;
      if (said.type === PacketType.StateChange64) {
        // One that answered a break-in waits for one.
        if (said.afterBreakIn && !this.#brokenIn) return;
        this.#brokenIn = false;
        this.#stopped = true;
        this.#lastStop = said.payload;
      }
      this.#said++;
      this.#send(said.type, said.payload);
    }
  }

  #send(type: PacketType, payload: Uint8Array): void {
    this.#queue.push({ type, payload });
    this.#next();
  }

  #next(): void {
    if (this.#inFlight !== undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    const inFlight = { packet: dataPacket(next.type, this.#nextId, next.payload), cancel: (): void => undefined };
    const transmit = (): void => {
      this.#write(inFlight.packet);
      inFlight.cancel = this.#clock.after(RETRY_MS, transmit);
    };
    this.#inFlight = inFlight;
    transmit();
  }

  #write(packet: KdPacket): void {
    this.#stream.write(encodePacket(packet, true));
  }

  #receive(packet: KdPacket): void {
    if (!packet.control) {
      this.#receiveData(packet);
      return;
    }
    const inFlight = this.#inFlight;
    if (packet.type === PacketType.Resend) {
      if (inFlight !== undefined) this.#write(inFlight.packet);
    } else if (packet.type === PacketType.Acknowledge) {
      if (inFlight !== undefined && packet.id === (inFlight.packet.id & ~SYNC) >>> 0) this.#acknowledged();
    } else if (this.#stopped) {
      this.#reset();
    }
  }

  #acknowledged(): void {
    this.#inFlight?.cancel();
    this.#inFlight = undefined;
    this.#nextId = ((this.#nextId & ~SYNC) ^ 1) >>> 0;
    this.#next();
  }

  /** A running target does not hear it; a stopped one reports its stop again. */
  #reset(): void {
    this.#inFlight?.cancel();
    this.#inFlight = undefined;
    this.#queue = [];
    this.#nextId = FIRST_ID;
    this.#hostId = undefined;
    this.#write(controlPacket(PacketType.Reset, 0));
    if (this.#lastStop !== undefined) this.#send(PacketType.StateChange64, this.#lastStop);
  }

  #receiveData(packet: KdPacket): void {
    this.#write(controlPacket(PacketType.Acknowledge, packet.id));
    if (this.#inFlight !== undefined) this.#acknowledged();
    if (this.#hostId !== undefined && packet.id !== this.#hostId) return;
    this.#hostId = (packet.id ^ 1) >>> 0;
    // An answer to a prompt or a file request: what was recorded after it follows by itself.
    if (packet.type !== PacketType.StateManipulate) return;
    const request = decodeManipulate(packet.payload);
    if (request === undefined || !this.#stopped) return;
    if (LETS_RUN.has(request.apiNumber)) {
      this.#stopped = false;
      this.#phase++;
      this.#said = 0;
      this.#used.clear();
      this.#run();
      return;
    }
    this.#send(PacketType.StateManipulate, this.#answer(request, packet.payload));
  }

  #answer(request: Manipulate, payload: Uint8Array): Uint8Array {
    const key = requestKey(request);
    for (const [index, phase] of this.#nearestPhases()) {
      const recorded = this.#recordedAnswer(phase, key) ?? memoryAnswer(phase, request);
      if (recorded === undefined) continue;
      if (index === this.#phase) this.counts.answered++;
      else this.counts.fromOtherStops++;
      return recorded;
    }
    this.counts.unanswered++;
    if (this.refused.length < 100) this.refused.push(key);
    const refusal = payload.slice(0, MANIPULATE_BYTES);
    const view = new DataView(refusal.buffer);
    view.setUint32(8, STATUS_UNSUCCESSFUL, true);
    if (COUNTED.has(request.apiNumber)) view.setUint32(28, 0, true);
    return refusal;
  }

  *#nearestPhases(): Generator<readonly [number, Phase]> {
    for (let index = Math.min(this.#phase, this.#phases.length - 1); index >= 0; index--) {
      const phase = this.#phases[index];
      if (phase !== undefined) yield [index, phase];
    }
    for (const [index, phase] of this.#phases.entries()) if (index > this.#phase) yield [index, phase];
  }

  /** Asked once more than it was recorded, a request has its last answer again. */
  #recordedAnswer(phase: Phase, key: string): Uint8Array | undefined {
    const replies = phase.answers.get(key);
    if (replies === undefined) return undefined;
    const used = this.#used.get(key) ?? 0;
    this.#used.set(key, used + 1);
    return replies[Math.min(used, replies.length - 1)];
  }
}

/** Their replies tell at 28 how much there is. */
const COUNTED: ReadonlySet<number> = new Set<number>([
  Api.ReadVirtualMemory,
  Api.WriteVirtualMemory,
  Api.ReadPhysicalMemory,
  Api.WritePhysicalMemory,
  Api.ReadControlSpace,
  Api.WriteControlSpace,
]);

/** Out of all that was read at that stop, in whatever pieces. */
function memoryAnswer(phase: Phase, request: Manipulate): Uint8Array | undefined {
  const { api } = request;
  if (api !== Api.ReadVirtualMemory && api !== Api.ReadPhysicalMemory) return undefined;
  const address = request.header.getBigUint64(16, true);
  const count = request.header.getUint32(24, true);
  const data = (api === Api.ReadVirtualMemory ? phase.virtual : phase.physical).take(address, Math.min(count, 3_944));
  if (data.length === 0) return undefined;
  return encodeManipulate(
    api,
    request.processor,
    [
      { at: 16, width: 8, value: address },
      { at: 24, width: 4, value: count },
      { at: 28, width: 4, value: data.length },
    ],
    data,
  );
}
