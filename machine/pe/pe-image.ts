/**
 * A PE32 or PE32+ image, read from its file or from where it is loaded. Every address in here is an RVA: bytes from the image's base.
 * Headers come from whoever wrote the file, or from a target's memory: each length is bounded before it is used.
 *
 * Layouts: "PE Format", Microsoft Learn.
 */
import { EventscopeError } from '../../protocol/errors.js';
import { type ByteSource, PagedSource } from './byte-source.js';

export const IMAGE_FILE_MACHINE_AMD64 = 0x8664;

/** Indices into the optional header's data directories (IMAGE_DIRECTORY_ENTRY_*). */
export const Directory = {
  Export: 0,
  Import: 1,
  Exception: 3,
  Debug: 6,
  Tls: 9,
  Iat: 12,
  DelayImport: 13,
} as const;

export interface PeSection {
  readonly name: string;
  readonly rva: number;
  readonly virtualSize: number;
  readonly rawOffset: number;
  readonly rawSize: number;
  readonly characteristics: number;
}

export interface PeHeaders {
  readonly machine: number;
  readonly is64: boolean;
  readonly timeDateStamp: number;
  readonly imageBase: bigint;
  readonly entryPoint: number;
  readonly sizeOfImage: number;
  readonly sizeOfHeaders: number;
  /** IMAGE_SUBSYSTEM_*: 1 is native, a driver. */
  readonly subsystem: number;
  readonly characteristics: number;
}

export interface DirectoryRange {
  readonly rva: number;
  readonly size: number;
}

/** How the source is laid out: `file` as linked, `memory` as mapped. */
export type ImageLayout = 'file' | 'memory';

const DOS_HEADER = 64;
const FILE_HEADER = 24;
const SECTION_HEADER = 40;
/** The loader's own bound is 96; images have been seen with a few more directories' worth of sections, never thousands. */
const MAX_SECTIONS = 1024;
const MAX_OPTIONAL_HEADER = 4096;
const MAX_DIRECTORIES = 16;
/** A name longer than this is no name. */
export const MAX_NAME = 4096;
const STRING_STEP = 256;
/** No directory of a real image is larger; a read above it would only fill memory. */
const MAX_READ = 64 * 1024 * 1024;

export class PeImage {
  private constructor(
    readonly headers: PeHeaders,
    readonly sections: readonly PeSection[],
    private readonly directories: readonly DirectoryRange[],
    private readonly source: ByteSource,
    private readonly layout: ImageLayout,
  ) {}

  /** @throws EventscopeError pe.corrupt when the headers are not those of a PE image. */
  static async open(bytes: ByteSource, layout: ImageLayout): Promise<PeImage> {
    const source = new PagedSource(bytes);
    const dos = await exactly(source, 0, DOS_HEADER);
    if (dos.getUint16(0, true) !== 0x5a4d) throw corrupt('it does not begin with MZ');
    const pe = dos.getUint32(0x3c, true);
    const file = await exactly(source, pe, FILE_HEADER);
    if (file.getUint32(0, true) !== 0x4550) throw corrupt('it has no PE signature');
    const optionalSize = file.getUint16(20, true);
    const sectionCount = file.getUint16(6, true);
    if (optionalSize > MAX_OPTIONAL_HEADER || sectionCount > MAX_SECTIONS) throw corrupt('its headers are too large');
    const optional = await exactly(source, pe + FILE_HEADER, optionalSize);
    const { is64, directories, ...rest } = readOptionalHeader(optional);
    const headers: PeHeaders = {
      machine: file.getUint16(4, true),
      timeDateStamp: file.getUint32(8, true),
      characteristics: file.getUint16(22, true),
      is64,
      ...rest,
    };
    const table = await exactly(source, pe + FILE_HEADER + optionalSize, sectionCount * SECTION_HEADER);
    const sections = Array.from({ length: sectionCount }, (_, index) => readSection(table, index * SECTION_HEADER));
    return new PeImage(headers, sections, directories, source, layout);
  }

  /** undefined when the image has no such directory. */
  directory(index: number): DirectoryRange | undefined {
    const range = this.directories[index];
    return range === undefined || range.rva === 0 || range.size === 0 ? undefined : range;
  }

  sectionAt(rva: number): PeSection | undefined {
    return this.sections.find(
      (section) => rva >= section.rva && rva < section.rva + Math.max(section.virtualSize, section.rawSize),
    );
  }

  /** As many bytes as can be read from rva on; uninitialised data of a file reads as zeros. */
  async readUpTo(rva: number, length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, MAX_READ, Math.max(0, this.headers.sizeOfImage - rva));
    if (wanted <= 0 || rva < 0) return new Uint8Array(0);
    if (this.layout === 'memory') return this.source.read(rva, wanted);
    const section = this.sectionAt(rva);
    if (section === undefined) {
      return this.source.read(rva, Math.max(0, Math.min(wanted, this.headers.sizeOfHeaders - rva)));
    }
    const from = rva - section.rva;
    const room = Math.max(section.virtualSize, section.rawSize) - from;
    const stored = Math.max(0, Math.min(wanted, section.rawSize - from));
    const bytes = stored === 0 ? new Uint8Array(0) : await this.source.read(section.rawOffset + from, stored);
    if (bytes.length < stored || wanted <= stored) return bytes;
    const padded = new Uint8Array(Math.min(wanted, room));
    padded.set(bytes);
    return padded;
  }

  /** @throws EventscopeError pe.corrupt when not all of it can be read. */
  async read(rva: number, length: number): Promise<DataView> {
    const bytes = await this.readUpTo(rva, length);
    if (bytes.length < length) throw corrupt(`${length} bytes at ${hex(rva)} cannot be read`);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** A NUL-terminated name of at most MAX_NAME bytes. @throws EventscopeError pe.corrupt */
  async readString(rva: number): Promise<string> {
    let text = '';
    while (text.length < MAX_NAME) {
      const bytes = await this.readUpTo(rva + text.length, STRING_STEP);
      const end = bytes.indexOf(0);
      text += Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('latin1');
      if (end >= 0) return text;
      if (bytes.length < STRING_STEP) break;
    }
    throw corrupt(`the name at ${hex(rva)} has no end`);
  }
}

export function corrupt(why: string): EventscopeError {
  return new EventscopeError({ id: 'pe.corrupt', what: 'The image cannot be read', why });
}

export const hex = (value: number): string => `0x${value.toString(16).toUpperCase()}`;

async function exactly(source: ByteSource, offset: number, length: number): Promise<DataView> {
  const bytes = await source.read(offset, length);
  if (bytes.length < length) throw corrupt(`its headers end at ${hex(offset + bytes.length)}`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

type OptionalHeader = Omit<PeHeaders, 'machine' | 'timeDateStamp' | 'characteristics'> & {
  readonly directories: readonly DirectoryRange[];
};

function readOptionalHeader(view: DataView): OptionalHeader {
  const magic = view.byteLength >= 2 ? view.getUint16(0, true) : 0;
  if (magic !== 0x20b && magic !== 0x10b) throw corrupt('its optional header is neither PE32 nor PE32+');
  const is64 = magic === 0x20b;
  const countAt = is64 ? 108 : 92;
  if (view.byteLength < countAt + 4) throw corrupt('its optional header is cut');
  const fits = Math.floor((view.byteLength - countAt - 4) / 8);
  const count = Math.min(view.getUint32(countAt, true), MAX_DIRECTORIES, fits);
  return {
    is64,
    imageBase: is64 ? view.getBigUint64(24, true) : BigInt(view.getUint32(28, true)),
    entryPoint: view.getUint32(16, true),
    sizeOfImage: view.getUint32(56, true),
    sizeOfHeaders: view.getUint32(60, true),
    subsystem: view.getUint16(68, true),
    directories: Array.from({ length: count }, (_, index) => ({
      rva: view.getUint32(countAt + 4 + index * 8, true),
      size: view.getUint32(countAt + 8 + index * 8, true),
    })),
  };
}

function readSection(view: DataView, at: number): PeSection {
  const name = Buffer.from(view.buffer, view.byteOffset + at, 8).toString('latin1');
  return {
    name: name.replace(/\0.*$/s, ''),
    virtualSize: view.getUint32(at + 8, true),
    rva: view.getUint32(at + 12, true),
    rawSize: view.getUint32(at + 16, true),
    rawOffset: view.getUint32(at + 20, true),
    characteristics: view.getUint32(at + 36, true),
  };
}
