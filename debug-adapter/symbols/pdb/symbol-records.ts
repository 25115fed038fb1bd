/** Kinds and layouts of CodeView symbol records (microsoft-pdb, include/cvinfo.h). */
import { corruptPdb } from './corrupt-pdb.js';
import { Cursor } from './cursor.js';

export const Sym = {
  END: 0x0006,
  FRAMEPROC: 0x1012,
  THUNK32: 0x1102,
  BLOCK32: 0x1103,
  REGISTER: 0x1106,
  CONSTANT: 0x1107,
  UDT: 0x1108,
  BPREL32: 0x110b,
  LDATA32: 0x110c,
  GDATA32: 0x110d,
  PUB32: 0x110e,
  LPROC32: 0x110f,
  GPROC32: 0x1110,
  REGREL32: 0x1111,
  LTHREAD32: 0x1112,
  GTHREAD32: 0x1113,
  PROCREF: 0x1125,
  LPROCREF: 0x1127,
  SEPCODE: 0x1132,
  LOCAL: 0x113e,
  DEFRANGE: 0x113f,
  DEFRANGE_SUBFIELD: 0x1140,
  DEFRANGE_REGISTER: 0x1141,
  DEFRANGE_FRAMEPOINTER_REL: 0x1142,
  DEFRANGE_SUBFIELD_REGISTER: 0x1143,
  DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE: 0x1144,
  DEFRANGE_REGISTER_REL: 0x1145,
  LPROC32_ID: 0x1146,
  GPROC32_ID: 0x1147,
  INLINESITE: 0x114d,
  INLINESITE_END: 0x114e,
  PROC_ID_END: 0x114f,
  FILESTATIC: 0x1153,
  LPROC32_DPC: 0x1155,
  LPROC32_DPC_ID: 0x1156,
  INLINESITE2: 0x115d,
} as const;

/** Walks the records of a buffer. Records are aligned to four bytes; unknown kinds are stepped over by their length. */
export class SymbolWalker {
  /** Of the current record. */
  kind = 0;
  /** Where its length field is: what parents and ends refer to. */
  offset = 0;
  #next: number;

  constructor(
    readonly bytes: Buffer,
    from: number,
    private readonly to: number,
  ) {
    if (to > bytes.length) throw corruptPdb('a list of symbols leads outside of its stream');
    this.#next = from;
  }

  next(): boolean {
    if (this.#next + 4 > this.to) return false;
    const length = this.bytes.readUInt16LE(this.#next);
    if (length < 2 || this.#next + 2 + length > this.to) throw corruptPdb('a symbol record is cut');
    this.offset = this.#next;
    this.kind = this.bytes.readUInt16LE(this.#next + 2);
    this.#next += 2 + length;
    return true;
  }

  /** The current record's fields. */
  fields(): Cursor {
    return new Cursor(this.bytes, this.offset + 4, this.#next);
  }
}

export interface Procedure {
  /** Of its record in the module's stream. */
  readonly record: number;
  /** Of the record that ends it. */
  readonly end: number;
  readonly name: string;
  readonly segment: number;
  readonly offset: number;
  readonly size: number;
  /** Bytes from its begin to the first instruction after the prologue; clang writes 0. */
  readonly debugStart: number;
  readonly type: number;
}

export function isProcedure(kind: number): boolean {
  switch (kind) {
    case Sym.LPROC32:
    case Sym.GPROC32:
    case Sym.LPROC32_ID:
    case Sym.GPROC32_ID:
    case Sym.LPROC32_DPC:
    case Sym.LPROC32_DPC_ID:
      return true;
    default:
      return false;
  }
}

/** Whether the type of such a record is an index into the IPI stream. */
export const typeIsId = (kind: number): boolean =>
  kind === Sym.LPROC32_ID || kind === Sym.GPROC32_ID || kind === Sym.LPROC32_DPC_ID;

export function readProcedure(walker: SymbolWalker): Procedure {
  const fields = walker.fields().skip(4);
  const end = fields.u32();
  const size = fields.skip(4).u32();
  const debugStart = fields.u32();
  const type = fields.skip(4).u32();
  const offset = fields.u32();
  const segment = fields.u16();
  return { record: walker.offset, end, name: fields.skip(1).string(), segment, offset, size, debugStart, type };
}

export const opensScope = (kind: number): boolean =>
  isProcedure(kind) ||
  kind === Sym.BLOCK32 ||
  kind === Sym.INLINESITE ||
  kind === Sym.INLINESITE2 ||
  kind === Sym.THUNK32 ||
  kind === Sym.SEPCODE;

export const closesScope = (kind: number): boolean =>
  kind === Sym.END || kind === Sym.INLINESITE_END || kind === Sym.PROC_ID_END;

/** A range of addresses with holes, as the S_DEFRANGE records have. Offsets are in the segment. */
export interface DefinitionRange {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
}

export function readRange(fields: Cursor): DefinitionRange {
  const from = fields.u32();
  const segment = fields.u16();
  const to = from + fields.u16();
  const gaps: { from: number; to: number }[] = [];
  while (fields.remaining >= 4) {
    const start = from + fields.u16();
    gaps.push({ from: start, to: start + fields.u16() });
  }
  return { segment, from, to, gaps };
}

export const rangeCovers = (range: DefinitionRange, segment: number, offset: number): boolean =>
  range.segment === segment &&
  offset >= range.from &&
  offset < range.to &&
  !range.gaps.some((gap) => offset >= gap.from && offset < gap.to);
