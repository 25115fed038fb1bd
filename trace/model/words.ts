/**
 * 64-bit values as numbers of 32 bits, exactly. Small ones (handles, kinds, counts) are themselves; all others are kept once
 * and named by their place. A word is only good for comparing, as a map's key, and for {@link Words.toBigInt}.
 */
export const KEPT = 0x8000_0000;

export class Words {
  #count = 0;
  /** Halves of the values that are kept, by place. */
  #low = new Uint32Array(64);
  #high = new Uint32Array(64);
  /** Asked for last: callers mostly come again at once. */
  #lastLow = 0;
  #lastHigh = 0;
  #last = 0;
  /** Place + 1 by hash, 0 where there is none; a power of two, twice as many as the values have room. */
  #table = new Uint32Array(128);

  encode(low: number, high: number): number {
    if (high === 0 && low < KEPT) return low;
    if (low === this.#lastLow && high === this.#lastHigh) return this.#last;
    this.#lastLow = low;
    this.#lastHigh = high;
    this.#last = this.#place(low, high) + KEPT;
    return this.#last;
  }

  #place(low: number, high: number): number {
    const mask = this.#table.length - 1;
    for (let at = hashOf(low, high) & mask; ; at = (at + 1) & mask) {
      const place = (this.#table[at] ?? 0) - 1;
      if (place < 0) return this.#keep(low, high, at);
      if (this.#low[place] === low && this.#high[place] === high) return place;
    }
  }

  #keep(low: number, high: number, at: number): number {
    const place = this.#count;
    this.#count += 1;
    this.#low[place] = low;
    this.#high[place] = high;
    this.#table[at] = place + 1;
    if (this.#count === this.#low.length) this.#grow();
    return place;
  }

  #grow(): void {
    this.#low = doubled(this.#low);
    this.#high = doubled(this.#high);
    const table = new Uint32Array(this.#low.length * 2);
    const mask = table.length - 1;
    for (let place = 0; place < this.#count; place += 1) {
      let at = hashOf(this.#low[place] ?? 0, this.#high[place] ?? 0) & mask;
      while (table[at] !== 0) at = (at + 1) & mask;
      table[at] = place + 1;
    }
    this.#table = table;
  }

  /** Unsigned. */
  toBigInt(word: number): bigint {
    if (word < KEPT) return BigInt(word);
    return (BigInt(this.#high[word - KEPT] ?? 0) << 32n) | BigInt(this.#low[word - KEPT] ?? 0);
  }

  /** "0x54". */
  hex(word: number): string {
    return `0x${this.toBigInt(word).toString(16)}`;
  }
}

/** Of both halves in all bits: addresses differ in the middle, times at the bottom. */
function hashOf(low: number, high: number): number {
  let hash = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae35);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function doubled(values: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(values.length * 2);
  larger.set(values);
  return larger;
}
