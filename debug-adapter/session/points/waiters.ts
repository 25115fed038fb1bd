/**
 * Who waits, and for what, where the target keeps no list of waiters: threads that are blocked in a native wait, found by their
 * registers. Verified on Wine 8: a thread blocked in NtWaitForMultipleObjects stands in its stub with the array of handles in RDX; the
 * count (RCX) is gone, so it is 1 where a function that waits for a single object is in the stack, and otherwise as far as the array holds
 * handles.
 */
import { CancelledError } from '../../../protocol/errors.js';
import type { Engine, SpaceId } from '../../engine.js';
import type { Inspector } from '../inspector.js';
import type { Inventory, SessionThread } from '../inventory.js';
import { tellsByAddress, type DispatcherObjects, type SessionObject } from './dispatcher-objects.js';

export interface BlockedThread {
  readonly thread: SessionThread;
  readonly handles: readonly bigint[];
}

const WAIT_FUNCTION = 'NtWaitForMultipleObjects';
const STUB_BYTES = 64n;
/** MAXIMUM_WAIT_OBJECTS of winnt.h. */
const MAX_HANDLES = 64;
/** Frames in which the function that was called for the wait is looked for. */
const FRAMES = 6;

export async function blockedThreads(
  inventory: Inventory,
  inspector: Inspector,
  signal: AbortSignal,
): Promise<readonly BlockedThread[]> {
  const stubs = new Map<string, bigint | undefined>();
  const found: BlockedThread[] = [];
  for (const thread of inventory.threads()) {
    if (signal.aborted) throw new CancelledError();
    if (tellsByAddress(thread.engine)) continue;
    const key = `${thread.engine.kind}/${thread.space}`;
    if (!stubs.has(key)) stubs.set(key, await addressOf(inventory, thread.engine, thread.space));
    const stub = stubs.get(key);
    if (stub === undefined) continue;
    const registers = await inspector.stacks.registers(thread);
    if (registers.rip <= stub || registers.rip >= stub + STUB_BYTES) continue;
    const count = (await isSingle(inspector, thread, signal)) ? 1 : MAX_HANDLES;
    const array = registers.get('rdx');
    const memory = inspector.memory(thread.engine).access(thread.space, signal);
    found.push({ thread, handles: handlesIn(await memory.read(array, count * 8)) });
  }
  return found;
}

/** Sets the waiters of all objects that are known, and makes those known that are waited for. */
export async function scanWaiters(
  inventory: Inventory,
  inspector: Inspector,
  objects: DispatcherObjects,
  signal: AbortSignal,
): Promise<void> {
  const blocked = await blockedThreads(inventory, inspector, signal);
  const waiters = new Map<SessionObject, SessionThread[]>();
  for (const engine of new Set(blocked.map(({ thread }) => thread.engine))) {
    const asked = blocked
      .filter(({ thread }) => thread.engine === engine)
      .flatMap(({ thread, handles }) => handles.map((handle) => ({ thread, handle })));
    const sightings = asked.map(({ thread: { space }, handle }) => ({ engine, space, handle, keepsHandle: true }));
    const found = await objects.identify(engine, sightings);
    const ended = new Set<SessionThread>();
    asked.forEach(({ thread }, index) => {
      const object = found[index];
      // Behind the end of an array that is not of full length stands something else.
      if (object === undefined) ended.add(thread);
      if (object === undefined || ended.has(thread)) return;
      const threads = waiters.get(object) ?? [];
      if (!threads.includes(thread)) threads.push(thread);
      waiters.set(object, threads);
    });
  }
  for (const object of objects.all()) {
    const isTold = object.references.some(({ engine }) => tellsByAddress(engine));
    if (!isTold) object.waiters = waiters.get(object) ?? [];
  }
}

async function addressOf(inventory: Inventory, engine: Engine, space: SpaceId): Promise<bigint | undefined> {
  const ntdll = inventory.modulesOf(engine, space).find(({ module }) => module.name.toLowerCase() === 'ntdll.dll');
  const [stub] = (await ntdll?.symbols.functions(WAIT_FUNCTION)) ?? [];
  return ntdll === undefined || stub === undefined ? undefined : ntdll.module.base + BigInt(stub.rva);
}

async function isSingle(inspector: Inspector, thread: SessionThread, signal: AbortSignal): Promise<boolean> {
  const callers = await inspector.stacks.callers(thread, FRAMES, signal);
  for (const caller of callers) {
    const [frame] = await inspector.stacks.at(thread, caller, 1);
    if (/^(Ke)?WaitFor(SingleObject|MutexObject)/.test(frame?.source?.functionName ?? '')) return true;
  }
  return false;
}

/** Handles are small numbers that divide by four; the array ends where there is something else. */
function handlesIn(data: Uint8Array): bigint[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const handles: bigint[] = [];
  for (let at = 0; at + 8 <= data.byteLength; at += 8) {
    const handle = view.getBigUint64(at, true);
    if (handle === 0n || handle % 4n !== 0n || handle > 0xff_ffffn) break;
    handles.push(handle);
  }
  return handles;
}
