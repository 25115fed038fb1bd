/** Fields of structures in memory, read by offset. */
export interface MemoryReader {
  /** The readable beginning of the range. */
  read(address: bigint, length: number): Promise<Uint8Array>;
}

const MAX_STRING_BYTES = 2_048;

export class StructureView {
  readonly #view: DataView;

  constructor(
    readonly address: bigint,
    readonly bytes: Uint8Array,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Whether a field of that width at that offset was read. */
  has(offset: number, width: number): boolean {
    return offset >= 0 && offset + width <= this.bytes.length;
  }
  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }
  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }
  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }
  i32(offset: number): number {
    return this.#view.getInt32(offset, true);
  }
  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }
  i64(offset: number): bigint {
    return this.#view.getBigInt64(offset, true);
  }
}

/** Undefined when not all of it can be read. */
export async function readStructure(
  memory: MemoryReader,
  address: bigint,
  length: number,
): Promise<StructureView | undefined> {
  const bytes = await memory.read(address, length);
  return bytes.length < length ? undefined : new StructureView(address, bytes);
}

export async function readPointer(memory: MemoryReader, address: bigint): Promise<bigint | undefined> {
  return (await readStructure(memory, address, 8))?.u64(0);
}

/** A UNICODE_STRING whose 16 bytes are at hand. Undefined when its buffer cannot be read, or its lengths are none. */
export async function readUnicodeString(
  memory: MemoryReader,
  view: StructureView,
  offset: number,
): Promise<string | undefined> {
  const length = view.u16(offset);
  const maximum = view.u16(offset + 2);
  const buffer = view.u64(offset + 8);
  if (length === 0) return '';
  if (length % 2 !== 0 || length > maximum || length > MAX_STRING_BYTES || buffer === 0n) return undefined;
  const bytes = await memory.read(buffer, length);
  return bytes.length < length ? undefined : Buffer.from(bytes).toString('utf16le');
}

/**
 * Entries of a doubly linked list, by the address of their links. Ends at the head, at a link that cannot be read, at one seen before, or
 * after `limit`: a list that is being changed, or is damaged, may never come back to its head.
 */
export async function* walkList(memory: MemoryReader, head: bigint, limit: number): AsyncGenerator<bigint> {
  const seen = new Set<bigint>([head]);
  let at = await readPointer(memory, head);
  while (at !== undefined && at !== 0n && !seen.has(at) && seen.size <= limit) {
    seen.add(at);
    yield at;
    at = await readPointer(memory, at);
  }
}
