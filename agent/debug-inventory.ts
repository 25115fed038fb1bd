/** Processes that are debugged, with their threads and modules: what is there, and what the client is told of it. */
import type { DebugEvent, DebugModule } from '../protocol/agent-debug.js';
import type { Breakpoints } from './debug-breakpoints.js';
import { closeHandle, type NativeDebugEvent, threadDescription } from './debug-events.js';
import type { HardwareSteps } from './debug-hardware-steps.js';
import { DebuggedProcess, DebuggedThread } from './debug-process.js';
import { plainError } from './native/native-error.js';
import type { Handle } from './native/memory.js';
import type { RepairTable } from './repair-table.js';

const MAX_OUTPUT_BYTES = 8_192;

type EventOf<K extends NativeDebugEvent['kind']> = Extract<NativeDebugEvent, { kind: K }>;

export class DebugInventory {
  readonly #processes = new Map<number, DebuggedProcess>();
  readonly #threads = new Map<number, DebuggedThread>();
  #nextSpace = 1;
  #nextThread = 1;

  constructor(
    private readonly breakpoints: Breakpoints,
    private readonly hardwareSteps: HardwareSteps,
    private readonly emit: (event: DebugEvent) => void,
    private readonly table: RepairTable,
  ) {}

  get processes(): readonly DebuggedProcess[] {
    return [...this.#processes.values()];
  }
  get threads(): readonly DebuggedThread[] {
    return [...this.#threads.values()];
  }

  /** By the system's process id; undefined: not debugged. */
  process(processId: number): DebuggedProcess | undefined {
    return this.#processes.get(processId);
  }

  /** @throws NativeError when it is not debugged any more */
  processOf(space: number): DebuggedProcess {
    for (const process of this.#processes.values()) {
      if (process.space === space) {
        return process;
      }
    }
    throw plainError(`The process is not debugged any more`);
  }

  /** @throws NativeError when it has ended */
  thread(id: number): DebuggedThread {
    const thread = this.#threads.get(id);
    if (thread === undefined) {
      throw plainError('The thread has ended');
    }
    return thread;
  }

  has(thread: DebuggedThread): boolean {
    return this.#threads.get(thread.id) === thread;
  }

  addProcess(processId: number, handle: Handle, name: string, launched = false): DebuggedProcess {
    const process = new DebuggedProcess(this.#nextSpace++, processId, handle, name, this.table, launched);
    this.#processes.set(processId, process);
    return process;
  }

  removeProcess(process: DebuggedProcess): void {
    this.table.removeProcess(process.processId);
    this.#processes.delete(process.processId);
  }

  /** The first event of a process: its image and its first thread. */
  processCreated(process: DebuggedProcess, event: EventOf<'createProcess'>): void {
    this.emit({ type: 'processStarted', space: process.space, process: process.processId, name: process.name });
    this.moduleLoaded(process, event);
    this.addThread(process, event);
  }

  addThread(process: DebuggedProcess, event: EventOf<'createProcess' | 'createThread'>): void {
    const { threadId, thread: handle, start } = event;
    const thread = new DebuggedThread(this.#nextThread++, process, threadId, handle, start);
    process.threads.set(threadId, thread);
    this.#threads.set(thread.id, thread);
    if (this.breakpoints.usesRegisters(process)) {
      this.breakpoints.applyDebugRegisters(thread);
    }
    this.hardwareSteps.holdNewThread(thread);
    thread.name = threadDescription(handle);
    this.emit({
      type: 'threadStarted',
      space: process.space,
      thread: thread.id,
      threadId,
      startAddress: start,
      ...(thread.name === undefined ? {} : { name: thread.name }),
    });
  }

  threadGone(thread: DebuggedThread, exitCode: number): void {
    thread.process.threads.delete(thread.threadId);
    thread.forget();
    this.#threads.delete(thread.id);
    this.emit({ type: 'threadExited', thread: thread.id, exitCode });
  }

  /** It is not debugged any more, and runs on. */
  threadLeft(thread: DebuggedThread): void {
    thread.release();
    this.#threads.delete(thread.id);
  }

  moduleLoaded(process: DebuggedProcess, event: EventOf<'createProcess' | 'loadModule'>): DebugModule {
    const module = process.addModule(event.base, event.file);
    closeHandle(event.file);
    this.emit({ type: 'moduleLoaded', module });
    return module;
  }

  moduleUnloaded(process: DebuggedProcess, base: bigint): void {
    const module = process.modules.get(base);
    if (module === undefined) {
      return;
    }
    process.modules.delete(base);
    const end = base + BigInt(module.size);
    process.forgetPatches(base, end);
    const within = (address: bigint): boolean => address >= base && address < end;
    this.loseBreakpoints(process, `${module.name} was unloaded`, within);
    this.emit({ type: 'moduleUnloaded', space: process.space, base });
  }

  loseBreakpoints(process: DebuggedProcess, why: string, where: (address: bigint) => boolean = () => true): void {
    for (const breakpoint of this.breakpoints.of(process)) {
      if (where(breakpoint.request.address)) {
        this.breakpoints.remove(breakpoint);
        this.emit({ type: 'breakpointLost', breakpoint: breakpoint.id, why });
      }
    }
  }

  debugString(process: DebuggedProcess, event: EventOf<'debugString'>): void {
    const data = process.read(event.address, Math.min(event.bytes, MAX_OUTPUT_BYTES));
    if (data !== undefined) {
      const text = Buffer.from(data).toString(event.wide ? 'utf16le' : 'utf8');
      this.emit({ type: 'output', space: process.space, text: text.replace(/\0[^]*$/, '') });
    }
  }

  setName(thread: DebuggedThread, name: string): void {
    if (name !== '' && thread.name !== name) {
      thread.name = name;
      this.emit({ type: 'threadNamed', thread: thread.id, name });
    }
  }

  refreshNames(): void {
    for (const thread of this.#threads.values()) {
      this.setName(thread, threadDescription(thread.handle) ?? '');
    }
  }

  freezeAll(): void {
    for (const process of this.#processes.values()) {
      process.freeze();
    }
  }

  thawAll(): void {
    for (const process of this.#processes.values()) {
      process.thaw();
    }
  }

  /** Writes a process's hardware breakpoints into its threads. */
  applyDebugRegisters(process: DebuggedProcess): void {
    const wasFrozen = process.frozen;
    process.freeze();
    for (const thread of process.threads.values()) {
      this.breakpoints.applyDebugRegisters(thread);
    }
    if (!wasFrozen) {
      process.thaw();
    }
  }
}
