/** What one object file gave to the image: its procedures, scopes and lines. */
import { corruptPdb } from './corrupt-pdb.js';
import type { ModuleEntry } from './dbi.js';
import { lastAtOrBefore, LineTable } from './line-table.js';
import type { MsfFile } from './msf.js';
import { readScopes, type Scope } from './scopes.js';
import { isProcedure, type Procedure, readProcedure, SymbolWalker } from './symbol-records.js';

const C13_SIGNATURE = 4;
const MAX_SCOPE_TREES = 16;

export class PdbModule {
  readonly symbols: Buffer;
  readonly lines: LineTable;
  /** Ascending by segment and offset; folded functions that share an address stand in the order of their records. */
  readonly procedures: readonly Procedure[];
  readonly #scopes = new Map<number, Scope>();

  constructor(msf: MsfFile, entry: ModuleEntry) {
    const stream = msf.stream(entry.stream);
    if (stream === undefined || entry.symbolBytes < 4) {
      this.symbols = Buffer.alloc(0);
      this.lines = new LineTable(Buffer.alloc(0));
      this.procedures = [];
      return;
    }
    this.symbols = stream.read(0, entry.symbolBytes);
    if (this.symbols.readUInt32LE(0) !== C13_SIGNATURE) throw corruptPdb(`the symbols of ${entry.name} are not C13's`);
    this.lines = new LineTable(stream.read(entry.symbolBytes + entry.c11Bytes, entry.c13Bytes));
    this.procedures = readProcedures(this.symbols);
  }

  /** Bytes that it keeps, roughly. */
  get cost(): number {
    return this.symbols.length * 2 + this.procedures.length * 200;
  }

  procedureAt(segment: number, offset: number): Procedure | undefined {
    const key = (procedure: Procedure): number => procedure.segment * 2 ** 32 + procedure.offset;
    const wanted = segment * 2 ** 32 + offset;
    let low = 0;
    let high = this.procedures.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const procedure = this.procedures[middle];
      if (procedure !== undefined && key(procedure) <= wanted) low = middle + 1;
      else high = middle;
    }
    let best: Procedure | undefined;
    // Several at one address: the first of them, as the linker listed them.
    for (let index = low - 1; index >= 0; index--) {
      const procedure = this.procedures[index];
      if (procedure === undefined || (best !== undefined && key(procedure) !== key(best))) break;
      best = procedure;
    }
    if (best?.segment !== segment) return undefined;
    return offset < best.offset + best.size ? best : undefined;
  }

  /** The procedure that a record lies in. */
  procedureOfRecord(record: number): Procedure | undefined {
    return this.procedures.find((procedure) => record >= procedure.record && record < procedure.end);
  }

  scopes(procedure: Procedure): Scope {
    let root = this.#scopes.get(procedure.record);
    if (root !== undefined) return root;
    root = readScopes(this.symbols, procedure, this.lines);
    this.#scopes.set(procedure.record, root);
    const oldest = this.#scopes.keys().next();
    if (this.#scopes.size > MAX_SCOPE_TREES && oldest.done !== true) this.#scopes.delete(oldest.value);
    return root;
  }

  /** First address after the prologue: where the second line begins, or what the compiler says, or the function's begin. */
  bodyOf(procedure: Procedure): number {
    const entries = this.lines.blockAt(procedure.segment, procedure.offset)?.entries ?? [];
    const end = procedure.offset + procedure.size;
    const wanted = procedure.offset + procedure.debugStart;
    const next = entries.find(
      (entry) => entry.offset > procedure.offset && entry.offset >= wanted && entry.offset < end,
    );
    const first = entries[lastAtOrBefore(entries, procedure.offset)];
    if (next !== undefined && first !== undefined) return next.offset;
    return procedure.debugStart > 0 && wanted < end ? wanted : procedure.offset;
  }
}

function readProcedures(symbols: Buffer): readonly Procedure[] {
  const procedures: Procedure[] = [];
  const walker = new SymbolWalker(symbols, 4, symbols.length);
  while (walker.next()) if (isProcedure(walker.kind)) procedures.push(readProcedure(walker));
  return procedures.sort((one, other) => one.segment - other.segment || one.offset - other.offset);
}
