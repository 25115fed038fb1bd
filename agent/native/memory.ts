/**
 * Memory that native code may keep a pointer to: it does not move, unlike a Buffer's, whose address holds for one call only.
 */
import koffi from 'koffi';
import { OBJECT_ATTRIBUTES, UNICODE_STRING } from './layouts.js';

export type Handle = number | bigint;

export class NativeMemory {
  readonly address: bigint;
  readonly bytes: Buffer;

  constructor(readonly size: number) {
    this.address = koffi.alloc('uint8_t', size);
    this.bytes = Buffer.from(koffi.view(this.address, size));
    this.bytes.fill(0);
  }

  /** The bytes must not be touched after that. */
  free(): void {
    koffi.free(this.address);
  }

  /** The UNICODE_STRING at an offset, whose text lies in this memory. By its length: names may hold null characters. */
  unicodeString(offset: number): string {
    const length = this.bytes.readUInt16LE(offset + UNICODE_STRING.Length);
    if (length === 0) {
      return '';
    }
    const start = this.offsetOf(this.bytes.readBigUInt64LE(offset + UNICODE_STRING.Buffer));
    return this.bytes.toString('utf16le', start, start + length);
  }

  /** The null-terminated UTF-16 text at a pointer into this memory; '' for a null pointer. */
  wideString(pointer: bigint): string {
    if (pointer === 0n) {
      return '';
    }
    const start = this.offsetOf(pointer);
    let end = start;
    while (end + 1 < this.size && this.bytes.readUInt16LE(end) !== 0) {
      end += 2;
    }
    return this.bytes.toString('utf16le', start, end);
  }

  offsetOf(pointer: bigint): number {
    const offset = Number(pointer - this.address);
    if (offset < 0 || offset > this.size) {
      throw new RangeError('A pointer leads out of the memory that it was returned in');
    }
    return offset;
  }
}

/** The bytes at a pointer that somebody else owns. Valid only for as long as that memory is. */
export function viewMemory(pointer: bigint, size: number): Buffer {
  return Buffer.from(koffi.view(pointer, size));
}

const OBJ_CASE_INSENSITIVE = 0x40;
const MAX_NAME_BYTES = 0xfffe;

/** OBJECT_ATTRIBUTES with a name, in memory that is used again for the next name: one call at a time. */
export class ObjectAttributes {
  readonly #memory = new NativeMemory(OBJECT_ATTRIBUTES.size + UNICODE_STRING.size + MAX_NAME_BYTES + 2);

  /** Address of the structure, for the next call only. Throws RangeError on a name over 32,767 characters. */
  named(name: string): bigint {
    const { bytes, address } = this.#memory;
    const length = name.length * 2;
    if (length > MAX_NAME_BYTES) {
      throw new RangeError(`An object name of ${name.length} characters is too long`);
    }
    const string = OBJECT_ATTRIBUTES.size;
    const text = string + UNICODE_STRING.size;
    bytes.fill(0, 0, text);
    bytes.writeUInt32LE(OBJECT_ATTRIBUTES.size, OBJECT_ATTRIBUTES.Length);
    bytes.writeBigUInt64LE(address + BigInt(string), OBJECT_ATTRIBUTES.ObjectName);
    bytes.writeUInt32LE(OBJ_CASE_INSENSITIVE, OBJECT_ATTRIBUTES.Attributes);
    bytes.writeUInt16LE(length, string + UNICODE_STRING.Length);
    bytes.writeUInt16LE(length, string + UNICODE_STRING.MaximumLength);
    bytes.writeBigUInt64LE(address + BigInt(text), string + UNICODE_STRING.Buffer);
    bytes.write(name, text, 'utf16le');
    return address;
  }
}
