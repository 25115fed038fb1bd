/** Hit conditions: `5` and `== 5` (the fifth hit), `>= 5`, `> 5`, `< 5`, `<= 5`, `% 5` (each fifth). One grammar for every kind of breakpoint. */
import { EventscopeError } from '../../protocol/errors.js';

export type HitCondition = (hits: number) => boolean;

const GRAMMAR = /^\s*(==|=|>=|>|<=|<|%)?\s*(\d{1,9})\s*$/;

/** @throws EventscopeError `debug.hitCondition` */
export function parseHitCondition(text: string): HitCondition {
  const match = GRAMMAR.exec(text);
  const number = Number(match?.[2]);
  const operator = match?.[1] ?? '=';
  if (match === null || (operator === '%' && number === 0)) {
    throw new EventscopeError({
      id: 'debug.hitCondition',
      what: `"${text}" is no hit condition`,
      next: 'Write a number, or one after ==, >=, >, <=, < or %.',
    });
  }
  switch (operator) {
    case '>=':
      return (hits) => hits >= number;
    case '>':
      return (hits) => hits > number;
    case '<=':
      return (hits) => hits <= number;
    case '<':
      return (hits) => hits < number;
    case '%':
      return (hits) => hits % number === 0;
    case '=':
    case '==':
    default:
      return (hits) => hits === number;
  }
}
