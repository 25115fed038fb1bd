/**
 * A value of the target: its type, and where it is. Reading is lazy: a structure of a megabyte is not fetched to name one member.
 */
import { EventscopeError } from '../../protocol/errors.js';
import type { CType } from './types.js';

/** Memory of one address space, bound to one request (and its cancellation). */
export interface MemoryAccess {
  /** The readable beginning: possibly shorter, empty when not even the first byte can be read. */
  read(address: bigint, length: number): Promise<Uint8Array>;
  /** @throws EventscopeError `debug.memory` */
  write(address: bigint, data: Uint8Array): Promise<void>;
}

/** Registers of one frame. Values are the register's bytes, least significant first. */
export interface RegisterAccess {
  /** By the processor's name in lower case (`rax`, `eflags`, `xmm0`), also parts (`eax`, `al`). */
  read(name: string): Uint8Array | undefined;
  /** Undefined when it cannot be written in this frame, with the reason. */
  write(name: string, data: Uint8Array): Promise<void>;
}

export type ValueLocation =
  | { readonly kind: 'memory'; readonly address: bigint }
  /** `offset` bytes into the register. */
  | { readonly kind: 'register'; readonly name: string; readonly offset: number }
  /** Computed: has no place in the target. */
  | { readonly kind: 'bytes'; readonly data: Uint8Array }
  | {
      readonly kind: 'parts';
      readonly parts: readonly {
        readonly offset: number;
        readonly length: number;
        readonly location: ValueLocation;
      }[];
    }
  | { readonly kind: 'unavailable'; readonly why: string };

export interface Value {
  readonly type: CType;
  readonly location: ValueLocation;
  /** Bit field: position in bits from the location, and width. */
  readonly bits?: { readonly position: number; readonly width: number };
}

export interface Access {
  readonly memory: MemoryAccess;
  readonly registers: RegisterAccess;
}

/** A value that cannot be had; `why` is shown in its place. */
export class UnreadableError extends EventscopeError {
  constructor(why: string) {
    super({ id: 'debug.unreadable', what: 'The value cannot be read', why });
  }
}

/**
 * The bytes of a value.
 * @param limit at most so many bytes; a value that is larger is cut
 * @throws UnreadableError when not all of them can be read
 */
export async function readBytes(value: Value, access: Access, limit = 65_536): Promise<Uint8Array> {
  return readLocation(value.location, Math.min(value.type.size, limit), access);
}

async function readLocation(location: ValueLocation, size: number, access: Access): Promise<Uint8Array> {
  switch (location.kind) {
    case 'memory': {
      const data = await access.memory.read(location.address, size);
      if (data.length < size) {
        throw new UnreadableError(`memory at ${hexAddress(location.address + BigInt(data.length))} is not readable`);
      }
      return data;
    }
    case 'register': {
      const data = access.registers.read(location.name);
      if (data === undefined) throw new UnreadableError(`register ${location.name} is not known in this frame`);
      const part = data.subarray(location.offset, location.offset + size);
      if (part.length < size) throw new UnreadableError(`register ${location.name} holds only a part of it`);
      return part;
    }
    case 'bytes':
      if (location.data.length < size) throw new UnreadableError('it is larger than what was computed');
      return location.data.subarray(0, size);
    case 'parts': {
      const whole = new Uint8Array(size);
      const known = new Uint8Array(size);
      for (const part of location.parts) {
        if (part.offset >= size) continue;
        const length = Math.min(part.length, size - part.offset);
        whole.set(await readLocation(part.location, length, access), part.offset);
        known.fill(1, part.offset, part.offset + length);
      }
      if (known.includes(0)) throw new UnreadableError('a part of it was optimized away');
      return whole;
    }
    case 'unavailable':
      throw new UnreadableError(location.why);
  }
}

/** @throws EventscopeError `debug.notAssignable`, `debug.memory` */
export async function writeBytes(value: Value, data: Uint8Array, access: Access): Promise<void> {
  const { location } = value;
  switch (location.kind) {
    case 'memory':
      return access.memory.write(location.address, data);
    case 'register': {
      const whole = access.registers.read(location.name)?.slice();
      if (whole === undefined) break;
      whole.set(data, location.offset);
      return access.registers.write(location.name, whole);
    }
    case 'parts':
    case 'bytes':
    case 'unavailable':
      break;
  }
  throw new EventscopeError({
    id: 'debug.notAssignable',
    what: 'It cannot be changed',
    why: location.kind === 'unavailable' ? location.why : 'it is not in one place of memory or in a register',
  });
}

/** A part of a value: a member or an element. */
export function partOf(value: Value, offset: number, type: CType, bits?: Value['bits']): Value {
  return { type, location: locationAt(value.location, offset, type.size), ...(bits === undefined ? {} : { bits }) };
}

function locationAt(location: ValueLocation, offset: number, size: number): ValueLocation {
  switch (location.kind) {
    case 'memory':
      return { kind: 'memory', address: BigInt.asUintN(64, location.address + BigInt(offset)) };
    case 'register':
      return { ...location, offset: location.offset + offset };
    case 'bytes':
      return { kind: 'bytes', data: location.data.subarray(offset) };
    case 'parts': {
      const holder = location.parts.find((part) => part.offset <= offset && offset + size <= part.offset + part.length);
      if (holder !== undefined) return locationAt(holder.location, offset - holder.offset, size);
      const inside = location.parts
        .filter((part) => part.offset >= offset && part.offset + part.length <= offset + size)
        .map((part) => ({ ...part, offset: part.offset - offset }));
      return inside.length === 0 ? { kind: 'unavailable', why: 'optimized away' } : { kind: 'parts', parts: inside };
    }
    case 'unavailable':
      return location;
  }
}

/** An integer, least significant byte first. */
export function integerOf(data: Uint8Array, signed: boolean): bigint {
  let value = 0n;
  for (let index = data.length - 1; index >= 0; index -= 1) value = (value << 8n) | BigInt(data[index] ?? 0);
  return signed ? BigInt.asIntN(data.length * 8, value) : value;
}

export function bytesOfInteger(value: bigint, size: number): Uint8Array {
  const data = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, value);
  for (let index = 0; index < size; index += 1) {
    data[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return data;
}

export function isIntegral(type: CType): boolean {
  return ['integer', 'boolean', 'character', 'enum', 'pointer'].includes(type.kind);
}

function isSigned(type: CType): boolean {
  return 'signed' in type && type.signed;
}

/** Value of an integer, enum, pointer or bit field. @throws UnreadableError */
export async function readInteger(value: Value, access: Access): Promise<bigint> {
  const data = await readBytes(value, access, 8);
  if (value.bits === undefined) return integerOf(data, isSigned(value.type));
  const { position, width } = value.bits;
  const raw = BigInt.asUintN(width, integerOf(data, false) >> BigInt(position));
  return isSigned(value.type) ? BigInt.asIntN(width, raw) : raw;
}

/** @throws UnreadableError */
export async function readFloat(value: Value, access: Access): Promise<number> {
  const data = await readBytes(value, access, 8);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return data.length === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
}

export function bytesOfFloat(value: number, size: number): Uint8Array {
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return data;
}

export function valueOfInteger(type: CType, value: bigint): Value {
  return { type, location: { kind: 'bytes', data: bytesOfInteger(value, type.size) } };
}

/** Where the value is in memory; undefined for registers and what was computed. */
export function addressOf(value: Value): bigint | undefined {
  return value.location.kind === 'memory' ? value.location.address : undefined;
}

export function hexAddress(address: bigint): string {
  return `0x${BigInt.asUintN(64, address).toString(16)}`;
}
