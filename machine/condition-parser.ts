/** Text to condition: a recursive descent with bounds on length, depth and number of comparisons. */
import { ConditionError } from './condition-error.js';
import { FIELDS, INFINITE_TIMEOUT, isConditionField, type ConditionField } from './condition-fields.js';
import type { Comparison, Condition } from './conditions.js';
import { ntstatusOf } from './status.js';

export const MAX_CONDITION_CHARACTERS = 4_096;
const MAX_DEPTH = 32;
const MAX_COMPARISONS = 256;

type Token =
  | { readonly type: 'word' | 'text' | 'number' | 'mark'; readonly value: string; readonly column: number }
  | { readonly type: 'end'; readonly value: ''; readonly column: number };

const MARKS = ['&&', '||', '==', '!=', '!~', '<=', '>=', '<', '>', '~', '!', '(', ')'] as const;
const COMPARISONS: ReadonlySet<string> = new Set<Comparison>(['==', '!=', '<', '<=', '>', '>=', '~', '!~']);
const TEXT_COMPARISONS: ReadonlySet<string> = new Set<Comparison>(['==', '!=', '~', '!~']);
const isComparison = (value: string): value is Comparison => COMPARISONS.has(value);

export function parseCondition(text: string): Condition {
  if (text.length > MAX_CONDITION_CHARACTERS) {
    throw new ConditionError(`longer than ${MAX_CONDITION_CHARACTERS} characters`, MAX_CONDITION_CHARACTERS + 1);
  }
  return new Parser(tokenize(text)).parse();
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const column = at + 1;
    const blank = /^\s+/.exec(rest);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const quote = rest[0];
    if (quote === '"' || quote === "'") {
      const { value, length } = readText(rest, quote, column);
      tokens.push({ type: 'text', value, column });
      at += length;
      continue;
    }
    const mark = MARKS.find((one) => rest.startsWith(one));
    const number = /^-?(?:0[xX][0-9a-fA-F]+|[0-9]+)(?![\w.])/.exec(rest);
    const word = /^[A-Za-z_][\w.]*/.exec(rest);
    if (mark !== undefined) tokens.push({ type: 'mark', value: mark, column });
    else if (number !== null) tokens.push({ type: 'number', value: number[0], column });
    else if (word !== null) tokens.push({ type: 'word', value: word[0], column });
    else throw new ConditionError(`"${rest.slice(0, 12)}" is neither a field, a value nor an operator`, column);
    at += (mark ?? number?.[0] ?? word?.[0] ?? '').length;
  }
  tokens.push({ type: 'end', value: '', column: text.length + 1 });
  return tokens;
}

/** A backslash stands for itself, so that paths may be written as they are; two for one, and it takes a quote's meaning. */
function readText(rest: string, quote: string, column: number): { readonly value: string; readonly length: number } {
  let value = '';
  for (let at = 1; at < rest.length; at += 1) {
    const next = rest[at] ?? '';
    if (next === quote) return { value, length: at + 1 };
    const after = rest[at + 1];
    if (next === '\\' && (after === '\\' || after === quote)) {
      value += after;
      at += 1;
    } else {
      value += next;
    }
  }
  throw new ConditionError('a text that does not end', column);
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #comparisons = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Condition {
    const condition = this.#any(0);
    const { type, value, column } = this.#next();
    if (type !== 'end') throw new ConditionError(`"${value}" was not expected here`, column);
    return condition;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { type: 'end', value: '', column: 1 };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #takes(mark: string): boolean {
    const { type, value } = this.#peek();
    if (type !== 'mark' || value !== mark) return false;
    this.#at += 1;
    return true;
  }

  #any(depth: number): Condition {
    return this.#chain('or', '||', () => this.#chain('and', '&&', () => this.#not(depth)));
  }

  #chain(kind: 'and' | 'or', mark: string, operand: () => Condition): Condition {
    const first = operand();
    const operands = [first];
    while (this.#takes(mark)) operands.push(operand());
    return operands.length === 1 ? first : { kind, operands };
  }

  #not(depth: number): Condition {
    const { column } = this.#peek();
    if (depth >= MAX_DEPTH) throw new ConditionError(`nested deeper than ${MAX_DEPTH}`, column);
    if (this.#takes('!')) return { kind: 'not', operand: this.#not(depth + 1) };
    if (!this.#takes('(')) return this.#comparison();
    const inside = this.#any(depth + 1);
    const end = this.#next();
    if (end.type !== 'mark' || end.value !== ')') throw new ConditionError('a ) is missing', end.column);
    return inside;
  }

  #comparison(): Condition {
    const name = this.#next();
    if (name.type !== 'word' || !isConditionField(name.value)) {
      const said = name.type === 'end' ? 'a comparison is missing' : `"${name.value}" is no field`;
      throw new ConditionError(`${said}; fields are ${Object.keys(FIELDS).join(', ')}`, name.column);
    }
    const mark = this.#next();
    if (mark.type !== 'mark' || !isComparison(mark.value)) {
      throw new ConditionError(`a comparison such as == must follow ${name.value}`, mark.column);
    }
    this.#comparisons += 1;
    if (this.#comparisons > MAX_COMPARISONS) {
      throw new ConditionError(`more than ${MAX_COMPARISONS} comparisons`, name.column);
    }
    const value = this.#next();
    return FIELDS[name.value].type === 'text'
      ? textComparison(name.value, mark.value, mark.column, value)
      : numberComparison(name.value, mark.value, mark.column, value);
  }
}

function textComparison(field: ConditionField, comparison: Comparison, column: number, value: Token): Condition {
  if (!TEXT_COMPARISONS.has(comparison)) throw new ConditionError(`${field} is a text: use ==, !=, ~ or !~`, column);
  if (value.type !== 'text' && value.type !== 'word') {
    throw new ConditionError(`${field} is compared with a text such as "name"`, value.column);
  }
  if (field === 'side' && comparison.length === 2 && !/^(kernel|user)$/i.test(value.value)) {
    throw new ConditionError('a side is kernel or user', value.column);
  }
  return { kind: 'text', field, comparison, value: value.value };
}

function numberComparison(field: ConditionField, comparison: Comparison, column: number, value: Token): Condition {
  if (comparison === '~' || comparison === '!~') {
    throw new ConditionError(`${field} is a number: use ==, !=, <, <=, > or >=`, column);
  }
  const number = numberOf(field, value);
  if (number === undefined) throw new ConditionError(`${field} is compared with a number`, value.column);
  return { kind: 'number', field, comparison, value: number.toString() };
}

function numberOf(field: ConditionField, { type, value }: Token): bigint | undefined {
  if (type === 'number') {
    const number = value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
    return field === 'status' ? BigInt.asUintN(32, number) : number;
  }
  if (type !== 'word') return undefined;
  if (field === 'timeout' && value === 'infinite') return INFINITE_TIMEOUT;
  const status = field === 'status' ? ntstatusOf(value) : undefined;
  return status === undefined ? undefined : BigInt(status);
}
