/**
 * Computes an expression over the target's memory and registers. Nothing is changed unless the caller allows assignment.
 */
import {
  arrayOf,
  basicType,
  DOUBLE,
  findField,
  INT,
  LONG_LONG,
  pointerTo,
  UNSIGNED_LONG_LONG,
  WCHAR,
  type CType,
  type PointerType,
} from '../variables/types.js';
import {
  addressOf,
  bytesOfFloat,
  bytesOfInteger,
  isIntegral,
  partOf,
  readFloat,
  readInteger,
  valueOfInteger,
  writeBytes,
  readBytes,
  type Access,
  type Value,
} from '../variables/value.js';
import {
  common,
  floatBinary,
  floatValue,
  integerBinary,
  literalType,
  normal,
  promoted,
  size,
  strideOf,
  stringValue,
  wrapped,
} from './arithmetic.js';
import { ExpressionError } from './error.js';
import { parseExpression } from './parser.js';
import type { BinaryOperator, DisplayFormat, Expression, TypeSyntax } from './syntax.js';

/** What names mean at one place of the program. */
export interface Scope extends Access {
  /** A local, a global, a function or an enumerator. */
  variable(name: string): Promise<Value | undefined>;
  /** A symbol of a module, which may be named without its ending. `nt` is the kernel. */
  symbol(module: string, name: string): Promise<Value | undefined>;
  register(name: string): Promise<Value | undefined>;
  type(name: string): Promise<CType | undefined>;
}

export interface EvaluateOptions {
  /** Default false: an assignment is refused. */
  readonly allowAssignment?: boolean;
}

export interface Evaluated {
  readonly value: Value;
  readonly format: DisplayFormat;
  /** Something in the target was changed. */
  readonly assigned: boolean;
}

/** @throws ExpressionError, UnreadableError, EventscopeError `debug.memory` */
export async function evaluate(text: string, scope: Scope, options: EvaluateOptions = {}): Promise<Evaluated> {
  const { expression, format } = parseExpression(text);
  const evaluator = new Evaluator(scope, options.allowAssignment ?? false);
  const value = await evaluator.value(expression);
  return { value: withCount(value, format), format, assigned: evaluator.assigned };
}

/** Whether the expression is true: not zero. @throws as evaluate */
export async function evaluateCondition(text: string, scope: Scope): Promise<boolean> {
  const { expression } = parseExpression(text);
  return new Evaluator(scope, false).truth(expression);
}

/** An integer converted to a type and assigned, for setVariable. @throws as evaluate */
export async function assign(target: Value, text: string, scope: Scope): Promise<void> {
  const { expression } = parseExpression(text);
  await new Evaluator(scope, true).store(target, expression);
}

function withCount(value: Value, format: DisplayFormat): Value {
  if (format.count === undefined || value.location.kind === 'unavailable') return value;
  const { type } = value;
  if (type.kind === 'array') return { ...value, type: arrayOf(type.element, format.count) };
  return value;
}

class Evaluator {
  assigned = false;
  readonly #scope: Scope;
  readonly #allowAssignment: boolean;

  constructor(scope: Scope, allowAssignment: boolean) {
    this.#scope = scope;
    this.#allowAssignment = allowAssignment;
  }

  async value(expression: Expression): Promise<Value> {
    const { column } = expression;
    switch (expression.kind) {
      case 'name':
        return this.#required(await this.#scope.variable(expression.name), expression.name, column);
      case 'qualified': {
        const name = `${expression.module}!${expression.name}`;
        return this.#required(await this.#scope.symbol(expression.module, expression.name), name, column);
      }
      case 'register': {
        const value = await this.#scope.register(expression.name);
        if (value === undefined) throw new ExpressionError(`there is no register ${expression.name}`, column);
        return value;
      }
      case 'integer':
        return valueOfInteger(literalType(expression), expression.value);
      case 'character':
        return valueOfInteger(expression.wide ? WCHAR : INT, expression.value);
      case 'float':
        return { type: DOUBLE, location: { kind: 'bytes', data: bytesOfFloat(expression.value, 8) } };
      case 'string':
        return stringValue(expression.value, expression.wide);
      case 'member':
        return this.#member(expression.object, expression.name, expression.arrow, column);
      case 'index':
        return this.#index(expression.object, expression.index, column);
      case 'unary':
        return this.#unary(expression);
      case 'binary':
        return this.#binary(expression.operator, expression.left, expression.right, column);
      case 'conditional':
        return this.value((await this.truth(expression.condition)) ? expression.then : expression.otherwise);
      case 'cast':
        return this.#cast(expression.operand, await this.#type(expression.type), column);
      case 'sizeofType':
        return size((await this.#type(expression.type)).size);
      case 'sizeof':
        return size(await this.#sizeOf(expression.operand));
      case 'offsetof':
        return size(await this.#offset(await this.#type(expression.type), expression.path, column));
      case 'containingRecord': {
        const type = await this.#type(expression.type);
        const offset = await this.#offset(type, expression.path, column);
        const pointer = await this.#address(expression.pointer);
        return valueOfInteger(pointerTo(type), pointer - BigInt(offset));
      }
      case 'assign':
        return this.#assign(expression);
    }
  }

  async truth(expression: Expression): Promise<boolean> {
    const value = await this.value(expression);
    if (value.type.kind === 'float') return (await readFloat(value, this.#scope)) !== 0;
    return (await this.#integer(value, expression.column)) !== 0n;
  }

  async store(target: Value, expression: Expression): Promise<void> {
    const data = await this.#converted(expression, target);
    await writeBytes(target, data, this.#scope);
    this.assigned = true;
  }

  #required(value: Value | undefined, name: string, column: number): Value {
    if (value !== undefined) return value;
    throw new ExpressionError(`nothing here is named ${name}`, column);
  }

  async #sizeOf(operand: Expression): Promise<number> {
    // `sizeof(NAME)`: a variable hides a type of the same name.
    if (operand.kind === 'name' && (await this.#scope.variable(operand.name)) === undefined) {
      const type = await this.#namedType(operand.name);
      if (type !== undefined) return type.size;
    }
    return (await this.value(operand)).type.size;
  }

  async #namedType(name: string): Promise<CType | undefined> {
    return basicType(name) ?? (await this.#scope.type(name));
  }

  async #type(syntax: TypeSyntax): Promise<CType> {
    let type = await this.#namedType(syntax.name);
    if (type === undefined) throw new ExpressionError(`there is no type ${syntax.name}`, syntax.column);
    for (let index = 0; index < syntax.pointers; index += 1) type = pointerTo(type);
    for (const dimension of [...syntax.dimensions].reverse()) type = arrayOf(type, dimension);
    return type;
  }

  async #offset(type: CType, path: readonly string[], column: number): Promise<number> {
    let offset = 0;
    let inner = type;
    for (const name of path) {
      const field = inner.kind === 'record' ? await findField(inner, name) : undefined;
      if (field === undefined) throw new ExpressionError(`${inner.name} has no member ${name}`, column);
      offset += field.offset;
      inner = field.type;
    }
    return offset;
  }

  async #member(object: Expression, name: string, arrow: boolean, column: number): Promise<Value> {
    let holder = await this.value(object);
    // `a.b` on a pointer means `a->b` to every person who writes it.
    if (arrow || holder.type.kind === 'pointer') holder = await this.#dereference(holder, object.column);
    if (holder.type.kind !== 'record') throw new ExpressionError(`${holder.type.name} has no members`, column);
    const field = await findField(holder.type, name);
    if (field === undefined) {
      const names = (await holder.type.fields()).map((each) => each.name).slice(0, 8);
      throw new ExpressionError(
        `${holder.type.name} has no member ${name}`,
        column,
        names.length === 0 ? undefined : `It has ${names.join(', ')}.`,
      );
    }
    return partOf(holder, field.offset, field.type, field.bits);
  }

  async #dereference(pointer: Value, column: number): Promise<Value> {
    if (pointer.type.kind === 'array') return partOf(pointer, 0, pointer.type.element);
    if (pointer.type.kind !== 'pointer') throw new ExpressionError(`${pointer.type.name} is not a pointer`, column);
    const target = await pointer.type.target();
    if (target.kind === 'void')
      throw new ExpressionError('void* points to nothing that has a type', column, 'Cast it.');
    return { type: target, location: { kind: 'memory', address: await readInteger(pointer, this.#scope) } };
  }

  async #index(object: Expression, index: Expression, column: number): Promise<Value> {
    const holder = await this.value(object);
    const offset = await this.#integer(await this.value(index), index.column);
    if (holder.type.kind === 'array') {
      const { element } = holder.type;
      const bytes = Number(offset) * element.size;
      if (!Number.isSafeInteger(bytes)) throw new ExpressionError('the index is too large', index.column);
      if (holder.location.kind !== 'memory' && (offset < 0n || offset >= BigInt(holder.type.count))) {
        throw new ExpressionError(`the index is outside of ${holder.type.name}`, index.column);
      }
      return partOf(holder, bytes, element);
    }
    const { type } = await this.#dereference(holder, column);
    const address = (await readInteger(holder, this.#scope)) + offset * BigInt(type.size);
    return { type, location: { kind: 'memory', address: BigInt.asUintN(64, address) } };
  }

  async #unary({ operator, operand, column }: Extract<Expression, { kind: 'unary' }>): Promise<Value> {
    if (operator === '!') return valueOfInteger(INT, (await this.truth(operand)) ? 0n : 1n);
    const value = await this.value(operand);
    if (operator === '*') return this.#dereference(value, column);
    if (operator === '&') {
      const address = addressOf(value);
      if (value.type.kind === 'function' && value.location.kind === 'memory') {
        return valueOfInteger(pointerTo(value.type), value.location.address);
      }
      if (address === undefined || value.bits !== undefined) {
        throw new ExpressionError('it has no address: it is not in memory', column);
      }
      return valueOfInteger(pointerTo(value.type), address);
    }
    if (value.type.kind === 'float') {
      if (operator === '~') throw new ExpressionError('"~" takes an integer', column);
      const number = await readFloat(value, this.#scope);
      return floatValue(operator === '-' ? -number : number);
    }
    const integer = await this.#integer(value, operand.column);
    const type = promoted(value.type);
    return wrapped(type, operator === '-' ? -integer : operator === '~' ? ~integer : integer);
  }

  async #binary(operator: BinaryOperator, left: Expression, right: Expression, column: number): Promise<Value> {
    if (operator === '&&' || operator === '||') {
      const first = await this.truth(left);
      const decided = operator === '&&' ? !first : first;
      return valueOfInteger(INT, (decided ? first : await this.truth(right)) ? 1n : 0n);
    }
    const [a, b] = [this.#decayed(await this.value(left)), this.#decayed(await this.value(right))];
    return this.#computed(operator, a, b, column);
  }

  async #computed(operator: BinaryOperator, a: Value, b: Value, column: number): Promise<Value> {
    if (a.type.kind === 'pointer' || b.type.kind === 'pointer') return this.#pointers(operator, a, b, column);
    if (a.type.kind === 'float' || b.type.kind === 'float') {
      return floatBinary(operator, await this.#number(a, column), await this.#number(b, column), column);
    }
    const [x, y] = [await this.#integer(a, column), await this.#integer(b, column)];
    const shift = operator === '<<' || operator === '>>';
    const type = shift ? promoted(a.type) : common(promoted(a.type), promoted(b.type));
    return integerBinary(operator, normal(type, x), shift ? y : normal(type, y), type, column);
  }

  async #pointers(operator: BinaryOperator, a: Value, b: Value, column: number): Promise<Value> {
    const [x, y] = [await this.#integer(a, column), await this.#integer(b, column)];
    if (['==', '!=', '<', '>', '<=', '>='].includes(operator)) {
      return integerBinary(operator, BigInt.asUintN(64, x), BigInt.asUintN(64, y), UNSIGNED_LONG_LONG, column);
    }
    if (operator === '-' && a.type.kind === 'pointer' && b.type.kind === 'pointer') {
      return valueOfInteger(LONG_LONG, BigInt.asIntN(64, x - y) / BigInt(await strideOf(a.type)));
    }
    if (operator === '+' || (operator === '-' && a.type.kind === 'pointer')) {
      const isLeft = a.type.kind === 'pointer';
      const type = (isLeft ? a.type : b.type) as PointerType;
      const stride = BigInt(await strideOf(type));
      const result = isLeft ? (operator === '+' ? x + y * stride : x - y * stride) : y + x * stride;
      return valueOfInteger(type, BigInt.asUintN(64, result));
    }
    // Masks and alignments of addresses are what a driver developer writes.
    return integerBinary(operator, BigInt.asUintN(64, x), BigInt.asUintN(64, y), UNSIGNED_LONG_LONG, column);
  }

  async #cast(operand: Expression, type: CType, column: number): Promise<Value> {
    const value = this.#decayed(await this.value(operand));
    if (type.kind === 'record' || type.kind === 'array') {
      const address = addressOf(value);
      if (address === undefined) throw new ExpressionError(`it cannot become ${type.name}`, column);
      return { type, location: { kind: 'memory', address } };
    }
    if (type.kind === 'float') return floatValue(await this.#number(value, column), type);
    if (!isIntegral(type)) throw new ExpressionError(`nothing can become ${type.name}`, column);
    if (value.type.kind === 'float') return wrapped(type, BigInt(Math.trunc(await readFloat(value, this.#scope))));
    return wrapped(type, await this.#integer(value, operand.column));
  }

  async #assign({ operator, target, value, column }: Extract<Expression, { kind: 'assign' }>): Promise<Value> {
    if (!this.#allowAssignment) {
      throw new ExpressionError('an assignment is not allowed here', column, 'Type it into the debug console.');
    }
    const place = await this.value(target);
    if (operator === undefined) {
      await this.store(place, value);
      return place;
    }
    const result = await this.#computed(operator, place, await this.value(value), column);
    await writeBytes(place, await this.#convertedValue(result, place, column), this.#scope);
    this.assigned = true;
    return place;
  }

  async #converted(expression: Expression, place: Value): Promise<Uint8Array> {
    return this.#convertedValue(this.#decayed(await this.value(expression)), place, expression.column);
  }

  async #convertedValue(value: Value, place: Value, column: number): Promise<Uint8Array> {
    const { type } = place;
    if (type.kind === 'float') return bytesOfFloat(await this.#number(value, column), type.size);
    if (isIntegral(type)) {
      const integer =
        value.type.kind === 'float'
          ? BigInt(Math.trunc(await readFloat(value, this.#scope)))
          : await this.#integer(value, column);
      if (place.bits === undefined) return bytesOfInteger(integer, type.size);
      const { position, width } = place.bits;
      const mask = ((1n << BigInt(width)) - 1n) << BigInt(position);
      const whole = await readInteger({ type, location: place.location }, this.#scope);
      return bytesOfInteger((whole & ~mask) | ((integer << BigInt(position)) & mask), type.size);
    }
    if (type.kind === 'record' && value.type.kind === 'record' && type.size === value.type.size) {
      return readBytes(value, this.#scope);
    }
    throw new ExpressionError(`${value.type.name} cannot be assigned to ${type.name}`, column);
  }

  #decayed(value: Value): Value {
    if (value.type.kind === 'array') {
      const address = addressOf(value);
      if (address !== undefined) return valueOfInteger(pointerTo(value.type.element), address);
    }
    if (value.type.kind === 'function') {
      const address = addressOf(value);
      if (address !== undefined) return valueOfInteger(pointerTo(value.type), address);
    }
    return value;
  }

  /** An address that an expression names: a pointer's or an integer's value, an array's or function's place. */
  async #address(expression: Expression): Promise<bigint> {
    return BigInt.asUintN(64, await this.#integer(this.#decayed(await this.value(expression)), expression.column));
  }

  async #integer(value: Value, column: number): Promise<bigint> {
    if (isIntegral(value.type)) return readInteger(value, this.#scope);
    const decayed = this.#decayed(value);
    if (decayed !== value) return readInteger(decayed, this.#scope);
    throw new ExpressionError(`${value.type.name} is not an integer`, column);
  }

  async #number(value: Value, column: number): Promise<number> {
    return value.type.kind === 'float' ? readFloat(value, this.#scope) : Number(await this.#integer(value, column));
  }
}
