/**
 * The host's end of the protocol: one request at a time while the target is stopped, notifications whenever they come, and the ways back
 * into step after damage, a reboot or a cable that was away.
 */
import { EventscopeError } from '../../protocol/errors.js';
import { Exchange } from './exchange.js';
import { Happenings } from './happenings.js';
import type { PacketCarrier } from './link/carrier.js';
import { type Clock, realClock } from './link/clock.js';
import { PacketType } from './link/packet.js';
import { linkClosed, PacketLink } from './link/packet-link.js';
import { encodeManipulate } from './protocol/manipulate.js';
import { type ContinueOptions, continue2, type KdRequest, switchProcessor } from './protocol/requests.js';
import { decodeStateChange, type StateChange } from './protocol/state-change.js';
import { TargetAsks, type TargetAsksOptions } from './target-asks.js';
import { Turns } from './turns.js';

export type KdEvent =
  | { readonly type: 'stopped'; readonly stop: StateChange }
  /** The stop that holds was reported once more, as after the link was away. */
  | { readonly type: 'stillStopped' }
  | { readonly type: 'print'; readonly text: string }
  /** The target began anew: nothing that was known of it holds. */
  | { readonly type: 'restarted' }
  | { readonly type: 'away'; readonly why: string }
  | { readonly type: 'back' }
  | { readonly type: 'ended'; readonly error: Error | undefined }
  /** Something that the protocol's description does not have; for the log. */
  | { readonly type: 'odd'; readonly what: string };

export interface KdClientOptions extends Pick<TargetAsksOptions, 'answerPrompt' | 'files'> {
  readonly onEvent: (event: KdEvent) => void;
  readonly clock?: Clock;
}

export interface KdRequestOptions {
  readonly signal?: AbortSignal;
}

/** Sends of a packet that lets the target run, until it is taken for received: a running target does not answer. */
const CONTINUE_ATTEMPTS = 12;
/** A target that may have stopped unheard is asked so often, the first time after so long. */
const ASK_ROUNDS = 5;
const ASK_AFTER_MS = 500;
/** A break-in byte is lost when the target looks at it together with others, so it comes again soon. */
const BREAK_IN_WAIT_MS = 500;
/** For a stopped target's answer to a reset, and how often it is asked. */
const RESET_WAIT_MS = 500;
const RESET_ROUNDS = 4;
/** From a print until the target looks for a break-in again. */
const AFTER_PRINT_MS = 20;

export class KdClient {
  readonly link: PacketLink;
  readonly #options: KdClientOptions;
  readonly #clock: Clock;
  readonly #turns = new Turns();
  readonly #happenings: Happenings;
  readonly #exchange: Exchange;
  readonly #asks: TargetAsks;
  #state: 'connecting' | 'running' | 'stopped' | 'closed' = 'connecting';
  #stop: StateChange | undefined;
  /** As the target told it; where it stands may have been changed since. */
  #reported: StateChange | undefined;
  #started = false;
  /** Requests since the target was made, without repeats. */
  requests = 0;

  constructor(carrier: PacketCarrier, options: KdClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#happenings = new Happenings(this.#clock);
    this.link = new PacketLink(
      carrier,
      {
        data: (type, payload) => this.#receive(type, payload),
        peerReset: (why) => {
          if (why !== 'reset') this.#restarted();
        },
        text: (text) => this.#options.onEvent({ type: 'print', text }),
        away: (why) => this.#away(why),
        back: () => this.#back(),
        closed: (error) => this.#ended(error),
      },
      this.#clock,
    );
    const odd = (what: string): void => this.#odd(what);
    this.#exchange = new Exchange({
      link: this.link,
      clock: this.#clock,
      mustBeStopped: () => this.#mustBeStopped(),
      odd,
    });
    this.#asks = new TargetAsks({
      answerPrompt: options.answerPrompt,
      files: options.files,
      send: (type, payload) => this.#turns.take(() => this.link.send(type, payload)),
      heardOfRunning: () => this.#heardOfRunning(),
      print: (text) => this.#options.onEvent({ type: 'print', text }),
      odd,
    });
  }

  get state(): 'connecting' | 'running' | 'stopped' | 'closed' {
    return this.#state;
  }

  /** The report of the stop that holds now. */
  get stop(): StateChange | undefined {
    return this.#state === 'stopped' ? this.#stop : undefined;
  }

  /** An instruction was done in the target's place: it stands behind that now, and has not run. */
  standAt(stop: StateChange): void {
    if (this.#state === 'stopped') this.#stop = stop;
  }

  /** Whether the line has damaged something lately: answers are asked for twice, and should be short. */
  get wary(): boolean {
    return this.#exchange.wary;
  }

  /**
   * Waits for the target and stops it: a break-in for a running one, a reset for one that is stopped already, by turns, until the signal
   * ends it. With `breakIn` false it only listens, for a target that boots.
   */
  async connect(options: { readonly breakIn: boolean; readonly signal?: AbortSignal }): Promise<void> {
    this.start();
    const { signal } = options;
    for (let round = 0; this.#state === 'connecting' || this.#state === 'running'; round++) {
      if (this.link.up) {
        if (options.breakIn) {
          if (round % 2 === 0) this.link.breakIn();
          else this.link.reset();
        }
        const came = await this.#happenings.next(
          ['stopped', 'running'],
          options.breakIn ? BREAK_IN_WAIT_MS : undefined,
          signal,
        );
        if (came === 'running' && options.breakIn) {
          // While it waited for our acknowledgement it did not look for a break-in.
          await this.#happenings.next(['stopped'], AFTER_PRINT_MS, signal);
          round = -1;
        }
      } else {
        round = -1;
        await this.#happenings.next(['up'], undefined, signal);
      }
    }
    await this.#comeIntoStep(signal);
    this.#throwIfClosed();
  }

  /** A target that ran when we came counts packets from where its debugger before us stopped: it is told to count anew, and reports again. */
  async #comeIntoStep(signal: AbortSignal | undefined): Promise<void> {
    for (let round = 0; round < RESET_ROUNDS && this.#state === 'stopped' && !this.link.inStep; round++) {
      this.link.reset();
      // Some report again without a word on the reset.
      if ((await this.#happenings.next(['stopped'], RESET_WAIT_MS, signal)) === 'stopped') return;
    }
  }

  /** Opens the wire without asking anything of the target. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.link.start();
  }

  /** Stops a running target; settles when it has stopped, for whatever reason. */
  async pause(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const end = this.#clock.now() + timeoutMs;
    for (let round = 0; this.#state !== 'stopped'; round++) {
      this.#throwIfClosed();
      const left = end - this.#clock.now();
      if (left <= 0) {
        throw new EventscopeError({
          id: 'debug.pause',
          what: 'The target did not stop',
          target: this.link.description,
          why: `no answer to a break-in in ${timeoutMs / 1000} s`,
          next: 'Look whether the machine runs; with interrupts off it cannot see the request',
        });
      }
      // A stopped target of which we believe that it runs answers a reset only.
      if (round % 3 === 2) this.link.probe();
      else this.link.breakIn();
      await this.#happenings.next(['stopped'], Math.min(left, BREAK_IN_WAIT_MS), signal);
    }
  }

  /** Rejects with `debug.running` while the target runs. Requests are answered in the order in which they are made. */
  request<Result>(request: KdRequest<Result>, options: KdRequestOptions = {}): Promise<Result> {
    return this.#turns.take(() => {
      this.requests++;
      return this.#exchange.run(request, options.signal);
    });
  }

  /** Lets the target run; settles when it has taken that. */
  resume(options: ContinueOptions): Promise<void> {
    return this.#turns.take(() => this.#letGo(continue2(options)));
  }

  /** Another processor reports; its report comes as a stop. */
  switchTo(processor: number): Promise<void> {
    return this.#turns.take(() => this.#letGo(switchProcessor(processor)));
  }

  /** Reboot or crash: there is no answer. */
  letGo(request: KdRequest<void>): Promise<void> {
    return this.#turns.take(() => this.#letGo(request));
  }

  async close(): Promise<void> {
    this.#ended(undefined);
    await this.link.close();
  }

  #throwIfClosed(): void {
    if (this.#state === 'closed') throw linkClosed(this.link.description);
  }

  #mustBeStopped(): void {
    this.#throwIfClosed();
    if (this.#state !== 'stopped') {
      throw new EventscopeError({
        id: 'debug.running',
        what: 'The machine is running',
        target: this.link.description,
        next: 'Pause it first',
      });
    }
  }

  async #letGo(request: KdRequest<void>): Promise<void> {
    this.#mustBeStopped();
    this.requests++;
    this.#state = 'running';
    this.#stop = undefined;
    const payload = encodeManipulate(request.api, request.processor, request.fields);
    const { retransmitted } = this.link.statistics;
    await this.link.send(PacketType.StateManipulate, payload, { anyDataAnswers: true, attempts: CONTINUE_ATTEMPTS });
    if (this.link.statistics.retransmitted > retransmitted) this.#askWhetherStopped(1);
  }

  /**
   * For a target that was told more than once to go on. Data counts as an acknowledgement for it (reference, 2.5): the repeat may have
   * acknowledged the report of its next stop, which we then never saw and which is not sent again.
   */
  #askWhetherStopped(round: number): void {
    this.#cancelAsking();
    if (round > ASK_ROUNDS) return;
    const wait = Math.max(ASK_AFTER_MS, 4 * this.link.timeout) * round;
    this.#cancelAsking = this.#clock.after(wait, () => {
      if (this.#state !== 'running') return;
      if (this.link.up) this.link.probe();
      this.#askWhetherStopped(round + 1);
    });
  }
  #cancelAsking: () => void = () => undefined;

  #receive(type: PacketType, payload: Uint8Array): void {
    switch (type) {
      case PacketType.StateManipulate:
        this.#exchange.receive(payload);
        break;
      case PacketType.StateChange64:
        this.#receiveStop(payload);
        break;
      case PacketType.DebugIo:
        this.#asks.receiveDebugIo(payload);
        break;
      case PacketType.FileIo:
        this.#asks.receiveFileIo(payload);
        break;
      case PacketType.TraceIo:
      case PacketType.ControlRequest:
      case PacketType.StateChange32:
      case PacketType.Unused:
      case PacketType.Acknowledge:
      case PacketType.Resend:
      case PacketType.Reset:
        this.#odd(`a packet of type ${type} with ${payload.length} bytes`);
    }
  }

  #receiveStop(payload: Uint8Array): void {
    const stop = decodeStateChange(payload);
    if (stop === undefined) {
      this.#odd(`a state change of ${payload.length} bytes`);
      return;
    }
    this.#cancelAsking();
    const again = this.#state === 'stopped' && this.#isReported(stop);
    this.#state = 'stopped';
    if (!again) {
      this.#stop = stop;
      this.#reported = stop;
    }
    // The target answers a reset by reporting its stop again; a request that was under way is made again.
    this.#exchange.interrupted(() => (again ? 'again' : stoppedAnew(this.link.description)));
    this.#happenings.tell('stopped');
    this.#options.onEvent(again ? { type: 'stillStopped' } : { type: 'stopped', stop });
  }

  /** The same stop once more. The target may tell it with the program counter that it was given since. */
  #isReported(stop: StateChange): boolean {
    if (this.#reported === undefined || this.#stop === undefined) return false;
    const { programCounter } = this.#stop;
    return sameStop(this.#reported, stop) || sameStop({ ...this.#reported, programCounter }, stop);
  }

  /** A stopped target prints nothing and wants no files. */
  #heardOfRunning(): void {
    if (this.#state === 'connecting') this.#state = 'running';
    if (this.#state === 'running') this.#happenings.tell('running');
  }

  #restarted(): void {
    this.#state = 'running';
    this.#stop = undefined;
    const error = new EventscopeError({
      id: 'debug.restarted',
      what: 'The target has restarted',
      target: this.link.description,
    });
    this.#exchange.fail(error);
    this.#options.onEvent({ type: 'restarted' });
  }

  #away(why: Error | undefined): void {
    const first = this.#state === 'connecting';
    const error = new EventscopeError({
      id: 'debug.linkAway',
      what: 'The link to the target is interrupted',
      target: this.link.description,
      ...(why === undefined ? {} : { why: why.message }),
      next: 'It is opened again as soon as the other end is there',
    });
    this.#exchange.fail(error);
    if (!first) this.#options.onEvent({ type: 'away', why: why?.message ?? 'the other end closed it' });
  }

  #back(): void {
    this.#happenings.tell('up');
    if (this.#state === 'connecting') return;
    this.#options.onEvent({ type: 'back' });
    // A stopped target reports again and shows whether it is still the same stop; a running one ignores it, and its ids stay as they are.
    if (this.#state === 'stopped') this.link.reset();
    else {
      this.link.probe();
      // One that has an answer left to send does that first, and reports when it is asked once more.
      this.#askWhetherStopped(1);
    }
  }

  #ended(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#cancelAsking();
    this.#state = 'closed';
    const why = error ?? linkClosed(this.link.description);
    this.#exchange.fail(why);
    this.#happenings.tell(why);
    this.#options.onEvent({ type: 'ended', error });
  }

  #odd(what: string): void {
    this.#options.onEvent({ type: 'odd', what });
  }
}

const sameStop = (a: StateChange, b: StateChange): boolean =>
  a.kind === b.kind &&
  a.processor === b.processor &&
  a.thread === b.thread &&
  a.programCounter === b.programCounter &&
  (a.kind !== 'exception' || b.kind !== 'exception' || a.code === b.code) &&
  (a.kind !== 'loadSymbols' || b.kind !== 'loadSymbols' || (a.base === b.base && a.path === b.path));

const stoppedAnew = (target: string): EventscopeError =>
  new EventscopeError({
    id: 'debug.stoppedAnew',
    what: 'The target reported another stop while it was asked',
    target,
    next: 'Ask again',
  });
