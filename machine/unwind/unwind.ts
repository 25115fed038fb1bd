/**
 * From a frame to its caller's, as RtlVirtualUnwind does it: by the function's unwind data, in its prologue, body and epilogues, and through
 * frames that the processor made ("x64 exception handling", Microsoft Learn).
 */
import { findRuntimeFunction, type RuntimeFunction } from '../pe/exception-directory.js';
import type { PeImage } from '../pe/pe-image.js';
import { GENERAL_REGISTERS, type GeneralRegister } from '../x64-context.js';
import { decodeEpilogue, type Epilogue, EPILOGUE_BYTES } from './epilogue.js';
import { type FrameRegisters, isNonvolatile, isNonvolatileXmm } from './registers.js';
import { readUnwindChain, resolveIndirect, type UnwindCode, type UnwindInfo } from './unwind-info.js';

/** Memory of the target. Fewer bytes than asked for: the rest cannot be read. */
export interface UnwindMemory {
  read(address: bigint, length: number): Promise<Uint8Array>;
}

/** The module that an address is in, loaded at base. */
export interface UnwindModule {
  readonly base: bigint;
  readonly image: PeImage;
}

export interface UnwoundFrame {
  readonly caller: FrameRegisters;
  /** The caller's RSP behind the return address: the same for all of a function's life, and its frame's identity. */
  readonly cfa: bigint;
  /** Where the return address was read. */
  readonly returnAddressAt: bigint;
  /** The caller was interrupted, it did not call: its RIP is the instruction itself, not the one behind a call. */
  readonly interrupted: boolean;
  /** Where the caller's registers lie in memory, by their names ("rbx", "xmm6"): writing there changes them when it goes on. */
  readonly savedAt: ReadonlyMap<string, bigint>;
}

const RSP = 4;
const MASK = 0xffff_ffff_ffff_ffffn;

/** Registers that change while one frame is undone. */
class Unwinding {
  readonly general = new Map<number, bigint>();
  readonly xmm: Map<number, bigint>;
  readonly savedAt = new Map<string, bigint>();
  rip: bigint;
  interrupted = false;
  /** Where RIP was read from; undefined until then. */
  ripAt: bigint | undefined;

  constructor(
    from: FrameRegisters,
    private readonly memory: UnwindMemory,
  ) {
    this.rip = from.rip;
    this.xmm = new Map(from.xmm);
    GENERAL_REGISTERS.forEach((name, index) => {
      const value = from[name];
      if (value !== undefined) this.general.set(index, value);
    });
  }

  get rsp(): bigint {
    return this.general.get(RSP) ?? 0n;
  }
  set rsp(value: bigint) {
    this.general.set(RSP, value & MASK);
  }

  async load(address: bigint): Promise<bigint> {
    const bytes = await this.memory.read(address & MASK, 8);
    if (bytes.length < 8) throw new UnreadableStack(address);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  }

  async restore(register: number, address: bigint): Promise<void> {
    this.general.set(register, await this.load(address));
    this.savedAt.set(GENERAL_REGISTERS[register] ?? '', address);
  }

  async restoreXmm(register: number, address: bigint): Promise<void> {
    const low = await this.load(address);
    this.xmm.set(register, ((await this.load(address + 8n)) << 64n) | low);
    this.savedAt.set(`xmm${register}`, address);
  }

  async pop(register: number): Promise<void> {
    const at = this.rsp;
    await this.restore(register, at);
    // A pop into RSP would be no epilogue; the slot's content counts, as for the processor.
    if (register !== RSP) this.rsp = at + 8n;
  }

  async return(): Promise<void> {
    this.ripAt = this.rsp;
    this.rip = await this.load(this.rsp);
    this.rsp += 8n;
  }

  /** What a call preserves, and what was restored on the way. */
  result(): UnwoundFrame {
    const kept: Partial<Record<GeneralRegister, bigint>> = {};
    for (const [register, value] of this.general) {
      const name = GENERAL_REGISTERS[register];
      if (name !== undefined && (isNonvolatile(register) || this.savedAt.has(name))) kept[name] = value;
    }
    const xmm = new Map(
      [...this.xmm].filter(([number]) => isNonvolatileXmm(number) || this.savedAt.has(`xmm${number}`)),
    );
    return {
      caller: { ...kept, rip: this.rip, rsp: this.rsp, xmm },
      cfa: this.rsp,
      returnAddressAt: this.ripAt ?? this.rsp,
      interrupted: this.interrupted,
      savedAt: this.savedAt,
    };
  }
}

/** The stack cannot be read there: the walk ends. */
export class UnreadableStack extends Error {
  constructor(readonly address: bigint) {
    super(`The stack at 0x${(address & MASK).toString(16).toUpperCase()} cannot be read`);
    this.name = 'UnreadableStack';
  }
}

/**
 * The caller of a frame.
 * @param module where frame.rip is; undefined: in no module, then it is taken for a leaf function.
 * @param mayBeInEpilogue for the first frame of a thread, and for an interrupted one. A frame that has called is in its body.
 * @throws UnreadableStack; EventscopeError pe.corrupt when the unwind data is wrong.
 */
export async function unwindFrame(
  frame: FrameRegisters,
  module: UnwindModule | undefined,
  memory: UnwindMemory,
  mayBeInEpilogue: boolean,
): Promise<UnwoundFrame> {
  const unwinding = new Unwinding(frame, memory);
  const rva = module === undefined ? -1 : Number(frame.rip - module.base);
  // Behind a call that does not return, the return address may be another function's: the call itself counts.
  const lookup = mayBeInEpilogue ? rva : rva - 1;
  const found = module && rva >= 0 ? await findRuntimeFunction(module.image, lookup) : undefined;
  if (module === undefined || found === undefined) {
    await unwinding.return();
    return unwinding.result();
  }
  const chain = await readUnwindChain(module.image, found);
  const [first] = chain;
  if (first === undefined) throw new UnreadableStack(frame.rsp);
  const offset = rva - first.entry.begin;
  const inProlog = offset < first.info.prologSize;
  if (!inProlog && mayBeInEpilogue && (await leaveEpilogue(unwinding, { module, rva, chain, memory }))) {
    return unwinding.result();
  }
  for (const [index, { info }] of chain.entries()) {
    await undo(unwinding, info, index === 0 && inProlog ? offset : Infinity);
  }
  if (!unwinding.interrupted) await unwinding.return();
  return unwinding.result();
}

type Chain = readonly { readonly entry: RuntimeFunction; readonly info: UnwindInfo }[];

/** Undoes what the prologue did up to this offset. */
async function undo(unwinding: Unwinding, info: UnwindInfo, offset: number): Promise<void> {
  const codes = info.codes.filter((code) => code.offset <= offset);
  // Before the frame register is set, RSP is the frame's base.
  const hasFrame = info.frameRegister !== 0 && (offset === Infinity || codes.some(({ kind }) => kind === 'setFrame'));
  const frameRegister = unwinding.general.get(info.frameRegister) ?? 0n;
  const base = hasFrame ? frameRegister - BigInt(info.frameOffset) : unwinding.rsp;
  for (const code of codes) await undoOne(unwinding, code, base);
}

async function undoOne(unwinding: Unwinding, code: UnwindCode, base: bigint): Promise<void> {
  switch (code.kind) {
    case 'push':
      return unwinding.pop(code.register);
    case 'allocate':
      unwinding.rsp += BigInt(code.size);
      return;
    case 'setFrame':
      unwinding.rsp = base;
      return;
    case 'save':
      return unwinding.restore(code.register, base + BigInt(code.displacement));
    case 'saveXmm':
      return unwinding.restoreXmm(code.register, base + BigInt(code.displacement));
    case 'machineFrame': {
      const at = unwinding.rsp + (code.errorCode ? 8n : 0n);
      unwinding.ripAt = at;
      unwinding.rip = await unwinding.load(at);
      unwinding.rsp = await unwinding.load(at + 24n);
      unwinding.interrupted = true;
      return;
    }
  }
}

interface EpiloguePlace {
  readonly module: UnwindModule;
  readonly rva: number;
  readonly chain: Chain;
  readonly memory: UnwindMemory;
}

/** Does the rest of an epilogue. false: the instruction pointer is in none. */
async function leaveEpilogue(unwinding: Unwinding, place: EpiloguePlace): Promise<boolean> {
  const { chain, rva } = place;
  const epilogs = chain[0]?.info.epilogs;
  if (epilogs !== undefined) {
    const epilog = epilogs.find(({ from, to }) => rva >= from && rva < to);
    if (epilog === undefined) return false;
    for (const register of popsFrom(chain, rva - epilog.from)) await unwinding.pop(register);
    await unwinding.return();
    return true;
  }
  const epilogue = await epilogueAt(place);
  if (epilogue === undefined) return false;
  const { free } = epilogue;
  if (free.kind === 'add') unwinding.rsp += BigInt(free.size);
  if (free.kind === 'lea') unwinding.rsp = (unwinding.general.get(free.register) ?? 0n) + BigInt(free.displacement);
  for (const register of epilogue.pops) await unwinding.pop(register);
  await unwinding.return();
  return true;
}

/** Pops that are left at this many bytes into an epilogue: the prologue's pushes in reverse, two bytes for R8 and up. */
function popsFrom(chain: Chain, bytes: number): readonly number[] {
  const pops: number[] = [];
  let at = 0;
  for (const { info } of chain) {
    for (const code of info.codes) {
      if (code.kind !== 'push') continue;
      if (at >= bytes) pops.push(code.register);
      at += code.register >= 8 ? 2 : 1;
    }
  }
  return pops;
}

async function epilogueAt({ module, rva, chain, memory }: EpiloguePlace): Promise<Epilogue | undefined> {
  const live = await memory.read(module.base + BigInt(rva), EPILOGUE_BYTES);
  const code = live.length > 0 ? live : await module.image.readUpTo(rva, EPILOGUE_BYTES);
  const epilogue = decodeEpilogue(code, chain.at(-1)?.info.frameRegister ?? 0);
  if (epilogue?.jumpTo === undefined) return epilogue;
  // A jump within the function is a branch; to its begin, or out of it, a tail call.
  const target = rva + epilogue.jumpTo;
  const root = chain.at(-1)?.entry;
  if (root === undefined || target === root.begin) return epilogue;
  const entry = await findRuntimeFunction(module.image, target);
  if (entry === undefined) return epilogue;
  const targetChain = await readUnwindChain(module.image, await resolveIndirect(module.image, entry));
  return targetChain.at(-1)?.entry.begin === root.begin ? undefined : epilogue;
}
