/** Layouts of NT on x64, build 19045 (Windows 10 22H2), as the reference's sections 4, 8, 10 and 11 give them. Bytes. */
export const BUILD = 19045;

export const LIST_ENTRY = { Flink: 0, Blink: 8 } as const;

export const DISPATCHER = { Type: 0, Signalling: 1, Size: 2, SignalState: 4, WaitListHead: 8, bytes: 0x18 } as const;
export const DispatcherType = {
  NotificationEvent: 0,
  SynchronizationEvent: 1,
  Mutant: 2,
  Process: 3,
  Semaphore: 5,
  Thread: 6,
  NotificationTimer: 8,
} as const;
export const SEMAPHORE = { Limit: 0x18, bytes: 0x20 } as const;
export const MUTANT = { MutantListEntry: 0x18, OwnerThread: 0x28, Abandoned: 0x30, bytes: 0x38 } as const;
export const TIMER = { DueTime: 0x18, TimerListEntry: 0x20, Dpc: 0x30, Period: 0x3c, bytes: 0x40 } as const;
export const WAIT_BLOCK = {
  WaitListEntry: 0,
  WaitType: 0x10,
  BlockState: 0x11,
  WaitKey: 0x12,
  Thread: 0x18,
  Object: 0x20,
  bytes: 0x30,
} as const;

export const KTHREAD = {
  InitialStack: 0x28,
  StackLimit: 0x30,
  StackBase: 0x38,
  KernelStack: 0x58,
  Running: 0x71,
  SystemCallNumber: 0x80,
  TrapFrame: 0x90,
  ApcStateProcess: 0xb8,
  Priority: 0xc3,
  WaitStatus: 0xc8,
  WaitBlockList: 0xd0,
  Teb: 0xf0,
  WaitBlock: 0x140,
  ContextSwitches: 0x154,
  State: 0x184,
  WaitIrql: 0x186,
  WaitMode: 0x187,
  WaitTime: 0x1b4,
  NextProcessor: 0x218,
  Process: 0x220,
  PreviousMode: 0x232,
  WaitBlockCount: 0x24b,
  WaitReason: 0x283,
  ThreadListEntry: 0x2f8,
  bytes: 0x430,
} as const;
export const ETHREAD = {
  Cid: 0x478,
  Win32StartAddress: 0x4d0,
  ThreadListEntry: 0x4e8,
  /** The reference does not tell: a debugger knows it from a PDB alone. */
  ThreadName: 0x608,
  bytes: 0x900,
} as const;
export const EPROCESS = {
  ThreadListHeadOfKernel: 0x30,
  DirectoryTableBase: 0x28,
  UniqueProcessId: 0x440,
  ActiveProcessLinks: 0x448,
  Peb: 0x550,
  ObjectTable: 0x570,
  DebugPort: 0x578,
  ImageFileName: 0x5a8,
  ThreadListHead: 0x5e0,
  bytes: 0xa40,
} as const;
export const ThreadState = { Ready: 1, Running: 2, Terminated: 4, Waiting: 5 } as const;

export const KPCR = { Self: 0x18, CurrentPrcb: 0x20, Prcb: 0x180 } as const;
export const KPRCB = {
  CurrentThread: 8,
  NextThread: 0x10,
  IdleThread: 0x18,
  Number: 0x24,
  ProcessorState: 0x100,
  bytes: 0x1000,
} as const;

export const OBJECT_HEADER = {
  PointerCount: 0,
  HandleCount: 8,
  TypeIndex: 0x18,
  InfoMask: 0x1a,
  SecurityDescriptor: 0x28,
  Body: 0x30,
} as const;
export const NAME_INFO = { Directory: 0, Name: 8, ReferenceCount: 0x18, bytes: 0x20 } as const;
export const CREATOR_INFO_BYTES = 0x20;
export const OBJECT_TYPE = { Name: 0x10, Index: 0x28, bytes: 0xd8 } as const;
export const DIRECTORY = { HashBuckets: 0, buckets: 37, bytes: 0x158 } as const;
export const DIRECTORY_ENTRY = { ChainLink: 0, Object: 8, HashValue: 0x10, bytes: 0x18 } as const;
export const DRIVER_OBJECT = {
  Type: 0,
  Size: 2,
  DeviceObject: 8,
  Flags: 0x10,
  DriverStart: 0x18,
  DriverSize: 0x20,
  DriverSection: 0x28,
  DriverName: 0x38,
  DriverInit: 0x58,
  DriverUnload: 0x68,
  MajorFunction: 0x70,
  bytes: 0x150,
} as const;
export const DEVICE_OBJECT = {
  Type: 0,
  Size: 2,
  ReferenceCount: 4,
  DriverObject: 8,
  NextDevice: 0x10,
  Flags: 0x30,
  DeviceExtension: 0x40,
  DeviceType: 0x48,
  bytes: 0x150,
} as const;
export const HANDLE_TABLE = { TableCode: 8, bytes: 0x80 } as const;
export const HANDLE_ENTRY_BYTES = 16;

export const KLDR = {
  DllBase: 0x30,
  EntryPoint: 0x38,
  SizeOfImage: 0x40,
  FullDllName: 0x48,
  BaseDllName: 0x58,
  CheckSum: 0x78,
  TimeDateStamp: 0x9c,
  bytes: 0xa0,
} as const;
export const PEB = { Ldr: 0x18 } as const;
export const PEB_LDR_DATA = { InLoadOrder: 0x10, InMemoryOrder: 0x20, InInitOrder: 0x30, bytes: 0x58 } as const;
export const LDR = {
  DllBase: 0x30,
  SizeOfImage: 0x40,
  FullDllName: 0x48,
  BaseDllName: 0x58,
  TimeDateStamp: 0x80,
  bytes: 0x120,
} as const;

/** KUSER_SHARED_DATA as the kernel maps it (ntddk.h). */
export const SHARED_USER_DATA = { address: 0xffff_f780_0000_0000n, TickCount: 0x320, bytes: 0x1000 } as const;
/** Length of a tick in units of 100 ns: 15.625 ms. */
export const TIME_INCREMENT = 156_250;

export const KDBG = {
  OwnerTag: 0x10,
  Size: 0x14,
  KernBase: 0x18,
  PsLoadedModuleList: 0x48,
  PsActiveProcessHead: 0x50,
  PspCidTable: 0x58,
  KeTimeIncrement: 0x78,
  KiBugcheckData: 0x88,
  ObpRootDirectoryObject: 0x98,
  ObpTypeObjectType: 0xa0,
  MmPageSize: 0x138,
  NtBuildLab: 0x208,
  KiProcessorBlock: 0x218,
  OffsetKThreadNextProcessor: 0x298,
  OffsetKThreadTeb: 0x29a,
  OffsetKThreadKernelStack: 0x29c,
  OffsetKThreadInitialStack: 0x29e,
  OffsetKThreadApcProcess: 0x2a0,
  OffsetKThreadState: 0x2a2,
  SizeEProcess: 0x2a8,
  OffsetEprocessPeb: 0x2aa,
  OffsetEprocessDirectoryTableBase: 0x2ae,
  SizePrcb: 0x2b0,
  OffsetPrcbCurrentThread: 0x2b4,
  OffsetPrcbProcStateContext: 0x2bc,
  OffsetPrcbNumber: 0x2be,
  SizeEThread: 0x2c0,
  SizePcr: 0x2e0,
  OffsetPcrSelfPcr: 0x2e2,
  OffsetPcrCurrentPrcb: 0x2e4,
  OffsetPcrContainedPrcb: 0x2e6,
  OffsetPrcbProcStateSpecialReg: 0x2f2,
  OffsetKThreadStackLimit: 0x340,
  OffsetKThreadStackBase: 0x344,
  OffsetPrcbIdleThread: 0x350,
  OffsetKThreadWaitReason: 0x35c,
  bytes: 0x380,
} as const;

/** KSPECIAL_REGISTERS as later Windows 10 has it. */
export const SPECIAL = {
  Cr0: 0,
  Cr2: 8,
  Cr3: 0x10,
  Cr4: 0x18,
  KernelDr0: 0x20,
  KernelDr6: 0x40,
  KernelDr7: 0x48,
  Cr8: 0xa0,
  MsrGsBase: 0xa8,
  MsrGsSwap: 0xb0,
  bytes: 0xf0,
} as const;

export const CONTEXT = {
  ContextFlags: 0x30,
  MxCsr: 0x34,
  SegCs: 0x38,
  SegDs: 0x3a,
  SegEs: 0x3c,
  SegFs: 0x3e,
  SegGs: 0x40,
  SegSs: 0x42,
  EFlags: 0x44,
  Dr0: 0x48,
  Dr6: 0x68,
  Dr7: 0x70,
  Rax: 0x78,
  Rip: 0xf8,
  bytes: 0x4d0,
} as const;

/** KTRAP_FRAME's ends that a way back to user mode needs (x64 machine frame at its end). */
export const TRAP_FRAME = {
  Rbp: 0x158,
  Rip: 0x168,
  SegCs: 0x170,
  EFlags: 0x178,
  Rsp: 0x180,
  SegSs: 0x188,
  bytes: 0x190,
} as const;

/** KSWITCH_FRAME, at KTHREAD.KernelStack of a thread that is switched out: five homes, a flag, RBP and where it goes on. */
export const SWITCH_FRAME = { Rbp: 0x30, Return: 0x38, bytes: 0x40 } as const;
