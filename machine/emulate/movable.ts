/** Which instructions do the same wherever they stand: those can be run from a copy, with a jump behind them. */
import { CONTEXT_BYTES, X64Context } from '../x64-context.js';
import { InstructionReader, NotEmulated, type OperandSize } from './instruction-bytes.js';

/**
 * @param code 15 bytes, or all that can be read
 * @returns bytes of the first instruction; undefined when it names a place by its distance, goes elsewhere, or is not known here
 */
export function movableLength(code: Uint8Array): number | undefined {
  const reader = new InstructionReader(code, new X64Context(new Uint8Array(CONTEXT_BYTES)));
  try {
    return readMovable(reader, reader.opcode()) ? reader.length : undefined;
  } catch (error) {
    if (error instanceof NotEmulated) return undefined;
    throw error;
  }
}

/** Reads the rest of the instruction. @returns whether it is movable */
function readMovable(reader: InstructionReader, opcode: number): boolean {
  if (opcode === 0x0f) return readMovableOfTwoBytes(reader, reader.u8());
  if (reader.repeat !== 0) return false;
  if (opcode < 0x40 && (opcode & 7) < 4) return readOperand(reader);
  if (opcode >= 0x50 && opcode < 0x60) return true;
  if (opcode >= 0xb0 && opcode < 0xc0) {
    reader.wideImmediate(opcode < 0xb8 ? 1 : reader.size);
    return true;
  }
  switch (opcode) {
    case 0x63:
    case 0x84:
    case 0x85:
    case 0x88:
    case 0x89:
    case 0x8a:
    case 0x8b:
    case 0x8d:
      return readOperand(reader);
    case 0x80:
    case 0x83:
    case 0xc6:
      return readOperand(reader, 1);
    case 0x81:
    case 0xc7:
      return readOperand(reader, reader.size);
    case 0x68:
      reader.i32();
      return !reader.operand16;
    case 0x6a:
      reader.i8();
      return true;
    case 0x90:
      return true;
    default:
      return false;
  }
}

function readMovableOfTwoBytes(reader: InstructionReader, opcode: number): boolean {
  const isHint = opcode === 0x1e && reader.repeat === 0xf3;
  if (reader.repeat !== 0 && !isHint) return false;
  // NOP, ENDBR64; MOVUPS, MOVAPS; CMOV; MOVZX and MOVSX.
  const known =
    isHint || opcode === 0x1f || [0x10, 0x11, 0x28, 0x29].includes(opcode) || (opcode & 0xf0) === 0x40 || (opcode & 0xf6) === 0xb6; // prettier-ignore
  return known && readOperand(reader);
}

/**
 * ModRM and what belongs to it, and an immediate of so many bytes behind it.
 * @returns whether it is not relative to the instruction
 */
function readOperand(reader: InstructionReader, immediate?: OperandSize): boolean {
  const byte = reader.code[reader.length] ?? 0;
  reader.modRm(0);
  if (immediate !== undefined) reader.immediate(immediate);
  return (byte & 0xc7) !== 5;
}
