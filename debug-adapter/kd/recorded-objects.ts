/**
 * What a recording has to say of the objects that its calls are about, besides the calls: which handles and which address are one object,
 * and its name. Read from kernel memory, since the calls that made it so were mostly made before.
 */
import { TraceKind } from '../../protocol/trace-layout.js';
import type { SpaceId } from '../engine.js';
import type { KernelInventory } from './kernel-inventory.js';
import type { KernelObjects } from './kernel-objects.js';
import { readHandles } from './nt/objects.js';

export type ObjectFact =
  | { readonly kind: TraceKind.Name; readonly address: bigint; readonly name: string }
  /** The handle of that process was found to be the object. */
  | {
      readonly kind: TraceKind.Reference;
      readonly address: bigint;
      readonly handle: bigint;
      readonly processId: number;
    }
  /** It leads to another object than before. */
  | { readonly kind: TraceKind.Close; readonly handle: bigint };

interface KnownHandle {
  readonly address: bigint | undefined;
  readonly verifiedAt: number;
}

/** For how long a handle is taken to be of the object that it was of. */
const HANDLE_HOLDS_MS = 1_000;
/** More objects and handles than these are told of anew. */
const MAX_KNOWN = 4_096;

export class RecordedObjects {
  readonly #inventory: KernelInventory;
  readonly #objects: KernelObjects;
  readonly #told = new Set<bigint>();
  readonly #handles = new Map<string, KnownHandle>();
  /** Of the session's processes when the recording began, by the object. */
  readonly #atBegin = new Map<bigint, { readonly handle: bigint; readonly processId: number }[]>();

  constructor(inventory: KernelInventory, objects: KernelObjects) {
    this.#inventory = inventory;
    this.#objects = objects;
  }

  /** Which handles the session's processes have. */
  async begin(): Promise<void> {
    for (const { space, side, processId } of this.#inventory.processes()) {
      const table = side === 'user' ? await this.#inventory.handleTableOf(space) : undefined;
      if (table === undefined) continue;
      for (const { handle, object } of await readHandles(this.#inventory.reader, this.#inventory.layout, table)) {
        const others = this.#atBegin.get(object) ?? [];
        this.#atBegin.set(object, [...others, { handle: BigInt(handle), processId }]);
      }
    }
  }

  /** Asked for once: an object that was deleted and whose memory another has is not told apart. */
  async ofAddress(address: bigint): Promise<readonly ObjectFact[]> {
    if (this.#told.has(address)) return [];
    if (this.#told.size >= MAX_KNOWN) this.#told.clear();
    this.#told.add(address);
    const name = await this.#objects.pathOf(address);
    const found = this.#atBegin.get(address) ?? [];
    return [
      ...found.map((handle) => ({ kind: TraceKind.Reference, address, ...handle }) as const),
      ...(name === '' ? [] : [{ kind: TraceKind.Name, address, name } as const]),
    ];
  }

  async ofHandle(space: SpaceId, handle: bigint, processId: number): Promise<readonly ObjectFact[]> {
    const key = `${space}/${handle}`;
    const before = this.#handles.get(key);
    const now = performance.now();
    if (before !== undefined && now - before.verifiedAt < HANDLE_HOLDS_MS) return [];
    const address = await this.#objects.ofHandle(space, handle);
    if (this.#handles.size >= MAX_KNOWN) this.#handles.clear();
    this.#handles.set(key, { address, verifiedAt: now });
    if (before !== undefined && before.address === address) return [];
    const closed = before?.address === undefined ? [] : [{ kind: TraceKind.Close, handle } as const];
    if (address === undefined) return closed;
    const known = this.#atBegin.get(address)?.some((each) => each.handle === handle && each.processId === processId);
    const reference = { kind: TraceKind.Reference, address, handle, processId } as const;
    return [...closed, ...(known === true ? [] : [reference]), ...(await this.ofAddress(address))];
  }
}
