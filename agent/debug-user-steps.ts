/**
 * Steps that the user asked for: instructions of one thread until a range is left, by emulation as far as that goes. Runs on the debug thread.
 */
import { callLength } from '../machine/emulate/emulate.js';
import { CONTEXT_CONTROL, type X64Context } from '../machine/x64-context.js';
import type { DebugStopReason } from '../protocol/agent-debug.js';
import type { Breakpoints } from './debug-breakpoints.js';
import { type DebugObject, type ExceptionEvent, isFault, type NativeDebugEvent } from './debug-events.js';
import type { HardwareSteps } from './debug-hardware-steps.js';
import { INSTRUCTION_BYTES, type Passage } from './debug-passage.js';
import { CODE_CONTEXT, type DebuggedProcess, type DebuggedThread } from './debug-process.js';

/** A loop inside a range must leave the debug thread time for other events. */
const EMULATED_AT_ONCE = 5_000;

export interface StepRequest {
  readonly thread: DebuggedThread;
  readonly range: { readonly from: bigint; readonly to: bigint } | undefined;
  readonly stepOverCalls: boolean;
  readonly runOthers: boolean;
}

/** What a step needs of the loop that it is part of. */
export interface SteppedLoop {
  readonly isStopped: boolean;
  /** The stop that is over now; its event, when it had one, is still to be continued. */
  endStop(): { readonly thread: DebuggedThread; readonly event: NativeDebugEvent | undefined } | undefined;
  stop(thread: DebuggedThread, reason: DebugStopReason, event: NativeDebugEvent | undefined): void;
  /** A thread stands before a breakpoint of ours. @returns whether that stopped the target */
  meet(thread: DebuggedThread, context: X64Context, event: NativeDebugEvent | undefined): boolean;
  handle(event: NativeDebugEvent): void;
  /** The next event that waits. */
  next(): NativeDebugEvent | undefined;
  takeWhileStill(event: NativeDebugEvent): void;
  /** Events of a process that were kept while all stood still; they are the caller's now. */
  keptOf(process: DebuggedProcess): NativeDebugEvent[];
  takeKept(alone: DebuggedProcess | undefined): void;
  thawAll(): void;
}

export class UserSteps {
  #request: StepRequest | undefined;
  /** Behind the call that the step goes over. */
  #return: { readonly process: DebuggedProcess; readonly address: bigint; readonly rsp: bigint } | undefined;

  constructor(
    private readonly loop: SteppedLoop,
    private readonly object: DebugObject,
    private readonly breakpoints: Breakpoints,
    private readonly hardwareSteps: HardwareSteps,
    private readonly passage: Passage,
  ) {}

  /** The target is stopped. @throws NativeError when the thread has no registers: it is only beginning, or it is ending */
  begin(request: StepRequest): void {
    const { thread } = request;
    const { process } = thread;
    // This waits until it stands: what it met on its way there is in the queue then.
    thread.readContext(CONTEXT_CONTROL);
    const stopped = this.loop.endStop();
    let event = stopped?.event;
    if (event === undefined || stopped?.thread !== thread) {
      process.freeze();
      if (event !== undefined && stopped !== undefined) {
        this.#leaveStopTo(stopped.thread, event);
      }
      event = this.#putOthersBack(thread);
      if (this.loop.isStopped) {
        return;
      }
      this.hardwareSteps.abandon(process);
      if (this.#meetsBeforeStep(thread, event)) {
        return;
      }
    } else {
      this.hardwareSteps.abandon(process);
    }
    this.#request = request;
    this.#runStep(request, thread.readContext(CODE_CONTEXT), event);
  }

  /** What a thread has met already and was not told yet is told, instead of a step. @returns whether that stopped the target */
  #meetsBeforeStep(thread: DebuggedThread, event: ExceptionEvent | undefined): boolean {
    if (event !== undefined && this.passage.rewind(thread.process, event) === undefined) {
      this.loop.handle(event);
      if (!this.loop.isStopped) {
        this.loop.stop(thread, { kind: 'step' }, undefined);
      }
      return true;
    }
    const context = thread.readContext(CODE_CONTEXT);
    // It stands before the breakpoint also when it was put back there, or when a pause caught it.
    const meets = thread.process.isPatched(context.rip) && thread.passOnce !== context.rip;
    return meets && this.loop.meet(thread, context, event);
  }

  /**
   * A process has one event out at a time: the others of its threads come when that one is continued, although the threads stand behind
   * their INT3s already. Its threads are put back before them, the process being frozen.
   * @returns what this thread met, not continued; another of these events may have stopped the target instead
   */
  #putOthersBack(thread: DebuggedThread): ExceptionEvent | undefined {
    const { process } = thread;
    const waiting = this.loop.keptOf(process);
    for (let event = waiting.shift() ?? this.loop.next(); event !== undefined; event = this.loop.next()) {
      if (event.processId !== process.processId) {
        this.loop.takeWhileStill(event);
      } else if (event.threadId === thread.threadId && event.kind === 'exception') {
        return event;
      } else if (!this.passage.putBack(process, event)) {
        this.loop.handle(event);
        if (this.loop.isStopped) {
          return undefined;
        }
      }
    }
    return undefined;
  }

  /** Another thread than the one that stopped is to run alone: the stop's own event goes, its thread stands still. */
  #leaveStopTo(stopped: DebuggedThread, event: NativeDebugEvent): void {
    const { rip } = stopped.readContext(CONTEXT_CONTROL);
    stopped.passOnce = stopped.process.isPatched(rip) ? rip : undefined;
    stopped.process.freeze();
    this.object.continue(event, !(event.kind === 'exception' && isFault(event)));
  }

  /** Runs instructions of one thread until the step ends, or until the processor has to run one. */
  #runStep(step: StepRequest, context: X64Context, event: NativeDebugEvent | undefined): void {
    const { thread } = step;
    const { process } = thread;
    thread.passOnce = undefined;
    thread.redirect = undefined;
    for (let budget = EMULATED_AT_ONCE; budget > 0; budget--) {
      const code = process.read(context.rip, INSTRUCTION_BYTES);
      const call = code !== undefined && step.stepOverCalls ? callLength(context, code) : undefined;
      if (call !== undefined) {
        this.#runOverCall(step, context, context.rip + BigInt(call), event);
        return;
      }
      if (!this.passage.emulate(thread, context)) {
        break;
      }
      if (this.#stepEnds(step, context)) {
        thread.writeContext(context, CODE_CONTEXT);
        this.#endStep(step, context, event);
        return;
      }
    }
    this.loop.takeKept(process);
    if (this.loop.isStopped) {
      return;
    }
    this.hardwareSteps.begin(thread, context, !step.runOthers);
    if (event !== undefined) {
      this.object.continue(event);
    }
    if (step.runOthers) {
      this.loop.thawAll();
    } else {
      process.thaw();
    }
  }

  #stepEnds({ range, thread }: StepRequest, { rip }: X64Context): boolean {
    return range === undefined || rip < range.from || rip >= range.to || thread.process.isPatched(rip);
  }

  /** The processor has run one instruction of this thread. @returns whether that was a step of the user's, which this carries on */
  hasRun(thread: DebuggedThread, context: X64Context, event: NativeDebugEvent): boolean {
    const step = this.#request;
    if (step?.thread !== thread) {
      return false;
    }
    this.#carryOn(step, context, event);
    return true;
  }

  /** A thread stands before an INT3. @returns whether the step's call has come back there, which this carries on */
  comesBack(thread: DebuggedThread, context: X64Context, event: NativeDebugEvent | undefined): boolean {
    const step = this.#request;
    if (step === undefined || !this.#isBack(thread, context)) {
      return false;
    }
    this.#clearReturn();
    thread.writeContext(context, CODE_CONTEXT);
    this.#carryOn(step, context, event);
    return true;
  }

  /** The target stops: whatever step there was is over. */
  end(): void {
    this.#request = undefined;
    this.#clearReturn();
  }

  threadGone(thread: DebuggedThread): void {
    if (this.#request?.thread === thread) {
      this.#request = undefined;
    }
  }

  /** Behind an instruction of a step: it ends here, or goes on. */
  #carryOn(step: StepRequest, context: X64Context, event: NativeDebugEvent | undefined): void {
    if (this.#stepEnds(step, context)) {
      this.#endStep(step, context, event);
    } else {
      this.#runStep(step, context, event);
    }
  }

  #endStep(step: StepRequest, context: X64Context, event: NativeDebugEvent | undefined): void {
    const { thread, range } = step;
    if (thread.process.isPatched(context.rip) && this.loop.meet(thread, context, event)) {
      return;
    }
    if (range !== undefined && context.rip >= range.from && context.rip < range.to) {
      // A breakpoint inside the range that did not want to stop.
      this.#runStep(step, context, event);
      return;
    }
    this.loop.stop(thread, { kind: 'step' }, event);
  }

  /** The called function may wait for others: everything runs until this thread is back. */
  #runOverCall(step: StepRequest, context: X64Context, back: bigint, event: NativeDebugEvent | undefined): void {
    const { thread } = step;
    if (!thread.process.patch(back)) {
      this.loop.stop(thread, { kind: 'step' }, event);
      return;
    }
    this.#return = { process: thread.process, address: back, rsp: context.rsp };
    thread.writeContext(context, CODE_CONTEXT);
    this.passage.goOn(thread, context, event);
    this.loop.takeKept(undefined);
    if (!this.loop.isStopped) {
      this.loop.thawAll();
    }
  }

  /** Whether this thread has come back from the call that a step goes over. */
  #isBack(thread: DebuggedThread, { rip, rsp }: X64Context): boolean {
    const back = this.#return;
    return (
      back !== undefined &&
      this.#request?.thread === thread &&
      back.address === rip &&
      // A deeper call of the same function comes by here first.
      rsp >= back.rsp
    );
  }

  #clearReturn(): void {
    const back = this.#return;
    this.#return = undefined;
    if (back !== undefined && this.breakpoints.softwareAt(back.process, back.address).length === 0) {
      back.process.unpatch(back.address);
    }
  }
}
