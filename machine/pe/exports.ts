import { corrupt, Directory, type PeImage } from './pe-image.js';

export interface PeExport {
  /** undefined: by ordinal alone. */
  readonly name?: string;
  readonly ordinal: number;
  /** Where it is; for a forwarder, where the forwarder's text is. */
  readonly rva: number;
  /** What another module exports in its place, such as "NTDLL.RtlAllocateHeap" or "NTDLL.#8". */
  readonly forwarder?: string;
}

/** A module exports at most 65,535 ordinals: an ordinal is a u16. */
const MAX_EXPORTS = 0x10000;

/**
 * The export directory, in the order of addresses' table; a function with several names comes once for each.
 * @throws EventscopeError pe.corrupt
 */
export async function readExports(image: PeImage): Promise<readonly PeExport[]> {
  const range = image.directory(Directory.Export);
  if (range === undefined) return [];
  const header = await image.read(range.rva, 40);
  const ordinalBase = header.getUint32(16, true);
  const functionCount = header.getUint32(20, true);
  const nameCount = header.getUint32(24, true);
  if (functionCount > MAX_EXPORTS || nameCount > MAX_EXPORTS) throw corrupt('its export directory is too large');
  // Names and tables lie inside the directory in every linker's images: one request brings them all.
  await image.readUpTo(range.rva, range.size);
  const functions = await image.read(header.getUint32(28, true), functionCount * 4);
  const names = await image.read(header.getUint32(32, true), nameCount * 4);
  const ordinals = await image.read(header.getUint32(36, true), nameCount * 2);

  const namesOf = new Map<number, string[]>();
  for (let index = 0; index < nameCount; index++) {
    const ordinal = ordinals.getUint16(index * 2, true);
    const name = await image.readString(names.getUint32(index * 4, true));
    const known = namesOf.get(ordinal);
    if (known === undefined) namesOf.set(ordinal, [name]);
    else known.push(name);
  }
  const result: PeExport[] = [];
  for (let index = 0; index < functionCount; index++) {
    const rva = functions.getUint32(index * 4, true);
    if (rva === 0) continue;
    const inside = rva >= range.rva && rva < range.rva + range.size;
    const entry = {
      ordinal: ordinalBase + index,
      rva,
      ...(inside ? { forwarder: await image.readString(rva) } : {}),
    };
    const own = namesOf.get(index);
    if (own === undefined) result.push(entry);
    else for (const name of own) result.push({ name, ...entry });
  }
  return result;
}

/** Splits "NTDLL.RtlAllocateHeap" and "NTDLL.#8"; the module's name has no extension. undefined when it is neither. */
export function parseForwarder(
  forwarder: string,
): { readonly module: string; readonly name?: string; readonly ordinal?: number } | undefined {
  const dot = forwarder.lastIndexOf('.');
  if (dot <= 0 || dot === forwarder.length - 1) return undefined;
  const module = forwarder.slice(0, dot);
  const symbol = forwarder.slice(dot + 1);
  if (!symbol.startsWith('#')) return { module, name: symbol };
  const ordinal = Number(symbol.slice(1));
  return Number.isInteger(ordinal) && symbol.length > 1 ? { module, ordinal } : undefined;
}
