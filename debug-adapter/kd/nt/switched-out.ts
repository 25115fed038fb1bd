/** Where a thread that no processor runs will go on: its switch frame in the kernel, else what its system call left of the program. */
import { X64Context } from '../../../machine/x64-context.js';
import type { NtLayout } from './layout.js';
import { type MemoryReader, readPointer, readStructure } from './records.js';

/** KSWITCH_FRAME: where the return address of a thread that does not run is, from KTHREAD.KernelStack. Derived; checked when used. */
const SWITCH_FRAME_RBP = 0x30;
const SWITCH_FRAME_RETURN = 0x38;
/** KTRAP_FRAME of x64: what a system call and an interrupt leave of the program's registers. */
const TRAP_FRAME = { rbp: 0x158, rip: 0x168, segCs: 0x170, rsp: 0x180, bytes: 0x190 } as const;

/**
 * Instruction and stack pointer and RBP alone; undefined: neither is as it should be.
 * @param thread KTHREAD
 * @param kernel what a return address of the kernel's own lies in
 */
export async function readSwitchedOut(
  memory: MemoryReader,
  layout: NtLayout,
  thread: bigint,
  kernel: { readonly base: bigint; readonly size: number } | undefined,
): Promise<X64Context | undefined> {
  const stack = await readPointer(memory, thread + BigInt(layout.offset('KTHREAD.KernelStack')));
  const frame = stack === undefined ? undefined : await readStructure(memory, stack, SWITCH_FRAME_RETURN + 8);
  const rip = frame?.u64(SWITCH_FRAME_RETURN);
  const plausible =
    kernel !== undefined && rip !== undefined && rip >= kernel.base && rip < kernel.base + BigInt(kernel.size);
  if (stack === undefined || frame === undefined || rip === undefined || !plausible) {
    return readUserContext(memory, layout, thread);
  }
  return contextAt(rip, stack + BigInt(SWITCH_FRAME_RETURN + 8), frame.u64(SWITCH_FRAME_RBP));
}

/** Where a thread that is in a system call returns to its program. */
async function readUserContext(
  memory: MemoryReader,
  layout: NtLayout,
  thread: bigint,
): Promise<X64Context | undefined> {
  if (!layout.has('KTHREAD.TrapFrame')) return undefined;
  const frame = await readPointer(memory, thread + BigInt(layout.offset('KTHREAD.TrapFrame')));
  const trap = frame === undefined || frame === 0n ? undefined : await readStructure(memory, frame, TRAP_FRAME.bytes);
  if (trap === undefined || (trap.u16(TRAP_FRAME.segCs) & 3) !== 3) return undefined;
  return contextAt(trap.u64(TRAP_FRAME.rip), trap.u64(TRAP_FRAME.rsp), trap.u64(TRAP_FRAME.rbp));
}

function contextAt(rip: bigint, rsp: bigint, rbp: bigint): X64Context {
  const context = new X64Context();
  context.rip = rip;
  context.rsp = rsp;
  context.set('rbp', rbp);
  return context;
}
