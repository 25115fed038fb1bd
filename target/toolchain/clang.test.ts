import assert from 'node:assert/strict';
import { parseDependencyFile } from './clang.js';

describe('dependency files', () => {
  it('lists the prerequisites of the object, absolute', () => {
    assert.deepEqual(parseDependencyFile('a.o: a.c \\\n  /usr/include/x.h \\\r\n ../b.h\n', '/w/s'), [
      '/w/s/a.c',
      '/usr/include/x.h',
      '/w/b.h',
    ]);
  });

  it('reads escaped spaces, number signs and dollars', () => {
    assert.deepEqual(parseDependencyFile('o\\ ut/a.o: my\\ file\\#1.c cost$$.h', '/w'), [
      '/w/my file#1.c',
      '/w/cost$.h',
    ]);
  });

  it('names each file once, and none when there is no rule', () => {
    assert.deepEqual(parseDependencyFile('a.o: a.c a.c', '/w'), ['/w/a.c']);
    assert.deepEqual(parseDependencyFile('', '/w'), []);
  });

  it('stops at the end of the first rule', () => {
    assert.deepEqual(parseDependencyFile('a.o: a.c b.h\n\nb.h:\n', '/w'), ['/w/a.c', '/w/b.h']);
  });
});
