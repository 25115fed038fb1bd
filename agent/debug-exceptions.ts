/**
 * What becomes of an exception in a debugged process: a breakpoint of ours that counts, records or stops, a step of ours, a name that the
 * program gives to a thread, or the program's own. Runs on the debug thread.
 */
import { CONTEXT_ALL, CONTEXT_CONTROL, EFLAGS, type X64Context } from '../machine/x64-context.js';
import type { DebugStopReason } from '../protocol/agent-debug.js';
import type { Breakpoint, Breakpoints } from './debug-breakpoints.js';
import { hitPasses } from './debug-conditions.js';
import {
  type DebugObject,
  type ExceptionEvent,
  type NativeDebugEvent,
  STATUS_BREAKPOINT,
  STATUS_SINGLE_STEP,
} from './debug-events.js';
import type { HardwareSteps } from './debug-hardware-steps.js';
import type { Passage } from './debug-passage.js';
import { CODE_CONTEXT, type DebuggedProcess, type DebuggedThread } from './debug-process.js';
import type { UserSteps } from './debug-user-steps.js';

/** Raised by programs to name a thread for a debugger. */
const MS_VC_EXCEPTION = 0x406d_1388;

/** What exceptions need of the loop that they come to. */
export interface ExceptionsLoop {
  stop(thread: DebuggedThread, reason: DebugStopReason, event: NativeDebugEvent | undefined): void;
  /** Whether a first-chance exception with that code stops. */
  stopsOn(code: number): boolean;
  setName(thread: DebuggedThread, name: string): void;
  removeBreakpoint(id: number): void;
}

export class Exceptions {
  constructor(
    private readonly loop: ExceptionsLoop,
    private readonly object: DebugObject,
    private readonly breakpoints: Breakpoints,
    private readonly hardwareSteps: HardwareSteps,
    private readonly passage: Passage,
    private readonly userSteps: UserSteps,
  ) {}

  /** Takes the event: continues it, or stops the target with it. */
  handle(process: DebuggedProcess, event: ExceptionEvent): void {
    const thread = process.threads.get(event.threadId);
    if (thread === undefined) {
      this.object.continue(event, false);
      return;
    }
    const { code, address } = event.exception;
    const stepping = this.hardwareSteps.threadOf(process);
    if (stepping !== undefined && stepping !== thread && this.passage.putBack(process, event)) {
      return;
    }
    if (stepping === thread && code !== STATUS_SINGLE_STEP) {
      this.hardwareSteps.end(process);
      const context = thread.readContext(CONTEXT_CONTROL);
      context.eflags &= ~EFLAGS.trap;
      thread.writeContext(context, CONTEXT_CONTROL);
    }
    if (code === STATUS_BREAKPOINT) {
      this.#int3(thread, address, event);
    } else if (code === STATUS_SINGLE_STEP) {
      this.#trap(thread, event);
    } else if (code === MS_VC_EXCEPTION && event.exception.firstChance) {
      this.#nameThread(thread, event);
    } else {
      this.#fault(thread, event);
    }
  }

  #fault(thread: DebuggedThread, event: ExceptionEvent): void {
    const { exception } = event;
    if (exception.firstChance && !this.loop.stopsOn(exception.code)) {
      this.object.continue(event, false);
      return;
    }
    this.loop.stop(thread, { kind: 'exception', ...exception, parameters: [...exception.parameters] }, event);
  }

  #nameThread(thread: DebuggedThread, event: ExceptionEvent): void {
    const [kind, text] = event.exception.parameters;
    if (kind === 0x1000n && text !== undefined) {
      const data = thread.process.read(text, 64);
      if (data !== undefined) {
        this.loop.setName(
          thread,
          Buffer.from(data)
            .toString('utf8')
            .replace(/\0[^]*$/, ''),
        );
      }
    }
    this.object.continue(event);
  }

  #int3(thread: DebuggedThread, address: bigint, event: ExceptionEvent): void {
    const { process } = thread;
    const context = this.passage.standingBefore(process, event);
    if (context !== undefined) {
      // Where the INT3 was taken out meanwhile, the instruction itself is still to be run.
      const passed = thread.passOnce === address || !process.isPatched(address);
      thread.passOnce = undefined;
      if (!passed && this.meet(thread, context, event)) {
        return;
      }
      this.passage.goOn(thread, context, event, true);
      return;
    }
    if (process.awaitsEntry) {
      process.awaitsEntry = false;
      this.loop.stop(thread, { kind: 'entry' }, event);
      return;
    }
    this.loop.stop(thread, { kind: 'foreignBreakpoint' }, event);
  }

  /** A thread stands before a breakpoint of ours. @returns whether that stopped the target */
  meet(thread: DebuggedThread, context: X64Context, event: NativeDebugEvent | undefined): boolean {
    if (this.userSteps.comesBack(thread, context, event)) {
      return true;
    }
    if (event === undefined) {
      // It comes to the INT3 itself when it runs.
      thread.passOnce = context.rip;
    }
    const here = this.breakpoints.softwareAt(thread.process, context.rip);
    if (here.some((breakpoint) => isCallOfRecorder(breakpoint, thread, context))) {
      return false;
    }
    const passing = here.filter((breakpoint) => this.#passes(breakpoint, thread, context));
    const recording = passing.find(({ request }) => request.record !== undefined);
    if (recording !== undefined) {
      thread.redirect = { from: context.rip, to: recording.request.record?.thunk ?? context.rip };
    }
    const stopping = passing.filter(({ request }) => request.record === undefined);
    if (stopping.length === 0) {
      return false;
    }
    thread.writeContext(context, CODE_CONTEXT);
    this.#stopAtBreakpoints('breakpoint', thread, stopping, event);
    return true;
  }

  #stopAtBreakpoints(
    kind: 'breakpoint' | 'data',
    thread: DebuggedThread,
    breakpoints: readonly Breakpoint[],
    event: NativeDebugEvent | undefined,
  ): void {
    this.loop.stop(thread, { kind, breakpoints: breakpoints.map(({ id }) => id) }, event);
    for (const breakpoint of breakpoints) {
      if (breakpoint.request.once === true) {
        this.loop.removeBreakpoint(breakpoint.id);
      }
    }
  }

  /** Counts a hit and decides it. */
  #passes(breakpoint: Breakpoint, thread: DebuggedThread, context: X64Context): boolean {
    const { request } = breakpoint;
    if (request.thread !== undefined && request.thread !== thread.id) {
      return false;
    }
    if (request.record?.exceptThread === thread.threadId) {
      return false;
    }
    const passed = hitPasses(breakpoint, thread, context);
    this.breakpoints.count(breakpoint, passed);
    if (!passed) {
      return false;
    }
    return breakpoint.hits > BigInt(request.ignoreCount ?? 0);
  }

  #trap(thread: DebuggedThread, event: ExceptionEvent): void {
    const { process } = thread;
    const stepped = this.hardwareSteps.threadOf(process) === thread;
    const context = thread.readContext(CONTEXT_ALL);
    const dr6 = context.get('dr6');
    const met = dr6 === 0n ? [] : this.breakpoints.inRegisters(process, dr6);
    if (met.length > 0) {
      this.breakpoints.applyDebugRegisters(thread);
    }
    if (!stepped && met.length === 0 && thread.expectsTrap) {
      thread.expectsTrap = false;
      this.object.continue(event);
      return;
    }
    if (!stepped && met.length === 0) {
      // The program's own single step.
      this.#fault(thread, event);
      return;
    }
    if (stepped) {
      this.hardwareSteps.end(process);
      context.eflags &= ~EFLAGS.trap;
    }
    if (met.some(({ request }) => request.kind === 'execute')) {
      context.eflags |= EFLAGS.resume;
    }
    thread.writeContext(context, CODE_CONTEXT);
    const stopping = met.filter((breakpoint) => this.#passes(breakpoint, thread, context));
    if (stopping.length > 0) {
      this.#stopAtBreakpoints('data', thread, stopping, event);
      return;
    }
    if (stepped && this.userSteps.hasRun(thread, context, event)) {
      return;
    }
    this.object.continue(event);
  }
}

/** The recorder's own call of a function whose first instruction it could not take along: it is recorded already. */
function isCallOfRecorder({ request }: Breakpoint, { process }: DebuggedThread, { rsp }: X64Context): boolean {
  const recorder = request.record?.recorder;
  if (recorder === undefined) {
    return false;
  }
  const data = process.read(rsp, 8);
  const caller = data?.length === 8 ? new DataView(data.buffer).getBigUint64(0, true) : 0n;
  return caller >= recorder.from && caller < recorder.to;
}
