/** Members of a structure by path, for displays of known types. */
import { findField, type CType } from './types.js';
import { addressOf, partOf, readBytes, readInteger, UnreadableError, type Access, type Value } from './value.js';

export class RecordReader {
  constructor(
    readonly value: Value,
    readonly access: Access,
  ) {}

  /** A member such as `Header.SignalState`; undefined when this version of the type has none. */
  async member(path: string): Promise<Value | undefined> {
    let value = this.value;
    for (const name of path.split('.')) {
      const field = value.type.kind === 'record' ? await findField(value.type, name) : undefined;
      if (field === undefined) return undefined;
      value = partOf(value, field.offset, field.type, field.bits);
    }
    return value;
  }

  /** @throws UnreadableError also when the type has no such member */
  async integer(path: string): Promise<bigint> {
    return readInteger(await this.#required(path), this.access);
  }

  async number(path: string): Promise<number> {
    return Number(await this.integer(path));
  }

  /** Undefined instead of an error. */
  async optional(path: string): Promise<bigint | undefined> {
    const member = await this.member(path);
    return member === undefined ? undefined : readInteger(member, this.access);
  }

  async addressOf(path: string): Promise<bigint | undefined> {
    const member = await this.member(path);
    return member === undefined ? undefined : addressOf(member);
  }

  async reader(path: string): Promise<RecordReader> {
    return new RecordReader(await this.#required(path), this.access);
  }

  /** The structure that a pointer member points to; undefined for a null pointer. */
  async follow(path: string): Promise<RecordReader | undefined> {
    const pointer = await this.#required(path);
    const address = await readInteger(pointer, this.access);
    if (address === 0n || pointer.type.kind !== 'pointer') return undefined;
    const type: CType = await pointer.type.target();
    return new RecordReader({ type, location: { kind: 'memory', address } }, this.access);
  }

  bytes(): Promise<Uint8Array> {
    return readBytes(this.value, this.access);
  }

  async #required(path: string): Promise<Value> {
    const member = await this.member(path);
    if (member === undefined) throw new UnreadableError(`${this.value.type.name} has no member ${path}`);
    return member;
  }
}

/** Reads a pointer of 8 bytes. @throws UnreadableError */
export async function readPointer(access: Access, address: bigint): Promise<bigint> {
  const data = await access.memory.read(address, 8);
  if (data.length < 8) throw new UnreadableError('a link leads to memory that is not readable');
  return new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true);
}
