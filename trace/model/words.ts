/**
 * 64-bit values as numbers, exactly. Handles and canonical addresses (the upper 16 bits all 0 or all 1, which is every
 * address of x64 with four-level paging) fit a double as they are; the few other values are interned. A word is only
 * good for comparing, as a map's key, and for {@link Words.toBigInt}.
 */
const HIGH_HALF = 2 ** 48;
const INTERNED = 2 ** 50;

export class Words {
  readonly #interned = new Map<bigint, number>();
  readonly #values: bigint[] = [];

  encode(low: number, high: number): number {
    const top = high >>> 16;
    if (top === 0) return high * 0x1_0000_0000 + low;
    if (top === 0xffff) return HIGH_HALF + (high & 0xffff) * 0x1_0000_0000 + low;
    const value = (BigInt(high) << 32n) | BigInt(low);
    let word = this.#interned.get(value);
    if (word === undefined) {
      word = INTERNED + this.#values.length;
      this.#values.push(value);
      this.#interned.set(value, word);
    }
    return word;
  }

  fromBigInt(value: bigint): number {
    const unsigned = BigInt.asUintN(64, value);
    return this.encode(Number(unsigned & 0xffff_ffffn), Number(unsigned >> 32n));
  }

  /** Unsigned. */
  toBigInt(word: number): bigint {
    if (word >= INTERNED) return this.#values[word - INTERNED] ?? 0n;
    return word >= HIGH_HALF ? BigInt(word - HIGH_HALF) | (0xffffn << 48n) : BigInt(word);
  }

  toSigned(word: number): bigint {
    return BigInt.asIntN(64, this.toBigInt(word));
  }

  /** "0x54". */
  hex(word: number): string {
    return `0x${this.toBigInt(word).toString(16)}`;
  }
}
