/**
 * The host's end of the protocol: one request at a time while the target is stopped, notifications whenever they come, and the ways back
 * into step after damage, a reboot or a cable that was away.
 */
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { PacketCarrier } from './link/carrier.js';
import { type Clock, realClock } from './link/clock.js';
import { PacketType } from './link/packet.js';
import { linkClosed, PacketLink } from './link/packet-link.js';
import { type DebugIo, decodeDebugIo, encodePromptAnswer } from './protocol/debug-io.js';
import { decodeFileIo, encodeFileIoAnswer, type FileIo, type FileIoAnswer } from './protocol/file-io.js';
import { apiName, decodeManipulate, echoes, encodeManipulate, type Manipulate } from './protocol/manipulate.js';
import { type ContinueOptions, continue2, type KdRequest, switchProcessor } from './protocol/requests.js';
import { decodeStateChange, type StateChange } from './protocol/state-change.js';

export type KdEvent =
  | { readonly type: 'stopped'; readonly stop: StateChange }
  | { readonly type: 'print'; readonly text: string }
  /** The target began anew: nothing that was known of it holds. */
  | { readonly type: 'restarted' }
  | { readonly type: 'away'; readonly why: string }
  | { readonly type: 'back' }
  | { readonly type: 'ended'; readonly error: Error | undefined }
  /** Something that the protocol's description does not have; for the log. */
  | { readonly type: 'odd'; readonly what: string };

export interface KdClientOptions {
  readonly onEvent: (event: KdEvent) => void;
  readonly clock?: Clock;
  /** Answers a prompt of the target; the default breaks when it may, else ignores. */
  readonly answerPrompt?: (text: string) => string;
  /** Answers a request for a file of this machine; without it every one is refused. */
  readonly files?: (request: FileIo) => Promise<FileIoAnswer> | FileIoAnswer;
}

export interface KdRequestOptions {
  readonly signal?: AbortSignal;
}

interface PendingReply {
  readonly request: KdRequest<unknown>;
  readonly settle: (reply: Manipulate | 'again' | Error) => void;
}

/** A target that does not know the request has the same answer for all of them. */
export const STATUS_UNSUCCESSFUL = 0xc0000001;
const STATUS_NO_SUCH_FILE = 0xc000000f;
/** How long after the last byte an answer may take on a line that has not damaged anything. */
const ANSWER_MS = 5_000;
/** Exchanges after damage in which each answer is asked for twice. */
const WARY_EXCHANGES = 256;
const MAX_ATTEMPTS = 200;
/** Sends of a packet that lets the target run, until it is taken for received: a running target does not answer. */
const CONTINUE_ATTEMPTS = 12;
/** A break-in byte is lost when the target looks at it together with others, so it comes again soon. */
const BREAK_IN_WAIT_MS = 500;
/** From a print until the target looks for a break-in again. */
const AFTER_PRINT_MS = 20;

type Happening = 'stopped' | 'up' | 'running';

const defaultAnswer = (text: string): string => {
  const choices = /\(([a-z]+)\)\s*\??\s*$/i.exec(text)?.[1]?.toLowerCase() ?? '';
  return choices.includes('b') || choices === '' ? 'b' : 'i';
};

export class KdClient {
  readonly link: PacketLink;
  readonly #options: KdClientOptions;
  readonly #clock: Clock;
  #state: 'connecting' | 'running' | 'stopped' | 'closed' = 'connecting';
  #stop: StateChange | undefined;
  #pending: PendingReply | undefined;
  #answered: KdRequest<unknown> | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #waiters: ((event: Happening | Error) => void)[] = [];
  #wary = 0;
  #damageSeen = 0;
  #started = false;
  /** Requests since the target was made, without repeats. */
  requests = 0;

  constructor(carrier: PacketCarrier, options: KdClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
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
  }

  get state(): 'connecting' | 'running' | 'stopped' | 'closed' {
    return this.#state;
  }

  /** The report of the stop that holds now. */
  get stop(): StateChange | undefined {
    return this.#state === 'stopped' ? this.#stop : undefined;
  }

  /** Whether the line has damaged something lately: answers are asked for twice, and should be short. */
  get wary(): boolean {
    return this.#wary > 0;
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
        const came = await this.#waitFor(
          ['stopped', 'running'],
          options.breakIn ? BREAK_IN_WAIT_MS : undefined,
          signal,
        );
        if (came === 'running' && options.breakIn) {
          // While it waited for our acknowledgement it did not look for a break-in.
          await this.#waitFor(['stopped'], AFTER_PRINT_MS, signal);
          round = -1;
        }
      } else {
        round = -1;
        await this.#waitFor(['up'], undefined, signal);
      }
    }
    this.#throwIfClosed();
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
      if (round % 3 === 2) this.link.reset();
      else this.link.breakIn();
      await this.#waitFor(['stopped'], Math.min(left, BREAK_IN_WAIT_MS), signal);
    }
  }

  /** Rejects with `debug.running` while the target runs. Requests are answered in the order in which they are made. */
  request<Result>(request: KdRequest<Result>, options: KdRequestOptions = {}): Promise<Result> {
    return this.#inTurn(async () => {
      this.requests++;
      const first = await this.#exchange(request, options.signal);
      if (request.reads !== true || !this.wary) return request.result(first);
      return request.result(await this.#agreed(request, first, options.signal));
    });
  }

  /** Lets the target run; settles when it has taken that. */
  resume(options: ContinueOptions): Promise<void> {
    return this.#inTurn(() => this.#letGo(continue2(options)));
  }

  /** Another processor reports; its report comes as a stop. */
  switchTo(processor: number): Promise<void> {
    return this.#inTurn(() => this.#letGo(switchProcessor(processor)));
  }

  /** Reboot or crash: there is no answer. */
  letGo(request: KdRequest<void>): Promise<void> {
    return this.#inTurn(() => this.#letGo(request));
  }

  async close(): Promise<void> {
    this.#ended(undefined);
    await this.link.close();
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(run);
    this.#queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
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
    await this.link.send(PacketType.StateManipulate, payload, { anyDataAnswers: true, attempts: CONTINUE_ATTEMPTS });
  }

  /** Damage that the sum over a packet does not show is told by asking again until two answers agree. */
  async #agreed(request: KdRequest<unknown>, first: Manipulate, signal?: AbortSignal): Promise<Manipulate> {
    const answers = [first];
    while (answers.length < 8) {
      const next = await this.#exchange(request, signal);
      if (answers.some((before) => sameAnswer(before, next))) return next;
      answers.push(next);
    }
    throw new EventscopeError({
      id: 'debug.link',
      what: `The answers to ${apiName(request.api)} differ each time`,
      target: this.link.description,
      why: 'the line damages what it carries',
    });
  }

  async #exchange(request: KdRequest<unknown>, signal?: AbortSignal): Promise<Manipulate> {
    const payload = encodeManipulate(request.api, request.processor, request.fields, request.data);
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted === true) throw new CancelledError();
      this.#mustBeStopped();
      const answer = await this.#ask(request, payload, attempt);
      this.#noteDamage();
      if (answer !== 'again') return answer;
      // The target reported its stop instead: what is still in flight is made anew.
      this.link.abandon(new Error('Asked again'));
      if (!request.repeatable || attempt >= MAX_ATTEMPTS) throw this.#noAnswer(request, attempt);
      // What was acknowledged and not answered: the ids of both sides may be out of step.
      if (attempt % 4 === 0) this.link.reset();
    }
  }

  #ask(request: KdRequest<unknown>, payload: Uint8Array, attempt: number): Promise<Manipulate | 'again'> {
    return new Promise((resolve, reject) => {
      let cancelTimer: () => void = () => undefined;
      const settle = (reply: Manipulate | 'again' | Error): void => {
        cancelTimer();
        if (this.#pending === pending) this.#pending = undefined;
        if (reply instanceof Error) reject(reply);
        else resolve(reply);
      };
      const pending: PendingReply = { request, settle };
      this.#pending = pending;
      const watch = (): void => {
        const limit = this.#answerTime(request, attempt);
        const silent = this.#clock.now() - this.link.lastHeard;
        if (silent >= limit) settle('again');
        else cancelTimer = this.#clock.after(limit - silent, watch);
      };
      this.link.send(PacketType.StateManipulate, payload).then(() => {
        if (this.#pending === pending) watch();
      }, settle);
    });
  }

  #answerTime(request: KdRequest<unknown>, attempt: number): number {
    const line = this.link.timeoutFor(request.answerBytes ?? 0);
    // Where nothing is damaged a late answer is a busy target, and waiting is right.
    if (!this.wary && attempt === 1) return Math.max(ANSWER_MS, 4 * line);
    return Math.min(ANSWER_MS, 4 * line * attempt);
  }

  #noteDamage(): void {
    const { damaged } = this.link.statistics;
    if (this.link.authenticated) return;
    if (damaged !== this.#damageSeen) this.#wary = WARY_EXCHANGES;
    else if (this.#wary > 0) this.#wary--;
    this.#damageSeen = damaged;
  }

  #noAnswer(request: KdRequest<unknown>, attempts: number): EventscopeError {
    return new EventscopeError({
      id: 'debug.link',
      what: `The target does not answer ${apiName(request.api)}`,
      target: this.link.description,
      why: `${attempts} request${attempts === 1 ? '' : 's'} without an answer`,
      next: 'Detach and attach again to bring both sides into step',
    });
  }

  #receive(type: PacketType, payload: Uint8Array): void {
    switch (type) {
      case PacketType.StateManipulate:
        this.#receiveReply(payload);
        break;
      case PacketType.StateChange64:
        this.#receiveStop(payload);
        break;
      case PacketType.DebugIo:
        this.#receiveDebugIo(payload);
        break;
      case PacketType.FileIo:
        this.#receiveFileIo(payload);
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

  #receiveReply(payload: Uint8Array): void {
    const reply = decodeManipulate(payload);
    const pending = this.#pending;
    if (reply === undefined) {
      this.#odd(`an answer of ${payload.length} bytes`);
      return;
    }
    // What does not answer this request is the second answer to the one before, or the target understood a damaged request.
    if (pending === undefined || pending.request.api !== reply.api) return;
    if (echoes(reply, pending.request.fields)) {
      this.#answered = pending.request;
      pending.settle(reply);
      return;
    }
    const late = this.#answered?.api === reply.api && echoes(reply, this.#answered.fields);
    if (!late && pending.request.repeatable) pending.settle('again');
  }

  #receiveStop(payload: Uint8Array): void {
    const stop = decodeStateChange(payload);
    if (stop === undefined) {
      this.#odd(`a state change of ${payload.length} bytes`);
      return;
    }
    const again = this.#state === 'stopped' && this.#stop !== undefined && sameStop(this.#stop, stop);
    this.#state = 'stopped';
    this.#stop = stop;
    // The target answers a reset by reporting its stop again; a request that was under way is made again.
    this.#pending?.settle(again ? 'again' : stoppedAnew(this.link.description));
    this.#wake('stopped');
    if (!again) this.#options.onEvent({ type: 'stopped', stop });
  }

  #receiveDebugIo(payload: Uint8Array): void {
    const message = decodeDebugIo(payload);
    if (message === undefined) {
      this.#odd(`a DEBUG_IO of ${payload.length} bytes`);
      return;
    }
    this.#heardOfRunning();
    this.#options.onEvent({ type: 'print', text: message.text });
    if (message.kind === 'prompt') this.#answerPrompt(message);
  }

  /** A stopped target prints nothing and wants no files. */
  #heardOfRunning(): void {
    if (this.#state === 'connecting') this.#state = 'running';
    if (this.#state === 'running') this.#wake('running');
  }

  #answerPrompt(prompt: Extract<DebugIo, { kind: 'prompt' }>): void {
    const answer = (this.#options.answerPrompt ?? defaultAnswer)(prompt.text);
    this.#sendLater(PacketType.DebugIo, encodePromptAnswer(prompt, answer));
  }

  #receiveFileIo(payload: Uint8Array): void {
    const request = decodeFileIo(payload);
    if (request === undefined) {
      this.#odd(`a FILE_IO of ${payload.length} bytes`);
      return;
    }
    this.#heardOfRunning();
    const refusal: FileIoAnswer = { status: STATUS_NO_SUCH_FILE };
    const { files } = this.#options;
    if (files === undefined) {
      this.#sendLater(PacketType.FileIo, encodeFileIoAnswer(payload, refusal));
      return;
    }
    Promise.resolve(files(request)).then(
      (answer) => this.#sendLater(PacketType.FileIo, encodeFileIoAnswer(payload, answer)),
      (error: unknown) => {
        this.#odd(`a file request failed: ${error instanceof Error ? error.message : String(error)}`);
        this.#sendLater(PacketType.FileIo, encodeFileIoAnswer(payload, refusal));
      },
    );
  }

  /** The target is held until it has the answer, so no request of ours can be under way. */
  #sendLater(type: PacketType, payload: Uint8Array): void {
    this.#inTurn(() => this.link.send(type, payload)).catch((error: unknown) => {
      this.#odd(`an answer was not taken: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  #restarted(): void {
    this.#state = 'running';
    this.#stop = undefined;
    const error = new EventscopeError({
      id: 'debug.restarted',
      what: 'The target has restarted',
      target: this.link.description,
    });
    this.#pending?.settle(error);
    this.link.abandon(error);
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
    this.#pending?.settle(error);
    this.link.abandon(error);
    if (!first) this.#options.onEvent({ type: 'away', why: why?.message ?? 'the other end closed it' });
  }

  #back(): void {
    this.#wake('up');
    if (this.#state === 'connecting') return;
    this.#options.onEvent({ type: 'back' });
    // A stopped target reports again and shows whether it is still the same stop; a running one ignores it.
    this.link.reset();
  }

  #ended(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const why = error ?? linkClosed(this.link.description);
    this.#pending?.settle(why);
    this.link.abandon(why);
    this.#wake(why);
    this.#options.onEvent({ type: 'ended', error });
  }

  #odd(what: string): void {
    this.#options.onEvent({ type: 'odd', what });
  }

  #wake(event: Happening | Error): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter(event);
  }

  /** Which came first; undefined when the time was over. Rejects when the link ends or the signal does. */
  #waitFor(
    events: readonly Happening[],
    milliseconds: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Happening | undefined> {
    return new Promise((resolve, reject) => {
      const finish = (outcome: Happening | Error | undefined): void => {
        cancelTimer();
        signal?.removeEventListener('abort', cancel);
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const waiter = (happened: Happening | Error): void => {
        if (happened instanceof Error || events.includes(happened)) finish(happened);
        else this.#waiters.push(waiter);
      };
      const cancel = (): void => finish(new CancelledError());
      const cancelTimer =
        milliseconds === undefined ? (): void => undefined : this.#clock.after(milliseconds, () => finish(undefined));
      if (signal?.aborted === true) {
        cancel();
        return;
      }
      signal?.addEventListener('abort', cancel, { once: true });
      this.#waiters.push(waiter);
    });
  }
}

const sameAnswer = (a: Manipulate, b: Manipulate): boolean =>
  a.status === b.status &&
  a.data.length === b.data.length &&
  Buffer.compare(a.data, b.data) === 0 &&
  // Beginning behind the padding: what stands in it is left over from whatever was there.
  Buffer.compare(fieldsOf(a), fieldsOf(b)) === 0;

const fieldsOf = ({ header }: Manipulate): Buffer => Buffer.from(header.buffer, header.byteOffset + 16, 40);

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
