import { EventscopeError } from '../../protocol/errors.js';
import type { FrameRegisters } from './registers.js';
import { UnreadableStack, unwindFrame, type UnwindMemory, type UnwindModule } from './unwind.js';

export interface StackFrame {
  readonly registers: FrameRegisters;
  /** Where its own return address lies plus eight: stable while the function runs. undefined when it could not be unwound. */
  readonly cfa: bigint | undefined;
  /** RIP is the instruction itself: in the first frame and in interrupted ones. In others RIP - 1 is in the call. */
  readonly isExact: boolean;
  /** Of this frame's nonvolatile registers, where those lie in memory that frames above it have saved. */
  readonly savedAt: ReadonlyMap<string, bigint>;
  readonly module: UnwindModule | undefined;
}

export interface WalkOptions {
  /** The module that an address is in. */
  readonly moduleAt: (address: bigint) => Promise<UnwindModule | undefined>;
  readonly memory: UnwindMemory;
  /** Frames at most. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

export interface Walk {
  readonly frames: readonly StackFrame[];
  /** Why it ended: at the stack's begin, at the limit, or because something could not be read. */
  readonly end: { readonly kind: 'bottom' | 'limit' } | { readonly kind: 'broken'; readonly why: string };
}

/** Walks a thread's stack from its registers on, the first frame first. Never throws for what a target's memory says. */
export async function walkStack(registers: FrameRegisters, options: WalkOptions): Promise<Walk> {
  const frames: StackFrame[] = [];
  let current = registers;
  let isExact = true;
  let savedAt: ReadonlyMap<string, bigint> = new Map<string, bigint>();
  while (frames.length < options.limit) {
    options.signal?.throwIfAborted();
    const module = await options.moduleAt(isExact ? current.rip : current.rip - 1n);
    const frame = { registers: current, isExact, savedAt, module };
    // Outside of every module only the first frame can be a call through a wild pointer; further ones would be guesses.
    if (module === undefined && frames.length > 0) {
      frames.push({ ...frame, cfa: undefined });
      return { frames, end: { kind: 'broken', why: 'the address is in no module' } };
    }
    try {
      const unwound = await unwindFrame(current, module, options.memory, isExact);
      frames.push({ ...frame, cfa: unwound.cfa });
      if (unwound.caller.rip === 0n) return { frames, end: { kind: 'bottom' } };
      // A stack grows down, so callers lie above; an interrupted one may be on another stack.
      if (!unwound.interrupted && unwound.cfa <= current.rsp) {
        return { frames, end: { kind: 'broken', why: 'the stack does not lead upwards' } };
      }
      // Saved registers stay where they are until a frame nearer to the stack's begin saves them again.
      savedAt = new Map([...savedAt, ...unwound.savedAt]);
      current = unwound.caller;
      isExact = unwound.interrupted;
    } catch (error) {
      if (!(error instanceof UnreadableStack) && !(error instanceof EventscopeError)) throw error;
      frames.push({ ...frame, cfa: undefined });
      return { frames, end: { kind: 'broken', why: error.message } };
    }
  }
  return { frames, end: { kind: 'limit' } };
}
