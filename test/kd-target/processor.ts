/**
 * A processor of the test target: executes what assembler.ts makes (and a little more), with breakpoints, the trap flag and debug
 * registers behaving as the x64 manuals say.
 */
import { REGISTERS } from './assembler.js';
import { PageFault, type AddressSpace } from './physical-memory.js';

export const EFLAGS_TF = 0x100;
export const EFLAGS_IF = 0x200;
export const EFLAGS_RF = 0x1_0000;
const EFLAGS_CF = 1;
const EFLAGS_ZF = 0x40;
const EFLAGS_SF = 0x80;

export const KERNEL_CS = 0x10;
export const USER_CS = 0x33;

/** What a thread leaves behind when it is switched out. */
export interface Registers {
  readonly general: BigUint64Array;
  rip: bigint;
  eflags: number;
  cs: number;
}

export const RSP = REGISTERS.indexOf('rsp');

export function freshRegisters(rip: bigint, rsp: bigint, cs = KERNEL_CS): Registers {
  const general = new BigUint64Array(16);
  general[RSP] = rsp;
  return { general, rip, eflags: EFLAGS_IF | 2, cs };
}

export type Trap =
  | { readonly kind: 'breakpoint'; readonly address: bigint }
  /** Trap flag or a debug register: DR6 tells. */
  | { readonly kind: 'debug'; readonly address: bigint }
  | { readonly kind: 'pageFault'; readonly address: bigint; readonly target: bigint }
  | { readonly kind: 'illegal'; readonly address: bigint }
  | { readonly kind: 'hypercall'; readonly number: number };

export class Processor {
  registers: Registers;
  readonly dr = new BigUint64Array(4);
  dr6 = 0xffff_0ff0n;
  dr7 = 0x400n;
  cr8 = 0n;

  constructor(
    readonly number: number,
    public space: AddressSpace,
    registers: Registers,
  ) {
    this.registers = registers;
  }

  /** Executes one instruction; what it met, if it met something. RIP then tells where to go on. */
  step(): Trap | undefined {
    const { registers } = this;
    const start = registers.rip;
    if ((registers.eflags & EFLAGS_RF) === 0) {
      const hit = this.#matching(0, start, 1);
      if (hit !== 0n) {
        this.dr6 = 0xffff_0ff0n | hit;
        return { kind: 'debug', address: start };
      }
    }
    const tracing = (registers.eflags & EFLAGS_TF) !== 0;
    try {
      this.#written = 0n;
      const trap = this.#execute();
      if (trap !== undefined && trap.kind !== 'hypercall') return trap;
      registers.eflags &= ~EFLAGS_RF;
      const hits = this.#written | (tracing ? 0x4000n : 0n);
      if (hits !== 0n) {
        this.dr6 = 0xffff_0ff0n | hits;
        // A hypercall has work to do before anybody looks: the model reports the trap after it.
        this.pendingDebug = trap !== undefined;
        return trap ?? { kind: 'debug', address: registers.rip };
      }
      return trap;
    } catch (error) {
      if (!(error instanceof PageFault)) throw error;
      registers.rip = start;
      return { kind: 'pageFault', address: start, target: error.address };
    }
  }

  /** A debug trap to be reported after the hypercall that step() returned. */
  pendingDebug = false;
  #written = 0n;

  /** Bits of DR6 for enabled registers of this kind (0 execute, 1 write, 3 read or write) that meet the range. */
  #matching(kind: number, address: bigint, length: number): bigint {
    let bits = 0n;
    for (let index = 0; index < 4; index++) {
      if (((this.dr7 >> BigInt(2 * index)) & 3n) === 0n) continue;
      const access = Number((this.dr7 >> BigInt(16 + 4 * index)) & 3n);
      if (kind === 0 ? access !== 0 : access !== kind && access !== 3) continue;
      const size = [1n, 2n, 8n, 4n][Number((this.dr7 >> BigInt(18 + 4 * index)) & 3n)] ?? 1n;
      const at = this.dr[index] ?? 0n;
      if (address < at + size && at < address + BigInt(length)) bits |= 1n << BigInt(index);
    }
    return bits;
  }

  #fetch(bytes: number): bigint {
    const value = this.space.unsigned(this.registers.rip, bytes);
    this.registers.rip = BigInt.asUintN(64, this.registers.rip + BigInt(bytes));
    return value;
  }

  get(register: number): bigint {
    return this.registers.general[register] ?? 0n;
  }

  #set(register: number, value: bigint, bytes: number): void {
    this.registers.general[register] = bytes === 8 ? BigInt.asUintN(64, value) : BigInt.asUintN(32, value);
  }

  store(address: bigint, bytes: number, value: bigint): void {
    this.space.setUnsigned(address, bytes, value);
    this.#written |= this.#matching(1, address, bytes);
  }

  push(value: bigint): void {
    const rsp = BigInt.asUintN(64, this.get(RSP) - 8n);
    this.store(rsp, 8, value);
    this.registers.general[RSP] = rsp;
  }

  pop(): bigint {
    const value = this.space.unsigned(this.get(RSP), 8);
    this.registers.general[RSP] = this.get(RSP) + 8n;
    return value;
  }

  #execute(): Trap | undefined {
    const start = this.registers.rip;
    let opcode = Number(this.#fetch(1));
    if (opcode === 0xf3) opcode = Number(this.#fetch(1)); // pause
    let rex = 0;
    if ((opcode & 0xf0) === 0x40) {
      rex = opcode;
      opcode = Number(this.#fetch(1));
    }
    const bytes = (rex & 8) === 0 ? 4 : 8;
    const low = (opcode & 7) | ((rex & 1) << 3);
    if (opcode >= 0x50 && opcode <= 0x57) this.push(this.get(low));
    else if (opcode >= 0x58 && opcode <= 0x5f) this.#set(low, this.pop(), 8);
    else if (opcode >= 0xb8 && opcode <= 0xbf) this.#set(low, this.#fetch(bytes), bytes);
    else if (!this.#simple(opcode) && !this.#withOperand(opcode, rex, bytes)) {
      return this.#trap(opcode, start);
    }
    return undefined;
  }

  #trap(opcode: number, start: bigint): Trap {
    if (opcode === 0x0f && this.space.unsigned(this.registers.rip, 2) === 0xc101n) {
      this.#fetch(2);
      // nop dword [rax + number]
      this.#fetch(3);
      return { kind: 'hypercall', number: Number(this.#fetch(1)) };
    }
    this.registers.rip = start;
    return { kind: opcode === 0xcc ? 'breakpoint' : 'illegal', address: start };
  }

  #simple(opcode: number): boolean {
    switch (opcode) {
      case 0x90:
        return true;
      case 0xc3:
        this.registers.rip = this.pop();
        return true;
      case 0xe8: {
        const distance = BigInt.asIntN(32, this.#fetch(4));
        this.push(this.registers.rip);
        this.#jump(distance);
        return true;
      }
      case 0xe9:
        this.#jump(BigInt.asIntN(32, this.#fetch(4)));
        return true;
      case 0xeb:
        this.#jump(BigInt.asIntN(8, this.#fetch(1)));
        return true;
      case 0x74:
      case 0x75: {
        const distance = BigInt.asIntN(8, this.#fetch(1));
        if (((this.registers.eflags & EFLAGS_ZF) !== 0) === (opcode === 0x74)) this.#jump(distance);
        return true;
      }
      default:
        return false;
    }
  }

  #jump(distance: bigint): void {
    this.registers.rip = BigInt.asUintN(64, this.registers.rip + distance);
  }

  /** Instructions with a ModRM byte. False when there is no such opcode here; then RIP is to be put back. */
  #withOperand(opcode: number, rex: number, bytes: number): boolean {
    if (![0x03, 0x89, 0x8b, 0x8d, 0x83, 0x85, 0x31, 0x33, 0xff, 0xc7].includes(opcode)) return false;
    const modrm = Number(this.#fetch(1));
    const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
    const immediateBytes = opcode === 0x83 ? 1 : opcode === 0xc7 ? 4 : 0;
    const operand = this.#operand(modrm, rex, immediateBytes);
    const read = (): bigint =>
      operand.memory ? this.space.unsigned(operand.at, bytes) : BigInt.asUintN(8 * bytes, this.get(Number(operand.at)));
    const write = (value: bigint): void => {
      if (operand.memory) this.store(operand.at, bytes, BigInt.asUintN(8 * bytes, value));
      else this.#set(Number(operand.at), value, bytes);
    };
    const source = BigInt.asUintN(8 * bytes, this.get(reg));
    switch (opcode) {
      case 0x03:
        this.#set(reg, this.#flags(read() + source, bytes), bytes);
        return true;
      case 0x89:
        write(source);
        return true;
      case 0x8b:
        this.#set(reg, read(), bytes);
        return true;
      case 0x8d:
        this.#set(reg, operand.at, bytes);
        return true;
      case 0x85:
        this.#flags(read() & source, bytes);
        return true;
      case 0x31:
        write(this.#flags(read() ^ source, bytes));
        return true;
      case 0x33:
        this.#set(reg, this.#flags(read() ^ source, bytes), bytes);
        return true;
      case 0xc7:
        write(BigInt.asIntN(32, this.#fetch(4)));
        return true;
      case 0x83:
        return this.#arithmetic(reg & 7, read(), BigInt.asIntN(8, this.#fetch(1)), bytes, write);
      default:
        return this.#group5(
          reg & 7,
          operand.memory ? this.#reader(operand.at) : () => this.get(Number(operand.at)),
          read,
          write,
          bytes,
        );
    }
  }

  #reader(at: bigint): () => bigint {
    return () => this.space.unsigned(at, 8);
  }

  #arithmetic(operation: number, left: bigint, right: bigint, bytes: number, write: (value: bigint) => void): boolean {
    if (operation === 0) write(this.#flags(left + right, bytes));
    else if (operation === 5) write(this.#flags(left - right, bytes));
    else if (operation === 7) this.#flags(left - right, bytes);
    else return false;
    if (left < BigInt.asUintN(8 * bytes, right) && operation !== 0) this.registers.eflags |= EFLAGS_CF;
    return true;
  }

  #group5(
    operation: number,
    pointer: () => bigint,
    read: () => bigint,
    write: (value: bigint) => void,
    bytes: number,
  ): boolean {
    if (operation === 0) write(this.#flags(read() + 1n, bytes));
    else if (operation === 1) write(this.#flags(read() - 1n, bytes));
    else if (operation === 2) {
      const target = pointer();
      this.push(this.registers.rip);
      this.registers.rip = target;
    } else if (operation === 4) this.registers.rip = pointer();
    else return false;
    return true;
  }

  #flags(result: bigint, bytes: number): bigint {
    const value = BigInt.asUintN(8 * bytes, result);
    this.registers.eflags &= ~(EFLAGS_ZF | EFLAGS_SF | EFLAGS_CF);
    if (value === 0n) this.registers.eflags |= EFLAGS_ZF;
    if (BigInt.asIntN(8 * bytes, value) < 0n) this.registers.eflags |= EFLAGS_SF;
    return value;
  }

  #operand(modrm: number, rex: number, immediateBytes: number): { readonly memory: boolean; readonly at: bigint } {
    const mod = modrm >> 6;
    let rm = modrm & 7;
    if (mod === 3) return { memory: false, at: BigInt(rm | ((rex & 1) << 3)) };
    let base = 0n;
    if (mod === 0 && rm === 5) {
      const distance = BigInt.asIntN(32, this.#fetch(4));
      return { memory: true, at: BigInt.asUintN(64, this.registers.rip + BigInt(immediateBytes) + distance) };
    }
    if (rm === 4) {
      const sib = Number(this.#fetch(1));
      rm = sib & 7;
      const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (index !== 4) base += this.get(index) << BigInt(sib >> 6);
    }
    base += this.get(rm | ((rex & 1) << 3));
    if (mod === 1) base += BigInt.asIntN(8, this.#fetch(1));
    if (mod === 2) base += BigInt.asIntN(32, this.#fetch(4));
    return { memory: true, at: BigInt.asUintN(64, base) };
  }
}
