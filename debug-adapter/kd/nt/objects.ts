/**
 * The object manager's namespace out of kernel memory: directories, headers, names, types. The layout is that of Windows 10 and 11
 * (TypeIndex with a cookie, optional headers by InfoMask); kernels before have another and are refused by NtLayout.
 */
import type { NtLayout } from './layout.js';
import { type MemoryReader, readPointer, readStructure, readUnicodeString, type StructureView } from './records.js';

const BUCKETS = 37;
const MAX_CHAIN = 4_096;
const MAX_ENTRIES = 65_536;
const NAME_INFO = 2;
/** Of the optional headers, by their bit in InfoMask, nearest to the header first. */
const OPTIONAL_HEADER_BYTES: readonly (readonly [number, number])[] = [
  [1, 0x20],
  [2, 0x20],
  [4, 0x10],
  [8, 0x20],
  [0x10, 0x10],
];
/** OBJECT_HEADER_NAME_INFO. */
const NAME_DIRECTORY = 0;
const NAME_TEXT = 8;
/** Directories within directories. */
const MAX_DEPTH = 32;
const TYPE_NAME = 0x10;
const TYPE_INDEX = 0x28;

export interface NtObject {
  /** The object's body. */
  readonly address: bigint;
  /** Empty for an object without a name. */
  readonly name: string;
  /** Undefined while its type's name is not known. */
  readonly typeName: string | undefined;
  readonly pointerCount: bigint;
  readonly handleCount: bigint;
}

interface Header {
  readonly headerAddress: bigint;
  readonly typeIndex: number;
  readonly infoMask: number;
  readonly pointerCount: bigint;
  readonly handleCount: bigint;
}

/** The namespace of one stop: make a new one after the target ran. */
export class ObjectNamespace {
  #types: ReadonlyMap<number, string> | undefined;
  #cookie = 0;

  constructor(
    private readonly memory: MemoryReader,
    private readonly layout: NtLayout,
    /** OBJECT_DIRECTORY of `\`: what ObpRootDirectoryObject points to. */
    private readonly root: bigint,
  ) {}

  /** Entries of a directory by its path; undefined when there is no such directory. */
  async list(path: string): Promise<readonly NtObject[] | undefined> {
    await this.#learnTypes();
    const directory = await this.#directory(path);
    if (directory === undefined) return undefined;
    const objects: NtObject[] = [];
    for await (const body of this.#entries(directory)) {
      const object = await this.#describe(body);
      if (object !== undefined) objects.push(object);
    }
    return objects;
  }

  /** An object by its path. */
  async find(path: string): Promise<NtObject | undefined> {
    await this.#learnTypes();
    const at = path.lastIndexOf('\\');
    const directory = await this.#directory(path.slice(0, at));
    if (directory === undefined) return undefined;
    const body = await this.#entryNamed(directory, path.slice(at + 1));
    return body === undefined ? undefined : this.#describe(body);
  }

  /** Of any object: its header is in front of it. */
  async describe(body: bigint): Promise<NtObject | undefined> {
    await this.#learnTypes();
    return this.#describe(body);
  }

  /**
   * The path of an object, through the directories that its name header and theirs lead to; undefined: it has no name, or is in none.
   */
  async pathOf(body: bigint): Promise<string | undefined> {
    const parts: string[] = [];
    for (let at = body; at !== this.root && parts.length < MAX_DEPTH;) {
      const header = await this.#header(at);
      const info = header === undefined ? undefined : await this.#nameInfo(header);
      const name = info === undefined ? undefined : await readUnicodeString(this.memory, info, NAME_TEXT);
      const directory = info?.u64(NAME_DIRECTORY) ?? 0n;
      if (name === undefined || name === '' || directory === 0n) return undefined;
      parts.unshift(name);
      at = directory;
    }
    return parts.length === 0 || parts.length >= MAX_DEPTH ? undefined : `\\${parts.join('\\')}`;
  }

  async #directory(path: string): Promise<bigint | undefined> {
    let directory = this.root;
    for (const name of path.split('\\').filter((part) => part !== '')) {
      const next = await this.#entryNamed(directory, name);
      if (next === undefined) return undefined;
      const object = await this.#describe(next);
      if (object?.typeName !== undefined && object.typeName !== 'Directory') return undefined;
      directory = next;
    }
    return directory;
  }

  async #entryNamed(directory: bigint, name: string): Promise<bigint | undefined> {
    for await (const body of this.#entries(directory)) {
      const header = await this.#header(body);
      if (header === undefined) continue;
      const found = await this.#name(header);
      if (found?.toLowerCase() === name.toLowerCase()) return body;
    }
    return undefined;
  }

  async *#entries(directory: bigint): AsyncGenerator<bigint> {
    const buckets = await readStructure(this.memory, directory, BUCKETS * 8);
    if (buckets === undefined) return;
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const seen = new Set<bigint>();
      let entry = buckets.u64(bucket * 8);
      while (entry !== 0n && !seen.has(entry) && seen.size < MAX_CHAIN && total++ < MAX_ENTRIES) {
        seen.add(entry);
        const view = await readStructure(this.memory, entry, 0x10);
        if (view === undefined) break;
        if (view.u64(8) !== 0n) yield view.u64(8);
        entry = view.u64(0);
      }
    }
  }

  async #header(body: bigint): Promise<Header | undefined> {
    const headerAddress = body - BigInt(this.layout.offset('OBJECT_HEADER.Body'));
    const view = await readStructure(this.memory, headerAddress, 0x20);
    if (view === undefined) return undefined;
    return {
      headerAddress,
      typeIndex: view.u8(this.layout.offset('OBJECT_HEADER.TypeIndex')),
      infoMask: view.u8(this.layout.offset('OBJECT_HEADER.InfoMask')),
      pointerCount: view.u64(0),
      handleCount: view.u64(8),
    };
  }

  async #name(header: Header): Promise<string | undefined> {
    if ((header.infoMask & NAME_INFO) === 0) return '';
    const info = await this.#nameInfo(header);
    return info === undefined ? undefined : readUnicodeString(this.memory, info, NAME_TEXT);
  }

  /** OBJECT_HEADER_NAME_INFO; undefined: there is none, or it cannot be read. */
  async #nameInfo(header: Header): Promise<StructureView | undefined> {
    if ((header.infoMask & NAME_INFO) === 0) return undefined;
    let distance = 0;
    for (const [bit, bytes] of OPTIONAL_HEADER_BYTES) {
      if ((header.infoMask & bit) !== 0) distance += bytes;
      if (bit === NAME_INFO) break;
    }
    return readStructure(this.memory, header.headerAddress - BigInt(distance), 0x20);
  }

  async #describe(body: bigint): Promise<NtObject | undefined> {
    const header = await this.#header(body);
    if (header === undefined) return undefined;
    return {
      address: body,
      name: (await this.#name(header)) ?? '',
      typeName: this.#types?.get(this.#typeIndex(header)),
      pointerCount: header.pointerCount,
      handleCount: header.handleCount,
    };
  }

  #typeIndex(header: Header): number {
    return header.typeIndex ^ Number((header.headerAddress >> 8n) & 0xffn) ^ this.#cookie;
  }

  /**
   * Every object in `\ObjectTypes` is a type and tells its index and name; the cookie follows from the root, which is a directory. Where
   * that does not come out whole, types stay unknown.
   */
  async #learnTypes(): Promise<void> {
    if (this.#types !== undefined) return;
    const types = new Map<number, string>();
    const directory = await this.#entryNamed(this.root, 'ObjectTypes');
    if (directory !== undefined) {
      for await (const body of this.#entries(directory)) {
        const type = await readStructure(this.memory, body, TYPE_INDEX + 1);
        const name = type === undefined ? undefined : await readUnicodeString(this.memory, type, TYPE_NAME);
        if (type !== undefined && name !== undefined && name !== '') types.set(type.u8(TYPE_INDEX), name);
      }
    }
    const root = await this.#header(this.root);
    const directoryIndex = [...types].find(([, name]) => name === 'Directory')?.[0];
    if (root === undefined || directoryIndex === undefined) {
      this.#types = new Map();
      return;
    }
    this.#cookie = root.typeIndex ^ Number((root.headerAddress >> 8n) & 0xffn) ^ directoryIndex;
    this.#types = types;
  }
}

export interface NtHandle {
  readonly handle: number;
  readonly object: bigint;
  readonly grantedAccess: number;
}

const LEAF_ENTRIES = 256;
const LEAF_ENTRY_BYTES = 16;
const UPPER_ENTRIES = 512;
const MAX_HANDLES = 65_536;

/** A process's handle table (EPROCESS.ObjectTable); objects are bodies. */
export async function readHandles(memory: MemoryReader, layout: NtLayout, handleTable: bigint): Promise<NtHandle[]> {
  const code = await readPointer(memory, handleTable + 8n);
  if (code === undefined) return [];
  const handles: NtHandle[] = [];
  for await (const [leaf, first] of leavesOf(memory, code & ~3n, Number(code & 3n), 0)) {
    for (let index = 0; index < LEAF_ENTRIES && handles.length < MAX_HANDLES; index++) {
      const at = index * LEAF_ENTRY_BYTES;
      if (leaf.length < at + LEAF_ENTRY_BYTES) break;
      const view = new DataView(leaf.buffer, leaf.byteOffset + at, LEAF_ENTRY_BYTES);
      const low = view.getBigUint64(0, true);
      if (low >> 20n === 0n) continue;
      handles.push({
        handle: (first + index) * 4,
        object: bodyOf(layout, low),
        grantedAccess: view.getUint32(8, true) & 0x01ff_ffff,
      });
    }
  }
  return handles;
}

/** The body that one handle stands for; undefined: there is no such handle. */
export async function readHandle(
  memory: MemoryReader,
  layout: NtLayout,
  handleTable: bigint,
  handle: bigint,
): Promise<bigint | undefined> {
  const code = await readPointer(memory, handleTable + 8n);
  if (code === undefined || handle <= 0n) return undefined;
  let index = Number(handle / 4n);
  let page: bigint | undefined = code & ~3n;
  for (let level = Number(code & 3n); level > 0 && page !== undefined && page !== 0n; level--) {
    const covered = LEAF_ENTRIES * UPPER_ENTRIES ** (level - 1);
    const slot = Math.floor(index / covered);
    if (slot >= UPPER_ENTRIES) return undefined;
    page = await readPointer(memory, page + BigInt(slot * 8));
    index %= covered;
  }
  if (page === undefined || page === 0n || index >= LEAF_ENTRIES) return undefined;
  const low = await readPointer(memory, page + BigInt(index * LEAF_ENTRY_BYTES));
  if (low === undefined || low >> 20n === 0n) return undefined;
  return bodyOf(layout, low);
}

/** The header's address without the bits that all of them have. */
const bodyOf = (layout: NtLayout, low: bigint): bigint =>
  (((low >> 20n) << 4n) | 0xffff_0000_0000_0000n) + BigInt(layout.offset('OBJECT_HEADER.Body'));

async function* leavesOf(
  memory: MemoryReader,
  page: bigint,
  levels: number,
  first: number,
): AsyncGenerator<readonly [Uint8Array, number]> {
  if (page === 0n || levels > 2) return;
  const bytes = await memory.read(page, 4096);
  if (levels === 0) {
    yield [bytes, first];
    return;
  }
  const covered = LEAF_ENTRIES * UPPER_ENTRIES ** (levels - 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let index = 0; index < UPPER_ENTRIES && (index + 1) * 8 <= bytes.length; index++) {
    const next = view.getBigUint64(index * 8, true);
    // Pages are taken into use in their order.
    if (next === 0n) return;
    yield* leavesOf(memory, next, levels - 1, first + index * covered);
  }
}
