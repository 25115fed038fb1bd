/**
 * The namespace, its objects and a driver for views of a stopped machine, out of kernel memory. Asked beside the engine's own work, so that
 * a step need not wait for a long list; each read ends with the signal.
 */
import { EventscopeError } from '../../protocol/errors.js';
import type { KernelObject } from '../../protocol/kernel-views.js';
import type { KdClient } from './kd-client.js';
import type { KernelInventory } from './kernel-inventory.js';
import type { KdMemory } from './machine/kd-memory.js';
import { type DispatcherObject, readDispatcherObject, readWaiters, type WaitBlock } from './nt/dispatcher.js';
import { type NtDriver, readDriver } from './nt/drivers.js';
import type { NtObject, ObjectNamespace } from './nt/objects.js';
import { type NtThread, readThread } from './nt/processes.js';
import { type MemoryReader, readStructure, readUnicodeString } from './nt/records.js';
import { readTickClock, sinceWords, type TickClock } from './nt/tick-clock.js';
import type { StateChange } from './protocol/state-change.js';

/** A longer wait list is cut: nobody reads more. */
const MAX_WAITERS_SHOWN = 64;
/** OBJECT_SYMBOLIC_LINK.LinkTarget, behind its time of creation. */
const LINK_TARGET = 8;
const LINK_BYTES = 0x18;
const WITH_STATE = new Set(['Event', 'Semaphore', 'Mutant', 'Timer']);

export interface KernelViewsOptions {
  readonly client: KdClient;
  readonly memory: KdMemory;
  readonly inventory: KernelInventory;
}

type Directory = ReadonlyMap<string, NtObject>;

export class KernelViews {
  readonly #client: KdClient;
  readonly #memory: KdMemory;
  readonly #inventory: KernelInventory;
  /** Directories that were read in this stop, by their path in lower case. */
  #directories = new Map<string, Directory>();
  #of: StateChange | undefined;

  constructor({ client, memory, inventory }: KernelViewsOptions) {
    this.#client = client;
    this.#memory = memory;
    this.#inventory = inventory;
  }

  /** Entries of a directory. Rejects with `object.directory` when there is none, `debug.ntLayout` where the kernel is not known. */
  async list(path: string, signal: AbortSignal): Promise<readonly NtObject[]> {
    const directory = await this.#directory(path, signal);
    if (directory !== undefined) return [...directory.values()];
    throw new EventscopeError({
      id: 'object.directory',
      what: `The directory ${path} could not be listed`,
      target: this.#inventory.target,
      why: 'the stopped kernel has no directory of that name',
    });
  }

  /** State, counts and waiters of objects by their paths; undefined: there is none. */
  async query(paths: readonly string[], signal: AbortSignal): Promise<readonly (KernelObject | undefined)[]> {
    const answers: (KernelObject | undefined)[] = [];
    for (const path of paths) {
      const object = await this.#find(path, signal);
      answers.push(object === undefined ? undefined : await this.#describe(object, this.#reader(signal)));
    }
    return answers;
  }

  /** A driver by its service's name, with the paths of its devices; undefined: it is not loaded. */
  async driver(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly driver: NtDriver; readonly deviceNames: readonly (string | undefined)[] } | undefined> {
    const object = await this.#find(`\\Driver\\${name}`, signal);
    const driver = object === undefined ? undefined : await readDriver(this.#reader(signal), object.address);
    if (driver === undefined) return undefined;
    const namespace = await this.#namespace(signal);
    const deviceNames: (string | undefined)[] = [];
    for (const { address } of driver.devices) deviceNames.push(await namespace.pathOf(address));
    return { driver, deviceNames };
  }

  /** Ends when the signal does, and when the machine goes on. */
  #reader(signal: AbortSignal): MemoryReader {
    return {
      read: async (address, length) => {
        signal.throwIfAborted();
        return this.#memory.readVirtual(address, length, { signal });
      },
    };
  }

  #namespace(signal: AbortSignal): Promise<ObjectNamespace> {
    return this.#inventory.namespace(this.#reader(signal));
  }

  async #directory(path: string, signal: AbortSignal): Promise<Directory | undefined> {
    const { stop } = this.#client;
    if (stop !== this.#of || stop === undefined) {
      this.#of = stop;
      this.#directories = new Map();
    }
    const key = path.toLowerCase().replace(/(?<=.)\\$/, '');
    const known = this.#directories.get(key);
    if (known !== undefined) return known;
    const objects = await (await this.#namespace(signal)).list(path);
    if (objects === undefined) return undefined;
    const directory = new Map(objects.map((object) => [object.name.toLowerCase(), object]));
    if (this.#client.stop === stop) this.#directories.set(key, directory);
    return directory;
  }

  async #find(path: string, signal: AbortSignal): Promise<NtObject | undefined> {
    const at = path.lastIndexOf('\\');
    const directory = await this.#directory(path.slice(0, Math.max(1, at)), signal);
    return directory?.get(path.slice(at + 1).toLowerCase());
  }

  async #describe(object: NtObject, reader: MemoryReader): Promise<KernelObject> {
    const { address, typeName } = object;
    const dispatcher = WITH_STATE.has(typeName ?? '') ? await readDispatcherObject(reader, address) : undefined;
    const state = dispatcher === undefined ? undefined : await this.#state(dispatcher, reader);
    const waiters = dispatcher === undefined ? [] : await this.#waiters(address, reader);
    const linkTarget = typeName === 'SymbolicLink' ? await linkTargetOf(address, reader) : undefined;
    return {
      typeName: typeName ?? '?',
      address: hex(address),
      handleCount: Number(object.handleCount & 0xffffffffn),
      pointerCount: Number(object.pointerCount & 0xffffffffn),
      waiters,
      ...(state === undefined ? {} : { state }),
      ...(linkTarget === undefined ? {} : { linkTarget }),
    };
  }

  async #state(object: DispatcherObject, reader: MemoryReader): Promise<KernelObject['state']> {
    const { type, signalState, limit, ownerThread, abandoned } = object;
    const signaled = signalState > 0;
    switch (type) {
      case 'notification event':
      case 'synchronization event':
        return { type: 'Event', kind: type === 'notification event' ? 'notification' : 'synchronization', signaled };
      case 'semaphore':
        return limit === undefined ? undefined : { type: 'Semaphore', count: signalState, maximum: limit };
      case 'mutant': {
        const held = ownerThread !== undefined && ownerThread !== 0n;
        const owner = held ? await readThread(reader, this.#inventory.layout, ownerThread) : undefined;
        return {
          type: 'Mutant',
          count: signalState,
          abandoned: abandoned === true,
          ...(owner === undefined ? {} : { owner: { process: owner.processId, thread: owner.threadId } }),
        };
      }
      case 'notification timer':
      case 'synchronization timer':
        return { type: 'Timer', signaled };
      case 'process':
      case 'queue':
      case 'thread':
      case 'gate':
        return undefined;
    }
  }

  async #waiters(object: bigint, reader: MemoryReader): Promise<string[]> {
    const words: string[] = [];
    const blocks = (await readWaiters(reader, object)).slice(0, MAX_WAITERS_SHOWN);
    const clock = blocks.length === 0 ? undefined : await readTickClock(reader, this.#inventory.debuggerData);
    for (const block of blocks) {
      const isThread = block.waitType === 'all' || block.waitType === 'any';
      const thread = isThread ? await readThread(reader, this.#inventory.layout, block.thread) : undefined;
      words.push(thread === undefined ? `${block.waitType} ${hex(block.thread)}` : waitWords(thread, block, clock));
    }
    return words;
  }
}

/** "thread 116 of process 1204, UserRequest for 1.25 s, any of 3 objects, as number 1". */
function waitWords(thread: NtThread, { waitType, waitKey }: WaitBlock, clock: TickClock | undefined): string {
  const { threadId, processId, waitReason, waitTime, waitBlocks } = thread;
  const since = clock === undefined || waitTime === undefined ? undefined : sinceWords(clock, waitTime);
  const why = waitReason === undefined ? '' : `, ${waitReason}${since === undefined ? '' : ` for ${since}`}`;
  // Of a wait for any, its result is this number.
  const which = waitBlocks > 1 ? `, ${waitType} of ${waitBlocks} objects, as number ${waitKey}` : '';
  return `thread ${threadId} of process ${processId}${why}${which}`;
}

async function linkTargetOf(address: bigint, reader: MemoryReader): Promise<string | undefined> {
  const link = await readStructure(reader, address, LINK_BYTES);
  return link === undefined ? undefined : readUnicodeString(reader, link, LINK_TARGET);
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;
