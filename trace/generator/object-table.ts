/** The objects of a simulation: made with what there is to take of them, gone with their last handle and reference. */
import type { Random } from '../ring-writer.js';
import type { Call, SimObject, SimType } from './dispatcher.js';
import type { SimSource, SimThread } from './sources.js';

export class ObjectTable {
  readonly all: SimObject[] = [];
  /** Those that a create of that name finds. */
  readonly named = new Map<string, SimObject>();
  readonly #random: Random;
  readonly #freeAddresses: bigint[] = [];
  #nextAddress = 0xffff_8000_1000_0000n;

  constructor(random: Random) {
    this.#random = random;
  }

  newHandle(source: SimSource): bigint {
    for (let handle = 4n; ; handle += 4n) {
      if (!source.handles.has(handle) && !source.reserved.has(handle)) return handle;
    }
  }

  /** How much there is to take of a new object: of a mutant nothing when its creator asks to own it. */
  firstUnits(type: SimType): number {
    if (type === 'semaphore') return this.#random.between(0, 2);
    if (type === 'timer') return 0;
    return this.#random.chance(type === 'mutant' ? 0.7 : 0.15) ? 1 : 0;
  }

  make(
    creator: SimThread,
    asked: Pick<SimObject, 'type' | 'notification' | 'name'> & { readonly units: number },
  ): SimObject {
    const owned = asked.type === 'mutant' && asked.units === 0;
    const object: SimObject = {
      ...{ id: this.all.length, type: asked.type, notification: asked.notification, name: asked.name },
      units: new Array<Call | undefined>(asked.units).fill(undefined),
      ...{ owner: owned ? creator : undefined, depth: owned ? 1 : 0, armed: undefined },
      ...{ waiters: [], handles: 0, references: 0 },
      address: this.#freeAddresses.pop() ?? (this.#nextAddress += 0x80n),
    };
    this.all.push(object);
    if (asked.name !== undefined) this.named.set(asked.name, object);
    return object;
  }

  release(object: SimObject, reference: boolean): void {
    if (reference) object.references -= 1;
    else object.handles -= 1;
    if (object.handles === 0 && object.name !== undefined && this.named.get(object.name) === object) {
      this.named.delete(object.name);
    }
    if (object.handles > 0 || object.references > 0) return;
    object.armed = undefined;
    this.#freeAddresses.push(object.address);
  }
}
