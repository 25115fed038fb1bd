/**
 * The tables of global names: the stream of symbol records, a hash table of all names (GSI), and the public symbols with their order by
 * address (PSI). Layout: microsoft-pdb gsi.h, LLVM docs/PDB/GlobalStream.rst and PublicStream.rst.
 */
import { Cursor } from './cursor.js';
import type { MsfFile, MsfStream } from './msf.js';
import { hashName } from './string-hash.js';
import { Sym, SymbolWalker } from './symbol-records.js';

const HASH_HEADER = 16;
const SIGNATURE = 0xffffffff;
const BUCKETS = 4096;
/** One bit a bucket, and one more, in whole words. */
const BITMAP = 516;
/** Bucket offsets count in the twelve bytes that an entry had in memory. */
const ENTRY_UNITS = 12;
const PUBLICS_HEADER = 28;
const SCAN_STEP = 1024 * 1024;
/** A record is at most two bytes and a u16. */
const MAX_RECORD = 0x10001;

/** A record of the global symbols, ready to be read. */
export interface GlobalRecord {
  readonly kind: number;
  readonly fields: Cursor;
}

export interface PublicSymbol {
  readonly name: string;
  readonly segment: number;
  readonly offset: number;
  readonly isFunction: boolean;
}

/** Where the name stands in each kind of record, behind its fixed fields; a constant's number is of varying length. */
function nameOf({ kind, fields }: GlobalRecord): string | undefined {
  switch (kind) {
    case Sym.PUB32:
    case Sym.PROCREF:
    case Sym.LPROCREF:
    case Sym.LDATA32:
    case Sym.GDATA32:
    case Sym.LTHREAD32:
    case Sym.GTHREAD32:
      return fields.skip(10).string();
    case Sym.UDT:
      return fields.skip(4).string();
    case Sym.CONSTANT:
      fields.skip(4).numeric();
      return fields.string();
    default:
      return undefined;
  }
}

export class GlobalSymbols {
  readonly #records: MsfStream | undefined;
  readonly #globals: HashTable | undefined;
  readonly #publics: HashTable | undefined;
  readonly #addresses: { readonly stream: MsfStream; readonly at: number; readonly count: number } | undefined;

  constructor(
    msf: MsfFile,
    streams: { readonly globalsStream: number; readonly publicsStream: number; readonly recordsStream: number },
  ) {
    this.#records = msf.stream(streams.recordsStream);
    const globals = msf.stream(streams.globalsStream);
    if (globals !== undefined) this.#globals = HashTable.open(globals, 0);
    const publics = msf.stream(streams.publicsStream);
    if (publics === undefined || publics.length < PUBLICS_HEADER) return;
    const header = new Cursor(publics.read(0, PUBLICS_HEADER));
    const hashBytes = header.u32();
    const at = PUBLICS_HEADER + hashBytes;
    const count = Math.min(Math.floor(header.u32() / 4), Math.floor((publics.length - at) / 4));
    this.#publics = HashTable.open(publics, PUBLICS_HEADER);
    if (count > 0) this.#addresses = { stream: publics, at, count };
  }

  /**
   * Records of this name among the globals, or among the publics. Tables have been seen that miss some of their names, so after a miss
   * all records are looked at.
   */
  find(name: string, among: 'globals' | 'publics'): readonly GlobalRecord[] {
    const table = among === 'globals' ? this.#globals : this.#publics;
    const found: GlobalRecord[] = [];
    for (const offset of table?.candidates(name) ?? []) {
      const record = this.#at(offset);
      if (record !== undefined && (record.kind === Sym.PUB32) === (among === 'publics')) {
        if (nameOf(copyOf(record)) === name) found.push(record);
      }
    }
    if (found.length > 0) return found;
    const bytes = Buffer.from(name, 'utf8');
    for (const record of this.#pieces((piece) => piece.includes(bytes))) {
      if ((record.kind === Sym.PUB32) === (among === 'publics') && nameOf(copyOf(record)) === name) found.push(record);
    }
    return found;
  }

  /** Every record. */
  all(): Generator<GlobalRecord> {
    return this.#pieces(() => true);
  }

  /** Records of the pieces (of at most SCAN_STEP bytes) that are worth it. */
  *#pieces(isWorthIt: (piece: Buffer) => boolean): Generator<GlobalRecord> {
    const records = this.#records;
    if (records === undefined) return;
    for (let at = 0; at < records.length;) {
      const length = Math.min(SCAN_STEP, records.length - at);
      const bytes = records.read(at, length);
      // What is cut at the end of a piece begins the next one.
      const whole = at + length === records.length ? length : lastWhole(bytes);
      if (isWorthIt(bytes)) {
        const walker = new SymbolWalker(bytes, 0, whole);
        while (walker.next()) yield { kind: walker.kind, fields: walker.fields() };
      }
      at += whole;
    }
  }

  /** Names that begin so, without case, of functions and data. */
  *namesBeginningWith(prefix: string): Generator<string> {
    const wanted = prefix.toLowerCase();
    for (const record of this.all()) {
      if (record.kind === Sym.UDT) continue;
      const name = nameOf(record);
      if (name?.toLowerCase().startsWith(wanted) === true) yield name;
    }
  }

  /** The public symbol at or before an address in its segment, and where the next one begins. */
  publicAt(segment: number, offset: number): { readonly symbol: PublicSymbol; readonly next?: number } | undefined {
    if (this.#addresses === undefined) return undefined;
    let low = 0;
    let high = this.#addresses.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const symbol = this.#publicNumber(middle);
      if (symbol === undefined) return undefined;
      if ((symbol.segment - segment || symbol.offset - offset) <= 0) low = middle + 1;
      else high = middle;
    }
    const symbol = low === 0 ? undefined : this.#publicNumber(low - 1);
    if (symbol?.segment !== segment) return undefined;
    const next = low < this.#addresses.count ? this.#publicNumber(low) : undefined;
    return next?.segment === segment ? { symbol, next: next.offset } : { symbol };
  }

  #publicNumber(index: number): PublicSymbol | undefined {
    const addresses = this.#addresses;
    if (addresses === undefined) return undefined;
    const record = this.#at(addresses.stream.read(addresses.at + index * 4, 4).readUInt32LE(0));
    return record?.kind === Sym.PUB32 ? readPublic(record.fields) : undefined;
  }

  #at(offset: number): GlobalRecord | undefined {
    const records = this.#records;
    if (records === undefined || offset + 4 > records.length) return undefined;
    const length = records.read(offset, 2).readUInt16LE(0);
    if (length < 2 || offset + 2 + length > records.length) return undefined;
    const bytes = records.read(offset, 2 + length);
    return { kind: bytes.readUInt16LE(2), fields: new Cursor(bytes, 4) };
  }
}

/** Public symbols with this bit are functions, with bit 0 code. */
const PUBLIC_FUNCTION = 2;
const PUBLIC_CODE = 1;

export function readPublic(fields: Cursor): PublicSymbol {
  const isFunction = (fields.u32() & (PUBLIC_FUNCTION | PUBLIC_CODE)) !== 0;
  const offset = fields.u32();
  const segment = fields.u16();
  return { isFunction, offset, segment, name: fields.string() };
}

const copyOf = ({ kind, fields }: GlobalRecord): GlobalRecord => ({
  kind,
  fields: new Cursor(fields.bytes, fields.at, fields.end),
});

/** Bytes up to the end of the last whole record. */
function lastWhole(bytes: Buffer): number {
  let at = 0;
  while (at + 2 <= bytes.length) {
    const next = at + 2 + bytes.readUInt16LE(at);
    if (next > bytes.length) break;
    at = next;
  }
  // A piece is larger than any record: at least one is whole.
  return at === 0 ? Math.min(bytes.length, MAX_RECORD) : at;
}

/** A hash table of names, read where it is asked: header, bitmap, one bucket, its entries. */
class HashTable {
  private constructor(
    private readonly stream: MsfStream,
    private readonly entriesAt: number,
    private readonly entryCount: number,
    private readonly bitmapAt: number,
  ) {}

  /** undefined when there is no table of a known form. */
  static open(stream: MsfStream, at: number): HashTable | undefined {
    if (at + HASH_HEADER > stream.length) return undefined;
    const header = new Cursor(stream.read(at, HASH_HEADER));
    if (header.u32() !== SIGNATURE) return undefined;
    const entryBytes = header.skip(4).u32();
    const bucketBytes = header.u32();
    const bitmapAt = at + HASH_HEADER + entryBytes;
    if (bucketBytes < BITMAP || bitmapAt + bucketBytes > stream.length) return undefined;
    return new HashTable(stream, at + HASH_HEADER, Math.floor(entryBytes / 8), bitmapAt);
  }

  /** Offsets into the stream of records. */
  *candidates(name: string): Generator<number> {
    const bucket = hashName(name) % BUCKETS;
    const bitmap = this.stream.read(this.bitmapAt, BITMAP);
    const isPresent = (index: number): boolean => (bitmap.readUInt8(index >>> 3) & (1 << (index & 7))) !== 0;
    if (!isPresent(bucket)) return;
    let rank = 0;
    let present = 0;
    for (let index = 0; index <= BUCKETS; index++) {
      if (!isPresent(index)) continue;
      if (index < bucket) rank++;
      present++;
    }
    const startOf = (index: number): number => {
      const at = this.bitmapAt + BITMAP + index * 4;
      return at + 4 > this.stream.length ? this.entryCount : this.stream.read(at, 4).readUInt32LE(0) / ENTRY_UNITS;
    };
    const from = startOf(rank);
    const to = Math.min(rank + 1 < present ? startOf(rank + 1) : this.entryCount, this.entryCount);
    if (!Number.isInteger(from)) return;
    for (let entry = from; entry < to; entry++) {
      const offset = this.stream.read(this.entriesAt + entry * 8, 4).readUInt32LE(0);
      if (offset > 0) yield offset - 1;
    }
  }
}
