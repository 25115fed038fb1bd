/** Stepping by line: instructions until the program counter leaves a range, calls stepped over by a breakpoint at their return. */
import type { BreakpointSites, Site } from './machine/breakpoint-sites.js';
import { callLength } from './machine/instruction.js';
import type { KdMemory } from './machine/kd-memory.js';
import type { RunControl } from './machine/run-control.js';
import { STATUS_BREAKPOINT, STATUS_SINGLE_STEP, type StateChange } from './protocol/state-change.js';

export interface RangeStepOptions {
  readonly range?: { readonly from: bigint; readonly to: bigint };
  readonly stepOverCalls?: boolean;
}

export interface RangeStepHooks {
  /** The target stands still and is about to go on. false: the step is to end here. */
  readonly mayGoOn: () => Promise<boolean>;
  /** Something else has stopped it on the way. true: nothing to tell, the step goes on. */
  readonly passes: (stop: StateChange) => Promise<boolean>;
  /** Whether somebody else has a breakpoint there. */
  readonly isUsed: (site: Site) => boolean;
}

export interface StepEnd {
  readonly stop: StateChange;
  /** false: something else stopped the target on the way. */
  readonly completed: boolean;
}

interface Leg extends StepEnd {
  /** Breakpoints of others where it ended were met. */
  readonly isMet?: boolean;
}

/** A line that loops for ever is left to the user after so many. */
const MAX_INSTRUCTIONS = 100_000;

export class RangeStep {
  constructor(
    private readonly control: RunControl,
    private readonly sites: BreakpointSites,
    private readonly memory: KdMemory,
    private readonly hooks: RangeStepHooks,
  ) {}

  async run(options: RangeStepOptions): Promise<StepEnd> {
    let { stop, completed, isMet }: Leg = await this.#one(options);
    for (let count = 1; completed && count < MAX_INSTRUCTIONS; count++) {
      if (!inRange(stop.programCounter, options.range) || !(await this.hooks.mayGoOn())) break;
      // One of ours at the next instruction is a hit, as if the target had run there.
      if (isMet !== true && this.sites.at(stop.programCounter).length > 0) break;
      ({ stop, completed, isMet } = await this.#one(options, stop));
    }
    return { stop, completed };
  }

  /** One instruction, or a whole call. */
  async #one(options: RangeStepOptions, at?: StateChange): Promise<Leg> {
    const from = at ?? this.control.current;
    const call = options.stepOverCalls === true ? await this.#callHere() : undefined;
    if (call !== undefined) return this.#overCall(from, call);
    let stop = await this.control.stepInstruction();
    // Other processors run meanwhile; what stops them comes before the trap that is waited for.
    while (!isStepOf(stop, from.thread) && (await this.hooks.passes(stop))) stop = await this.control.runToStop();
    const completed = isStepOf(stop, from.thread);
    if (completed) this.control.takeStray(stop);
    return { stop, completed };
  }

  /** Where a call that it stands at returns to. */
  async #callHere(): Promise<bigint | undefined> {
    const { programCounter, code } = await this.control.place();
    const length = callLength(code);
    return length === undefined ? undefined : programCounter + BigInt(length);
  }

  /** Runs to the call's return in the same thread and frame: others that come by are let through. */
  async #overCall(stop: StateChange, returnAddress: bigint): Promise<Leg> {
    const { rsp } = await this.control.context(stop.processor);
    let own: Site | undefined;
    const others = (): boolean => this.sites.at(returnAddress).some((site) => site !== own || this.hooks.isUsed(site));
    try {
      for (;;) {
        // Whoever else had one there may have removed it.
        if (this.sites.at(returnAddress).length === 0) {
          own = this.sites.find(returnAddress, undefined);
          await this.sites.arm(own, this.memory);
        }
        const next = await this.control.runToStop();
        let passes = false;
        if (isBreakpointAt(next, returnAddress)) {
          const context = await this.control.context(next.processor);
          if (next.thread === stop.thread && context.rsp >= rsp) {
            return { stop: next, completed: !others() || (await this.hooks.passes(next)), isMet: true };
          }
          passes = !others() && (await this.hooks.mayGoOn());
        }
        if (!passes && !(await this.hooks.passes(next))) return { stop: next, completed: false };
      }
    } finally {
      if (own !== undefined && !this.hooks.isUsed(own)) await this.sites.remove(own, this.memory);
    }
  }
}

const isBreakpointAt = (stop: StateChange, address: bigint): boolean =>
  stop.kind === 'exception' && stop.code === STATUS_BREAKPOINT && stop.programCounter === address;

const inRange = (at: bigint, range: RangeStepOptions['range']): boolean =>
  range !== undefined && at >= range.from && at < range.to;

const isStepOf = (stop: StateChange, thread: bigint): boolean =>
  stop.kind === 'exception' &&
  stop.thread === thread &&
  stop.code === STATUS_SINGLE_STEP &&
  (stop.report.dr6 & 0xfn) === 0n;
