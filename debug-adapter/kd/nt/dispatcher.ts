/** Dispatcher objects and who waits for them. DISPATCHER_HEADER and KWAIT_BLOCK are the same in every x64 version of Windows 10 and 11. */
import { type MemoryReader, readStructure, type StructureView, walkList } from './records.js';

const HEADER_BYTES = 0x18;
const WAIT_LIST = 8n;
const WAIT_BLOCK_BYTES = 0x30;
const MAX_WAITERS = 10_000;

export type DispatcherType =
  | 'notification event'
  | 'synchronization event'
  | 'mutant'
  | 'process'
  | 'queue'
  | 'semaphore'
  | 'thread'
  | 'gate'
  | 'notification timer'
  | 'synchronization timer';

const TYPES: readonly DispatcherType[] = [
  'notification event',
  'synchronization event',
  'mutant',
  'process',
  'queue',
  'semaphore',
  'thread',
  'gate',
  'notification timer',
  'synchronization timer',
];

const WAIT_TYPES = ['all', 'any', 'notification', 'dequeue', 'dpc'] as const;
export type WaitType = (typeof WAIT_TYPES)[number] | 'unknown';

export interface WaitBlock {
  /** KWAIT_BLOCK. */
  readonly address: bigint;
  readonly waitType: WaitType;
  /** What the wait returns when this object satisfies it. */
  readonly waitKey: number;
  /** KTHREAD; for a notification or a queue something else. */
  readonly thread: bigint;
  readonly object: bigint;
}

export interface DispatcherObject {
  readonly address: bigint;
  readonly type: DispatcherType;
  readonly signalState: number;
  /** Semaphores. */
  readonly limit?: number;
  /** Mutants: KTHREAD, 0 when it is free. */
  readonly ownerThread?: bigint;
  readonly abandoned?: boolean;
  /** Timers: 100 ns since the system started, or absolute. */
  readonly dueTime?: bigint;
  /** Timers: ms. */
  readonly period?: number;
}

function waitBlockOf(view: StructureView): WaitBlock {
  return {
    address: view.address,
    waitType: WAIT_TYPES[view.u8(0x10)] ?? 'unknown',
    waitKey: view.u16(0x12),
    thread: view.u64(0x18),
    object: view.u64(0x20),
  };
}

/** Undefined when it cannot be read, or its type is none. */
export async function readDispatcherObject(
  memory: MemoryReader,
  address: bigint,
): Promise<DispatcherObject | undefined> {
  const header = await readStructure(memory, address, HEADER_BYTES);
  // Bit 7 is a lock.
  const type = header === undefined ? undefined : TYPES[header.u8(0) & 0x7f];
  if (header === undefined || type === undefined) return undefined;
  return { address, type, signalState: header.i32(4), ...(await readRest(memory, address, type)) };
}

async function readRest(
  memory: MemoryReader,
  address: bigint,
  type: DispatcherType,
): Promise<Partial<DispatcherObject>> {
  if (type === 'semaphore') {
    const rest = await readStructure(memory, address + 0x18n, 4);
    return rest === undefined ? {} : { limit: rest.i32(0) };
  }
  if (type === 'mutant') {
    const rest = await readStructure(memory, address + 0x28n, 9);
    return rest === undefined ? {} : { ownerThread: rest.u64(0), abandoned: rest.u8(8) !== 0 };
  }
  if (type === 'notification timer' || type === 'synchronization timer') {
    const rest = await readStructure(memory, address + 0x18n, 0x28);
    return rest === undefined ? {} : { dueTime: rest.u64(0), period: rest.u32(0x24) };
  }
  return {};
}

/** In the order in which they will be satisfied. */
export async function readWaiters(memory: MemoryReader, object: bigint): Promise<WaitBlock[]> {
  const waiters: WaitBlock[] = [];
  for await (const at of walkList(memory, object + WAIT_LIST, MAX_WAITERS)) {
    const block = await readStructure(memory, at, WAIT_BLOCK_BYTES);
    if (block !== undefined) waiters.push(waitBlockOf(block));
  }
  return waiters;
}

/** What a thread waits for: its own wait blocks, as many as KTHREAD.WaitBlockCount says. */
export async function readWaitBlocks(memory: MemoryReader, list: bigint, count: number): Promise<WaitBlock[]> {
  if (list === 0n || count === 0) return [];
  const bytes = await memory.read(list, count * WAIT_BLOCK_BYTES);
  const blocks: WaitBlock[] = [];
  for (let at = 0; at + WAIT_BLOCK_BYTES <= bytes.length; at += WAIT_BLOCK_BYTES) {
    const view = await readStructure(memory, list + BigInt(at), WAIT_BLOCK_BYTES);
    if (view !== undefined) blocks.push(waitBlockOf(view));
  }
  return blocks;
}
