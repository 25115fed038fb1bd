/** CodeView's register numbers (cvinfo.h CV_HREG_e), as far as locations are made of them. */
export const Amd64 = { Rbp: 334, Rsp: 335, Rcx: 330, Rdx: 331, R8: 336, R9: 337, R13: 341, Xmm0: 154 } as const;
const X86 = { Ebx: 20, Ebp: 22, VirtualFrame: 30006 } as const;

/** What S_FRAMEPROC's two bits stand for, locals' and parameters' alike. undefined: the function has no frame. */
export function frameRegister(encoded: number, is64: boolean): number | undefined {
  const registers = is64 ? [Amd64.Rsp, Amd64.Rbp, Amd64.R13] : [X86.VirtualFrame, X86.Ebp, X86.Ebx];
  return registers[encoded - 1];
}

/** Bytes of a register. */
export function registerWidth(register: number): number {
  if (register <= 8) return 1;
  if (register <= 16) return 2;
  if (register <= 24) return 4;
  if ((register >= 154 && register <= 161) || (register >= 252 && register <= 259)) return 16;
  if (register >= 162 && register <= 193) return 4;
  if (register >= 324 && register <= 327) return 1;
  if (register >= 328 && register <= 343) return 8;
  if (register >= 344 && register <= 351) return 1;
  if (register >= 352 && register <= 359) return 2;
  if (register >= 360 && register <= 367) return 4;
  if (register >= 368 && register <= 383) return 32;
  return 8;
}
