import assert from 'node:assert/strict';
import { parseMsvcDiagnostics } from './msvc-diagnostics.js';

const FOLDER = 'C:\\w\\sys';
const parse = (...lines: string[]) => parseMsvcDiagnostics(lines.join('\r\n'), FOLDER);

describe('MSVC diagnostics', () => {
  const table: [name: string, text: string, expected: Record<string, unknown>][] = [
    [
      'cl error with column and project',
      "C:\\w\\sys\\a.c(12,5): error C2065: 'x': undeclared identifier [C:\\w\\sys\\eventsys.vcxproj]",
      {
        file: 'C:\\w\\sys\\a.c',
        line: 12,
        column: 5,
        severity: 'error',
        code: 'C2065',
        message: "'x': undeclared identifier",
      },
    ],
    [
      'cl warning without column, relative, with the build number',
      '  3>a.c(7) : warning C4100: unreferenced formal parameter',
      {
        file: 'C:\\w\\sys\\a.c',
        line: 7,
        column: 0,
        severity: 'warning',
        code: 'C4100',
        message: 'unreferenced formal parameter',
      },
    ],
    [
      'fatal error',
      "C:\\Program Files (x86)\\x\\a.h(3): fatal error C1083: Cannot open include file: 'no.h': No such file or directory",
      { file: 'C:\\Program Files (x86)\\x\\a.h', line: 3, severity: 'error', code: 'C1083' },
    ],
    ['range', 'a.c(3,5-9): error C2143: syntax error', { line: 3, column: 5, endLine: 3, endColumn: 9, code: 'C2143' }],
    [
      'unresolved symbol in an object',
      'a.obj : error LNK2019: unresolved external symbol missing_one referenced in function DriverEntry [C:\\w\\p.vcxproj]',
      { file: 'a.obj', line: 0, severity: 'error', code: 'LNK2019', symbol: 'missing_one' },
    ],
    [
      'decorated unresolved symbol',
      'a.obj : error LNK2001: unresolved external symbol "int __cdecl f(void)" (?f@@YAHXZ)',
      { code: 'LNK2001', severity: 'error' },
    ],
    [
      'duplicate symbol',
      'b.obj : error LNK2005: DriverUnload already defined in a.obj',
      { file: 'b.obj', code: 'LNK2005', symbol: 'DriverUnload' },
    ],
    [
      'linker',
      "LINK : fatal error LNK1104: cannot open file 'x.lib'",
      { file: 'LINK', code: 'LNK1104', severity: 'error' },
    ],
    [
      'command line',
      "cl : Command line warning D9025 : overriding '/W3' with '/W4'",
      { file: 'cl', code: 'D9025', severity: 'warning', message: "overriding '/W3' with '/W4'" },
    ],
    [
      'MSBuild',
      'MSBUILD : error MSB1009: Project file does not exist.',
      { file: 'MSBUILD', code: 'MSB1009', message: 'Project file does not exist.' },
    ],
    [
      'a targets file',
      'C:\\VS\\Toolset.targets(34,5): error MSB8020: The build tools for WindowsKernelModeDriver10.0 cannot be found. [C:\\w\\p.vcxproj]',
      { file: 'C:\\VS\\Toolset.targets', line: 34, column: 5, code: 'MSB8020' },
    ],
  ];
  for (const [name, text, expected] of table) {
    it(`reads ${name}`, () => {
      const diagnostics = parse(text);
      assert.equal(diagnostics.length, 1, JSON.stringify(diagnostics));
      const [diagnostic] = diagnostics;
      for (const [key, value] of Object.entries(expected)) {
        assert.deepEqual(diagnostic?.[key as keyof typeof diagnostic], value, key);
      }
    });
  }

  it('ties notes to the diagnostic before them', () => {
    const diagnostics = parse("a.c(9,3): error C2371: 'f': redefinition", "a.h(2,5): note: see declaration of 'f'");
    assert.equal(diagnostics.length, 1);
    assert.deepEqual(diagnostics[0]?.related, [
      { file: 'C:\\w\\sys\\a.h', line: 2, column: 5, message: "see declaration of 'f'" },
    ]);
  });

  it('passes over progress and prose', () => {
    assert.deepEqual(
      parse('  a.c', '  Generating Code...', '  eventsys.vcxproj -> C:\\w\\out\\eventsys.sys', 'Build succeeded.'),
      [],
    );
  });
});
