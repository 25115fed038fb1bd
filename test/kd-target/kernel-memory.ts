/** Puts NT's structures into the target's kernel memory: pool, strings, lists, objects with headers and names, handle tables. */
import * as nt from './layouts.js';
import { AddressSpace, PhysicalMemory } from './physical-memory.js';

const POOL_BASE = 0xffff_a000_0000_0000n;
/** Any byte: the reference's section 11.1 tells how it is mixed into type indexes. */
export const OBJECT_HEADER_COOKIE = 0x5c;

export class KernelMemory {
  readonly physical = new PhysicalMemory();
  /** The System process's tables; every other process shares their kernel half. */
  readonly space = new AddressSpace(this.physical);
  #pool = POOL_BASE;
  readonly #typeIndexes = new Map<string, number>();
  readonly #types: { readonly name: string; readonly body: bigint }[] = [];

  /** Zeroed, 16-byte aligned. */
  allocate(bytes: number): bigint {
    const address = this.#pool;
    this.#pool += BigInt((bytes + 15) & ~15);
    this.space.map(address, bytes);
    return address;
  }

  u8 = (at: bigint, value: number): void => this.space.setUnsigned(at, 1, BigInt(value));
  u16 = (at: bigint, value: number): void => this.space.setUnsigned(at, 2, BigInt(value));
  u32 = (at: bigint, value: number): void => this.space.setUnsigned(at, 4, BigInt.asUintN(32, BigInt(value)));
  u64 = (at: bigint, value: bigint): void => this.space.setUnsigned(at, 8, value);
  get64 = (at: bigint): bigint => this.space.unsigned(at, 8);
  get32 = (at: bigint): number => Number(this.space.unsigned(at, 4));
  get8 = (at: bigint): number => Number(this.space.unsigned(at, 1));

  listHead(at: bigint): void {
    this.u64(at, at);
    this.u64(at + 8n, at);
  }

  appendToList(head: bigint, entry: bigint): void {
    const last = this.get64(head + 8n);
    this.u64(entry, head);
    this.u64(entry + 8n, last);
    this.u64(last, entry);
    this.u64(head + 8n, entry);
  }

  removeFromList(entry: bigint): void {
    const [next, previous] = [this.get64(entry), this.get64(entry + 8n)];
    this.u64(previous, next);
    this.u64(next + 8n, previous);
    this.listHead(entry);
  }

  unicodeString(at: bigint, text: string, space = this.space, buffer = this.allocate(2 * text.length + 2)): void {
    const bytes = new Uint8Array(2 * text.length);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < text.length; index++) view.setUint16(2 * index, text.charCodeAt(index), true);
    space.write(buffer, bytes);
    space.setUnsigned(at, 2, BigInt(bytes.length));
    space.setUnsigned(at + 2n, 2, BigInt(bytes.length + 2));
    space.setUnsigned(at + 8n, 8, buffer);
  }

  text(text: string): bigint {
    const bytes = new TextEncoder().encode(`${text}\0`);
    const at = this.allocate(bytes.length);
    this.space.write(at, bytes);
    return at;
  }

  /** Types first: their names and indexes are what headers refer to. Directory types have no directory yet. */
  makeTypes(names: readonly string[]): void {
    names.forEach((name, index) => {
      // Index 0 and 1 are not types.
      this.#typeIndexes.set(name, index + 2);
    });
    for (const name of names) {
      const body = this.object('Type', nt.OBJECT_TYPE.bytes, name);
      this.unicodeString(body + BigInt(nt.OBJECT_TYPE.Name), name);
      this.u8(body + BigInt(nt.OBJECT_TYPE.Index), this.#typeIndexes.get(name) ?? 0);
      this.#types.push({ name, body });
    }
  }

  get types(): readonly { readonly name: string; readonly body: bigint }[] {
    return this.#types;
  }

  /** Address of the body. With a name it gets a name header, and, to have two of them in the way, a creator header. */
  object(type: string, bytes: number, name?: string): bigint {
    const optional = name === undefined ? 0 : nt.NAME_INFO.bytes + nt.CREATOR_INFO_BYTES;
    const start = this.allocate(optional + nt.OBJECT_HEADER.Body + bytes);
    const header = start + BigInt(optional);
    this.u64(header, 1n);
    this.u8(header + BigInt(nt.OBJECT_HEADER.InfoMask), name === undefined ? 0 : 3);
    const byte1 = Number((header >> 8n) & 0xffn);
    const index = this.#typeIndexes.get(type) ?? 0;
    this.u8(header + BigInt(nt.OBJECT_HEADER.TypeIndex), index ^ byte1 ^ OBJECT_HEADER_COOKIE);
    if (name !== undefined) {
      // The creator header is nearest, the name header before it.
      const info = start;
      this.unicodeString(info + BigInt(nt.NAME_INFO.Name), name);
      this.u32(info + BigInt(nt.NAME_INFO.ReferenceCount), 1);
    }
    return header + BigInt(nt.OBJECT_HEADER.Body);
  }

  directory(name: string | undefined): bigint {
    return this.object('Directory', nt.DIRECTORY.bytes, name);
  }

  /** Links an object into a directory, under its header's name. */
  insert(directory: bigint, body: bigint, name: string): void {
    let hash = 0;
    for (const character of name.toUpperCase()) hash = (hash * 31 + character.charCodeAt(0)) >>> 0;
    const bucket = directory + BigInt(8 * (hash % nt.DIRECTORY.buckets));
    const entry = this.allocate(nt.DIRECTORY_ENTRY.bytes);
    this.u64(entry + BigInt(nt.DIRECTORY_ENTRY.ChainLink), this.get64(bucket));
    this.u64(entry + BigInt(nt.DIRECTORY_ENTRY.Object), body);
    this.u32(entry + BigInt(nt.DIRECTORY_ENTRY.HashValue), hash);
    this.u64(bucket, entry);
    const info = body - BigInt(nt.OBJECT_HEADER.Body + nt.CREATOR_INFO_BYTES + nt.NAME_INFO.bytes);
    this.u64(info, directory);
  }

  dispatcher(at: bigint, type: number, bytes: number, signalState: number): void {
    this.u8(at, type);
    this.u8(at + BigInt(nt.DISPATCHER.Size), bytes / 4);
    this.u32(at + BigInt(nt.DISPATCHER.SignalState), signalState);
    this.listHead(at + BigInt(nt.DISPATCHER.WaitListHead));
  }

  /** One leaf page of handles; the first entry is not used, as in NT. */
  handleTable(entries: readonly { readonly body: bigint; readonly access: number }[]): bigint {
    const table = this.allocate(nt.HANDLE_TABLE.bytes);
    const leaf = this.allocate(4096);
    this.u64(table + BigInt(nt.HANDLE_TABLE.TableCode), leaf);
    entries.forEach(({ body, access }, index) => {
      const at = leaf + BigInt(nt.HANDLE_ENTRY_BYTES * (index + 1));
      const header = body - BigInt(nt.OBJECT_HEADER.Body);
      this.u64(at, (((header & 0x0000_ffff_ffff_ffffn) >> 4n) << 20n) | 1n);
      this.u32(at + 8n, access);
      this.u64(
        header + BigInt(nt.OBJECT_HEADER.HandleCount),
        this.get64(header + BigInt(nt.OBJECT_HEADER.HandleCount)) + 1n,
      );
    });
    return table;
  }
}
