/**
 * How threads pass our INT3s: back before the one that they met, over it by emulation or by the processor's own step, or through a recorder.
 * Runs on the debug thread.
 */
import { emulate } from '../machine/emulate/emulate.js';
import { CONTEXT_CONTROL, type X64Context } from '../machine/x64-context.js';
import type { Breakpoints } from './debug-breakpoints.js';
import { type DebugObject, type ExceptionEvent, type NativeDebugEvent, STATUS_BREAKPOINT } from './debug-events.js';
import type { HardwareSteps } from './debug-hardware-steps.js';
import { CODE_CONTEXT, type DebuggedProcess, type DebuggedThread } from './debug-process.js';

/** Of an instruction, at most. */
export const INSTRUCTION_BYTES = 15;

export class Passage {
  constructor(
    private readonly object: DebugObject,
    private readonly breakpoints: Breakpoints,
    private readonly hardwareSteps: HardwareSteps,
  ) {}

  /**
   * Lets a thread go on from its event, over the breakpoint that it may stand before.
   * @param changed whether the context is another than the thread's own
   */
  goOn(thread: DebuggedThread, context: X64Context, event: NativeDebugEvent | undefined, changed = false): void {
    const { redirect } = thread;
    thread.redirect = undefined;
    if (redirect?.from === context.rip) {
      thread.passOnce = undefined;
      context.rip = redirect.to;
      thread.writeContext(context, CONTEXT_CONTROL);
    } else if (!thread.process.isPatched(context.rip)) {
      if (changed) {
        thread.writeContext(context, CODE_CONTEXT);
      }
    } else {
      thread.passOnce = undefined;
      const before = context.copy();
      if (this.emulate(thread, context)) {
        if (thread.process.table.taking && context.rip === before.rip + 1n) {
          // Behind one byte it stands where the INT3 left it: a guard could not tell whether it has run.
          thread.writeContext(before, CONTEXT_CONTROL);
        }
        thread.writeContext(context, CODE_CONTEXT);
      } else {
        this.hardwareSteps.begin(thread, context, true);
      }
    }
    if (event !== undefined) {
      this.object.continue(event);
    }
  }

  /**
   * Runs one instruction on the context, not on the thread. One that writes what it has read is left to the processor: an agent that dies
   * between that write and the thread's new registers would have it run twice, as the guard sets the thread before the INT3 again. All
   * others give the same when they are run once more.
   * @returns whether it could be
   */
  emulate({ process }: DebuggedThread, context: X64Context): boolean {
    const code = process.read(context.rip, INSTRUCTION_BYTES);
    if (code === undefined) {
      return false;
    }
    // What a debug register watches is the processor's to see.
    const watched = (address: bigint, length: number): boolean => this.breakpoints.watches(process, address, length);
    const reads: { readonly from: bigint; readonly until: bigint }[] = [];
    const hasRead = (address: bigint, length: number): boolean =>
      reads.some(({ from, until }) => address < until && from < address + BigInt(length));
    return emulate(context, code, {
      read: (address, length) => {
        if (watched(address, length)) {
          return undefined;
        }
        reads.push({ from: address, until: address + BigInt(length) });
        return process.read(address, length);
      },
      write: (address, data) =>
        !watched(address, data.length) && !hasRead(address, data.length) && process.write(address, data) === undefined,
    });
  }

  /** Something holds the thread, so that it does not run before it may. @returns whether the event was one of a breakpoint */
  putBack(process: DebuggedProcess, event: NativeDebugEvent): boolean {
    if (event.kind !== 'exception' || this.rewind(process, event) === undefined) {
      return false;
    }
    this.object.continue(event);
    return true;
  }

  /** Sets a thread that met an INT3 of ours before it again. @returns its registers; undefined when it met none of ours */
  rewind(process: DebuggedProcess, event: ExceptionEvent): X64Context | undefined {
    const context = this.standingBefore(process, event);
    if (context !== undefined) {
      process.threads.get(event.threadId)?.writeContext(context, CODE_CONTEXT);
    }
    return context;
  }

  /** Registers of a thread that met an INT3 of ours as they are before it; the thread's own are not changed. */
  standingBefore(
    process: DebuggedProcess,
    { exception: { code, address }, threadId }: ExceptionEvent,
  ): X64Context | undefined {
    const thread = process.threads.get(threadId);
    const ours =
      process.isPatched(address) || (process.wasPatched(address) && process.readRaw(address, 1)?.[0] !== 0xcc);
    if (code !== STATUS_BREAKPOINT || thread === undefined || !ours) {
      return undefined;
    }
    const context = thread.readContext(CODE_CONTEXT);
    context.rip = address;
    return context;
  }
}
