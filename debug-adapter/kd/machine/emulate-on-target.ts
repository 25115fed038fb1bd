/**
 * The instruction under a breakpoint of ours done here instead of by the target: its memory is asked for when the instruction turns out
 * to need it, so most of what functions begin with costs no request beside the registers.
 */
import { emulate } from '../../../machine/emulate/emulate.js';
import { X64Context } from '../../../machine/x64-context.js';
import { EventscopeError } from '../../../protocol/errors.js';
import type { EmulateInstruction } from './run-control.js';

export const MAX_INSTRUCTION_BYTES = 15;

/** Whether the first instruction is known and leaves memory as it is, whatever is in the registers. */
export function takesNoWrite(code: Uint8Array): boolean {
  let writes = false;
  const isKnown = emulate(new X64Context(), code, {
    read: (_address, length) => new Uint8Array(length),
    write: () => (writes = true),
  });
  return isKnown && !writes;
}

/** An instruction reads from two places at most (a stack and an operand); one more for a way out. */
const MAX_ROUNDS = 3;

export const emulateOnTarget: EmulateInstruction = async (context, instruction, memory, watches) => {
  const known = new Map<string, Uint8Array>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let missing: { readonly address: bigint; readonly length: number } | undefined;
    let write: { readonly address: bigint; readonly data: Uint8Array } | undefined;
    const after = context.copy();
    const done = emulate(after, instruction, {
      read: (address, length) => {
        if (watches('read', address, length)) return undefined;
        const bytes = known.get(`${address}/${length}`);
        if (bytes === undefined) missing ??= { address, length };
        return bytes;
      },
      write: (address, data) => {
        // Two writes are not undone when the second is refused.
        if (write !== undefined || watches('write', address, data.length)) return false;
        write = { address, data };
        return true;
      },
    });
    if (done) {
      try {
        if (write !== undefined) await memory.writeVirtual(write.address, write.data);
      } catch (error) {
        // The processor is to meet the fault, if it is one.
        if (error instanceof EventscopeError && error.id === 'debug.memory') return false;
        throw error;
      }
      context.bytes.set(after.bytes);
      return true;
    }
    if (missing === undefined) return false;
    const bytes = await memory.readVirtual(missing.address, missing.length);
    if (bytes.length < missing.length) return false;
    known.set(`${missing.address}/${missing.length}`, bytes);
  }
  return false;
};
