import { CONTEXT, GENERAL_REGISTERS, type GeneralRegister } from '../x64-context.js';

/** Registers of one frame. What a call does not preserve is unknown in the caller: it is not there. */
export type FrameRegisters = Readonly<Partial<Record<GeneralRegister, bigint>>> & {
  readonly rip: bigint;
  readonly rsp: bigint;
  /** XMM registers by number, 128 bits. */
  readonly xmm: ReadonlyMap<number, bigint>;
};

const XMM_COUNT = 16;

/** All registers of a stopped thread, from its CONTEXT (1,232 bytes). */
export function registersOfContext(context: Uint8Array): FrameRegisters {
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  const general: Partial<Record<GeneralRegister, bigint>> = {};
  GENERAL_REGISTERS.forEach((name, index) => (general[name] = view.getBigUint64(CONTEXT.Rax + index * 8, true)));
  const xmm = new Map<number, bigint>();
  for (let index = 0; index < XMM_COUNT; index++) {
    const at = CONTEXT.Xmm0 + index * 16;
    xmm.set(index, (view.getBigUint64(at + 8, true) << 64n) | view.getBigUint64(at, true));
  }
  return { ...general, rip: view.getBigUint64(CONTEXT.Rip, true), rsp: view.getBigUint64(CONTEXT.Rsp, true), xmm };
}

/** Preserved by every function: RBX, RBP, RSI, RDI, R12 to R15, and XMM6 to XMM15. */
export const isNonvolatile = (register: number): boolean => [3, 5, 6, 7].includes(register) || register >= 12;
export const isNonvolatileXmm = (register: number): boolean => register >= 6;
