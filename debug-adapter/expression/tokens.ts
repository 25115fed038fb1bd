/** C expressions into tokens. Besides C: `@rax` (register) and `nt!Symbol` (symbol of a module). */
import { ExpressionError } from './error.js';

export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly column: number }
  /** `module!symbol`. */
  | { readonly kind: 'qualified'; readonly module: string; readonly text: string; readonly column: number }
  | { readonly kind: 'register'; readonly text: string; readonly column: number }
  | {
      readonly kind: 'integer';
      readonly text: string;
      readonly value: bigint;
      readonly isUnsigned: boolean;
      readonly isLong: boolean;
      readonly column: number;
    }
  | { readonly kind: 'float'; readonly text: string; readonly value: number; readonly column: number }
  | {
      readonly kind: 'character';
      readonly text: string;
      readonly value: bigint;
      readonly wide: boolean;
      readonly column: number;
    }
  | {
      readonly kind: 'string';
      readonly text: string;
      readonly value: string;
      readonly wide: boolean;
      readonly column: number;
    }
  | { readonly kind: 'operator'; readonly text: string; readonly column: number }
  | { readonly kind: 'end'; readonly text: ''; readonly column: number };

const OPERATORS = [
  '<<=', '>>=', '...', '->', '++', '--', '<<', '>>', '<=', '>=', '==', '!=', '&&', '||', '+=', '-=', '*=', '/=', '%=', '&=',
  '|=', '^=', '::', '+', '-', '*', '/', '%', '&', '|', '^', '~', '!', '<', '>', '=', '?', ':', '(', ')', '[', ']', '.', ',',
] as const; // prettier-ignore

const NAME = /[A-Za-z_$][\w$]*/y;
const QUALIFIED = /([A-Za-z_][\w.-]*)!([A-Za-z_?@$][\w$?@]*)/y;
const REGISTER = /@([A-Za-z][A-Za-z0-9]*)/y;
const NUMBER =
  /(0[xX][0-9a-fA-F`']+|0[bB][01']+|\d[\d']*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)([uUlLfF]*|i64|ui64)/y;
const QUOTED = /(L?)(["'])((?:\\.|(?!\2)[^\\])*)\2/y;

/** Longer expressions than this are refused. */
const LIMIT = 4_096;

/** @throws ExpressionError */
export function tokenize(text: string): Token[] {
  if (text.length > LIMIT) throw new ExpressionError(`an expression has at most ${LIMIT} characters`, LIMIT);
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at += match[0].length;
    return match;
  };
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at += 1;
    const column = at + 1;
    if (at >= text.length) {
      tokens.push({ kind: 'end', text: '', column });
      return tokens;
    }
    let match = take(QUOTED);
    if (match !== null) {
      tokens.push(quoted(match, column));
      continue;
    }
    // A name and `!=` is a comparison, not a module's symbol.
    match = /^[\w.-]+!=/.test(text.slice(at)) ? null : take(QUALIFIED);
    if (match !== null) {
      tokens.push({ kind: 'qualified', module: match[1] ?? '', text: match[2] ?? '', column });
      continue;
    }
    match = take(NAME);
    if (match !== null) {
      tokens.push({ kind: 'name', text: match[0], column });
      continue;
    }
    match = take(REGISTER);
    if (match !== null) {
      tokens.push({ kind: 'register', text: (match[1] ?? '').toLowerCase(), column });
      continue;
    }
    match = take(NUMBER);
    if (match !== null) {
      tokens.push(number(match, column));
      continue;
    }
    const operator = OPERATORS.find((candidate) => text.startsWith(candidate, at));
    if (operator === undefined) {
      throw new ExpressionError(`"${text[at] ?? ''}" does not belong into an expression`, column);
    }
    at += operator.length;
    tokens.push({ kind: 'operator', text: operator, column });
  }
}

function number(match: RegExpExecArray, column: number): Token {
  const digits = (match[1] ?? '').replaceAll(/[`']/g, '');
  const suffix = (match[2] ?? '').toLowerCase();
  if (/^\d*\.|^\d+e/i.test(digits) || (suffix === 'f' && !digits.startsWith('0x'))) {
    return { kind: 'float', text: match[0], value: Number(digits), column };
  }
  const isOctal = /^0\d/.test(digits);
  if (isOctal && /[89]/.test(digits)) throw new ExpressionError(`${digits} is no octal number`, column);
  const value = BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  if (value > 0xffff_ffff_ffff_ffffn) throw new ExpressionError(`${digits} does not fit into 64 bits`, column);
  return {
    kind: 'integer',
    text: match[0],
    value,
    isUnsigned: suffix.includes('u'),
    isLong: suffix.includes('ll') || suffix.includes('i64'),
    column,
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

function quoted(match: RegExpExecArray, column: number): Token {
  const wide = match[1] === 'L';
  const value = (match[3] ?? '').replaceAll(/\\(x[0-9a-fA-F]{1,4}|.)/g, (_all, escape: string) =>
    escape.startsWith('x') && escape.length > 1
      ? String.fromCharCode(Number.parseInt(escape.slice(1), 16))
      : (ESCAPES[escape] ?? escape),
  );
  if (match[2] === '"') return { kind: 'string', text: match[0], value, wide, column };
  if (value.length === 0) throw new ExpressionError('a character constant is empty', column);
  // Like the compilers: the characters of 'Tag1' from the highest byte down.
  let code = 0n;
  for (const character of value) code = (code << 8n) | BigInt(character.charCodeAt(0) & (wide ? 0xffff : 0xff));
  return { kind: 'character', text: match[0], value: code, wide, column };
}
