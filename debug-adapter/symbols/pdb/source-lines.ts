/** From a line of source to addresses. */
import type { SourceLine } from '../symbol-provider.js';
import { imageRvaOf, inlineSitesIn, scopeNumber, sourceLine } from './frames.js';
import { isHiddenLine } from './line-table.js';
import type { PdbModule } from './module.js';
import type { PdbFile } from './pdb-file.js';
import type { Scope } from './scopes.js';
import { filesMeantBy } from './source-paths.js';

/** Code of one line in one function, or in one place where it was inlined. */
interface LineCode {
  readonly module: PdbModule;
  /** Function or inline site: the number of its scope. */
  readonly instance: number;
  readonly segment: number;
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly file: number;
}

export function sourceFiles(pdb: PdbFile): readonly string[] {
  const files = pdb.dbi.files();
  const names = new Set<string>();
  for (let module = 0; module < files.moduleCount; module++) for (const name of files.ofModule(module)) names.add(name);
  return [...names];
}

export function linesOfFile(pdb: PdbFile, file: string): readonly number[] {
  const lines = new Set<number>();
  for (const code of codeOfFile(pdb, file)) lines.add(code.line);
  return [...lines].sort((one, other) => one - other);
}

/** Of each function that the line is in, and of each place where that was inlined: the first address. */
export function addressesOfLine(
  pdb: PdbFile,
  file: string,
  line: number,
): readonly { readonly rva: number; readonly source: SourceLine }[] {
  let nearest = Infinity;
  let chosen = new Map<number, LineCode>();
  for (const code of codeOfFile(pdb, file)) {
    if (code.line < line || code.line > nearest) continue;
    if (code.line < nearest) {
      nearest = code.line;
      chosen = new Map();
    }
    const known = chosen.get(code.instance);
    if (known === undefined || code.offset < known.offset) chosen.set(code.instance, code);
  }
  const found = new Map<number, SourceLine>();
  for (const code of chosen.values()) {
    const rva = imageRvaOf(pdb, code.segment, code.offset);
    const source = sourceLine(pdb, code.module, code);
    if (rva !== undefined && source !== undefined) found.set(rva, source);
  }
  return [...found].map(([rva, source]) => ({ rva, source })).sort((one, other) => one.rva - other.rva);
}

function* codeOfFile(pdb: PdbFile, file: string): Generator<LineCode> {
  const meant = filesMeantBy(file, sourceFiles(pdb));
  if (meant.size === 0) return;
  const files = pdb.dbi.files();
  for (const entry of pdb.dbi.modules()) {
    if (!files.ofModule(entry.index).some((name) => meant.has(name))) continue;
    const module = pdb.module(entry);
    const offsets = new Set(
      module.lines.fileOffsets().filter((offset) => {
        const checksum = module.lines.checksum(offset);
        return checksum !== undefined && meant.has(pdb.names.at(checksum.name));
      }),
    );
    if (offsets.size === 0) continue;
    yield* ownLines(entry.index, module, offsets);
    yield* inlinedLines(entry.index, module, offsets);
  }
}

function* ownLines(index: number, module: PdbModule, files: ReadonlySet<number>): Generator<LineCode> {
  for (const { segment, entries, from, to } of module.lines.blocks()) {
    for (const [at, entry] of entries.entries()) {
      if (!files.has(entry.file) || isHiddenLine(entry.line) || entry.offset >= to || entry.offset < from) continue;
      // Of entries for one address the last one counts.
      if (entries[at + 1]?.offset === entry.offset) continue;
      // Without a procedure, what the object file gave in one piece stands for it.
      const record = module.procedureAt(segment, entry.offset)?.record ?? -1 - from;
      const instance = scopeNumber(index, record);
      yield { module, instance, segment, ...entry };
    }
  }
}

function* inlinedLines(index: number, module: PdbModule, files: ReadonlySet<number>): Generator<LineCode> {
  for (const procedure of module.procedures) {
    const open: Scope[] = [...inlineSitesIn(module.scopes(procedure))];
    for (let site = open.pop(); site !== undefined; site = open.pop()) {
      open.push(...inlineSitesIn(site));
      for (const { from, line, file } of site.inline?.ranges ?? []) {
        if (!files.has(file) || isHiddenLine(line)) continue;
        yield {
          module,
          instance: scopeNumber(index, site.record),
          segment: procedure.segment,
          offset: from,
          line,
          column: 0,
          file,
        };
      }
    }
  }
}
