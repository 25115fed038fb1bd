/**
 * A stream of numbered records: types (TPI) or ids (IPI). Random access by the index that stands beside it, name lookup by its hash
 * table; neither reads the whole stream.
 * Layout: microsoft-pdb tpi.h, LLVM docs/PDB/TpiStream.rst.
 */
import { corruptPdb } from './corrupt-pdb.js';
import { Cursor } from './cursor.js';
import type { MsfFile, MsfStream } from './msf.js';

const HEADER = 56;
const CHUNK_CACHE = 64;
const HASH_STEP = 64 * 1024;
/** Records between two entries of our own index, when the PDB's is missing. */
const OWN_INDEX_BYTES = 8192;
/** A record's length is a u16. */
const MAX_RECORD = 0x10001;

interface Chunk {
  readonly first: number;
  readonly bytes: Buffer;
  /** Where each record begins in bytes. */
  readonly starts: readonly number[];
}

export class TypeStream {
  readonly begin: number;
  readonly end: number;
  readonly #stream: MsfStream;
  readonly #headerSize: number;
  readonly #recordBytes: number;
  readonly #bucketCount: number;
  readonly #hashValues: MsfStream | undefined;
  readonly #hashRange: { readonly at: number; readonly length: number };
  /** Pairs: first index of a chunk, and where it begins. */
  readonly #index: Uint32Array;
  readonly #chunks = new Map<number, Chunk>();

  constructor(msf: MsfFile, stream: MsfStream) {
    this.#stream = stream;
    const header = new Cursor(stream.read(0, HEADER)).skip(4);
    this.#headerSize = header.u32();
    this.begin = header.u32();
    this.end = header.u32();
    this.#recordBytes = header.u32();
    const hashStream = header.u16();
    const keySize = header.skip(2).u32();
    this.#bucketCount = header.u32();
    this.#hashRange = { at: header.u32(), length: header.u32() };
    const indexRange = { at: header.u32(), length: header.u32() };
    if (this.#headerSize + this.#recordBytes > stream.length || this.begin > this.end) {
      throw corruptPdb('its stream of types is cut');
    }
    // No record is smaller than four bytes.
    if ((this.end - this.begin) * 4 > this.#recordBytes) throw corruptPdb('its stream of types counts too many');
    const hash = msf.stream(hashStream);
    this.#hashValues = keySize === 4 ? hash : undefined;
    this.#index = (hash && readIndex(hash, indexRange, this.begin)) ?? this.#makeIndex();
  }

  /** The leaf and fields of a record; undefined when there is no such index. */
  record(index: number): { readonly leaf: number; readonly fields: Cursor } | undefined {
    if (index < this.begin || index >= this.end) return undefined;
    const chunk = this.#chunkOf(index);
    const start = chunk.starts[index - chunk.first];
    if (start === undefined) throw corruptPdb(`type 0x${index.toString(16)} is not where its index says`);
    const length = chunk.bytes.readUInt16LE(start);
    return {
      leaf: chunk.bytes.readUInt16LE(start + 2),
      fields: new Cursor(chunk.bytes, start + 4, start + 2 + length),
    };
  }

  /** Indices whose name may hash so, ascending. */
  *withHash(hash: number): Generator<number> {
    const values = this.#hashValues;
    if (values === undefined || this.#bucketCount === 0) return;
    const { at, length } = this.#hashRange;
    const end = Math.min(length, (this.end - this.begin) * 4);
    const wanted = hash % this.#bucketCount;
    for (let from = 0; from < end; from += HASH_STEP) {
      const bytes = values.read(at + from, Math.min(HASH_STEP, end - from));
      for (let offset = 0; offset + 4 <= bytes.length; offset += 4) {
        if (bytes.readUInt32LE(offset) === wanted) yield this.begin + (from + offset) / 4;
      }
    }
  }

  #chunkOf(index: number): Chunk {
    let low = 0;
    let high = this.#index.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#index[middle * 2] ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    const entry = low - 1;
    const known = this.#chunks.get(entry);
    if (known !== undefined) return known;
    const first = this.#index[entry * 2] ?? this.begin;
    const from = this.#index[entry * 2 + 1] ?? 0;
    const to = Math.min(this.#index[entry * 2 + 3] ?? this.#recordBytes, this.#recordBytes);
    const count = Math.min(this.#index[entry * 2 + 2] ?? this.end, this.end) - first;
    if (from > to) throw corruptPdb('its index of types leads backwards');
    const bytes = this.#stream.read(this.#headerSize + from, to - from);
    const starts: number[] = [];
    for (let at = 0; at + 4 <= bytes.length && starts.length < count;) {
      const length = bytes.readUInt16LE(at);
      if (length < 2 || at + 2 + length > bytes.length) break;
      starts.push(at);
      at += 2 + length;
    }
    const chunk = { first, bytes, starts };
    this.#chunks.set(entry, chunk);
    const oldest = this.#chunks.keys().next();
    if (this.#chunks.size > CHUNK_CACHE && oldest.done !== true) this.#chunks.delete(oldest.value);
    return chunk;
  }

  #makeIndex(): Uint32Array {
    const pairs: number[] = [];
    let index = this.begin;
    let last = -OWN_INDEX_BYTES;
    for (let at = 0; at < this.#recordBytes && index < this.end; index++) {
      if (at - last >= OWN_INDEX_BYTES) {
        pairs.push(index, at);
        last = at;
      }
      const length = this.#stream.read(this.#headerSize + at, 2).readUInt16LE(0);
      if (length < 2) throw corruptPdb('a type record is cut');
      at += 2 + length;
    }
    return Uint32Array.from(pairs);
  }
}

/** undefined when the PDB's index cannot be used as it stands. */
function readIndex(
  hash: MsfStream,
  { at, length }: { readonly at: number; readonly length: number },
  begin: number,
): Uint32Array | undefined {
  const count = Math.floor(length / 8);
  if (count === 0 || at + count * 8 > hash.length) return undefined;
  const bytes = hash.read(at, count * 8);
  const pairs = new Uint32Array(count * 2);
  for (let entry = 0; entry < count * 2; entry++) pairs[entry] = bytes.readUInt32LE(entry * 4);
  if (pairs[0] !== begin || pairs[1] !== 0) return undefined;
  for (let entry = 2; entry < count * 2; entry += 2) {
    const grows = (pairs[entry] ?? 0) > (pairs[entry - 2] ?? 0) && (pairs[entry + 1] ?? 0) > (pairs[entry - 1] ?? 0);
    // Chunks are about 8 KiB; one of megabytes would be read whole for one type.
    if (!grows || (pairs[entry + 1] ?? 0) - (pairs[entry - 1] ?? 0) > MAX_RECORD + 16 * OWN_INDEX_BYTES)
      return undefined;
  }
  return pairs;
}
