/** The tree of scopes in one procedure: blocks and inline sites, with what is declared in each. */
import { corruptPdb } from './corrupt-pdb.js';
import type { Cursor } from './cursor.js';
import { decodeInlineRanges, type InlineRange } from './inline-annotations.js';
import type { LineTable } from './line-table.js';
import {
  closesScope,
  type DefinitionRange,
  opensScope,
  type Procedure,
  readRange,
  Sym,
  SymbolWalker,
} from './symbol-records.js';

/** Where a variable is, in the PDB's own terms. */
export type Definition =
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'registerRelative'; readonly register: number; readonly offset: number }
  /** Relative to the register that S_FRAMEPROC names. */
  | { readonly kind: 'frameRelative'; readonly offset: number }
  | { readonly kind: 'static'; readonly segment: number; readonly offset: number }
  | { readonly kind: 'threadLocal'; readonly offset: number }
  | { readonly kind: 'constant'; readonly value: bigint }
  /** A program for a reader that nobody has: S_DEFRANGE of old compilers. */
  | { readonly kind: 'unreadable' };

export interface RangedDefinition {
  readonly definition: Definition;
  /** undefined: in all of its scope. */
  readonly range: DefinitionRange | undefined;
  /** Bytes into the variable, of which this is a part. */
  readonly part: number | undefined;
}

export interface Declaration {
  readonly name: string;
  readonly type: number;
  /** CV_LVARFLAGS. */
  readonly flags: number;
  readonly definitions: RangedDefinition[];
  /** By S_LOCAL: what a compiler that optimises says, better than what it says besides. */
  readonly isLocal: boolean;
}

export const LocalFlag = { Parameter: 1, CompilerGenerated: 4, OptimizedOut: 0x100 } as const;

export interface Scope {
  readonly kind: 'function' | 'block' | 'inline';
  /** Of its record in the module's stream. */
  readonly record: number;
  readonly parent: Scope | undefined;
  readonly children: Scope[];
  readonly declarations: Declaration[];
  /** Of a function or block: [from, to) in its segment. Of an inline site: its ranges, ascending as annotated. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[];
  readonly inline?: { readonly inlinee: number; readonly ranges: readonly InlineRange[] };
  /** S_FRAMEPROC's flags word, of a function. */
  frameFlags: number;
}

const MAX_DEPTH = 1000;

export const scopeCovers = (scope: Scope, offset: number): boolean =>
  scope.ranges.some((range) => offset >= range.from && offset < range.to);

/** @param lines for where inlined functions begin in their sources. */
export function readScopes(symbols: Buffer, procedure: Procedure, lines: LineTable): Scope {
  const bounds = { from: procedure.offset, to: procedure.offset + procedure.size };
  const root = makeScope('function', procedure.record, undefined, [bounds]);
  const walker = new SymbolWalker(symbols, procedure.record, Math.min(procedure.end + 4, symbols.length));
  walker.next();
  let scope = root;
  let depth = 0;
  let current: Declaration | undefined;
  while (walker.next()) {
    if (closesScope(walker.kind)) {
      if (scope.parent === undefined) break;
      scope = scope.parent;
      depth--;
      current = undefined;
    } else if (opensScope(walker.kind)) {
      if (++depth > MAX_DEPTH) throw corruptPdb('scopes are nested without end');
      scope = openScope(walker, scope, bounds, lines);
      current = undefined;
    } else if (walker.kind >= Sym.DEFRANGE && walker.kind <= Sym.DEFRANGE_REGISTER_REL) {
      if (current !== undefined) current.definitions.push(readDefinition(walker.kind, walker.fields()));
    } else if (walker.kind === Sym.FRAMEPROC) {
      root.frameFlags = walker.fields().skip(22).u32();
    } else {
      current = readDeclaration(walker.kind, walker.fields());
      if (current !== undefined) scope.declarations.push(current);
    }
  }
  return root;
}

function makeScope(kind: Scope['kind'], record: number, parent: Scope | undefined, ranges: Scope['ranges']): Scope {
  return { kind, record, parent, children: [], declarations: [], ranges, frameFlags: 0 };
}

function openScope(
  walker: SymbolWalker,
  parent: Scope,
  bounds: { readonly from: number; readonly to: number },
  lines: LineTable,
): Scope {
  const fields = walker.fields().skip(8);
  let scope: Scope;
  if (walker.kind === Sym.INLINESITE || walker.kind === Sym.INLINESITE2) {
    const inlinee = fields.u32();
    if (walker.kind === Sym.INLINESITE2) fields.skip(4);
    const start = lines.inlinee(inlinee) ?? { file: 0, line: 0 };
    const ranges = decodeInlineRanges(walker.bytes, fields.at, fields.end, start, bounds);
    scope = { ...makeScope('inline', walker.offset, parent, ranges), inline: { inlinee, ranges } };
  } else if (walker.kind === Sym.BLOCK32) {
    const size = fields.u32();
    const from = fields.u32();
    scope = makeScope('block', walker.offset, parent, [{ from, to: from + size }]);
  } else {
    scope = makeScope('block', walker.offset, parent, []);
  }
  parent.children.push(scope);
  return scope;
}

function readDeclaration(kind: number, fields: Cursor): Declaration | undefined {
  const everywhere = (definition: Definition): RangedDefinition[] => [
    { definition, range: undefined, part: undefined },
  ];
  switch (kind) {
    case Sym.LOCAL: {
      const type = fields.u32();
      const flags = fields.u16();
      return { name: fields.string(), type, flags, definitions: [], isLocal: true };
    }
    case Sym.FILESTATIC: {
      const type = fields.u32();
      const flags = fields.skip(4).u16();
      return { name: fields.string(), type, flags, definitions: [], isLocal: true };
    }
    case Sym.BPREL32: {
      // Of 32-bit code alone: EBP.
      const offset = fields.i32();
      const type = fields.u32();
      const definitions = everywhere({ kind: 'registerRelative', register: 22, offset });
      return { name: fields.string(), type, flags: 0, definitions, isLocal: false };
    }
    case Sym.REGREL32: {
      const offset = fields.i32();
      const type = fields.u32();
      const definitions = everywhere({ kind: 'registerRelative', register: fields.u16(), offset });
      return { name: fields.string(), type, flags: 0, definitions, isLocal: false };
    }
    case Sym.REGISTER: {
      const type = fields.u32();
      const definitions = everywhere({ kind: 'register', register: fields.u16() });
      return { name: fields.string(), type, flags: 0, definitions, isLocal: false };
    }
    case Sym.CONSTANT:
    case Sym.LDATA32:
    case Sym.GDATA32:
    case Sym.LTHREAD32:
    case Sym.GTHREAD32: {
      const { name, type, definition } = readData(kind, fields);
      return { name, type, flags: 0, definitions: everywhere(definition), isLocal: false };
    }
    default:
      return undefined;
  }
}

/** Records that name data: S_CONSTANT, S_(L|G)DATA32, S_(L|G)THREAD32. */
export function readData(
  kind: number,
  fields: Cursor,
): { readonly name: string; readonly type: number; readonly definition: Definition } {
  const type = fields.u32();
  if (kind === Sym.CONSTANT) {
    const value = fields.numeric();
    return { name: fields.string(), type, definition: { kind: 'constant', value } };
  }
  const offset = fields.u32();
  const segment = fields.u16();
  const threadLocal = kind === Sym.LTHREAD32 || kind === Sym.GTHREAD32;
  const definition: Definition = threadLocal ? { kind: 'threadLocal', offset } : { kind: 'static', segment, offset };
  return { name: fields.string(), type, definition };
}

function readDefinition(kind: number, fields: Cursor): RangedDefinition {
  switch (kind) {
    case Sym.DEFRANGE_REGISTER: {
      const register = fields.u16();
      return { definition: { kind: 'register', register }, range: readRange(fields.skip(2)), part: undefined };
    }
    case Sym.DEFRANGE_FRAMEPOINTER_REL: {
      const offset = fields.i32();
      return { definition: { kind: 'frameRelative', offset }, range: readRange(fields), part: undefined };
    }
    case Sym.DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE:
      return { definition: { kind: 'frameRelative', offset: fields.i32() }, range: undefined, part: undefined };
    case Sym.DEFRANGE_SUBFIELD_REGISTER: {
      const register = fields.u16();
      const part = fields.skip(2).u32() & 0xfff;
      return { definition: { kind: 'register', register }, range: readRange(fields), part };
    }
    case Sym.DEFRANGE_REGISTER_REL: {
      const register = fields.u16();
      const flags = fields.u16();
      const offset = fields.i32();
      // Bit 0: only the member at this offset of the variable was spilled there.
      const part = (flags & 1) === 0 ? undefined : flags >>> 4;
      return { definition: { kind: 'registerRelative', register, offset }, range: readRange(fields), part };
    }
    case Sym.DEFRANGE_SUBFIELD: {
      const part = fields.skip(4).u32();
      return { definition: { kind: 'unreadable' }, range: readRange(fields), part };
    }
    default:
      return { definition: { kind: 'unreadable' }, range: readRange(fields.skip(4)), part: undefined };
  }
}
