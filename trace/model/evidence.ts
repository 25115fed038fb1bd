/** How sure a wake edge is, and how its wait met its signal. */

export const Evidence = {
  /** Both ends are recorded, and nothing else can have released the wait. */
  Seen: 0,
  /**
   * The only recorded signal that can have done it; one that was not recorded could have as well, or its owner took a
   * mutant once more.
   */
  Inferred: 1,
  /** Several recorded signals can have done it. */
  Ambiguous: 2,
  /** No recorded signal can have done it: a signal, or a first state, that was not recorded did. */
  Unseen: 3,
} as const;
export type Evidence = (typeof Evidence)[keyof typeof Evidence];
export const EVIDENCE_WORDS = ['seen', 'inferred', 'ambiguous', 'unseen'] as const;

/** How the wait met its signal. */
export const Meeting = {
  /** The thread was waiting when the signal came. */
  Released: 0,
  /** The object was signaled already: the wait did not block. */
  FoundSignaled: 1,
  /** The two overlap: it cannot be told. */
  Unknown: 2,
} as const;
