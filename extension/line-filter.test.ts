import assert from 'node:assert/strict';
import { parseLineFilter } from './line-filter.js';

const LINES = ['EsOpen: event 1', 'EsSet: EVENT 12', 'timer fired'];
const shown = (filter: string): string[] | undefined => {
  const passes = parseLineFilter(filter);
  return passes === undefined ? undefined : LINES.filter(passes);
};

describe('a filter of lines', () => {
  it('lets everything pass when it is empty', () => assert.deepEqual(shown(''), LINES));
  it('finds a text in any case', () => assert.deepEqual(shown('event 1'), LINES.slice(0, 2)));
  it('takes the characters of expressions as they stand in a text', () => assert.deepEqual(shown('.*'), []));
  it('reads an expression between slashes, which tells cases apart', () =>
    assert.deepEqual(shown('/event \\d+$/'), LINES.slice(0, 1)));
  it('does not tell them apart with an i behind', () => assert.deepEqual(shown('/event \\d+$/i'), LINES.slice(0, 2)));
  it('is none when the expression cannot be read', () => assert.equal(shown('/(/'), undefined));
});
