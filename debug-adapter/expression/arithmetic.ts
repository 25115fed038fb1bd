/** Numbers as C computes with them: promotion, the common type of two operands, wrapping, division by nothing. */
import {
  arrayOf,
  CHAR,
  DOUBLE,
  INT,
  LONG_LONG,
  UNSIGNED_INT,
  UNSIGNED_LONG_LONG,
  WCHAR,
  type CType,
  type PointerType,
  type ScalarType,
} from '../variables/types.js';
import { bytesOfFloat, valueOfInteger, type Value } from '../variables/value.js';
import { ExpressionError } from './error.js';
import type { BinaryOperator, Expression } from './syntax.js';

export function size(bytes: number): Value {
  return valueOfInteger(UNSIGNED_LONG_LONG, BigInt(bytes));
}

export function literalType(literal: Extract<Expression, { kind: 'integer' }>): ScalarType {
  const { value, isUnsigned, isLong, isDecimal } = literal;
  if (!isUnsigned && !isLong && value <= 0x7fff_ffffn) return INT;
  if (!isLong && value <= 0xffff_ffffn && (isUnsigned || !isDecimal)) return UNSIGNED_INT;
  if (!isUnsigned && value <= 0x7fff_ffff_ffff_ffffn) return LONG_LONG;
  return UNSIGNED_LONG_LONG;
}

export function stringValue(text: string, wide: boolean): Value {
  const element = wide ? WCHAR : CHAR;
  const data = new Uint8Array(Buffer.from(`${text}\0`, wide ? 'utf16le' : 'utf8'));
  return { type: arrayOf(element, data.length / element.size), location: { kind: 'bytes', data } };
}

export function floatValue(value: number, type: CType = DOUBLE): Value {
  return { type, location: { kind: 'bytes', data: bytesOfFloat(value, type.size) } };
}

/** C's integer promotions. */
export function promoted(type: CType): CType {
  if (type.kind === 'pointer') return UNSIGNED_LONG_LONG;
  return type.size < 4 ? INT : type.size === 4 ? ('signed' in type && type.signed ? INT : UNSIGNED_INT) : type;
}

export function common(a: CType, b: CType): CType {
  const wide = Math.max(a.size, b.size) > 4;
  const unsigned = [a, b].some((type) => type.size === (wide ? 8 : 4) && !('signed' in type && type.signed));
  return wide ? (unsigned ? UNSIGNED_LONG_LONG : LONG_LONG) : unsigned ? UNSIGNED_INT : INT;
}

export function normal(type: CType, value: bigint): bigint {
  const bits = type.size * 8;
  return 'signed' in type && type.signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

export function wrapped(type: CType, value: bigint): Value {
  const truth = type.kind === 'boolean' && type.size === 1 && value !== 0n ? 1n : value;
  return valueOfInteger(type, truth);
}

export async function strideOf(pointer: PointerType): Promise<number> {
  const target = await pointer.target();
  return target.size === 0 ? 1 : target.size;
}

export function integerBinary(operator: BinaryOperator, x: bigint, y: bigint, type: CType, column: number): Value {
  switch (operator) {
    case '+':
      return wrapped(type, x + y);
    case '-':
      return wrapped(type, x - y);
    case '*':
      return wrapped(type, x * y);
    case '/':
    case '%':
      if (y === 0n) throw new ExpressionError('division by zero', column);
      return wrapped(type, operator === '/' ? x / y : x % y);
    case '<<':
    case '>>': {
      if (y < 0n || y >= BigInt(type.size * 8)) throw new ExpressionError('the shift is too wide', column);
      return wrapped(type, operator === '<<' ? x << y : x >> y);
    }
    case '&':
      return wrapped(type, x & y);
    case '|':
      return wrapped(type, x | y);
    case '^':
      return wrapped(type, x ^ y);
    case '==':
    case '!=':
    case '<':
    case '>':
    case '<=':
    case '>=':
      return truth(compare(operator, x, y));
    case '&&':
    case '||':
      throw new TypeError('Decided before');
  }
}

export const truth = (condition: boolean): Value => valueOfInteger(INT, condition ? 1n : 0n);

function compare<T extends bigint | number>(operator: '==' | '!=' | '<' | '>' | '<=' | '>=', x: T, y: T): boolean {
  switch (operator) {
    case '==':
      return x === y;
    case '!=':
      return x !== y;
    case '<':
      return x < y;
    case '>':
      return x > y;
    case '<=':
      return x <= y;
    case '>=':
      return x >= y;
  }
}

export function floatBinary(operator: BinaryOperator, x: number, y: number, column: number): Value {
  switch (operator) {
    case '+':
      return floatValue(x + y);
    case '-':
      return floatValue(x - y);
    case '*':
      return floatValue(x * y);
    case '/':
      return floatValue(x / y);
    case '==':
    case '!=':
    case '<':
    case '>':
    case '<=':
    case '>=':
      return truth(compare(operator, x, y));
    case '%':
    case '<<':
    case '>>':
    case '&':
    case '|':
    case '^':
      throw new ExpressionError(`"${operator}" takes integers`, column);
    case '&&':
    case '||':
      throw new TypeError('Decided before');
  }
}
