/**
 * Steps by line: a plan that is asked at each stop of its thread whether the step is done, and if not goes on. One round trip for a
 * usual line, because the engine repeats instructions inside of the line's range by itself.
 */
import type { X64Context } from '../../machine/x64-context.js';
import type { BreakpointId, Engine } from '../engine.js';
import type { SessionThread } from './inventory.js';
import type { Inspector } from './inspector.js';
import type { Frame } from './stacks.js';

export type StepKind = 'over' | 'into' | 'out';

export interface StepRequest {
  readonly thread: SessionThread;
  readonly kind: StepKind;
  readonly granularity: 'line' | 'instruction';
  /** The other threads stay held meanwhile. */
  readonly singleThread: boolean;
}

export type StepVerdict = 'done' | 'goesOn';

/** Through import thunks and jumps a step into follows so many instructions before it gives up and steps out again. */
const MAX_THUNK_STEPS = 4;
const NO_SIGNAL = new AbortController().signal;

export class LineStep {
  readonly #request: StepRequest;
  readonly #inspector: Inspector;
  readonly #start: readonly Frame[];
  #return: BreakpointId | undefined;
  /** The return is taken only when the stack is above this: a recursive call returns to the same place. */
  #returnAbove = 0n;
  #thunkSteps = 0;
  /** Running to the first instruction after the prologue of a function that was stepped into. */
  #entering = false;

  private constructor(request: StepRequest, inspector: Inspector, start: readonly Frame[]) {
    this.#request = request;
    this.#inspector = inspector;
    this.#start = start;
  }

  /** Begins a step: the target runs when this settles. */
  static async begin(request: StepRequest, inspector: Inspector, signal: AbortSignal): Promise<LineStep> {
    const start = await inspector.stacks.top(request.thread);
    const step = new LineStep(request, inspector, start);
    if (request.kind === 'out') await step.#beginOut(signal);
    else await step.#stepOn(start);
    return step;
  }

  get thread(): SessionThread {
    return this.#request.thread;
  }

  isReturn(ids: readonly BreakpointId[]): boolean {
    return this.#return !== undefined && ids.includes(this.#return);
  }

  /** The thread has stopped on the step's way. Decides, and goes on when the step is not done. */
  async stopped(): Promise<StepVerdict> {
    const context = await this.#inspector.stacks.registers(this.thread);
    if (this.#return !== undefined) {
      const id = this.#return;
      this.#return = undefined;
      await this.#engine.removeBreakpoints([id]);
      if (context.rsp <= this.#returnAbove) {
        await this.#runTo(context.rip, this.#returnAbove);
        return 'goesOn';
      }
    }
    if (this.#entering) return 'done';
    const frames = await this.#inspector.stacks.top(this.thread);
    return this.#request.granularity === 'instruction' ? 'done' : this.#judge(frames, context);
  }

  /** Something else stopped the thread, and was let pass: the step goes on from here. */
  async proceed(): Promise<void> {
    if (this.#return !== undefined) return this.#engine.resume();
    const frames = await this.#inspector.stacks.top(this.thread);
    const context = await this.#inspector.stacks.registers(this.thread);
    const isDeeper = context.rsp < this.#startStack && this.#isElsewhere(frames);
    if (isDeeper && this.#request.kind === 'over') {
      // In a callee: to where it returns into the function of the step.
      const callers = await this.#inspector.stacks.callers(this.thread, 64, NO_SIGNAL);
      const home = callers.find(({ context: { rsp } }) => rsp >= this.#startStack)?.context;
      if (home !== undefined) return this.#runTo(home.rip, home.rsp - 8n);
    }
    await this.#stepOn(frames);
  }

  /** Takes out what the step had set: it ends, done or not. */
  async end(): Promise<void> {
    const id = this.#return;
    this.#return = undefined;
    if (id !== undefined) await this.#engine.removeBreakpoints([id]);
  }

  get #engine(): Engine {
    return this.thread.engine;
  }

  get #startStack(): bigint {
    return this.#start[0]?.context.rsp ?? 0n;
  }

  async #judge(frames: readonly Frame[], context: X64Context): Promise<StepVerdict> {
    const [top] = frames;
    if (top === undefined) return 'done';
    if (this.#request.kind === 'into' && this.#isElsewhere(frames) && context.rsp < this.#startStack) {
      return this.#entered(top, context);
    }
    const source = top.source?.source;
    if (source === undefined || source.line === 0) {
      // Inside of the function without a line: generated code, go on. Outside: a caller without source, go on to one that has it.
      if (!this.#isElsewhere(frames)) {
        await this.#stepOn(frames);
        return 'goesOn';
      }
      return (await this.#runToCallerWithSource()) ? 'goesOn' : 'done';
    }
    const isSameLine =
      !this.#isElsewhere(frames) && source.line === this.#line?.line && source.file === this.#line.file;
    const isInlinedDeeper =
      this.#request.kind !== 'into' && !this.#isElsewhere(frames) && frames.length > this.#start.length;
    if (this.#request.kind === 'out' || (!isSameLine && !isInlinedDeeper)) return 'done';
    await this.#stepOn(frames);
    return 'goesOn';
  }

  /** A call was entered: where there is source it is shown after the prologue, else the call is left again. */
  async #entered(top: Frame, context: X64Context): Promise<StepVerdict> {
    const symbol = top.source === undefined ? undefined : await top.module?.symbols.functionAt(top.rva);
    if (top.source?.source !== undefined && symbol !== undefined && top.module !== undefined) {
      if (symbol.bodyRva <= top.rva) return 'done';
      this.#entering = true;
      await this.#runTo(top.module.module.base + BigInt(symbol.bodyRva), 0n);
      return 'goesOn';
    }
    if (this.#thunkSteps < MAX_THUNK_STEPS && (await this.#isJump(context))) {
      this.#thunkSteps += 1;
      await this.#engine.step(this.thread.thread, this.#others);
      return 'goesOn';
    }
    this.#thunkSteps = 0;
    const data = await this.#inspector.memory(this.#engine).access(this.thread.space, NO_SIGNAL).read(context.rsp, 8);
    if (data.length < 8) return 'done';
    const target = new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
    await this.#runTo(target, context.rsp);
    return 'goesOn';
  }

  /** `jmp` in its usual forms: E9, EB, FF /4 with or without a REX prefix. */
  async #isJump(context: X64Context): Promise<boolean> {
    const access = this.#inspector.memory(this.#engine).access(this.thread.space, NO_SIGNAL);
    const code = await access.read(context.rip, 3);
    const at = ((code[0] ?? 0) & 0xf0) === 0x40 ? 1 : 0;
    const opcode = code[at] ?? 0;
    return opcode === 0xe9 || opcode === 0xeb || (opcode === 0xff && (((code[at + 1] ?? 0) >> 3) & 7) === 4);
  }

  async #stepOn(frames: readonly Frame[]): Promise<void> {
    const { kind, granularity } = this.#request;
    const [top] = frames;
    const stepOverCalls = kind !== 'into';
    if (top === undefined || granularity === 'instruction') {
      await this.#engine.step(this.thread.thread, { ...this.#others, stepOverCalls });
      return;
    }
    const lines = await top.module?.symbols.lineRangeAt(top.rva);
    if (lines === undefined || top.module === undefined) {
      // Code without lines has no line to step by: to its caller.
      if (!(await this.#runToCallerWithSource())) {
        await this.#engine.step(this.thread.thread, { ...this.#others, stepOverCalls });
      }
      return;
    }
    const { base } = top.module.module;
    const range = { from: base + BigInt(lines.from), to: base + BigInt(lines.to) };
    await this.#engine.step(this.thread.thread, { ...this.#others, range, stepOverCalls });
  }

  async #beginOut(signal: AbortSignal): Promise<void> {
    const [top] = this.#start;
    const callers = await this.#inspector.stacks.callers(this.thread, 1, signal);
    const [caller] = callers;
    if (top?.source?.inlined === true) return this.#stepOn(this.#start);
    if (caller === undefined) return this.#engine.resume();
    await this.#runTo(caller.context.rip, caller.context.rsp - 8n);
  }

  async #runToCallerWithSource(): Promise<boolean> {
    const callers = await this.#inspector.stacks.callers(this.thread, 64, NO_SIGNAL);
    for (const caller of callers) {
      const found = await this.#inspector.stacks.at(this.thread, caller, 1);
      if (found[0]?.source?.source !== undefined) {
        await this.#runTo(caller.context.rip, caller.context.rsp - 8n);
        return true;
      }
    }
    return false;
  }

  async #runTo(address: bigint, above: bigint): Promise<void> {
    const { space, thread } = this.thread;
    const [answer] = await this.#engine.setBreakpoints([{ space, address, kind: 'software', thread }]);
    if (answer instanceof Error) throw answer;
    this.#return = answer;
    this.#returnAbove = above;
    await this.#engine.resume();
  }

  #isElsewhere(frames: readonly Frame[]): boolean {
    const [now, start] = [frames.at(-1), this.#start.at(-1)];
    return now?.module !== start?.module || now?.source?.functionRva !== start?.source?.functionRva;
  }

  get #line(): { readonly line: number; readonly file: string } | undefined {
    return this.#start[0]?.source?.source;
  }

  get #others(): { readonly runOthers: boolean } {
    return { runOthers: !this.#request.singleThread };
  }
}
