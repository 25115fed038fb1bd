/** Time as the link sees it, so that its time-outs can be tested without waiting for them. */
export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Runs once after that many milliseconds; the returned function forgets it. */
  after(milliseconds: number, run: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
