/**
 * What happens at each debug event, and what the client asks for between them. One state for all debugged processes: they run, or they
 * are stopped. Runs on the debug thread, which alone may make these calls.
 *
 * Going on over a breakpoint: the instruction under the INT3 is emulated where that is possible, so that the INT3 is never out. Else the
 * other threads of that process are held for one hardware step. What another thread met meanwhile waits: its event is kept, or it is
 * put back before its INT3 and meets it again when it is let go.
 */
import { CONTEXT_CONTROL } from '../machine/x64-context.js';
import type { DebugBreakpoint, DebugEvent, DebugStopReason } from '../protocol/agent-debug.js';
import { Breakpoints, type Breakpoint } from './debug-breakpoints.js';
import { Exceptions, type ExceptionsLoop } from './debug-exceptions.js';
import { HardwareSteps } from './debug-hardware-steps.js';
import { Passage } from './debug-passage.js';
import { type SteppedLoop, type StepRequest, UserSteps } from './debug-user-steps.js';
import {
  closeHandle,
  type DebugObject,
  type ExceptionEvent,
  isFault,
  type NativeDebugEvent,
  STATUS_BREAKPOINT,
  systemUtcMs,
  threadDescription,
} from './debug-events.js';
import { CODE_CONTEXT, DebuggedProcess, DebuggedThread } from './debug-process.js';
import { leaveThread, memoryAround } from './debug-threads.js';
import type { RepairTable } from './repair-table.js';
import { NtRemoveProcessDebug } from './debug-native.js';
import { TerminateProcess } from './native/common-native.js';
import { plainError } from './native/native-error.js';
import type { Handle } from './native/memory.js';

const MAX_OUTPUT_BYTES = 8_192;

interface Stopped {
  readonly thread: DebuggedThread;
  /** Not continued yet; undefined after a pause. */
  event: NativeDebugEvent | undefined;
  readonly fromUtcMs: number;
}

export class DebugLoop {
  readonly breakpoints = new Breakpoints();
  freezeOthers = true;
  stopOnLoad: ReadonlySet<string> = new Set();
  stopOnExceptions: ReadonlySet<number> = new Set();
  readonly #processes = new Map<number, DebuggedProcess>();
  readonly #threads = new Map<number, DebuggedThread>();
  readonly #hardwareSteps = new HardwareSteps();
  readonly #passage: Passage;
  readonly #userSteps: UserSteps;
  readonly #exceptions: Exceptions;
  /** Events that came while all stood still. */
  #kept: NativeDebugEvent[] = [];
  #stopped: Stopped | undefined;
  #pauseWanted = false;
  #lastStopped: DebuggedThread | undefined;
  #nextSpace = 1;
  #nextThread = 1;

  constructor(
    readonly object: DebugObject,
    readonly emit: (event: DebugEvent) => void,
    readonly table: RepairTable,
  ) {
    const hardwareSteps = this.#hardwareSteps;
    this.#passage = new Passage(object, this.breakpoints, hardwareSteps);
    this.#userSteps = new UserSteps(this.#steppedLoop(), object, this.breakpoints, hardwareSteps, this.#passage);
    const loop: ExceptionsLoop = {
      stop: (...stop) => this.#stop(...stop),
      stopsOn: (code) => this.stopOnExceptions.has(code),
      setName: (thread, name) => this.#setName(thread, name),
      removeBreakpoint: (id) => this.removeBreakpoint(id),
    };
    const { breakpoints } = this;
    this.#exceptions = new Exceptions(loop, object, breakpoints, hardwareSteps, this.#passage, this.#userSteps);
  }

  #steppedLoop(): SteppedLoop {
    const isStopped = (): boolean => this.isStopped;
    return {
      get isStopped() {
        return isStopped();
      },
      endStop: () => this.#endStop(),
      stop: (...stop) => this.#stop(...stop),
      meet: (...met) => this.#exceptions.meet(...met),
      handle: (event) => this.#handle(event),
      next: () => this.#next(),
      takeWhileStill: (event) => this.#takeWhileStill(event),
      keptOf: (process) => this.#keptOf(process),
      takeKept: (alone) => this.#takeKept(alone),
      thawAll: () => this.#thawAll(),
    };
  }

  // ---- what is there

  processOf(space: number): DebuggedProcess {
    for (const process of this.#processes.values()) {
      if (process.space === space) {
        return process;
      }
    }
    throw plainError(`The process is not debugged any more`);
  }

  thread(id: number): DebuggedThread {
    const thread = this.#threads.get(id);
    if (thread === undefined) {
      throw plainError('The thread has ended');
    }
    return thread;
  }

  get processes(): readonly DebuggedProcess[] {
    return [...this.#processes.values()];
  }
  get isStopped(): boolean {
    return this.#stopped !== undefined;
  }
  /** Handle of the process whose event holds it in its stop: signaled when somebody has ended it meanwhile. */
  get stoppedProcess(): Handle | undefined {
    return this.#stopped?.event === undefined ? undefined : this.#stopped.thread.process.handle;
  }
  /** Its end is told behind the event of the stop, which nobody needs any more. */
  leaveEndedStop(): void {
    const stopped = this.#stopped;
    if (stopped?.event !== undefined) {
      const { event } = stopped;
      stopped.event = undefined;
      this.object.continue(event);
    }
  }

  requireStopped(): void {
    if (this.#stopped === undefined) {
      throw plainError('The target is running');
    }
  }

  addProcess(processId: number, handle: Handle, name: string, launched = false): DebuggedProcess {
    const process = new DebuggedProcess(this.#nextSpace++, processId, handle, name, this.table, launched);
    this.#processes.set(processId, process);
    return process;
  }

  // ---- events

  /** Takes every event that waits. */
  takeEvents(): void {
    for (let event = this.#next(); event !== undefined; event = this.#next()) {
      this.#take(event);
    }
    this.#pauseIfWanted();
  }

  /** Before it says where its thread is to stand, an agent that dies must be known to have taken it. */
  #next(): NativeDebugEvent | undefined {
    this.table.taking = true;
    const event = this.object.next();
    this.table.taking = event?.kind === 'exception' && event.exception.code === STATUS_BREAKPOINT;
    return event;
  }

  #take(event: NativeDebugEvent): void {
    if (this.#stopped === undefined) {
      this.#handle(event);
    } else {
      this.#takeWhileStill(event);
    }
  }

  #takeWhileStill(event: NativeDebugEvent): void {
    if (event.kind === 'exception') {
      this.#keep(event);
    } else {
      this.#handle(event);
    }
  }

  /** Its thread shows from now on that it stands before the breakpoint, not behind the INT3. */
  #keep(event: ExceptionEvent): void {
    const process = this.#processes.get(event.processId);
    if (process !== undefined) {
      this.#passage.rewind(process, event);
    }
    this.#kept.push(event);
  }

  #handle(event: NativeDebugEvent): void {
    const process = this.#processes.get(event.processId);
    if (process === undefined) {
      this.object.continue(event);
      return;
    }
    switch (event.kind) {
      case 'exception':
        this.#exceptions.handle(process, event);
        return;
      case 'createProcess':
        this.emit({ type: 'processStarted', space: process.space, process: process.processId, name: process.name });
        this.emit({ type: 'moduleLoaded', module: process.addModule(event.base, event.file) });
        closeHandle(event.file);
        this.#addThread(process, event.threadId, event.thread, event.start);
        break;
      case 'createThread':
        this.#addThread(process, event.threadId, event.thread, event.start);
        break;
      case 'exitThread':
        this.#threadGone(process, event.threadId, event.exitCode);
        break;
      case 'exitProcess':
        this.#processGone(process, event.exitCode);
        break;
      case 'loadModule':
        if (this.#moduleLoaded(process, event)) {
          return;
        }
        break;
      case 'unloadModule':
        this.#moduleUnloaded(process, event.base);
        break;
      case 'debugString':
        this.#debugString(process, event);
        break;
      case 'other':
        break;
    }
    this.object.continue(event);
  }

  #addThread(process: DebuggedProcess, threadId: number, handle: Handle, start: bigint): void {
    const thread = new DebuggedThread(this.#nextThread++, process, threadId, handle, start);
    process.threads.set(threadId, thread);
    this.#threads.set(thread.id, thread);
    if (this.breakpoints.usesRegisters(process)) {
      this.breakpoints.applyDebugRegisters(thread);
    }
    this.#hardwareSteps.holdNewThread(thread);
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

  #threadGone(process: DebuggedProcess, threadId: number, exitCode: number): void {
    const thread = process.threads.get(threadId);
    if (thread === undefined) {
      return;
    }
    if (this.#hardwareSteps.threadOf(process) === thread) {
      this.#hardwareSteps.end(process);
    }
    this.#userSteps.threadGone(thread);
    process.threads.delete(threadId);
    thread.forget();
    this.#threads.delete(thread.id);
    this.emit({ type: 'threadExited', thread: thread.id, exitCode });
  }

  #processGone(process: DebuggedProcess, exitCode: number): void {
    this.#forget(process, exitCode);
    this.emit({ type: 'processExited', space: process.space, exitCode });
  }

  #forget(process: DebuggedProcess, exitCode: number): void {
    if (this.breakpoints.changed.size > 0) {
      this.tellHits();
    }
    this.#hardwareSteps.forget(process);
    for (const thread of [...process.threads.values()]) {
      this.#threadGone(process, thread.threadId, exitCode);
    }
    for (const breakpoint of this.breakpoints.of(process)) {
      this.breakpoints.remove(breakpoint);
      this.emit({ type: 'breakpointLost', breakpoint: breakpoint.id, why: `${process.name} is not debugged any more` });
    }
    this.#processes.delete(process.processId);
    this.table.removeProcess(process.processId);
    this.#kept = this.#kept.filter((event) => event.processId !== process.processId);
    if (this.#stopped?.thread.process === process) {
      // What stopped is gone: nothing is left to look at there, and the others go on.
      this.#stopped.event = undefined;
      this.resume(true);
    }
  }

  /** @returns whether its event is kept, because it stops */
  #moduleLoaded(process: DebuggedProcess, event: Extract<NativeDebugEvent, { kind: 'loadModule' }>): boolean {
    const module = process.addModule(event.base, event.file);
    closeHandle(event.file);
    this.emit({ type: 'moduleLoaded', module });
    const thread = process.threads.get(event.threadId);
    if (thread === undefined || this.#stopped !== undefined || !this.stopOnLoad.has(module.name.toLowerCase())) {
      return false;
    }
    this.#stop(thread, { kind: 'moduleLoad', module }, event);
    return true;
  }

  #moduleUnloaded(process: DebuggedProcess, base: bigint): void {
    const module = process.modules.get(base);
    if (module === undefined) {
      return;
    }
    process.modules.delete(base);
    const end = base + BigInt(module.size);
    process.forgetPatches(base, end);
    for (const breakpoint of this.breakpoints.of(process)) {
      if (breakpoint.request.address >= base && breakpoint.request.address < end) {
        this.breakpoints.remove(breakpoint);
        this.emit({ type: 'breakpointLost', breakpoint: breakpoint.id, why: `${module.name} was unloaded` });
      }
    }
    this.emit({ type: 'moduleUnloaded', space: process.space, base });
  }

  #debugString(process: DebuggedProcess, event: Extract<NativeDebugEvent, { kind: 'debugString' }>): void {
    const data = process.read(event.address, Math.min(event.bytes, MAX_OUTPUT_BYTES));
    if (data !== undefined) {
      const text = Buffer.from(data).toString(event.wide ? 'utf16le' : 'utf8');
      this.emit({ type: 'output', space: process.space, text: text.replace(/\0[^]*$/, '') });
    }
  }

  // ---- exceptions

  #setName(thread: DebuggedThread, name: string): void {
    if (name !== '' && thread.name !== name) {
      thread.name = name;
      this.emit({ type: 'threadNamed', thread: thread.id, name });
    }
  }

  /** Events of a process that were kept while all stood still; they are the caller's now. */
  #keptOf(process: DebuggedProcess): NativeDebugEvent[] {
    const own = this.#kept.filter((event) => event.processId === process.processId);
    this.#kept = this.#kept.filter((event) => event.processId !== process.processId);
    return own;
  }

  /**
   * Events that were kept while all stood still. Before one thread of `alone` runs alone, the others there that met a breakpoint are
   * put back before it: they meet it when they run again. Everything else is handled, and may stop.
   */
  #takeKept(alone: DebuggedProcess | undefined): void {
    const kept = this.#kept;
    this.#kept = [];
    for (const event of kept) {
      const process = this.#processes.get(event.processId);
      if (this.isStopped) {
        this.#kept.push(event);
      } else if (process === undefined || process !== alone) {
        this.#handle(event);
      } else {
        process.freeze();
        if (!this.#passage.putBack(process, event)) {
          this.#handle(event);
        }
      }
    }
  }

  // ---- stopping and going on

  /** @throws NativeError when the target runs, or when the thread has no registers: it is only beginning, or it is ending */
  step(request: StepRequest): void {
    this.requireStopped();
    this.#userSteps.begin(request);
  }

  #stop(thread: DebuggedThread, reason: DebugStopReason, event: NativeDebugEvent | undefined): void {
    this.#userSteps.end();
    this.#pauseWanted = false;
    this.#lastStopped = thread;
    const fromUtcMs = systemUtcMs();
    this.#stopped = { thread, event, fromUtcMs };
    if (this.freezeOthers) {
      for (const process of this.#processes.values()) {
        if (process !== thread.process || event === undefined) {
          process.freeze();
        }
      }
    }
    const registers = thread.readContext();
    this.emit({
      type: 'stopped',
      thread: thread.id,
      reason,
      registers: registers.bytes,
      memory: memoryAround(thread.process, registers),
      allStopped: this.freezeOthers || this.#processes.size === 1,
      utcMs: fromUtcMs,
    });
    this.#refreshNames();
  }

  #refreshNames(): void {
    for (const thread of this.#threads.values()) {
      this.#setName(thread, threadDescription(thread.handle) ?? '');
    }
  }

  /** @returns what the stop was; its event is still to be continued */
  #endStop(): Stopped | undefined {
    const stopped = this.#stopped;
    this.#stopped = undefined;
    if (stopped === undefined) {
      return undefined;
    }
    this.emit({ type: 'resumed', fromUtcMs: stopped.fromUtcMs, untilUtcMs: systemUtcMs() });
    return stopped;
  }

  #thawAll(): void {
    for (const process of this.#processes.values()) {
      process.thaw();
    }
  }

  resume(passException: boolean): void {
    const stopped = this.#stopped;
    if (stopped === undefined) {
      throw plainError('The target is running');
    }
    this.#endStop();
    const { thread, event } = stopped;
    if (event !== undefined) {
      if (event.kind === 'exception' && isFault(event)) {
        this.object.continue(event, !passException);
      } else {
        this.#passage.goOn(thread, thread.readContext(CODE_CONTEXT), event);
      }
    }
    this.#takeKept(undefined);
    if (!this.isStopped) {
      this.#thawAll();
    }
  }

  pause(): void {
    if (this.#threads.size === 0) {
      throw plainError('Nothing is debugged');
    }
    // An instruction that is being stepped over ends first: its INT3 is out.
    this.#pauseWanted = !this.isStopped;
    this.#pauseIfWanted();
  }

  #pauseIfWanted(): void {
    if (!this.#pauseWanted || this.#hardwareSteps.any || this.isStopped) {
      return;
    }
    const thread = this.#pausedThread();
    if (thread === undefined) {
      return;
    }
    for (const process of this.#processes.values()) {
      process.freeze();
    }
    // It may be on its way into a breakpoint: reading its registers waits until it stands.
    thread.readContext(CONTEXT_CONTROL);
    for (let event = this.#next(); event !== undefined; event = this.#next()) {
      this.#take(event);
    }
    // What came last may have stopped by itself, or ended the thread.
    if (this.#stopped === undefined && this.#threads.has(thread.id)) {
      this.#stop(thread, { kind: 'pause' }, undefined);
    }
  }

  /** The one that stopped last; else the first of a program rather than of a driver host. */
  #pausedThread(): DebuggedThread | undefined {
    if (this.#lastStopped !== undefined && this.#threads.get(this.#lastStopped.id) === this.#lastStopped) {
      return this.#lastStopped;
    }
    const threads = [...this.#threads.values()];
    return threads.find(({ process }) => process.launched) ?? threads[0];
  }

  // ---- leaving

  /** An attach that came to nothing. */
  abandon(process: DebuggedProcess): void {
    this.table.removeProcess(process.processId);
    this.#processes.delete(process.processId);
  }

  /** Takes out what was inserted, and lets them go on. */
  detach(processes: readonly DebuggedProcess[]): void {
    for (const process of processes) {
      this.#detach(process);
    }
    if (this.#stopped !== undefined && !this.#processes.has(this.#stopped.thread.process.processId)) {
      this.#endStop();
      this.#thawAll();
    }
  }

  #detach(process: DebuggedProcess): void {
    process.freeze();
    // A thread that is on its way into a breakpoint has its event queued before its registers can be read.
    for (const thread of process.threads.values()) {
      leaveThread(thread, this.breakpoints.usesRegisters(process), this.#hardwareSteps.threadOf(process) === thread);
    }
    this.#hardwareSteps.forget(process);
    for (const breakpoint of this.breakpoints.of(process)) {
      this.breakpoints.remove(breakpoint);
    }
    for (const [address] of [...process.patches()]) {
      process.unpatch(address);
    }
    this.#settleEvents(process);
    for (const thread of process.threads.values()) {
      thread.release();
      this.#threads.delete(thread.id);
    }
    NtRemoveProcessDebug(process.handle, this.object.handle);
    process.thaw();
    this.#processes.delete(process.processId);
    this.table.removeProcess(process.processId);
    this.emit({ type: 'detached', space: process.space });
    closeHandle(process.handle);
  }

  /** Continues every event of a process that is being left: threads behind an INT3 that was ours go back to its instruction. */
  #settleEvents(process: DebuggedProcess): void {
    const own = this.#keptOf(process);
    const stopped = this.#stopped;
    if (stopped?.thread.process === process && stopped.event !== undefined) {
      const { event } = stopped;
      stopped.event = undefined;
      // Its thread stands before its breakpoint already.
      this.object.continue(event, !(event.kind === 'exception' && isFault(event)));
    }
    for (const event of own) {
      this.#settle(process, event);
    }
    for (let event = this.#next(); event !== undefined; event = this.#next()) {
      if (event.processId === process.processId) {
        this.#settle(process, event);
      } else {
        this.#take(event);
      }
    }
  }

  #settle(process: DebuggedProcess, event: NativeDebugEvent): void {
    if (event.kind !== 'exception') {
      this.#handle(event);
      return;
    }
    this.#passage.rewind(process, event);
    this.object.continue(event, !isFault(event));
  }

  /** Ends what was launched, leaves the rest. */
  terminate(): void {
    const launched = this.processes.filter((process) => process.launched);
    this.detach(this.processes.filter((process) => !process.launched));
    for (const process of launched) {
      TerminateProcess(process.handle, 1);
    }
    if (this.#stopped !== undefined) {
      this.resume(true);
    }
  }

  tellHits(): void {
    const counts = [...this.breakpoints.changed].map(({ id, hits, filtered }) => ({ breakpoint: id, hits, filtered }));
    this.breakpoints.changed.clear();
    this.emit({ type: 'hits', counts });
  }

  // ---- breakpoints

  setBreakpoint(request: DebugBreakpoint): Breakpoint | string {
    const process = this.processOf(request.space);
    const breakpoint = this.breakpoints.add(request, process);
    if (typeof breakpoint === 'object' && breakpoint.register !== undefined) {
      this.#applyDebugRegisters(process);
    }
    return breakpoint;
  }

  removeBreakpoint(id: number): void {
    const breakpoint = this.breakpoints.get(id);
    if (breakpoint === undefined) {
      return;
    }
    if (this.breakpoints.changed.has(breakpoint)) {
      // Its last hits: nobody counts them later.
      this.tellHits();
    }
    this.breakpoints.remove(breakpoint);
    if (breakpoint.register !== undefined) {
      this.#applyDebugRegisters(breakpoint.process);
    }
  }

  #applyDebugRegisters(process: DebuggedProcess): void {
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
