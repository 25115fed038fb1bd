/**
 * Code breakpoints of ours in the target: INT3 bytes that we write ourselves, so that there may be more than the 32 of the target's table
 * and a stop report does not remove them; the table for kernel pages that cannot be written now; frames of physical memory for code of a
 * process.
 */
import { EventscopeError } from '../../../protocol/errors.js';
import type { KdClient } from '../kd-client.js';
import { restoreBreakPoint, writeBreakPoint } from '../protocol/requests.js';
import type { BreakpointJournal, JournalEntry } from './breakpoint-journal.js';
import { isKernelAddress, type KdMemory, type Patches } from './kd-memory.js';
import type { AddressSpaceRoot } from './page-tables.js';

const INT3 = Uint8Array.of(0xcc);
/** The target's own table. */
export const TABLE_ENTRIES = 32;
const MAX_REMEMBERED = 4_096;

export interface Site {
  readonly address: bigint;
  /** Of a process: undefined in the kernel. */
  readonly root: AddressSpaceRoot | undefined;
  /** How it is armed now. */
  armed:
    | { readonly kind: 'virtual'; readonly original: number }
    | { readonly kind: 'physical'; readonly original: number; readonly physical: bigint }
    | { readonly kind: 'table'; readonly handle: number }
    | undefined;
}

export class BreakpointSites implements Patches {
  readonly #client: KdClient;
  readonly #journal: BreakpointJournal | undefined;
  readonly #sites = new Map<string, Site>();
  readonly #virtual = new Map<bigint, number>();
  readonly #physical = new Map<bigint, number>();
  /** Where an INT3 of ours was removed, the latest. */
  readonly #had = new Set<bigint>();
  /** To be removed, which the link has not let us do yet. */
  readonly #left = new Set<Site>();
  kernelBase = 0n;

  constructor(client: KdClient, journal: BreakpointJournal | undefined) {
    this.#client = client;
    this.#journal = journal;
  }

  get size(): number {
    return this.#virtual.size + this.#physical.size;
  }
  virtual(address: bigint): number | undefined {
    return this.#virtual.get(address);
  }
  physical(address: bigint): number | undefined {
    return this.#physical.get(address);
  }

  /** Puts original bytes in place of ours, in code that was read without looking. */
  maskIn(address: bigint, code: Uint8Array): void {
    for (let index = code.indexOf(0xcc); index >= 0; index = code.indexOf(0xcc, index + 1)) {
      code[index] = this.#virtual.get(address + BigInt(index)) ?? 0xcc;
    }
  }

  get all(): readonly Site[] {
    return [...this.#sites.values()];
  }

  /** Armed sites at an address, of the kernel or of any process: frames are shared. */
  at(address: bigint): readonly Site[] {
    return this.all.filter((site) => site.address === address && site.armed !== undefined);
  }

  /** false: it was removed. */
  has(site: Site): boolean {
    return this.all.includes(site);
  }

  /** An INT3 of ours was there before. */
  hadAt(address: bigint): boolean {
    return this.#had.has(address);
  }

  find(address: bigint, root: AddressSpaceRoot | undefined): Site {
    const key = `${root?.directoryTableBase ?? 'kernel'}:${address}`;
    let site = this.#sites.get(key);
    if (site !== undefined) this.#left.delete(site);
    else {
      site = { address, root, armed: undefined };
      this.#sites.set(key, site);
    }
    return site;
  }

  async arm(site: Site, memory: KdMemory): Promise<void> {
    if (site.armed !== undefined) return;
    if (site.root !== undefined && !isKernelAddress(site.address)) await this.#armFrame(site, site.root, memory);
    else await this.#armKernel(site, memory);
  }

  async disarm(site: Site, memory: KdMemory): Promise<void> {
    const { armed } = site;
    if (armed === undefined) return;
    if (armed.kind === 'table') {
      await this.#client.request(restoreBreakPoint(armed.handle));
    } else if (armed.kind === 'virtual') {
      await memory.writeVirtual(site.address, Uint8Array.of(armed.original));
      this.#virtual.delete(site.address);
      this.#journal?.restore(this.#entry('virtual', site.address, armed.original));
    } else {
      await memory.writePhysical(armed.physical, Uint8Array.of(armed.original));
      this.#forgetFrame(site, armed.physical, armed.original);
    }
    site.armed = undefined;
  }

  /** Should it fail, removeLeft() does it later. */
  async remove(site: Site, memory: KdMemory): Promise<void> {
    this.#left.add(site);
    // Another process's in the same frame stays.
    if (this.#sharesFrame(site)) {
      site.armed = undefined;
      if (this.at(site.address).length === 0) this.#virtual.delete(site.address);
    } else await this.disarm(site, memory);
    this.#had.add(site.address);
    for (const oldest of this.#had) {
      if (this.#had.size <= MAX_REMEMBERED) break;
      this.#had.delete(oldest);
    }
    for (const [key, other] of this.#sites) if (other === site) this.#sites.delete(key);
    this.#left.delete(site);
  }

  async removeLeft(memory: KdMemory): Promise<void> {
    for (const site of this.#left) await this.remove(site, memory);
  }

  /** A stop report removes entries of the target's table that lie in its instruction bytes: those are to be armed again. */
  lostTo(programCounter: bigint, count: number): readonly Site[] {
    const lost = this.all.filter(
      (site) =>
        site.armed?.kind === 'table' && site.address >= programCounter && site.address < programCounter + BigInt(count),
    );
    for (const site of lost) site.armed = undefined;
    return lost;
  }

  /** The target restarted: nothing of ours is in it. */
  forget(): void {
    for (const site of this.all) site.armed = undefined;
    for (const entry of this.#journal?.entries ?? []) this.#journal?.restore(entry);
    this.#virtual.clear();
    this.#physical.clear();
    this.#had.clear();
    this.#left.clear();
  }

  /** Puts back what a debugger that crashed has left; how many bytes. */
  async recover(memory: KdMemory): Promise<number> {
    let restored = 0;
    for (const entry of this.#journal?.entries ?? []) {
      if (entry.kernelBase === this.kernelBase) {
        const virtual = entry.kind === 'virtual';
        const now = await (virtual ? memory.readVirtual(entry.address, 1) : memory.readPhysical(entry.address, 1));
        // A page that is away keeps our byte for when it comes back: the entry stays.
        if (now.length === 0) continue;
        if (now[0] === 0xcc) {
          const original = Uint8Array.of(entry.original);
          await (virtual
            ? memory.writeVirtual(entry.address, original)
            : memory.writePhysical(entry.address, original));
          restored++;
        }
      }
      this.#journal?.restore(entry);
    }
    return restored;
  }

  async #armKernel(site: Site, memory: KdMemory): Promise<void> {
    const before = await memory.readVirtual(site.address, 1);
    const original = before[0];
    if (original !== undefined) {
      const entry = this.#entry('virtual', site.address, original);
      this.#journal?.insert(entry);
      try {
        await memory.writeVirtual(site.address, INT3);
        this.#virtual.set(site.address, original);
        site.armed = { kind: 'virtual', original };
        return;
      } catch (error) {
        this.#journal?.restore(entry);
        if (!(error instanceof EventscopeError) || error.id !== 'debug.memory') throw error;
      }
    }
    // A page that is away: the target keeps the breakpoint until it comes.
    const { status, handle } = await this.#client.request(writeBreakPoint(site.address));
    if (status >= 0x80000000)
      throw this.#refused(site.address, 'the page is not in memory, and the table of 32 is full');
    site.armed = { kind: 'table', handle };
  }

  async #armFrame(site: Site, root: AddressSpaceRoot, memory: KdMemory): Promise<void> {
    const place = await memory.translate(root, site.address);
    if (place === undefined) {
      throw this.#refused(site.address, 'its page is not in memory; a hardware breakpoint does not need it');
    }
    const { physical } = place;
    // Two processes with one frame have one byte.
    const shared = this.#physical.get(physical);
    const original = shared ?? (await memory.readPhysical(physical, 1))[0];
    if (original === undefined) throw this.#refused(site.address, 'its frame cannot be read');
    if (shared === undefined) {
      this.#journal?.insert(this.#entry('physical', physical, original));
      await memory.writePhysical(physical, INT3);
      this.#physical.set(physical, original);
    }
    this.#virtual.set(site.address, original);
    site.armed = { kind: 'physical', original, physical };
  }

  #sharesFrame(site: Site): boolean {
    const { armed } = site;
    if (armed?.kind !== 'physical') return false;
    return this.all.some(
      (other) => other !== site && other.armed?.kind === 'physical' && other.armed.physical === armed.physical,
    );
  }

  #forgetFrame(site: Site, physical: bigint, original: number): void {
    this.#physical.delete(physical);
    this.#journal?.restore(this.#entry('physical', physical, original));
    // The byte is back for every process that maps the frame.
    for (const other of this.all) {
      if (other.armed?.kind === 'physical' && other.armed.physical === physical) other.armed = undefined;
    }
    if (!this.all.some((other) => other !== site && other.address === site.address && other.armed !== undefined)) {
      this.#virtual.delete(site.address);
    }
  }

  #entry(kind: 'virtual' | 'physical', address: bigint, original: number): JournalEntry {
    return { kind, address, original, kernelBase: this.kernelBase };
  }

  #refused(address: bigint, why: string): EventscopeError {
    return new EventscopeError({
      id: 'debug.breakpoint',
      what: `No breakpoint can be set at 0x${address.toString(16)}`,
      target: this.#client.link.description,
      why,
    });
  }
}
