/**
 * What the session asks of symbols. One module is one PE image with, perhaps, its PDB. Addresses are RVAs (bytes from the image's base),
 * numbers: an image is smaller than 4 GiB. Every answer is lazy: only the streams that it needs are read.
 */

/** How to find the PDB of an image: the RSDS record of its debug directory, and the image's own key for symbol servers. */
export interface ImageIdentity {
  /** File name, such as eventsys.sys. */
  readonly name: string;
  readonly timeDateStamp: number;
  readonly sizeOfImage: number;
  /** GUID in capitals with dashes, and age, of the PDB that was made with it; undefined when the image names none. */
  readonly pdb?: { readonly guid: string; readonly age: number; readonly path: string };
}

export interface SourceLine {
  /** As the PDB says it: absolute, or relative to the project's folder. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1; 0 when the PDB has no columns. */
  readonly column: number;
  /** The checksum of the source, when the PDB has one. */
  readonly checksum?: { readonly kind: 'md5' | 'sha1' | 'sha256'; readonly hex: string };
}

export interface FunctionSymbol {
  readonly name: string;
  readonly rva: number;
  /** Bytes; 0 when unknown (an export without a PDB). */
  readonly size: number;
  /** First address after the prologue, for a breakpoint on the function. */
  readonly bodyRva: number;
}

/** One frame of source at an address: inlined functions first (innermost first), the real function last. */
export interface SourceFrame {
  readonly functionName: string;
  /** RVA of the function, or of the inline site's first range. */
  readonly functionRva: number;
  readonly inlined: boolean;
  readonly source?: SourceLine;
  /** Identifies the block for variables(): opaque. */
  readonly scope: number;
}

export interface LineRange {
  /** [from, to) in RVAs. */
  readonly from: number;
  readonly to: number;
  readonly source: SourceLine;
}

/** Where a variable is at one address. Register numbers are CodeView's for AMD64 (CV_AMD64_*). */
export type VariableLocation =
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'registerRelative'; readonly register: number; readonly offset: number }
  | { readonly kind: 'static'; readonly rva: number }
  | { readonly kind: 'threadLocal'; readonly offset: number }
  | { readonly kind: 'constant'; readonly value: bigint }
  /** Parts of it in different places (S_DEFRANGE_SUBFIELD*). */
  | {
      readonly kind: 'parts';
      readonly parts: readonly {
        readonly offset: number;
        readonly length: number;
        readonly location: VariableLocation;
      }[];
    }
  | { readonly kind: 'unavailable'; readonly why: string };

export interface VariableSymbol {
  readonly name: string;
  readonly type: TypeId;
  readonly isParameter: boolean;
  readonly location: VariableLocation;
}

/** Index into one module's types. */
export type TypeId = number;

export interface Field {
  readonly name: string;
  readonly type: TypeId;
  /** Bytes from the structure's begin. */
  readonly offset: number;
  /** For bit fields: position in bits from offset, and width. */
  readonly bits?: { readonly position: number; readonly width: number };
  /** A base class, whose members belong to this one. */
  readonly isBase?: boolean;
}

export type TypeInfo =
  | { readonly kind: 'void'; readonly name: string; readonly size: 0 }
  | { readonly kind: 'integer'; readonly name: string; readonly size: number; readonly signed: boolean }
  | {
      readonly kind: 'boolean' | 'character' | 'float';
      readonly name: string;
      readonly size: number;
      readonly signed?: boolean;
    }
  | {
      readonly kind: 'pointer';
      readonly name: string;
      readonly size: number;
      readonly target: TypeId;
      readonly isReference?: boolean;
    }
  | {
      readonly kind: 'array';
      readonly name: string;
      readonly size: number;
      readonly element: TypeId;
      readonly count: number;
    }
  | { readonly kind: 'enum'; readonly name: string; readonly size: number; readonly underlying: TypeId }
  | {
      readonly kind: 'structure' | 'union' | 'class';
      readonly name: string;
      readonly size: number;
      readonly isForward: boolean;
    }
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly size: 0;
      readonly returns: TypeId;
      readonly parameters: readonly TypeId[];
    }
  | { readonly kind: 'unknown'; readonly name: string; readonly size: number };

export type SymbolSource = 'pdb' | 'exports' | 'none';

export interface ModuleSymbols {
  readonly identity: ImageIdentity;
  readonly source: SymbolSource;
  /** Host path of the PDB that serves, if one does. */
  readonly pdbPath?: string;
  /** Where it was looked for and what was wrong, in order, for "why has this module no symbols". */
  readonly searched: readonly { readonly place: string; readonly result: string }[];

  /** Innermost first; empty when nothing is known of the address. */
  framesAt(rva: number): Promise<readonly SourceFrame[]>;
  /** The range of addresses that belongs to the same line as this one, in the innermost frame. */
  lineRangeAt(rva: number): Promise<LineRange | undefined>;
  /** Where code of a source line begins (the nearest following line with code when it has none). Path compared by its end, without case. */
  addressesOfLine(
    file: string,
    line: number,
  ): Promise<readonly { readonly rva: number; readonly source: SourceLine }[]>;
  /** Lines of one source file that have code, ascending: where breakpoints may be. */
  linesOfFile(file: string): Promise<readonly number[]>;
  sourceFiles(): Promise<readonly string[]>;
  /** By exact name; functions, publics and exports. */
  functions(name: string): Promise<readonly FunctionSymbol[]>;
  /** For completion: names that begin so, without case, at most limit. */
  namesBeginningWith(prefix: string, limit: number): Promise<readonly string[]>;
  functionAt(rva: number): Promise<FunctionSymbol | undefined>;
  /** Locals and parameters that are in scope at this address in this frame's scope. */
  variables(scope: number, rva: number): Promise<readonly VariableSymbol[]>;
  globalVariable(name: string): Promise<VariableSymbol | undefined>;

  type(id: TypeId): Promise<TypeInfo>;
  /** Members of a structure, union or class, in order of offset, forward references resolved. */
  fields(id: TypeId): Promise<readonly Field[]>;
  /** Names and values of an enum. */
  enumerators(id: TypeId): Promise<readonly { readonly name: string; readonly value: bigint }[]>;
  typeByName(name: string): Promise<TypeId | undefined>;
  close(): Promise<void>;
}
