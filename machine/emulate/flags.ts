/** Arithmetic on 8 to 64 bits with the flags that x64 sets (Intel's manual, volume 1, section 3.4.3.1). */
import { EFLAGS, type X64Context } from '../x64-context.js';
import type { OperandSize } from './instruction-bytes.js';

const STATUS = EFLAGS.carry | EFLAGS.parity | EFLAGS.adjust | EFLAGS.zero | EFLAGS.sign | EFLAGS.overflow;

export const maskOf = (size: OperandSize): bigint => (1n << BigInt(size * 8)) - 1n;
const signBit = (size: OperandSize): bigint => 1n << BigInt(size * 8 - 1);

function resultFlags(result: bigint, size: OperandSize): number {
  let ones = 0;
  for (let bits = Number(result & 0xffn); bits !== 0; bits &= bits - 1) ones++;
  return (
    (ones % 2 === 0 ? EFLAGS.parity : 0) |
    (result === 0n ? EFLAGS.zero : 0) |
    ((result & signBit(size)) === 0n ? 0 : EFLAGS.sign)
  );
}

function setFlags(context: X64Context, flags: number, which: number = STATUS): void {
  context.eflags = (context.eflags & ~which) | (flags & which);
}

export type Arithmetic = 'add' | 'or' | 'adc' | 'sbb' | 'and' | 'sub' | 'xor' | 'cmp';
/** By bits 3 to 5 of the opcode, or the register field of group 1. */
export const ARITHMETIC: readonly Arithmetic[] = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'];

/** Result of the operation, its flags set in the context. CMP's result is not to be stored. */
export function arithmetic(
  context: X64Context,
  operation: Arithmetic,
  left: bigint,
  right: bigint,
  size: OperandSize,
): bigint {
  const carry = (context.eflags & EFLAGS.carry) === 0 ? 0n : 1n;
  switch (operation) {
    case 'or':
      return logic(context, left | right, size);
    case 'and':
      return logic(context, left & right, size);
    case 'xor':
      return logic(context, left ^ right, size);
    case 'add':
      return add(context, left, right, 0n, size);
    case 'adc':
      return add(context, left, right, carry, size);
    case 'sbb':
      return subtract(context, left, right, carry, size);
    case 'sub':
    case 'cmp':
      return subtract(context, left, right, 0n, size);
  }
}

export function logic(context: X64Context, result: bigint, size: OperandSize): bigint {
  // AF is undefined after these; processors clear it.
  setFlags(context, resultFlags(result, size));
  return result;
}

function add(context: X64Context, left: bigint, right: bigint, carry: bigint, size: OperandSize): bigint {
  const sum = left + right + carry;
  const result = sum & maskOf(size);
  const overflow = (~(left ^ right) & (left ^ result) & signBit(size)) !== 0n;
  setFlags(context, resultFlags(result, size) | sides(left, right, result, sum > maskOf(size), overflow));
  return result;
}

function subtract(context: X64Context, left: bigint, right: bigint, borrow: bigint, size: OperandSize): bigint {
  const result = BigInt.asUintN(size * 8, left - right - borrow);
  const overflow = ((left ^ right) & (left ^ result) & signBit(size)) !== 0n;
  setFlags(context, resultFlags(result, size) | sides(left, right, result, left < right + borrow, overflow));
  return result;
}

function sides(left: bigint, right: bigint, result: bigint, carry: boolean, overflow: boolean): number {
  return (
    (carry ? EFLAGS.carry : 0) |
    (((left ^ right ^ result) & 0x10n) === 0n ? 0 : EFLAGS.adjust) |
    (overflow ? EFLAGS.overflow : 0)
  );
}

/** INC and DEC leave the carry flag as it is. */
export function step(context: X64Context, value: bigint, by: 1n | -1n, size: OperandSize): bigint {
  const carry = context.eflags & EFLAGS.carry;
  const result = by === 1n ? add(context, value, 1n, 0n, size) : subtract(context, value, 1n, 0n, size);
  setFlags(context, carry, EFLAGS.carry);
  return result;
}

/** Condition codes of Jcc, SETcc and CMOVcc: the low four bits of the opcode. */
export function holds(context: X64Context, condition: number): boolean {
  const flag = (bit: number): boolean => (context.eflags & bit) !== 0;
  const signed = flag(EFLAGS.sign) !== flag(EFLAGS.overflow);
  const tests = [
    flag(EFLAGS.overflow),
    flag(EFLAGS.carry),
    flag(EFLAGS.zero),
    flag(EFLAGS.carry) || flag(EFLAGS.zero),
    flag(EFLAGS.sign),
    flag(EFLAGS.parity),
    signed,
    flag(EFLAGS.zero) || signed,
  ];
  return (tests[(condition >> 1) & 7] ?? false) !== ((condition & 1) !== 0);
}
