/**
 * Whether a hit passes its filter, found out with as few requests as its fields allow: what the stop report tells decides first, then
 * what is known of the thread, then registers (which the instruction under an INT3 needs anyway), then memory.
 */
import { type Condition, evaluateCondition, fieldsOf, INFINITE_TIMEOUT } from '../../machine/conditions.js';
import type { ConditionField, ConditionLookup, FieldValue } from '../../machine/conditions.js';
import { argumentPlace, type Point, POINTS } from '../../machine/points.js';
import type { X64Context } from '../../machine/x64-context.js';
import type { BreakpointRequest, SpaceId } from '../engine.js';
import { objectsOfCall, timeoutTicks, word } from '../session/points/point-call.js';
import { KERNEL_SPACE, type KernelInventory } from './kernel-inventory.js';
import type { KernelObjects } from './kernel-objects.js';
import { type MemoryReader, readStructure } from './nt/records.js';
import type { StateChange } from './protocol/state-change.js';

/** For how long an object that was found by its name is taken to have it still; what passes is looked at again at once. */
const NAME_HOLDS_MS = 1_000;
const SIGNAL_STATE_OFFSET = 4n;
const TICKS_PER_MS = 10_000n;

const OF_THREAD: readonly ConditionField[] = ['thread.id', 'process.id', 'process.name'];
const OF_OBJECTS: readonly ConditionField[] = ['event', 'object', 'handle', 'address', 'previous'];

/** An object of a call: by its address, by a handle, or both once the handle was looked up. */
interface CallObject {
  readonly handle: bigint | undefined;
  readonly address: bigint | undefined;
}

/** By path; undefined: it was not found when it was looked for. */
type NamedObjects = Map<string, { readonly address: bigint | undefined; readonly verifiedAt: number }>;

export interface HitConditionsOptions {
  readonly inventory: KernelInventory;
  readonly objects: KernelObjects;
  readonly registers: (processor: number) => Promise<X64Context>;
}

export class HitConditions {
  readonly #parts: HitConditionsOptions;
  /** Objects by the paths that conditions name. */
  readonly #named: NamedObjects = new Map();

  constructor(parts: HitConditionsOptions) {
    this.#parts = parts;
  }

  /** The target restarted. */
  forget(): void {
    this.#named.clear();
  }

  /** hits: this one included. What cannot be decided passes: better a stop too many than one that was missed. */
  async passes(stop: StateChange, request: BreakpointRequest, hits: number): Promise<boolean> {
    if (request.leaves !== undefined && !(await this.#leaves(request.address, request.leaves))) return false;
    if (request.filter === undefined) return true;
    return new Hit(this.#parts, stop, request, hits, this.#named).passes(request.filter.condition);
  }

  async #leaves(address: bigint, wanted: 'signaled' | 'notSignaled'): Promise<boolean> {
    const state = await readStructure(this.#parts.inventory.reader, address, 4);
    return state === undefined || state.i32(0) > 0 === (wanted === 'signaled');
  }
}

class Hit {
  readonly #parts: HitConditionsOptions;
  readonly #stop: StateChange;
  readonly #request: BreakpointRequest;
  readonly #point: Point | undefined;
  readonly #memory: MemoryReader;
  readonly #named: NamedObjects;
  readonly #known = new Map<ConditionField, FieldValue>();

  constructor(
    parts: HitConditionsOptions,
    stop: StateChange,
    request: BreakpointRequest,
    hits: number,
    named: NamedObjects,
  ) {
    this.#parts = parts;
    this.#stop = stop;
    this.#request = request;
    this.#named = named;
    this.#point = request.point === undefined ? undefined : POINTS[request.point];
    this.#memory = parts.inventory.reader;
    this.#known.set('hits', hits);
    this.#known.set('side', (stop.report.segCs & 3) === 0 ? 'kernel' : 'user');
    if (this.#point !== undefined) this.#known.set('point', this.#point.name);
  }

  async passes(condition: Condition): Promise<boolean> {
    const asked = fieldsOf(condition);
    const decided = (lookup: ConditionLookup): boolean | undefined => evaluateCondition(condition, lookup);
    const known: ConditionLookup = (field) => this.#known.get(field);
    if (decided(known) === false) return false;
    if (OF_THREAD.some((field) => asked.has(field))) {
      await this.#learnThread();
      if (decided(known) === false) return false;
    }
    const registers = await this.#parts.registers(this.#stop.processor);
    if (this.#request.atReturn === true) this.#learnResult(registers);
    const about = OF_OBJECTS.some((field) => asked.has(field)) ? await this.#objects(registers) : [];
    const names = await this.#namesWanted(condition);
    if (decided(known) === false) return false;
    const candidates = about.filter((object) => decided((field) => this.#byAddress(field, object, names)) !== false);
    if (about.length > 0 && candidates.length === 0) return false;
    if (asked.has('caller.module')) await this.#learnCaller(registers);
    if (asked.has('timeout')) await this.#learnTimeout(registers);
    if (about.length === 0) return decided(known) !== false;
    for (const object of candidates) if (await this.#passesFor(object, condition, asked)) return true;
    return false;
  }

  /** With everything that can be read of the object. */
  async #passesFor(object: CallObject, condition: Condition, asked: ReadonlySet<ConditionField>): Promise<boolean> {
    if (evaluateCondition(condition, (field) => this.#byAddress(field, object, undefined)) === false) return false;
    const more = new Map<ConditionField, FieldValue>();
    if (object.address !== undefined && (asked.has('event') || asked.has('object'))) {
      const path = await this.#parts.objects.pathOf(object.address);
      more.set('event', path).set('object', path);
      if (this.#named.has(path)) this.#named.set(path, { address: object.address, verifiedAt: performance.now() });
    }
    if (object.address !== undefined && asked.has('previous') && this.#request.atReturn !== true) {
      const state = await readStructure(this.#parts.inventory.reader, object.address + SIGNAL_STATE_OFFSET, 4);
      if (state !== undefined) more.set('previous', state.i32(0));
    }
    return (
      evaluateCondition(condition, (field) => more.get(field) ?? this.#byAddress(field, object, undefined)) !== false
    );
  }

  /** names: paths and the objects that have them; undefined when that is not known of all. */
  #byAddress(
    field: ConditionField,
    object: CallObject,
    names: ReadonlyMap<bigint, string> | undefined,
  ): FieldValue | undefined {
    if (field === 'address') return object.address;
    if (field === 'handle') return object.handle;
    if (field === 'event' || field === 'object') {
      return names === undefined || object.address === undefined ? undefined : (names.get(object.address) ?? '');
    }
    return this.#known.get(field);
  }

  /** The objects that have the names which the condition compares with; undefined when it asks for a name in another way. */
  async #namesWanted(condition: Condition): Promise<ReadonlyMap<bigint, string> | undefined> {
    const paths = pathsIn(condition);
    if (paths === undefined || paths.size === 0) return undefined;
    const names = new Map<bigint, string>();
    for (const path of paths) {
      const address = await this.#addressNamed(path);
      if (address === undefined) return undefined;
      names.set(address, path);
    }
    return names;
  }

  async #addressNamed(path: string): Promise<bigint | undefined> {
    const known = this.#named.get(path);
    const now = performance.now();
    if (known?.address !== undefined && now - known.verifiedAt < NAME_HOLDS_MS) return known.address;
    let address: bigint | undefined;
    // Its name is in front of it; a walk through the directories is for an object that was never seen.
    if (known?.address !== undefined && (await this.#parts.objects.pathOf(known.address)) === path) {
      address = known.address;
    } else if (known === undefined) {
      address = (await this.#parts.objects.named(path))?.address;
    }
    this.#named.set(path, { address, verifiedAt: now });
    return address;
  }

  async #learnThread(): Promise<void> {
    const { threadId, process } = await this.#parts.inventory.whoStopped(this.#stop);
    if (threadId !== undefined) this.#known.set('thread.id', threadId);
    if (process !== undefined) this.#known.set('process.id', process.processId).set('process.name', process.name);
  }

  #learnResult(registers: X64Context): void {
    const result = registers.get('rax') & 0xffff_ffffn;
    this.#known.set('status', result);
    if (this.#point?.returns === 'previousState') this.#known.set('previous', result);
  }

  async #learnCaller(registers: X64Context): Promise<void> {
    const back = await word(this.#memory, registers.rsp);
    const module = back === undefined ? undefined : this.#parts.inventory.moduleAt(this.#request.space, back);
    if (module !== undefined) this.#known.set('caller.module', module.name);
  }

  async #learnTimeout(registers: X64Context): Promise<void> {
    if (this.#point === undefined || this.#request.atReturn === true) return;
    const timeout = await timeoutTicks(this.#point, registers, this.#memory);
    if (timeout === 'infinite') this.#known.set('timeout', INFINITE_TIMEOUT);
    // What time of day it is there is not known.
    else if (timeout !== undefined && timeout <= 0n) this.#known.set('timeout', -timeout / TICKS_PER_MS);
  }

  /** Without a point RCX is taken for the object. */
  async #objects(registers: X64Context): Promise<CallObject[]> {
    if (this.#request.atReturn === true) return [];
    if (this.#request.leaves !== undefined) {
      return [{ handle: undefined, address: this.#request.address - SIGNAL_STATE_OFFSET }];
    }
    const place = argumentPlace(0);
    if (this.#point === undefined) {
      const first = place.kind === 'register' ? registers.get(place.register) : 0n;
      return [this.#request.space === KERNEL_SPACE ? { handle: undefined, address: first } : { handle: first, address: undefined }]; // prettier-ignore
    }
    const { handles, pointers } = await objectsOfCall(this.#point, registers, this.#memory);
    const objects: CallObject[] = pointers.map((address) => ({ handle: undefined, address }));
    const space: SpaceId | undefined =
      this.#request.space === KERNEL_SPACE ? await this.#parts.inventory.spaceOf(this.#stop.thread) : this.#request.space; // prettier-ignore
    for (const handle of handles) {
      const address = space === undefined ? undefined : await this.#parts.objects.ofHandle(space, handle);
      objects.push({ handle, address });
    }
    return objects;
  }
}

/** Paths that `event` and `object` are compared with; undefined when one is compared with something else than a whole path. */
function pathsIn(condition: Condition): ReadonlySet<string> | undefined {
  const paths = new Set<string>();
  const isPlain = (each: Condition): boolean => {
    switch (each.kind) {
      case 'and':
      case 'or':
        return each.operands.every(isPlain);
      case 'not':
        return isPlain(each.operand);
      case 'number':
        return true;
      case 'text': {
        if (each.field !== 'event' && each.field !== 'object') return true;
        if ((each.comparison !== '==' && each.comparison !== '!=') || !each.value.startsWith('\\')) return false;
        paths.add(each.value);
        return true;
      }
    }
  };
  return isPlain(condition) ? paths : undefined;
}
