/** Processes and threads of a stopped kernel, out of its lists. */
import type { NtLayout } from './layout.js';
import { type MemoryReader, readPointer, readStructure, readUnicodeString, walkList } from './records.js';
import { THREAD_WAITING, threadStateName, waitReasonName } from './thread-words.js';

const MAX_PROCESSES = 16_384;
const MAX_THREADS = 65_536;
const IMAGE_NAME_BYTES = 15;

export interface NtProcess {
  /** EPROCESS. */
  readonly address: bigint;
  readonly processId: number;
  /** At most 15 characters: the kernel keeps no more of them here. */
  readonly name: string;
  readonly directoryTableBase: bigint;
  /** 0 for the system. */
  readonly peb: bigint;
}

export interface NtThread {
  /** KTHREAD. */
  readonly address: bigint;
  readonly threadId: number;
  readonly processId: number;
  /** That somebody gave it; undefined also where the kernel's layout does not tell. */
  readonly name?: string;
  readonly state: string;
  /** Why it waits; undefined while it does not. */
  readonly waitReason?: string;
  /** How many objects it waits for. */
  readonly waitBlocks: number;
  readonly waitBlockList: bigint;
  /** Ticks of the clock when the wait began. */
  readonly waitTime?: number;
}

const endOf = (fields: readonly (readonly [number, number])[]): number =>
  Math.max(...fields.map(([offset, width]) => offset + width));

/** One process, by the address of its EPROCESS. */
export async function readProcess(
  memory: MemoryReader,
  layout: NtLayout,
  address: bigint,
): Promise<NtProcess | undefined> {
  const table = layout.offset('KPROCESS.DirectoryTableBase');
  const id = layout.offset('EPROCESS.UniqueProcessId');
  const peb = layout.offset('EPROCESS.Peb');
  const name = layout.offset('EPROCESS.ImageFileName');
  const root = await readStructure(memory, address + BigInt(table), 8);
  // From the id to the name in one read: they are near each other, the page-table base is not.
  const from = Math.min(id, peb, name);
  const rest = await readStructure(
    memory,
    address + BigInt(from),
    endOf([
      [id, 8],
      [peb, 8],
      [name, IMAGE_NAME_BYTES],
    ]) - from,
  );
  if (root === undefined || rest === undefined) return undefined;
  const text = Buffer.from(rest.bytes.subarray(name - from, name - from + IMAGE_NAME_BYTES)).toString('latin1');
  return {
    address,
    processId: Number(rest.u64(id - from) & 0xffffffffn),
    name: text.split('\0')[0] ?? '',
    directoryTableBase: root.u64(0),
    peb: rest.u64(peb - from),
  };
}

export async function readProcesses(memory: MemoryReader, layout: NtLayout, listHead: bigint): Promise<NtProcess[]> {
  const links = BigInt(layout.offset('EPROCESS.ActiveProcessLinks'));
  const processes: NtProcess[] = [];
  for await (const at of walkList(memory, listHead, MAX_PROCESSES)) {
    const process = await readProcess(memory, layout, at - links);
    if (process !== undefined) processes.push(process);
  }
  return processes;
}

/** One thread, by the address of its KTHREAD (which is its ETHREAD's). */
export async function readThread(
  memory: MemoryReader,
  layout: NtLayout,
  address: bigint,
): Promise<NtThread | undefined> {
  const cidAt = layout.offset('ETHREAD.Cid');
  const cid = await readStructure(memory, address + BigInt(cidAt), 16);
  const listAt = layout.offset('KTHREAD.WaitBlockList');
  const stateAt = layout.offset('KTHREAD.State');
  const countAt = layout.offset('KTHREAD.WaitBlockCount');
  const reasonAt = layout.offset('KTHREAD.WaitReason');
  const timeAt = layout.offset('KTHREAD.WaitTime');
  const from = Math.min(listAt, stateAt, countAt, reasonAt, timeAt);
  const length =
    endOf([
      [listAt, 8],
      [stateAt, 1],
      [countAt, 1],
      [reasonAt, 1],
      [timeAt, 4],
    ]) - from;
  const body = await readStructure(memory, address + BigInt(from), length);
  if (cid === undefined || body === undefined) return undefined;
  const state = body.u8(stateAt - from);
  const waiting = state === THREAD_WAITING;
  const name = await readThreadName(memory, layout, address);
  return {
    address,
    ...(name === undefined ? {} : { name }),
    processId: Number(cid.u64(0) & 0xffffffffn),
    threadId: Number(cid.u64(8) & 0xffffffffn),
    state: threadStateName(state),
    waitBlocks: waiting ? body.u8(countAt - from) : 0,
    waitBlockList: body.u64(listAt - from),
    ...(waiting ? { waitReason: waitReasonName(body.u8(reasonAt - from)), waitTime: body.u32(timeAt - from) } : {}),
  };
}

/** ETHREAD.ThreadName points to a UNICODE_STRING, of a thread that has one. */
async function readThreadName(memory: MemoryReader, layout: NtLayout, address: bigint): Promise<string | undefined> {
  if (!layout.has('ETHREAD.ThreadName')) return undefined;
  const at = await readPointer(memory, address + BigInt(layout.offset('ETHREAD.ThreadName')));
  const text = at === undefined || at === 0n ? undefined : await readStructure(memory, at, 16);
  const name = text === undefined ? undefined : await readUnicodeString(memory, text, 0);
  return name === '' ? undefined : name;
}

export async function readThreads(memory: MemoryReader, layout: NtLayout, process: NtProcess): Promise<NtThread[]> {
  const head = process.address + BigInt(layout.offset('EPROCESS.ThreadListHead'));
  const links = BigInt(layout.offset('ETHREAD.ThreadListEntry'));
  const threads: NtThread[] = [];
  for await (const at of walkList(memory, head, MAX_THREADS)) {
    const thread = await readThread(memory, layout, at - links);
    if (thread !== undefined) threads.push(thread);
  }
  return threads;
}
