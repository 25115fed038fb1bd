import { corruptPdb } from './corrupt-pdb.js';

/** Reads little-endian fields one after the other; a field that would lie behind the end is a corrupt PDB. */
export class Cursor {
  constructor(
    readonly bytes: Buffer,
    public at = 0,
    readonly end = bytes.length,
  ) {
    if (at > end || end > bytes.length) throw corruptPdb('a record leads outside of its stream');
  }

  get remaining(): number {
    return this.end - this.at;
  }

  #take(length: number): number {
    const at = this.at;
    if (at + length > this.end || length < 0) throw corruptPdb('a record is cut');
    this.at = at + length;
    return at;
  }

  skip(length: number): this {
    this.#take(length);
    return this;
  }

  u8(): number {
    return this.bytes.readUInt8(this.#take(1));
  }
  u16(): number {
    return this.bytes.readUInt16LE(this.#take(2));
  }
  u32(): number {
    return this.bytes.readUInt32LE(this.#take(4));
  }
  i32(): number {
    return this.bytes.readInt32LE(this.#take(4));
  }

  slice(length: number): Buffer {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** A NUL-terminated name; to the end of the record when the NUL is missing. */
  string(): string {
    const from = this.at;
    let end = this.bytes.indexOf(0, from);
    if (end < 0 || end >= this.end) end = this.end;
    this.at = Math.min(end + 1, this.end);
    return this.bytes.toString('utf8', from, end);
  }

  /** A numeric leaf (cvinfo.h LF_NUMERIC): a small number itself, or the kind of the number that follows. */
  numeric(): bigint {
    const kind = this.u16();
    if (kind < 0x8000) return BigInt(kind);
    switch (kind) {
      case 0x8000:
        return BigInt(this.bytes.readInt8(this.#take(1)));
      case 0x8001:
        return BigInt(this.bytes.readInt16LE(this.#take(2)));
      case 0x8002:
        return BigInt(this.u16());
      case 0x8003:
        return BigInt(this.i32());
      case 0x8004:
        return BigInt(this.u32());
      case 0x8009:
        return this.bytes.readBigInt64LE(this.#take(8));
      case 0x800a:
        return this.bytes.readBigUInt64LE(this.#take(8));
      case 0x8017:
      case 0x8018: {
        const low = this.bytes.readBigUInt64LE(this.#take(8));
        return (this.bytes.readBigInt64LE(this.#take(8)) << 64n) | low;
      }
      default:
        throw corruptPdb(`a number has the unknown form 0x${kind.toString(16)}`);
    }
  }

  /** A numeric leaf that is a size or an offset. */
  size(): number {
    const value = this.numeric();
    return value < 0n || value > 0xffffffffn ? 0 : Number(value);
  }
}
