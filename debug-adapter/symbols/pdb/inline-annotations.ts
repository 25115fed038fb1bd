/**
 * Binary annotations of an inline site (cvinfo.h, BinaryAnnotationOpcode): a small program that says which addresses belong to the
 * inlined function, and to which of its lines.
 */
import { corruptPdb } from './corrupt-pdb.js';

export interface InlineRange {
  /** [from, to), offsets in the segment. */
  readonly from: number;
  readonly to: number;
  readonly file: number;
  readonly line: number;
}

const Op = {
  End: 0,
  CodeOffset: 1,
  ChangeCodeOffsetBase: 2,
  ChangeCodeOffset: 3,
  ChangeCodeLength: 4,
  ChangeFile: 5,
  ChangeLineOffset: 6,
  ChangeCodeOffsetAndLineOffset: 11,
  ChangeCodeLengthAndCodeOffset: 12,
} as const;

const signed = (value: number): number => ((value & 1) === 0 ? value >>> 1 : -(value >>> 1));

class Operands {
  constructor(
    private readonly bytes: Buffer,
    private at: number,
    private readonly end: number,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  /** One, two or four bytes, as the high bits of the first say. */
  next(): number {
    const first = this.#byte();
    if ((first & 0x80) === 0) return first;
    if ((first & 0xc0) === 0x80) return ((first & 0x3f) << 8) | this.#byte();
    if ((first & 0xe0) !== 0xc0) throw corruptPdb('an inline site has an unknown number');
    return ((first & 0x1f) << 24) | (this.#byte() << 16) | (this.#byte() << 8) | this.#byte();
  }

  #byte(): number {
    if (this.at >= this.end) throw corruptPdb('an inline site is cut');
    return this.bytes.readUInt8(this.at++);
  }
}

/**
 * @param start where the inlined function begins in its source.
 * @param procedure [from, to) of the function that holds the site, offsets in the segment: what offsets count from, and where the last
 *   range ends when nothing else says so.
 */
export function decodeInlineRanges(
  bytes: Buffer,
  at: number,
  end: number,
  start: { readonly file: number; readonly line: number },
  procedure: { readonly from: number; readonly to: number },
): readonly InlineRange[] {
  const operands = new Operands(bytes, at, end);
  const open: { from: number; to: number | undefined; file: number; line: number }[] = [];
  let code = procedure.from;
  let { file, line } = start;
  const emit = (to?: number): number => open.push({ from: code, to, file, line });
  while (!operands.done) {
    const op = operands.next();
    if (op === Op.End) break;
    const value = operands.next();
    switch (op) {
      case Op.CodeOffset:
        code = procedure.from + value;
        break;
      case Op.ChangeCodeOffset:
        code += value;
        emit();
        break;
      case Op.ChangeCodeLength: {
        const last = open.at(-1);
        if (last !== undefined) last.to ??= last.from + value;
        code += value;
        break;
      }
      case Op.ChangeFile:
        file = value;
        break;
      case Op.ChangeLineOffset:
        line += signed(value);
        break;
      case Op.ChangeCodeOffsetAndLineOffset:
        code += value & 15;
        line += signed(value >>> 4);
        emit();
        break;
      case Op.ChangeCodeLengthAndCodeOffset:
        // Two operands: the length of the range that begins where the second leads.
        code += operands.next();
        emit(code + value);
        break;
      default:
        // Line ends, columns, kinds of ranges: one operand, no change of addresses.
        break;
    }
  }
  // A range that nothing closed lasts until the next one.
  return open
    .map((range, index) => ({ ...range, to: range.to ?? open[index + 1]?.from ?? procedure.to }))
    .filter((range) => range.to > range.from);
}
