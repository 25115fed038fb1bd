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
import { DebugInventory } from './debug-inventory.js';
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
} from './debug-events.js';
import { CODE_CONTEXT, type DebuggedProcess, type DebuggedThread } from './debug-process.js';
import { leaveThread, memoryAround } from './debug-threads.js';
import type { RepairTable } from './repair-table.js';
import { NtRemoveProcessDebug } from './debug-native.js';
import { TerminateProcess } from './native/common-native.js';
import { plainError } from './native/native-error.js';
import type { Handle } from './native/memory.js';

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
  /** What is debugged. */
  readonly inventory: DebugInventory;
  readonly #hardwareSteps = new HardwareSteps();
  readonly #passage: Passage;
  readonly #userSteps: UserSteps;
  readonly #exceptions: Exceptions;
  /** Events that came while all stood still. */
  #kept: NativeDebugEvent[] = [];
  #stopped: Stopped | undefined;
  #pauseWanted = false;
  #lastStopped: DebuggedThread | undefined;

  constructor(
    readonly object: DebugObject,
    readonly emit: (event: DebugEvent) => void,
    readonly table: RepairTable,
  ) {
    const hardwareSteps = this.#hardwareSteps;
    this.inventory = new DebugInventory(this.breakpoints, hardwareSteps, emit, table);
    this.#passage = new Passage(object, this.breakpoints, hardwareSteps);
    this.#userSteps = new UserSteps(this.#steppedLoop(), object, this.breakpoints, hardwareSteps, this.#passage);
    const loop: ExceptionsLoop = {
      stop: (...stop) => this.#stop(...stop),
      stopsOn: (code) => this.stopOnExceptions.has(code),
      setName: (thread, name) => this.inventory.setName(thread, name),
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
      thawAll: () => this.inventory.thawAll(),
    };
  }

  // ---- what is there

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
    const process = this.inventory.process(event.processId);
    if (process !== undefined) {
      this.#passage.rewind(process, event);
    }
    this.#kept.push(event);
  }

  #handle(event: NativeDebugEvent): void {
    const process = this.inventory.process(event.processId);
    if (process === undefined) {
      this.object.continue(event);
      return;
    }
    switch (event.kind) {
      case 'exception':
        this.#exceptions.handle(process, event);
        return;
      case 'createProcess':
        this.inventory.processCreated(process, event);
        break;
      case 'createThread':
        this.inventory.addThread(process, event);
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
        this.inventory.moduleUnloaded(process, event.base);
        break;
      case 'debugString':
        this.inventory.debugString(process, event);
        break;
      case 'other':
        break;
    }
    this.object.continue(event);
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
    this.inventory.threadGone(thread, exitCode);
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
    this.inventory.loseBreakpoints(process, `${process.name} is not debugged any more`);
    this.inventory.removeProcess(process);
    this.#kept = this.#kept.filter((event) => event.processId !== process.processId);
    if (this.#stopped?.thread.process === process) {
      // What stopped is gone: nothing is left to look at there, and the others go on.
      this.#stopped.event = undefined;
      this.resume(true);
    }
  }

  /** @returns whether its event is kept, because it stops */
  #moduleLoaded(process: DebuggedProcess, event: Extract<NativeDebugEvent, { kind: 'loadModule' }>): boolean {
    const module = this.inventory.moduleLoaded(process, event);
    const thread = process.threads.get(event.threadId);
    if (thread === undefined || this.#stopped !== undefined || !this.stopOnLoad.has(module.name.toLowerCase())) {
      return false;
    }
    this.#stop(thread, { kind: 'moduleLoad', module }, event);
    return true;
  }

  // ---- exceptions

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
      const process = this.inventory.process(event.processId);
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
      for (const process of this.inventory.processes) {
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
      allStopped: this.freezeOthers || this.inventory.processes.length === 1,
      utcMs: fromUtcMs,
    });
    this.inventory.refreshNames();
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
      this.inventory.thawAll();
    }
  }

  pause(): void {
    if (this.inventory.threads.length === 0) {
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
    this.inventory.freezeAll();
    // It may be on its way into a breakpoint: reading its registers waits until it stands.
    thread.readContext(CONTEXT_CONTROL);
    for (let event = this.#next(); event !== undefined; event = this.#next()) {
      this.#take(event);
    }
    // What came last may have stopped by itself, or ended the thread.
    if (this.#stopped === undefined && this.inventory.has(thread)) {
      this.#stop(thread, { kind: 'pause' }, undefined);
    }
  }

  /** The one that stopped last; else the first of a program rather than of a driver host. */
  #pausedThread(): DebuggedThread | undefined {
    if (this.#lastStopped !== undefined && this.inventory.has(this.#lastStopped)) {
      return this.#lastStopped;
    }
    const { threads } = this.inventory;
    return threads.find(({ process }) => process.launched) ?? threads[0];
  }

  // ---- leaving

  /** Takes out what was inserted, and lets them go on. */
  detach(processes: readonly DebuggedProcess[]): void {
    for (const process of processes) {
      this.#detach(process);
    }
    if (this.#stopped !== undefined && this.inventory.process(this.#stopped.thread.process.processId) === undefined) {
      this.#endStop();
      this.inventory.thawAll();
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
      this.inventory.threadLeft(thread);
    }
    NtRemoveProcessDebug(process.handle, this.object.handle);
    process.thaw();
    this.inventory.removeProcess(process);
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
    const launched = this.inventory.processes.filter((process) => process.launched);
    this.detach(this.inventory.processes.filter((process) => !process.launched));
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
    const process = this.inventory.processOf(request.space);
    const breakpoint = this.breakpoints.add(request, process);
    if (typeof breakpoint === 'object' && breakpoint.register !== undefined) {
      this.inventory.applyDebugRegisters(process);
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
      this.inventory.applyDebugRegisters(breakpoint.process);
    }
  }
}
