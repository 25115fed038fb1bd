import { Directory, type PeImage } from './pe-image.js';

export interface CodeViewRecord {
  /** Capitals with dashes. */
  readonly guid: string;
  readonly age: number;
  /** The PDB's path as the linker wrote it. */
  readonly path: string;
}

const ENTRY = 28;
const MAX_ENTRIES = 64;
const IMAGE_DEBUG_TYPE_CODEVIEW = 2;
const RSDS = 0x53445352;

/** The RSDS record of the debug directory: which PDB was made with the image. undefined when it has none. */
export async function readCodeViewRecord(image: PeImage): Promise<CodeViewRecord | undefined> {
  const range = image.directory(Directory.Debug);
  if (range === undefined) return undefined;
  const count = Math.min(Math.floor(range.size / ENTRY), MAX_ENTRIES);
  const entries = await image.read(range.rva, count * ENTRY);
  for (let index = 0; index < count; index++) {
    if (entries.getUint32(index * ENTRY + 12, true) !== IMAGE_DEBUG_TYPE_CODEVIEW) continue;
    const rva = entries.getUint32(index * ENTRY + 20, true);
    const record = await image.readUpTo(rva, 24);
    if (record.length < 24) continue;
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    if (view.getUint32(0, true) !== RSDS) continue;
    return { guid: formatGuid(view, 4), age: view.getUint32(20, true), path: await image.readString(rva + 24) };
  }
  return undefined;
}

/** Sixteen bytes as Windows writes a GUID: capitals with dashes, without braces. */
export function formatGuid(view: DataView, at: number): string {
  const digits = (value: number, width: number): string => value.toString(16).toUpperCase().padStart(width, '0');
  const bytes = Array.from({ length: 8 }, (_, index) => digits(view.getUint8(at + 8 + index), 2)).join('');
  const head = [
    digits(view.getUint32(at, true), 8),
    digits(view.getUint16(at + 4, true), 4),
    digits(view.getUint16(at + 6, true), 4),
  ];
  return [...head, bytes.slice(0, 4), bytes.slice(4)].join('-');
}
