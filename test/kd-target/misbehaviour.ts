/** A line that misbehaves on command, the same way for the same seed. Lies between a target and its host. */
export interface Misbehaviour {
  readonly seed: number;
  /** Parts of bytes, 0 to 1, that are lost, changed, sent twice. */
  readonly lost?: number;
  readonly damaged?: number;
  readonly duplicated?: number;
  /** Pieces that a send is cut into at most; 1 leaves it whole. */
  readonly pieces?: number;
  /** Milliseconds that each piece may be late; order is kept. */
  readonly delayMs?: number;
  /** Asked for each send: one that does not arrive at all. */
  readonly swallows?: (bytes: Uint8Array) => boolean;
}

/** mulberry32: small, seeded. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Wraps a sender. */
export function misbehave(send: (bytes: Uint8Array) => void, how: Misbehaviour): (bytes: Uint8Array) => void {
  const random = seededRandom(how.seed);
  let line: Promise<void> = Promise.resolve();
  return (bytes) => {
    if (how.swallows?.(bytes) === true) return;
    const changed: number[] = [];
    for (const byte of bytes) {
      if (random() < (how.lost ?? 0)) continue;
      changed.push(random() < (how.damaged ?? 0) ? byte ^ (1 << Math.floor(random() * 8)) : byte);
      if (random() < (how.duplicated ?? 0)) changed.push(byte);
    }
    const pieces = Math.max(1, Math.ceil(random() * (how.pieces ?? 1)));
    const length = Math.ceil(changed.length / pieces);
    for (let at = 0; at < changed.length; at += length) {
      const piece = Uint8Array.from(changed.slice(at, at + length));
      if (how.delayMs === undefined) {
        send(piece);
        continue;
      }
      const late = random() * how.delayMs;
      line = line.then(() => new Promise((resolve) => setTimeout(resolve, late))).then(() => send(piece));
    }
  };
}
