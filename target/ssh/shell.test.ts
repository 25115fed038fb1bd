import assert from 'node:assert/strict';
import fc from 'fast-check';
import { splitCommandLine } from '../../machine/command-line.js';
import { plainCommandLine, shellOfProbe } from './shell.js';

describe('the shell of an SSH server', () => {
  it('is told by what each makes of the probe', () => {
    assert.equal(shellOfProbe('Windows_NT$env:OS\r\n'), 'cmd');
    assert.equal(shellOfProbe('%OS%Windows_NT\r\n'), 'powershell');
    assert.equal(shellOfProbe('%OS%:OS\n'), 'posix');
    assert.equal(shellOfProbe(''), undefined);
    assert.equal(shellOfProbe('Welcome!\nWindows_NT$env:OS'), undefined);
  });
});

describe('plainCommandLine', () => {
  it('leaves plain words alone and quotes the others', () => {
    assert.equal(
      plainCommandLine('C:\\e\\node.exe', ['C:\\e\\a.cjs', '--log', 'Z:\\my logs\\a.log', '*S-1-5-18:(OI)(CI)F']),
      'C:\\e\\node.exe C:\\e\\a.cjs --log "Z:\\my logs\\a.log" "*S-1-5-18:(OI)(CI)F"',
    );
  });

  it('refuses what cmd.exe and PowerShell would read differently', () => {
    for (const argument of ['%PATH%', '$x', 'a`b', 'say "x"', 'a!b', 'a b\\', 'a\nb', '\u201cx\u201d', '']) {
      assert.throws(() => plainCommandLine('x', [argument]), RangeError, JSON.stringify(argument));
    }
    for (const program of ['C:\\Program Files\\x.exe', 'a&b', '']) {
      assert.throws(() => plainCommandLine(program, []), RangeError, program);
    }
  });

  it('is read back by Windows as the arguments it was made of, whenever it is made', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 20 }), { maxLength: 5 }), (args) => {
        let line: string;
        try {
          line = plainCommandLine('node.exe', args);
        } catch (error) {
          assert.ok(error instanceof RangeError);
          return;
        }
        assert.deepEqual(splitCommandLine(line), ['node.exe', ...args]);
        // Nothing that either shell acts on stands outside double quotes.
        assert.doesNotMatch(line.replace(/"[^"]*"/g, ''), /[&|<>^()%!$`;'@#{},*?]/);
      }),
    );
  });
});
