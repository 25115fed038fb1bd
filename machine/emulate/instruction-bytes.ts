/** The parts of an x64 instruction that are the same for many: prefixes, ModRM, SIB, displacement, immediates. */
import type { X64Context } from '../x64-context.js';

/** Thrown inside this folder when an instruction is not one that is emulated. */
export class NotEmulated extends Error {}

export type OperandSize = 1 | 2 | 4 | 8;

export interface ModRm {
  readonly reg: number;
  /** Register number when the operand is a register. */
  readonly register: number | undefined;
  /** Address when it is memory; meaningless for a register. */
  readonly address: bigint;
}

const CODE_LIMIT = 15;

/** Reads one instruction from its first byte. */
export class InstructionReader {
  #at = 0;
  rex = 0;
  operand16 = false;
  repeat: 0 | 0xf2 | 0xf3 = 0;
  readonly #view: DataView;

  constructor(
    readonly code: Uint8Array,
    readonly context: X64Context,
  ) {
    this.#view = new DataView(code.buffer, code.byteOffset, Math.min(code.length, CODE_LIMIT));
  }

  /** Bytes read so far: after the last part, the instruction's length. */
  get length(): number {
    return this.#at;
  }
  get next(): bigint {
    return this.context.rip + BigInt(this.#at);
  }

  u8(): number {
    if (this.#at >= this.#view.byteLength) throw new NotEmulated();
    return this.#view.getUint8(this.#at++);
  }
  i8(): bigint {
    return BigInt.asIntN(8, BigInt(this.u8()));
  }
  i32(): bigint {
    if (this.#at + 4 > this.#view.byteLength) throw new NotEmulated();
    const value = this.#view.getInt32(this.#at, true);
    this.#at += 4;
    return BigInt(value);
  }
  #u64(): bigint {
    if (this.#at + 8 > this.#view.byteLength) throw new NotEmulated();
    const value = this.#view.getBigUint64(this.#at, true);
    this.#at += 8;
    return value;
  }
  u16(): bigint {
    return BigInt(this.u8() | (this.u8() << 8));
  }

  /** Sign-extended from at most 32 bits, as almost every instruction has it. */
  immediate(size: OperandSize): bigint {
    if (size === 1) return this.i8();
    if (size === 2) return BigInt.asIntN(16, this.u16());
    return this.i32();
  }
  /** Of MOV to a register alone: all 64 bits. */
  wideImmediate(size: OperandSize): bigint {
    return size === 8 ? this.#u64() : this.immediate(size);
  }

  /** Prefixes, and the opcode's first byte. Segments, LOCK and 32-bit addresses are not emulated. */
  opcode(): number {
    for (;;) {
      const byte = this.u8();
      if (byte === 0x66) this.operand16 = true;
      else if (byte === 0xf2 || byte === 0xf3) this.repeat = byte;
      // In 64-bit code these four segments are flat.
      else if (byte === 0x26 || byte === 0x2e || byte === 0x36 || byte === 0x3e) continue;
      else if (byte === 0xf0 || byte === 0x64 || byte === 0x65 || byte === 0x67) throw new NotEmulated();
      else if ((byte & 0xf0) === 0x40) {
        this.rex = byte;
        return this.u8();
      } else return byte;
    }
  }

  get wide(): boolean {
    return (this.rex & 8) !== 0;
  }
  /** Operand size of an instruction that is not one of bytes. */
  get size(): OperandSize {
    if (this.wide) return 8;
    return this.operand16 ? 2 : 4;
  }
  /** PUSH, POP, CALL and the like. */
  get stackSize(): OperandSize {
    if (this.operand16) throw new NotEmulated();
    return 8;
  }
  baseExtension(number: number): number {
    return number | ((this.rex & 1) << 3);
  }

  /** @param immediateBytes that follow: a RIP-relative address counts from the instruction's end */
  modRm(immediateBytes: number): ModRm {
    const byte = this.u8();
    const mod = byte >> 6;
    const reg = ((byte >> 3) & 7) | ((this.rex & 4) << 1);
    const rm = byte & 7;
    if (mod === 3) return { reg, register: this.baseExtension(rm), address: 0n };
    let address: bigint;
    if (rm === 4) address = this.#sib(mod);
    else if (rm === 5 && mod === 0) {
      const displacement = this.i32();
      return {
        reg,
        register: undefined,
        address: BigInt.asUintN(64, this.next + BigInt(immediateBytes) + displacement),
      };
    } else address = this.context.general(this.baseExtension(rm));
    if (mod === 1) address += this.i8();
    else if (mod === 2) address += this.i32();
    return { reg, register: undefined, address: BigInt.asUintN(64, address) };
  }

  #sib(mod: number): bigint {
    const byte = this.u8();
    const index = ((byte >> 3) & 7) | ((this.rex & 2) << 2);
    const base = byte & 7;
    const scaled = index === 4 ? 0n : this.context.general(index) << BigInt(byte >> 6);
    if (base === 5 && mod === 0) return scaled + this.i32();
    return scaled + this.context.general(this.baseExtension(base));
  }
}
