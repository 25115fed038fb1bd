/**
 * The container of a PDB: a file of blocks that holds numbered streams, each a list of blocks in any order.
 * Layout: microsoft-pdb (MSF 7.00), LLVM docs/PDB/MsfFile.rst.
 */
import { corruptPdb, unsupportedPdb } from './corrupt-pdb.js';
import { WindowedFile } from './windowed-file.js';

const MAGIC = Buffer.from('Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0', 'latin1');
const SUPER_BLOCK = 56;
const MIN_BLOCK = 512;
const MAX_BLOCK = 65_536;
/** The directory of a PDB of 4 GiB has about 4 MiB. */
const MAX_DIRECTORY = 64 * 1024 * 1024;
const NIL_SIZE = 0xffffffff;
/** "None", wherever a stream number stands. */
export const NO_STREAM = 0xffff;
/** Read in one piece at most this much; the largest module streams seen have a tenth of it. */
const MAX_READ = 256 * 1024 * 1024;

export interface MsfStream {
  readonly length: number;
  /** Exactly these bytes; not to be written to. @throws EventscopeError symbols.corrupt when they lie outside. */
  read(offset: number, length: number): Buffer;
}

export class MsfFile {
  readonly #file: WindowedFile;
  readonly #blockSize: number;
  readonly #blockCount: number;
  readonly #directory: Buffer;
  /** Where each stream's block list begins in the directory. */
  readonly #lists: Uint32Array;
  readonly streamCount: number;

  /** @throws EventscopeError symbols.corrupt or symbols.unsupported, or the system's error. */
  constructor(path: string) {
    this.#file = new WindowedFile(path);
    try {
      const header = this.#file.read(0, SUPER_BLOCK);
      refuseOtherKinds(header);
      this.#blockSize = header.readUInt32LE(32);
      const size = this.#blockSize;
      if (size < MIN_BLOCK || size > MAX_BLOCK || (size & (size - 1)) !== 0) {
        throw corruptPdb(`its block size is ${size}`);
      }
      // A file that was cut may still hold every block that is needed: each block is checked when it is read.
      this.#blockCount = Math.min(header.readUInt32LE(40), Math.ceil(this.#file.size / size));
      this.#directory = this.#readDirectory(header.readUInt32LE(44), header.readUInt32LE(52));
      this.streamCount = this.#directory.length < 4 ? 0 : this.#directory.readUInt32LE(0);
      this.#lists = this.#findLists();
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** undefined when there is no such stream, or it was deleted. */
  stream(index: number): MsfStream | undefined {
    if (index === NO_STREAM || index >= this.streamCount) return undefined;
    const length = this.#directory.readUInt32LE(4 + index * 4);
    if (length === NIL_SIZE) return undefined;
    const list = this.#lists[index];
    if (list === undefined) return undefined;
    return { length, read: (offset, count) => this.#readStream(list, length, offset, count) };
  }

  close(): void {
    this.#file.close();
  }

  #readDirectory(bytes: number, mapBlock: number): Buffer {
    if (bytes > MAX_DIRECTORY || bytes > this.#blockCount * this.#blockSize) {
      throw corruptPdb('its directory is larger than the file');
    }
    const blocks = Math.ceil(bytes / this.#blockSize);
    const map = this.#file.read(mapBlock * this.#blockSize, blocks * 4);
    if (map.length < blocks * 4) throw corruptPdb('its directory lies outside of the file');
    const result = Buffer.alloc(bytes);
    for (let index = 0; index < blocks; index++) {
      const from = index * this.#blockSize;
      this.#readBlock(map.readUInt32LE(index * 4), 0, Math.min(this.#blockSize, bytes - from)).copy(result, from);
    }
    return result;
  }

  #findLists(): Uint32Array {
    const count = this.streamCount;
    if (count > NO_STREAM || 4 + count * 4 > this.#directory.length) throw corruptPdb('its directory is cut');
    const lists = new Uint32Array(count);
    let at = 4 + count * 4;
    for (let index = 0; index < count; index++) {
      lists[index] = at;
      const length = this.#directory.readUInt32LE(4 + index * 4);
      if (length === NIL_SIZE) continue;
      // No two streams share a block: what is larger than the file is a lie.
      if (length > this.#blockCount * this.#blockSize) throw corruptPdb(`stream ${index} is larger than the file`);
      at += Math.ceil(length / this.#blockSize) * 4;
      if (at > this.#directory.length) throw corruptPdb('its directory is cut');
    }
    return lists;
  }

  #readStream(list: number, length: number, offset: number, count: number): Buffer {
    if (offset < 0 || count < 0 || offset + count > length || count > MAX_READ) {
      throw corruptPdb(`${count} bytes at ${offset} lie outside of a stream of ${length}`);
    }
    const size = this.#blockSize;
    const first = Math.floor(offset / size);
    const within = offset - first * size;
    const block = (index: number): number => this.#directory.readUInt32LE(list + index * 4);
    if (count === 0) return Buffer.alloc(0);
    if (within + count <= size) return this.#readBlock(block(first), within, count);
    const result = Buffer.allocUnsafe(count);
    let filled = 0;
    for (let index = first; filled < count;) {
      // Neighbours in the stream are mostly neighbours in the file: one read for the whole run.
      let run = 1;
      const start = block(index);
      const skip = index === first ? within : 0;
      while (run * size - skip < count - filled && block(index + run) === start + run) run++;
      const piece = Math.min(run * size - skip, count - filled);
      this.#readBlock(start, skip, piece).copy(result, filled);
      filled += piece;
      index += run;
    }
    return result;
  }

  #readBlock(block: number, within: number, count: number): Buffer {
    if (block * this.#blockSize + within + count > this.#blockCount * this.#blockSize) {
      throw corruptPdb(`block ${block} lies outside of the file`);
    }
    const bytes = this.#file.read(block * this.#blockSize + within, count);
    if (bytes.length < count) throw corruptPdb('the file is cut');
    return bytes;
  }
}

function refuseOtherKinds(header: Buffer): void {
  if (header.length === SUPER_BLOCK && header.subarray(0, MAGIC.length).equals(MAGIC)) return;
  const begin = header.toString('latin1');
  if (begin.startsWith('BSJB'))
    throw unsupportedPdb('it is a portable PDB of .NET', 'Symbols of native code are needed');
  if (begin.startsWith('MSCF')) throw unsupportedPdb('it is compressed', 'Expand it, or reach it as a symbol server');
  if (begin.startsWith('Microsoft MSFZ')) {
    throw unsupportedPdb('it is in the compressed MSFZ container', 'Ask the symbol server for the plain PDB');
  }
  if (begin.startsWith('Microsoft C/C++ program database 2.00')) {
    throw unsupportedPdb('it is of the format of before 1998', 'Build the module with a current toolset');
  }
  throw corruptPdb('it does not begin as a PDB does');
}
