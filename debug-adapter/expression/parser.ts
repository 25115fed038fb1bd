/** C expressions: precedence climbing over tokens. No calls, no commas; assignment only where the caller allows it. */
import { ExpressionError } from './error.js';
import type {
  BinaryOperator,
  DisplayFormat,
  Expression,
  ParsedExpression,
  TypeSyntax,
  UnaryOperator,
} from './syntax.js';
import { tokenize, type Token } from './tokens.js';
import { basicType } from '../variables/types.js';

const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  '||': 1, '&&': 2, '|': 3, '^': 4, '&': 5, '==': 6, '!=': 6, '<': 7, '>': 7, '<=': 7, '>=': 7, '<<': 8, '>>': 8, '+': 9,
  '-': 9, '*': 10, '/': 10, '%': 10,
}; // prettier-ignore
const UNARY = new Set<string>(['-', '+', '!', '~', '*', '&']);
const ASSIGNMENTS = new Set(['=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']);
const TYPE_WORDS = new Set(
  'const volatile unsigned signed struct union enum class int long short char void float double bool _Bool __int64 wchar_t'.split(
    ' ',
  ),
);
/** Parentheses and prefixes nested deeper than this are refused: the parser recurses. */
const MAX_DEPTH = 100;

/** @throws ExpressionError with the column */
export function parseExpression(text: string): ParsedExpression {
  return new Parser(text).parse();
}

/** A type alone, such as `KEVENT*`. @throws ExpressionError */
export function parseType(text: string): TypeSyntax {
  return new Parser(text).typeAlone();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  parse(): ParsedExpression {
    const expression = this.#assignment();
    const format = this.#takes(',') ? this.#format() : {};
    this.#end();
    return { expression, format };
  }

  typeAlone(): TypeSyntax {
    const type = this.#type();
    this.#end();
    return type;
  }

  #end(): void {
    const token = this.#peek();
    if (token.kind !== 'end') throw new ExpressionError(`"${token.text}" was not expected here`, token.column);
  }

  #format(): DisplayFormat {
    const token = this.#next();
    if (token.kind === 'integer' && token.value > 0n && token.value <= 100_000n) return { count: Number(token.value) };
    if (token.kind === 'name' && ['x', 'h', 'X', 'H'].includes(token.text)) return { radix: 'hex' };
    if (token.kind === 'name' && token.text === 'd') return { radix: 'decimal' };
    throw new ExpressionError('after a comma comes a format: x, d, or a number of elements', token.column);
  }

  #assignment(): Expression {
    const target = this.#conditional();
    const token = this.#peek();
    if (token.kind !== 'operator' || !ASSIGNMENTS.has(token.text)) return target;
    this.#at += 1;
    const operator = token.text === '=' ? undefined : (token.text.slice(0, -1) as BinaryOperator);
    return { kind: 'assign', operator, target, value: this.#nested(() => this.#assignment()), column: token.column };
  }

  #conditional(): Expression {
    const condition = this.#binary(1);
    const token = this.#peek();
    if (!this.#takes('?')) return condition;
    const then = this.#nested(() => this.#conditional());
    this.#expect(':');
    const otherwise = this.#nested(() => this.#conditional());
    return { kind: 'conditional', condition, then, otherwise, column: token.column };
  }

  #binary(minimum: number): Expression {
    let left = this.#unary();
    for (;;) {
      const token = this.#peek();
      const operator = token.text as BinaryOperator;
      if (token.kind !== 'operator' || !Object.hasOwn(PRECEDENCE, operator)) return left;
      const precedence = PRECEDENCE[operator];
      if (precedence < minimum) return left;
      this.#at += 1;
      const right = this.#binary(precedence + 1);
      left = { kind: 'binary', operator, left, right, column: token.column };
    }
  }

  #unary(): Expression {
    const token = this.#peek();
    if (token.kind === 'operator' && (token.text === '++' || token.text === '--')) {
      throw new ExpressionError(`"${token.text}" is not supported`, token.column, 'Write an assignment.');
    }
    if (token.kind === 'operator' && UNARY.has(token.text)) {
      this.#at += 1;
      const operand = this.#nested(() => this.#unary());
      return { kind: 'unary', operator: token.text as UnaryOperator, operand, column: token.column };
    }
    if (token.kind === 'name' && token.text === 'sizeof') return this.#sizeof(token.column);
    if (token.kind === 'operator' && token.text === '(' && this.#isCast()) {
      this.#at += 1;
      const type = this.#type();
      this.#expect(')');
      return { kind: 'cast', type, operand: this.#nested(() => this.#unary()), column: token.column };
    }
    return this.#postfix(this.#primary());
  }

  #sizeof(column: number): Expression {
    this.#at += 1;
    if (this.#peek().text === '(' && this.#looksLikeType(this.#at + 1)) {
      this.#at += 1;
      const type = this.#type();
      this.#expect(')');
      return { kind: 'sizeofType', type, column };
    }
    return { kind: 'sizeof', operand: this.#nested(() => this.#unary()), column };
  }

  /**
   * `(NAME)` may be a parenthesis or a cast; names are not known yet. A cast: type words, a `*` after the name, a Windows type, or
   * something after the closing parenthesis that can only begin an operand.
   */
  #isCast(): boolean {
    const first = this.#tokens[this.#at + 1];
    if (first?.kind !== 'name') return false;
    let at = this.#at + 1;
    while (this.#tokens[at]?.kind === 'name') at += 1;
    const hadWords = at > this.#at + 2 || TYPE_WORDS.has(first.text) || basicType(first.text) !== undefined;
    let stars = 0;
    while (this.#isOperator(at, '*')) {
      at += 1;
      stars += 1;
    }
    if (!this.#isOperator(at, ')')) return false;
    if (hadWords || stars > 0) return true;
    const after = this.#tokens[at + 1];
    if (after === undefined || after.kind === 'end') return false;
    return after.kind !== 'operator' || ['(', '~', '!'].includes(after.text);
  }

  #looksLikeType(at: number): boolean {
    const token = this.#tokens[at];
    if (token?.kind !== 'name') return false;
    if (TYPE_WORDS.has(token.text) || basicType(token.text) !== undefined) return true;
    // sizeof(NAME): the evaluator asks for a variable first.
    return this.#isOperator(at + 1, '*') && this.#isOperator(at + 2, ')');
  }

  #isOperator(at: number, text: string): boolean {
    const token = this.#tokens[at];
    return token?.kind === 'operator' && token.text === text;
  }

  #type(): TypeSyntax {
    const { column } = this.#peek();
    const words: string[] = [];
    for (let token = this.#peek(); token.kind === 'name'; token = this.#peek()) {
      this.#at += 1;
      if (token.text !== 'const' && token.text !== 'volatile') words.push(token.text);
    }
    if (words.length === 0) throw new ExpressionError('a type was expected here', column);
    let pointers = 0;
    for (;;) {
      const token = this.#peek();
      if (this.#takes('*')) pointers += 1;
      else if (token.kind === 'name' && (token.text === 'const' || token.text === 'volatile')) this.#at += 1;
      else break;
    }
    const dimensions: number[] = [];
    while (this.#takes('[')) {
      const token = this.#next();
      if (token.kind !== 'integer' || token.value < 1n || token.value > 1_000_000n) {
        throw new ExpressionError('the number of elements must be between 1 and 1,000,000', token.column);
      }
      dimensions.push(Number(token.value));
      this.#expect(']');
    }
    return { name: words.join(' '), pointers, dimensions, column };
  }

  #primary(): Expression {
    const token = this.#next();
    const { column } = token;
    switch (token.kind) {
      case 'name':
        if (token.text === 'CONTAINING_RECORD' && this.#peek().text === '(') return this.#containingRecord(column);
        if ((token.text === 'offsetof' || token.text === 'FIELD_OFFSET') && this.#peek().text === '(') {
          this.#expect('(');
          const type = this.#type();
          this.#expect(',');
          const path = this.#path();
          this.#expect(')');
          return { kind: 'offsetof', type, path, column };
        }
        return { kind: 'name', name: token.text, column };
      case 'qualified':
        return { kind: 'qualified', module: token.module, name: token.text, column };
      case 'register':
        return { kind: 'register', name: token.text, column };
      case 'integer': {
        const { value, isUnsigned, isLong } = token;
        return { kind: 'integer', value, isUnsigned, isLong, isDecimal: /^[1-9]/.test(token.text), column };
      }
      case 'float':
        return { kind: 'float', value: token.value, column };
      case 'character':
        return { kind: 'character', value: token.value, wide: token.wide, column };
      case 'string':
        return { kind: 'string', value: token.value, wide: token.wide, column };
      case 'operator':
        if (token.text === '(') {
          const inner = this.#nested(() => this.#assignment());
          this.#expect(')');
          return inner;
        }
        throw new ExpressionError(`"${token.text}" was not expected here`, column);
      case 'end':
        throw new ExpressionError('the expression ends too early', column);
    }
  }

  #containingRecord(column: number): Expression {
    this.#expect('(');
    const pointer = this.#nested(() => this.#conditional());
    this.#expect(',');
    const type = this.#type();
    this.#expect(',');
    const path = this.#path();
    this.#expect(')');
    return { kind: 'containingRecord', pointer, type, path, column };
  }

  #path(): string[] {
    const names: string[] = [];
    do {
      const token = this.#next();
      if (token.kind !== 'name') throw new ExpressionError('a member was expected here', token.column);
      names.push(token.text);
    } while (this.#takes('.'));
    return names;
  }

  #postfix(start: Expression): Expression {
    let object = start;
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'operator') return object;
      if (token.text === '[') {
        this.#at += 1;
        const index = this.#nested(() => this.#conditional());
        this.#expect(']');
        object = { kind: 'index', object, index, column: token.column };
      } else if (token.text === '.' || token.text === '->') {
        this.#at += 1;
        const name = this.#next();
        if (name.kind !== 'name') throw new ExpressionError("a member's name was expected here", name.column);
        object = { kind: 'member', object, name: name.text, arrow: token.text === '->', column: name.column };
      } else if (token.text === '(') {
        throw new ExpressionError('a function of the target cannot be called', token.column);
      } else if (token.text === '++' || token.text === '--') {
        throw new ExpressionError(`"${token.text}" is not supported`, token.column, 'Write an assignment.');
      } else {
        return object;
      }
    }
  }

  #nested<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new ExpressionError('it is nested too deeply', this.#peek().column);
    try {
      return parse();
    } finally {
      this.#depth -= 1;
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', column: 1 };
  }

  #next(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  #takes(operator: string): boolean {
    if (!this.#isOperator(this.#at, operator)) return false;
    this.#at += 1;
    return true;
  }

  #expect(operator: string): void {
    const token = this.#peek();
    if (!this.#takes(operator)) {
      throw new ExpressionError(
        token.kind === 'end'
          ? `"${operator}" is missing at the end`
          : `"${operator}" was expected, not "${token.text}"`,
        token.column,
      );
    }
  }
}
