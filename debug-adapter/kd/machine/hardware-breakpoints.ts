/** Debug registers: four addresses, the same on every processor, watched for execution, writes, or reads and writes. */
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

const SLOTS = 4;
/** Bit 10 of DR7 always reads as one. */
export const DR7_NONE = 0x400n;
const ACCESS = { execute: 0n, write: 1n, readwrite: 3n } as const;
const LENGTH: Readonly<Record<number, bigint>> = { 1: 0n, 2: 1n, 4: 3n, 8: 2n };

export class HardwareBreakpoints {
  readonly #client: KdClient;
  readonly #slots: (HardwareWatch | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  #dirty = false;

  constructor(client: KdClient) {
    this.#client = client;
  }

  /** What every Continue must carry: the target writes it into all processors. */
  get dr7(): bigint {
    let dr7 = DR7_NONE;
    this.#slots.forEach((watch, slot) => {
      if (watch === undefined) return;
      const at = BigInt(slot);
      // Global enable: a task switch would clear a local one.
      dr7 |= 2n << (2n * at);
      dr7 |= ACCESS[watch.kind] << (16n + 4n * at);
      dr7 |= (LENGTH[watch.length] ?? 0n) << (18n + 4n * at);
    });
    return dr7;
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
    const slot = this.#slots.indexOf(undefined);
    if (slot < 0) {
      throw new EventscopeError({
        id: 'debug.hardwareBreakpoint',
        what: 'No debug register is free',
        target: this.#client.link.description,
        why: 'the processor has four',
        next: 'Remove a data breakpoint',
      });
    }
    this.#slots[slot] = watch;
    this.#dirty = true;
    return slot;
  }

  remove(slot: number): void {
    this.#slots[slot] = undefined;
    this.#dirty = true;
  }

  forget(): void {
    this.#slots.fill(undefined);
    this.#dirty = false;
  }

  /** Something was set or removed since the processors were told. */
  get hasChanged(): boolean {
    return this.#dirty;
  }

  /** Slots that DR6 of a stop names. */
  hits(dr6: bigint): readonly number[] {
    return this.#slots.flatMap((watch, slot) =>
      watch !== undefined && (dr6 & (1n << BigInt(slot))) !== 0n ? [slot] : [],
    );
  }

  isExecute(slot: number): boolean {
    return this.#slots[slot]?.kind === 'execute';
  }

  /** Whether an access of the target would hit: one that is done in its place would not. */
  watches(access: 'read' | 'write', address: bigint, length: number): boolean {
    return this.#slots.some(
      (watch) =>
        watch !== undefined &&
        (watch.kind === 'readwrite' || watch.kind === access) &&
        address < watch.address + BigInt(watch.length) &&
        watch.address < address + BigInt(length),
    );
  }

  /** Writes the registers of every processor, when something changed since. */
  async apply(processorCount: number): Promise<void> {
    if (!this.#dirty) return;
    const address = (slot: number): bigint => this.#slots[slot]?.address ?? 0n;
    for (let processor = 0; processor < processorCount; processor++) {
      const read = readControlSpace(processor, ControlSpace.SpecialRegisters, SPECIAL_REGISTERS_BYTES);
      const { data, status } = await this.#client.request(read);
      if (decodeSpecialRegisters(data) === undefined) throw this.#failed(processor, status);
      const block = withDebugRegisters(data, [address(0), address(1), address(2), address(3)], this.dr7);
      const written = await this.#client.request(writeControlSpace(processor, ControlSpace.SpecialRegisters, block));
      if (written.status >= 0x80000000) throw this.#failed(processor, written.status);
    }
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
