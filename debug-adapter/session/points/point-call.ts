/** The arguments of a call of a point, read where the thread stands at the function's first instruction. */
import {
  argumentPlace,
  parameterBits,
  parameterPosition,
  type Point,
  type PointParameter,
} from '../../../machine/points.js';
import type { X64Context } from '../../../machine/x64-context.js';
import { objectPath } from '../../../machine/object-names.js';
import type { MemoryAccess } from '../../variables/value.js';

type MemoryReader = Pick<MemoryAccess, 'read'>;

const MAX_HANDLES = 64;
const TICKS_PER_MS = 10_000n;
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
  memory: MemoryReader,
): Promise<bigint | undefined> {
  const position = parameterPosition(point, parameter);
  if (position < 0) return undefined;
  const place = argumentPlace(position);
  const bits = BigInt(parameterBits(point, parameter));
  const value = place.kind === 'register' ? registers.get(place.register) : await word(memory, registers.rsp + BigInt(place.offset)); // prettier-ignore
  return value === undefined ? undefined : BigInt.asUintN(Number(bits), value);
}

/** Handles and pointers of the objects that a call is about. */
export async function objectsOfCall(point: Point, registers: X64Context, memory: MemoryReader): Promise<CallObjects> {
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

/** Of a wait, in units of 100 ns as native calls have it: negative from now on, positive a time of day. undefined: it has none to be read. */
export async function timeoutTicks(
  point: Point,
  registers: X64Context,
  memory: MemoryReader,
): Promise<bigint | 'infinite' | undefined> {
  const milliseconds = await argument(point, 'milliseconds', registers, memory);
  if (milliseconds !== undefined) return milliseconds === 0xffff_ffffn ? 'infinite' : -milliseconds * TICKS_PER_MS;
  if (parameterPosition(point, 'timeout') < 0) return undefined;
  const pointer = await argument(point, 'timeout', registers, memory);
  if (pointer === undefined || pointer === 0n) return 'infinite';
  const value = await word(memory, pointer);
  return value === undefined ? undefined : BigInt.asIntN(64, value);
}

/** "for 5000 ms", "for ever", "not at all"; undefined: the call has no timeout that could be read. */
export function timeoutText(ticks: bigint | 'infinite' | undefined): string | undefined {
  if (ticks === undefined) return undefined;
  if (ticks === 'infinite') return 'for ever';
  if (ticks === 0n) return 'not at all';
  return ticks < 0n ? `for ${Number(-ticks / 1_000n) / 10} ms` : 'until a time of day';
}

/**
 * Name that a call gives: a UNICODE_STRING (text at 8), alone or in OBJECT_ATTRIBUTES (ObjectName at 10h). A path, or relative to a
 * directory of the session's that is not looked at: there Global\ leads to \BaseNamedObjects.
 */
export async function nameOfCall(
  point: Point,
  registers: X64Context,
  memory: MemoryReader,
): Promise<string | undefined> {
  const attributes = (await argument(point, 'attributes', registers, memory)) ?? 0n;
  const inAttributes = attributes === 0n ? undefined : await word(memory, attributes + 0x10n);
  const name = inAttributes ?? (await argument(point, 'unicodeName', registers, memory)) ?? 0n;
  if (name === 0n) return undefined;
  const bytes = Number(((await word(memory, name)) ?? 0n) & 0xffffn);
  const text = await word(memory, name + 8n);
  if (text === undefined || bytes === 0) return undefined;
  const told = Buffer.from(await memory.read(text, bytes)).toString('utf16le');
  return told.startsWith('Global\\') ? objectPath(told, 'user', undefined) : told;
}

export type KernelObjectBacking =
  | { readonly kind: 'server' }
  | { readonly kind: 'handle'; readonly handle: bigint }
  | { readonly kind: 'memory'; readonly isSignaled: boolean };

/** How Wine's kernel keeps the object at a pointer; undefined: it cannot be read. */
export async function backingOf(pointer: bigint, memory: MemoryReader): Promise<KernelObjectBacking | undefined> {
  const blink = await word(memory, pointer + BLINK_OFFSET);
  const state = await word(memory, pointer);
  if (blink === undefined || state === undefined) return undefined;
  if (blink === SERVER_OBJECT) return { kind: 'server' };
  // Another kernel keeps a list there.
  if (blink !== 0n && blink < 0x1_0000_0000n) return { kind: 'handle', handle: blink };
  return { kind: 'memory', isSignaled: BigInt.asIntN(32, state >> 32n) > 0n };
}

export async function word(memory: MemoryReader, address: bigint): Promise<bigint | undefined> {
  const data = await memory.read(address, 8);
  return data.length < 8 ? undefined : new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
}
