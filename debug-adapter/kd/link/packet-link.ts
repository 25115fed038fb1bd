/**
 * Reliable packets over a carrier: ids, acknowledgements, retransmission, duplicates, reset. One packet of ours is in flight at a time.
 * Two dialects of ids exist: KDCOM toggles one bit, KDNET counts by two.
 */
import { EventscopeError } from '../../../protocol/errors.js';
import type { PacketCarrier } from './carrier.js';
import { type Clock, realClock } from './clock.js';
import { type KdPacket, PacketType, controlPacket, dataPacket } from './packet.js';
import { RoundTripTime } from './round-trip-time.js';

const KDCOM_FIRST_ID = 0x80800000;
const KDNET_FIRST_ID = 0x80000000;
/** KDCOM: set in a target's ids until its first packet was acknowledged. */
const SYNC = 0x800;

export interface PacketLinkEvents {
  /** A packet with data, once, in order; already acknowledged. */
  data(type: PacketType, payload: Uint8Array): void;
  /** The target began anew: its ids, and perhaps everything else. */
  peerReset(why: 'reset' | 'sync' | 'rekeyed'): void;
  text(text: string): void;
  away(why: Error | undefined): void;
  back(): void;
  closed(error: Error | undefined): void;
}

export interface LinkStatistics {
  /** Packets with data that we sent, and how many of those sends were repeats. */
  sent: number;
  retransmitted: number;
  received: number;
  duplicates: number;
  damaged: number;
  resets: number;
}

interface InFlight {
  packet: KdPacket;
  /** A packet after which the target runs on: whatever it says next shows that it was taken. */
  readonly anyDataAnswers: boolean;
  readonly bounded: number | undefined;
  sentAt: number;
  attempts: number;
  cancelTimer: () => void;
  readonly settle: (error?: Error) => void;
}

/** Nothing heard for so long while something is in flight: the link is dead. Milliseconds. */
const SILENCE_MS = 10_000;
/** A RESET that comes so soon after one of ours is an answer. Milliseconds. */
const RESET_ANSWER_MS = 1_000;

export class PacketLink {
  readonly statistics: LinkStatistics = {
    sent: 0,
    retransmitted: 0,
    received: 0,
    duplicates: 0,
    damaged: 0,
    resets: 0,
  };
  readonly #carrier: PacketCarrier;
  readonly #events: PacketLinkEvents;
  readonly #clock: Clock;
  readonly #roundTrip = new RoundTripTime();
  #nextId: number;
  /** KDCOM: the id that comes next. KDNET: the highest seen. Undefined: whatever comes is accepted. */
  #peerId: number | undefined;
  /** The target's first packet, as it was accepted: it comes again when our acknowledgement is lost. */
  #synced: { readonly id: number; readonly payload: Uint8Array; readonly sends: number } | undefined;
  /** A packet that says the target began anew, seen once. */
  #suspect: KdPacket | undefined;
  #acknowledged = 0;
  #inFlight: InFlight | undefined;
  #awaitingReset = false;
  /** The target is known to expect the id that we send next. */
  #inStep = false;
  #lastHeard = 0;
  /** When anything came, whole or not. */
  #lastSign = 0;
  #lastResend = -Infinity;
  /** When we sent one. */
  #lastReset = -Infinity;

  constructor(carrier: PacketCarrier, events: PacketLinkEvents, clock: Clock = realClock) {
    this.#carrier = carrier;
    this.#events = events;
    this.#clock = clock;
    this.#nextId = this.#firstId;
  }

  start(): void {
    this.#carrier.start({
      packet: (packet) => this.#receive(packet),
      damaged: () => {
        this.statistics.damaged++;
        // A line that damages is a line that lives.
        this.#lastSign = this.#clock.now();
        this.#askAgain();
      },
      text: (text) => this.#events.text(text),
      away: (why) => this.#events.away(why),
      back: () => {
        this.#peerId = undefined;
        this.#events.back();
      },
      restarted: () => {
        this.#restartIds();
        this.#events.peerReset('rekeyed');
      },
      closed: (error) => {
        this.#inFlight?.settle(error ?? linkClosed(this.#carrier.description));
        this.#events.closed(error);
      },
    });
  }

  /** Milliseconds that an exchange takes: smoothed, with room for its variation. */
  get timeout(): number {
    return this.#roundTrip.timeout;
  }

  /** Until an answer with so much data is overdue. Milliseconds. */
  timeoutFor(payloadBytes: number): number {
    return this.#roundTrip.timeoutFor(payloadBytes, 1);
  }

  /** Whether packets can be damaged unseen: a sum over a stream tells little, an HMAC all. */
  get authenticated(): boolean {
    return this.#carrier.dialect === 'kdnet';
  }

  get dialect(): 'kdcom' | 'kdnet' {
    return this.#carrier.dialect;
  }

  get description(): string {
    return this.#carrier.description;
  }

  get up(): boolean {
    return this.#carrier.up;
  }

  /** When the last whole packet came, on the clock's scale. */
  get lastHeard(): number {
    return this.#lastHeard;
  }

  /** false: the target may take our first packet for one that it has had, acknowledge it, and never answer. A reset helps. */
  get inStep(): boolean {
    return this.#inStep;
  }

  get awaitingReset(): boolean {
    return this.#awaitingReset;
  }

  /**
   * Sends a packet with data; settles when the target has it. `anyDataAnswers` for packets that let it run. With `attempts`, that many
   * sends without an answer count as taken (a running target does not answer).
   */
  send(
    type: PacketType,
    payload: Uint8Array,
    options: { readonly anyDataAnswers?: boolean; readonly attempts?: number; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    if (this.#inFlight !== undefined) return Promise.reject(new Error('A packet is in flight'));
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        inFlight.cancelTimer();
        if (this.#inFlight === inFlight) this.#inFlight = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      const inFlight: InFlight = {
        packet: dataPacket(type, this.#nextId, payload),
        anyDataAnswers: options.anyDataAnswers === true,
        bounded: options.attempts,
        sentAt: this.#clock.now(),
        attempts: 0,
        cancelTimer: () => undefined,
        settle,
      };
      this.#inFlight = inFlight;
      this.#lastHeard = this.#clock.now();
      this.#lastSign = this.#lastHeard;
      this.#transmit(inFlight);
    });
  }

  /** Forgets the packet in flight: its sender no longer wants it. */
  abandon(why: Error): void {
    this.#inFlight?.settle(why);
  }

  /** Brings the ids of both sides together; a stopped target sends its last packet again. */
  reset(): void {
    if (this.#carrier.dialect === 'kdcom') this.#restartIds();
    this.probe();
  }

  /**
   * Asks a target that is thought to run whether it has stopped: it then sends its last packet again. One that runs does not hear it, so
   * that ids begin anew with the answer alone.
   */
  probe(): void {
    this.statistics.resets++;
    this.#awaitingReset = true;
    this.#peerId = undefined;
    this.#sendReset();
  }

  breakIn(): void {
    this.#carrier.breakIn();
  }

  close(): Promise<void> {
    return this.#carrier.close();
  }

  get #firstId(): number {
    return this.#carrier.dialect === 'kdcom' ? KDCOM_FIRST_ID : KDNET_FIRST_ID;
  }

  #restartIds(): void {
    this.#nextId = this.#firstId;
    this.#peerId = undefined;
    this.#synced = undefined;
    if (this.#inFlight !== undefined) this.#inFlight.packet = { ...this.#inFlight.packet, id: this.#nextId };
  }

  #advanceId(): void {
    this.#nextId =
      this.#carrier.dialect === 'kdcom'
        ? (this.#nextId ^ 1) >>> 0
        : (KDNET_FIRST_ID | ((this.#nextId + 2) & 0x7fffffff)) >>> 0;
  }

  #transmit(inFlight: InFlight): void {
    inFlight.cancelTimer();
    inFlight.attempts++;
    this.statistics.sent++;
    if (inFlight.attempts > 1) this.statistics.retransmitted++;
    inFlight.sentAt = this.#clock.now();
    this.#carrier.send(inFlight.packet);
    const wait = this.#roundTrip.timeoutFor(inFlight.packet.payload.length, inFlight.attempts);
    inFlight.cancelTimer = this.#clock.after(wait, () => this.#timedOut(inFlight));
  }

  #timedOut(inFlight: InFlight): void {
    if (inFlight.bounded !== undefined && inFlight.attempts >= inFlight.bounded) {
      this.#taken(inFlight);
      return;
    }
    // While the wire is away its own end decides how long to wait for it.
    if (this.#carrier.up && this.#clock.now() - this.#lastSign > SILENCE_MS) {
      inFlight.settle(
        new EventscopeError({
          id: 'debug.link',
          what: 'The target does not answer',
          target: this.#carrier.description,
          why: `${inFlight.attempts} packets in ${SILENCE_MS / 1000} s brought no acknowledgement`,
          next: 'Look whether the machine is running and its kernel debugger uses this line, then attach again',
        }),
      );
      return;
    }
    this.#transmit(inFlight);
  }

  #taken(inFlight: InFlight): void {
    this.#acknowledged++;
    this.#advanceId();
    inFlight.settle();
  }

  /** At most once in the time that an answer to it takes. */
  #askAgain(): void {
    const now = this.#clock.now();
    if (now - this.#lastResend < this.#roundTrip.smoothed) return;
    this.#lastResend = now;
    this.#carrier.send(controlPacket(PacketType.Resend, 0));
  }

  #receive(packet: KdPacket): void {
    this.#lastHeard = this.#clock.now();
    this.#lastSign = this.#lastHeard;
    if (!packet.control) {
      this.#receiveData(packet);
      return;
    }
    const inFlight = this.#inFlight;
    if (packet.type === PacketType.Acknowledge) {
      if (inFlight?.packet.id !== packet.id) return;
      if (inFlight.attempts === 1) this.#measured(inFlight);
      this.#taken(inFlight);
    } else if (packet.type === PacketType.Resend) {
      if (inFlight !== undefined) this.#transmit(inFlight);
    } else {
      this.#receiveReset(packet);
    }
  }

  #measured(inFlight: InFlight): void {
    this.#roundTrip.sample(this.#clock.now() - inFlight.sentAt, inFlight.packet.payload.length);
    this.#carrier.setStallTime(this.#roundTrip.stall);
  }

  #sendReset(): void {
    this.#lastReset = this.#clock.now();
    // KDNET: the target adopts the id that our RESET carries.
    this.#carrier.send(controlPacket(PacketType.Reset, this.#carrier.dialect === 'kdnet' ? this.#nextId : 0));
  }

  #receiveReset(packet: KdPacket): void {
    const asked = this.#awaitingReset;
    this.#awaitingReset = false;
    this.#inStep = true;
    // KDNET: each side has told the id of its next packet, and goes on from there; one below it makes that one fresh.
    if (this.#carrier.dialect === 'kdnet') this.#peerId = (packet.id - 2) >>> 0;
    else this.#restartIds();
    if (!asked) {
      // The answer to one of ours that another came before is not answered: both sides would go on so for ever.
      if (this.#clock.now() - this.#lastReset > RESET_ANSWER_MS) this.#sendReset();
      this.#events.peerReset('reset');
    }
    if (this.#inFlight !== undefined) this.#transmit(this.#inFlight);
  }

  #receiveData(packet: KdPacket): void {
    const fresh = this.#carrier.dialect === 'kdcom' ? this.#acceptKdcom(packet) : this.#acceptKdnet(packet);
    if (fresh === 'foreign') {
      this.statistics.damaged++;
      this.#askAgain();
      return;
    }
    const ackId = this.#carrier.dialect === 'kdcom' ? (packet.id & ~SYNC) >>> 0 : packet.id;
    this.#carrier.send(controlPacket(PacketType.Acknowledge, ackId));
    if (fresh === 'duplicate') {
      this.statistics.duplicates++;
      return;
    }
    this.statistics.received++;
    this.#awaitingReset = false;
    const inFlight = this.#inFlight;
    // A lost acknowledgement: an answer to our request says as much, and so does anything at all once the target was let go.
    if (inFlight !== undefined && (inFlight.anyDataAnswers || packet.type === inFlight.packet.type)) {
      this.#taken(inFlight);
    }
    this.#events.data(packet.type, packet.payload);
  }

  #acceptKdcom(packet: KdPacket): 'fresh' | 'duplicate' | 'foreign' {
    const plain = (packet.id & ~SYNC) >>> 0;
    if ((plain & ~1) >>> 0 !== KDCOM_FIRST_ID) return 'foreign';
    if (plain !== packet.id) return this.#acceptSync(packet, plain);
    if (this.#peerId !== undefined && plain !== this.#peerId) return 'duplicate';
    this.#peerId = (plain ^ 1) >>> 0;
    this.#synced = undefined;
    return 'fresh';
  }

  /**
   * The first packet of a target that began anew: accepted whatever was expected, and our own ids begin anew with it. One damaged bit looks
   * the same, so in the middle of a session it is believed when it comes a second time; an answer never is a target's first packet.
   */
  #acceptSync(packet: KdPacket, plain: number): 'fresh' | 'duplicate' | 'foreign' {
    const known = this.#peerId !== undefined;
    const before = this.#synced;
    const dubious = known && before === undefined && !this.#isSuspect(packet);
    if (dubious || packet.type === PacketType.StateManipulate) {
      this.#suspect = packet;
      return 'foreign';
    }
    this.#suspect = undefined;
    this.#synced = { id: packet.id, payload: packet.payload, sends: this.#acknowledged };
    const again =
      before?.id === packet.id &&
      before.sends === this.#acknowledged &&
      Buffer.compare(before.payload, packet.payload) === 0;
    if (again) return 'duplicate';
    this.#peerId = (plain ^ 1) >>> 0;
    this.#nextId = this.#firstId;
    this.#inStep = true;
    if (this.#inFlight !== undefined) this.#inFlight.packet = { ...this.#inFlight.packet, id: this.#nextId };
    if (known) this.#events.peerReset('sync');
    return 'fresh';
  }

  #isSuspect(packet: KdPacket): boolean {
    const suspect = this.#suspect;
    return (
      suspect?.id === packet.id && suspect.type === packet.type && Buffer.compare(suspect.payload, packet.payload) === 0
    );
  }

  #acceptKdnet(packet: KdPacket): 'fresh' | 'duplicate' {
    if (this.#peerId !== undefined && ((packet.id - this.#peerId) | 0) <= 0) return 'duplicate';
    this.#peerId = packet.id;
    return 'fresh';
  }
}

export const linkClosed = (description: string): EventscopeError =>
  new EventscopeError({ id: 'debug.linkClosed', what: 'The link to the target is closed', target: description });
