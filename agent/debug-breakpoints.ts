/** The client's breakpoints: which stand where, in code or in debug registers, and how often each was met. */
import type { DebugBreakpoint } from '../protocol/agent-debug.js';
import { type Filter, receiveFilter } from '../machine/conditions.js';
import { CONTEXT_DEBUG_REGISTERS, type X64Context } from '../machine/x64-context.js';
import type { DebuggedProcess, DebuggedThread } from './debug-process.js';

export const DEBUG_REGISTERS = 4;

export interface Breakpoint {
  readonly id: number;
  readonly request: DebugBreakpoint;
  readonly process: DebuggedProcess;
  /** Debug register, for those that are not software. */
  readonly register?: number;
  readonly filter?: Filter;
  hits: bigint;
  filtered: bigint;
}

const CONDITION: Readonly<Record<'execute' | 'write' | 'readwrite', bigint>> = {
  execute: 0n,
  write: 1n,
  readwrite: 3n,
};
/** LEN bits of DR7 by bytes. */
const LENGTH: Readonly<Record<number, bigint>> = { 1: 0n, 2: 1n, 8: 2n, 4: 3n };

export class Breakpoints {
  readonly #byId = new Map<number, Breakpoint>();
  /** Those with an INT3: asked for at every hit. */
  readonly #software = new Map<DebuggedProcess, Map<bigint, Breakpoint[]>>();
  #nextId = 1;
  /** Those whose counters changed since they were told. */
  readonly changed = new Set<Breakpoint>();

  get(id: number): Breakpoint | undefined {
    return this.#byId.get(id);
  }

  softwareAt(process: DebuggedProcess, address: bigint): readonly Breakpoint[] {
    return this.#software.get(process)?.get(address) ?? [];
  }

  #addSoftware(breakpoint: Breakpoint): void {
    const { process, request } = breakpoint;
    const places = this.#software.get(process) ?? new Map<bigint, Breakpoint[]>();
    this.#software.set(process, places);
    places.set(request.address, [...(places.get(request.address) ?? []), breakpoint]);
  }

  #removeSoftware(breakpoint: Breakpoint): void {
    const { process, request } = breakpoint;
    const places = this.#software.get(process);
    const left = this.softwareAt(process, request.address).filter((other) => other !== breakpoint);
    if (left.length > 0) {
      places?.set(request.address, left);
      return;
    }
    places?.delete(request.address);
    if (places?.size === 0) {
      this.#software.delete(process);
    }
    process.unpatch(request.address);
  }

  of(process: DebuggedProcess): Breakpoint[] {
    return [...this.#byId.values()].filter((breakpoint) => breakpoint.process === process);
  }

  /** The ones of these debug registers (bits 0 to 3 of DR6). */
  inRegisters(process: DebuggedProcess, dr6: bigint): Breakpoint[] {
    return this.of(process).filter(({ register }) => register !== undefined && (dr6 >> BigInt(register)) & 1n);
  }

  /** @returns the breakpoint, or why it cannot be set */
  add(request: DebugBreakpoint, process: DebuggedProcess): Breakpoint | string {
    const id = this.#nextId++;
    // Its text is read again: what comes over the wire is never evaluated as it is.
    const filter = request.filter === undefined ? {} : { filter: receiveFilter(request.filter) };
    const counters = { hits: 0n, filtered: 0n, ...filter };
    if (request.kind === 'software') {
      if (!process.patch(request.address)) {
        return `There is no memory that can be changed at 0x${request.address.toString(16)} of ${process.name}`;
      }
      const breakpoint = { id, request, process, ...counters };
      this.#byId.set(id, breakpoint);
      this.#addSoftware(breakpoint);
      return breakpoint;
    }
    const length = request.kind === 'execute' ? 1 : (request.length ?? 1);
    if (request.address % BigInt(length) !== 0n) {
      return `A watched place of ${length} bytes must begin at a multiple of ${length}`;
    }
    const used = new Set(this.of(process).map(({ register }) => register));
    const register = [0, 1, 2, 3].find((index) => !used.has(index));
    if (register === undefined) {
      return `All ${DEBUG_REGISTERS} debug registers of ${process.name} are in use`;
    }
    const breakpoint = { id, request, process, register, ...counters };
    this.#byId.set(id, breakpoint);
    return breakpoint;
  }

  /** Takes the INT3 out when nobody else needs it. Debug registers are the caller's to set again. */
  remove(breakpoint: Breakpoint): void {
    this.#byId.delete(breakpoint.id);
    this.changed.delete(breakpoint);
    if (breakpoint.request.kind === 'software') {
      this.#removeSoftware(breakpoint);
    }
  }

  usesRegisters(process: DebuggedProcess): boolean {
    return this.of(process).some(({ register }) => register !== undefined);
  }

  /** Whether a debug register watches any of these bytes. */
  watches(process: DebuggedProcess, address: bigint, length: number): boolean {
    return this.of(process).some(
      ({ register, request }) =>
        register !== undefined &&
        request.kind !== 'execute' &&
        request.address < address + BigInt(length) &&
        address < request.address + BigInt(request.length ?? 1),
    );
  }

  /** Sets DR0 to DR3 and DR7 as the process's breakpoints want them. */
  fillDebugRegisters(process: DebuggedProcess, context: X64Context): void {
    let control = 0n;
    for (const index of [0, 1, 2, 3]) {
      context.set(`dr${index}`, 0n);
    }
    for (const { register, request } of this.of(process)) {
      if (register === undefined || request.kind === 'software') {
        continue;
      }
      const at = BigInt(register);
      context.set(`dr${register}`, request.address);
      const length = request.kind === 'execute' ? 0n : (LENGTH[request.length ?? 1] ?? 0n);
      control |= (1n << (at * 2n)) | (CONDITION[request.kind] << (16n + at * 4n)) | (length << (18n + at * 4n));
    }
    context.set('dr6', 0n);
    context.set('dr7', control);
  }

  /** The thread must not run: it is held, its process is, or its event waits. */
  applyDebugRegisters(thread: DebuggedThread): void {
    const context = thread.readContext(CONTEXT_DEBUG_REGISTERS);
    this.fillDebugRegisters(thread.process, context);
    thread.writeContext(context, CONTEXT_DEBUG_REGISTERS);
  }

  count(breakpoint: Breakpoint, passed: boolean): void {
    if (passed) {
      breakpoint.hits++;
    } else {
      breakpoint.filtered++;
    }
    this.changed.add(breakpoint);
  }
}
