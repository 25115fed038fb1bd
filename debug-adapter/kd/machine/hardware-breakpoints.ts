/**
 * Debug registers: four addresses, the same on every processor, watched for execution, writes, or reads and writes. Those that nobody has
 * asked for are lent: such a one is switched with the DR7 that Continue carries anyway, once that was seen to reach every processor.
 */
import { EventscopeError } from '../../../protocol/errors.js';
import { describeNtstatus } from '../../../machine/status.js';
import type { KdClient } from '../kd-client.js';
import { ControlSpace, readControlSpace, writeControlSpace } from '../protocol/requests.js';
import { decodeSpecialRegisters, SPECIAL_REGISTERS_BYTES, withDebugRegisters } from '../protocol/special-registers.js';

export interface HardwareWatch {
  readonly address: bigint;
  readonly kind: 'execute' | 'write' | 'readwrite';
  readonly length: 1 | 2 | 4 | 8;
}

interface Slot {
  readonly watch: HardwareWatch;
  /** Lent: somebody who asks for a register gets it. One that is switched is on while it is needed, another always. */
  readonly lent: 'switched' | 'always' | undefined;
  on: boolean;
}

/** What a stop with the code of a debug trap reports. */
export interface DebugTrap {
  readonly dr6: bigint;
  readonly programCounter: bigint;
}

const SLOTS = 4;
/** Of DR6: the trap flag's. */
export const DR6_STEP = 0x4000n;
/** As many places of execution are remembered, the latest. */
const MAX_REMEMBERED = 4_096;
/** Access and length of a slot in DR7. Of one that is off they mean nothing to a processor, which keeps them. */
const SLOT_MARK = 0xdn;
const markAt = (slot: number): bigint => SLOT_MARK << (16n + 4n * BigInt(slot));
/** Bit 10 of DR7 always reads as one. */
export const DR7_NONE = 0x400n;
const ACCESS = { execute: 0n, write: 1n, readwrite: 3n } as const;
const LENGTH: Readonly<Record<number, bigint>> = { 1: 0n, 2: 1n, 4: 3n, 8: 2n };

const namedIn = (dr6: bigint): readonly number[] =>
  Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => (dr6 & (1n << BigInt(slot))) !== 0n);

/**
 * Two processors met something in one moment: the Continue that answered the first report has cleared DR6 of the second, which stands
 * before the instruction that it met.
 */
const isSilent = ({ dr6 }: DebugTrap): boolean => namedIn(dr6).length === 0 && (dr6 & DR6_STEP) === 0n;

export class HardwareBreakpoints {
  readonly #client: KdClient;
  readonly #slots: (Slot | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  /** The same when the target was last let go: its stop is about those. */
  #wereThere: readonly (Slot | undefined)[] = [];
  readonly #hadSomething = new Set<number>();
  readonly #executedAt = new Set<bigint>();
  #canBeSet: boolean | undefined;
  #dirty = false;
  /** Whether what Continue carries reaches every processor: some targets might tell the one that reported only. */
  #reach: 'unknown' | 'asked' | 'everywhere' | 'not everywhere' = 'unknown';
  /** What the last Continue carried besides, for the processors to show. */
  #mark = 0n;

  constructor(client: KdClient) {
    this.#client = client;
  }

  /** What every processor is to have. */
  get dr7(): bigint {
    let dr7 = DR7_NONE;
    this.#slots.forEach((slot, index) => {
      if (slot === undefined || !this.isOn(index)) return;
      const { watch } = slot;
      const at = BigInt(index);
      // Global enable: a task switch would clear a local one.
      dr7 |= 2n << (2n * at);
      dr7 |= ACCESS[watch.kind] << (16n + 4n * at);
      dr7 |= (LENGTH[watch.length] ?? 0n) << (18n + 4n * at);
    });
    return dr7;
  }

  /** What the Continue that is now sent must carry: the target writes it into all processors, unless the exception is passed on to it. */
  dr7OfContinue(passesException = false): bigint {
    this.#wereThere = [...this.#slots];
    if (this.#reach !== 'asked' || passesException) return this.dr7;
    const free = this.#slots.indexOf(undefined);
    this.#mark = free < 0 ? 0n : markAt(free);
    return this.dr7 | this.#mark;
  }

  /** Before registers are lent: whether they can be switched without a request is found out on the way. */
  expectLending(): void {
    if (this.#reach === 'unknown') this.#reach = 'asked';
  }

  add(watch: HardwareWatch): number {
    if (watch.address % BigInt(watch.length) !== 0n) {
      throw new EventscopeError({
        id: 'debug.hardwareBreakpoint',
        what: `Memory at 0x${watch.address.toString(16)} cannot be watched`,
        target: this.#client.link.description,
        why: `a debug register watches ${watch.length} bytes at a multiple of ${watch.length}`,
      });
    }
    const slot = this.#take({ watch, lent: undefined, on: true });
    if (slot === undefined) {
      throw new EventscopeError({
        id: 'debug.hardwareBreakpoint',
        what: 'No debug register is free',
        target: this.#client.link.description,
        why: 'the processor has four',
        next: 'Remove a data breakpoint',
      });
    }
    return slot;
  }

  /** Whether the target lets them be set: who was not asked for one must not meet that it does not when the machine is to go on. */
  async canBeSet(): Promise<boolean> {
    if (this.#canBeSet === undefined) {
      const { data } = await this.#client.request(readControlSpace(0, ControlSpace.SpecialRegisters, SPECIAL_REGISTERS_BYTES)); // prettier-ignore
      const isKnown = decodeSpecialRegisters(data) !== undefined;
      const written = isKnown ? await this.#client.request(writeControlSpace(0, ControlSpace.SpecialRegisters, data)) : undefined; // prettier-ignore
      this.#canBeSet = written !== undefined && written.status < 0x80000000;
    }
    return this.#canBeSet;
  }

  /** Stops where this is executed while it is on; undefined: none is free. */
  lend(address: bigint, lent: 'switched' | 'always'): number | undefined {
    return this.#take({ watch: { address, kind: 'execute', length: 1 }, lent, on: lent === 'always' });
  }

  get free(): number {
    return this.#slots.filter((slot) => slot === undefined).length;
  }

  /** Which is always on and was lent for this address. */
  lentAt(address: bigint): number | undefined {
    const found = this.#slots.findIndex((slot) => slot?.lent === 'always' && slot.watch.address === address);
    return found < 0 ? undefined : found;
  }

  /** One that is lent, where none is free: to be removed before another can be added. */
  get lentLast(): number | undefined {
    if (this.#slots.includes(undefined)) return undefined;
    const found = this.#slots.findLastIndex((slot) => slot?.lent !== undefined);
    return found < 0 ? undefined : found;
  }

  switch(slot: number, on: boolean): void {
    const found = this.#slots[slot];
    if (found?.lent === 'switched') found.on = on;
  }

  /** Whether a processor that comes to it stops. One that cannot be switched is always on. */
  isOn(slot: number): boolean {
    const found = this.#slots[slot];
    return found !== undefined && (found.on || this.#reach !== 'everywhere');
  }

  #take(made: Slot): number | undefined {
    const slot = this.#slots.indexOf(undefined);
    if (slot < 0) return undefined;
    this.#slots[slot] = made;
    this.#hadSomething.add(slot);
    const { kind, address } = made.watch;
    if (kind === 'execute') this.#executedAt.add(address);
    for (const oldest of this.#executedAt) {
      if (this.#executedAt.size <= MAX_REMEMBERED) break;
      this.#executedAt.delete(oldest);
    }
    this.#dirty = true;
    return slot;
  }

  remove(slot: number): void {
    this.#slots[slot] = undefined;
    this.#dirty = true;
  }

  forget(): void {
    this.#slots.fill(undefined);
    this.#wereThere = [];
    this.#hadSomething.clear();
    this.#executedAt.clear();
    this.#canBeSet = undefined;
    this.#dirty = false;
    this.#reach = 'unknown';
    this.#mark = 0n;
  }

  /** A trap was of registers that have had something, and of nothing that is in one now. */
  isOfRemoved(trap: DebugTrap): boolean {
    if (this.hits(trap).length > 0) return false;
    return namedIn(trap.dr6).some((slot) => this.#hadSomething.has(slot)) || (isSilent(trap) && this.#executedAt.has(trap.programCounter)); // prettier-ignore
  }

  /** Slots that a trap was of, if what is in them now was there when the target was let go. */
  hits(trap: DebugTrap): readonly number[] {
    return this.#slotsOf(trap, this.#slots).filter((slot) => this.#slots[slot] === this.#wereThere[slot]);
  }

  /** A trap was of one that has been removed since the target was let go. */
  wasRemoved(trap: DebugTrap): boolean {
    return this.#slotsOf(trap, this.#wereThere).some((slot) => this.#slots[slot] !== this.#wereThere[slot]);
  }

  #slotsOf(trap: DebugTrap, slots: readonly (Slot | undefined)[]): readonly number[] {
    const isMet = (slot: number): boolean =>
      !isSilent(trap) || (slots[slot]?.watch.kind === 'execute' && slots[slot].watch.address === trap.programCounter);
    const candidates = isSilent(trap) ? slots.map((_, slot) => slot) : namedIn(trap.dr6);
    return candidates.filter((slot) => slots[slot] !== undefined && isMet(slot));
  }

  isExecute(slot: number): boolean {
    return this.#slots[slot]?.watch.kind === 'execute';
  }

  /** Whether an access of the target would hit: one that is done in its place would not. */
  watches(access: 'read' | 'write', address: bigint, length: number): boolean {
    return this.#slots.some(
      (slot) =>
        slot !== undefined &&
        (slot.watch.kind === 'readwrite' || slot.watch.kind === access) &&
        address < slot.watch.address + BigInt(slot.watch.length) &&
        slot.watch.address < address + BigInt(length),
    );
  }

  /** Writes the registers of every processor, when something changed since. */
  async apply(processorCount: number): Promise<void> {
    if (!this.#dirty) return;
    const address = (slot: number): bigint => this.#slots[slot]?.watch.address ?? 0n;
    let marked = true;
    for (let processor = 0; processor < processorCount; processor++) {
      const read = readControlSpace(processor, ControlSpace.SpecialRegisters, SPECIAL_REGISTERS_BYTES);
      const { data, status } = await this.#client.request(read);
      const before = decodeSpecialRegisters(data);
      if (before === undefined) throw this.#failed(processor, status);
      marked &&= (before.dr7 & this.#mark) === this.#mark;
      const block = withDebugRegisters(data, [address(0), address(1), address(2), address(3)], this.dr7);
      const written = await this.#client.request(writeControlSpace(processor, ControlSpace.SpecialRegisters, block));
      if (written.status >= 0x80000000) throw this.#failed(processor, written.status);
    }
    if (this.#mark !== 0n) this.#reach = marked ? 'everywhere' : 'not everywhere';
    this.#mark = 0n;
    this.#dirty = false;
  }

  #failed(processor: number, status: number): EventscopeError {
    return new EventscopeError({
      id: 'debug.hardwareBreakpoint',
      what: `The debug registers of processor ${processor} could not be set`,
      target: this.#client.link.description,
      why: describeNtstatus(status),
    });
  }
}
