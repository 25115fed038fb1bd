/** One open PDB and its parts, each read when it is first asked for. */
import { SectionMap } from './addresses.js';
import { corruptPdb, unsupportedPdb } from './corrupt-pdb.js';
import { DbiStream, type ModuleEntry } from './dbi.js';
import { GlobalSymbols } from './globals.js';
import { functionNameOfId, typeOfId } from './id-names.js';
import { type PdbInfo, readInfoStream } from './info-stream.js';
import { PdbModule } from './module.js';
import { MsfFile, type MsfStream } from './msf.js';
import { NameTable } from './names.js';
import type { Procedure } from './symbol-records.js';
import { TypeStream } from './type-stream.js';
import { TypeTable } from './types.js';

const Stream = { Info: 1, Types: 2, Dbi: 3, Ids: 4 } as const;
const IMAGE_FILE_MACHINE_AMD64 = 0x8664;
/** Modules that are kept: a session looks at a few of thousands. */
const MODULE_CACHE_BYTES = 16 * 1024 * 1024;

/** A procedure with the module that holds it. */
export interface LocatedProcedure {
  readonly entry: ModuleEntry;
  readonly module: PdbModule;
  readonly procedure: Procedure;
}

export class PdbFile {
  readonly info: PdbInfo;
  readonly dbi: DbiStream;
  readonly sections: SectionMap;
  readonly names: NameTable;
  readonly globals: GlobalSymbols;
  readonly #msf: MsfFile;
  readonly #modules = new Map<number, PdbModule>();
  #types: TypeTable | undefined;
  #ids: { readonly stream: TypeStream | undefined } | undefined;

  /** @throws EventscopeError symbols.corrupt or symbols.unsupported, or the system's error when the file cannot be read. */
  constructor(path: string) {
    this.#msf = new MsfFile(path);
    try {
      this.info = readInfoStream(this.#needed(Stream.Info, 'its own description'));
      if (this.info.fastLink) {
        throw unsupportedPdb(
          'it was linked with /DEBUG:FASTLINK, its symbols are still in the object files',
          'Link the module with /DEBUG:FULL',
        );
      }
      const dbi = this.#msf.stream(Stream.Dbi);
      if (dbi === undefined || dbi.length === 0) {
        throw unsupportedPdb('it is the PDB of a compiler and has types alone', 'Use the PDB that the linker made');
      }
      this.dbi = new DbiStream(dbi);
      this.sections = new SectionMap(this.#msf, this.dbi);
      const names = this.info.namedStreams.get('/names');
      this.names = new NameTable(names === undefined ? undefined : this.#msf.stream(names));
      this.globals = new GlobalSymbols(this.#msf, this.dbi);
    } catch (error) {
      this.#msf.close();
      throw error;
    }
  }

  get is64(): boolean {
    return this.dbi.machine === IMAGE_FILE_MACHINE_AMD64;
  }

  get types(): TypeTable {
    this.#types ??= new TypeTable(
      new TypeStream(this.#msf, this.#needed(Stream.Types, 'its types')),
      this.is64 ? 8 : 4,
    );
    return this.#types;
  }

  /** Name of an inlined function, by its id. */
  functionNameOfId(id: number): string {
    return functionNameOfId(this.#idStream, this.types, id) ?? `<function 0x${id.toString(16)}>`;
  }

  typeOfId(id: number): number {
    return typeOfId(this.#idStream, id);
  }

  module(entry: ModuleEntry): PdbModule {
    const known = this.#modules.get(entry.index);
    this.#modules.delete(entry.index);
    const module = known ?? new PdbModule(this.#msf, entry);
    this.#modules.set(entry.index, module);
    let cost = 0;
    for (const kept of this.#modules.values()) cost += kept.cost;
    for (const [index, kept] of this.#modules) {
      if (cost <= MODULE_CACHE_BYTES || kept === module) break;
      this.#modules.delete(index);
      cost -= kept.cost;
    }
    return module;
  }

  /** The module and procedure at an address; the module alone when no procedure covers it. */
  moduleAt(segment: number, offset: number): { readonly entry: ModuleEntry; readonly module: PdbModule } | undefined {
    const contribution = this.dbi.contributionAt(segment, offset);
    const entry = contribution === undefined ? undefined : this.dbi.modules()[contribution.module];
    return entry === undefined ? undefined : { entry, module: this.module(entry) };
  }

  /** A procedure by the reference that the table of globals has: number of its module from 1, and where its record is. */
  procedureOf(moduleNumber: number, record: number): LocatedProcedure | undefined {
    const entry = this.dbi.modules()[moduleNumber - 1];
    if (entry === undefined) return undefined;
    const module = this.module(entry);
    const procedure = module.procedures.find((candidate) => candidate.record === record);
    return procedure === undefined ? undefined : { entry, module, procedure };
  }

  close(): void {
    this.#modules.clear();
    this.#msf.close();
  }

  get #idStream(): TypeStream | undefined {
    if (this.#ids === undefined) {
      const stream = this.#msf.stream(Stream.Ids);
      // Toolsets of before 2012 wrote none.
      const usable = stream !== undefined && stream.length > 0;
      this.#ids = { stream: usable ? new TypeStream(this.#msf, stream) : undefined };
    }
    return this.#ids.stream;
  }

  #needed(index: number, what: string): MsfStream {
    const stream = this.#msf.stream(index);
    if (stream === undefined) throw corruptPdb(`it lacks ${what}`);
    return stream;
  }
}
