/** What the bytes at a program counter are, as far as a step has to know. */
import { Code, Decoder, DecoderOptions, FlowControl, type Instruction } from 'iced-x86';

function decoded<Result>(code: Uint8Array, look: (instruction: Instruction) => Result): Result | undefined {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  try {
    const instruction = decoder.decode();
    try {
      return instruction.code === Code.INVALID ? undefined : look(instruction);
    } finally {
      instruction.free();
    }
  } finally {
    decoder.free();
  }
}

/** Bytes of the call at the beginning; undefined when there is none. */
export const callLength = (code: Uint8Array): number | undefined =>
  decoded(code, ({ flowControl, length }) =>
    flowControl === FlowControl.Call || flowControl === FlowControl.IndirectCall ? length : undefined,
  );

/** Whether the bytes hold their first instruction to its end. */
export const isWholeInstruction = (code: Uint8Array): boolean => decoded(code, () => true) === true;
