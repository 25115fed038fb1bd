/** What can follow in an expression that a person types: members after `.` and `->`, else names and registers. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { REGISTERS } from '../../machine/x64-context.js';
import { EventscopeError } from '../../protocol/errors.js';
import { evaluate } from '../expression/evaluator.js';
import { isAnonymous, type RecordType } from '../variables/types.js';
import type { FrameScope } from './frame-scope.js';

const LIMIT = 200;

/** @param text up to the cursor */
export async function completions(text: string, scope: FrameScope): Promise<DebugProtocol.CompletionItem[]> {
  const word = /[A-Za-z_$][\w$]*$|$/.exec(text)?.[0] ?? '';
  const before = text.slice(0, text.length - word.length);
  const begins = (name: string): boolean => name.toLowerCase().startsWith(word.toLowerCase());
  const item = (label: string, type: DebugProtocol.CompletionItemType): DebugProtocol.CompletionItem => ({
    label,
    type,
    start: before.length,
    length: word.length,
  });
  const access = /(.*?)(\.|->)\s*$/s.exec(before);
  if (access !== null) {
    const names = await memberNames(objectBefore(access[1] ?? ''), scope);
    return names
      .filter(begins)
      .slice(0, LIMIT)
      .map((name) => item(name, 'field'));
  }
  if (before.endsWith('@')) {
    return [...REGISTERS.keys()]
      .filter(begins)
      .slice(0, LIMIT)
      .map((name) => item(name, 'variable'));
  }
  const qualifier = /([A-Za-z_][\w.-]*)!$/.exec(before)?.[1];
  const modules = qualifier === undefined ? [scope.frame.module] : scope.inventory.modulesNamed(qualifier).slice(0, 1);
  const locals = qualifier === undefined ? (await scope.variables()).map(({ name }) => name) : [];
  const found = new Map([...new Set(locals)].filter(begins).map((name) => [name, item(name, 'variable')]));
  if (word !== '') {
    for (const module of modules) {
      const names = (await module?.symbols.namesBeginningWith(word, LIMIT)) ?? [];
      for (const name of names) if (!found.has(name)) found.set(name, item(name, 'function'));
    }
  }
  return [...found.values()].slice(0, LIMIT);
}

/** The operand that ends a text: back to where its parentheses and brackets are balanced. */
function objectBefore(text: string): string {
  let depth = 0;
  let at = text.length;
  while (at > 0) {
    const character = text[at - 1] ?? '';
    if (character === ')' || character === ']') depth += 1;
    else if (character === '(' || character === '[') {
      if (depth === 0) break;
      depth -= 1;
    } else if (depth === 0 && !/[\w$@!.>\s-]/.test(character)) break;
    else if (depth === 0 && character === '-' && text[at] !== '>') break;
    else if (depth === 0 && character === '>' && text[at - 2] !== '-') break;
    at -= 1;
  }
  return text.slice(at).trim();
}

async function memberNames(object: string, scope: FrameScope): Promise<string[]> {
  try {
    const { value } = await evaluate(object, scope);
    const type = value.type.kind === 'pointer' ? await value.type.target() : value.type;
    return type.kind === 'record' ? await namesOf(type) : [];
  } catch (error) {
    // What is not complete yet has no members.
    if (error instanceof EventscopeError) return [];
    throw error;
  }
}

async function namesOf(type: RecordType): Promise<string[]> {
  const names: string[] = [];
  for (const field of await type.fields()) {
    if (isAnonymous(field) && field.type.kind === 'record') names.push(...(await namesOf(field.type)));
    else names.push(field.name);
  }
  return names;
}
