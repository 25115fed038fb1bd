/** KDDEBUGGER_DATA64 of the test target (reference, section 10.1). */
import type { KernelMemory } from './kernel-memory.js';
import * as nt from './layouts.js';

export interface DebuggerFacts {
  readonly kernelBase: bigint;
  readonly moduleList: bigint;
  readonly processList: bigint;
  /** Object manager's root directory. */
  readonly root: bigint;
  readonly prcbs: readonly bigint[];
}

/** The list head that GetVersion names; the block is its first entry. */
export function buildDebuggerData(memory: KernelMemory, facts: DebuggerFacts): bigint {
  const head = memory.allocate(16);
  memory.listHead(head);
  const block = memory.allocate(nt.KDBG.bytes);
  memory.appendToList(head, block);
  const at = (offset: number): bigint => block + BigInt(offset);
  const variable = (value: bigint): bigint => {
    const address = memory.allocate(8);
    memory.u64(address, value);
    return address;
  };
  memory.u32(at(nt.KDBG.OwnerTag), 0x4742_444b);
  memory.u32(at(nt.KDBG.Size), nt.KDBG.bytes);
  memory.u64(at(nt.KDBG.KernBase), facts.kernelBase);
  memory.u64(at(nt.KDBG.PsLoadedModuleList), facts.moduleList);
  memory.u64(at(nt.KDBG.PsActiveProcessHead), facts.processList);
  memory.u64(at(nt.KDBG.KeTimeIncrement), variable(BigInt(nt.TIME_INCREMENT)));
  memory.u64(at(nt.KDBG.KiBugcheckData), memory.allocate(40));
  memory.u64(at(nt.KDBG.ObpRootDirectoryObject), variable(facts.root));
  memory.u64(at(nt.KDBG.ObpTypeObjectType), variable(memory.types[0]?.body ?? 0n));
  memory.u64(at(nt.KDBG.MmPageSize), 0x1000n);
  memory.u64(at(nt.KDBG.NtBuildLab), memory.text(`${nt.BUILD}.1.amd64fre.test`));
  const processors = memory.allocate(8 * facts.prcbs.length);
  facts.prcbs.forEach((prcb, index) => memory.u64(processors + BigInt(8 * index), prcb));
  memory.u64(at(nt.KDBG.KiProcessorBlock), processors);
  const context = nt.KPRCB.ProcessorState + nt.SPECIAL.bytes;
  const words: readonly (readonly [number, number])[] = [
    [nt.KDBG.OffsetKThreadNextProcessor, nt.KTHREAD.NextProcessor],
    [nt.KDBG.OffsetKThreadTeb, nt.KTHREAD.Teb],
    [nt.KDBG.OffsetKThreadKernelStack, nt.KTHREAD.KernelStack],
    [nt.KDBG.OffsetKThreadInitialStack, nt.KTHREAD.InitialStack],
    [nt.KDBG.OffsetKThreadApcProcess, nt.KTHREAD.ApcStateProcess],
    [nt.KDBG.OffsetKThreadState, nt.KTHREAD.State],
    [nt.KDBG.SizeEProcess, nt.EPROCESS.bytes],
    [nt.KDBG.OffsetEprocessPeb, nt.EPROCESS.Peb],
    [nt.KDBG.OffsetEprocessDirectoryTableBase, nt.EPROCESS.DirectoryTableBase],
    [nt.KDBG.SizePrcb, nt.KPRCB.bytes],
    [nt.KDBG.OffsetPrcbCurrentThread, nt.KPRCB.CurrentThread],
    [nt.KDBG.OffsetPrcbProcStateContext, context],
    [nt.KDBG.OffsetPrcbProcStateSpecialReg, nt.KPRCB.ProcessorState],
    [nt.KDBG.OffsetPrcbNumber, nt.KPRCB.Number],
    [nt.KDBG.SizeEThread, nt.ETHREAD.bytes],
    [nt.KDBG.SizePcr, nt.KPCR.Prcb + nt.KPRCB.bytes],
    [nt.KDBG.OffsetPcrSelfPcr, nt.KPCR.Self],
    [nt.KDBG.OffsetPcrCurrentPrcb, nt.KPCR.CurrentPrcb],
    [nt.KDBG.OffsetPcrContainedPrcb, nt.KPCR.Prcb],
    [nt.KDBG.OffsetPrcbIdleThread, nt.KPRCB.IdleThread],
    [nt.KDBG.OffsetKThreadWaitReason, nt.KTHREAD.WaitReason],
  ];
  for (const [offset, value] of words) memory.u16(at(offset), value);
  memory.u32(at(nt.KDBG.OffsetKThreadStackLimit), nt.KTHREAD.StackLimit);
  memory.u32(at(nt.KDBG.OffsetKThreadStackBase), nt.KTHREAD.StackBase);
  return head;
}
