/**
 * Memory of a stopped target: virtual in the current address space, physical, and any process's through its page tables. Reads are cut at
 * pages, cached until the target runs, and show the original bytes under breakpoints of ours.
 */
import { EventscopeError } from '../../../protocol/errors.js';
import { describeNtstatus } from '../../../machine/status.js';
import type { KdClient, KdRequestOptions } from '../kd-client.js';
import {
  type Bytes,
  ControlSpace,
  type KdRequest,
  readControlSpace,
  readPhysicalMemory,
  readVirtualMemory,
  writePhysicalMemory,
  type Written,
  writeVirtualMemory,
} from '../protocol/requests.js';
import { decodeSpecialRegisters, SPECIAL_REGISTERS_BYTES } from '../protocol/special-registers.js';
import { leftInPage, MemoryCache } from './memory-cache.js';
import { type AddressSpaceRoot, CR4_LA57, translate, type Translation } from './page-tables.js';

/** What one answer may carry without a target cutting it. */
const READ_BYTES = { kdcom: 2_048, kdnet: 0x448 } as const;
const WRITE_BYTES = 1_024;
/** On a line that damages: what has a chance to come through whole. */
const WARY_BYTES = 32;
/** Page-table entries are read with their neighbours: adjacent pages share them. */
const TABLE_LINE_BYTES = 64;
const INT3 = 0xcc;

/** Original bytes under what we inserted. */
export interface Patches {
  virtual(address: bigint): number | undefined;
  physical(address: bigint): number | undefined;
  readonly size: number;
}

export const isKernelAddress = (address: bigint): boolean => address >= 0xffff_8000_0000_0000n;

export class KdMemory {
  readonly #client: KdClient;
  readonly #patches: Patches;
  readonly #virtual = new MemoryCache();
  readonly #physical = new MemoryCache();
  #currentRoot: AddressSpaceRoot | undefined;

  constructor(client: KdClient, patches: Patches) {
    this.#client = client;
    this.#patches = patches;
  }

  /** The target runs, or another processor reports: nothing that was read holds. */
  invalidate(): void {
    this.#virtual.clear();
    this.#physical.clear();
    this.#currentRoot = undefined;
  }

  /** The readable beginning of the range, in the address space of the processor that reported. */
  async readVirtual(address: bigint, length: number, options: KdRequestOptions = {}): Promise<Uint8Array> {
    const bytes = await this.#read(this.#virtual, readVirtualMemory, address, length, options);
    return this.#masked(bytes, address, (at) => this.#patches.virtual(at));
  }

  async readPhysical(address: bigint, length: number, options: KdRequestOptions = {}): Promise<Uint8Array> {
    const bytes = await this.#read(this.#physical, readPhysicalMemory, address, length, options);
    return this.#masked(bytes, address, (at) => this.#patches.physical(at));
  }

  /** The readable beginning of the range in a process's address space. */
  async readIn(
    root: AddressSpaceRoot,
    address: bigint,
    length: number,
    options: KdRequestOptions = {},
  ): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let done = 0;
    while (done < length) {
      const place = await this.translate(root, address + BigInt(done), options);
      if (place === undefined) break;
      const part = await this.readPhysical(place.physical, Math.min(length - done, place.left), options);
      parts.push(part);
      done += part.length;
      if (part.length < Math.min(length - (done - part.length), place.left)) break;
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : new Uint8Array(Buffer.concat(parts));
  }

  /** Where an address of a process is in physical memory; undefined when its page is not there. */
  translate(root: AddressSpaceRoot, address: bigint, options: KdRequestOptions = {}): Promise<Translation | undefined> {
    return translate((entry) => this.#tableEntry(entry, options), root, address);
  }

  /** CR3 and CR4 of the processor that reported. */
  async currentRoot(options: KdRequestOptions = {}): Promise<AddressSpaceRoot> {
    if (this.#currentRoot !== undefined) return this.#currentRoot;
    const processor = this.#client.stop?.processor ?? 0;
    const request = readControlSpace(processor, ControlSpace.SpecialRegisters, SPECIAL_REGISTERS_BYTES);
    const { data, status } = await this.#client.request(request, options);
    const registers = decodeSpecialRegisters(data);
    if (registers === undefined) {
      throw new EventscopeError({
        id: 'debug.memory',
        what: 'The control registers could not be read',
        target: this.#client.link.description,
        why: describeNtstatus(status),
      });
    }
    this.#currentRoot = { directoryTableBase: registers.cr3, la57: (registers.cr4 & CR4_LA57) !== 0n };
    return this.#currentRoot;
  }

  /** Rejects with `debug.memory`, naming the first address that was refused. */
  async writeVirtual(address: bigint, data: Uint8Array, options: KdRequestOptions = {}): Promise<void> {
    await this.#write(writeVirtualMemory, readVirtualMemory, address, data, options);
  }

  async writePhysical(address: bigint, data: Uint8Array, options: KdRequestOptions = {}): Promise<void> {
    await this.#write(writePhysicalMemory, readPhysicalMemory, address, data, options);
  }

  async writeIn(
    root: AddressSpaceRoot,
    address: bigint,
    data: Uint8Array,
    options: KdRequestOptions = {},
  ): Promise<void> {
    for (let done = 0; done < data.length;) {
      const at = address + BigInt(done);
      const place = await this.translate(root, at, options);
      if (place === undefined) throw this.#refused(at, 'its page is not in memory');
      const part = data.subarray(done, done + place.left);
      await this.writePhysical(place.physical, part, options);
      done += part.length;
    }
  }

  async #tableEntry(physical: bigint, options: KdRequestOptions): Promise<bigint | undefined> {
    const line = physical - (physical % BigInt(TABLE_LINE_BYTES));
    const bytes = await this.#read(this.#physical, readPhysicalMemory, line, TABLE_LINE_BYTES, options);
    const offset = Number(physical - line);
    if (bytes.length < offset + 8) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true);
  }

  get #chunk(): number {
    return this.#client.wary ? WARY_BYTES : READ_BYTES[this.#client.link.dialect];
  }

  async #read(
    cache: MemoryCache,
    request: (address: bigint, count: number) => KdRequest<Bytes>,
    address: bigint,
    length: number,
    options: KdRequestOptions,
  ): Promise<Uint8Array> {
    const result = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const at = address + BigInt(done);
      const inPage = result.subarray(done, Math.min(length, done + leftInPage(at)));
      const known = cache.take(at, inPage);
      if (known > 0) {
        done += known;
        continue;
      }
      const count = Math.min(inPage.length, this.#chunk);
      const { data } = await this.#client.request(request(at, count), options);
      if (data.length === 0) break;
      cache.put(at, data);
      result.set(data, done);
      done += data.length;
    }
    return done === length ? result : result.subarray(0, done);
  }

  #masked(bytes: Uint8Array, address: bigint, original: (at: bigint) => number | undefined): Uint8Array {
    if (this.#patches.size === 0) return bytes;
    for (let index = bytes.indexOf(INT3); index >= 0; index = bytes.indexOf(INT3, index + 1)) {
      const byte = original(address + BigInt(index));
      if (byte !== undefined) bytes[index] = byte;
    }
    return bytes;
  }

  async #write(
    request: (address: bigint, data: Uint8Array) => KdRequest<Written>,
    readBack: (address: bigint, count: number) => KdRequest<Bytes>,
    address: bigint,
    data: Uint8Array,
    options: KdRequestOptions,
  ): Promise<void> {
    // Virtual and physical are two views of the same bytes, and a write may change page tables.
    this.#virtual.clear();
    this.#physical.clear();
    for (let done = 0; done < data.length;) {
      const at = address + BigInt(done);
      const limit = this.#client.wary ? WARY_BYTES : WRITE_BYTES;
      const part = data.subarray(done, Math.min(data.length, done + leftInPage(at), done + limit));
      const { status, count } = await this.#client.request(request(at, part), options);
      if (status >= 0x80000000 || count === 0) {
        throw this.#refused(at + BigInt(Math.min(count, part.length)), describeNtstatus(status));
      }
      const taken = part.subarray(0, count);
      if (this.#client.wary) {
        const { data: back } = await this.#client.request(readBack(at, taken.length), options);
        // The sum over a packet does not tell all damage: what stands there now decides.
        if (Buffer.compare(back, taken) !== 0) continue;
      }
      done += taken.length;
    }
  }

  #refused(address: bigint, why: string): EventscopeError {
    return new EventscopeError({
      id: 'debug.memory',
      what: `Memory at 0x${address.toString(16)} cannot be written`,
      target: this.#client.link.description,
      why,
      data: { address },
    });
  }
}
