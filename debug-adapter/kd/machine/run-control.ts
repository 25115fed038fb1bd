/**
 * Letting a stopped target run, past breakpoints of ours and hard-coded INT3s, and stepping it by one instruction. What stops it next
 * is told to whoever waits, or to the engine.
 */
import { EFLAGS, X64Context } from '../../../machine/x64-context.js';
import { describeNtstatus } from '../../../machine/status.js';
import { EventscopeError } from '../../../protocol/errors.js';
import type { KdClient } from '../kd-client.js';
import { DBG_CONTINUE, DBG_EXCEPTION_NOT_HANDLED, getContext, setContext } from '../protocol/requests.js';
import { STATUS_BREAKPOINT, STATUS_SINGLE_STEP, type StateChange } from '../protocol/state-change.js';
import type { BreakpointSites, Site } from './breakpoint-sites.js';
import { type DebugTrap, DR6_STEP, type HardwareBreakpoints } from './hardware-breakpoints.js';
import { isWholeInstruction } from './instruction.js';
import { InterruptedSteps } from './interrupted-steps.js';
import type { KdMemory } from './kd-memory.js';

const INT3 = 0xcc;
/** As many as a stop's report brings of what is at its program counter. */
const REPORTED_BYTES = 16;

/**
 * Does what the instruction at RIP does, on the context and the target's memory. false: it does not know this instruction, and nothing
 * was changed.
 */
export type EmulateInstruction = (
  context: X64Context,
  instruction: Uint8Array,
  memory: KdMemory,
  /** Accesses that the target itself has to make: a data breakpoint waits for them. */
  watches: (access: 'read' | 'write', address: bigint, length: number) => boolean,
) => Promise<boolean>;

export interface RunControlOptions {
  readonly client: KdClient;
  readonly memory: KdMemory;
  readonly sites: BreakpointSites;
  readonly hardware: HardwareBreakpoints;
  readonly emulate: EmulateInstruction;
  /** Each time that it leaves where it stands. */
  readonly leaving?: () => void;
}

export class RunControl {
  readonly #client: KdClient;
  readonly #memory: KdMemory;
  readonly #sites: BreakpointSites;
  readonly #hardware: HardwareBreakpoints;
  readonly #emulate: EmulateInstruction;
  readonly #leaving: () => void;
  readonly #contexts = new Map<number, X64Context>();
  #waiting: ((stop: StateChange | Error) => void) | undefined;
  /** The stop is at an INT3 that was ours when it was met; it may have been removed since. */
  #atOwnInt3 = false;
  /** Table entries that the last reports removed, and what a step off them has left out. */
  #lost: Site[] = [];
  readonly #interrupted = new InterruptedSteps();

  constructor({ client, memory, sites, hardware, emulate, leaving }: RunControlOptions) {
    this.#client = client;
    this.#memory = memory;
    this.#sites = sites;
    this.#hardware = hardware;
    this.#emulate = emulate;
    this.#leaving = leaving ?? (() => undefined);
  }

  /** First for every stop. true: somebody waited for it, and it is none of the engine's. */
  stopped(stop: StateChange): boolean {
    this.#memory.invalidate();
    this.#contexts.clear();
    this.#atOwnInt3 = this.#sites.at(stop.programCounter).length > 0 || this.#isOfRemovedSite(stop);
    // What is ours in them may be removed before somebody looks.
    this.#sites.maskIn(stop.programCounter, stop.report.instructionBytes);
    this.#lost.push(...this.#sites.lostTo(stop.programCounter, stop.report.instructionBytes.length));
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(stop);
    return waiting !== undefined;
  }

  /** The target restarted or is gone. */
  abandoned(error: Error): void {
    this.#contexts.clear();
    this.#interrupted.forget();
    this.#lost = [];
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(error);
  }

  /**
   * To be asked before a stop is judged: a report that comes once more shows code as it was at first, with an INT3 of ours that has been
   * removed meanwhile. Where none of ours was it costs nothing. What could not be removed while the link was away is removed first.
   */
  async look(stop: StateChange): Promise<void> {
    if (stop !== this.#client.stop) return;
    await this.#sites.removeLeft(this.#memory);
    const { programCounter, report } = stop;
    const isDoubtful = report.instructionBytes[0] === INT3 && this.#sites.hadAt(programCounter);
    if (!isDoubtful || this.#sites.at(programCounter).length > 0) return;
    await this.readCodeAgain();
    this.#atOwnInt3 ||= this.#isOfRemovedSite(stop);
  }

  /** The code was changed since the stop was reported: an INT3 that it stands at may be none any more. */
  async readCodeAgain(): Promise<void> {
    const { programCounter, report } = this.#mustBeStopped();
    report.instructionBytes.set(await this.#memory.readVirtual(programCounter, report.instructionBytes.length));
  }

  /** Memory was written: it may have been the code that it stands at. */
  async written(address: bigint, length: number): Promise<void> {
    const { stop } = this.#client;
    if (stop === undefined) return;
    const { programCounter } = stop;
    const isAhead = address < programCounter + BigInt(REPORTED_BYTES) && programCounter < address + BigInt(length);
    if (isAhead) await this.readCodeAgain();
  }

  /** The stop that holds now. Rejects with `debug.running`. */
  get current(): StateChange {
    return this.#mustBeStopped();
  }

  /** Where it stands, and the code there: the stop's own, unless its registers were written since. */
  async place(): Promise<{ readonly programCounter: bigint; readonly code: Uint8Array }> {
    const stop = this.#mustBeStopped();
    const programCounter = this.#programCounter(stop);
    const code = this.#isMoved(stop)
      ? await this.#memory.readVirtual(programCounter, REPORTED_BYTES)
      : stop.report.instructionBytes;
    return { programCounter, code };
  }

  /** The stop is at a breakpoint of ours that has been removed since: the instruction is there again. */
  isAtRemoved(stop: StateChange): boolean {
    if (stop.kind !== 'exception') return false;
    if (stop.code === STATUS_BREAKPOINT) return this.#atOwnInt3 && this.#sites.at(stop.programCounter).length === 0;
    const trap = trapOf(stop);
    return trap !== undefined && (trap.dr6 & DR6_STEP) === 0n && this.#hardware.isOfRemoved(trap);
  }

  /** Another processor met it together with the one that stopped first, and reports after it was removed. */
  #isOfRemovedSite({ programCounter, report }: StateChange): boolean {
    return this.#sites.hadAt(programCounter) && report.instructionBytes[0] !== INT3;
  }

  /** Nobody waits any more: the next stop is the engine's. */
  forgetWaiting(): void {
    this.#waiting = undefined;
  }

  /** A step's trap that another stop came before, or the INT3 that it was to lead past: to be gone on from without a word. */
  takeStray(stop: StateChange): boolean {
    return this.#interrupted.take(stop, this.#atOwnInt3);
  }

  /** Registers of a processor; one request a stop. */
  async context(processor: number): Promise<X64Context> {
    const known = this.#contexts.get(processor);
    if (known !== undefined) return known.copy();
    const { data, status } = await this.#client.request(getContext(processor));
    if (data.length < 1232) {
      throw new EventscopeError({
        id: 'debug.registers',
        what: `The registers of processor ${processor} could not be read`,
        target: this.#client.link.description,
        why: describeNtstatus(status),
      });
    }
    const context = new X64Context(data);
    this.#contexts.set(processor, context);
    return context.copy();
  }

  async writeContext(processor: number, context: X64Context): Promise<void> {
    // The target wants the context to have been asked for in this stop.
    await this.context(processor);
    const status = await this.#client.request(setContext(processor, context.bytes));
    if (status >= 0x80000000) {
      throw new EventscopeError({
        id: 'debug.registers',
        what: `The registers of processor ${processor} could not be set`,
        target: this.#client.link.description,
        why: describeNtstatus(status),
      });
    }
    this.#contexts.set(processor, context.copy());
  }

  /** Goes on. The stop that comes instead, when stepping off a breakpoint brought another one. */
  async resume(passException: boolean): Promise<StateChange | undefined> {
    const { stop, instead } = await this.#leave();
    if (instead !== undefined) return instead;
    await this.#letGo(passException && isException(stop) ? DBG_EXCEPTION_NOT_HANDLED : DBG_CONTINUE, false);
    return undefined;
  }

  /** Goes on, and takes the stop that follows for itself. */
  async runToStop(): Promise<StateChange> {
    const { instead } = await this.#leave();
    if (instead !== undefined) return instead;
    return this.#goToStop(false);
  }

  /** Past the instruction that it stands at; everything is armed afterwards. */
  async #leave(): Promise<{ stop: StateChange; instead: StateChange | undefined }> {
    const stop = this.#mustBeStopped();
    await this.#hardware.apply(stop.processorCount);
    await this.#sites.removeLeft(this.#memory);
    const here = this.#sites.at(this.#programCounter(stop));
    // A debug register stops before an INT3 at the same place does, which is still to be met.
    if (here.length === 0 || this.#isHardCoded(stop) || this.#executeHits(stop).length > 0)
      await this.#leaveInstruction(stop);
    else if (!(await this.#emulated(stop))) {
      const next = await this.#stepOff(here);
      if (!isPlainStep(next, stop)) return { stop, instead: next };
    }
    await this.#rearmLost();
    return { stop, instead: undefined };
  }

  /** One instruction of the processor that reported; other processors run meanwhile. The stop that followed. */
  async stepInstruction(): Promise<StateChange> {
    const stop = this.#mustBeStopped();
    await this.#hardware.apply(stop.processorCount);
    await this.#sites.removeLeft(this.#memory);
    const here = this.#sites.at(this.#programCounter(stop));
    if (here.length > 0 && !this.#isHardCoded(stop)) return (await this.#stepHere(stop)) ?? this.#stepOff(here);
    await this.#leaveInstruction(stop);
    await this.#rearmLost();
    return this.#trace();
  }

  /** The next stop, for whatever reason. */
  nextStop(): Promise<StateChange> {
    return new Promise((resolve, reject) => {
      this.#waiting = (stop) => {
        if (stop instanceof Error) reject(stop);
        else resolve(stop);
      };
    });
  }

  #isMoved(stop: StateChange): boolean {
    return this.#programCounter(stop) !== stop.programCounter;
  }

  #programCounter(stop: StateChange): bigint {
    // Only a context that was written can have moved it.
    return this.#contexts.get(stop.processor)?.rip ?? stop.programCounter;
  }

  /** A filtered hit costs one stop where the instruction under the INT3 can be done here. */
  async #emulated(stop: StateChange): Promise<boolean> {
    const context = await this.context(stop.processor);
    const { code } = await this.place();
    const watches = this.#hardware.watches.bind(this.#hardware);
    if (!(await this.#emulate(context, code, this.#memory, watches))) return false;
    await this.writeContext(stop.processor, context);
    return true;
  }

  /**
   * A step off one of our INT3s, done here: the target stays stopped, and its registers are those behind the instruction. Undefined where
   * the instruction is not known.
   */
  async #stepHere(stop: StateChange): Promise<StateChange | undefined> {
    if (stop.kind !== 'exception' || !(await this.#emulated(stop))) return undefined;
    const { rip, eflags } = await this.context(stop.processor);
    const next: StateChange = {
      ...stop,
      code: STATUS_SINGLE_STEP,
      address: rip,
      parameters: [],
      programCounter: rip,
      report: { ...stop.report, dr6: DR6_STEP, eflags, instructionBytes: await this.#bytesFrom(stop, rip) },
    };
    this.#atOwnInt3 = this.#sites.at(rip).length > 0;
    this.#leaving();
    this.#client.standAt(next);
    return next;
  }

  /** What the stop's report has of the instruction at an address, else what memory has. */
  async #bytesFrom(stop: StateChange, address: bigint): Promise<Uint8Array> {
    const { instructionBytes } = stop.report;
    const distance = address - stop.programCounter;
    if (distance > 0n && distance < BigInt(instructionBytes.length)) {
      const rest = instructionBytes.subarray(Number(distance));
      if (isWholeInstruction(rest)) return rest;
    }
    return this.#memory.readVirtual(address, REPORTED_BYTES);
  }

  async #stepOff(here: readonly Site[]): Promise<StateChange> {
    // Those that others are still to be stepped past as well: else two that wait for each other's steps would come to nothing.
    const waiting = this.#interrupted.places.flatMap((at) => this.#sites.at(at));
    const passed = [...new Set([...here, ...waiting])];
    for (const site of passed) await this.#sites.disarm(site, this.#memory);
    // Should the link fail on the way, they are armed when the target is next let go.
    this.#lost.push(...passed);
    const next = await this.#trace();
    await this.#rearmLost();
    return next;
  }

  async #trace(): Promise<StateChange> {
    const stepping = this.#mustBeStopped();
    const from = this.#programCounter(stepping);
    const stop = await this.#goToStop(true);
    const isTrap = stop.kind === 'exception' && stop.code === STATUS_SINGLE_STEP && stop.thread === stepping.thread;
    if (isTrap) this.#interrupted.ended(stepping.thread);
    else this.#interrupted.add(stepping.thread, from);
    return stop;
  }

  async #goToStop(trace: boolean): Promise<StateChange> {
    const next = this.nextStop();
    // Should letting go fail, that failure is told; this one has nobody to tell.
    next.catch(() => undefined);
    try {
      await this.#letGo(DBG_CONTINUE, trace);
    } catch (error) {
      // Nobody would hear of the stop that it is told of when the link is back.
      this.forgetWaiting();
      throw error;
    }
    return next;
  }

  /** A hard-coded INT3 is passed, an execute watch at this instruction does not fire again. */
  async #leaveInstruction(stop: StateChange): Promise<void> {
    if (stop.kind !== 'exception') return;
    // One that is off by now lets it pass.
    const executeHit = this.#executeHits(stop).some((slot) => this.#hardware.isOn(slot));
    if (!executeHit && !this.#isHardCoded(stop)) return;
    const context = await this.context(stop.processor);
    if (context.rip !== stop.programCounter) return;
    if (executeHit) context.eflags |= EFLAGS.resume;
    else context.rip += 1n;
    await this.writeContext(stop.processor, context);
  }

  /** Debug registers that stopped it before the instruction at its program counter. */
  #executeHits(stop: StateChange): readonly number[] {
    const trap = this.#isMoved(stop) ? undefined : trapOf(stop);
    return trap === undefined ? [] : this.#hardware.hits(trap).filter((slot) => this.#hardware.isExecute(slot));
  }

  /** An INT3 of the program itself: not ours, or one that ours lies on. */
  #isHardCoded(stop: StateChange): boolean {
    if (stop.kind !== 'exception' || stop.code !== STATUS_BREAKPOINT || this.#isMoved(stop)) return false;
    return stop.report.instructionBytes[0] === INT3;
  }

  async #rearmLost(): Promise<void> {
    const lost = this.#lost;
    this.#lost = [];
    for (const site of lost) if (this.#sites.has(site)) await this.#sites.arm(site, this.#memory);
  }

  async #letGo(status: number, trace: boolean): Promise<void> {
    this.#leaving();
    this.#memory.invalidate();
    this.#contexts.clear();
    const dr7 = this.#hardware.dr7OfContinue(status === DBG_EXCEPTION_NOT_HANDLED);
    await this.#client.resume({ status, trace, dr7 });
  }

  #mustBeStopped(): StateChange {
    const { stop } = this.#client;
    if (stop !== undefined) return stop;
    throw new EventscopeError({
      id: 'debug.running',
      what: 'The machine is running',
      target: this.#client.link.description,
      next: 'Pause it first',
    });
  }
}

/** Undefined: it is no debug trap. */
export const trapOf = (stop: StateChange): DebugTrap | undefined =>
  stop.kind === 'exception' && stop.code === STATUS_SINGLE_STEP
    ? { dr6: stop.report.dr6, programCounter: stop.programCounter }
    : undefined;

export const isException = (stop: StateChange): boolean =>
  stop.kind === 'exception' && stop.code !== STATUS_BREAKPOINT && stop.code !== STATUS_SINGLE_STEP;

/** The end of a step of the same thread, and nothing else. */
const isPlainStep = (stop: StateChange, before: StateChange): boolean =>
  stop.kind === 'exception' &&
  stop.code === STATUS_SINGLE_STEP &&
  stop.thread === before.thread &&
  (stop.report.dr6 & 0xfn) === 0n;
