/** Stepping by line: instructions until the program counter leaves a range, calls stepped over by a breakpoint at their return. */
import type { BreakpointSites } from './machine/breakpoint-sites.js';
import { callLength } from './machine/instruction.js';
import type { KdMemory } from './machine/kd-memory.js';
import type { RunControl } from './machine/run-control.js';
import { STATUS_BREAKPOINT, STATUS_SINGLE_STEP, type StateChange } from './protocol/state-change.js';

export interface RangeStepOptions {
  readonly range?: { readonly from: bigint; readonly to: bigint };
  readonly stepOverCalls?: boolean;
  readonly signal?: AbortSignal;
}

export interface StepEnd {
  readonly stop: StateChange;
  /** false: something else stopped the target on the way. */
  readonly completed: boolean;
}

/** A line that loops for ever is left to the user after so many. */
const MAX_INSTRUCTIONS = 100_000;

export class RangeStep {
  constructor(
    private readonly control: RunControl,
    private readonly sites: BreakpointSites,
    private readonly memory: KdMemory,
  ) {}

  async run(options: RangeStepOptions): Promise<StepEnd> {
    let { stop, completed } = await this.#one(options);
    for (let count = 1; completed && count < MAX_INSTRUCTIONS; count++) {
      if (!inRange(stop.programCounter, options.range) || options.signal?.aborted === true) break;
      // One of ours at the next instruction is a hit, as if the target had run there.
      if (this.sites.at(stop.programCounter).length > 0) break;
      ({ stop, completed } = await this.#one(options, stop));
    }
    return { stop, completed };
  }

  /** One instruction, or a whole call. */
  async #one(options: RangeStepOptions, at?: StateChange): Promise<StepEnd> {
    const from = at ?? this.control.current;
    const call = options.stepOverCalls === true ? callLength(from.report.instructionBytes) : undefined;
    if (call !== undefined) return this.#overCall(from, from.programCounter + BigInt(call));
    const stop = await this.control.stepInstruction();
    return { stop, completed: isStepOf(stop, from.thread) };
  }

  /** Runs to the call's return in the same thread and frame: others that come by are let through. */
  async #overCall(stop: StateChange, returnAddress: bigint): Promise<StepEnd> {
    const { rsp } = await this.control.context(stop.processor);
    const existing = this.sites.at(returnAddress).length > 0;
    const site = this.sites.find(returnAddress, undefined);
    if (!existing) await this.sites.arm(site, this.memory);
    try {
      for (;;) {
        const next = await this.control.runToStop();
        const here =
          next.kind === 'exception' && next.code === STATUS_BREAKPOINT && next.programCounter === returnAddress;
        if (!here) return { stop: next, completed: false };
        const context = await this.control.context(next.processor);
        if (next.thread === stop.thread && context.rsp >= rsp) return { stop: next, completed: true };
      }
    } finally {
      if (!existing) await this.sites.remove(site, this.memory);
    }
  }
}

const inRange = (at: bigint, range: RangeStepOptions['range']): boolean =>
  range !== undefined && at >= range.from && at < range.to;

const isStepOf = (stop: StateChange, thread: bigint): boolean =>
  stop.kind === 'exception' &&
  stop.thread === thread &&
  stop.code === STATUS_SINGLE_STEP &&
  (stop.report.dr6 & 0xfn) === 0n;
