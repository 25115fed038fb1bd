/** The programs that run on the test target: a little kernel, a driver and an application that share events. */
import { Assembler } from './assembler.js';
import type { ImageFunction } from './image.js';

/** What code asks of the model: what a real kernel does in code that nobody debugs here. */
export const Hypercall = {
  /** rcx: a dispatcher object that has become signaled. */
  WakeWaiters: 1,
  /** rcx: object; r8: wait mode. Returns the wait status in rax, perhaps much later. */
  Wait: 2,
  /** rcx: handle of the current process, becomes the object. */
  ReferenceHandle: 3,
  /** Gives the processor to the next ready thread. */
  Yield: 4,
  /** From user mode: r10 first argument, eax service number. */
  SystemCall: 5,
  SystemReturn: 6,
  /** rcx: text that ends with 0. */
  Print: 7,
  /** rcx: rounds of the clock to sleep. */
  Delay: 8,
  /** Returns STATUS_ALERTED in rax, perhaps much later. */
  WaitForAlert: 9,
  /** rcx: thread id. */
  Alert: 10,
} as const;

export const SERVICE_NT_WAIT = 4;
export const SERVICE_NT_SET_EVENT = 14;
/** Their numbers differ from build to build; these are the model's. */
export const SERVICE_NT_ALERT = 0x70;
export const SERVICE_NT_WAIT_FOR_ALERT = 0x1d0;

const assemble = (write: (code: Assembler) => void): Assembler => {
  const code = new Assembler();
  write(code);
  return code;
};

const framed = (
  name: string,
  stackBytes: number,
  write: (code: Assembler) => void,
  exported = true,
): ImageFunction => ({
  name,
  stackBytes,
  exported,
  code: assemble((code) => {
    code.subRsp(stackBytes);
    write(code);
    code.addRsp(stackBytes).ret();
  }),
});

/** As compilers begin functions that keep a register: it is saved in the caller's home space before anything else. */
const saving = (name: string, stackBytes: number, write: (code: Assembler) => void): ImageFunction => ({
  name,
  stackBytes,
  exported: true,
  code: assemble((code) => {
    code.home(8, 'rbx').subRsp(stackBytes);
    write(code);
    code.addRsp(stackBytes).ret();
  }),
  unwindInfo: [1, 9, 1, 0, 9, ((stackBytes / 8 - 1) << 4) | 2, 0, 0],
});

const leaf = (name: string, write: (code: Assembler) => void, exported = true): ImageFunction => ({
  name,
  stackBytes: 0,
  exported,
  code: assemble(write),
});

/** @param savesRegisters of what is signaled and waited with: their first instruction writes memory */
export function kernelFunctions(savesRegisters: boolean): ImageFunction[] {
  const point = savesRegisters ? saving : framed;
  return [
    point('KeSetEvent', 0x28, (code) => {
      code.read32('rax', 'rcx', 4).load32('rdx', 1).write32('rcx', 4, 'rdx').hypercall(Hypercall.WakeWaiters);
    }),
    leaf('KeResetEvent', (code) => code.read32('rax', 'rcx', 4).load32('rdx', 0).write32('rcx', 4, 'rdx').ret()),
    point('KeWaitForSingleObject', 0x48, (code) => code.hypercall(Hypercall.Wait)),
    framed('KeDelayExecutionThread', 0x28, (code) => code.hypercall(Hypercall.Delay)),
    framed('NtSetEvent', 0x28, (code) => code.hypercall(Hypercall.ReferenceHandle).call('KeSetEvent').load32('rax', 0)),
    framed('NtWaitForSingleObject', 0x48, (code) => {
      code.hypercall(Hypercall.ReferenceHandle).load32('r8', 1).call('KeWaitForSingleObject');
    }),
    leaf('KeClearEvent', (code) => code.load32('rdx', 0).write32('rcx', 4, 'rdx').ret()),
    framed('NtAlertThreadByThreadId', 0x28, (code) => code.hypercall(Hypercall.Alert).load32('rax', 0)),
    framed('NtWaitForAlertByThreadId', 0x48, (code) => code.hypercall(Hypercall.WaitForAlert)),
    framed('DbgPrint', 0x28, (code) => code.hypercall(Hypercall.Print).load32('rax', 0)),
    leaf('DbgBreakPointWithStatus', (code) => code.int3().ret()),
    {
      name: 'KiSystemCall64',
      stackBytes: 0,
      exported: false,
      // The model has built the trap frame: 0x168 bytes below the machine frame at its end; rax is the service's address.
      code: assemble((code) => code.bytes(0xff, 0xd0).hypercall(Hypercall.SystemReturn)),
      unwindInfo: [1, 0, 3, 0, 0, 0x01, 0x2d, 0, 0, 0x0a, 0, 0],
    },
    leaf('KiIdleLoop', (code) => code.label('idle').pause().hypercall(Hypercall.Yield).jump('idle'), false),
    leaf('KiThreadExit', (code) => code.label('end').pause().hypercall(Hypercall.Yield).jump('end'), false),
  ];
}

export interface DriverObjects {
  /** The event that the timer's routine sets and the application waits for. */
  readonly sharedEvent: bigint;
  /** Work and done: the driver's worker waits for the one and sets the other. */
  readonly workEvent: bigint;
  readonly doneEvent: bigint;
  /** A notification event that the timer's routine sets and clears. */
  readonly heartbeat: bigint;
  readonly message: bigint;
  /** Two counters of eight bytes. */
  readonly counters: bigint;
}

export function driverFunctions(objects: DriverObjects): ImageFunction[] {
  const set = (code: Assembler, event: bigint): Assembler =>
    code.load('rcx', event).load32('rdx', 0).load32('r8', 0).callSlot('__imp_KeSetEvent');
  return [
    framed('DriverEntry', 0x28, (code) => code.load('rcx', objects.message).callSlot('__imp_DbgPrint'), false),
    framed('EsTimerDpc', 0x28, (code) => set(code, objects.sharedEvent), false),
    framed(
      'EsTimerThread',
      0x28,
      (code) => {
        code.label('again').call('EsTimerDpc').load('rbx', objects.counters).increment('rbx', 0);
        set(code, objects.workEvent);
        set(code, objects.heartbeat).load('rcx', objects.heartbeat).callSlot('__imp_KeClearEvent');
        code.load('rcx', 3n).callSlot('__imp_KeDelayExecutionThread').jump('again');
      },
      false,
    ),
    framed(
      'EsWorker',
      0x38,
      (code) => {
        code.label('again').load('rcx', objects.workEvent).load32('rdx', 0).load32('r8', 0).load32('r9', 0);
        code.callSlot('__imp_KeWaitForSingleObject').load('rbx', objects.counters).increment('rbx', 8);
        set(code, objects.doneEvent).jump('again');
      },
      false,
    ),
    leaf('EsDispatch', (code) => code.load32('rax', 0).ret(), false),
    leaf('EsUnload', (code) => code.ret(), false),
  ];
}

export function ntdllFunctions(): ImageFunction[] {
  const service = (name: string, number: number): ImageFunction =>
    leaf(name, (code) => code.move('r10', 'rcx').load32('rax', number).hypercall(Hypercall.SystemCall).ret());
  return [
    service('NtWaitForSingleObject', SERVICE_NT_WAIT),
    service('NtSetEvent', SERVICE_NT_SET_EVENT),
    service('NtAlertThreadByThreadId', SERVICE_NT_ALERT),
    service('NtWaitForAlertByThreadId', SERVICE_NT_WAIT_FOR_ALERT),
  ];
}

export function applicationFunctions(handle: bigint, counter: bigint): ImageFunction[] {
  return [
    framed(
      'main',
      0x28,
      (code) => {
        code
          .label('again')
          .load('rcx', handle)
          .load32('rdx', 0)
          .load32('r8', 0)
          .callSlot('__imp_NtWaitForSingleObject');
        code.load('rbx', counter).increment('rbx', 0).jump('again');
      },
      false,
    ),
    framed('waitForLock', 0x28, (code) => {
      code.label('again').load32('rcx', 0).load32('rdx', 0).callSlot('__imp_NtWaitForAlertByThreadId');
      code.load('rbx', counter).increment('rbx', 8).jump('again');
    }),
    // r12: the thread that waits.
    framed('giveLock', 0x28, (code) => {
      code.label('again').load('rcx', handle).load32('rdx', 0).load32('r8', 0).callSlot('__imp_NtWaitForSingleObject');
      code.move('rcx', 'r12').callSlot('__imp_NtAlertThreadByThreadId').jump('again');
    }),
  ];
}
