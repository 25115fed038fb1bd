/** A piece of memory for tests of what reads memory: bytes at an address, nothing around them. */
import { EventscopeError } from '../../protocol/errors.js';
import type { CField, CType, RecordType } from './types.js';
import type { MemoryAccess } from './value.js';

export class MemoryImage implements MemoryAccess {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(
    readonly base: bigint,
    size: number,
  ) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  read(address: bigint, length: number): Promise<Uint8Array> {
    const offset = address - this.base;
    if (offset < 0n || offset >= BigInt(this.bytes.length)) return Promise.resolve(new Uint8Array());
    return Promise.resolve(this.bytes.slice(Number(offset), Number(offset) + length));
  }

  async write(address: bigint, data: Uint8Array): Promise<void> {
    const offset = Number(address - this.base);
    if (offset < 0 || offset + data.length > this.bytes.length) {
      throw new EventscopeError({ id: 'debug.memory', what: 'Memory was not written' });
    }
    this.bytes.set(data, offset);
    return Promise.resolve();
  }

  u8(address: bigint, value: number): this {
    this.#view.setUint8(Number(address - this.base), value);
    return this;
  }
  u16(address: bigint, value: number): this {
    this.#view.setUint16(Number(address - this.base), value, true);
    return this;
  }
  u32(address: bigint, value: number): this {
    this.#view.setUint32(Number(address - this.base), value >>> 0, true);
    return this;
  }
  u64(address: bigint, value: bigint): this {
    this.#view.setBigUint64(Number(address - this.base), BigInt.asUintN(64, value), true);
    return this;
  }
  text(address: bigint, value: string, encoding: BufferEncoding): this {
    this.bytes.set(Buffer.from(value, encoding), Number(address - this.base));
    return this;
  }
}

/** A structure whose members are given as name, type and offset. */
export function record(name: string, size: number, fields: readonly (readonly [string, CType, number])[]): RecordType {
  const made: CField[] = fields.map(([field, type, offset]) => ({ name: field, type, offset }));
  return { kind: 'record', name, size, fields: () => Promise.resolve(made) };
}
