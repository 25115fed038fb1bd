/**
 * Functions that make a program's calls for it: those of eventscope_trace.h lie in a section of their own. A recorder looks through them to
 * the place that the program calls from, by the size of their frames.
 */
import { readRuntimeFunction } from '../machine/pe/exception-directory.js';
import { Directory, type PeImage } from '../machine/pe/pe-image.js';
import { readUnwindChain } from '../machine/unwind/unwind-info.js';
import { TRACEPOINT_WRAPPER_BYTES, TRACEPOINT_WRAPPER_OFFSET as WRAPPER } from '../protocol/tracepoint-layout.js';

/** ES_TRACE_CODE_SECTION. */
const SECTION = '.estrace';
const ENTRY_BYTES = 12;
/** More than the header has functions for, in a thousand sources. */
const MAX_WRAPPERS = 65_536;

export interface Wrapper {
  readonly from: bigint;
  readonly to: bigint;
  /** Bytes from RSP at its calls to its own return address. */
  readonly frame: number;
}

/** Of one module that lies at `base`. @throws EventscopeError pe.corrupt */
export async function wrappersOf(image: PeImage, base: bigint): Promise<readonly Wrapper[]> {
  const section = image.sections.find(({ name }) => name === SECTION);
  const table = image.directory(Directory.Exception);
  if (section === undefined || table === undefined) return [];
  const wrappers: Wrapper[] = [];
  const end = section.rva + section.virtualSize;
  for (let at = 0; at + ENTRY_BYTES <= table.size && wrappers.length < MAX_WRAPPERS; at += ENTRY_BYTES) {
    const entry = await readRuntimeFunction(image, table.rva + at);
    if (entry.begin < section.rva || entry.begin >= end) continue;
    const codes = (await readUnwindChain(image, entry)).flatMap(({ info }) => info.codes);
    const frame = codes.reduce(
      (sum, code) => sum + (code.kind === 'allocate' ? code.size : code.kind === 'push' ? 8 : 0),
      0,
    );
    wrappers.push({ from: base + BigInt(entry.begin), to: base + BigInt(entry.end), frame });
  }
  return wrappers;
}

/** ES_TP_WRAPPER each, by address. */
export function wrapperTable(wrappers: readonly Wrapper[]): Buffer {
  const sorted = wrappers.toSorted((a, b) => (a.from < b.from ? -1 : 1));
  return Buffer.concat(
    sorted.map(({ from, to, frame }) => {
      const entry = Buffer.alloc(TRACEPOINT_WRAPPER_BYTES);
      entry.writeBigUInt64LE(from, WRAPPER.from);
      entry.writeBigUInt64LE(to, WRAPPER.to);
      entry.writeBigUInt64LE(BigInt(frame), WRAPPER.frame);
      return entry;
    }),
  );
}
