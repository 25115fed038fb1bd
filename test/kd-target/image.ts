/** Makes the PE images that lie in the test target's memory: code, exports, imports, unwind data, RSDS record. */
import type { Assembler } from './assembler.js';

/** One function of an image. */
export interface ImageFunction {
  readonly name: string;
  readonly code: Assembler;
  /** Bytes that its prologue (sub rsp, imm8: four bytes) takes from the stack; 0 for a leaf function, which has no unwind data. */
  readonly stackBytes: number;
  /** UNWIND_INFO of a function that is no ordinary one, instead of what follows from stackBytes. */
  readonly unwindInfo?: readonly number[];
  readonly exported: boolean;
}

export interface ImageRequest {
  readonly name: string;
  readonly base: bigint;
  readonly timeDateStamp: number;
  readonly pdb: { readonly guid: Uint8Array; readonly age: number; readonly path: string };
  readonly functions: readonly ImageFunction[];
  /** Exported variables of eight bytes each, in .data. */
  readonly variables: readonly string[];
  /** Imports: module, and the address each name has. Slots are labels `__imp_NAME` for code. */
  readonly imports: readonly { readonly module: string; readonly names: ReadonlyMap<string, bigint> }[];
}

export interface Image {
  readonly name: string;
  readonly base: bigint;
  readonly timeDateStamp: number;
  readonly bytes: Uint8Array;
  /** Address by name: functions, variables, and `__imp_NAME` slots. */
  readonly symbols: ReadonlyMap<string, bigint>;
}

const CODE_RVA = 0x1000;
const align = (value: number, to: number): number => Math.ceil(value / to) * to;

class Writer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
  u16 = (at: number, value: number): void => this.view.setUint16(at, value, true);
  u32 = (at: number, value: number): void => this.view.setUint32(at, value, true);
  u64 = (at: number, value: bigint): void => this.view.setBigUint64(at, value, true);
  text = (at: number, text: string): number => {
    const encoded = new TextEncoder().encode(`${text}\0`);
    this.bytes.set(encoded, at);
    return encoded.length;
  };
}

/** The image as it lies in memory: RVAs are offsets. */
export function buildImage(request: ImageRequest): Image {
  const writer = new Writer(0x1_0000);
  const rvas = new Map<string, number>();
  let at = CODE_RVA;
  for (const { name, code } of request.functions) {
    rvas.set(name, at);
    at = align(at + code.length, 16);
  }
  const textEnd = align(at, 0x1000);
  at = textEnd;
  for (const name of request.variables) {
    rvas.set(name, at);
    at += 8;
  }
  const imports = writeImports(writer, request, align(at, 16), rvas);
  for (const { name, code } of request.functions) {
    const own = rvas.get(name) ?? 0;
    const outside = new Map([...rvas].map(([label, rva]) => [label, rva - own] as const));
    writer.bytes.set(code.finish(outside), own);
  }
  const exports = writeExports(writer, request, imports.end, rvas);
  const debug = writeDebug(writer, request, exports.end);
  const unwind = writeUnwind(writer, request, debug.end, rvas);
  const size = align(unwind.end, 0x1000);
  writeHeaders(writer, request, size, textEnd, { exports, imports, debug, unwind });
  return {
    name: request.name,
    base: request.base,
    timeDateStamp: request.timeDateStamp,
    bytes: writer.bytes.slice(0, size),
    symbols: new Map([...rvas].map(([name, rva]) => [name, request.base + BigInt(rva)] as const)),
  };
}

interface Directory {
  readonly rva: number;
  readonly size: number;
  /** First free RVA behind it and what it refers to. */
  readonly end: number;
}

function writeImports(writer: Writer, { imports }: ImageRequest, start: number, rvas: Map<string, number>): Directory {
  let at = start + 20 * (imports.length + 1);
  imports.forEach(({ module, names }, index) => {
    const descriptor = start + 20 * index;
    const lookup = align(at, 8);
    const slots = lookup + 8 * (names.size + 1);
    at = slots + 8 * (names.size + 1);
    [...names].forEach(([name, address], slot) => {
      writer.u64(lookup + 8 * slot, BigInt(at));
      writer.u64(slots + 8 * slot, address);
      rvas.set(`__imp_${name}`, slots + 8 * slot);
      at = align(at + 2 + writer.text(at + 2, name), 2);
    });
    writer.u32(descriptor, lookup);
    writer.u32(descriptor + 12, at);
    writer.u32(descriptor + 16, slots);
    at = align(at + writer.text(at, module), 8);
  });
  return { rva: start, size: imports.length === 0 ? 0 : 20 * (imports.length + 1), end: align(at, 16) };
}

function writeExports(
  writer: Writer,
  request: ImageRequest,
  start: number,
  rvas: ReadonlyMap<string, number>,
): Directory {
  const names = [
    ...request.functions.filter(({ exported }) => exported).map(({ name }) => name),
    ...request.variables,
  ].sort((left, right) => (left < right ? -1 : 1));
  const functions = start + 40;
  const nameTable = functions + 4 * names.length;
  const ordinals = nameTable + 4 * names.length;
  let at = ordinals + 2 * names.length;
  writer.u32(start + 12, at);
  at += writer.text(at, request.name);
  writer.u32(start + 16, 1);
  writer.u32(start + 20, names.length);
  writer.u32(start + 24, names.length);
  writer.u32(start + 28, functions);
  writer.u32(start + 32, nameTable);
  writer.u32(start + 36, ordinals);
  names.forEach((name, index) => {
    writer.u32(functions + 4 * index, rvas.get(name) ?? 0);
    writer.u32(nameTable + 4 * index, at);
    writer.u16(ordinals + 2 * index, index);
    at += writer.text(at, name);
  });
  return { rva: start, size: at - start, end: align(at, 16) };
}

function writeDebug(writer: Writer, { pdb }: ImageRequest, start: number): Directory {
  const record = start + 28;
  writer.u32(start + 12, 2);
  writer.u32(start + 20, record);
  writer.u32(start + 24, record);
  writer.text(record, 'RSDS');
  writer.bytes.set(pdb.guid, record + 4);
  writer.u32(record + 20, pdb.age);
  const length = 24 + writer.text(record + 24, pdb.path);
  writer.u32(start + 16, length);
  return { rva: start, size: 28, end: align(record + length, 16) };
}

/** RUNTIME_FUNCTION and UNWIND_INFO of version 1 with one UWOP_ALLOC_SMALL. */
function writeUnwind(
  writer: Writer,
  request: ImageRequest,
  start: number,
  rvas: ReadonlyMap<string, number>,
): Directory {
  const framed = request.functions
    .filter(({ stackBytes, unwindInfo }) => stackBytes > 0 || unwindInfo !== undefined)
    .sort((left, right) => (rvas.get(left.name) ?? 0) - (rvas.get(right.name) ?? 0));
  let info = align(start + 12 * framed.length, 4);
  framed.forEach(({ name, code, stackBytes, unwindInfo }, index) => {
    const begin = rvas.get(name) ?? 0;
    writer.u32(start + 12 * index, begin);
    writer.u32(start + 12 * index + 4, begin + code.length);
    writer.u32(start + 12 * index + 8, info);
    const bytes = unwindInfo ?? [1, 4, 1, 0, 4, ((stackBytes / 8 - 1) << 4) | 2, 0, 0];
    writer.bytes.set(bytes, info);
    info = align(info + bytes.length, 4);
  });
  return { rva: start, size: 12 * framed.length, end: info };
}

function writeHeaders(
  writer: Writer,
  request: ImageRequest,
  size: number,
  textEnd: number,
  directories: { exports: Directory; imports: Directory; debug: Directory; unwind: Directory },
): void {
  const nt = 0x80;
  writer.text(0, 'MZ');
  writer.u32(0x3c, nt);
  writer.text(nt, 'PE');
  writer.u16(nt + 4, 0x8664);
  writer.u16(nt + 6, 2);
  writer.u32(nt + 8, request.timeDateStamp);
  writer.u16(nt + 20, 240);
  writer.u16(nt + 22, 0x22);
  const optional = nt + 24;
  writer.u16(optional, 0x20b);
  writer.u32(optional + 16, CODE_RVA);
  writer.u64(optional + 24, request.base);
  writer.u32(optional + 32, 0x1000);
  writer.u32(optional + 36, 0x1000);
  writer.u32(optional + 56, size);
  writer.u32(optional + 60, 0x1000);
  writer.u16(optional + 68, 1);
  writer.u32(optional + 108, 16);
  const directory = (index: number, { rva, size: bytes }: Directory): void => {
    writer.u32(optional + 112 + 8 * index, bytes === 0 ? 0 : rva);
    writer.u32(optional + 116 + 8 * index, bytes);
  };
  directory(0, directories.exports);
  directory(1, directories.imports);
  directory(3, directories.unwind);
  directory(6, directories.debug);
  const section = (index: number, name: string, rva: number, end: number, flags: number): void => {
    const at = optional + 240 + 40 * index;
    writer.text(at, name);
    writer.u32(at + 8, end - rva);
    writer.u32(at + 12, rva);
    writer.u32(at + 16, end - rva);
    writer.u32(at + 20, rva);
    writer.u32(at + 36, flags);
  };
  section(0, '.text', CODE_RVA, textEnd, 0x6000_0020);
  section(1, '.data', textEnd, size, 0xc000_0040);
}
