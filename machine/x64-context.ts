/**
 * CONTEXT of x64, as winnt.h declares it: 1,232 bytes, 16-byte aligned where the system reads it. Registers by name over the plain
 * bytes, also the parts of a register that assembly names (eax, ax, al, ah). Names are lower case.
 */

export const CONTEXT_BYTES = 1_232;

/** ContextFlags: which parts a call gets or sets. CONTEXT_AMD64 is in each. */
export const CONTEXT_CONTROL = 0x10_0001;
export const CONTEXT_INTEGER = 0x10_0002;
export const CONTEXT_SEGMENTS = 0x10_0004;
export const CONTEXT_FLOATING_POINT = 0x10_0008;
export const CONTEXT_DEBUG_REGISTERS = 0x10_0010;
export const CONTEXT_ALL = 0x10_001f;

/** Offsets in bytes of the fields that code of ours reads without a name. */
export const CONTEXT = {
  ContextFlags: 0x30,
  MxCsr: 0x34,
  EFlags: 0x44,
  Dr0: 0x48,
  Dr6: 0x68,
  Dr7: 0x70,
  Rax: 0x78,
  Rsp: 0x98,
  Rip: 0xf8,
  FltSave: 0x100,
  Xmm0: 0x1a0,
} as const;

/** Bits of EFLAGS. */
export const EFLAGS = {
  carry: 0x1,
  parity: 0x4,
  adjust: 0x10,
  zero: 0x40,
  sign: 0x80,
  trap: 0x100,
  interrupt: 0x200,
  direction: 0x400,
  overflow: 0x800,
  /** An execute breakpoint of a debug register does not fire at the next instruction. */
  resume: 0x1_0000,
} as const;

export interface Register {
  readonly name: string;
  /** Of its first byte in CONTEXT. */
  readonly offset: number;
  /** Bytes: 1, 2, 4, 8 or 16. */
  readonly size: number;
  /** Writing a 32-bit part clears the upper half, as the processor does. */
  readonly whole?: string;
}

/** In the order of their numbers in instructions, which is also their order in CONTEXT. */
export const GENERAL_REGISTERS = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
export type GeneralRegister = (typeof GENERAL_REGISTERS)[number];
export const SEGMENT_REGISTERS = ['cs', 'ds', 'es', 'fs', 'gs', 'ss'] as const;
export const XMM_REGISTERS = Array.from({ length: 16 }, (_, index) => `xmm${index}`);

function partsOf(name: string, offset: number): Register[] {
  const parts: Register[] = [{ name, offset, size: 8 }];
  if (/^r\d/.test(name)) {
    for (const [suffix, size] of [
      ['d', 4],
      ['w', 2],
      ['b', 1],
    ] as const) {
      parts.push({ name: name + suffix, offset, size, whole: name });
    }
    return parts;
  }
  const short = name.slice(1);
  parts.push({ name: `e${short}`, offset, size: 4, whole: name }, { name: short, offset, size: 2, whole: name });
  if (short.endsWith('x')) {
    const letter = short.slice(0, 1);
    parts.push({ name: `${letter}l`, offset, size: 1, whole: name });
    parts.push({ name: `${letter}h`, offset: offset + 1, size: 1, whole: name });
  } else {
    parts.push({ name: `${short}l`, offset, size: 1, whole: name });
  }
  return parts;
}

function allRegisters(): ReadonlyMap<string, Register> {
  const all: Register[] = [
    ...GENERAL_REGISTERS.flatMap((name, index) => partsOf(name, CONTEXT.Rax + index * 8)),
    { name: 'rip', offset: CONTEXT.Rip, size: 8 },
    { name: 'eip', offset: CONTEXT.Rip, size: 4, whole: 'rip' },
    { name: 'eflags', offset: CONTEXT.EFlags, size: 4 },
    { name: 'mxcsr', offset: CONTEXT.MxCsr, size: 4 },
    ...SEGMENT_REGISTERS.map((name, index) => ({ name, offset: 0x38 + index * 2, size: 2 })),
    ...[0, 1, 2, 3].map((index) => ({ name: `dr${index}`, offset: CONTEXT.Dr0 + index * 8, size: 8 })),
    { name: 'dr6', offset: CONTEXT.Dr6, size: 8 },
    { name: 'dr7', offset: CONTEXT.Dr7, size: 8 },
    ...XMM_REGISTERS.map((name, index) => ({ name, offset: CONTEXT.Xmm0 + index * 16, size: 16 })),
    ...Array.from({ length: 8 }, (_, index) => ({ name: `st${index}`, offset: 0x120 + index * 16, size: 16 })),
  ];
  return new Map(all.map((register) => [register.name, register]));
}

/** Every register that has a name, by that name. */
export const REGISTERS: ReadonlyMap<string, Register> = allRegisters();

function find(name: string): Register {
  const register = REGISTERS.get(name.toLowerCase());
  if (register === undefined) throw new RangeError(`There is no register named ${name}`);
  return register;
}

/** The registers of one thread: a view over CONTEXT's bytes. What is set here is set in the bytes. */
export class X64Context {
  readonly #view: DataView;

  /** @param bytes 1,232 of them. @throws RangeError when there are fewer */
  constructor(readonly bytes: Uint8Array = new Uint8Array(CONTEXT_BYTES)) {
    if (bytes.length < CONTEXT_BYTES) throw new RangeError(`A CONTEXT of ${bytes.length} bytes is cut`);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, CONTEXT_BYTES);
  }

  /** Unsigned value. @throws RangeError for a name that no register has */
  get(name: string): bigint {
    const { offset, size } = find(name);
    switch (size) {
      case 1:
        return BigInt(this.#view.getUint8(offset));
      case 2:
        return BigInt(this.#view.getUint16(offset, true));
      case 4:
        return BigInt(this.#view.getUint32(offset, true));
      case 8:
        return this.#view.getBigUint64(offset, true);
      default:
        return (this.#view.getBigUint64(offset + 8, true) << 64n) | this.#view.getBigUint64(offset, true);
    }
  }

  /** Takes the low bits of the value that the register holds. @throws RangeError for a name that no register has */
  set(name: string, value: bigint): void {
    const { offset, size, whole } = find(name);
    switch (size) {
      case 1:
        this.#view.setUint8(offset, Number(value & 0xffn));
        return;
      case 2:
        this.#view.setUint16(offset, Number(value & 0xffffn), true);
        return;
      case 4:
        if (whole !== undefined) this.#view.setBigUint64(offset, value & 0xffff_ffffn, true);
        else this.#view.setUint32(offset, Number(value & 0xffff_ffffn), true);
        return;
      case 8:
        this.#view.setBigUint64(offset, BigInt.asUintN(64, value), true);
        return;
      default:
        this.#view.setBigUint64(offset, BigInt.asUintN(64, value), true);
        this.#view.setBigUint64(offset + 8, BigInt.asUintN(64, value >> 64n), true);
    }
  }

  get rip(): bigint {
    return this.#view.getBigUint64(CONTEXT.Rip, true);
  }
  set rip(value: bigint) {
    this.#view.setBigUint64(CONTEXT.Rip, value, true);
  }
  get rsp(): bigint {
    return this.#view.getBigUint64(CONTEXT.Rsp, true);
  }
  set rsp(value: bigint) {
    this.#view.setBigUint64(CONTEXT.Rsp, value, true);
  }
  get eflags(): number {
    return this.#view.getUint32(CONTEXT.EFlags, true);
  }
  set eflags(value: number) {
    this.#view.setUint32(CONTEXT.EFlags, value >>> 0, true);
  }
  get contextFlags(): number {
    return this.#view.getUint32(CONTEXT.ContextFlags, true);
  }
  set contextFlags(value: number) {
    this.#view.setUint32(CONTEXT.ContextFlags, value >>> 0, true);
  }

  /** By the register's number in instructions: 0 rax, 1 rcx, ... 15 r15. */
  general(number: number): bigint {
    return this.#view.getBigUint64(CONTEXT.Rax + number * 8, true);
  }
  setGeneral(number: number, value: bigint): void {
    this.#view.setBigUint64(CONTEXT.Rax + number * 8, BigInt.asUintN(64, value), true);
  }

  copy(): X64Context {
    return new X64Context(this.bytes.slice(0, CONTEXT_BYTES));
  }
}
