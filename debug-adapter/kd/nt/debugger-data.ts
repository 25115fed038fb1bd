/**
 * KDDEBUGGER_DATA64: the block in which a kernel tells debuggers where its variables are and how its structures are laid out. Offsets:
 * wdbgexts.h. Fields beyond the block's own size do not exist in that version.
 */
import type { MemoryReader } from './records.js';
import { readPointer } from './records.js';

const TAG = 0x4742444b;
const TAG_AT = 0x10;
const SIZE_AT = 0x14;
const MAX_BYTES = 0x1000;

/** Addresses of variables. */
const POINTERS = {
  kernelBase: 0x18,
  breakpointWithStatus: 0x20,
  psLoadedModuleList: 0x48,
  psActiveProcessHead: 0x50,
  pspCidTable: 0x58,
  keTimeIncrement: 0x78,
  kiBugcheckData: 0x88,
  obpRootDirectoryObject: 0x98,
  obpTypeObjectType: 0xa0,
  ntBuildLab: 0x208,
  kiProcessorBlock: 0x218,
} as const;
/** Offsets of fields, 16 bits each. */
const OFFSETS = {
  threadTeb: 0x29a,
  threadKernelStack: 0x29c,
  threadInitialStack: 0x29e,
  threadApcProcess: 0x2a0,
  threadState: 0x2a2,
  processBytes: 0x2a8,
  processPeb: 0x2aa,
  processParentId: 0x2ac,
  processDirectoryTableBase: 0x2ae,
  prcbCurrentThread: 0x2b4,
  prcbNumber: 0x2be,
  threadBytes: 0x2c0,
  threadWaitReason: 0x35c,
} as const;

export type DebuggerPointer = keyof typeof POINTERS;
export type DebuggerOffset = keyof typeof OFFSETS;

export class DebuggerData {
  readonly #view: DataView;

  private constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get size(): number {
    return this.bytes.length;
  }

  /** Undefined for a block without the tag: it is encoded, or is none. */
  static decode(bytes: Uint8Array): DebuggerData | undefined {
    if (bytes.length < SIZE_AT + 4) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint32(TAG_AT, true) !== TAG) return undefined;
    const size = view.getUint32(SIZE_AT, true);
    if (size < SIZE_AT + 4 || size > MAX_BYTES) return undefined;
    return new DebuggerData(bytes.subarray(0, size));
  }

  /** @param list GetVersion's DebuggerDataList: the head whose first entry is the block */
  static async read(memory: MemoryReader, list: bigint): Promise<DebuggerData | undefined> {
    const at = list === 0n ? undefined : await readPointer(memory, list);
    if (at === undefined || at === 0n) return undefined;
    const head = await memory.read(at, SIZE_AT + 4);
    if (head.length < SIZE_AT + 4) return undefined;
    const size = new DataView(head.buffer, head.byteOffset).getUint32(SIZE_AT, true);
    if (size > MAX_BYTES || DebuggerData.decode(head) === undefined) return undefined;
    return DebuggerData.decode(await memory.read(at, size));
  }

  /** Undefined when this version has none. */
  pointer(name: DebuggerPointer): bigint | undefined {
    const at = POINTERS[name];
    if (at + 8 > this.bytes.length) return undefined;
    const value = this.#view.getBigUint64(at, true);
    return value === 0n ? undefined : value;
  }

  /** Undefined when this version has none: no field of these is at 0. */
  offset(name: DebuggerOffset): number | undefined {
    const at = OFFSETS[name];
    if (at + 2 > this.bytes.length) return undefined;
    const value = this.#view.getUint16(at, true);
    return value === 0 || value === 0xffff ? undefined : value;
  }
}

const MASK = (1n << 64n) - 1n;

/**
 * One word of a block that Windows 8 and later keeps encoded when it booted without a debugger.
 * @param flag address of KdpDataBlockEncoded
 */
export function decodeWord(encoded: bigint, keys: { never: bigint; always: bigint; flag: bigint }): bigint {
  const shift = keys.never & 0x3fn;
  let value = (encoded ^ keys.never) & MASK;
  value = ((value << shift) | (value >> (64n - shift))) & MASK;
  value ^= keys.flag | 0xffff_0000_0000_0000n;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value & MASK);
  return (bytes.readBigUInt64BE() ^ keys.always) & MASK;
}
