/**
 * A small NT-like kernel that runs: two processors, System with a driver's threads, an application that waits in a system call.
 * Built from the reference's layouts, so that a debugger finds what it would find on Windows 10. It is a model for tests, not Windows.
 */
import { REGISTERS } from './assembler.js';
import { loadCompiled } from './compiled-driver.js';
import { buildImage, type Image } from './image.js';
import { KernelMemory } from './kernel-memory.js';
import { buildDebuggerData } from './debugger-data.js';
import { writeUserModules } from './user-modules.js';
import { buildNamespace, type Namespace } from './kernel-namespace.js';
import * as nt from './layouts.js';
import { AddressSpace } from './physical-memory.js';
import { freshRegisters, KERNEL_CS, Processor, RSP, USER_CS, type Registers, type Trap } from './processor.js';
import {
  applicationFunctions,
  driverFunctions,
  Hypercall,
  kernelFunctions,
  ntdllFunctions,
  SERVICE_NT_ALERT,
  SERVICE_NT_SET_EVENT,
  SERVICE_NT_WAIT,
  SERVICE_NT_WAIT_FOR_ALERT,
} from './programs.js';

export const KERNEL_BASE = 0xffff_f803_1200_0000n;
export const DRIVER_BASE = 0xffff_f803_2000_0000n;
export const APPLICATION_BASE = 0x1_4000_0000n;
export const NTDLL_BASE = 0x7ff8_0000_0000n;
const USER_DATA = 0x2000_0000n;
const USER_STACK = 0x3000_0000n;
const STACKS = 0xffff_b000_0000_0000n;
const STACK_BYTES = 0x4000;
const WAIT_REASON_USER_REQUEST = 6;
const WAIT_REASON_ALERT = 37;
const STATUS_ALERTED = 0x101n;
const GUID = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);

const [RAX, RCX, RBP, R8, R10, R12] = ['rax', 'rcx', 'rbp', 'r8', 'r10', 'r12'].map((name) =>
  REGISTERS.indexOf(name as 'rax'),
) as [number, number, number, number, number, number];

export interface Thread {
  readonly name: string;
  /** KTHREAD. */
  readonly address: bigint;
  readonly process: Process;
  readonly threadId: number;
  registers: Registers;
  readonly stackTop: bigint;
  /** Clock at which a sleep ends. */
  wakeAt: number | undefined;
}

export interface Process {
  readonly name: string;
  readonly address: bigint;
  readonly processId: number;
  readonly space: AddressSpace;
  readonly handles: readonly bigint[];
}

interface Slot {
  readonly processor: Processor;
  readonly prcb: bigint;
  readonly pcr: bigint;
  readonly idle: Thread;
  current: Thread;
}

export interface KernelOptions {
  readonly processors?: number;
  /** Functions begin by saving a register in memory, as most of Windows do. */
  readonly savesRegisters?: boolean;
  /** File of the driver, linked for DRIVER_BASE: compiled-driver.ts. */
  readonly compiledDriver?: Buffer | undefined;
}

export class Kernel {
  readonly memory = new KernelMemory();
  readonly namespace: Namespace;
  readonly image: Image;
  readonly driver: Image;
  readonly application: Image;
  readonly ntdll: Image;
  readonly system: Process;
  readonly app: Process;
  /** Once it was started. */
  secondApplication: Process | undefined;
  readonly counters: bigint;
  readonly appCounter = USER_DATA + 0x800n;
  readonly slots: readonly Slot[];
  /** KDDEBUGGER_DATA64's list head, module list head. */
  readonly debuggerDataList: bigint;
  readonly moduleList: bigint;
  readonly threads: Thread[] = [];
  readonly #ready: Thread[] = [];
  readonly #processList: bigint;
  /** Threads that were alerted while they did not wait for it. */
  readonly #alerted = new Set<Thread>();
  #clock = 0;
  #nextThreadId = 100;
  onPrint: (text: string, processor: number) => void = () => undefined;

  constructor({ processors = 2, savesRegisters = false, compiledDriver }: KernelOptions = {}) {
    const { memory } = this;
    this.moduleList = memory.allocate(16);
    this.#processList = memory.allocate(16);
    memory.listHead(this.moduleList);
    memory.listHead(this.#processList);
    memory.space.map(nt.SHARED_USER_DATA.address, nt.SHARED_USER_DATA.bytes);
    this.namespace = buildNamespace(memory);
    this.counters = memory.allocate(16);
    this.image = this.#load(
      'ntoskrnl.exe',
      KERNEL_BASE,
      0x5f00_0001,
      kernelFunctions(savesRegisters),
      [],
      memory.space,
    );
    const { sharedEvent, doneEvent } = this.namespace;
    this.driver = this.#driver(compiledDriver);
    this.system = this.#process('System', 4, memory.space, []);
    const space = new AddressSpace(memory.physical, memory.space);
    this.app = this.#process('eventapp.exe', 1_204, space, [sharedEvent, doneEvent]);
    this.ntdll = this.#load('ntdll.dll', NTDLL_BASE, 0x5f00_0003, ntdllFunctions(), [], space);
    space.map(USER_DATA, 0x1000);
    this.application = this.#load(
      'eventapp.exe',
      APPLICATION_BASE,
      0x5f00_0004,
      applicationFunctions(4n, this.appCounter),
      [{ module: 'ntdll.dll', names: this.ntdll.symbols }],
      space,
    );
    memory.u64(
      this.app.address + BigInt(nt.EPROCESS.Peb),
      writeUserModules(memory, space, USER_DATA, [this.application, this.ntdll]),
    );
    this.#kernelModule(this.image, '\\SystemRoot\\system32\\ntoskrnl.exe');
    this.slots = Array.from({ length: processors }, (_, number) => this.#processor(number));
    this.debuggerDataList = buildDebuggerData(memory, {
      kernelBase: KERNEL_BASE,
      moduleList: this.moduleList,
      processList: this.#processList,
      root: this.namespace.root,
      prcbs: this.slots.map(({ prcb }) => prcb),
    });
  }

  /** What the start of the driver and the application adds: the boot calls it when the module's stop has been answered. */
  startDriver(): void {
    this.#kernelModule(this.driver, '\\SystemRoot\\system32\\drivers\\eventsys.sys');
    this.namespace.completeDriver(this.driver);
    this.#thread('DriverEntry', this.system, this.address('eventsys.sys', 'DriverEntry'));
    this.#thread('EsTimerThread', this.system, this.address('eventsys.sys', 'EsTimerThread'));
    this.#thread('EsWorker', this.system, this.address('eventsys.sys', 'EsWorker'));
    const { space } = this.app;
    space.map(USER_STACK, STACK_BYTES);
    const main = this.#thread('main', this.app, this.address('eventapp.exe', 'main'));
    main.registers = freshRegisters(main.registers.rip, USER_STACK + BigInt(STACK_BYTES) - 0x48n, USER_CS);
  }

  /** One more that waits for work at the same place of the driver. */
  startSecondWorker(): void {
    this.#thread('second EsWorker', this.system, this.address('eventsys.sys', 'EsWorker'));
  }

  /** The same program once more: its images' pages are the same frames, its data and stack its own. */
  startSecondApplication(): void {
    const { memory, app } = this;
    const space = new AddressSpace(memory.physical, memory.space);
    for (const { base, bytes } of [this.application, this.ntdll]) {
      for (let page = base; page < base + BigInt(bytes.length); page += 0x1000n) {
        const frame = app.space.translate(page);
        if (frame !== undefined) space.mapFrame(page, frame);
      }
    }
    space.map(USER_DATA, 0x1000);
    space.map(USER_STACK, STACK_BYTES);
    const second = this.#process('eventapp.exe', 1_208, space, app.handles);
    this.secondApplication = second;
    const main = this.#thread('second main', second, this.address('eventapp.exe', 'main'));
    main.registers = freshRegisters(main.registers.rip, USER_STACK + BigInt(STACK_BYTES) - 0x48n, USER_CS);
  }

  /** Two more threads of the application: one waits for a lock that the other gives free, by thread id. */
  startLock(): void {
    const waiter = this.#userThread('lock waiter', 'waitForLock', 1);
    const owner = this.#userThread('lock owner', 'giveLock', 2);
    owner.registers.general[R12] = BigInt(waiter.threadId);
  }

  #userThread(name: string, start: string, index: number): Thread {
    const { space } = this.app;
    const stack = USER_STACK + BigInt(index) * 0x1_0000n;
    space.map(stack, STACK_BYTES);
    const thread = this.#thread(name, this.app, this.address('eventapp.exe', start));
    thread.registers = freshRegisters(thread.registers.rip, stack + BigInt(STACK_BYTES) - 0x48n, USER_CS);
    return thread;
  }

  /** @throws Error for a name that the image does not have */
  address(image: string, name: string): bigint {
    const found = [this.image, this.driver, this.application, this.ntdll].find((each) => each.name === image);
    const address = found?.symbols.get(name);
    if (address === undefined) throw new Error(`${image} has no ${name}`);
    return address;
  }

  currentThread(processor: number): Thread {
    return this.#slot(processor).current;
  }

  /** One instruction on one processor; what a debugger would hear of. */
  step(processor: number): Exclude<Trap, { kind: 'hypercall' }> | undefined {
    const slot = this.#slot(processor);
    const trap = slot.processor.step();
    if (trap?.kind !== 'hypercall') return trap;
    this.#serve(slot, trap.number);
    if (!slot.processor.pendingDebug) return undefined;
    slot.processor.pendingDebug = false;
    return { kind: 'debug', address: slot.processor.registers.rip };
  }

  #slot(processor: number): Slot {
    const slot = this.slots[processor];
    if (slot === undefined) throw new Error(`no processor ${processor}`);
    return slot;
  }

  #serve(slot: Slot, call: number): void {
    const { registers } = slot.processor;
    const general = registers.general;
    switch (call) {
      case Hypercall.WakeWaiters:
        this.#wake(general[RCX] ?? 0n);
        return;
      case Hypercall.Wait:
        this.#wait(slot, general[RCX] ?? 0n, Number(general[R8] ?? 0n) & 1);
        return;
      case Hypercall.ReferenceHandle:
        general[RCX] = slot.current.process.handles[Number((general[RCX] ?? 0n) / 4n) - 1] ?? 0n;
        return;
      case Hypercall.Yield:
        this.#clock++;
        this.memory.u64(nt.SHARED_USER_DATA.address + BigInt(nt.SHARED_USER_DATA.TickCount), BigInt(this.#clock));
        this.#switch(slot, 'ready');
        return;
      case Hypercall.SystemCall:
        this.#systemCall(slot);
        return;
      case Hypercall.SystemReturn:
        this.#systemReturn(slot);
        return;
      case Hypercall.Print:
        this.onPrint(this.#textAt(general[RCX] ?? 0n), slot.processor.number);
        return;
      case Hypercall.WaitForAlert:
        this.#waitForAlert(slot);
        return;
      case Hypercall.Alert:
        this.#alert(Number(general[RCX] ?? 0n));
        return;
      case Hypercall.Delay:
        slot.current.wakeAt = this.#clock + Number(general[RCX] ?? 0n);
        this.#setWaiting(slot.current, 0n, 4, 0);
        this.#switch(slot, 'waiting');
        return;
      default:
        throw new Error(`hypercall ${call}`);
    }
  }

  #textAt(address: bigint): string {
    const bytes = this.memory.space.read(address, 256);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
  }

  #wait(slot: Slot, object: bigint, mode: number): void {
    const state = this.memory.get32(object + BigInt(nt.DISPATCHER.SignalState));
    if (state !== 0) {
      if (this.#type(object) === nt.DispatcherType.SynchronizationEvent) {
        this.memory.u32(object + BigInt(nt.DISPATCHER.SignalState), 0);
      }
      slot.processor.registers.general[RAX] = 0n;
      return;
    }
    this.#setWaiting(slot.current, object, 0, mode);
    this.#switch(slot, 'waiting');
  }

  /** An alert that came before is taken at once. */
  #waitForAlert(slot: Slot): void {
    const thread = slot.current;
    if (this.#alerted.delete(thread)) {
      slot.processor.registers.general[RAX] = STATUS_ALERTED;
      return;
    }
    this.#setWaiting(thread, 0n, WAIT_REASON_ALERT, 1);
    this.#switch(slot, 'waiting');
  }

  #alert(threadId: number): void {
    const thread = this.threads.find((each) => each.threadId === threadId);
    if (thread === undefined) return;
    const at = (offset: number): bigint => thread.address + BigInt(offset);
    const waits =
      this.memory.get8(at(nt.KTHREAD.State)) === nt.ThreadState.Waiting &&
      this.memory.get8(at(nt.KTHREAD.WaitReason)) === WAIT_REASON_ALERT;
    if (!waits) {
      this.#alerted.add(thread);
      return;
    }
    thread.registers.general[RAX] = STATUS_ALERTED;
    this.#makeReady(thread);
  }

  #type(object: bigint): number {
    return this.memory.get8(object) & 0x7f;
  }

  #setWaiting(thread: Thread, object: bigint, reason: number, mode: number): void {
    const { memory } = this;
    const at = (offset: number): bigint => thread.address + BigInt(offset);
    const block = at(nt.KTHREAD.WaitBlock);
    memory.u8(at(nt.KTHREAD.State), nt.ThreadState.Waiting);
    memory.u8(at(nt.KTHREAD.WaitReason), mode === 1 && reason === 0 ? WAIT_REASON_USER_REQUEST : reason);
    memory.u8(at(nt.KTHREAD.WaitMode), mode);
    memory.u32(at(nt.KTHREAD.WaitTime), this.#clock);
    memory.u8(at(nt.KTHREAD.WaitBlockCount), object === 0n ? 0 : 1);
    memory.u64(at(nt.KTHREAD.WaitBlockList), block);
    if (object === 0n) return;
    memory.u8(block + BigInt(nt.WAIT_BLOCK.WaitType), 1);
    memory.u64(block + BigInt(nt.WAIT_BLOCK.Thread), thread.address);
    memory.u64(block + BigInt(nt.WAIT_BLOCK.Object), object);
    memory.appendToList(object + BigInt(nt.DISPATCHER.WaitListHead), block);
  }

  #wake(object: bigint): void {
    const { memory } = this;
    const head = object + BigInt(nt.DISPATCHER.WaitListHead);
    while (memory.get64(head) !== head && memory.get32(object + BigInt(nt.DISPATCHER.SignalState)) !== 0) {
      const block = memory.get64(head);
      const address = memory.get64(block + BigInt(nt.WAIT_BLOCK.Thread));
      memory.removeFromList(block);
      const thread = this.threads.find((each) => each.address === address);
      if (thread === undefined) throw new Error('a wait block of no thread');
      thread.registers.general[RAX] = 0n;
      this.#makeReady(thread);
      if (this.#type(object) === nt.DispatcherType.SynchronizationEvent) {
        memory.u32(object + BigInt(nt.DISPATCHER.SignalState), 0);
      }
    }
  }

  #makeReady(thread: Thread): void {
    this.memory.u8(thread.address + BigInt(nt.KTHREAD.State), nt.ThreadState.Ready);
    this.memory.u8(thread.address + BigInt(nt.KTHREAD.WaitBlockCount), 0);
    this.#ready.push(thread);
  }

  #switch(slot: Slot, from: 'ready' | 'waiting'): void {
    for (const thread of this.threads) {
      if (thread.wakeAt !== undefined && thread.wakeAt <= this.#clock) {
        thread.wakeAt = undefined;
        this.#makeReady(thread);
      }
    }
    const leaving = slot.current;
    const next = this.#ready.shift() ?? (from === 'waiting' ? slot.idle : undefined);
    if (next === undefined) return;
    leaving.registers = slot.processor.registers;
    this.#leaveSwitchFrame(leaving);
    this.memory.u8(leaving.address + BigInt(nt.KTHREAD.Running), 0);
    if (from === 'ready' && leaving !== slot.idle) this.#makeReady(leaving);
    this.#enter(slot, next);
  }

  /** Below its stack, as if the code that waits had called the one that switches. */
  #leaveSwitchFrame({ address, registers }: Thread): void {
    const { memory } = this;
    const frame = (registers.general[RSP] ?? 0n) - BigInt(nt.SWITCH_FRAME.bytes);
    memory.u64(frame + BigInt(nt.SWITCH_FRAME.Rbp), registers.general[RBP] ?? 0n);
    memory.u64(frame + BigInt(nt.SWITCH_FRAME.Return), registers.rip);
    memory.u64(address + BigInt(nt.KTHREAD.KernelStack), frame);
  }

  #enter(slot: Slot, thread: Thread): void {
    slot.current = thread;
    slot.processor.registers = thread.registers;
    slot.processor.space = thread.process.space;
    this.memory.u64(slot.prcb + BigInt(nt.KPRCB.CurrentThread), thread.address);
    this.memory.u8(thread.address + BigInt(nt.KTHREAD.State), nt.ThreadState.Running);
    this.memory.u8(thread.address + BigInt(nt.KTHREAD.Running), 1);
    this.memory.u32(thread.address + BigInt(nt.KTHREAD.NextProcessor), slot.processor.number);
  }

  #systemCall({ processor, current }: Slot): void {
    const { registers, space } = processor;
    const frame = current.stackTop - BigInt(nt.TRAP_FRAME.bytes);
    space.setUnsigned(frame + BigInt(nt.TRAP_FRAME.Rbp), 8, registers.general[RBP] ?? 0n);
    space.setUnsigned(frame + BigInt(nt.TRAP_FRAME.Rip), 8, registers.rip);
    space.setUnsigned(frame + BigInt(nt.TRAP_FRAME.SegCs), 8, BigInt(registers.cs));
    space.setUnsigned(frame + BigInt(nt.TRAP_FRAME.EFlags), 8, BigInt(registers.eflags));
    space.setUnsigned(frame + BigInt(nt.TRAP_FRAME.Rsp), 8, registers.general[RSP] ?? 0n);
    space.setUnsigned(frame + BigInt(nt.TRAP_FRAME.SegSs), 8, 0x2bn);
    this.memory.u64(current.address + BigInt(nt.KTHREAD.TrapFrame), frame);
    const number = Number((registers.general[RAX] ?? 0n) & 0xffff_ffffn);
    this.memory.u32(current.address + BigInt(nt.KTHREAD.SystemCallNumber), number);
    const services = new Map([
      [SERVICE_NT_WAIT, 'NtWaitForSingleObject'],
      [SERVICE_NT_SET_EVENT, 'NtSetEvent'],
      [SERVICE_NT_ALERT, 'NtAlertThreadByThreadId'],
      [SERVICE_NT_WAIT_FOR_ALERT, 'NtWaitForAlertByThreadId'],
    ]);
    registers.general[RCX] = registers.general[R10] ?? 0n;
    registers.general[RAX] = this.address('ntoskrnl.exe', services.get(number) ?? 'KiThreadExit');
    registers.general[RSP] = frame;
    registers.rip = this.address('ntoskrnl.exe', 'KiSystemCall64');
    registers.cs = KERNEL_CS;
  }

  #systemReturn({ processor, current }: Slot): void {
    const { registers, space } = processor;
    const frame = current.stackTop - BigInt(nt.TRAP_FRAME.bytes);
    registers.rip = space.unsigned(frame + BigInt(nt.TRAP_FRAME.Rip), 8);
    registers.general[RSP] = space.unsigned(frame + BigInt(nt.TRAP_FRAME.Rsp), 8);
    registers.cs = USER_CS;
    this.memory.u64(current.address + BigInt(nt.KTHREAD.TrapFrame), 0n);
  }

  #load(
    name: string,
    base: bigint,
    timeDateStamp: number,
    functions: Parameters<typeof buildImage>[0]['functions'],
    imports: Parameters<typeof buildImage>[0]['imports'],
    space: AddressSpace,
  ): Image {
    const image = buildImage({
      name,
      base,
      timeDateStamp,
      functions,
      imports,
      variables: name === 'ntoskrnl.exe' ? ['KdDebuggerNotPresent', 'ExEventObjectType'] : [],
      pdb: { guid: GUID, age: 1, path: name.replace(/\.\w+$/, '.pdb') },
    });
    space.map(base, image.bytes.length);
    space.write(base, image.bytes);
    return image;
  }

  #driver(compiled: Buffer | undefined): Image {
    const { memory } = this;
    const { sharedEvent, workEvent, doneEvent, heartbeat } = this.namespace;
    const message = memory.text('eventsys: started\n');
    if (compiled === undefined) {
      const objects = { sharedEvent, workEvent, doneEvent, heartbeat, message, counters: this.counters };
      const imports = [{ module: 'ntoskrnl.exe', names: this.image.symbols }];
      return this.#load('eventsys.sys', DRIVER_BASE, 0x5f00_0002, driverFunctions(objects), imports, memory.space);
    }
    const image = loadCompiled(compiled, this.image.symbols);
    memory.space.map(image.base, image.bytes.length);
    memory.space.write(image.base, image.bytes);
    const objects = image.symbols.get('EsObjects') ?? 0n;
    [sharedEvent, workEvent, doneEvent, heartbeat, message, this.counters].forEach((value, index) =>
      memory.u64(objects + BigInt(8 * index), value),
    );
    return image;
  }

  #kernelModule(image: Image, path: string): void {
    const { memory } = this;
    const entry = memory.allocate(nt.KLDR.bytes);
    memory.u64(entry + BigInt(nt.KLDR.DllBase), image.base);
    memory.u64(entry + BigInt(nt.KLDR.EntryPoint), image.base + 0x1000n);
    memory.u32(entry + BigInt(nt.KLDR.SizeOfImage), image.bytes.length);
    memory.unicodeString(entry + BigInt(nt.KLDR.FullDllName), path);
    memory.unicodeString(entry + BigInt(nt.KLDR.BaseDllName), image.name);
    memory.u32(entry + BigInt(nt.KLDR.TimeDateStamp), image.timeDateStamp);
    memory.appendToList(this.moduleList, entry);
  }

  #process(name: string, processId: number, space: AddressSpace, handles: readonly bigint[]): Process {
    const { memory } = this;
    const address = memory.object('Process', nt.EPROCESS.bytes);
    memory.dispatcher(address, nt.DispatcherType.Process, nt.DISPATCHER.bytes, 0);
    memory.u64(address + BigInt(nt.EPROCESS.DirectoryTableBase), space.cr3);
    memory.u64(address + BigInt(nt.EPROCESS.UniqueProcessId), BigInt(processId));
    memory.space.write(address + BigInt(nt.EPROCESS.ImageFileName), new TextEncoder().encode(name.slice(0, 14)));
    memory.listHead(address + BigInt(nt.EPROCESS.ThreadListHead));
    memory.listHead(address + BigInt(nt.EPROCESS.ThreadListHeadOfKernel));
    const table = memory.handleTable(handles.map((body) => ({ body, access: 0x1f_0003 })));
    memory.u64(address + BigInt(nt.EPROCESS.ObjectTable), table);
    memory.appendToList(this.#processList, address + BigInt(nt.EPROCESS.ActiveProcessLinks));
    return { name, address, processId, space, handles };
  }

  #thread(name: string, process: Process, start: bigint, ready = true): Thread {
    const { memory } = this;
    const stack = STACKS + BigInt(this.threads.length) * 0x1_0000n;
    memory.space.map(stack, STACK_BYTES);
    const top = stack + BigInt(STACK_BYTES);
    const address = memory.object('Thread', nt.ETHREAD.bytes);
    const at = (offset: number): bigint => address + BigInt(offset);
    const threadId = this.#nextThreadId;
    this.#nextThreadId += 4;
    memory.dispatcher(address, nt.DispatcherType.Thread, nt.DISPATCHER.bytes, 0);
    memory.u64(at(nt.KTHREAD.InitialStack), top);
    memory.u64(at(nt.KTHREAD.StackBase), top);
    memory.u64(at(nt.KTHREAD.StackLimit), stack);
    memory.u64(at(nt.KTHREAD.ApcStateProcess), process.address);
    memory.u64(at(nt.KTHREAD.Process), process.address);
    memory.u64(at(nt.ETHREAD.Cid), BigInt(process.processId));
    memory.u64(at(nt.ETHREAD.Cid + 8), BigInt(threadId));
    memory.u64(at(nt.ETHREAD.Win32StartAddress), start);
    if (process === this.app) {
      const text = memory.allocate(16);
      memory.unicodeString(text, `${name} of the application`);
      memory.u64(at(nt.ETHREAD.ThreadName), text);
    }
    memory.appendToList(process.address + BigInt(nt.EPROCESS.ThreadListHead), at(nt.ETHREAD.ThreadListEntry));
    memory.appendToList(process.address + BigInt(nt.EPROCESS.ThreadListHeadOfKernel), at(nt.KTHREAD.ThreadListEntry));
    // A return address above the first frame, and the home space that its callee owns.
    const rsp = top - 0x48n;
    memory.u64(rsp, this.address('ntoskrnl.exe', 'KiThreadExit'));
    const thread: Thread = {
      name,
      address,
      process,
      threadId,
      registers: freshRegisters(start, rsp),
      stackTop: top,
      wakeAt: undefined,
    };
    this.threads.push(thread);
    if (ready) this.#makeReady(thread);
    return thread;
  }

  #processor(number: number): Slot {
    const { memory } = this;
    const pcr = memory.allocate(nt.KPCR.Prcb + nt.KPRCB.bytes);
    const prcb = pcr + BigInt(nt.KPCR.Prcb);
    memory.u64(pcr + BigInt(nt.KPCR.Self), pcr);
    memory.u64(pcr + BigInt(nt.KPCR.CurrentPrcb), prcb);
    memory.u32(prcb + BigInt(nt.KPRCB.Number), number);
    const idle = this.#thread(`idle ${number}`, this.system, this.address('ntoskrnl.exe', 'KiIdleLoop'), false);
    memory.u64(prcb + BigInt(nt.KPRCB.IdleThread), idle.address);
    const processor = new Processor(number, memory.space, idle.registers);
    const slot = { processor, prcb, pcr, idle, current: idle };
    this.#enter(slot, idle);
    return slot;
  }
}
