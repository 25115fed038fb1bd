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
import { IntervalIndex, type Intervals } from './intervals.js';

/** A column per field. Units of one signal (a semaphore's) are rows of their own, one behind the other. */
export interface Tokens extends Intervals {
  /** Record of the signal; -1: the state at the object's beginning. `until`: latest moment at which it may still be there. */
  readonly record: Int32Array;
  /** 1: a later call found it gone and nothing but a wait can have taken it. */
  readonly mustBeTaken: Uint8Array;
}

/** Waits that may have taken a token in [from, until]. */
export interface Takers extends Intervals {
  /** Row in Waits. */
  readonly wait: Int32Array;
  /** 1: satisfied for sure. Otherwise it may have been: it counts as a possible taker only. */
  readonly satisfied: Uint8Array;
}

/** By taker; of those that are not satisfied for sure it says nothing. */
export interface Matches {
  /** Row of the token, when it is decided; else -1. */
  readonly token: Int32Array;
  /** An unseen signal can have satisfied it as well. */
  readonly unseen: Uint8Array;
  /** Rows of all tokens that it can have taken, when there is no one token; capped. */
  readonly candidates: ReadonlyMap<number, readonly number[]>;
}

/** More candidates than this are not listed. */
export const MAX_CANDIDATES = 16;
/** Tokens of one signal that are told apart: a semaphore released by more at once is matched by overlap. */
export const MAX_UNITS = 4;
/** Larger components are left ambiguous: the exact test walks them recursively. */
const MAX_COMPONENT = 2_000;

/**
 * Candidates by overlap alone: notification events, semaphores, and objects whose kind is unknown.
 * @param unseen stretches in which there may be tokens nobody recorded: lost records, a first state
 */
export function matchByOverlap(tokens: Tokens, takers: Takers, unseen: IntervalIndex): Matches {
  const index = new IntervalIndex(tokens);
  const found = new Int32Array(MAX_CANDIDATES + 1);
  const token = new Int32Array(takers.count).fill(-1);
  const maybeUnseen = new Uint8Array(takers.count);
  const candidates = new Map<number, readonly number[]>();
  for (let taker = 0; taker < takers.count; taker += 1) {
    if (takers.satisfied[taker] !== 1) continue;
    const from = takers.from[taker] ?? 0;
    const until = takers.until[taker] ?? 0;
    const count = index.overlapping(from, until, found);
    if (unseen.any(from, until)) maybeUnseen[taker] = 1;
    if (count === 1) token[taker] = found[0] ?? -1;
    else if (count > 1) candidates.set(taker, [...found.subarray(0, count)]);
  }
  return { token, unseen: maybeUnseen, candidates };
}

/** One token, one taker: auto-reset events, mutants, and semaphores, of which one signal may make several tokens. */
export function matchOneToOne(tokens: Tokens, takers: Takers, unseen: IntervalIndex): Matches {
  const inTurn = unseen.count === 0 ? matchInTurn(tokens, takers) : undefined;
  if (inTurn !== undefined) return inTurn;
  const graph = new Graph(tokens, takers, unseen);
  graph.propagate();
  graph.decideComponents();
  return graph.matches();
}

/**
 * What {@link Graph.propagate} comes to where each wait, once those before it have theirs, has one token left: the way of most
 * events, in one walk without a graph. undefined: it is not so here.
 */
function matchInTurn({ count, from, until }: Tokens, takers: Takers): Matches | undefined {
  for (let at = 1; at < count; at += 1) if ((from[at] ?? 0) < (from[at - 1] ?? 0)) return undefined;
  const token = new Int32Array(takers.count).fill(-1);
  const taken = new Uint8Array(count);
  /** All before it are taken, or were gone before the wait that is looked at, and so before those behind it. */
  let low = 0;
  let before = -Infinity;
  for (let taker = 0; taker < takers.count; taker += 1) {
    if (takers.satisfied[taker] !== 1) continue;
    const begin = takers.from[taker] ?? 0;
    const end = takers.until[taker] ?? 0;
    if (begin < before) return undefined;
    before = begin;
    while (low < count && (taken[low] === 1 || (until[low] ?? 0) < begin)) low += 1;
    let only = -1;
    for (let at = low; at < count && (from[at] ?? 0) <= end; at += 1) {
      if (taken[at] === 1 || (until[at] ?? 0) < begin) continue;
      if (only >= 0) return undefined;
      only = at;
    }
    if (only < 0) return undefined;
    taken[only] = 1;
    token[taker] = only;
  }
  return { token, unseen: new Uint8Array(takers.count), candidates: NO_CANDIDATES };
}

const NO_CANDIDATES: ReadonlyMap<number, readonly number[]> = new Map();

/** Short lists, one per row, in one array; each can only become shorter. */
class Lists {
  readonly #first: Uint32Array;
  readonly #count: Uint32Array;
  readonly #values: Int32Array;

  constructor(first: Uint32Array, values: Int32Array) {
    this.#first = first;
    this.#values = values;
    this.#count = new Uint32Array(first.length - 1);
    for (let row = 0; row < this.#count.length; row += 1) this.#count[row] = (first[row + 1] ?? 0) - (first[row] ?? 0);
  }

  /** For each value the rows that list it, ascending. */
  reversed(rows: number): Lists {
    const first = new Uint32Array(rows + 1);
    for (let at = 0; at < this.#values.length; at += 1) {
      const behind = (this.#values[at] ?? 0) + 1;
      first[behind] = (first[behind] ?? 0) + 1;
    }
    for (let row = 0; row < rows; row += 1) first[row + 1] = (first[row + 1] ?? 0) + (first[row] ?? 0);
    const next = first.slice();
    const values = new Int32Array(this.#values.length);
    let at = 0;
    for (let row = 0; row < this.#count.length; row += 1) {
      const end = this.#first[row + 1] ?? 0;
      for (; at < end; at += 1) {
        const value = this.#values[at] ?? 0;
        const place = next[value] ?? 0;
        values[place] = row;
        next[value] = place + 1;
      }
    }
    return new Lists(first, values);
  }

  count(row: number): number {
    return this.#count[row] ?? 0;
  }

  at(row: number, place: number): number {
    return this.#values[(this.#first[row] ?? 0) + place] ?? -1;
  }

  of(row: number): Int32Array {
    const first = this.#first[row] ?? 0;
    return this.#values.subarray(first, first + this.count(row));
  }

  remove(row: number, value: number): void {
    const values = this.#values;
    let at = this.#first[row] ?? 0;
    const last = at + this.count(row) - 1;
    while (at <= last && values[at] !== value) at += 1;
    if (at > last) return;
    for (; at < last; at += 1) values[at] = values[at + 1] ?? 0;
    this.#count[row] = this.count(row) - 1;
  }

  keepOnly(row: number, value: number): void {
    this.#values[this.#first[row] ?? 0] = value;
    this.#count[row] = 1;
  }
}

/** Takers and tokens, by number, with an edge for "can have taken". */
class Graph {
  readonly #tokens: Tokens;
  readonly #takers: Takers;
  readonly #tokensOf: Lists;
  readonly #takersOf: Lists;
  readonly #unseen: Uint8Array;
  /** More candidates than can be listed: nothing may be decided for it or against it. */
  readonly #overfull: Uint8Array;
  /** Token by taker, -1 while undecided. */
  readonly #decided: Int32Array;
  /** An unlisted candidate could be any older token: tokens must not look as if nobody else could take them. */
  readonly #loose: boolean;

  constructor(tokens: Tokens, takers: Takers, unseen: IntervalIndex) {
    this.#tokens = tokens;
    this.#takers = takers;
    this.#unseen = new Uint8Array(takers.count);
    this.#overfull = new Uint8Array(takers.count);
    this.#decided = new Int32Array(takers.count).fill(-1);
    this.#tokensOf = this.#overlaps(unseen);
    this.#takersOf = this.#tokensOf.reversed(tokens.count);
    this.#loose = this.#overfull.includes(1);
  }

  #overlaps(unseen: IntervalIndex): Lists {
    const { count, from, until } = this.#takers;
    const index = new IntervalIndex(this.#tokens);
    const listed = MAX_CANDIDATES * (hasUnits(this.#tokens) ? MAX_UNITS : 1);
    const found = new Int32Array(listed + 1);
    const first = new Uint32Array(count + 1);
    let values = new Int32Array(count * 2 + listed + 1);
    let next = 0;
    for (let taker = 0; taker < count; taker += 1) {
      const begin = from[taker] ?? 0;
      const end = until[taker] ?? 0;
      const overlapping = index.overlapping(begin, end, found);
      if (overlapping > listed) this.#overfull[taker] = 1;
      if (unseen.any(begin, end)) this.#unseen[taker] = 1;
      if (next + overlapping > values.length) {
        const larger = new Int32Array(values.length * 2);
        larger.set(values);
        values = larger;
      }
      for (let at = 0; at < overlapping; at += 1) values[next++] = found[at] ?? 0;
      first[taker + 1] = next;
    }
    return new Lists(first, values.subarray(0, next));
  }

  /** Where only one is left, it is the one; that narrows others. */
  propagate(): void {
    const takers: number[] = [];
    const tokens: number[] = [];
    for (let taker = this.#takers.count - 1; taker >= 0; taker -= 1) this.#settleTaker(taker, takers, tokens);
    for (let token = this.#tokens.count - 1; token >= 0; token -= 1) {
      if (this.#tokens.mustBeTaken[token] === 1 && !this.#isSettled(token)) tokens.push(token);
    }
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

  /** Taken for sure by the only one that can have taken it: nothing follows from it any more. */
  #isSettled(token: number): boolean {
    return this.#takersOf.count(token) === 1 && this.#decided[this.#takersOf.at(token, 0)] === token;
  }

  #settleTaker(taker: number, takers: number[], tokens: number[]): void {
    if (this.#tokensOf.count(taker) !== 1 || this.#decided[taker] !== -1) return;
    if (this.#unseen[taker] === 1 || this.#takers.satisfied[taker] !== 1) return;
    this.#assign(taker, this.#tokensOf.at(taker, 0), takers, tokens);
  }

  #settleToken(token: number, takers: number[], tokens: number[]): void {
    if (this.#tokens.mustBeTaken[token] !== 1 || this.#loose || this.#takersOf.count(token) !== 1) return;
    const only = this.#takersOf.at(token, 0);
    if (this.#decided[only] === -1) this.#assign(only, token, takers, tokens);
  }

  #assign(taker: number, token: number, takers: number[], tokens: number[]): void {
    this.#decided[taker] = token;
    if (this.#tokensOf.count(taker) === 1 && this.#takersOf.count(token) === 1) return;
    for (let at = 0; at < this.#tokensOf.count(taker); at += 1) {
      const other = this.#tokensOf.at(taker, at);
      if (other === token) continue;
      this.#takersOf.remove(other, taker);
      tokens.push(other);
    }
    this.#tokensOf.keepOnly(taker, token);
    for (let at = 0; at < this.#takersOf.count(token); at += 1) {
      const other = this.#takersOf.at(token, at);
      if (other === taker) continue;
      this.#tokensOf.remove(other, token);
      takers.push(other);
    }
    this.#takersOf.keepOnly(token, taker);
  }

  /** What propagation leaves: an edge is decided when no complete assignment goes without it. */
  decideComponents(): void {
    const seen = new Uint8Array(this.#takers.count);
    for (let start = 0; start < seen.length; start += 1) {
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
      for (const token of this.#tokensOf.of(taker)) {
        if (tokens.has(token)) continue;
        tokens.add(token);
        for (const other of this.#takersOf.of(token)) {
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
    const begins = this.#tokens.from;
    const ends = this.#takers.until;
    const list = [...tokens].sort((a, b) => order(begins[a], begins[b]));
    const place = new Map(list.map((token, at) => [token, at] as const));
    const inOrder = [...takers].sort((a, b) => order(ends[a], ends[b]));
    const isSatisfied = (taker: number): boolean => this.#takers.satisfied[taker] === 1;
    const forced = forcedPairs({
      partners: inOrder.map((taker) =>
        Array.from(this.#tokensOf.of(taker), (token) => place.get(token) ?? 0).sort((a, b) => a - b),
      ),
      mustLeft: inOrder.map((taker) => isSatisfied(taker) && this.#unseen[taker] !== 1),
      mustRight: list.map((token) => !this.#loose && this.#tokens.mustBeTaken[token] === 1),
    });
    forced.forEach((at, index) => {
      const taker = inOrder[index] ?? -1;
      if (at >= 0 && isSatisfied(taker)) this.#decided[taker] = list[at] ?? -1;
    });
  }

  matches(): Matches {
    const candidates = new Map<number, readonly number[]>();
    const token = this.#decided.slice();
    for (let taker = 0; taker < token.length; taker += 1) {
      if (token[taker] !== -1) {
        this.#unseen[taker] = 0;
        continue;
      }
      // Tokens of one signal (a semaphore's) need not be told apart.
      if (this.#tokensOf.count(taker) === 0) continue;
      const signals = this.#distinct(this.#tokensOf.of(taker));
      if (signals.length === 1) token[taker] = signals[0] ?? -1;
      else if (signals.length > 1) candidates.set(taker, signals);
    }
    return { token, unseen: this.#unseen, candidates };
  }

  #distinct(tokens: Int32Array): readonly number[] {
    const { record } = this.#tokens;
    const distinct: number[] = [];
    for (const token of tokens) {
      if (!distinct.some((other) => record[other] === record[token])) distinct.push(token);
    }
    return distinct;
  }
}

const order = (a = 0, b = 0): number => (a < b ? -1 : a > b ? 1 : 0);

/** Some signal made more than one token. */
function hasUnits({ count, record }: Tokens): boolean {
  for (let token = 1; token < count; token += 1) if (record[token] === record[token - 1]) return true;
  return false;
}
