/**
 * One x64 instruction on a thread's registers and memory, without the processor: what stands at the beginning of functions and most of
 * what compilers put between calls. An instruction that is not known here is left to the processor: nothing is changed then.
 */
import type { X64Context } from '../x64-context.js';
import { ARITHMETIC, arithmetic, holds, logic, maskOf, step } from './flags.js';
import { InstructionReader, type ModRm, NotEmulated, type OperandSize } from './instruction-bytes.js';

/** Both may refuse: the instruction is then not emulated. Sizes are 1 to 8 bytes. */
export interface EmulatedMemory {
  read(address: bigint, length: number): Uint8Array | undefined;
  write(address: bigint, data: Uint8Array): boolean;
}

/**
 * @param code at context.rip: 15 bytes, or all that can be read
 * @returns whether the registers are now those after the instruction; else nothing was changed
 */
export function emulate(context: X64Context, code: Uint8Array, memory: EmulatedMemory): boolean {
  const after = context.copy();
  try {
    new Emulation(new InstructionReader(code, after), after, memory).run();
  } catch (error) {
    if (error instanceof NotEmulated) return false;
    throw error;
  }
  context.bytes.set(after.bytes);
  return true;
}

/** Length in bytes of the CALL at the beginning of the code; undefined when it is another instruction. */
export function callLength(context: X64Context, code: Uint8Array): number | undefined {
  const reader = new InstructionReader(code, context);
  try {
    const opcode = reader.opcode();
    if (opcode === 0xe8) {
      reader.i32();
      return reader.length;
    }
    if (opcode !== 0xff) return undefined;
    const { reg } = reader.modRm(0);
    return (reg & 7) === 2 ? reader.length : undefined;
  } catch (error) {
    if (error instanceof NotEmulated) return undefined;
    throw error;
  }
}

class Emulation {
  #jump: bigint | undefined;

  constructor(
    readonly reader: InstructionReader,
    readonly context: X64Context,
    readonly memory: EmulatedMemory,
  ) {}

  run(): void {
    this.#execute(this.reader.opcode());
    this.context.rip = BigInt.asUintN(64, this.#jump ?? this.reader.next);
  }

  #execute(opcode: number): void {
    const { reader } = this;
    if (opcode === 0x0f) {
      this.#twoBytes(reader.u8());
      return;
    }
    // A repeat prefix means something else before almost all of these; REP RET is what compilers write.
    if (reader.repeat !== 0 && opcode !== 0xc3 && opcode !== 0x90) throw new NotEmulated();
    if (opcode < 0x40 && (opcode & 7) < 6) {
      this.#arithmetic(opcode);
      return;
    }
    if (opcode >= 0x50 && opcode < 0x60) {
      this.#pushPopRegister(opcode);
      return;
    }
    if (opcode >= 0x70 && opcode < 0x80) {
      this.#branch(opcode & 15, reader.i8());
      return;
    }
    if (opcode >= 0xb0 && opcode < 0xc0) {
      this.#moveImmediateToRegister(opcode);
      return;
    }
    switch (opcode) {
      case 0x63: {
        this.#extend(4, true);
        return;
      }
      case 0x68: {
        this.#push(reader.i32());
        return;
      }
      case 0x6a: {
        this.#push(reader.i8());
        return;
      }
      case 0x80:
      case 0x81:
      case 0x83: {
        this.#group1(opcode);
        return;
      }
      case 0x84:
      case 0x85: {
        this.#test(opcode);
        return;
      }
      case 0x88:
      case 0x89:
      case 0x8a:
      case 0x8b: {
        this.#move(opcode);
        return;
      }
      case 0x8d: {
        this.#lea();
        return;
      }
      case 0x90:
        // With REX.B it exchanges, with F3 it is PAUSE.
        if ((reader.rex & 1) !== 0) throw new NotEmulated();
        return;
      case 0xa8:
      case 0xa9: {
        this.#testAccumulator(opcode);
        return;
      }
      case 0xc2: {
        this.#return(reader.u16());
        return;
      }
      case 0xc3: {
        this.#return(0n);
        return;
      }
      case 0xc6:
      case 0xc7: {
        this.#moveImmediate(opcode);
        return;
      }
      case 0xc9:
        this.context.rsp = this.context.general(5);
        {
          this.context.setGeneral(5, this.#pop());
          return;
        }
      case 0xe8: {
        this.#call(this.#relative(reader.i32()));
        return;
      }
      case 0xe9: {
        this.#jumpTo(this.#relative(reader.i32()));
        return;
      }
      case 0xeb: {
        this.#jumpTo(this.#relative(reader.i8()));
        return;
      }
      case 0xf6:
      case 0xf7: {
        this.#group3(opcode);
        return;
      }
      case 0xfe:
      case 0xff: {
        this.#group5(opcode);
        return;
      }
      default:
        throw new NotEmulated();
    }
  }

  #twoBytes(opcode: number): void {
    const { reader } = this;
    if (opcode === 0x1e && reader.repeat === 0xf3) {
      // ENDBR64 and its like: hints.
      const { register } = reader.modRm(0);
      if (register === undefined) throw new NotEmulated();
      return;
    }
    if (reader.repeat !== 0) throw new NotEmulated();
    if (opcode >= 0x40 && opcode < 0x50) {
      this.#conditionalMove(opcode & 15);
      return;
    }
    if (opcode >= 0x80 && opcode < 0x90) {
      this.#branch(opcode & 15, reader.i32());
      return;
    }
    if (opcode >= 0x90 && opcode < 0xa0) {
      this.#store(reader.modRm(0), 1, holds(this.context, opcode & 15) ? 1n : 0n);
      return;
    }
    switch (opcode) {
      case 0x1f:
        reader.modRm(0);
        return;
      case 0xb6: {
        this.#extend(1, false);
        return;
      }
      case 0xb7: {
        this.#extend(2, false);
        return;
      }
      case 0xbe: {
        this.#extend(1, true);
        return;
      }
      case 0xbf: {
        this.#extend(2, true);
        return;
      }
      default:
        throw new NotEmulated();
    }
  }

  // ---- operands

  #register(number: number, size: OperandSize): bigint {
    // Without REX the numbers 4 to 7 of bytes are AH, CH, DH and BH.
    if (size === 1 && number >= 4 && number < 8 && this.reader.rex === 0) {
      return (this.context.general(number - 4) >> 8n) & 0xffn;
    }
    return this.context.general(number) & maskOf(size);
  }

  #setRegister(number: number, size: OperandSize, value: bigint): void {
    const bits = value & maskOf(size);
    if (size === 8 || size === 4) {
      this.context.setGeneral(number, bits);
      return;
    }
    if (size === 1 && number >= 4 && number < 8 && this.reader.rex === 0) {
      const before = this.context.general(number - 4);
      this.context.setGeneral(number - 4, (before & ~0xff00n) | (bits << 8n));
      return;
    }
    this.context.setGeneral(number, (this.context.general(number) & ~maskOf(size)) | bits);
  }

  #load({ register, address }: ModRm, size: OperandSize): bigint {
    return register === undefined ? this.#read(address, size) : this.#register(register, size);
  }

  #store({ register, address }: ModRm, size: OperandSize, value: bigint): void {
    if (register === undefined) this.#write(address, size, value);
    else this.#setRegister(register, size, value);
  }

  #read(address: bigint, size: OperandSize): bigint {
    const data = this.memory.read(address, size);
    if (data?.length !== size) throw new NotEmulated();
    return data.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  #write(address: bigint, size: OperandSize, value: bigint): void {
    const data = Uint8Array.from({ length: size }, (_, index) => Number((value >> BigInt(index * 8)) & 0xffn));
    if (!this.memory.write(address, data)) throw new NotEmulated();
  }

  #sizeOf(opcode: number): OperandSize {
    return (opcode & 1) === 0 ? 1 : this.reader.size;
  }

  /** Immediate operands have at most 4 bytes. */
  #immediateBytes(size: OperandSize): number {
    return Math.min(size, 4);
  }

  // ---- instructions. What may refuse comes before what changes flags is kept: the context is a copy.

  #arithmetic(opcode: number): void {
    const operation = ARITHMETIC[opcode >> 3] ?? 'add';
    const size = this.#sizeOf(opcode);
    if ((opcode & 7) >= 4) {
      const right = this.reader.immediate(size) & maskOf(size);
      const result = arithmetic(this.context, operation, this.#register(0, size), right, size);
      if (operation !== 'cmp') this.#setRegister(0, size, result);
      return;
    }
    const operand = this.reader.modRm(0);
    const memory = this.#load(operand, size);
    const register = this.#register(operand.reg, size);
    const toRegister = (opcode & 2) !== 0;
    const [left, right] = toRegister ? [register, memory] : [memory, register];
    const result = arithmetic(this.context, operation, left, right, size);
    if (operation === 'cmp') return;
    if (toRegister) this.#setRegister(operand.reg, size, result);
    else this.#store(operand, size, result);
  }

  #group1(opcode: number): void {
    const size = this.#sizeOf(opcode);
    const short = opcode !== 0x81;
    const operand = this.reader.modRm(short ? 1 : this.#immediateBytes(size));
    const right = (short ? this.reader.i8() : this.reader.immediate(size)) & maskOf(size);
    const operation = ARITHMETIC[operand.reg & 7] ?? 'add';
    const result = arithmetic(this.context, operation, this.#load(operand, size), right, size);
    if (operation !== 'cmp') this.#store(operand, size, result);
  }

  #test(opcode: number): void {
    const size = this.#sizeOf(opcode);
    const operand = this.reader.modRm(0);
    logic(this.context, this.#load(operand, size) & this.#register(operand.reg, size), size);
  }

  #testAccumulator(opcode: number): void {
    const size = this.#sizeOf(opcode);
    const right = this.reader.immediate(size) & maskOf(size);
    logic(this.context, this.#register(0, size) & right, size);
  }

  #group3(opcode: number): void {
    const size = this.#sizeOf(opcode);
    const kind = ((this.reader.code[this.reader.length] ?? 0) >> 3) & 7;
    if (kind === 0) {
      const operand = this.reader.modRm(this.#immediateBytes(size));
      const right = this.reader.immediate(size) & maskOf(size);
      logic(this.context, this.#load(operand, size) & right, size);
      return;
    }
    const operand = this.reader.modRm(0);
    if (kind === 2) {
      this.#store(operand, size, ~this.#load(operand, size));
      return;
    }
    if (kind !== 3) throw new NotEmulated();
    const value = this.#load(operand, size);
    this.#store(operand, size, arithmetic(this.context, 'sub', 0n, value, size));
  }

  #group5(opcode: number): void {
    const operand = this.reader.modRm(0);
    const kind = operand.reg & 7;
    if (kind === 0 || kind === 1) {
      const size = this.#sizeOf(opcode);
      const value = this.#load(operand, size);
      this.#store(operand, size, step(this.context, value, kind === 0 ? 1n : -1n, size));
      return;
    }
    if (opcode === 0xfe || this.reader.operand16) throw new NotEmulated();
    const value = this.#load(operand, 8);
    if (kind === 2) {
      this.#call(value);
      return;
    }
    if (kind === 4) {
      this.#jumpTo(value);
      return;
    }
    if (kind === 6) {
      this.#push(value);
      return;
    }
    throw new NotEmulated();
  }

  #move(opcode: number): void {
    const size = this.#sizeOf(opcode);
    const operand = this.reader.modRm(0);
    if ((opcode & 2) !== 0) this.#setRegister(operand.reg, size, this.#load(operand, size));
    else this.#store(operand, size, this.#register(operand.reg, size));
  }

  #moveImmediate(opcode: number): void {
    const size = this.#sizeOf(opcode);
    const operand = this.reader.modRm(this.#immediateBytes(size));
    if ((operand.reg & 7) !== 0) throw new NotEmulated();
    this.#store(operand, size, this.reader.immediate(size));
  }

  #moveImmediateToRegister(opcode: number): void {
    const size: OperandSize = opcode < 0xb8 ? 1 : this.reader.size;
    this.#setRegister(this.reader.baseExtension(opcode & 7), size, this.reader.wideImmediate(size));
  }

  #extend(from: OperandSize, signed: boolean): void {
    const operand = this.reader.modRm(0);
    const value = this.#load(operand, from);
    this.#setRegister(operand.reg, this.reader.size, signed ? BigInt.asIntN(from * 8, value) : value);
  }

  #lea(): void {
    const { reg, register, address } = this.reader.modRm(0);
    if (register !== undefined) throw new NotEmulated();
    this.#setRegister(reg, this.reader.size, address);
  }

  #conditionalMove(condition: number): void {
    const { size } = this.reader;
    const operand = this.reader.modRm(0);
    const value = this.#load(operand, size);
    // 32 bits clear the upper half also when nothing is moved.
    this.#setRegister(operand.reg, size, holds(this.context, condition) ? value : this.#register(operand.reg, size));
  }

  // ---- stack and flow

  #pushPopRegister(opcode: number): void {
    if (this.reader.stackSize !== 8) throw new NotEmulated();
    const number = this.reader.baseExtension(opcode & 7);
    if (opcode < 0x58) this.#push(this.context.general(number));
    else this.context.setGeneral(number, this.#pop());
  }

  #push(value: bigint): void {
    if (this.reader.operand16) throw new NotEmulated();
    const rsp = BigInt.asUintN(64, this.context.rsp - 8n);
    this.#write(rsp, 8, BigInt.asUintN(64, value));
    this.context.rsp = rsp;
  }

  #pop(): bigint {
    if (this.reader.operand16) throw new NotEmulated();
    const value = this.#read(this.context.rsp, 8);
    this.context.rsp = BigInt.asUintN(64, this.context.rsp + 8n);
    return value;
  }

  #call(to: bigint): void {
    canonical(to);
    this.#push(this.reader.next);
    this.#jump = to;
  }

  #return(extra: bigint): void {
    const to = this.#pop();
    canonical(to);
    this.context.rsp = BigInt.asUintN(64, this.context.rsp + extra);
    this.#jump = to;
  }

  #jumpTo(to: bigint): void {
    canonical(to);
    this.#jump = to;
  }

  #branch(condition: number, displacement: bigint): void {
    if (holds(this.context, condition)) this.#jumpTo(this.#relative(displacement));
  }

  #relative(displacement: bigint): bigint {
    return BigInt.asUintN(64, this.reader.next + displacement);
  }
}

/** Going to another address faults. */
function canonical(address: bigint): void {
  if (BigInt.asUintN(64, BigInt.asIntN(48, address)) !== address) throw new NotEmulated();
}
