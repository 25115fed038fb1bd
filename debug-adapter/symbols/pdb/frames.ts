/** From an address to functions and lines. */
import type { FunctionSymbol, LineRange, SourceFrame, SourceLine } from '../symbol-provider.js';
import { isHiddenLine, lastAtOrBefore } from './line-table.js';
import type { PdbModule } from './module.js';
import type { LocatedProcedure, PdbFile } from './pdb-file.js';
import { type Scope, scopeCovers } from './scopes.js';
import { undecorated } from './undecorated.js';

const SCOPE_MODULE_FACTOR = 2 ** 32;

/** The opaque number of a frame's scope: module, and where the scope's record is in it. */
export const scopeNumber = (module: number, record: number): number => module * SCOPE_MODULE_FACTOR + record;
export const scopeParts = (scope: number): { readonly module: number; readonly record: number } => ({
  module: Math.floor(scope / SCOPE_MODULE_FACTOR),
  record: scope % SCOPE_MODULE_FACTOR,
});

/** An address in terms of the PDB, with whom it belongs to. */
interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly located: LocatedProcedure | undefined;
}

export function placeOf(pdb: PdbFile, imageRva: number): Place | undefined {
  const rva = pdb.sections.fromImage(imageRva);
  const address = rva === undefined ? undefined : pdb.sections.segmentAt(rva);
  if (address === undefined) return undefined;
  const { segment, offset } = address;
  const found = pdb.moduleAt(segment, offset);
  const procedure = found?.module.procedureAt(segment, offset);
  return { segment, offset, located: found && procedure && { ...found, procedure } };
}

/** In the image as it is; undefined when it is not in there. */
export function imageRvaOf(pdb: PdbFile, segment: number, offset: number): number | undefined {
  const rva = pdb.sections.rvaOf(segment, offset);
  return rva === undefined ? undefined : pdb.sections.toImage(rva);
}

export function framesAt(pdb: PdbFile, imageRva: number): readonly SourceFrame[] {
  const place = placeOf(pdb, imageRva);
  if (place === undefined) return [];
  if (place.located === undefined) return publicFrame(pdb, place, imageRva);
  const { entry, module, procedure } = place.located;
  const { segment, offset } = place;
  const outer = outerLine(pdb, module, segment, offset);
  const frames: SourceFrame[] = [
    {
      functionName: procedure.name,
      functionRva: imageRvaOf(pdb, segment, procedure.offset) ?? imageRva,
      inlined: false,
      ...(outer === undefined ? {} : { source: outer.source }),
      scope: scopeNumber(entry.index, procedure.record),
    },
  ];
  for (const site of inlineChain(module.scopes(procedure), offset)) {
    const source = inlineLine(pdb, module, site, offset);
    const begin = site.ranges.reduce((least, range) => Math.min(least, range.from), offset);
    frames.unshift({
      functionName: pdb.functionNameOfId(site.inline?.inlinee ?? 0),
      functionRva: imageRvaOf(pdb, segment, begin) ?? imageRva,
      inlined: true,
      ...(source === undefined ? {} : { source }),
      scope: scopeNumber(entry.index, site.record),
    });
  }
  return frames;
}

export function lineRangeAt(pdb: PdbFile, imageRva: number): LineRange | undefined {
  const place = placeOf(pdb, imageRva);
  if (place?.located === undefined) return undefined;
  const { segment, offset } = place;
  const { module, procedure } = place.located;
  const root = module.scopes(procedure);
  const site = inlineChain(root, offset).at(-1);
  const range = site === undefined ? outerLine(pdb, module, segment, offset) : inlineRange(pdb, module, site, offset);
  if (range === undefined) return undefined;
  let { from, to } = range;
  from = Math.max(from, procedure.offset);
  to = Math.min(to, procedure.offset + procedure.size);
  // Code of functions that were inlined into this one has lines of its own.
  for (const child of inlineSitesIn(site ?? root)) {
    for (const hole of child.ranges) {
      if (hole.to <= offset) from = Math.max(from, hole.to);
      if (hole.from > offset) to = Math.min(to, hole.from);
    }
  }
  const begin = imageRvaOf(pdb, segment, from);
  return begin === undefined ? undefined : { from: begin, to: begin + (to - from), source: range.source };
}

/** A function by its record, or by the public symbol at or before the address. */
export function functionAt(pdb: PdbFile, imageRva: number): FunctionSymbol | undefined {
  const place = placeOf(pdb, imageRva);
  if (place === undefined) return undefined;
  return place.located === undefined
    ? publicFunction(pdb, place.segment, place.offset)
    : functionOf(pdb, place.located);
}

export function functionOf(pdb: PdbFile, { module, procedure }: LocatedProcedure): FunctionSymbol | undefined {
  const rva = imageRvaOf(pdb, procedure.segment, procedure.offset);
  if (rva === undefined) return undefined;
  const bodyRva = imageRvaOf(pdb, procedure.segment, module.bodyOf(procedure)) ?? rva;
  return { name: procedure.name, rva, size: procedure.size, bodyRva };
}

/** Its size is up to the next public symbol, and no further than what its object file gave. */
export function publicFunction(pdb: PdbFile, segment: number, offset: number): FunctionSymbol | undefined {
  const found = pdb.globals.publicAt(segment, offset);
  if (found?.symbol.isFunction !== true) return undefined;
  const { symbol, next } = found;
  const contribution = pdb.dbi.contributionAt(segment, symbol.offset);
  const end = Math.min(next ?? Infinity, contribution ? contribution.offset + contribution.size : Infinity);
  if (offset >= end) return undefined;
  const rva = imageRvaOf(pdb, segment, symbol.offset);
  if (rva === undefined) return undefined;
  const size = Number.isFinite(end) ? end - symbol.offset : 0;
  return { name: undecorated(symbol.name), rva, size, bodyRva: rva };
}

export function sourceLine(
  pdb: PdbFile,
  module: PdbModule,
  position: { readonly file: number; readonly line: number; readonly column?: number },
): SourceLine | undefined {
  if (isHiddenLine(position.line)) return undefined;
  const checksum = module.lines.checksum(position.file);
  const file = checksum === undefined ? '' : pdb.names.at(checksum.name);
  if (checksum === undefined || file === '') return undefined;
  const { kind, hex } = checksum;
  return {
    file,
    line: position.line,
    column: position.column ?? 0,
    ...(kind === undefined ? {} : { checksum: { kind, hex } }),
  };
}

interface OffsetRange {
  readonly from: number;
  readonly to: number;
  readonly source: SourceLine;
}

/** The line of the function itself, and the addresses around that belong to the same one. */
function outerLine(pdb: PdbFile, module: PdbModule, segment: number, offset: number): OffsetRange | undefined {
  const block = module.lines.blockAt(segment, offset);
  if (block === undefined) return undefined;
  const { entries } = block;
  let first = lastAtOrBefore(entries, offset);
  const entry = entries[first];
  const source = entry && sourceLine(pdb, module, entry);
  if (source === undefined) return undefined;
  const same = (index: number): boolean => entries[index]?.line === entry?.line && entries[index]?.file === entry?.file;
  let last = first;
  while (same(first - 1)) first--;
  while (same(last + 1)) last++;
  return { from: entries[first]?.offset ?? offset, to: entries[last + 1]?.offset ?? block.to, source };
}

function inlineLine(pdb: PdbFile, module: PdbModule, site: Scope, offset: number): SourceLine | undefined {
  const range = site.inline?.ranges.findLast(({ from, to }) => offset >= from && offset < to);
  return range === undefined ? undefined : sourceLine(pdb, module, range);
}

function inlineRange(pdb: PdbFile, module: PdbModule, site: Scope, offset: number): OffsetRange | undefined {
  const ranges = site.inline?.ranges ?? [];
  const index = ranges.findLastIndex(({ from, to }) => offset >= from && offset < to);
  const range = ranges[index];
  const source = range && sourceLine(pdb, module, range);
  if (range === undefined || source === undefined) return undefined;
  let { from, to } = range;
  for (let at = index - 1; at >= 0; at--) {
    const before = ranges[at];
    if (before?.to !== from || before.line !== range.line || before.file !== range.file) break;
    from = before.from;
  }
  for (let at = index + 1; at < ranges.length; at++) {
    const after = ranges[at];
    if (after?.from !== to || after.line !== range.line || after.file !== range.file) break;
    to = after.to;
  }
  return { from, to, source };
}

/** Inline sites that are active at an offset, the outermost first. */
function inlineChain(root: Scope, offset: number): readonly Scope[] {
  const chain: Scope[] = [];
  for (let scope: Scope | undefined = root; scope !== undefined;) {
    const inner: Scope | undefined = inlineSitesIn(scope).find((site) => scopeCovers(site, offset));
    if (inner !== undefined) chain.push(inner);
    scope = inner;
  }
  return chain;
}

/** Direct inline sites of a scope, also those within its blocks. */
export function inlineSitesIn(scope: Scope): readonly Scope[] {
  const sites: Scope[] = [];
  const open = [...scope.children];
  for (let child = open.shift(); child !== undefined; child = open.shift()) {
    if (child.kind === 'inline') sites.push(child);
    else open.unshift(...child.children);
  }
  return sites;
}

function publicFrame(pdb: PdbFile, place: Place, imageRva: number): readonly SourceFrame[] {
  const symbol = publicFunction(pdb, place.segment, place.offset);
  if (symbol === undefined) return [];
  // Some object files of assembler have lines and no procedures.
  const module = pdb.moduleAt(place.segment, place.offset)?.module;
  const outer = module === undefined ? undefined : outerLine(pdb, module, place.segment, place.offset);
  return [
    {
      functionName: symbol.name,
      functionRva: symbol.rva,
      inlined: false,
      ...(outer === undefined ? {} : { source: outer.source }),
      // No record describes it: no variables.
      scope: scopeNumber(NO_MODULE, imageRva),
    },
  ];
}

/** No PDB has so many modules: their numbers are u16. */
const NO_MODULE = 0x1ffff;
