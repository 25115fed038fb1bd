/**
 * LZX as cabinets have it ("LZX DELTA", MS-PATCH, without its later additions; Microsoft Cabinet SDK, lzxfmt): a window of earlier output,
 * Huffman trees that are sent as changes of the last ones, and calls of x86 code that were made absolute.
 */
import { EventscopeError } from '../../../protocol/errors.js';

const PRETREE = 20;
const LENGTHS = 249;
const ALIGNED = 8;
const LITERALS = 256;
const MAX_CODE_BITS = 16;
const BlockType = { Verbatim: 1, Aligned: 2, Uncompressed: 3 } as const;
/** Position slots by window size in bits, from 15. */
const SLOTS = [30, 32, 34, 36, 38, 42, 50];
/** Calls are translated in the first 2^15 frames alone. */
const TRANSLATED_FRAMES = 32_768;

const EXTRA_BITS = Array.from({ length: 50 }, (_, slot) => (slot < 4 ? 0 : Math.min(17, (slot >> 1) - 1)));
const BASES = EXTRA_BITS.map((_, slot) => EXTRA_BITS.slice(0, slot).reduce((sum, bits) => sum + 2 ** bits, 0));

export function corruptCabinet(why: string): EventscopeError {
  return new EventscopeError({ id: 'symbols.cabinet', what: 'The compressed file cannot be expanded', why });
}

/** Canonical Huffman codes, decoded by a table of all codes as long as the longest. */
class Tree {
  readonly lengths: Uint8Array;
  #table = new Uint32Array(0);
  #bits = 0;

  constructor(size: number) {
    this.lengths = new Uint8Array(size);
  }

  build(): void {
    this.#bits = this.lengths.reduce((most, length) => Math.max(most, length), 0);
    this.#table = new Uint32Array(1 << this.#bits);
    let at = 0;
    for (let length = 1; length <= this.#bits; length++) {
      const span = 1 << (this.#bits - length);
      for (let symbol = 0; symbol < this.lengths.length; symbol++) {
        if (this.lengths[symbol] !== length) continue;
        if (at + span > this.#table.length) throw corruptCabinet('a tree has more codes than there are');
        this.#table.fill((symbol << 5) | length, at, at + span);
        at += span;
      }
    }
  }

  read(bits: BitReader): number {
    const entry = this.#bits === 0 ? 0 : (this.#table[bits.peek(this.#bits)] ?? 0);
    if (entry === 0) throw corruptCabinet('a code stands for nothing');
    bits.skip(entry & 31);
    return entry >>> 5;
  }
}

/** Bits from the highest down, out of little-endian words of 16. */
class BitReader {
  #value = 0;
  #count = 0;
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  peek(count: number): number {
    while (this.#count < count) {
      // An encoder's last word may be missing: what is behind the end reads as zeros, and is no output.
      const word = (this.bytes[this.#at] ?? 0) | ((this.bytes[this.#at + 1] ?? 0) << 8);
      if (this.#at > this.bytes.length + 4) throw corruptCabinet('a block is cut');
      this.#at += 2;
      this.#value = ((this.#value << 16) | word) >>> 0;
      this.#count += 16;
    }
    return (this.#value >>> (this.#count - count)) & ((1 << count) - 1);
  }

  skip(count: number): void {
    this.peek(count);
    this.#count -= count;
    this.#value &= this.#count === 0 ? 0 : 0xffffffff >>> (32 - this.#count);
  }

  read(count: number): number {
    // Never more than 16 at once beside the 15 that are left: 31 bits are kept.
    if (count > 16) return this.read(count - 16) * 0x10000 + this.read(16);
    if (count === 0) return 0;
    const value = this.peek(count);
    this.skip(count);
    return value;
  }

  /** To the next word; a whole word when it stands at the begin of one. */
  alignForRawBytes(): void {
    if (this.#count === 0) this.peek(1);
    this.#at -= (this.#count >>> 4) * 2;
    this.#count = 0;
    this.#value = 0;
  }

  rawBytes(count: number): Uint8Array {
    if (this.#at + count > this.bytes.length) throw corruptCabinet('a block is cut');
    const from = this.#at;
    this.#at += count;
    return this.bytes.subarray(from, from + count);
  }

  get rawRemaining(): number {
    return this.bytes.length - this.#at;
  }
}

export class LzxDecoder {
  readonly #window: Uint8Array;
  readonly #mask: number;
  readonly #main: Tree;
  readonly #lengths = new Tree(LENGTHS);
  readonly #aligned = new Tree(ALIGNED);
  #position = 0;
  #recent: [number, number, number] = [1, 1, 1];
  #blockType = 0;
  #blockLeft = 0;
  #padded = false;
  #started = false;
  /** Size of the file that calls were translated for; 0: none were. */
  #callLimit = 0;
  #frames = 0;

  /** @param windowBits from 15 to 21. */
  constructor(windowBits: number) {
    const slots = SLOTS[windowBits - 15];
    if (slots === undefined) throw corruptCabinet(`its window has ${windowBits} bits`);
    this.#window = new Uint8Array(1 << windowBits);
    this.#mask = this.#window.length - 1;
    this.#main = new Tree(LITERALS + slots * 8);
  }

  /** One frame: what it expands to. Frames build on each other. */
  decode(input: Uint8Array, length: number): Uint8Array {
    const bits = new BitReader(input);
    if (!this.#started) {
      this.#started = true;
      if (bits.read(1) === 1) this.#callLimit = bits.read(32);
    }
    const from = this.#position;
    const end = from + length;
    while (this.#position < end) {
      if (this.#blockLeft === 0) this.#openBlock(bits);
      const until = Math.min(end, this.#position + this.#blockLeft);
      const before = this.#position;
      if (this.#blockType === BlockType.Uncompressed) this.#copyRaw(bits, until);
      else this.#expand(bits, until);
      this.#blockLeft -= this.#position - before;
    }
    const output = new Uint8Array(length);
    for (let index = 0; index < length; index++) output[index] = this.#window[(from + index) & this.#mask] ?? 0;
    if (this.#callLimit !== 0 && this.#frames < TRANSLATED_FRAMES) restoreCalls(output, from, this.#callLimit);
    this.#frames++;
    return output;
  }

  #openBlock(bits: BitReader): void {
    // A raw block of odd length is followed by a byte that fills the word.
    if (this.#padded && bits.rawRemaining > 0) bits.rawBytes(1);
    this.#padded = false;
    this.#blockType = bits.read(3);
    this.#blockLeft = bits.read(24);
    if (this.#blockLeft === 0) throw corruptCabinet('a block is empty');
    switch (this.#blockType) {
      case BlockType.Aligned:
        for (let index = 0; index < ALIGNED; index++) this.#aligned.lengths[index] = bits.read(3);
        this.#aligned.build();
        this.#readTrees(bits);
        break;
      case BlockType.Verbatim:
        this.#readTrees(bits);
        break;
      case BlockType.Uncompressed: {
        bits.alignForRawBytes();
        const recent = Buffer.from(bits.rawBytes(12));
        this.#recent = [recent.readUInt32LE(0), recent.readUInt32LE(4), recent.readUInt32LE(8)];
        this.#padded = (this.#blockLeft & 1) === 1;
        break;
      }
      default:
        throw corruptCabinet(`a block is of the unknown type ${this.#blockType}`);
    }
  }

  #readTrees(bits: BitReader): void {
    readLengths(bits, this.#main.lengths, 0, LITERALS);
    readLengths(bits, this.#main.lengths, LITERALS, this.#main.lengths.length);
    this.#main.build();
    readLengths(bits, this.#lengths.lengths, 0, LENGTHS);
    this.#lengths.build();
  }

  #copyRaw(bits: BitReader, until: number): void {
    for (const byte of bits.rawBytes(until - this.#position)) this.#window[this.#position++ & this.#mask] = byte;
  }

  #expand(bits: BitReader, until: number): void {
    while (this.#position < until) {
      const symbol = this.#main.read(bits);
      if (symbol < LITERALS) {
        this.#window[this.#position++ & this.#mask] = symbol;
        continue;
      }
      const short = (symbol - LITERALS) & 7;
      const length = 2 + (short < 7 ? short : 7 + this.#lengths.read(bits));
      const distance = this.#distance(bits, (symbol - LITERALS) >>> 3);
      if (distance === 0 || distance > this.#position || distance > this.#window.length) {
        throw corruptCabinet('a match is of what was never there');
      }
      if (this.#position + length > until) throw corruptCabinet('a match leads over its frame');
      for (let index = 0; index < length; index++, this.#position++) {
        this.#window[this.#position & this.#mask] = this.#window[(this.#position - distance) & this.#mask] ?? 0;
      }
    }
  }

  /** The three last distances have slots of their own. */
  #distance(bits: BitReader, slot: number): number {
    const [first, second, third] = this.#recent;
    if (slot === 0) return first;
    if (slot === 1) this.#recent = [second, first, third];
    else if (slot === 2) this.#recent = [third, second, first];
    else this.#recent = [this.#newDistance(bits, slot), first, second];
    return this.#recent[0];
  }

  #newDistance(bits: BitReader, slot: number): number {
    const extra = EXTRA_BITS[slot] ?? 0;
    const base = (BASES[slot] ?? 0) - 2;
    if (this.#blockType !== BlockType.Aligned || extra < 3) return base + bits.read(extra);
    const high = bits.read(extra - 3) * 8;
    return base + high + this.#aligned.read(bits);
  }
}

/** Code lengths come as differences to the tree before, themselves in a small tree. */
function readLengths(bits: BitReader, lengths: Uint8Array, from: number, to: number): void {
  const pretree = new Tree(PRETREE);
  for (let index = 0; index < PRETREE; index++) pretree.lengths[index] = bits.read(4);
  pretree.build();
  const changed = (index: number, code: number): number => ((lengths[index] ?? 0) + 17 - code) % 17;
  for (let index = from; index < to;) {
    const code = pretree.read(bits);
    if (code <= MAX_CODE_BITS) {
      lengths[index] = changed(index, code);
      index++;
      continue;
    }
    const run = code === 17 ? 4 + bits.read(4) : code === 18 ? 20 + bits.read(5) : 4 + bits.read(1);
    const end = index + run;
    if (end > to) throw corruptCabinet('a run of code lengths is too long');
    const value = code === 19 ? changed(index, pretree.read(bits)) : 0;
    lengths.fill(value, index, end);
    index = end;
  }
}

/** Calls (E8) were written with where they lead; they become relative again. */
function restoreCalls(output: Uint8Array, from: number, limit: number): void {
  const view = new DataView(output.buffer);
  for (let index = 0; index + 10 < output.length; index++) {
    if (output[index] !== 0xe8) continue;
    const at = from + index;
    const target = view.getInt32(index + 1, true);
    if (target >= -at && target < limit) view.setInt32(index + 1, target >= 0 ? target - at : target + limit, true);
    index += 4;
  }
}
