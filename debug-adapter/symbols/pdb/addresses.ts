/**
 * Addresses in a PDB are a section's number, from 1, and an offset in it. Images that were rearranged after linking (old Microsoft
 * ones) have section headers of before, and a map from there to the image as it is, called OMAP.
 */
import { type DbiStream, DebugStream } from './dbi.js';
import type { MsfFile, MsfStream } from './msf.js';

interface Section {
  readonly rva: number;
  readonly size: number;
}

const SECTION_HEADER = 40;
const OMAP_ENTRY = 8;
const MAX_SECTIONS = 1024;

/** All RVAs are of the image as it was linked, before rearranging, unless `imageRva` says otherwise. */
export class SectionMap {
  readonly #sections: readonly Section[];
  readonly #toImage: MsfStream | undefined;
  readonly #fromImage: MsfStream | undefined;

  constructor(msf: MsfFile, dbi: DbiStream) {
    const stream = (index: number): MsfStream | undefined => {
      const number = dbi.debugStream(index);
      return number === undefined ? undefined : msf.stream(number);
    };
    const original = stream(DebugStream.OriginalSectionHeaders);
    this.#toImage = stream(DebugStream.OmapFromSource);
    this.#fromImage = stream(DebugStream.OmapToSource);
    const rearranged = this.#toImage !== undefined && this.#fromImage !== undefined && original !== undefined;
    if (!rearranged) this.#toImage = this.#fromImage = undefined;
    this.#sections = readSections(rearranged ? original : stream(DebugStream.SectionHeaders));
  }

  rvaOf(segment: number, offset: number): number | undefined {
    const section = this.#sections[segment - 1];
    return section === undefined ? undefined : section.rva + offset;
  }

  segmentAt(rva: number): { readonly segment: number; readonly offset: number } | undefined {
    const index = this.#sections.findIndex(({ rva: begin, size }) => rva >= begin && rva < begin + size);
    const section = this.#sections[index];
    return section === undefined ? undefined : { segment: index + 1, offset: rva - section.rva };
  }

  /** Where linked code is in the image; undefined when it was thrown away. */
  toImage(rva: number): number | undefined {
    return this.#toImage === undefined ? rva : translate(this.#toImage, rva);
  }

  fromImage(imageRva: number): number | undefined {
    return this.#fromImage === undefined ? imageRva : translate(this.#fromImage, imageRva);
  }
}

function readSections(stream: MsfStream | undefined): readonly Section[] {
  if (stream === undefined) return [];
  const count = Math.min(Math.floor(stream.length / SECTION_HEADER), MAX_SECTIONS);
  const bytes = stream.read(0, count * SECTION_HEADER);
  return Array.from({ length: count }, (_, index) => ({
    rva: bytes.readUInt32LE(index * SECTION_HEADER + 12),
    size: Math.max(bytes.readUInt32LE(index * SECTION_HEADER + 8), bytes.readUInt32LE(index * SECTION_HEADER + 16)),
  }));
}

/** The last entry at or before the address says by how much it moved; 0 says that it is gone. */
function translate(map: MsfStream, rva: number): number | undefined {
  let low = 0;
  let high = Math.floor(map.length / OMAP_ENTRY);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (map.read(middle * OMAP_ENTRY, 4).readUInt32LE(0) <= rva) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return undefined;
  const entry = map.read((low - 1) * OMAP_ENTRY, OMAP_ENTRY);
  const to = entry.readUInt32LE(4);
  return to === 0 ? undefined : to + (rva - entry.readUInt32LE(0));
}
