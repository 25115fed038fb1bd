/**
 * Which signal satisfied which wait, decided by intervals, not by the order of points (DESIGN, decision 9).
 *
 * A signal that finds its object not signaled makes a token. A token exists from somewhere in its call until the last
 * moment at which it can still have been there: the end of the first later call that saw the object not signaled, or made
 * it so. A satisfied wait took one token that existed somewhere in its interval. On an auto-reset event a token is taken
 * by one wait at most, and one that a later signal found gone was taken by exactly one; on a notification event the state
 * releases any number. What follows from these rules alone is decided; the rest is ambiguous.
 */
import { forcedPairs } from './forced.js';
import { IntervalIndex } from './intervals.js';

export interface Token {
  /** Record of the signal; -1: the state at the object's beginning. */
  readonly record: number;
  readonly from: number;
  /** Latest moment at which it may still be there. */
  readonly until: number;
  /** A later call found it gone and nothing but a wait can have taken it. */
  readonly mustBeTaken: boolean;
}

/** Not one token, but that there may be unseen ones in a stretch of time: lost records, a state nobody recorded. */
export interface Unseen {
  readonly from: number;
  readonly until: number;
}

export interface Taker {
  /** Row in Waits. */
  readonly wait: number;
  readonly begin: number;
  readonly end: number;
  /** Satisfied for sure. Otherwise it may have been: it counts as a possible taker only. */
  readonly satisfied: boolean;
}

export interface Match {
  readonly taker: Taker;
  /** The token, when it is decided. */
  readonly token: Token | undefined;
  /** All tokens that it can have taken, when there is no one token; capped. */
  readonly candidates: readonly Token[];
  /** An unseen signal can have satisfied it as well. */
  readonly unseen: boolean;
}

/** More candidates than this are not listed. */
export const MAX_CANDIDATES = 16;
/** Tokens of one signal that are told apart: a semaphore released by more at once is matched by overlap. */
export const MAX_UNITS = 4;
/** Larger components are left ambiguous: the exact test walks them recursively. */
const MAX_COMPONENT = 2_000;

/** Candidates by overlap alone: notification events, semaphores, and objects whose kind is unknown. */
export function matchByOverlap(tokens: readonly Token[], takers: readonly Taker[], unseen: readonly Unseen[]): Match[] {
  const index = new IntervalIndex(tokens);
  const hidden = new IntervalIndex(unseen);
  return takers
    .filter(({ satisfied }) => satisfied)
    .map((taker) => {
      const candidates = index.overlapping(taker.begin, taker.end, MAX_CANDIDATES + 1);
      const maybeUnseen = hidden.any(taker.begin, taker.end);
      const only = candidates.length === 1 ? candidates[0] : undefined;
      return { taker, token: only, candidates, unseen: maybeUnseen };
    });
}

/** One token, one taker: auto-reset events, mutants, and semaphores, of which one signal may make several tokens. */
export function matchOneToOne(tokens: readonly Token[], takers: readonly Taker[], unseen: readonly Unseen[]): Match[] {
  const graph = new Graph(tokens, takers, unseen);
  graph.propagate();
  graph.decideComponents();
  return graph.matches();
}

/** Takers and tokens, by number, with an edge for "can have taken". Lists are short: plain arrays beat sets here. */
class Graph {
  readonly #tokens: readonly Token[];
  readonly #takers: readonly Taker[];
  readonly #tokensOf: number[][];
  readonly #takersOf: number[][];
  readonly #unseen: Uint8Array;
  /** More candidates than can be listed: nothing may be decided for it or against it. */
  readonly #overfull: Uint8Array;
  /** Token by taker, -1 while undecided. */
  readonly #decided: Int32Array;
  /** An unlisted candidate could be any older token: tokens must not look as if nobody else could take them. */
  readonly #loose: boolean;

  constructor(tokens: readonly Token[], takers: readonly Taker[], unseen: readonly Unseen[]) {
    this.#tokens = tokens;
    this.#takers = takers;
    const index = new IntervalIndex(tokens.map(({ from, until }, token) => ({ from, until, token })));
    const hidden = new IntervalIndex(unseen);
    const several = tokens.some((token, at) => at > 0 && tokens[at - 1] === token);
    const listed = MAX_CANDIDATES * (several ? MAX_UNITS : 1);
    this.#takersOf = tokens.map(() => []);
    this.#unseen = new Uint8Array(takers.length);
    this.#overfull = new Uint8Array(takers.length);
    this.#decided = new Int32Array(takers.length).fill(-1);
    this.#tokensOf = takers.map(({ begin, end }, taker) => {
      const list = index.overlapping(begin, end, listed + 1).map(({ token }) => token);
      if (list.length > listed) this.#overfull[taker] = 1;
      if (hidden.any(begin, end)) this.#unseen[taker] = 1;
      for (const token of list) this.#takersOf[token]?.push(taker);
      return list;
    });
    this.#loose = this.#overfull.includes(1);
  }

  /** Where only one is left, it is the one; that narrows others. */
  propagate(): void {
    const takers = [...this.#takers.keys()];
    const tokens = [...this.#tokens.keys()];
    for (;;) {
      const taker = takers.pop();
      if (taker !== undefined) {
        this.#settleTaker(taker, takers, tokens);
        continue;
      }
      const token = tokens.pop();
      if (token === undefined) return;
      this.#settleToken(token, takers, tokens);
    }
  }

  #settleTaker(taker: number, takers: number[], tokens: number[]): void {
    const list = this.#tokensOf[taker];
    const only = list?.[0];
    if (list?.length !== 1 || only === undefined || this.#decided[taker] !== -1) return;
    if (this.#unseen[taker] === 1 || this.#takers[taker]?.satisfied !== true) return;
    this.#assign(taker, only, takers, tokens);
  }

  #settleToken(token: number, takers: number[], tokens: number[]): void {
    const list = this.#takersOf[token];
    const only = list?.[0];
    if (this.#tokens[token]?.mustBeTaken !== true || this.#loose || list?.length !== 1 || only === undefined) return;
    if (this.#decided[only] === -1) this.#assign(only, token, takers, tokens);
  }

  #assign(taker: number, token: number, takers: number[], tokens: number[]): void {
    this.#decided[taker] = token;
    for (const other of this.#tokensOf[taker] ?? []) {
      if (other === token) continue;
      remove(this.#takersOf[other], taker);
      tokens.push(other);
    }
    this.#tokensOf[taker] = [token];
    for (const other of this.#takersOf[token] ?? []) {
      if (other === taker) continue;
      remove(this.#tokensOf[other], token);
      takers.push(other);
    }
    this.#takersOf[token] = [taker];
  }

  /** What propagation leaves: an edge is decided when no complete assignment goes without it. */
  decideComponents(): void {
    const seen = new Uint8Array(this.#takers.length);
    for (const start of this.#takers.keys()) {
      if (seen[start] === 1 || this.#decided[start] !== -1) continue;
      const component = this.#component(start, seen);
      if (component.takers.length + component.tokens.size > MAX_COMPONENT) continue;
      if (component.takers.some((taker) => this.#overfull[taker] === 1)) continue;
      this.#decideComponent(component);
    }
  }

  #component(start: number, seen: Uint8Array): { takers: number[]; tokens: Set<number> } {
    const takers: number[] = [];
    const tokens = new Set<number>();
    const stack = [start];
    seen[start] = 1;
    for (let taker = stack.pop(); taker !== undefined; taker = stack.pop()) {
      takers.push(taker);
      for (const token of this.#tokensOf[taker] ?? []) {
        if (tokens.has(token)) continue;
        tokens.add(token);
        for (const other of this.#takersOf[token] ?? []) {
          if (seen[other] === 1) continue;
          seen[other] = 1;
          stack.push(other);
        }
      }
    }
    return { takers, tokens };
  }

  /** Decided is what every complete assignment has in common (forced.ts). */
  #decideComponent({ takers, tokens }: { takers: readonly number[]; tokens: ReadonlySet<number> }): void {
    const list = [...tokens].sort((a, b) => (this.#tokens[a]?.from ?? 0) - (this.#tokens[b]?.from ?? 0));
    const place = new Map(list.map((token, at) => [token, at] as const));
    const order = [...takers].sort((a, b) => (this.#takers[a]?.end ?? 0) - (this.#takers[b]?.end ?? 0));
    const forced = forcedPairs({
      partners: order.map((taker) =>
        (this.#tokensOf[taker] ?? []).map((token) => place.get(token) ?? 0).sort((a, b) => a - b),
      ),
      mustLeft: order.map((taker) => this.#takers[taker]?.satisfied === true && this.#unseen[taker] !== 1),
      mustRight: list.map((token) => !this.#loose && this.#tokens[token]?.mustBeTaken === true),
    });
    forced.forEach((at, index) => {
      const taker = order[index] ?? -1;
      if (at >= 0 && this.#takers[taker]?.satisfied === true) this.#decided[taker] = list[at] ?? -1;
    });
  }

  matches(): Match[] {
    const matches: Match[] = [];
    this.#takers.forEach((taker, at) => {
      if (!taker.satisfied) return;
      const decided = this.#tokens[this.#decided[at] ?? -1];
      const list = this.#tokensOf[at] ?? [];
      const unseen = decided === undefined && this.#unseen[at] === 1;
      // Tokens of one signal (a semaphore's) need not be told apart.
      const signals = distinct(list.flatMap((one) => this.#tokens[one] ?? []));
      const token = decided ?? (signals.length === 1 ? signals[0] : undefined);
      const candidates = token === undefined ? signals : NOTHING;
      matches.push({ taker, token, candidates, unseen });
    });
    return matches;
  }
}

const NOTHING: readonly Token[] = [];

function distinct(tokens: readonly Token[]): readonly Token[] {
  return tokens.length < 2
    ? tokens
    : tokens.filter(({ record }, at) => tokens.findIndex((token) => token.record === record) === at);
}

function remove(list: number[] | undefined, value: number): void {
  const at = list?.indexOf(value) ?? -1;
  if (at >= 0) list?.splice(at, 1);
}
