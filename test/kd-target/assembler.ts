/** The few x64 instructions that the test target's programs are made of. */

export const REGISTERS = [
  'rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15',
] as const; // prettier-ignore
export type Register = (typeof REGISTERS)[number];

interface Fixup {
  readonly at: number;
  readonly label: string;
}

export class Assembler {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  label(name: string): this {
    this.#labels.set(name, this.length);
    return this;
  }

  bytes(...bytes: number[]): this {
    this.#bytes.push(...bytes);
    return this;
  }

  nop = (): this => this.bytes(0x90);
  int3 = (): this => this.bytes(0xcc);
  ret = (): this => this.bytes(0xc3);
  pause = (): this => this.bytes(0xf3, 0x90);
  /** Calls the model: a hypercall, and the function's number in a nop after it, so that a disassembler stays in step. */
  hypercall = (number: number): this => this.bytes(0x0f, 0x01, 0xc1, 0x0f, 0x1f, 0x40, number);
  push = (register: Register): this => this.#short(0x50, register);
  pop = (register: Register): this => this.#short(0x58, register);
  subRsp = (bytes: number): this => this.bytes(0x48, 0x83, 0xec, bytes);
  addRsp = (bytes: number): this => this.bytes(0x48, 0x83, 0xc4, bytes);

  /** mov register, imm64 */
  load(register: Register, value: bigint): this {
    const number = REGISTERS.indexOf(register);
    return this.bytes(0x48 | (number >> 3), 0xb8 | (number & 7), ...littleEndian(value, 8));
  }

  /** mov r32, imm32 (clears the upper half) */
  load32(register: Register, value: number): this {
    const number = REGISTERS.indexOf(register);
    if (number >= 8) this.bytes(0x41);
    return this.bytes(0xb8 | (number & 7), ...littleEndian(BigInt(value), 4));
  }

  /** mov to, from (64 bit) */
  move(to: Register, from: Register): this {
    const [target, source] = [REGISTERS.indexOf(to), REGISTERS.indexOf(from)];
    return this.bytes(0x48 | ((source >> 3) << 2) | (target >> 3), 0x89, 0xc0 | ((source & 7) << 3) | (target & 7));
  }

  /** mov r32, [base + disp8] */
  read32 = (to: Register, base: Register, offset: number): this => this.#memory(0x8b, to, base, offset, false);
  /** mov [base + disp8], r32 */
  write32 = (base: Register, offset: number, from: Register): this => this.#memory(0x89, from, base, offset, false);
  /** inc qword [base + disp8] */
  increment = (base: Register, offset: number): this => this.#memory(0xff, 'rax', base, offset, true);
  /** mov [rsp + disp8], register (64 bit) */
  home(offset: number, from: Register): this {
    const number = REGISTERS.indexOf(from);
    return this.bytes(0x48 | ((number >> 3) << 2), 0x89, 0x44 | ((number & 7) << 3), 0x24, offset);
  }

  call = (label: string): this => this.#relative(0xe8, label);
  jump = (label: string): this => this.#relative(0xe9, label);
  /** call [rip + ...] through the slot at label: an import. */
  callSlot(label: string): this {
    this.bytes(0xff, 0x15);
    return this.#fixup(label);
  }

  /**
   * The bytes, with every label resolved. Labels that are not in here come from outside, as offsets from this code's begin.
   * @throws Error for a label that nobody knows
   */
  finish(outside: ReadonlyMap<string, number> = new Map()): Uint8Array {
    const code = Uint8Array.from(this.#bytes);
    const view = new DataView(code.buffer);
    for (const { at, label } of this.#fixups) {
      const target = this.#labels.get(label) ?? outside.get(label);
      if (target === undefined) throw new Error(`no label ${label}`);
      view.setInt32(at, target - (at + 4), true);
    }
    return code;
  }

  labelOffset(name: string): number | undefined {
    return this.#labels.get(name);
  }

  #short(opcode: number, register: Register): this {
    const number = REGISTERS.indexOf(register);
    if (number >= 8) this.bytes(0x41);
    return this.bytes(opcode | (number & 7));
  }

  #memory(opcode: number, register: Register, base: Register, offset: number, wide: boolean): this {
    const [reg, rm] = [REGISTERS.indexOf(register), REGISTERS.indexOf(base)];
    const rex = 0x40 | (wide ? 8 : 0) | ((reg >> 3) << 2) | (rm >> 3);
    if (rex !== 0x40) this.bytes(rex);
    return this.bytes(opcode, 0x40 | ((reg & 7) << 3) | (rm & 7), offset);
  }

  #relative(opcode: number, label: string): this {
    this.bytes(opcode);
    return this.#fixup(label);
  }

  #fixup(label: string): this {
    this.#fixups.push({ at: this.length, label });
    return this.bytes(0, 0, 0, 0);
  }
}

function littleEndian(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}
