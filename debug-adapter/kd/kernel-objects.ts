/**
 * Objects as a session asks for them: by a process's handle or by their address, with their name, state and waiters, read from kernel
 * memory. A KEVENT that a driver keeps in memory of its own has no header of the object manager: its dispatcher header alone tells.
 */
import type { HandleObject, SpaceId, ThreadId } from '../engine.js';
import { KERNEL_SPACE, type KernelInventory } from './kernel-inventory.js';
import { isKernelAddress } from './machine/kd-memory.js';
import { type DispatcherObject, type DispatcherType, readDispatcherObject, readWaiters } from './nt/dispatcher.js';
import { type ObjectNamespace, readHandle } from './nt/objects.js';

/** A wait list that is longer is shown with its first ones. */
const MAX_WAITERS_SHOWN = 64;
/** The two low bits of a handle are the application's. */
const HANDLE_TAG = 3n;

/** The object manager's name of what a dispatcher header says. */
const TYPE_NAMES: Readonly<Record<DispatcherType, string>> = {
  'notification event': 'Event',
  'synchronization event': 'Event',
  mutant: 'Mutant',
  process: 'Process',
  queue: 'Queue',
  semaphore: 'Semaphore',
  thread: 'Thread',
  gate: 'Gate',
  'notification timer': 'Timer',
  'synchronization timer': 'Timer',
};

export interface AskedObject {
  readonly space: SpaceId;
  /** A handle of the process; in the kernel's half, the address of the object itself. */
  readonly handle: bigint;
}

export class KernelObjects {
  readonly #inventory: KernelInventory;
  /** Types of objects stay as they are until the target starts again. */
  #namespace: ObjectNamespace | undefined;

  constructor(inventory: KernelInventory) {
    this.#inventory = inventory;
  }

  /** The target restarted. */
  forget(): void {
    this.#namespace = undefined;
  }

  /** One answer each; undefined: no such handle, or nothing that can be waited for. */
  async query(asked: readonly AskedObject[]): Promise<readonly (HandleObject | undefined)[]> {
    const numbers = new Map<bigint, number>();
    const answers: (HandleObject | undefined)[] = [];
    for (const one of asked) {
      const address = await this.#addressOf(one);
      const number = address === undefined ? 0 : (numbers.get(address) ?? numbers.size + 1);
      if (address !== undefined) numbers.set(address, number);
      answers.push(address === undefined ? undefined : await this.#describe(address, number));
    }
    return answers;
  }

  /** Address and kind of the object at a path; undefined: there is none, or the kernel's layout does not tell. */
  async named(path: string): Promise<DispatcherObject | undefined> {
    const namespace = await this.#openNamespace();
    const address = (await namespace?.find(path))?.address;
    return address === undefined ? undefined : readDispatcherObject(this.#inventory.reader, address);
  }

  /** Path of an object, empty when it has none. */
  async pathOf(address: bigint): Promise<string> {
    const object = await readDispatcherObject(this.#inventory.reader, address);
    return object === undefined ? '' : ((await this.#nameOf(object)) ?? '');
  }

  async #addressOf({ space, handle }: AskedObject): Promise<bigint | undefined> {
    // The pseudo-handles -1 to -3 and the kernel's own handles are small negative numbers.
    if (isKernelAddress(handle) && BigInt.asIntN(32, handle) !== BigInt.asIntN(64, handle)) return handle;
    return this.ofHandle(space, handle);
  }

  /** The object that a handle of a process stands for. */
  async ofHandle(space: SpaceId, handle: bigint): Promise<bigint | undefined> {
    if (space === KERNEL_SPACE) return undefined;
    const table = await this.#inventory.handleTableOf(space);
    if (table === undefined) return undefined;
    return readHandle(this.#inventory.reader, this.#inventory.layout, table, handle & ~HANDLE_TAG);
  }

  async #describe(address: bigint, number: number): Promise<HandleObject | undefined> {
    const { reader } = this.#inventory;
    const object = await readDispatcherObject(reader, address);
    if (object === undefined) return undefined;
    const name = await this.#nameOf(object);
    const waiters: ThreadId[] = [];
    for (const { thread, waitType } of (await readWaiters(reader, address)).slice(0, MAX_WAITERS_SHOWN)) {
      if (waitType === 'all' || waitType === 'any') waiters.push(await this.#inventory.waitingThread(thread));
    }
    return {
      object: number,
      typeName: TYPE_NAMES[object.type],
      state: stateOf(object),
      isSignaled: object.signalState > 0,
      waiters,
      ...(name === undefined ? {} : { name }),
    };
  }

  /** Undefined: it has no name, or no header of the object manager that fits what it is. */
  async #nameOf({ address, type }: DispatcherObject): Promise<string | undefined> {
    const namespace = await this.#openNamespace();
    const described = await namespace?.describe(address);
    if (namespace === undefined || described?.typeName !== TYPE_NAMES[type] || described.name === '') return undefined;
    return namespace.pathOf(address);
  }

  async #openNamespace(): Promise<ObjectNamespace | undefined> {
    const { layout, debuggerData } = this.#inventory;
    if (debuggerData === undefined || !layout.has('OBJECT_HEADER.TypeIndex', 'OBJECT_HEADER.InfoMask'))
      return undefined;
    this.#namespace ??= await this.#inventory.namespace();
    return this.#namespace;
  }
}

/** "signaled, notification", as the other engine tells it. */
function stateOf({ type, signalState, limit, ownerThread }: DispatcherObject): string {
  const signaled = signalState > 0 ? 'signaled' : 'not signaled';
  if (type === 'semaphore') return `${signaled}, count ${signalState} of ${limit ?? '?'}`;
  if (type === 'mutant') return `${signaled}, ${ownerThread === 0n || ownerThread === undefined ? 'free' : 'owned'}`;
  const kind = /^(notification|synchronization)/.exec(type)?.[1];
  return kind === undefined ? signaled : `${signaled}, ${kind}`;
}
