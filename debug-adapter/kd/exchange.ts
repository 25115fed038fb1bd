/**
 * Requests and the answers that belong to them: asked again when an answer does not come, and on a line that has damaged something until
 * two answers agree.
 */
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { Clock } from './link/clock.js';
import { PacketType } from './link/packet.js';
import type { PacketLink } from './link/packet-link.js';
import { apiName, decodeManipulate, echoes, encodeManipulate, type Manipulate } from './protocol/manipulate.js';
import type { KdRequest } from './protocol/requests.js';

export interface ExchangeOptions {
  readonly link: PacketLink;
  readonly clock: Clock;
  /** Throws while no request can be made. */
  readonly mustBeStopped: () => void;
  /** Something that the protocol's description does not have. */
  readonly odd: (what: string) => void;
}

interface PendingReply {
  readonly request: KdRequest<unknown>;
  readonly settle: (reply: Manipulate | 'again' | Error) => void;
}

/** How long after the last byte an answer may take on a line that has not damaged anything. */
const ANSWER_MS = 5_000;
/** Exchanges after damage in which each answer is asked for twice. */
const WARY_EXCHANGES = 256;
const MAX_ATTEMPTS = 200;
/** Answers to one request of which two have to agree. */
const MAX_ANSWERS = 8;

export class Exchange {
  readonly #link: PacketLink;
  readonly #clock: Clock;
  readonly #mustBeStopped: () => void;
  readonly #odd: (what: string) => void;
  #pending: PendingReply | undefined;
  #answered: KdRequest<unknown> | undefined;
  #wary = 0;
  #damageSeen = 0;

  constructor({ link, clock, mustBeStopped, odd }: ExchangeOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#mustBeStopped = mustBeStopped;
    this.#odd = odd;
  }

  /** Whether the line has damaged something lately. */
  get wary(): boolean {
    return this.#wary > 0;
  }

  /** One at a time. */
  async run<Result>(request: KdRequest<Result>, signal: AbortSignal | undefined): Promise<Result> {
    const first = await this.#answerTo(request, signal);
    if (request.reads !== true || !this.wary) return request.result(first);
    return request.result(await this.#agreed(request, first, signal));
  }

  /** The target cannot answer any more. */
  fail(why: Error): void {
    this.#pending?.settle(why);
    this.#link.abandon(why);
  }

  /** It reported a stop instead of answering: the one that holds, so that the request is made again, or another. */
  interrupted(how: () => 'again' | Error): void {
    this.#pending?.settle(how());
  }

  receive(payload: Uint8Array): void {
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

  /** Damage that the sum over a packet does not show is told by asking again until two answers agree. */
  async #agreed(request: KdRequest<unknown>, first: Manipulate, signal?: AbortSignal): Promise<Manipulate> {
    const answers = [first];
    while (answers.length < MAX_ANSWERS) {
      const next = await this.#answerTo(request, signal);
      if (answers.some((before) => sameAnswer(before, next))) return next;
      answers.push(next);
    }
    throw new EventscopeError({
      id: 'debug.link',
      what: `The answers to ${apiName(request.api)} differ each time`,
      target: this.#link.description,
      why: 'the line damages what it carries',
    });
  }

  async #answerTo(request: KdRequest<unknown>, signal?: AbortSignal): Promise<Manipulate> {
    const payload = encodeManipulate(request.api, request.processor, request.fields, request.data);
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted === true) throw new CancelledError();
      this.#mustBeStopped();
      const answer = await this.#ask(request, payload, attempt);
      this.#noteDamage();
      if (answer !== 'again') return answer;
      // The target reported its stop instead: what is still in flight is made anew.
      this.#link.abandon(new Error('Asked again'));
      if (!request.repeatable || attempt >= MAX_ATTEMPTS) throw this.#noAnswer(request, attempt);
      // What was acknowledged and not answered: the ids of both sides may be out of step.
      if (attempt % 4 === 0) this.#link.reset();
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
        const silent = this.#clock.now() - this.#link.lastHeard;
        if (silent >= limit) settle('again');
        else cancelTimer = this.#clock.after(limit - silent, watch);
      };
      this.#link.send(PacketType.StateManipulate, payload).then(() => {
        if (this.#pending === pending) watch();
      }, settle);
    });
  }

  #answerTime(request: KdRequest<unknown>, attempt: number): number {
    const line = this.#link.timeoutFor(request.answerBytes ?? 0);
    // Where nothing is damaged a late answer is a busy target, and waiting is right.
    if (!this.wary && attempt === 1) return Math.max(ANSWER_MS, 4 * line);
    return Math.min(ANSWER_MS, 4 * line * attempt);
  }

  #noteDamage(): void {
    const { damaged } = this.#link.statistics;
    if (this.#link.authenticated) return;
    if (damaged !== this.#damageSeen) this.#wary = WARY_EXCHANGES;
    else if (this.#wary > 0) this.#wary--;
    this.#damageSeen = damaged;
  }

  #noAnswer(request: KdRequest<unknown>, attempts: number): EventscopeError {
    return new EventscopeError({
      id: 'debug.link',
      what: `The target does not answer ${apiName(request.api)}`,
      target: this.#link.description,
      why: `${attempts} request${attempts === 1 ? '' : 's'} without an answer`,
      next: 'Detach and attach again to bring both sides into step',
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
