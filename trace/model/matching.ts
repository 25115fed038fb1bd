/**
 * Which signal satisfied which wait, decided by intervals, not by the order of points (DESIGN, decision 9).
 *
 * A signal that finds its object not signaled makes a token. A token exists from somewhere in its call until the last
 * moment at which it can still have been there: the end of the first later call that saw the object not signaled, or made
 * it so. A satisfied wait took one token that existed somewhere in its interval. On an auto-reset event a token is taken
 * by one wait at most, and one that a later signal found gone was taken by exactly one; on a notification event the state
 * releases any number. What follows from these rules alone is decided; the rest is ambiguous.
 */
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
  /** All tokens that it can have taken, when it is not decided; capped. */
  readonly candidates: readonly Token[];
  /** An unseen signal can have satisfied it as well. */
  readonly unseen: boolean;
}

/** More candidates than this are not listed. */
export const MAX_CANDIDATES = 16;
/** Components of more nodes than this are left ambiguous: the exact test is quadratic. */
const MAX_COMPONENT = 96;

/** Candidates by overlap alone: notification events, semaphores, and objects whose kind is unknown. */
export function matchByOverlap(tokens: readonly Token[], takers: readonly Taker[], unseen: readonly Unseen[]): Match[] {
  const index = new IntervalIndex(tokens);
  return takers
    .filter(({ satisfied }) => satisfied)
    .map((taker) => {
      const candidates = index.overlapping(taker.begin, taker.end, MAX_CANDIDATES + 1);
      const maybeUnseen = unseen.some((stretch) => overlaps(stretch, taker));
      const only = candidates.length === 1 ? candidates[0] : undefined;
      return { taker, token: only, candidates, unseen: maybeUnseen };
    });
}

/** One token, one taker: auto-reset events. */
export function matchOneToOne(tokens: readonly Token[], takers: readonly Taker[], unseen: readonly Unseen[]): Match[] {
  const graph = new Graph(tokens, takers, unseen);
  graph.propagate();
  graph.decideComponents();
  return graph.matches();
}

const overlaps = (stretch: { from: number; until: number }, taker: Taker): boolean =>
  stretch.from <= taker.end && stretch.until >= taker.begin;

/** Takers and tokens with an edge for "can have taken". */
class Graph {
  readonly #takers: readonly Taker[];
  readonly #tokensOf: Set<Token>[];
  readonly #takersOf = new Map<Token, Set<number>>();
  readonly #unseen: boolean[];
  /** More candidates than can be listed: nothing may be decided for it or against it. */
  readonly #overfull: boolean[];
  readonly #decided: (Token | undefined)[];

  constructor(tokens: readonly Token[], takers: readonly Taker[], unseen: readonly Unseen[]) {
    const index = new IntervalIndex(tokens);
    this.#takers = takers;
    for (const token of tokens) this.#takersOf.set(token, new Set());
    this.#tokensOf = takers.map((taker) => new Set(index.overlapping(taker.begin, taker.end, MAX_CANDIDATES + 1)));
    this.#overfull = this.#tokensOf.map((set) => set.size > MAX_CANDIDATES);
    this.#unseen = takers.map((taker) => unseen.some((stretch) => overlaps(stretch, taker)));
    this.#decided = takers.map(() => undefined);
    this.#tokensOf.forEach((set, taker) => {
      for (const token of set) this.#takersOf.get(token)?.add(taker);
    });
    // An unlisted candidate could be any older token: those must not look as if nobody else could take them.
    this.#loose = this.#overfull.some(Boolean);
  }

  readonly #loose: boolean;

  /** Where only one is left, it is the one; that narrows others. */
  propagate(): void {
    const queue: (number | Token)[] = [...this.#takers.keys(), ...this.#takersOf.keys()];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (typeof next === 'number') this.#settleTaker(next, queue);
      else this.#settleToken(next, queue);
    }
  }

  #settleTaker(taker: number, queue: (number | Token)[]): void {
    const set = this.#tokensOf[taker];
    const [only] = set ?? [];
    if (set?.size !== 1 || only === undefined || this.#decided[taker] !== undefined) return;
    if (this.#unseen[taker] === true || this.#takers[taker]?.satisfied !== true) return;
    this.#assign(taker, only, queue);
  }

  #settleToken(token: Token, queue: (number | Token)[]): void {
    const set = this.#takersOf.get(token);
    const [only] = set ?? [];
    if (!token.mustBeTaken || this.#loose || set?.size !== 1 || only === undefined) return;
    if (this.#decided[only] === undefined) this.#assign(only, token, queue);
  }

  #assign(taker: number, token: Token, queue: (number | Token)[]): void {
    this.#decided[taker] = token;
    for (const other of this.#tokensOf[taker] ?? []) {
      if (other === token) continue;
      this.#takersOf.get(other)?.delete(taker);
      queue.push(other);
    }
    this.#tokensOf[taker] = new Set([token]);
    for (const other of this.#takersOf.get(token) ?? []) {
      if (other === taker) continue;
      this.#tokensOf[other]?.delete(token);
      queue.push(other);
    }
    this.#takersOf.set(token, new Set([taker]));
  }

  /** What propagation leaves: an edge is decided when no complete assignment goes without it. */
  decideComponents(): void {
    const seen = new Set<number>();
    for (const start of this.#takers.keys()) {
      if (seen.has(start) || this.#decided[start] !== undefined) continue;
      const component = this.#component(start, seen);
      if (component.takers.length + component.tokens.size > MAX_COMPONENT) continue;
      if (component.takers.some((taker) => this.#overfull[taker] === true)) continue;
      this.#decideComponent(component);
    }
  }

  #component(start: number, seen: Set<number>): { takers: number[]; tokens: Set<Token> } {
    const takers: number[] = [];
    const tokens = new Set<Token>();
    const stack = [start];
    seen.add(start);
    for (let taker = stack.pop(); taker !== undefined; taker = stack.pop()) {
      takers.push(taker);
      for (const token of this.#tokensOf[taker] ?? []) {
        if (tokens.has(token)) continue;
        tokens.add(token);
        for (const other of this.#takersOf.get(token) ?? []) {
          if (seen.has(other)) continue;
          seen.add(other);
          stack.push(other);
        }
      }
    }
    return { takers, tokens };
  }

  /**
   * By the theorem of Mendelsohn and Dulmage an assignment that serves all takers and one that serves all tokens that must
   * be taken exist together exactly when each exists alone. So an edge is forced when forbidding it breaks either.
   */
  #decideComponent({ takers, tokens }: { takers: readonly number[]; tokens: ReadonlySet<Token> }): void {
    const must = takers.filter((taker) => this.#takers[taker]?.satisfied === true && this.#unseen[taker] !== true);
    const gone = this.#loose ? [] : [...tokens].filter((token) => token.mustBeTaken);
    const takersFit = (without?: readonly [number, Token]): boolean =>
      coverable(
        must,
        (taker) => this.#tokensOf[taker] ?? [],
        (taker, token) => !isPair(without, taker, token),
      );
    const tokensFit = (without?: readonly [number, Token]): boolean =>
      coverable(
        gone,
        (token) => this.#takersOf.get(token) ?? [],
        (token, taker) => !isPair(without, taker, token),
      );
    const wholeTakers = takersFit();
    const wholeTokens = tokensFit();
    for (const taker of takers) {
      if (this.#takers[taker]?.satisfied !== true) continue;
      for (const token of this.#tokensOf[taker] ?? []) {
        const edge = [taker, token] as const;
        if ((wholeTakers && !takersFit(edge)) || (wholeTokens && !tokensFit(edge))) this.#decided[taker] = token;
      }
    }
  }

  matches(): Match[] {
    return this.#takers.flatMap((taker, at): Match[] => {
      if (!taker.satisfied) return [];
      const candidates = [...(this.#tokensOf[at] ?? [])];
      const decided = this.#decided[at] ?? undefined;
      const unseen = decided === undefined && (this.#unseen[at] ?? false);
      const token = decided ?? (candidates.length === 1 ? candidates[0] : undefined);
      return [{ taker, token, candidates: decided === undefined ? candidates : [decided], unseen }];
    });
  }
}

const isPair = (pair: readonly [number, Token] | undefined, taker: number, token: Token): boolean =>
  pair !== undefined && pair[0] === taker && pair[1] === token;

/** Whether each of `left` can have a partner of its own (augmenting paths). */
function coverable<L, R>(
  left: readonly L[],
  partners: (one: L) => Iterable<R>,
  allowed: (one: L, other: R) => boolean,
): boolean {
  const partnerOf = new Map<R, L>();
  const augment = (one: L, tried: Set<R>): boolean => {
    for (const other of partners(one)) {
      if (tried.has(other) || !allowed(one, other)) continue;
      tried.add(other);
      const holder = partnerOf.get(other);
      if (holder === undefined || augment(holder, tried)) {
        partnerOf.set(other, one);
        return true;
      }
    }
    return false;
  };
  return left.every((one) => augment(one, new Set()));
}
