/** UNWIND_INFO: what a function's prologue does, in reverse ("x64 exception handling", Microsoft Learn; version 2 as kernel images have it). */
import { readRuntimeFunction, type RuntimeFunction } from '../pe/exception-directory.js';
import { corrupt, hex, type PeImage } from '../pe/pe-image.js';

/** One operation of the prologue. Registers are numbered as instructions do: 0 is RAX, 4 RSP, 5 RBP, 15 R15. */
export type UnwindCode = {
  /** Bytes from the function's begin to the end of the instruction that did it. */
  readonly offset: number;
} & (
  | { readonly kind: 'push'; readonly register: number }
  | { readonly kind: 'allocate'; readonly size: number }
  | { readonly kind: 'setFrame' }
  /** Displacement in bytes from the frame's base. */
  | { readonly kind: 'save' | 'saveXmm'; readonly register: number; readonly displacement: number }
  /** The processor pushed RIP, CS, EFLAGS, RSP and SS, and perhaps an error code before the handler began. */
  | { readonly kind: 'machineFrame'; readonly errorCode: boolean }
);

export interface UnwindInfo {
  readonly version: number;
  readonly prologSize: number;
  /** 0: RSP is the frame's base. */
  readonly frameRegister: number;
  /** Bytes that the frame register lies above the frame's base. */
  readonly frameOffset: number;
  /** The last operation of the prologue first. */
  readonly codes: readonly UnwindCode[];
  /** Version 2: where epilogues are, [from, to) in RVAs, from behind the instruction that frees the frame. undefined: version 1. */
  readonly epilogs: readonly { readonly from: number; readonly to: number }[] | undefined;
  /** The fragment of the same function whose prologue came before. */
  readonly chained: RuntimeFunction | undefined;
}

const Op = {
  PushNonvolatile: 0,
  AllocateLarge: 1,
  AllocateSmall: 2,
  SetFrame: 3,
  Save: 4,
  SaveFar: 5,
  Epilog: 6,
  Spare: 7,
  SaveXmm: 8,
  SaveXmmFar: 9,
  PushMachineFrame: 10,
} as const;
const CHAININFO = 4;
const MAX_CHAIN = 32;

/** @throws EventscopeError pe.corrupt */
export async function readUnwindInfo(image: PeImage, entry: RuntimeFunction): Promise<UnwindInfo> {
  const head = await image.read(entry.unwindInfo, 4);
  const version = head.getUint8(0) & 7;
  // Version 3 is a preview for processors with more registers: its codes mean something else.
  if (version !== 1 && version !== 2)
    throw corrupt(`the unwind data at ${hex(entry.unwindInfo)} is of version ${version}`);
  const flags = head.getUint8(0) >>> 3;
  const count = head.getUint8(2);
  const slots = await image.read(entry.unwindInfo + 4, count * 2);
  const chainAt = entry.unwindInfo + 4 + ((count + 1) & ~1) * 2;
  const { codes, epilogs } = readCodes(slots, count, version, entry);
  return {
    version,
    prologSize: head.getUint8(1),
    frameRegister: head.getUint8(3) & 0xf,
    frameOffset: (head.getUint8(3) >>> 4) * 16,
    codes,
    epilogs,
    chained: (flags & CHAININFO) === 0 ? undefined : await readRuntimeFunction(image, chainAt),
  };
}

/** An entry whose unwind data has bit 0 set names another entry to use in its place. @throws EventscopeError pe.corrupt */
export async function resolveIndirect(image: PeImage, entry: RuntimeFunction): Promise<RuntimeFunction> {
  let resolved = entry;
  for (let depth = 0; (resolved.unwindInfo & 1) !== 0; depth++) {
    if (depth >= MAX_CHAIN) throw corrupt('its function entries lead in a circle');
    resolved = await readRuntimeFunction(image, resolved.unwindInfo - 1);
  }
  return resolved;
}

/** The entry's unwind data, then that of the fragments it is chained to. @throws EventscopeError pe.corrupt */
export async function readUnwindChain(
  image: PeImage,
  entry: RuntimeFunction,
): Promise<readonly { readonly entry: RuntimeFunction; readonly info: UnwindInfo }[]> {
  const chain: { entry: RuntimeFunction; info: UnwindInfo }[] = [];
  for (let next: RuntimeFunction | undefined = entry; next !== undefined;) {
    if (chain.length >= MAX_CHAIN) throw corrupt('its unwind data is chained in a circle');
    const resolved: RuntimeFunction = await resolveIndirect(image, next);
    const info = await readUnwindInfo(image, resolved);
    chain.push({ entry: resolved, info });
    next = info.chained;
  }
  return chain;
}

function readCodes(
  slots: DataView,
  count: number,
  version: number,
  entry: RuntimeFunction,
): Pick<UnwindInfo, 'codes' | 'epilogs'> {
  const codes: UnwindCode[] = [];
  const epilogs: { from: number; to: number }[] = [];
  let epilogSize: number | undefined;
  const slot = (index: number): number => {
    if (index >= count) throw corrupt(`the unwind data at ${hex(entry.unwindInfo)} is cut`);
    return slots.getUint16(index * 2, true);
  };
  for (let index = 0; index < count;) {
    const word = slot(index);
    const op = (word >>> 8) & 0xf;
    if (op === Op.Epilog && version === 2) {
      const low = word & 0xff;
      const high = word >>> 12;
      if (epilogSize === undefined) {
        epilogSize = low;
        if ((high & 1) !== 0) epilogs.push({ from: entry.end - low, to: entry.end });
      } else if ((high << 8) + low !== 0) {
        const from = entry.end - ((high << 8) + low);
        epilogs.push({ from, to: from + epilogSize });
      }
      index++;
      continue;
    }
    const { code, slots: used } = readCode(op, word, (ahead) => slot(index + ahead), entry);
    if (code !== undefined) codes.push(code);
    index += used;
  }
  return { codes, epilogs: version === 2 ? epilogs : undefined };
}

function readCode(
  op: number,
  word: number,
  slot: (ahead: number) => number,
  entry: RuntimeFunction,
): { readonly code: UnwindCode | undefined; readonly slots: number } {
  const offset = word & 0xff;
  const info = word >>> 12;
  const far = (): number => slot(1) + slot(2) * 0x10000;
  switch (op) {
    case Op.PushNonvolatile:
      return { code: { offset, kind: 'push', register: info }, slots: 1 };
    case Op.AllocateLarge:
      return info === 0
        ? { code: { offset, kind: 'allocate', size: slot(1) * 8 }, slots: 2 }
        : { code: { offset, kind: 'allocate', size: far() }, slots: 3 };
    case Op.AllocateSmall:
      return { code: { offset, kind: 'allocate', size: info * 8 + 8 }, slots: 1 };
    case Op.SetFrame:
      return { code: { offset, kind: 'setFrame' }, slots: 1 };
    case Op.Save:
      return { code: { offset, kind: 'save', register: info, displacement: slot(1) * 8 }, slots: 2 };
    case Op.SaveFar:
      return { code: { offset, kind: 'save', register: info, displacement: far() }, slots: 3 };
    case Op.SaveXmm:
      return { code: { offset, kind: 'saveXmm', register: info, displacement: slot(1) * 16 }, slots: 2 };
    case Op.SaveXmmFar:
      return { code: { offset, kind: 'saveXmm', register: info, displacement: far() }, slots: 3 };
    case Op.PushMachineFrame:
      return { code: { offset, kind: 'machineFrame', errorCode: info === 1 }, slots: 1 };
    // Before version 2 these two saved the lower half of an XMM register; no image of the last twenty years has them.
    case Op.Epilog:
      return { code: undefined, slots: 2 };
    case Op.Spare:
      return { code: undefined, slots: 3 };
    default:
      throw corrupt(`the unwind data at ${hex(entry.unwindInfo)} has the unknown code ${op}`);
  }
}
