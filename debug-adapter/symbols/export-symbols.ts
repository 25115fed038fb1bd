/** Symbols of a module without a PDB: what it exports, by name and by the nearest one before an address. */
import type { PeExport } from '../../machine/pe/exports.js';
import type { FunctionSymbol, ImageIdentity, ModuleSymbols, SourceFrame, TypeInfo } from './symbol-provider.js';

/** A name and where it is; forwarders are of other modules and not among them. */
export interface ExportedName {
  readonly name: string;
  readonly rva: number;
}

/** Exports that are in the module itself; those by ordinal alone are called so. */
export const exportedNames = (exports: readonly PeExport[]): readonly ExportedName[] =>
  exports
    .filter(({ forwarder }) => forwarder === undefined)
    .map(({ name, ordinal, rva }) => ({ name: name ?? `#${ordinal}`, rva }));

const nothing = <T>(): Promise<readonly T[]> => Promise.resolve([]);
const NO_TYPE: TypeInfo = { kind: 'unknown', name: '<no type>', size: 0 };

export class ExportSymbols implements ModuleSymbols {
  readonly source: 'exports' | 'none';
  readonly #byAddress: readonly ExportedName[];

  constructor(
    readonly identity: ImageIdentity,
    readonly searched: ModuleSymbols['searched'],
    exports: readonly ExportedName[],
  ) {
    this.source = exports.length > 0 ? 'exports' : 'none';
    this.#byAddress = [...exports].sort((one, other) => one.rva - other.rva);
  }

  async framesAt(rva: number): Promise<readonly SourceFrame[]> {
    const symbol = await this.functionAt(rva);
    if (symbol === undefined) return [];
    return [{ functionName: symbol.name, functionRva: symbol.rva, inlined: false, scope: 0 }];
  }

  functionAt(rva: number): Promise<FunctionSymbol | undefined> {
    let low = 0;
    let high = this.#byAddress.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#byAddress[middle]?.rva ?? Infinity) <= rva) low = middle + 1;
      else high = middle;
    }
    let first = low - 1;
    // Of several names for one address the first one that the module lists.
    while (first > 0 && this.#byAddress[first - 1]?.rva === this.#byAddress[first]?.rva) first--;
    const found = this.#byAddress[first];
    return Promise.resolve(found && symbolOf(found));
  }

  functions(name: string): Promise<readonly FunctionSymbol[]> {
    return Promise.resolve(this.#byAddress.filter((entry) => entry.name === name).map(symbolOf));
  }

  namesBeginningWith(prefix: string, limit: number): Promise<readonly string[]> {
    const wanted = prefix.toLowerCase();
    const names = this.#byAddress.map(({ name }) => name).filter((name) => name.toLowerCase().startsWith(wanted));
    return Promise.resolve([...new Set(names)].sort().slice(0, limit));
  }

  globalVariable(name: string): ReturnType<ModuleSymbols['globalVariable']> {
    // Whether an export is data nobody says: it has an address, which is what an expression needs.
    const found = this.#byAddress.find((entry) => entry.name === name);
    if (found === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ name, type: 0, isParameter: false, location: { kind: 'static', rva: found.rva } });
  }

  lineRangeAt = (): Promise<undefined> => Promise.resolve(undefined);
  typeByName = (): Promise<undefined> => Promise.resolve(undefined);
  addressesOfLine = nothing<{ readonly rva: number; readonly source: never }>;
  linesOfFile = nothing<number>;
  sourceFiles = nothing<string>;
  variables = nothing<never>;
  fields = nothing<never>;
  enumerators = nothing<never>;
  type = (): Promise<TypeInfo> => Promise.resolve(NO_TYPE);
  close = (): Promise<void> => Promise.resolve();
}

const symbolOf = ({ name, rva }: ExportedName): FunctionSymbol => ({ name, rva, size: 0, bodyRva: rva });
