/**
 * Files of symbol servers whose name ends in "_": cabinets of one file. Expanded block by block, so that memory stays small.
 * Layout: "Microsoft Cabinet Format" (MS-CAB).
 */
import { writeSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { WindowedFile } from '../pdb/windowed-file.js';
import { corruptCabinet, LzxDecoder } from './lzx.js';

const HEADER = 36;
const FOLDER = 8;
const DATA = 8;
const HAS_RESERVE = 4;
const IS_PART = 3;
const MAX_BLOCK = 32_768;
const Compression = { None: 0, MsZip: 1, Lzx: 3 } as const;

/**
 * Writes the cabinet's first file to an open file.
 * @param limit bytes that it may expand to.
 * @returns bytes written.
 * @throws EventscopeError symbols.cabinet, or the system's error.
 */
export function expandCabinet(source: string, target: number, limit: number): number {
  const file = new WindowedFile(source);
  try {
    return expand(file, target, limit);
  } finally {
    file.close();
  }
}

function expand(file: WindowedFile, target: number, limit: number): number {
  const exactly = (offset: number, length: number): Buffer => {
    const bytes = file.read(offset, length);
    if (bytes.length < length) throw corruptCabinet('it is cut');
    return bytes;
  };
  const header = exactly(0, HEADER);
  if (header.toString('latin1', 0, 4) !== 'MSCF') throw corruptCabinet('it is no cabinet');
  const flags = header.readUInt16LE(30);
  if ((flags & IS_PART) !== 0) throw corruptCabinet('it is one of several parts');
  let folderAt = HEADER;
  let dataReserve = 0;
  if ((flags & HAS_RESERVE) !== 0) {
    const reserve = exactly(HEADER, 4);
    folderAt += 4 + reserve.readUInt16LE(0);
    dataReserve = reserve.readUInt8(3);
  }
  const folder = exactly(folderAt, FOLDER);
  const blockCount = folder.readUInt16LE(4);
  const decode = decoderOf(folder.readUInt16LE(6));
  const entry = exactly(header.readUInt32LE(16), 8);
  const size = entry.readUInt32LE(0);
  const skip = entry.readUInt32LE(4);
  if (skip !== 0) throw corruptCabinet('it holds several files');
  if (size > limit) throw corruptCabinet(`it expands to ${size} bytes, ${limit} are allowed`);
  let at = folder.readUInt32LE(0);
  let written = 0;
  for (let block = 0; block < blockCount && written < size; block++) {
    const head = exactly(at, DATA);
    const packed = head.readUInt16LE(4);
    const unpacked = head.readUInt16LE(6);
    if (unpacked > MAX_BLOCK || unpacked === 0) throw corruptCabinet('a block has an impossible size');
    const output = decode(exactly(at + DATA + dataReserve, packed), unpacked);
    if (output.length !== unpacked) throw corruptCabinet('a block expands to another size than it says');
    const useful = output.subarray(0, Math.min(output.length, size - written));
    writeAll(target, useful, written);
    written += useful.length;
    at += DATA + dataReserve + packed;
  }
  if (written < size) throw corruptCabinet('it is cut');
  return written;
}

function writeAll(target: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(target, bytes, done, bytes.length - done, position + done);
}

function decoderOf(compression: number): (input: Uint8Array, length: number) => Uint8Array {
  switch (compression & 0xf) {
    case Compression.None:
      return (input) => input;
    case Compression.MsZip:
      return msZipDecoder();
    case Compression.Lzx: {
      const decoder = new LzxDecoder((compression >>> 8) & 0x1f);
      return (input, length) => decoder.decode(input, length);
    }
    default:
      throw corruptCabinet(`it is compressed by the unknown method ${compression & 0xf}`);
  }
}

/** Deflate, where each block may refer to what the ones before gave. */
function msZipDecoder(): (input: Uint8Array) => Uint8Array {
  let history = Buffer.alloc(0);
  return (input) => {
    if (input[0] !== 0x43 || input[1] !== 0x4b) throw corruptCabinet('a block does not begin as one');
    try {
      const output = inflateRawSync(input.subarray(2), { dictionary: history, maxOutputLength: MAX_BLOCK });
      history = Buffer.concat([history, output]).subarray(-MAX_BLOCK);
      return output;
    } catch (error) {
      throw corruptCabinet(error instanceof Error ? error.message : String(error));
    }
  };
}
