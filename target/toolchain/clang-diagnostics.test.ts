import assert from 'node:assert/strict';
import { parseClangDiagnostics } from './clang-diagnostics.js';
import { distinctDiagnostics, formatDiagnostic } from './diagnostics.js';

const parse = (...lines: string[]) => parseClangDiagnostics(lines.join('\n'), '/w');

describe('clang diagnostics', () => {
  it('reads place, severity, message, flag and the end of the range', () => {
    assert.deepEqual(parse("/w/a.c:4:12:{4:5-4:9}{4:12-4:24}: warning: unused variable 'thing' [-Wunused-variable]"), [
      {
        file: '/w/a.c',
        line: 4,
        column: 12,
        endLine: 4,
        endColumn: 24,
        severity: 'warning',
        code: '-Wunused-variable',
        message: "unused variable 'thing'",
        related: [],
      },
    ]);
  });

  it('makes relative names absolute and keeps names that are no files', () => {
    const [relative, builtin] = parse('src/a b.c:1:2: error: x', '<command line>:1:9: fatal error: y');
    assert.equal(relative?.file, '/w/src/a b.c');
    assert.equal(builtin?.file, '<command line>');
    assert.equal(builtin.severity, 'error');
  });

  it('ties notes and includes to their diagnostic, in order', () => {
    const diagnostics = parse(
      'In file included from /w/a.c:1:',
      'In file included from /w/b.h:2:7:',
      "/w/c.h:16:2: error: use of undeclared identifier 'nosuch'",
      "/w/b.h:1:36: note: expanded from macro 'TWICE'",
      '/w/a.c:9:1: warning: second [-W#warnings]',
    );
    assert.equal(diagnostics.length, 2);
    assert.deepEqual(
      diagnostics[0]?.related.map((item) => [item.file, item.line, item.message]),
      [
        ['/w/a.c', 1, 'included from here'],
        ['/w/b.h', 2, 'included from here'],
        ['/w/b.h', 1, "expanded from macro 'TWICE'"],
      ],
    );
    assert.equal(diagnostics[1]?.code, '-W#warnings');
    assert.deepEqual(diagnostics[1].related, []);
  });

  it('says which warning became an error', () => {
    assert.equal(
      parse("/w/a.c:1:1: error: unused parameter 'x' [-Werror,-Wunused-parameter]")[0]?.code,
      '-Werror,-Wunused-parameter',
    );
  });

  it('leads an undefined symbol to the line that uses it', () => {
    const diagnostics = parse(
      'ld.lld-19: error: undefined symbol: missing_one',
      '>>> referenced by /w/a.c:5',
      '>>>               a.o:(DriverEntry)',
      '>>> referenced by .\\sub\\b.c:7',
      'clang-19: error: linker command failed with exit code 1 (use -v to see invocation)',
    );
    assert.equal(diagnostics.length, 1);
    const [diagnostic] = diagnostics;
    assert.equal(diagnostic?.symbol, 'missing_one');
    assert.deepEqual([diagnostic.file, diagnostic.line], ['/w/a.c', 5]);
    assert.deepEqual(diagnostic.related, [{ file: '/w/sub/b.c', line: 7, column: 0, message: 'referenced by' }]);
  });

  it('names the object where an undefined symbol has no line', () => {
    const [diagnostic] = parse('/usr/bin/ld.lld: error: undefined symbol: f', '>>> referenced by a.o:(main)');
    assert.equal(diagnostic?.symbol, 'f');
    assert.match(diagnostic.related[0]?.file ?? '', /a\.o/);
  });

  it('reads a linker error without a symbol, and keeps the driver word when nothing else was said', () => {
    const [library] = parse(
      'ld.lld: error: unable to find library -lnosuch',
      'clang: error: linker command failed with exit code 1',
    );
    assert.deepEqual([library?.file, library?.message], ['ld.lld', 'unable to find library -lnosuch']);
    const [alone] = parse("clang-19: error: no such file or directory: 'x.o'");
    assert.equal(alone?.message, "no such file or directory: 'x.o'");
  });

  it('passes over what is no diagnostic', () => {
    assert.deepEqual(parse('', '1 warning generated.', '   4 | int x;', '     |     ^'), []);
  });

  it('formats one line a diagnostic and drops repetitions', () => {
    const diagnostics = parse('/w/a.h:1:2: warning: x [-Wy]', '/w/a.h:1:2: warning: x [-Wy]');
    assert.deepEqual(distinctDiagnostics(diagnostics).map(formatDiagnostic), ['/w/a.h:1:2: warning: x [-Wy]']);
  });
});
