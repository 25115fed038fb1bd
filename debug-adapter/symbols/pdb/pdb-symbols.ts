/** Symbols of a module that has a PDB. */
import type {
  Field,
  FunctionSymbol,
  ImageIdentity,
  LineRange,
  ModuleSymbols,
  SourceFrame,
  SourceLine,
  TypeId,
  TypeInfo,
  VariableSymbol,
} from '../symbol-provider.js';
import { corruptPdb } from './corrupt-pdb.js';
import { framesAt, functionAt, functionOf, imageRvaOf, lineRangeAt, publicFunction } from './frames.js';
import { readPublic } from './globals.js';
import type { PdbFile } from './pdb-file.js';
import { readData } from './scopes.js';
import { addressesOfLine, linesOfFile, sourceFiles } from './source-lines.js';
import { Sym } from './symbol-records.js';
import { undecorated } from './undecorated.js';
import { variablesAt } from './variables.js';

/** T_NOTYPE: a public symbol says where it is, not what. */
const NO_TYPE = 0;

type Searched = ModuleSymbols['searched'];

export class PdbSymbols implements ModuleSymbols {
  readonly source = 'pdb';

  /** @param pdb is closed with it. */
  constructor(
    readonly identity: ImageIdentity,
    readonly pdbPath: string,
    readonly searched: Searched,
    private readonly pdb: PdbFile,
  ) {}

  framesAt(rva: number): Promise<readonly SourceFrame[]> {
    return this.#answer(() => framesAt(this.pdb, rva));
  }

  lineRangeAt(rva: number): Promise<LineRange | undefined> {
    return this.#answer(() => lineRangeAt(this.pdb, rva));
  }

  addressesOfLine(
    file: string,
    line: number,
  ): Promise<readonly { readonly rva: number; readonly source: SourceLine }[]> {
    return this.#answer(() => addressesOfLine(this.pdb, file, line));
  }

  linesOfFile(file: string): Promise<readonly number[]> {
    return this.#answer(() => linesOfFile(this.pdb, file));
  }

  sourceFiles(): Promise<readonly string[]> {
    return this.#answer(() => sourceFiles(this.pdb));
  }

  functions(name: string): Promise<readonly FunctionSymbol[]> {
    return this.#answer(() => this.#functions(name));
  }

  namesBeginningWith(prefix: string, limit: number): Promise<readonly string[]> {
    return this.#answer(() => {
      const names = new Set<string>();
      for (const name of this.pdb.globals.namesBeginningWith(prefix)) {
        if (names.size >= limit) break;
        names.add(undecorated(name));
      }
      return [...names].sort();
    });
  }

  functionAt(rva: number): Promise<FunctionSymbol | undefined> {
    return this.#answer(() => functionAt(this.pdb, rva));
  }

  variables(scope: number, rva: number): Promise<readonly VariableSymbol[]> {
    return this.#answer(() => variablesAt(this.pdb, scope, rva));
  }

  globalVariable(name: string): Promise<VariableSymbol | undefined> {
    return this.#answer(() => this.#globalVariable(name));
  }

  type(id: TypeId): Promise<TypeInfo> {
    return this.#answer(() => this.pdb.types.type(id));
  }

  fields(id: TypeId): Promise<readonly Field[]> {
    return this.#answer(() => this.pdb.types.fields(id));
  }

  enumerators(id: TypeId): Promise<readonly { readonly name: string; readonly value: bigint }[]> {
    return this.#answer(() => this.pdb.types.enumerators(id));
  }

  typeByName(name: string): Promise<TypeId | undefined> {
    return this.#answer(() => this.pdb.types.byName(name) ?? this.#typedef(name));
  }

  close(): Promise<void> {
    return this.#answer(() => this.pdb.close());
  }

  /** A read behind the end of a buffer is a lie of the file's that no check has caught: still the file's fault. */
  #answer<T>(work: () => T): Promise<T> {
    try {
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(error instanceof RangeError ? corruptPdb(error.message) : (error as Error));
    }
  }

  #functions(name: string): readonly FunctionSymbol[] {
    const found = new Map<number, FunctionSymbol>();
    for (const { kind, fields } of this.pdb.globals.find(name, 'globals')) {
      if (kind !== Sym.PROCREF && kind !== Sym.LPROCREF) continue;
      const record = fields.skip(4).u32();
      const located = this.pdb.procedureOf(fields.u16(), record);
      const symbol = located && functionOf(this.pdb, located);
      if (symbol !== undefined) found.set(symbol.rva, symbol);
    }
    if (found.size > 0) return [...found.values()];
    for (const { fields } of this.pdb.globals.find(name, 'publics')) {
      const symbol = readPublic(fields);
      const known = symbol.isFunction ? publicFunction(this.pdb, symbol.segment, symbol.offset) : undefined;
      // Of functions that were folded into one, the address has one name and each keeps its own.
      if (known !== undefined) found.set(known.rva, { ...known, name });
    }
    return [...found.values()];
  }

  #globalVariable(name: string): VariableSymbol | undefined {
    for (const { kind, fields } of this.pdb.globals.find(name, 'globals')) {
      switch (kind) {
        case Sym.CONSTANT:
        case Sym.LDATA32:
        case Sym.GDATA32:
        case Sym.LTHREAD32:
        case Sym.GTHREAD32: {
          const { type, definition } = readData(kind, fields);
          if (definition.kind === 'constant' || definition.kind === 'threadLocal') {
            return { name, type, isParameter: false, location: definition };
          }
          if (definition.kind !== 'static') break;
          const rva = imageRvaOf(this.pdb, definition.segment, definition.offset);
          if (rva !== undefined) return { name, type, isParameter: false, location: { kind: 'static', rva } };
          break;
        }
        default:
          break;
      }
    }
    for (const { fields } of this.pdb.globals.find(name, 'publics')) {
      const symbol = readPublic(fields);
      const rva = symbol.isFunction ? undefined : imageRvaOf(this.pdb, symbol.segment, symbol.offset);
      if (rva !== undefined) return { name, type: NO_TYPE, isParameter: false, location: { kind: 'static', rva } };
    }
    return undefined;
  }

  #typedef(name: string): TypeId | undefined {
    for (const { kind, fields } of this.pdb.globals.find(name, 'globals')) if (kind === Sym.UDT) return fields.u32();
    return undefined;
  }
}
