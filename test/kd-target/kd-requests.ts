/** Answers to manipulate requests (reference, section 4) from the model's memory and processors. */
import type { Kernel } from './kernel.js';
import * as nt from './layouts.js';
import { PAGE_BYTES, type AddressSpace } from './physical-memory.js';
import { KERNEL_CS, type Processor } from './processor.js';

export const HEADER_BYTES = 56;
const MAX_DATA_BYTES = 4000 - HEADER_BYTES;
const STATUS_SUCCESS = 0;
const STATUS_UNSUCCESSFUL = 0xc000_0001;
const STATUS_NOT_FOUND = 0xc000_0225;
const INT3 = 0xcc;
const BREAKPOINT_SLOTS = 32;
const MAX_CONTEXT_BYTES = 0x3000;
const MSR_GS_BASE = 0xc000_0101;

export interface Answer {
  readonly status: number;
  readonly data?: Uint8Array;
}

interface TableEntry {
  readonly address: bigint;
  readonly space: AddressSpace;
  readonly original: number;
}

export interface KdRequestsOptions {
  /** What it says of its build, instead of the one that its layouts are of. */
  readonly build?: number;
  /** Special registers cannot be written. */
  readonly refusesDebugRegisters?: boolean;
}

export class KdRequests {
  readonly #kernel: Kernel;
  readonly #build: number;
  readonly #breakpoints: (TableEntry | undefined)[] = Array.from({ length: BREAKPOINT_SLOTS }, () => undefined);
  /** Processors whose context was read in this stop: SetContext wants that. */
  readonly #contextsRead = new Set<number>();
  #staged = new Uint8Array(MAX_CONTEXT_BYTES);

  readonly #refusesDebugRegisters: boolean;

  constructor(kernel: Kernel, { build = nt.BUILD, refusesDebugRegisters = false }: KdRequestsOptions = {}) {
    this.#kernel = kernel;
    this.#build = build;
    this.#refusesDebugRegisters = refusesDebugRegisters;
  }

  newStop(): void {
    this.#contextsRead.clear();
  }

  /** What a stop report does to breakpoints within its instruction bytes: they are gone. */
  removeBreakpointsWithin(from: bigint, bytes: number): void {
    this.#breakpoints.forEach((entry, slot) => {
      if (entry !== undefined && entry.address >= from && entry.address < from + BigInt(bytes)) {
        entry.space.write(entry.address, Uint8Array.of(entry.original));
        this.#breakpoints[slot] = undefined;
      }
    });
  }

  removeAllBreakpoints(): void {
    this.#breakpoints.fill(undefined);
  }

  /**
   * Answers one request: header is changed in place (its union is the answer's), data is what follows. undefined: an API number that
   * this target does not know. processor: the one that reported the stop.
   */
  answer(api: number, header: DataView, data: Uint8Array, reporting: Processor): Answer {
    const named = header.getUint16(6, true);
    const processor = this.#kernel.slots[named]?.processor ?? reporting;
    const { space } = reporting;
    const address = header.getBigUint64(16, true);
    const count = header.getUint32(24, true);
    const { physical } = this.#kernel.memory;
    switch (api) {
      case 0x3130:
        return this.#read(header, count, (length) => space.read(address, length));
      case 0x3131:
        return this.#written(header, data.length, space.write(address, data));
      case 0x3132:
        this.#contextsRead.add(processor.number);
        return { status: STATUS_SUCCESS, data: contextOf(processor) };
      case 0x3133:
        return this.#setContext(processor, data);
      case 0x3134:
        return this.#writeBreakpoint(header, space, address);
      case 0x3135:
        return this.#restoreBreakpoint(header.getUint32(16, true));
      case 0x3137:
        return this.#readControlSpace(header, processor, Number(address), count);
      case 0x3138:
        return this.#writeControlSpace(header, processor, Number(address), data);
      case 0x313d:
        return this.#read(header, count, (length) => physical.read(address, length));
      case 0x313e:
        return this.#written(header, data.length, physical.write(address, data));
      case 0x3146:
        return this.#version(header);
      case 0x3152:
        return this.#readMsr(header);
      case 0x3156:
        return this.#search(header, space, address, data);
      case 0x3159:
        return { status: STATUS_SUCCESS };
      case 0x315b:
        return this.#fill(header, space, address, count, data);
      case 0x315c:
        return this.#queryMemory(header, space, address);
      case 0x315f:
        return this.#getContextEx(header, processor);
      case 0x3160:
        return this.#setContextEx(header, processor, data);
      default:
        return { status: STATUS_UNSUCCESSFUL };
    }
  }

  #read(header: DataView, count: number, read: (length: number) => Uint8Array): Answer {
    const wanted = Math.min(count, MAX_DATA_BYTES);
    const data = read(wanted);
    header.setUint32(28, data.length, true);
    return { status: data.length < wanted ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS, data };
  }

  #written(header: DataView, wanted: number, done: number): Answer {
    header.setUint32(28, done, true);
    return { status: done < wanted ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS };
  }

  #setContext(processor: Processor, data: Uint8Array): Answer {
    if (data.length < nt.CONTEXT.bytes || !this.#contextsRead.has(processor.number))
      return { status: STATUS_UNSUCCESSFUL };
    applyContext(processor, data);
    return { status: STATUS_SUCCESS };
  }

  #getContextEx(header: DataView, processor: Processor): Answer {
    const context = contextOf(processor);
    this.#contextsRead.add(processor.number);
    const offset = header.getUint32(16, true);
    const data = context.slice(offset, offset + Math.min(header.getUint32(20, true), MAX_DATA_BYTES));
    header.setUint32(24, data.length, true);
    return { status: STATUS_SUCCESS, data };
  }

  /** As Windows does it: pieces are staged, and count when offset and length reach the total that was said. */
  #setContextEx(header: DataView, processor: Processor, data: Uint8Array): Answer {
    const offset = header.getUint32(16, true);
    const total = header.getUint32(24, true);
    if (offset + data.length > MAX_CONTEXT_BYTES) return { status: STATUS_UNSUCCESSFUL };
    this.#staged.set(data, offset);
    header.setUint32(24, data.length, true);
    if (offset + data.length === total) {
      applyContext(processor, this.#staged);
      this.#staged = new Uint8Array(MAX_CONTEXT_BYTES);
    }
    return { status: STATUS_SUCCESS };
  }

  #writeBreakpoint(header: DataView, space: AddressSpace, address: bigint): Answer {
    const slot = this.#breakpoints.indexOf(undefined);
    const [original] = space.read(address, 1);
    const taken = this.#breakpoints.some((entry) => entry?.address === address);
    if (slot < 0 || taken || original === undefined) return { status: STATUS_UNSUCCESSFUL };
    this.#breakpoints[slot] = { address, space, original };
    space.write(address, Uint8Array.of(INT3));
    header.setUint32(24, slot + 1, true);
    return { status: STATUS_SUCCESS };
  }

  #restoreBreakpoint(handle: number): Answer {
    const entry = this.#breakpoints[handle - 1];
    if (entry === undefined) return { status: STATUS_UNSUCCESSFUL };
    entry.space.write(entry.address, Uint8Array.of(entry.original));
    this.#breakpoints[handle - 1] = undefined;
    return { status: STATUS_SUCCESS };
  }

  #readControlSpace(header: DataView, processor: Processor, selector: number, count: number): Answer {
    const slot = this.#kernel.slots[processor.number];
    const pointers = [slot?.pcr, slot?.prcb, undefined, slot?.current.address];
    if (selector === 2)
      return this.#read(header, count, (length) => specialOf(processor, slot?.pcr ?? 0n).slice(0, length));
    const pointer = pointers[selector];
    if (pointer === undefined) return { status: STATUS_UNSUCCESSFUL };
    const data = new Uint8Array(8);
    new DataView(data.buffer).setBigUint64(0, pointer, true);
    header.setUint32(28, 8, true);
    return { status: STATUS_SUCCESS, data };
  }

  #writeControlSpace(header: DataView, processor: Processor, selector: number, data: Uint8Array): Answer {
    const isRefused = this.#refusesDebugRegisters || selector !== 2 || data.length < nt.SPECIAL.KernelDr7 + 8;
    if (isRefused) return { status: STATUS_UNSUCCESSFUL };
    const view = new DataView(data.buffer, data.byteOffset);
    for (let index = 0; index < 4; index++)
      processor.dr[index] = view.getBigUint64(nt.SPECIAL.KernelDr0 + 8 * index, true);
    processor.dr6 = view.getBigUint64(nt.SPECIAL.KernelDr6, true);
    processor.dr7 = view.getBigUint64(nt.SPECIAL.KernelDr7, true);
    header.setUint32(28, data.length, true);
    return { status: STATUS_SUCCESS };
  }

  #version(header: DataView): Answer {
    const kernel = this.#kernel;
    header.setUint16(16, 0x0f, true);
    header.setUint16(18, this.#build, true);
    header.setUint8(20, 6);
    header.setUint8(21, 2);
    header.setUint16(22, 0x01 | 0x02 | 0x04, true);
    header.setUint16(24, 0x8664, true);
    header.setUint8(26, 0x0c);
    header.setUint8(27, 3);
    header.setUint8(28, 0x31);
    header.setBigUint64(32, kernel.image.base, true);
    header.setBigUint64(40, kernel.moduleList, true);
    header.setBigUint64(48, kernel.debuggerDataList, true);
    return { status: STATUS_SUCCESS };
  }

  #readMsr(header: DataView): Answer {
    if (header.getUint32(16, true) !== MSR_GS_BASE) return { status: STATUS_UNSUCCESSFUL };
    const pcr = this.#kernel.slots[0]?.pcr ?? 0n;
    header.setUint32(20, Number(pcr & 0xffff_ffffn), true);
    header.setUint32(24, Number(pcr >> 32n), true);
    return { status: STATUS_SUCCESS };
  }

  #search(header: DataView, space: AddressSpace, address: bigint, pattern: Uint8Array): Answer {
    const length = header.getBigUint64(24, true);
    const bytes = space.read(address, Number(length > 0x10_0000n ? 0x10_0000n : length));
    const found = Buffer.from(bytes).indexOf(pattern);
    if (found < 0) return { status: STATUS_NOT_FOUND };
    header.setBigUint64(16, address + BigInt(found), true);
    return { status: STATUS_SUCCESS };
  }

  #fill(header: DataView, space: AddressSpace, address: bigint, count: number, pattern: Uint8Array): Answer {
    const bytes = Uint8Array.from(
      { length: Math.min(count, PAGE_BYTES * 16) },
      (_, index) => pattern[index % pattern.length] ?? 0,
    );
    const virtual = (header.getUint16(28, true) & 1) !== 0;
    const done = virtual ? space.write(address, bytes) : this.#kernel.memory.physical.write(address, bytes);
    header.setUint32(24, done, true);
    return { status: done < bytes.length ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS };
  }

  #queryMemory(header: DataView, space: AddressSpace, address: bigint): Answer {
    if (space.translate(address) === undefined) return { status: STATUS_UNSUCCESSFUL };
    header.setUint32(32, address >> 63n === 1n ? 2 : 0, true);
    header.setUint32(36, 7, true);
    return { status: STATUS_SUCCESS };
  }
}

/** CONTEXT with all that the model knows (reference, section 8). */
export function contextOf({ registers, dr, dr6, dr7 }: Processor): Uint8Array {
  const bytes = new Uint8Array(nt.CONTEXT.bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(nt.CONTEXT.ContextFlags, 0x10_001f, true);
  view.setUint32(nt.CONTEXT.MxCsr, 0x1f80, true);
  view.setUint16(nt.CONTEXT.SegCs, registers.cs, true);
  const data = registers.cs === KERNEL_CS ? 0x18 : 0x2b;
  for (const offset of [nt.CONTEXT.SegDs, nt.CONTEXT.SegEs, nt.CONTEXT.SegGs, nt.CONTEXT.SegSs])
    view.setUint16(offset, data, true);
  view.setUint16(nt.CONTEXT.SegFs, 0x53, true);
  view.setUint32(nt.CONTEXT.EFlags, registers.eflags, true);
  dr.forEach((value, index) => view.setBigUint64(nt.CONTEXT.Dr0 + 8 * index, value, true));
  view.setBigUint64(nt.CONTEXT.Dr6, dr6, true);
  view.setBigUint64(nt.CONTEXT.Dr7, dr7, true);
  registers.general.forEach((value, index) => view.setBigUint64(nt.CONTEXT.Rax + 8 * index, value, true));
  view.setBigUint64(nt.CONTEXT.Rip, registers.rip, true);
  return bytes;
}

function applyContext({ registers }: Processor, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let index = 0; index < 16; index++)
    registers.general[index] = view.getBigUint64(nt.CONTEXT.Rax + 8 * index, true);
  registers.rip = view.getBigUint64(nt.CONTEXT.Rip, true);
  registers.eflags = view.getUint32(nt.CONTEXT.EFlags, true);
}

function specialOf({ dr, dr6, dr7, cr8, space }: Processor, pcr: bigint): Uint8Array {
  const bytes = new Uint8Array(nt.SPECIAL.bytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(nt.SPECIAL.Cr0, 0x8005_0033n, true);
  view.setBigUint64(nt.SPECIAL.Cr3, space.cr3, true);
  view.setBigUint64(nt.SPECIAL.Cr4, 0x6f8n, true);
  dr.forEach((value, index) => view.setBigUint64(nt.SPECIAL.KernelDr0 + 8 * index, value, true));
  view.setBigUint64(nt.SPECIAL.KernelDr6, dr6, true);
  view.setBigUint64(nt.SPECIAL.KernelDr7, dr7, true);
  view.setBigUint64(nt.SPECIAL.Cr8, cr8, true);
  view.setBigUint64(nt.SPECIAL.MsrGsBase, pcr, true);
  return bytes;
}
