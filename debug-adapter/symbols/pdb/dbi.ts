/**
 * The DBI stream: modules (object files), which part of the image each gave, their source files, and where the other streams are.
 * Layout: microsoft-pdb dbi.h, LLVM docs/PDB/DbiStream.rst.
 */
import { corruptPdb } from './corrupt-pdb.js';
import { Cursor } from './cursor.js';
import type { MsfStream } from './msf.js';

const HEADER = 64;
const CONTRIBUTION = 28;
const CONTRIBUTIONS_V60 = 0xf12eba2d;
const CONTRIBUTIONS_V2 = 0xf13151e4;
const MAX_MODULES = 0x10000;

export interface ModuleEntry {
  readonly index: number;
  /** The object file, or "* Linker *". */
  readonly name: string;
  /** Stream number; NO_STREAM when the module has no private symbols. */
  readonly stream: number;
  readonly symbolBytes: number;
  readonly c11Bytes: number;
  readonly c13Bytes: number;
}

interface Part {
  readonly at: number;
  readonly length: number;
}

export interface Contribution {
  readonly segment: number;
  readonly offset: number;
  readonly size: number;
  readonly module: number;
}

/** Indices into the optional debug header. */
export const DebugStream = {
  OmapToSource: 3,
  OmapFromSource: 4,
  SectionHeaders: 5,
  OriginalSectionHeaders: 10,
} as const;

export class DbiStream {
  readonly age: number;
  readonly globalsStream: number;
  readonly publicsStream: number;
  readonly recordsStream: number;
  /** IMAGE_FILE_MACHINE_*. */
  readonly machine: number;
  readonly #stream: MsfStream;
  readonly #moduleInfo: Part;
  readonly #contributions: Part;
  readonly #fileInfo: Part;
  readonly #debugStreams: readonly number[];
  #modules: readonly ModuleEntry[] | undefined;
  #files: FileInfo | undefined;

  constructor(stream: MsfStream) {
    this.#stream = stream;
    const header = new Cursor(stream.read(0, HEADER));
    if (header.i32() !== -1) throw corruptPdb('its DBI stream has no signature');
    header.skip(4);
    this.age = header.u32();
    this.globalsStream = header.u16();
    header.skip(2);
    this.publicsStream = header.u16();
    header.skip(2);
    this.recordsStream = header.u16();
    header.skip(2);
    let at = HEADER;
    const part = (length: number): Part => {
      if (length < 0 || at + length > stream.length) throw corruptPdb('its DBI stream is cut');
      const from = at;
      at += length;
      return { at: from, length };
    };
    this.#moduleInfo = part(header.i32());
    this.#contributions = part(header.i32());
    part(header.i32());
    this.#fileInfo = part(header.i32());
    part(header.i32());
    header.skip(4);
    const debugHeader = header.i32();
    part(header.i32());
    const streams = part(debugHeader);
    header.skip(2);
    this.machine = header.u16();
    const numbers = this.#cursor(streams);
    this.#debugStreams = Array.from({ length: Math.min(Math.floor(streams.length / 2), 16) }, () => numbers.u16());
  }

  /** Stream number of a part of the optional debug header. */
  debugStream(index: number): number | undefined {
    return this.#debugStreams[index];
  }

  modules(): readonly ModuleEntry[] {
    this.#modules ??= this.#readModules();
    return this.#modules;
  }

  /** Which module's code or data an address is: segment from 1, offset in it. */
  contributionAt(segment: number, offset: number): Contribution | undefined {
    const { at, length } = this.#contributions;
    if (length < 4) return undefined;
    const version = this.#stream.read(at, 4).readUInt32LE(0);
    if (version !== CONTRIBUTIONS_V60 && version !== CONTRIBUTIONS_V2) return undefined;
    const size = version === CONTRIBUTIONS_V2 ? CONTRIBUTION + 4 : CONTRIBUTION;
    let low = 0;
    let high = Math.floor((length - 4) / size);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const record = this.#stream.read(at + 4 + middle * size, CONTRIBUTION);
      const contribution = {
        segment: record.readUInt16LE(0),
        offset: record.readInt32LE(4),
        size: record.readInt32LE(8),
        module: record.readUInt16LE(16),
      };
      const before = segment - contribution.segment || offset - contribution.offset;
      if (before < 0) high = middle;
      else if (segment === contribution.segment && offset < contribution.offset + contribution.size)
        return contribution;
      else low = middle + 1;
    }
    return undefined;
  }

  files(): FileInfo {
    this.#files ??= new FileInfo(this.#stream.read(this.#fileInfo.at, this.#fileInfo.length));
    return this.#files;
  }

  #cursor({ at, length }: Part): Cursor {
    return new Cursor(this.#stream.read(at, length));
  }

  #readModules(): readonly ModuleEntry[] {
    const cursor = this.#cursor(this.#moduleInfo);
    const modules: ModuleEntry[] = [];
    while (cursor.remaining >= HEADER && modules.length < MAX_MODULES) {
      cursor.skip(4 + CONTRIBUTION + 2);
      const stream = cursor.u16();
      const symbolBytes = cursor.u32();
      const c11Bytes = cursor.u32();
      const c13Bytes = cursor.u32();
      cursor.skip(16);
      const name = cursor.string();
      cursor.string();
      cursor.at = Math.min((cursor.at + 3) & ~3, cursor.end);
      modules.push({ index: modules.length, name, stream, symbolBytes, c11Bytes, c13Bytes });
    }
    return modules;
  }
}

/** Which source files each module was compiled from. */
export class FileInfo {
  readonly #bytes: Buffer;
  /** First name of each module, in names; one more at the end. */
  readonly #first: readonly number[];
  readonly #offsetsAt: number;
  readonly #namesAt: number;
  readonly #names = new Map<number, string>();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    if (bytes.length < 4) {
      this.#first = [0];
      this.#offsetsAt = this.#namesAt = 0;
      return;
    }
    const cursor = new Cursor(bytes);
    const modules = cursor.u16();
    cursor.skip(2 + modules * 2);
    const first = [0];
    let total = 0;
    for (let index = 0; index < modules; index++) first.push((total += cursor.u16()));
    this.#first = first;
    this.#offsetsAt = cursor.at;
    cursor.skip(total * 4);
    this.#namesAt = cursor.at;
  }

  get moduleCount(): number {
    return this.#first.length - 1;
  }

  ofModule(module: number): readonly string[] {
    const from = this.#first[module] ?? 0;
    const to = this.#first[module + 1] ?? from;
    return Array.from({ length: to - from }, (_, index) => this.#name(this.#offsetsAt + (from + index) * 4));
  }

  #name(at: number): string {
    const offset = this.#bytes.readUInt32LE(at);
    let name = this.#names.get(offset);
    if (name === undefined) {
      name = new Cursor(this.#bytes, this.#namesAt + offset).string();
      this.#names.set(offset, name);
    }
    return name;
  }
}
