/** Where a function returns: its return instructions, from its code and the exception directory of its image. */
import { Decoder, DecoderOptions, Mnemonic } from 'iced-x86';
import { findRuntimeFunction } from '../../machine/pe/exception-directory.js';
import { PeImage } from '../../machine/pe/pe-image.js';

/** Beyond this the end of a function is not looked for: its calls are then recorded without their return. */
const MAX_FUNCTION_BYTES = 0x4000;
/** Of a function without an entry in the exception directory: a leaf. */
const MAX_LEAF_BYTES = 64;

export interface FunctionExit {
  readonly ret: bigint;
  /** The instruction before it, if it does nothing but free the stack: RAX is the result there too. */
  readonly beforeRet: bigint | undefined;
}

interface CodeReader {
  read(address: bigint, length: number): Promise<Uint8Array>;
}

/** Parts that a compiler has put elsewhere (cold code) are not looked at. */
export async function functionExits(base: bigint, entry: bigint, memory: CodeReader): Promise<readonly FunctionExit[]> {
  const image = await PeImage.open({ read: (offset, length) => memory.read(base + BigInt(offset), length) }, 'memory');
  const found = await findRuntimeFunction(image, Number(entry - base));
  if (found === undefined) return exitsIn(await memory.read(entry, MAX_LEAF_BYTES), entry).slice(0, 1);
  const length = Math.min(found.end - Number(entry - base), MAX_FUNCTION_BYTES);
  return exitsIn(await memory.read(entry, length), entry);
}

/** Addresses of the return instructions in a piece of code, in order. */
export const returnsIn = (code: Uint8Array, address: bigint): readonly bigint[] =>
  exitsIn(code, address).map(({ ret }) => ret);

function exitsIn(code: Uint8Array, address: bigint): FunctionExit[] {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const exits: FunctionExit[] = [];
  try {
    decoder.ip = address;
    let beforeRet: bigint | undefined;
    while (decoder.canDecode) {
      const at = address + BigInt(decoder.position);
      const instruction = decoder.decode();
      const { mnemonic, isInvalid } = instruction;
      instruction.free();
      if (isInvalid) break;
      if (mnemonic === Mnemonic.Ret) exits.push({ ret: at, beforeRet });
      beforeRet = mnemonic === Mnemonic.Add && isAddRsp(code, Number(at - address)) ? at : undefined;
    }
    return exits;
  } finally {
    decoder.free();
  }
}

/** add rsp, imm8 or imm32. */
const isAddRsp = (code: Uint8Array, at: number): boolean =>
  code[at] === 0x48 && (code[at + 1] === 0x83 || code[at + 1] === 0x81) && code[at + 2] === 0xc4;
