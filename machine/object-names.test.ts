import assert from 'node:assert/strict';
import { objectPath, printable } from './object-names.js';

describe('names of objects', () => {
  it('are one path whichever side says it', () => {
    const cases: readonly (readonly [string, 'kernel' | 'user', number, string])[] = [
      ['Global\\X', 'user', 1, '\\BaseNamedObjects\\X'],
      ['X', 'user', 1, '\\Sessions\\1\\BaseNamedObjects\\X'],
      ['X', 'user', 0, '\\BaseNamedObjects\\X'],
      ['Local\\X', 'user', 3, '\\Sessions\\3\\BaseNamedObjects\\X'],
      ['Session\\2\\X', 'user', 1, '\\Sessions\\2\\BaseNamedObjects\\X'],
      ['\\BaseNamedObjects\\X', 'kernel', 0, '\\BaseNamedObjects\\X'],
      ['\\BaseNamedObjects\\Global\\X', 'kernel', 0, '\\BaseNamedObjects\\X'],
      ['\\Sessions\\1\\BaseNamedObjects\\Global\\X', 'kernel', 0, '\\BaseNamedObjects\\X'],
      ['\\Sessions\\1\\BaseNamedObjects\\Local\\X', 'kernel', 0, '\\Sessions\\1\\BaseNamedObjects\\X'],
      ['\\Device\\EventSys', 'kernel', 0, '\\Device\\EventSys'],
    ];
    for (const [name, side, session, path] of cases) assert.equal(objectPath(name, side, session), path, name);
  });

  it('are printed without control characters', () => {
    assert.equal(printable('a\u001b[31m\nb\u202e'), 'a\\u001b[31m\\u000ab\\u202e');
  });
});
