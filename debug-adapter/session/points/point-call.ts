/** The arguments of a call of a point, read where the thread stands at the function's first instruction. */
import {
  argumentPlace,
  parameterBits,
  parameterPosition,
  type Point,
  type PointParameter,
} from '../../../machine/points.js';
import type { X64Context } from '../../../machine/x64-context.js';
import type { MemoryAccess } from '../../variables/value.js';

const MAX_HANDLES = 64;
/** KEVENT and its like keep on Wine a handle in WaitListHead.Blink: all ones when the object is the server's own, null when nobody waited. */
const BLINK_OFFSET = 16n;
const SERVER_OBJECT = 0xffff_ffff_ffff_ffffn;

export interface CallObjects {
  readonly handles: readonly bigint[];
  readonly pointers: readonly bigint[];
}

export async function argument(
  point: Point,
  parameter: PointParameter,
  registers: X64Context,
  memory: MemoryAccess,
): Promise<bigint | undefined> {
  const position = parameterPosition(point, parameter);
  if (position < 0) return undefined;
  const place = argumentPlace(position);
  const bits = BigInt(parameterBits(point, parameter));
  const value = place.kind === 'register' ? registers.get(place.register) : await word(memory, registers.rsp + BigInt(place.offset)); // prettier-ignore
  return value === undefined ? undefined : BigInt.asUintN(Number(bits), value);
}

/** Handles and pointers of the objects that a call is about. */
export async function objectsOfCall(point: Point, registers: X64Context, memory: MemoryAccess): Promise<CallObjects> {
  const one = (parameter: PointParameter): Promise<bigint | undefined> => argument(point, parameter, registers, memory);
  const count = Math.min(Number((await one('count')) ?? 0n), MAX_HANDLES);
  const several = async (parameter: 'handles' | 'objects'): Promise<bigint[]> => {
    const array = await one(parameter);
    if (array === undefined || count === 0) return [];
    const words = await Promise.all(
      Array.from({ length: count }, (_, index) => word(memory, array + BigInt(index * 8))),
    );
    return words.filter((each) => each !== undefined);
  };
  const named = [await one('handle'), await one('signalHandle'), await one('waitHandle'), await one('sourceHandle')];
  const pointer = await one('object');
  return {
    handles: [...named.filter((each) => each !== undefined), ...(await several('handles'))],
    pointers: [...(pointer === undefined ? [] : [pointer]), ...(await several('objects'))],
  };
}

/** "5000 ms", "for ever", "not at all"; undefined: the call has no timeout. Native timeouts are in 100 ns, negative ones relative. */
export async function timeoutOf(
  point: Point,
  registers: X64Context,
  memory: MemoryAccess,
): Promise<string | undefined> {
  const milliseconds = await argument(point, 'milliseconds', registers, memory);
  if (milliseconds !== undefined) return milliseconds === 0xffff_ffffn ? 'for ever' : `for ${milliseconds} ms`;
  if (parameterPosition(point, 'timeout') < 0) return undefined;
  const pointer = await argument(point, 'timeout', registers, memory);
  if (pointer === undefined || pointer === 0n) return 'for ever';
  const value = await word(memory, pointer);
  if (value === undefined) return undefined;
  const units = BigInt.asIntN(64, value);
  if (units === 0n) return 'not at all';
  return units < 0n ? `for ${Number(-units / 1_000n) / 10} ms` : 'until a time of day';
}

/** Name in OBJECT_ATTRIBUTES (ObjectName at 10h, a UNICODE_STRING with its text at 8). */
export async function nameOfCall(
  point: Point,
  registers: X64Context,
  memory: MemoryAccess,
): Promise<string | undefined> {
  const attributes = await argument(point, 'attributes', registers, memory);
  if (attributes === undefined || attributes === 0n) return undefined;
  const name = await word(memory, attributes + 0x10n);
  if (name === undefined || name === 0n) return undefined;
  const bytes = Number(((await word(memory, name)) ?? 0n) & 0xffffn);
  const text = await word(memory, name + 8n);
  return text === undefined || bytes === 0
    ? undefined
    : Buffer.from(await memory.read(text, bytes)).toString('utf16le');
}

export type KernelObjectBacking =
  | { readonly kind: 'server' }
  | { readonly kind: 'handle'; readonly handle: bigint }
  | { readonly kind: 'memory'; readonly isSignaled: boolean };

/** How Wine's kernel keeps the object at a pointer; undefined: it cannot be read. */
export async function backingOf(pointer: bigint, memory: MemoryAccess): Promise<KernelObjectBacking | undefined> {
  const blink = await word(memory, pointer + BLINK_OFFSET);
  const state = await word(memory, pointer);
  if (blink === undefined || state === undefined) return undefined;
  if (blink === SERVER_OBJECT) return { kind: 'server' };
  // Another kernel keeps a list there.
  if (blink !== 0n && blink < 0x1_0000_0000n) return { kind: 'handle', handle: blink };
  return { kind: 'memory', isSignaled: BigInt.asIntN(32, state >> 32n) > 0n };
}

export async function word(memory: MemoryAccess, address: bigint): Promise<bigint | undefined> {
  const data = await memory.read(address, 8);
  return data.length < 8 ? undefined : new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
}
