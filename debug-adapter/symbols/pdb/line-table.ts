/** C13 line information of one module (cvinfo.h CV_DebugSSubsectionHeader and what follows; LLVM docs/PDB/ModiStream.rst). */
import { Cursor } from './cursor.js';

const Subsection = { Lines: 0xf2, FileChecksums: 0xf4, InlineeLines: 0xf6 } as const;
const HAS_COLUMNS = 1;
const LINE_MASK = 0xffffff;
/** Compiler-made code that a debugger steps into, or over, without showing it: no lines of anybody's source. */
const ALWAYS_STEP_INTO = 0xfeefee;
const NEVER_STEP_INTO = 0xf00f00;

export const isHiddenLine = (line: number): boolean =>
  line === 0 || line === ALWAYS_STEP_INTO || line === NEVER_STEP_INTO;

export interface LineEntry {
  /** Offset in the segment; the entry lasts until the next one's. */
  readonly offset: number;
  readonly line: number;
  /** 0: none. */
  readonly column: number;
  /** Of the file, in the module's checksums. */
  readonly file: number;
}

/** Lines of one contribution, mostly of one function: [from, to) of the segment. */
export interface LineBlock {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
  /** Ascending by offset. */
  readonly entries: readonly LineEntry[];
}

export interface FileChecksum {
  /** Of the name in the PDB's table of names. */
  readonly name: number;
  readonly kind: 'md5' | 'sha1' | 'sha256' | undefined;
  readonly hex: string;
}

interface Header {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly end: number;
  readonly hasColumns: boolean;
}

const CHECKSUM_KINDS = [undefined, 'md5', 'sha1', 'sha256'] as const;

export class LineTable {
  readonly #bytes: Buffer;
  readonly #headers: readonly Header[];
  readonly #decoded = new Map<Header, LineBlock>();
  readonly #inlinees = new Map<number, { readonly file: number; readonly line: number }>();
  #checksums: { readonly at: number; readonly end: number } | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const headers: Header[] = [];
    const cursor = new Cursor(bytes);
    while (cursor.remaining >= 8) {
      const kind = cursor.u32();
      const length = cursor.u32();
      const at = cursor.at;
      cursor.skip(length);
      const part = new Cursor(bytes, at, at + length);
      if (kind === Subsection.Lines) headers.push(readHeader(part));
      else if (kind === Subsection.FileChecksums) this.#checksums = { at, end: at + length };
      else if (kind === Subsection.InlineeLines) this.#readInlinees(part);
      cursor.at = Math.min((cursor.at + 3) & ~3, cursor.end);
    }
    this.#headers = headers;
  }

  *blocks(): Generator<LineBlock> {
    for (const header of this.#headers) yield this.#decode(header);
  }

  blockAt(segment: number, offset: number): LineBlock | undefined {
    const header = this.#headers.find(
      (candidate) => candidate.segment === segment && offset >= candidate.from && offset < candidate.to,
    );
    return header === undefined ? undefined : this.#decode(header);
  }

  /** Where the inlined function of this id (in the IPI stream) begins in its source. */
  inlinee(id: number): { readonly file: number; readonly line: number } | undefined {
    return this.#inlinees.get(id);
  }

  checksum(file: number): FileChecksum | undefined {
    if (this.#checksums === undefined || this.#checksums.at + file + 6 > this.#checksums.end) return undefined;
    const cursor = new Cursor(this.#bytes, this.#checksums.at + file, this.#checksums.end);
    const name = cursor.u32();
    const length = cursor.u8();
    const kind = CHECKSUM_KINDS[cursor.u8()];
    return { name, kind, hex: cursor.slice(length).toString('hex') };
  }

  /** All files of the module: offset of each in its checksums. */
  fileOffsets(): readonly number[] {
    if (this.#checksums === undefined) return [];
    const offsets: number[] = [];
    const cursor = new Cursor(this.#bytes, this.#checksums.at, this.#checksums.end);
    while (cursor.remaining >= 6) {
      offsets.push(cursor.at - this.#checksums.at);
      cursor.skip(4);
      const length = cursor.u8();
      cursor.skip(1 + length);
      cursor.at = Math.min((cursor.at + 3) & ~3, cursor.end);
    }
    return offsets;
  }

  #readInlinees(cursor: Cursor): void {
    const hasExtraFiles = cursor.u32() === 1;
    while (cursor.remaining >= 12) {
      this.#inlinees.set(cursor.u32(), { file: cursor.u32(), line: cursor.u32() });
      if (hasExtraFiles) cursor.skip(cursor.u32() * 4);
    }
  }

  #decode(header: Header): LineBlock {
    const known = this.#decoded.get(header);
    if (known !== undefined) return known;
    const entries: LineEntry[] = [];
    const cursor = new Cursor(this.#bytes, header.at, header.end);
    while (cursor.remaining >= 12) {
      const file = cursor.u32();
      const count = cursor.u32();
      const size = cursor.u32();
      const block = new Cursor(this.#bytes, cursor.at, cursor.skip(Math.max(0, size - 12)).at);
      const columns = header.hasColumns ? new Cursor(block.bytes, block.at, block.end).skip(count * 8) : undefined;
      for (let index = 0; index < count; index++) {
        const offset = header.from + block.u32();
        const line = block.u32() & LINE_MASK;
        const column = columns?.u16() ?? 0;
        columns?.skip(2);
        entries.push({ offset, line, column, file });
      }
    }
    entries.sort((one, other) => one.offset - other.offset);
    const decoded = { segment: header.segment, from: header.from, to: header.to, entries };
    this.#decoded.set(header, decoded);
    return decoded;
  }
}

function readHeader(cursor: Cursor): Header {
  const from = cursor.u32();
  const segment = cursor.u16();
  const hasColumns = (cursor.u16() & HAS_COLUMNS) !== 0;
  const to = from + cursor.u32();
  return { segment, from, to, at: cursor.at, end: cursor.end, hasColumns };
}

/** Index of the last entry at or before an offset, among those of equal offset the last; -1 when all are behind it. */
export function lastAtOrBefore(entries: readonly { readonly offset: number }[], offset: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.offset ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
