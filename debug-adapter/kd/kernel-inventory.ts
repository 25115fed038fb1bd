/** What the engine knows of a machine: its kernel's modules, its processes and threads as far as they were asked for, address spaces. */
import type { X64Context } from '../../machine/x64-context.js';
import { EventscopeError } from '../../protocol/errors.js';
import type {
  EngineEvent,
  EngineModule,
  EngineProcess,
  EngineRequestOptions,
  EngineThread,
  SpaceId,
  ThreadId,
} from '../engine.js';
import type { ModuleSymbols } from '../symbols/symbol-provider.js';
import type { KdClient } from './kd-client.js';
import { isKernelAddress, type KdMemory } from './machine/kd-memory.js';
import type { AddressSpaceRoot } from './machine/page-tables.js';
import { DebuggerData } from './nt/debugger-data.js';
import { NtLayout } from './nt/layout.js';
import { readKernelModules, readProcessModules } from './nt/modules.js';
import { type NtProcess, type NtThread, readProcess, readProcesses, readThreads } from './nt/processes.js';
import { type MemoryReader, readPointer, readStructure } from './nt/records.js';
import { readSwitchedOut } from './nt/switched-out.js';
import { ObjectNamespace } from './nt/objects.js';
import { ControlSpace, readControlSpace } from './protocol/requests.js';
import type { StateChange } from './protocol/state-change.js';
import type { KdVersion } from './protocol/version.js';

export const KERNEL_SPACE: SpaceId = 'kernel';
const SYSTEM_PROCESS_ID = 4;

const ALERT_BY_THREAD_ID = 'WrAlertByThreadId';

const fileName = (path: string): string => path.slice(Math.max(path.lastIndexOf('\\'), path.lastIndexOf('/')) + 1);

export class KernelInventory {
  /** Reads in the address space of the processor that reported; kernel addresses are the same in all. */
  readonly reader: MemoryReader;
  readonly #client: KdClient;
  readonly #memory: KdMemory;
  readonly #emit: (event: EngineEvent) => void;
  #version: KdVersion | undefined;
  #debuggerData: DebuggerData | undefined;
  #layout: NtLayout | undefined;
  #modules: EngineModule[] = [];
  readonly #processes = new Map<SpaceId, { readonly process: NtProcess; modules: readonly EngineModule[] }>();
  readonly #threads = new Map<bigint, EngineThread>();
  /** KTHREAD to the process it belongs to. */
  readonly #owners = new Map<bigint, bigint>();

  /** Of threads that hit something: who they are, without being part of the session. */
  readonly #seenProcesses = new Map<bigint, NtProcess>();

  constructor(client: KdClient, memory: KdMemory, emit: (event: EngineEvent) => void) {
    this.#client = client;
    this.#memory = memory;
    this.#emit = emit;
    this.reader = { read: (address, length) => memory.readVirtual(address, length) };
  }

  get target(): string {
    return this.#client.link.description;
  }
  get version(): KdVersion | undefined {
    return this.#version;
  }
  get debuggerData(): DebuggerData | undefined {
    return this.#debuggerData;
  }

  /** Rejects before the target was learned. */
  get layout(): NtLayout {
    if (this.#layout !== undefined) return this.#layout;
    throw new EventscopeError({ id: 'debug.ntLayout', what: 'The kernel is not known yet', target: this.target });
  }

  /** After GetVersion: debugger data, layout, and the kernel's modules. */
  async learn(version: KdVersion, signal?: AbortSignal): Promise<void> {
    this.#version = version;
    this.#debuggerData = await DebuggerData.read(this.reader, version.debuggerDataList);
    signal?.throwIfAborted();
    await this.useSymbols(undefined);
    await this.refreshModules();
  }

  /** The kernel's symbols came, or went: offsets are looked up anew. */
  async useSymbols(symbols: ModuleSymbols | undefined): Promise<void> {
    const debuggerData = this.#debuggerData;
    this.#layout = await NtLayout.from({
      target: this.target,
      buildNumber: this.#version?.buildNumber ?? 0,
      ...(debuggerData === undefined ? {} : { debuggerData }),
      ...(symbols === undefined ? {} : { symbols }),
    });
  }

  async refreshModules(): Promise<void> {
    const list = this.#version?.loadedModuleList ?? 0n;
    if (list === 0n) return;
    for (const module of await readKernelModules(this.reader, list)) {
      if (this.#modules.some((known) => known.base === module.base)) continue;
      this.#add({ space: KERNEL_SPACE, ...module });
    }
  }

  /** A load-symbols report. The module that it is about, when it names one. */
  loadReported(stop: Extract<StateChange, { kind: 'loadSymbols' }>): EngineModule | undefined {
    const known = this.#modules.find((module) => module.base === stop.base);
    if (stop.unload) {
      if (known === undefined) return undefined;
      this.#modules = this.#modules.filter((module) => module !== known);
      this.#emit({ type: 'moduleUnloaded', module: known });
      return known;
    }
    if (stop.path === '' || !isKernelAddress(stop.base)) return undefined;
    if (known !== undefined) return known;
    return this.#add({
      space: KERNEL_SPACE,
      base: stop.base,
      size: stop.sizeOfImage,
      name: fileName(stop.path),
      path: stop.path,
    });
  }

  forget(): void {
    for (const module of this.#modules) this.#emit({ type: 'moduleUnloaded', module });
    this.#modules = [];
    this.#processes.clear();
    this.#threads.clear();
    this.#owners.clear();
    this.#seenProcesses.clear();
  }

  processes(): readonly EngineProcess[] {
    const kernel: EngineProcess = {
      space: KERNEL_SPACE,
      processId: SYSTEM_PROCESS_ID,
      name: this.#modules[0]?.name ?? 'kernel',
      side: 'kernel',
    };
    return [kernel, ...[...this.#processes].map(([space, { process }]) => engineProcess(space, process))];
  }

  /** Of the kernel's threads the one that stopped is called by its processor: where the others are by now is not known. */
  threads(): readonly EngineThread[] {
    const { stop } = this.#client;
    return [...this.#threads].map(([address, thread]) =>
      address === stop?.thread && thread.space === KERNEL_SPACE
        ? { ...thread, name: `processor ${stop.processor}` }
        : thread,
    );
  }

  modules(space: SpaceId): readonly EngineModule[] {
    return space === KERNEL_SPACE ? this.#modules : (this.#processes.get(space)?.modules ?? []);
  }

  threadIdOf(thread: bigint): ThreadId {
    return `thread:${thread.toString(16)}`;
  }

  /** Every process of the machine. Rejects with `debug.ntLayout` where the kernel's layout is not known. */
  async listProcesses(): Promise<readonly NtProcess[]> {
    const head = this.#debuggerData?.pointer('psActiveProcessHead');
    if (head === undefined) throw this.#noDebuggerData('The list of processes');
    return readProcesses(this.reader, this.layout, head);
  }

  /** Threads of one process, with what they wait for. */
  listThreads(process: NtProcess): ReturnType<typeof readThreads> {
    return readThreads(this.reader, this.layout, process);
  }

  /** The object manager's namespace as it is in this stop. reader: what its reads go through. */
  async namespace(reader: MemoryReader = this.reader): Promise<ObjectNamespace> {
    const variable = this.#debuggerData?.pointer('obpRootDirectoryObject');
    const root = variable === undefined ? undefined : await readPointer(this.reader, variable);
    if (root === undefined || root === 0n) throw this.#noDebuggerData('The object namespace');
    return new ObjectNamespace(reader, this.layout, root);
  }

  /** Makes a process an address space of the session: its modules are read, breakpoints can be set in it. */
  async openProcess(process: NtProcess): Promise<SpaceId> {
    const space = spaceOfProcess(process.address);
    if (this.#processes.has(space)) return space;
    const reader: MemoryReader = { read: (address, length) => this.#readUser(process, address, length, {}) };
    const loaded = process.peb === 0n ? undefined : await readProcessModules(reader, process.peb);
    const modules = (loaded ?? []).map((module): EngineModule => ({ space, ...module }));
    this.#processes.set(space, { process, modules });
    this.#emit({ type: 'processStarted', process: engineProcess(space, process) });
    for (const module of modules) this.#emit({ type: 'moduleLoaded', module });
    for (const thread of await this.listThreads(process)) this.#addThread(space, process, thread);
    return space;
  }

  async rootOf(space: SpaceId): Promise<AddressSpaceRoot> {
    const { la57 } = await this.#memory.currentRoot();
    return { directoryTableBase: this.#process(space).directoryTableBase, la57 };
  }

  async read(space: SpaceId, address: bigint, length: number, options: EngineRequestOptions): Promise<Uint8Array> {
    if (space === KERNEL_SPACE || isKernelAddress(address)) return this.#memory.readVirtual(address, length, options);
    return this.#readUser(this.#process(space), address, length, options);
  }

  async write(space: SpaceId, address: bigint, data: Uint8Array, options: EngineRequestOptions): Promise<void> {
    if (space === KERNEL_SPACE || isKernelAddress(address)) {
      await this.#memory.writeVirtual(address, data, options);
      return;
    }
    await this.#memory.writeIn(await this.rootOf(space), address, data, options);
  }

  /** The address space of a thread's process; undefined when the kernel's layout does not tell. */
  async spaceOf(thread: bigint): Promise<SpaceId | undefined> {
    const owner = await this.#owner(thread);
    return owner === undefined ? undefined : spaceOfProcess(owner);
  }

  /** The stopping thread as the session knows it; told as started when it was not known. */
  async stoppedThread(stop: StateChange): Promise<ThreadId> {
    const id = this.threadIdOf(stop.thread);
    if (!this.#threads.has(stop.thread)) {
      const thread = await this.#describeThread(stop.thread);
      this.#threads.set(stop.thread, thread);
      this.#emit({ type: 'threadStarted', thread });
    }
    return id;
  }

  /** A thread that is known by its KTHREAD alone; told as started when it was not known. */
  async waitingThread(address: bigint): Promise<ThreadId> {
    if (!this.#threads.has(address)) {
      const thread = await this.#describeThread(address);
      this.#threads.set(address, thread);
      this.#emit({ type: 'threadStarted', thread });
    }
    return this.threadIdOf(address);
  }

  async threadWaitingForAlert(space: SpaceId, threadId: number): Promise<ThreadId | undefined> {
    const threads = await this.listThreads(this.#process(space));
    const thread = threads.find((each) => each.threadId === threadId && each.waitReason === ALERT_BY_THREAD_ID);
    return thread === undefined ? undefined : this.waitingThread(thread.address);
  }

  /** EPROCESS.ObjectTable of a process, of the session or not. */
  async handleTableOf(space: SpaceId): Promise<bigint | undefined> {
    if (!this.layout.has('EPROCESS.ObjectTable')) return undefined;
    const process = BigInt(`0x${space.slice(PROCESS_PREFIX.length)}`);
    return readPointer(this.reader, process + BigInt(this.layout.offset('EPROCESS.ObjectTable')));
  }

  /** Which processor runs a thread; undefined for one that does not run. */
  async processorOf(thread: ThreadId): Promise<number | undefined> {
    const { stop } = this.#client;
    if (stop === undefined) return undefined;
    if (this.threadIdOf(stop.thread) === thread) return stop.processor;
    for (let processor = 0; processor < stop.processorCount; processor++) {
      if (processor === stop.processor) continue;
      const { data } = await this.#client.request(readControlSpace(processor, ControlSpace.Thread, 8));
      if (data.length < 8) continue;
      const current = new DataView(data.buffer, data.byteOffset).getBigUint64(0, true);
      if (this.threadIdOf(current) === thread) return processor;
    }
    return undefined;
  }

  /** Where a thread that does not run will go on: instruction and stack pointer and RBP alone. */
  async switchedOutContext(thread: ThreadId): Promise<X64Context> {
    const context = await readSwitchedOut(this.reader, this.layout, addressOfThread(thread), this.#modules[0]);
    if (context !== undefined) return context;
    throw new EventscopeError({
      id: 'debug.registers',
      what: 'The registers of a thread that does not run are not known',
      target: this.target,
      why: 'its kernel stack is not as this build should have it',
    });
  }

  /** The stopping thread's id and process, as far as the kernel's layout tells them; asked for once for each. */
  async whoStopped(
    stop: StateChange,
  ): Promise<{ readonly threadId: number | undefined; readonly process: NtProcess | undefined }> {
    await this.stoppedThread(stop);
    return { threadId: this.#threads.get(stop.thread)?.threadId, process: await this.#processOf(stop.thread) };
  }

  /** The module of the kernel or of a process in which an address lies. */
  moduleAt(space: SpaceId, address: bigint): EngineModule | undefined {
    const modules = isKernelAddress(address) ? this.#modules : this.modules(space);
    return modules.find(({ base, size }) => address >= base && address < base + BigInt(size));
  }

  /** Why it waits is of the moment of this stop. One that stopped before its process was opened belongs to it from now on. */
  #addThread(space: SpaceId, process: NtProcess, { address, threadId, name, state, waitReason }: NtThread): void {
    this.#owners.set(address, process.address);
    if (this.#threads.get(address)?.space === space) return;
    const words = waitReason === undefined ? state : `${state}: ${waitReason}`;
    const named = name === undefined ? {} : { name };
    const thread: EngineThread = { thread: this.threadIdOf(address), space, threadId, state: words, ...named };
    this.#threads.set(address, thread);
    this.#emit({ type: 'threadStarted', thread });
  }

  #add(module: EngineModule): EngineModule {
    this.#modules.push(module);
    this.#emit({ type: 'moduleLoaded', module });
    return module;
  }

  async #processOf(thread: bigint): Promise<NtProcess | undefined> {
    const owner = await this.#owner(thread);
    if (owner === undefined) return undefined;
    let process = this.#processes.get(spaceOfProcess(owner))?.process ?? this.#seenProcesses.get(owner);
    if (process === undefined && this.layout.has('EPROCESS.UniqueProcessId')) {
      process = await readProcess(this.reader, this.layout, owner);
      if (process !== undefined) this.#seenProcesses.set(owner, process);
    }
    return process;
  }

  #process(space: SpaceId): NtProcess {
    const found = this.#processes.get(space)?.process;
    if (found !== undefined) return found;
    throw new EventscopeError({
      id: 'debug.space',
      what: 'This process is not part of the session',
      target: this.target,
      next: 'Attach to it by its process id',
    });
  }

  async #readUser(
    process: NtProcess,
    address: bigint,
    length: number,
    options: EngineRequestOptions,
  ): Promise<Uint8Array> {
    const { la57 } = await this.#memory.currentRoot(options);
    return this.#memory.readIn({ directoryTableBase: process.directoryTableBase, la57 }, address, length, options);
  }

  async #owner(thread: bigint): Promise<bigint | undefined> {
    const known = this.#owners.get(thread);
    if (known !== undefined || thread === 0n || !this.layout.has('KTHREAD.Process')) return known;
    const owner = await readPointer(this.reader, thread + BigInt(this.layout.offset('KTHREAD.Process')));
    if (owner !== undefined) this.#owners.set(thread, owner);
    return owner;
  }

  async #describeThread(address: bigint): Promise<EngineThread> {
    const thread = this.threadIdOf(address);
    // One request for its id and one for its process: a stop should be on the screen soon.
    const cid =
      address !== 0n && this.layout.has('ETHREAD.Cid')
        ? await readStructure(this.reader, address + BigInt(this.layout.offset('ETHREAD.Cid')), 16)
        : undefined;
    if (cid === undefined) return { thread, space: KERNEL_SPACE, threadId: 0 };
    const owner = await this.#owner(address);
    const space = owner === undefined ? KERNEL_SPACE : spaceOfProcess(owner);
    const threadId = Number(cid.u64(8) & 0xffffffffn);
    return { thread, space: this.#processes.has(space) ? space : KERNEL_SPACE, threadId };
  }

  #noDebuggerData(what: string): EventscopeError {
    return new EventscopeError({
      id: 'debug.ntLayout',
      what: `${what} cannot be found`,
      target: this.target,
      why: 'the kernel gives no debugger data block',
      next: 'Boot the target with kernel debugging on ("bcdedit /debug on")',
    });
  }
}

const PROCESS_PREFIX = 'process:';
const spaceOfProcess = (address: bigint): SpaceId => `${PROCESS_PREFIX}${address.toString(16)}`;
const addressOfThread = (thread: ThreadId): bigint => BigInt(`0x${thread.slice('thread:'.length)}`);
const engineProcess = (space: SpaceId, process: NtProcess): EngineProcess => ({
  space,
  processId: process.processId,
  name: process.name,
  side: 'user',
});
