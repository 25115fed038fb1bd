import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  cmdCommand,
  commandLine,
  escapeForCmd,
  fromNtPath,
  isAbsoluteWindowsPath,
  joinWindowsPath,
  quoteArgument,
  quoteForPowerShell,
  quoteProgram,
  sameWindowsPath,
  splitCommandLine,
  toFileName,
  toNtPath,
  windowsBaseName,
  windowsFolder,
} from './command-line.js';

const argument = fc.oneof(
  fc.string().filter((text) => !text.includes('\0')),
  fc.stringMatching(/^[\\" a\t]{0,12}$/),
);

/** What cmd.exe hands on: carets taken away, outside of quotation marks that it does not see any more. */
function readByCmd(line: string): string {
  return line.replace(/\^(.)/gs, '$1');
}

describe('command lines', () => {
  it('quotes as CommandLineToArgvW reads it back', () => {
    assert.equal(quoteArgument('plain'), 'plain');
    assert.equal(quoteArgument(''), '""');
    assert.equal(quoteArgument('two words'), '"two words"');
    assert.equal(quoteArgument('say "hi"'), '"say \\"hi\\""');
    assert.equal(quoteArgument('C:\\with space\\'), '"C:\\with space\\\\"');
    assert.equal(quoteArgument('C:\\plain\\'), 'C:\\plain\\');
    assert.equal(quoteArgument('a\\\\"b'), '"a\\\\\\\\\\"b"');
  });

  it('gives back every list of arguments', () => {
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 6 }), (args) => {
        assert.deepEqual(splitCommandLine(commandLine('C:\\Program Files\\x.exe', args)), [
          'C:\\Program Files\\x.exe',
          ...args,
        ]);
      }),
    );
  });

  it("reads a program's name without escapes", () => {
    assert.deepEqual(splitCommandLine('"C:\\a b\\c.exe" x'), ['C:\\a b\\c.exe', 'x']);
    assert.deepEqual(splitCommandLine('c.exe'), ['c.exe']);
    assert.throws(() => quoteProgram('a"b'), RangeError);
    assert.throws(() => quoteArgument('a\0b'), RangeError);
  });

  it('refuses a line that CreateProcessW would refuse', () => {
    assert.throws(() => commandLine('x.exe', ['a'.repeat(32_766)]), RangeError);
  });

  it('leaves cmd.exe nothing to act on', () => {
    assert.equal(escapeForCmd('a & b | c > d < e ^ "f" (g) %h% !i!').replace(/\^./g, ''), 'a  b  c  d  e  f g h i');
    assert.throws(() => escapeForCmd('a\nb'), RangeError);
    fc.assert(
      fc.property(
        fc.array(
          argument.filter((text) => !/[\r\n]/.test(text)),
          { maxLength: 5 },
        ),
        (args) => {
          assert.deepEqual(splitCommandLine(readByCmd(cmdCommand('x.exe', args))), ['x.exe', ...args]);
        },
      ),
    );
  });

  it('quotes for PowerShell', () => {
    assert.equal(quoteForPowerShell("it's $x"), "'it''s $x'");
    assert.equal(quoteForPowerShell('\u2019'), "'\u2019\u2019'");
  });
});

describe('Windows paths', () => {
  it('joins and takes apart', () => {
    assert.equal(joinWindowsPath('C:\\', 'eventscope', 'bin\\x.sys'), 'C:\\eventscope\\bin\\x.sys');
    assert.equal(joinWindowsPath('C:/a/', '/b', ''), 'C:\\a\\b');
    assert.equal(windowsBaseName('C:\\a\\b.sys'), 'b.sys');
    assert.equal(windowsBaseName('C:\\a\\b\\'), 'b');
    assert.equal(windowsBaseName('b.sys'), 'b.sys');
    assert.equal(windowsFolder('C:\\a\\b.sys'), 'C:\\a');
    assert.equal(windowsFolder('C:\\a'), 'C:\\');
    assert.equal(windowsFolder('C:\\'), 'C:\\');
    assert.equal(windowsFolder('\\\\server\\share\\x\\y'), '\\\\server\\share\\x');
    assert.equal(windowsFolder('\\\\server\\share\\x'), '\\\\server\\share\\');
    assert.equal(windowsFolder('\\\\?\\C:\\x\\y'), '\\\\?\\C:\\x');
    assert.equal(windowsFolder('x'), '.');
  });

  it('takes a joined path apart again', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9._ ]{1,10}$/);
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), name, (folders, file) => {
        const folder = joinWindowsPath('C:\\', ...folders);
        assert.equal(windowsFolder(joinWindowsPath(folder, file)), folder);
        assert.equal(windowsBaseName(joinWindowsPath(folder, file)), file);
      }),
    );
  });

  it('tells absolute paths from others', () => {
    for (const path of ['C:\\x', 'c:/x', '\\\\server\\share', '\\\\?\\C:\\x', '\\\\.\\EventSys\\x']) {
      assert.ok(isAbsoluteWindowsPath(path), path);
    }
    for (const path of ['C:x', '\\x', 'x', '', '..\\x', '/x']) {
      assert.ok(!isAbsoluteWindowsPath(path), path);
    }
  });

  it('compares without case', () => {
    assert.ok(sameWindowsPath('C:\\A\\b\\', 'c:/a/B'));
    assert.ok(!sameWindowsPath('C:\\a', 'C:\\ab'));
  });

  it('goes to object manager paths and back', () => {
    assert.equal(toNtPath('C:\\x\\y.sys'), '\\??\\C:\\x\\y.sys');
    assert.equal(toNtPath('\\\\.\\EventSys'), '\\??\\EventSys');
    assert.equal(toNtPath('\\\\server\\share\\x'), '\\??\\UNC\\server\\share\\x');
    assert.equal(toNtPath('\\??\\C:\\x'), '\\??\\C:\\x');
    for (const path of ['C:\\x\\y.sys', '\\\\server\\share\\x']) {
      assert.equal(fromNtPath(toNtPath(path)), path);
    }
  });

  it('makes a file name of any text, one to one', () => {
    assert.equal(toFileName('wine:main/1'), 'wine%3Amain%2F1');
    assert.equal(toFileName('NUL'), '%4EUL');
    assert.equal(toFileName('com1.txt'), '%63om1.txt');
    assert.equal(toFileName('ends.'), 'ends%2E');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        assert.match(toFileName(a), /^[A-Za-z0-9._ %-]*[A-Za-z0-9_%-]$/);
        assert.equal(toFileName(a) === toFileName(b), a === b);
      }),
    );
  });
});
