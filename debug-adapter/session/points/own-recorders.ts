/**
 * Which of its calls a program records itself. One that is built with eventscope_trace.h makes each of these calls from a function of the
 * header (`EsTraced` and the call's name), which its PDB names; a call that is kept from the header, in parentheses or in a source that does
 * not include it, goes to the import slot from somewhere else.
 */
import { readImports } from '../../../machine/pe/imports.js';
import { PeImage, type PeSection } from '../../../machine/pe/pe-image.js';
import { pointNamed, pointOfImport, recordKind } from '../../../machine/points.js';
import { isOfSystem } from '../../../machine/system-modules.js';
import { ES_TRACE_SLOT_BYTES, RECORD_OFFSET } from '../../../protocol/trace-layout.js';
import type { MemoryAccess } from '../../variables/value.js';
import type { LoadedModule } from '../inventory.js';

/** Of one process. */
export interface OwnRecorders {
  /** Names of points that it records itself; value: what of them it does not record, as a sentence. */
  readonly points: ReadonlyMap<string, string | undefined>;
  /** Names of points that its modules import. */
  readonly imported: ReadonlySet<string>;
  /** Points of the recorder that the call in front of a return address leads to; empty: it leads to none. */
  pointsOf(returnAddress: bigint): readonly string[];
}

/** The forms of a wait without "Ex" are the header's macros around those with it. */
const RECORDER_OF: Readonly<Record<string, string>> = {
  WaitForSingleObject: 'WaitForSingleObjectEx',
  WaitForMultipleObjects: 'WaitForMultipleObjectsEx',
};
const RECORDER_PREFIX = 'EsTraced';
/** Everything of the header's, recorders and what they stand on. */
const HEADER_PREFIX = 'EsTrace';
const SECTION_IS_CODE = 0x2000_0000;
/** Of one section: more is not searched, and its program is recorded as one without rings. */
const MAX_CODE = 8 * 1024 * 1024;
const CALL = 0xe8;
const JUMP = 0xe9;
/** jmp [rip + displacement], as its two bytes are read. */
const JUMP_THROUGH = 0x25ff;

/** Code of one module in which the header was found. */
interface RecordingModule {
  readonly base: bigint;
  readonly size: number;
  readonly code: readonly { readonly rva: number; readonly view: DataView }[];
  /** By the recorder's first instruction. */
  readonly recorders: ReadonlyMap<number, readonly string[]>;
}

interface Imports {
  /** By name of the point: RVAs of its slots. */
  readonly slots: ReadonlyMap<string, readonly number[]>;
  readonly code: readonly PeSection[];
  readonly image: PeImage;
}

/** @returns undefined: it records nothing itself, or its symbols do not tell */
export async function ownRecorders(
  modules: readonly LoadedModule[],
  memory: MemoryAccess,
): Promise<OwnRecorders | undefined> {
  const own = modules.filter(({ module }) => module.path === undefined || !isOfSystem(module.path));
  const imported = new Set<string>();
  const points = new Map<string, string | undefined>();
  // Imported by a module that does not record it: the calls of that one need its import slot.
  const unrecorded = new Set<string>();
  const recording: RecordingModule[] = [];
  for (const loaded of own) {
    const imports = await importsOf(loaded, memory);
    const found = await recordersOf(loaded, imports);
    for (const name of imports.slots.keys()) imported.add(name);
    for (const name of imports.slots.keys()) if (found?.notes.has(name) !== true) unrecorded.add(name);
    if (found === undefined) continue;
    recording.push(found.module);
    for (const [name, note] of found.notes) points.set(name, points.get(name) ?? note);
  }
  // It would be told twice where both its import slots and its rings serve.
  if (points.size === 0 || [...points.keys()].some((name) => unrecorded.has(name))) return undefined;
  return { points, imported, pointsOf: (address) => pointsOfCall(recording, address) };
}

async function importsOf({ module }: LoadedModule, memory: MemoryAccess): Promise<Imports> {
  const source = { read: (offset: number, length: number) => memory.read(module.base + BigInt(offset), length) };
  const image = await PeImage.open(source, 'memory');
  const slots = new Map<string, number[]>();
  for (const { module: exporter, name, slotRva } of await readImports(image)) {
    const point = name === undefined ? undefined : pointOfImport(exporter, name);
    if (point === undefined || point.side !== 'user' || recordKind(point) === undefined) continue;
    slots.set(point.name, [...(slots.get(point.name) ?? []), slotRva]);
  }
  return { slots, image, code: image.sections.filter(({ characteristics: is }) => (is & SECTION_IS_CODE) !== 0) };
}

/** notes: points that the module records itself, with what it does not record of them. */
async function recordersOf(
  { symbols, module }: LoadedModule,
  { slots, image, code }: Imports,
): Promise<{ readonly module: RecordingModule; readonly notes: ReadonlyMap<string, string | undefined> } | undefined> {
  if (symbols.source !== 'pdb' || code.some(({ virtualSize }) => virtualSize > MAX_CODE)) return undefined;
  const recorders = new Map<number, string[]>();
  const names: string[] = [];
  for (const name of slots.keys()) {
    const found = await symbols.functions(`${RECORDER_PREFIX}${RECORDER_OF[name] ?? name}`);
    for (const { rva } of found) recorders.set(rva, [...(recorders.get(rva) ?? []), name]);
    if (found.length > 0) names.push(name);
  }
  if (names.length === 0) return undefined;
  const parts = [];
  for (const { rva, virtualSize } of code) {
    const bytes = await image.readUpTo(rva, virtualSize);
    parts.push({ rva, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) });
  }
  const past = new Map<string, number>();
  for (const { name, rva } of usesOfSlots(
    parts,
    new Map(names.flatMap((one) => (slots.get(one) ?? []).map((slot) => [slot, one]))),
  )) {
    // prettier-ignore
    const user = await symbols.functionAt(rva);
    if (user?.name.startsWith(HEADER_PREFIX) !== true) past.set(name, (past.get(name) ?? 0) + 1);
  }
  const notes = new Map(names.map((name) => [name, noteOf(past.get(name) ?? 0)]));
  return { module: { base: module.base, size: module.size, code: parts, recorders }, notes };
}

function noteOf(places: number): string | undefined {
  if (places === 0) return undefined;
  const where = places === 1 ? 'one place of the program' : `${places} places of the program`;
  return `Calls from ${where} that are kept from its trace header are not recorded`;
}

/**
 * Instructions that name an import slot relative to themselves, by the place of their displacement. What the linker makes of each import, a
 * jump through its slot, counts by those that call it.
 */
function* usesOfSlots(code: RecordingModule['code'], slots: ReadonlyMap<number, string>) {
  const jumps = new Map<number, string>();
  for (const { rva, view } of code) {
    for (const { at, name } of relativeUses(rva, view, slots)) {
      if (at >= 2 && view.getUint16(at - 2, true) === JUMP_THROUGH) jumps.set(rva + at - 2, name);
      else yield { name, rva: rva + at };
    }
  }
  for (const { rva, view } of jumps.size === 0 ? [] : code) {
    for (const { at, name } of relativeUses(rva, view, jumps)) {
      if (at >= 1 && [CALL, JUMP].includes(view.getUint8(at - 1))) yield { name, rva: rva + at };
    }
  }
}

function* relativeUses(rva: number, view: DataView, targets: ReadonlyMap<number, string>) {
  for (let at = 0; at + 4 <= view.byteLength; at += 1) {
    const name = targets.get(rva + at + 4 + view.getInt32(at, true));
    if (name !== undefined) yield { at, name };
  }
}

function pointsOfCall(modules: readonly RecordingModule[], returnAddress: bigint): readonly string[] {
  const module = modules.find(({ base, size }) => returnAddress > base && returnAddress < base + BigInt(size));
  if (module === undefined) return [];
  const target = branchTarget(module, Number(returnAddress - module.base) - 5, CALL);
  if (target === undefined) return [];
  const found = module.recorders.get(target);
  if (found !== undefined) return found;
  // Of an incremental link.
  return module.recorders.get(branchTarget(module, target, JUMP) ?? -1) ?? [];
}

/** Where an instruction of five bytes with this opcode leads; undefined: there is another one. */
function branchTarget({ code }: RecordingModule, rva: number, opcode: number): number | undefined {
  const part = code.find((one) => rva >= one.rva && rva + 5 <= one.rva + one.view.byteLength);
  if (part === undefined || part.view.getUint8(rva - part.rva) !== opcode) return undefined;
  return rva + 5 + part.view.getInt32(rva - part.rva + 1, true);
}

/** More return addresses of calls than a program has. */
const MAX_CALLS = 65_536;

interface Call {
  readonly points: readonly string[];
  count: number;
}

/** Counts the calls that a process has recorded itself. */
export class OwnHits {
  readonly #recorders: OwnRecorders;
  /** By kind of record, then by return address. */
  readonly #calls = new Map<number, Map<number, Call>>();
  #callCount = 0;

  constructor(recorders: OwnRecorders) {
    this.#recorders = recorders;
  }

  /** @param slots whole records */
  take(slots: Uint8Array): void {
    const view = new DataView(slots.buffer, slots.byteOffset, slots.byteLength);
    for (let at = 0; at + ES_TRACE_SLOT_BYTES <= slots.length;) {
      const kind = view.getUint16(at + RECORD_OFFSET.kind, true);
      // Of user mode: below 2^47, exact as a number.
      const high = view.getUint32(at + RECORD_OFFSET.caller + 4, true);
      this.#count(kind, high * 0x1_0000_0000 + view.getUint32(at + RECORD_OFFSET.caller, true));
      at += Math.max(1, view.getUint8(at + RECORD_OFFSET.slots)) * ES_TRACE_SLOT_BYTES;
    }
  }

  /** Calls of a point. Both forms of a wait for which the header has one recorder have the calls of both. */
  of(point: string): number {
    let hits = 0;
    for (const calls of this.#calls.values()) {
      for (const { points, count } of calls.values()) if (points.includes(point)) hits += count;
    }
    return hits;
  }

  #count(kind: number, caller: number): void {
    const calls = this.#calls.get(kind) ?? new Map<number, Call>();
    this.#calls.set(kind, calls);
    const known = calls.get(caller);
    if (known !== undefined) known.count += 1;
    else if (this.#callCount < MAX_CALLS) {
      this.#callCount += 1;
      const points = this.#recorders.pointsOf(BigInt(caller)).filter((name) => kindOf(name) === kind);
      calls.set(caller, { points, count: 1 });
    }
  }
}

function kindOf(name: string): number | undefined {
  const point = pointNamed(name);
  return point === undefined ? undefined : recordKind(point);
}
