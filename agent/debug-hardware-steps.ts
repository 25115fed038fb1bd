/**
 * Single instructions of one thread by the processor's trap flag. While an INT3 is out for one, every other thread of its process is held.
 * Runs on the debug thread.
 */
import { CONTEXT_CONTROL, EFLAGS, type X64Context } from '../machine/x64-context.js';
import { CODE_CONTEXT, type DebuggedProcess, type DebuggedThread } from './debug-process.js';

/** One instruction of one thread by the trap flag. */
interface HardwareStep {
  readonly thread: DebuggedThread;
  readonly from: bigint;
  /** INT3 that is out meanwhile. */
  readonly lifted: bigint | undefined;
  readonly held: DebuggedThread[];
}

/** At most one a process. */
export class HardwareSteps {
  readonly #steps = new Map<DebuggedProcess, HardwareStep>();

  get any(): boolean {
    return this.#steps.size > 0;
  }
  threadOf(process: DebuggedProcess): DebuggedThread | undefined {
    return this.#steps.get(process)?.thread;
  }
  /** Of a process that has ended or is left. */
  forget(process: DebuggedProcess): void {
    this.#steps.delete(process);
  }

  /** A thread that begins while another one steps waits like the others. */
  holdNewThread(thread: DebuggedThread): void {
    const step = this.#steps.get(thread.process);
    if (step !== undefined) {
      thread.hold();
      step.held.push(thread);
    }
  }

  begin(thread: DebuggedThread, context: X64Context, holdOthers: boolean): void {
    const { process } = thread;
    const lifted = process.isPatched(context.rip) ? context.rip : undefined;
    const held: DebuggedThread[] = [];
    if (holdOthers || lifted !== undefined) {
      for (const other of process.threads.values()) {
        if (other !== thread && !other.held) {
          other.hold();
          held.push(other);
        }
      }
    }
    if (lifted !== undefined) {
      process.lift(lifted);
    }
    context.eflags |= EFLAGS.trap;
    thread.stepping = true;
    thread.writeContext(context, CODE_CONTEXT);
    this.#steps.set(process, { thread, from: context.rip, lifted, held });
  }

  end(process: DebuggedProcess): void {
    const step = this.#steps.get(process);
    if (step === undefined) {
      return;
    }
    this.#steps.delete(process);
    step.thread.stepping = false;
    if (step.lifted !== undefined) {
      process.lower(step.lifted);
    }
    for (const other of step.held) {
      other.release();
    }
  }

  /** A step over a breakpoint that was not done when everything was stopped: its thread does it anew when it runs again. */
  abandon(process: DebuggedProcess): void {
    const step = this.#steps.get(process);
    if (step === undefined) {
      return;
    }
    this.end(process);
    const context = step.thread.readContext(CONTEXT_CONTROL);
    context.eflags &= ~EFLAGS.trap;
    step.thread.writeContext(context, CONTEXT_CONTROL);
    const ran = context.rip !== step.from;
    step.thread.passOnce = ran ? undefined : step.lifted;
    step.thread.expectsTrap = ran;
  }
}
