/** Breakpoints as the engine's clients ask for them, over sites in code and debug registers. */
import { EventscopeError } from '../../protocol/errors.js';
import type { BreakpointId, BreakpointRequest, HitCounts } from '../engine.js';
import type { RecordHit } from './kd-tracepoints.js';
import { KERNEL_SPACE, type KernelInventory } from './kernel-inventory.js';
import type { BreakpointSites, Site } from './machine/breakpoint-sites.js';
import { MAX_INSTRUCTION_BYTES, takesNoWrite } from './machine/emulate-on-target.js';
import type { HardwareBreakpoints } from './machine/hardware-breakpoints.js';
import { isKernelAddress, type KdMemory } from './machine/kd-memory.js';
import { trapOf } from './machine/run-control.js';
import { STATUS_BREAKPOINT, type StateChange } from './protocol/state-change.js';

export interface EngineBreakpoint {
  readonly id: BreakpointId;
  readonly request: BreakpointRequest;
  place: { readonly kind: 'site'; readonly site: Site } | { readonly kind: 'slot'; readonly slot: number };
  /** Its hits are recorded and gone on from. */
  readonly record: RecordHit | undefined;
  hits: number;
  filtered: number;
  /** Times that its filter was asked. */
  met: number;
}

export class EngineBreakpoints {
  readonly #byId = new Map<BreakpointId, EngineBreakpoint>();
  #nextId = 1;

  constructor(
    private readonly sites: BreakpointSites,
    private readonly hardware: HardwareBreakpoints,
    private readonly memory: KdMemory,
    private readonly inventory: KernelInventory,
  ) {}

  /** The error that this one met is the answer. */
  async add(given: BreakpointRequest, record?: RecordHit): Promise<BreakpointId | Error> {
    const request = inItsSpace(given);
    return this.#add(request, () => this.#place(request, record !== undefined), record);
  }

  /**
   * Where a recorded call returns to. In the kernel a debug register that nobody has asked for, while there is one: it is on while a return
   * is expected, and going on from it needs no register of the thread changed.
   */
  async addReturn(given: BreakpointRequest, record: RecordHit): Promise<BreakpointId | Error> {
    const request = inItsSpace(given);
    const place = async (): Promise<EngineBreakpoint['place']> => {
      const mayHave = request.space === KERNEL_SPACE && (await this.hardware.canBeSet());
      const slot = mayHave ? this.hardware.lend(request.address, 'switched') : undefined;
      return slot === undefined ? this.#place(request, false) : { kind: 'slot', slot };
    };
    return this.#add(request, place, record);
  }

  /** Whether a thread is to come to the return. */
  expectReturn(id: BreakpointId, isExpected: boolean): void {
    const place = this.#byId.get(id)?.place;
    if (place?.kind === 'slot') this.hardware.switch(place.slot, isExpected);
  }

  async #add(
    request: BreakpointRequest,
    find: () => Promise<EngineBreakpoint['place']>,
    record: RecordHit | undefined,
  ): Promise<BreakpointId | Error> {
    try {
      const place = await find();
      const id = this.#nextId++;
      this.#byId.set(id, { id, request, place, record, hits: 0, filtered: 0, met: 0 });
      return id;
    } catch (error) {
      if (error instanceof EventscopeError) return error;
      throw error;
    }
  }

  async remove(id: BreakpointId): Promise<void> {
    const breakpoint = this.#byId.get(id);
    if (breakpoint === undefined) return;
    this.#byId.delete(id);
    const { place } = breakpoint;
    if (place.kind === 'site') {
      if (!this.uses(place.site)) await this.sites.remove(place.site, this.memory);
    } else if (!this.#inSlot(place.slot)) this.hardware.remove(place.slot);
  }

  async removeAll(): Promise<void> {
    for (const id of [...this.#byId.keys()]) await this.remove(id);
  }

  /** The target restarted: which are gone, and why. */
  forget(): readonly { readonly id: BreakpointId; readonly why: string }[] {
    const lost = [...this.#byId.keys()].map((id) => ({ id, why: 'the target has restarted' }));
    this.#byId.clear();
    return lost;
  }

  counts(ids: readonly BreakpointId[]): ReadonlyMap<BreakpointId, HitCounts> {
    return new Map(
      ids.flatMap((id) => {
        const found = this.#byId.get(id);
        return found === undefined ? [] : [[id, { hits: found.hits, filtered: found.filtered }] as const];
      }),
    );
  }

  /** Whose place this stop is at, of whatever process: code of an image is shared. */
  hitBy(stop: Extract<StateChange, { kind: 'exception' }>): readonly EngineBreakpoint[] {
    const all = [...this.#byId.values()];
    const atSite = all.filter(({ place }) => place.kind === 'site' && place.site.address === stop.programCounter);
    if (stop.code === STATUS_BREAKPOINT) return atSite;
    const trap = trapOf(stop);
    if (trap === undefined) return [];
    const slots = this.hardware.hits(trap);
    const inSlot = all.filter(({ place }) => place.kind === 'slot' && slots.includes(place.slot));
    // What had a register when it was met, and has an INT3 by now, which is not met any more.
    return this.hardware.wasRemoved(trap) ? [...inSlot, ...atSite] : inSlot;
  }

  /** isRecorded: each of its hits is gone on from. */
  async #place(request: BreakpointRequest, isRecorded: boolean): Promise<EngineBreakpoint['place']> {
    const { address, kind } = request;
    if (kind === 'software') {
      const inKernel = request.space === KERNEL_SPACE || isKernelAddress(address);
      const isGoneOnFrom = isRecorded || request.filter !== undefined || request.ignoreCount !== undefined;
      const slot = inKernel && isGoneOnFrom ? await this.#lendFor(address) : undefined;
      if (slot !== undefined) return { kind: 'slot', slot };
      // One kind of place for all at an address: two would stop twice for one pass.
      const lent = this.hardware.lentAt(address);
      if (lent !== undefined) await this.#takeBack(lent);
      const site = this.sites.find(address, inKernel ? undefined : await this.inventory.rootOf(request.space));
      await this.sites.arm(site, this.memory);
      return { kind: 'site', site };
    }
    const length = kind === 'execute' ? 1 : (request.length ?? 4);
    if (length !== 1 && length !== 2 && length !== 4 && length !== 8) {
      throw new EventscopeError({
        id: 'debug.hardwareBreakpoint',
        what: `${length} bytes cannot be watched`,
        target: this.inventory.target,
        why: 'a debug register watches 1, 2, 4 or 8 bytes',
      });
    }
    // A debug register is asked for, and there is none but what was lent.
    const lent = this.hardware.lentLast;
    if (lent !== undefined) await this.#takeBack(lent);
    return { kind: 'slot', slot: this.hardware.add({ address, kind, length }) };
  }

  /**
   * A debug register for a place whose hits are gone on from and whose instruction writes memory, as functions of Windows begin, or cannot be
   * done here: to go on from an INT3 there costs a request more, or a stop. One register is left for who asks for it.
   */
  async #lendFor(address: bigint): Promise<number | undefined> {
    const lent = this.hardware.lentAt(address);
    if (lent !== undefined || this.hardware.free < 2 || this.sites.at(address).length > 0) return lent;
    const code = await this.memory.readVirtual(address, MAX_INSTRUCTION_BYTES);
    if (code.length === 0 || takesNoWrite(code) || !(await this.hardware.canBeSet())) return undefined;
    return this.hardware.lend(address, 'always');
  }

  /** Who has it gets an INT3 instead. */
  async #takeBack(slot: number): Promise<void> {
    for (const breakpoint of this.#byId.values()) {
      if (breakpoint.place.kind !== 'slot' || breakpoint.place.slot !== slot) continue;
      const site = this.sites.find(breakpoint.request.address, undefined);
      await this.sites.arm(site, this.memory);
      breakpoint.place = { kind: 'site', site };
    }
    this.hardware.remove(slot);
  }

  #inSlot(slot: number): boolean {
    return [...this.#byId.values()].some(({ place }) => place.kind === 'slot' && place.slot === slot);
  }

  uses(site: Site): boolean {
    return [...this.#byId.values()].some(({ place }) => place.kind === 'site' && place.site === site);
  }
}

/** The kernel's half is the same in every process, whichever was looked at when the address was taken. */
const inItsSpace = (request: BreakpointRequest): BreakpointRequest =>
  isKernelAddress(request.address) ? { ...request, space: KERNEL_SPACE } : request;
