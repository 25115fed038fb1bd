/** Instructions around an address, by iced-x86, with the lines that they are of. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';
import { hexAddress, type MemoryAccess } from '../variables/value.js';

export interface DecodedInstruction {
  readonly address: bigint;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Target of a near branch or call. */
  readonly target: bigint | undefined;
}

const MAX_INSTRUCTION_BYTES = 15;

/** Decodes from bytes at an address on, at most `count`; what is no instruction is one byte `(bad)`. */
export function decode(data: Uint8Array, address: bigint, count: number): DecodedInstruction[] {
  const decoder = new Decoder(64, data, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.spaceAfterOperandSeparator = true;
  const found: DecodedInstruction[] = [];
  try {
    decoder.ip = address;
    while (decoder.canDecode && found.length < count) {
      const offset = decoder.position;
      const instruction = decoder.decode();
      try {
        const isCut = instruction.isInvalid && data.length - offset < MAX_INSTRUCTION_BYTES;
        if (isCut && found.length > 0) break;
        const length = instruction.isInvalid ? 1 : instruction.length;
        if (instruction.isInvalid) {
          decoder.position = offset + 1;
          decoder.ip = address + BigInt(offset + 1);
        }
        const at = address + BigInt(offset);
        const text = instruction.isInvalid ? '(bad)' : formatter.format(instruction);
        const target = instruction.isInvalid ? 0n : instruction.nearBranchTarget;
        const bytes = data.subarray(offset, offset + length);
        found.push({ address: at, length, bytes, text, target: target === 0n ? undefined : target });
      } finally {
        instruction.free();
      }
    }
    return found;
  } finally {
    formatter.free();
    decoder.free();
  }
}

export interface DisassemblyRequest {
  readonly address: bigint;
  /** Instructions to skip; negative: before the address. */
  readonly instructionOffset: number;
  readonly count: number;
}

/**
 * Exactly `count` instructions, as DAP wants it; what cannot be read is filled in as such.
 * @param functionBegin of the function that an address is in, from where decoding is sure to be in step
 */
export async function disassemble(
  request: DisassemblyRequest,
  memory: MemoryAccess,
  functionBegin: (address: bigint) => Promise<bigint | undefined>,
): Promise<DecodedInstruction[]> {
  const { address, instructionOffset, count } = request;
  const before = instructionOffset < 0 ? await decodeBefore(address, -instructionOffset, memory, functionBegin) : [];
  const skip = Math.max(0, instructionOffset);
  const wanted = Math.max(0, count - Math.min(count, Math.max(0, -instructionOffset))) + skip;
  const data = await memory.read(address, wanted * MAX_INSTRUCTION_BYTES);
  const after = decode(data, address, wanted);
  const all = [...before.slice(0, count), ...after.slice(skip)];
  for (let next = endOf(all.at(-1), address); all.length < count; next += 1n) all.push(unreadable(next));
  return all;
}

/** The `count` instructions that end at an address. */
async function decodeBefore(
  address: bigint,
  count: number,
  memory: MemoryAccess,
  functionBegin: (address: bigint) => Promise<bigint | undefined>,
): Promise<DecodedInstruction[]> {
  let found: DecodedInstruction[] = [];
  let end = address;
  while (found.length < count) {
    const begin = (await functionBegin(end - 1n)) ?? end - BigInt(MAX_INSTRUCTION_BYTES * 2);
    const length = Number(end - begin);
    if (length <= 0 || length > 1024 * 1024) break;
    const data = await memory.read(begin, length);
    if (data.length < length) break;
    const piece = inStep(data, begin, end);
    if (piece.length === 0) break;
    found = [...piece, ...found];
    end = begin;
  }
  found = found.slice(-count);
  const first = found[0]?.address ?? address;
  const missing = count - found.length;
  return [...Array.from({ length: missing }, (_, index) => unreadable(first - BigInt(missing - index))), ...found];
}

/** Decodes so that the last instruction ends at `end`: from the beginning, or from the first byte on from which it comes out. */
function inStep(data: Uint8Array, begin: bigint, end: bigint): DecodedInstruction[] {
  for (let shift = 0; shift < Math.min(data.length, MAX_INSTRUCTION_BYTES * 2); shift += 1) {
    const piece = decode(data.subarray(shift), begin + BigInt(shift), data.length);
    if (endOf(piece.at(-1), begin) === end) return piece;
  }
  return [];
}

function endOf(instruction: DecodedInstruction | undefined, otherwise: bigint): bigint {
  return instruction === undefined ? otherwise : instruction.address + BigInt(instruction.length);
}

function unreadable(address: bigint): DecodedInstruction {
  return { address: BigInt.asUintN(64, address), length: 1, bytes: new Uint8Array(), text: '??', target: undefined };
}

export function dapInstruction(
  { address, bytes, text, target }: DecodedInstruction,
  symbol: string | undefined,
  targetSymbol: string | undefined,
): DebugProtocol.DisassembledInstruction {
  return {
    address: hexAddress(address),
    instruction: target === undefined || targetSymbol === undefined ? text : `${text} ; ${targetSymbol}`,
    ...(bytes.length === 0
      ? { presentationHint: 'invalid' as const }
      : { instructionBytes: [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ') }),
    ...(symbol === undefined ? {} : { symbol }),
  };
}
