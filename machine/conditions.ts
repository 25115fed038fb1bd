/**
 * Conditions over a hit of a point: `event == "\\BaseNamedObjects\\SharedEvent" && side == kernel && thread.name ~ "dpc"`.
 * They are parsed where a person writes them and decided where the hit happens, so a parsed one is plain data, and whoever
 * receives one reads its text once more instead of trusting the data (`receiveFilter`).
 *
 *   or := and ('||' and)*       and := not ('&&' not)*       not := '!' not | '(' or ')' | field comparison value
 *   comparison := == != < <= > >= (numbers), == != ~ !~ (texts)
 *
 * Values: "text" or 'text' ('\\' and '\' both mean one backslash), numbers (decimal, 0x hexadecimal), and words: `kernel`, `user`,
 * names of functions, STATUS_ names, `infinite`. `~` finds a text anywhere in the field, without regard to case; `*` and `?` stand for any
 * text and any character. A name without a backslash is compared with an object's last component. A missing field leaves its
 * comparison undecided, and && and || treat that as three-valued logic does.
 */
import { ConditionError } from './condition-error.js';
import { FIELDS, type ConditionField, type FieldValue } from './condition-fields.js';
import { MAX_CONDITION_CHARACTERS, parseCondition } from './condition-parser.js';

export { ConditionError } from './condition-error.js';
export type { ConditionField, FieldValue } from './condition-fields.js';
export { FIELDS, INFINITE_TIMEOUT } from './condition-fields.js';

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~';

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Condition[] }
  | { readonly kind: 'not'; readonly operand: Condition }
  | { readonly kind: 'text'; readonly field: ConditionField; readonly comparison: Comparison; readonly value: string }
  /** value: a decimal integer, as JSON has no 64-bit ones. */
  | {
      readonly kind: 'number';
      readonly field: ConditionField;
      readonly comparison: Comparison;
      readonly value: string;
    };

/** A condition that was parsed, with its text for messages. */
export interface Filter {
  readonly text: string;
  readonly condition: Condition;
}

/** @throws ConditionError with the column (from 1) of what was not understood */
export function parseFilter(text: string): Filter {
  return { text, condition: parseCondition(text) };
}

/** A filter from the wire: its text is read again, so that nothing of an unknown shape is ever evaluated. @throws ConditionError */
export function receiveFilter(value: unknown): Filter {
  const text = typeof value === 'object' && value !== null && 'text' in value ? value.text : undefined;
  if (typeof text !== 'string' || text.length > MAX_CONDITION_CHARACTERS) throw new ConditionError('not a filter', 1);
  return parseFilter(text);
}

/**
 * What is known of a hit. Texts: event and object (the same: a path, or undefined when the object has no name or it is not
 * known), side, thread.name, process.name, caller.module, point. Integers: the others; timeout in ms, INFINITE_TIMEOUT for none; status as
 * an unsigned NTSTATUS. Undefined: not known.
 */
export type ConditionLookup = (field: ConditionField) => FieldValue | undefined;

/** Whether a hit passes; undefined: what is known does not decide it. */
export function evaluateCondition(condition: Condition, lookup: ConditionLookup): boolean | undefined {
  switch (condition.kind) {
    case 'and':
      return every(condition.operands, lookup);
    case 'or':
      return some(condition.operands, lookup);
    case 'not': {
      const decided = evaluateCondition(condition.operand, lookup);
      return decided === undefined ? undefined : !decided;
    }
    case 'text': {
      const found = lookup(condition.field);
      return typeof found === 'string' ? compareTexts(condition, found) : undefined;
    }
    case 'number': {
      const found = lookup(condition.field);
      return found === undefined || typeof found === 'string' ? undefined : compareNumbers(condition, BigInt(found));
    }
  }
}

/** A hit that a filter cannot decide passes: better a stop too many than one that was missed. */
export function passes(filter: Filter | undefined, lookup: ConditionLookup): boolean {
  return filter === undefined || evaluateCondition(filter.condition, lookup) !== false;
}

/** Fields that a condition asks for: what need not be found out for it is not. */
export function fieldsOf(condition: Condition): ReadonlySet<ConditionField> {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return new Set(condition.operands.flatMap((operand) => [...fieldsOf(operand)]));
    case 'not':
      return fieldsOf(condition.operand);
    case 'text':
    case 'number':
      return new Set([condition.field]);
  }
}

function every(operands: readonly Condition[], lookup: ConditionLookup): boolean | undefined {
  let result: boolean | undefined = true;
  for (const operand of operands) {
    const decided = evaluateCondition(operand, lookup);
    if (decided === false) return false;
    result = decided === undefined ? undefined : result;
  }
  return result;
}

function some(operands: readonly Condition[], lookup: ConditionLookup): boolean | undefined {
  let result: boolean | undefined = false;
  for (const operand of operands) {
    const decided = evaluateCondition(operand, lookup);
    if (decided === true) return true;
    result = decided === undefined ? undefined : result;
  }
  return result;
}

type TextCondition = Extract<Condition, { kind: 'text' }>;
type NumberCondition = Extract<Condition, { kind: 'number' }>;

function compareTexts({ field, comparison, value }: TextCondition, found: string): boolean {
  const matched = comparison === '~' || comparison === '!~' ? contains(found, value) : equals(field, found, value);
  return comparison === '==' || comparison === '~' ? matched : !matched;
}

function equals(field: ConditionField, found: string, value: string): boolean {
  const { text } = FIELDS[field];
  if (text === 'anyCase') return found.toLowerCase() === value.toLowerCase();
  if (text === 'path' && !value.includes('\\')) return found.slice(found.lastIndexOf('\\') + 1) === value;
  return found === value;
}

function compareNumbers({ comparison, value }: NumberCondition, found: bigint): boolean {
  const wanted = BigInt(value);
  if (comparison === '==') return found === wanted;
  if (comparison === '!=') return found !== wanted;
  if (comparison === '<' || comparison === '<=') return found < wanted || (comparison === '<=' && found === wanted);
  return found > wanted || (comparison === '>=' && found === wanted);
}

/** Glob anywhere in the text: `*` any text, `?` any character. Bounded by the product of both lengths, unlike a regular expression. */
function contains(found: string, pattern: string): boolean {
  const text = found.toLowerCase();
  const wanted = `*${pattern.toLowerCase()}*`;
  let at = 0;
  let from = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const next = wanted[from];
    if (next === '*') {
      star = from;
      from += 1;
      resume = at;
    } else if (next !== undefined && (next === '?' || next === text[at])) {
      from += 1;
      at += 1;
    } else if (star >= 0) {
      from = star + 1;
      resume += 1;
      at = resume;
    } else {
      return false;
    }
  }
  while (wanted[from] === '*') from += 1;
  return from === wanted.length;
}
