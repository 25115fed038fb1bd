/** How a value is shown in one line, and what is under it. */
import type { DisplayFormat } from '../expression/syntax.js';
import { decodeText, knownType, quotedText, type KnownTypeContext, type NamedValue } from './nt-types.js';
import { meaningByName } from './numbers.js';
import { RecordReader } from './record-reader.js';
import { isAnonymous, plainTypeName, type CType, type EnumType, type RecordType } from './types.js';
import {
  addressOf,
  hexAddress,
  partOf,
  readBytes,
  readFloat,
  readInteger,
  UnreadableError,
  type Value,
} from './value.js';

export interface DisplayContext extends KnownTypeContext {
  /** Integers in hexadecimal. */
  readonly hex: boolean;
}

export interface Shown {
  readonly text: string;
  readonly type: string;
  /** There is something to unfold. */
  readonly hasChildren: boolean;
  /** Elements of an array, for paging. */
  readonly indexedChildren?: number;
  /** Address for a memory view: where a pointer leads, or where the value is. */
  readonly memoryAddress?: bigint;
  /** False for what has no place that can be written. */
  readonly isAssignable: boolean;
  /** A code address: jump to source. */
  readonly codeAddress?: bigint;
}

export interface Child extends NamedValue {
  /** C expression of this child, from its parent's; undefined when C has none. */
  readonly evaluateName?: string;
}

const MAX_TEXT_BYTES = 512;
const MAX_SUMMARY_MEMBERS = 4;
/** An array longer than this is paged, and one that C declares longer is cut. */
const MAX_ELEMENTS = 100_000;

/** @param name of the variable or member: an integer's meaning may depend on it */
export async function display(
  name: string,
  value: Value,
  context: DisplayContext,
  format: DisplayFormat = {},
): Promise<Shown> {
  const isAssignable = value.location.kind === 'memory' || value.location.kind === 'register';
  const shown = { type: value.type.name, isAssignable, ...memoryOf(value) };
  if (value.location.kind === 'unavailable') {
    return { ...shown, text: `<${value.location.why}>`, hasChildren: false, isAssignable: false };
  }
  try {
    return { ...shown, ...(await displayReadable(name, value, context, format, 0)) };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { ...shown, text: `<${error.why ?? error.what}>`, hasChildren: false };
  }
}

function memoryOf(value: Value): { memoryAddress?: bigint } {
  const address = addressOf(value);
  return address === undefined ? {} : { memoryAddress: address };
}

type Line = Pick<Shown, 'text' | 'hasChildren'> & Partial<Shown>;

async function displayReadable(
  name: string,
  value: Value,
  context: DisplayContext,
  format: DisplayFormat,
  depth: number,
): Promise<Line> {
  const { type } = value;
  const hex = format.radix === undefined ? context.hex : format.radix === 'hex';
  switch (type.kind) {
    case 'integer': {
      const integer = await readInteger(value, context);
      const text = integerText(integer, value.bits?.width ?? type.size * 8, hex);
      return { text: meaningByName(name, type.name, integer) ?? text, hasChildren: false };
    }
    case 'boolean': {
      const integer = await readInteger(value, context);
      return { text: integer === 0n ? 'FALSE' : integer === 1n ? 'TRUE' : `TRUE (${integer})`, hasChildren: false };
    }
    case 'character': {
      const code = await readInteger(value, context);
      return { text: `${integerText(code, type.size * 8, hex)} ${characterText(code)}`, hasChildren: false };
    }
    case 'float':
      return { text: String(await readFloat(value, context)), hasChildren: false };
    case 'enum':
      return { text: await enumText(type, await readInteger(value, context), hex), hasChildren: false };
    case 'pointer':
      return displayPointer(value, context, depth);
    case 'array':
      return displayArray(value, context, depth);
    case 'record':
      return { text: await recordText(type, value, context, depth), hasChildren: true };
    case 'function': {
      const address = addressOf(value) ?? 0n;
      const text = (await context.symbolize(address)) ?? hexAddress(address);
      return { text, hasChildren: false, codeAddress: address, isAssignable: false };
    }
    case 'void':
      return { text: 'void', hasChildren: false, isAssignable: false };
    case 'unknown': {
      const data = await readBytes(value, context, 16);
      return { text: `{${[...data].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}}`, hasChildren: false };
    }
  }
}

function integerText(value: bigint, bits: number, hex: boolean): string {
  return hex ? `0x${BigInt.asUintN(bits, value).toString(16)}` : String(value);
}

function characterText(code: bigint): string {
  const unit = Number(BigInt.asUintN(16, code));
  return `'${quotedText(String.fromCharCode(unit), false).slice(1, -1).replace('\\"', '"')}'`;
}

async function enumText(type: EnumType, value: bigint, hex: boolean): Promise<string> {
  const enumerators = await type.enumerators();
  const exact = enumerators.find((enumerator) => enumerator.value === value);
  const number = integerText(value, type.size * 8, hex);
  if (exact !== undefined) return `${exact.name} (${number})`;
  const flags = enumerators.filter(
    ({ value: flag }) => flag > 0n && (flag & (flag - 1n)) === 0n && (value & flag) !== 0n,
  );
  const covered = flags.reduce((sum, { value: flag }) => sum | flag, 0n);
  return value > 0n && covered === value ? `${flags.map(({ name }) => name).join(' | ')} (${number})` : number;
}

async function displayPointer(value: Value, context: DisplayContext, depth: number): Promise<Line> {
  if (value.type.kind !== 'pointer') throw new TypeError('not a pointer');
  const address = BigInt.asUintN(64, await readInteger(value, context));
  if (address === 0n) return { text: 'NULL', hasChildren: false };
  const target = await value.type.target();
  const place = { memoryAddress: address };
  const text = hexAddress(address);
  if (target.kind === 'character') {
    const string = await terminatedString(address, target.size === 2 ? 2 : 1, context);
    return { text: string === undefined ? `${text} <not readable>` : `${text} ${string}`, hasChildren: true, ...place };
  }
  if (target.kind === 'function' || target.kind === 'void') {
    const symbol = await context.symbolize(address);
    const code = symbol === undefined || target.kind === 'void' ? {} : { codeAddress: address };
    return { text: symbol === undefined ? text : `${text} ${symbol}`, hasChildren: false, ...place, ...code };
  }
  if (target.kind === 'record' && depth < 1) {
    const known = knownType(plainTypeName(target.name));
    if (known !== undefined) {
      const described = await describeKnown(target, { type: target, location: { kind: 'memory', address } }, context);
      return { text: `${text} ${described ?? '<not readable>'}`, hasChildren: true, ...place };
    }
  }
  return { text, hasChildren: target.size > 0, ...place };
}

async function describeKnown(type: RecordType, value: Value, context: DisplayContext): Promise<string | undefined> {
  try {
    const described = knownType(plainTypeName(type.name))?.describe(new RecordReader(value, context), context);
    return await described;
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return undefined;
  }
}

async function terminatedString(address: bigint, unit: 1 | 2, context: DisplayContext): Promise<string | undefined> {
  const data = await context.memory.read(address, MAX_TEXT_BYTES);
  if (data.length === 0) return undefined;
  const text = decodeText(data, unit);
  const end = text.indexOf('\0');
  return quotedText(end < 0 ? text : text.slice(0, end), end < 0);
}

async function displayArray(value: Value, context: DisplayContext, depth: number): Promise<Line> {
  if (value.type.kind !== 'array') throw new TypeError('not an array');
  const { element, count } = value.type;
  const indexedChildren = Math.min(count, MAX_ELEMENTS);
  const line = { hasChildren: count > 0, indexedChildren, isAssignable: false };
  if (element.kind === 'character') {
    const data = await readBytes(
      { ...value, type: { ...value.type, size: element.size * count } },
      context,
      MAX_TEXT_BYTES,
    );
    const text = decodeText(data, element.size === 2 ? 2 : 1);
    const end = text.indexOf('\0');
    return {
      ...line,
      text: quotedText(end < 0 ? text : text.slice(0, end), end < 0 && element.size * count > data.length),
    };
  }
  if (depth >= 2 || element.kind === 'record' || element.kind === 'array')
    return { ...line, text: `{${count} elements}` };
  const shown: string[] = [];
  for (let index = 0; index < Math.min(count, MAX_SUMMARY_MEMBERS); index += 1) {
    const part = partOf(value, index * element.size, element);
    shown.push((await displayReadable('', part, context, {}, depth + 1)).text);
  }
  return { ...line, text: `{${shown.join(', ')}${count > shown.length ? ', …' : ''}}` };
}

async function recordText(type: RecordType, value: Value, context: DisplayContext, depth: number): Promise<string> {
  const known = await describeKnown(type, value, context);
  if (known !== undefined) return known;
  if (depth >= 1) return '{…}';
  const shown: string[] = [];
  const fields = (await type.fields()).filter((field) => !isAnonymous(field));
  for (const field of fields.slice(0, MAX_SUMMARY_MEMBERS)) {
    const part = partOf(value, field.offset, field.type, field.bits);
    shown.push(`${field.name}: ${(await displayMember(field.name, part, context, depth + 1)).text}`);
  }
  return `{${shown.join(', ')}${fields.length > shown.length ? ', …' : ''}}`;
}

/** A member in a summary: what cannot be read does not hide the rest. */
async function displayMember(name: string, value: Value, context: DisplayContext, depth: number): Promise<Line> {
  try {
    return await displayReadable(name, value, context, {}, depth);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { text: '<not readable>', hasChildren: false };
  }
}

export interface Page {
  readonly start: number;
  readonly count: number;
}

/**
 * What is under a value: members, elements, or what a pointer leads to.
 * @param expression C expression of the value itself, from which those of the children are made
 */
export async function children(
  value: Value,
  expression: string | undefined,
  context: DisplayContext,
  page?: Page,
): Promise<readonly Child[]> {
  const { type } = value;
  if (type.kind === 'pointer') {
    const target = await type.target();
    const address = BigInt.asUintN(64, await readInteger(value, context));
    const pointed: Value = { type: target, location: { kind: 'memory', address } };
    if (target.kind === 'record') return members(pointed, target, expression, '->', context);
    const inner = named(expression, (text) => `*${grouped(text)}`);
    return [{ name: inner.evaluateName ?? '*', value: pointed, ...inner }];
  }
  if (type.kind === 'array') return elements(value, expression, page);
  if (type.kind === 'record') return members(value, type, expression, '.', context);
  return [];
}

function elements(value: Value, expression: string | undefined, page: Page | undefined): Child[] {
  if (value.type.kind !== 'array') return [];
  const { element, count } = value.type;
  const total = Math.min(count, MAX_ELEMENTS);
  const start = Math.min(page?.start ?? 0, total);
  const end = Math.min(total, page === undefined || page.count === 0 ? total : start + page.count);
  const found: Child[] = [];
  for (let index = start; index < end; index += 1) {
    found.push({
      name: `[${index}]`,
      value: partOf(value, index * element.size, element),
      ...named(expression, (text) => `${grouped(text)}[${index}]`),
    });
  }
  return found;
}

async function members(
  value: Value,
  type: RecordType,
  expression: string | undefined,
  access: '.' | '->',
  context: DisplayContext,
): Promise<Child[]> {
  const rows = (await knownType(plainTypeName(type.name))?.rows?.(new RecordReader(value, context))) ?? [];
  const found: Child[] = rows.map((row) => ({ ...row, ...addressExpression(row.value) }));
  for (const field of await type.fields()) {
    const part = partOf(value, field.offset, field.type, field.bits);
    // C reaches the members of an anonymous structure through the one around it.
    if (isAnonymous(field) && field.type.kind === 'record') {
      found.push(...(await members(part, field.type, expression, access, context)));
      continue;
    }
    found.push({
      name: field.name,
      value: part,
      ...named(expression, (text) => (field.isBase === true ? text : `${grouped(text)}${access}${field.name}`)),
    });
  }
  return found;
}

function addressExpression(value: Value): { evaluateName?: string } {
  if (value.type.kind !== 'pointer' || value.location.kind !== 'bytes') return {};
  const address = new DataView(value.location.data.buffer, value.location.data.byteOffset, 8).getBigUint64(0, true);
  return { evaluateName: `(${plainPointerName(value.type)})${hexAddress(address)}` };
}

function plainPointerName(type: CType): string {
  return plainTypeName(type.name);
}

function named(expression: string | undefined, make: (expression: string) => string): { evaluateName?: string } {
  return expression === undefined ? {} : { evaluateName: make(expression) };
}

/** In parentheses unless it binds tightly enough already. */
function grouped(expression: string): string {
  return /^[\w@!$.[\]]+$|^[\w@!$.[\]]+(?:->[\w.[\]]+)+$/.test(expression) ? expression : `(${expression})`;
}
