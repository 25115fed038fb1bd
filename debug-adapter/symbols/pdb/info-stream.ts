import { formatGuid } from '../../../machine/pe/debug-directory.js';
import { Cursor } from './cursor.js';
import type { MsfStream } from './msf.js';

export interface PdbInfo {
  /** Capitals with dashes. */
  readonly guid: string;
  /** Grows with every tool that edits the PDB; an image's record holds the age of the DBI stream. */
  readonly age: number;
  /** Stream numbers by name, such as "/names". */
  readonly namedStreams: ReadonlyMap<string, number>;
  /** Linked with /DEBUG:FASTLINK: private symbols are still in the object files. */
  readonly fastLink: boolean;
}

const MINIMAL_DEBUG_INFO = 0x494e494d;
const MAX_INFO = 1024 * 1024;

export function readInfoStream(stream: MsfStream): PdbInfo {
  const cursor = new Cursor(stream.read(0, Math.min(stream.length, MAX_INFO)));
  cursor.skip(8);
  const age = cursor.u32();
  const id = cursor.slice(16);
  const guid = formatGuid(new DataView(id.buffer, id.byteOffset, 16), 0);
  const keys = cursor.slice(cursor.u32());
  const count = cursor.u32();
  cursor.skip(4);
  // Two bit sets of the hash table: which buckets are filled, which were deleted.
  cursor.skip(cursor.u32() * 4);
  cursor.skip(cursor.u32() * 4);
  const namedStreams = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const key = cursor.u32();
    namedStreams.set(new Cursor(keys, Math.min(key, keys.length)).string(), cursor.u32());
  }
  let fastLink = false;
  while (cursor.remaining >= 4) if (cursor.u32() === MINIMAL_DEBUG_INFO) fastLink = true;
  return { guid, age, namedStreams, fastLink };
}
