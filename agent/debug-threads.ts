/** What a thread is given at a stop and left with at the end. Runs on the debug thread. */
import { CONTEXT_CONTROL, CONTEXT_DEBUG_REGISTERS, EFLAGS, type X64Context } from '../machine/x64-context.js';
import type { DebuggedProcess, DebuggedThread } from './debug-process.js';
import { NativeError } from './native/native-error.js';

const STACK_BYTES = 4_096;
const CODE_BYTES = 256;

/** What comes along with a stop: the stack's end and the code around RIP. */
export function memoryAround(
  process: DebuggedProcess,
  registers: X64Context,
): { readonly address: bigint; readonly data: Uint8Array }[] {
  const code = registers.rip - BigInt(CODE_BYTES);
  return [
    { address: registers.rsp, length: STACK_BYTES },
    { address: code, length: 2 * CODE_BYTES },
  ].flatMap(({ address, length }) => {
    const data = process.read(address, length);
    return data === undefined ? [] : [{ address, data }];
  });
}

/** No debug registers of ours, no trap flag of ours. steps: it was to run one instruction. */
export function leaveThread(thread: DebuggedThread, usesRegisters: boolean, steps: boolean): void {
  try {
    const context = thread.readContext(CONTEXT_CONTROL | CONTEXT_DEBUG_REGISTERS);
    if (usesRegisters) {
      for (const name of ['dr0', 'dr1', 'dr2', 'dr3', 'dr6', 'dr7']) {
        context.set(name, 0n);
      }
      thread.writeContext(context, CONTEXT_DEBUG_REGISTERS);
    }
    if (steps) {
      context.eflags &= ~EFLAGS.trap;
      thread.writeContext(context, CONTEXT_CONTROL);
    }
  } catch (error) {
    if (!(error instanceof NativeError)) {
      throw error;
    }
    // It has ended.
  }
}
