/** The agent's tables of Windows' structures, against what the compiler makes of the headers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as windows from '../../agent/native/layouts.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';

/** Structures that public headers declare, by the header's name for them. The others are known from reading targets alone. */
const DECLARED: Readonly<Record<string, string>> = {
  UNICODE_STRING: 'UNICODE_STRING',
  OBJECT_ATTRIBUTES: 'OBJECT_ATTRIBUTES',
  SECURITY_DESCRIPTOR_RELATIVE: 'SECURITY_DESCRIPTOR_RELATIVE',
  SERVICE_STATUS_PROCESS: 'SERVICE_STATUS_PROCESS',
  SERVICE_STATUS: 'SERVICE_STATUS',
  QUERY_SERVICE_CONFIGW: 'QUERY_SERVICE_CONFIGW',
  ENUM_SERVICE_STATUS_PROCESSW: 'ENUM_SERVICE_STATUS_PROCESSW',
  TOKEN_PRIVILEGES: 'TOKEN_PRIVILEGES',
  RTL_OSVERSIONINFOW: 'OSVERSIONINFOW',
  DEBUG_EVENT: 'DEBUG_EVENT',
  STARTUPINFOW: 'STARTUPINFOW',
  PROCESS_INFORMATION: 'PROCESS_INFORMATION',
};

function assertionsOf(type: string, layout: object): string[] {
  return Object.entries(layout as Record<string, number>).map(([field, value]) => {
    const actual = field === 'size' ? `sizeof(${type})` : `offsetof(${type}, ${field})`;
    return `_Static_assert(${actual} == ${value}, "${type}.${field}");`;
  });
}

async function compile(source: string): Promise<string> {
  const { clang } = await findLinuxToolchain();
  const options = ['--target=x86_64-w64-mingw32', '-std=gnu11', '-fsyntax-only', '-x', 'c', '-'];
  return spawnSync(clang, options, { input: source, encoding: 'utf8' }).stderr;
}

describe("the agent's layouts", function () {
  this.timeout(60_000);

  it('are those of the Windows headers', async () => {
    const tables = windows as unknown as Record<string, object>;
    const lines = Object.entries(DECLARED).flatMap(([name, type]) => assertionsOf(type, tables[name] ?? {}));
    assert.ok(lines.length > 25);
    const job = windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION;
    const source = [
      '#include <stddef.h>',
      '#include <windows.h>',
      '#include <winternl.h>',
      ...lines,
      `_Static_assert(sizeof(JOBOBJECT_EXTENDED_LIMIT_INFORMATION) == ${job.size}, "job");`,
      `_Static_assert(offsetof(JOBOBJECT_EXTENDED_LIMIT_INFORMATION, BasicLimitInformation.LimitFlags) == ${job.LimitFlags}, "flags");`,
      `_Static_assert(sizeof(IO_STATUS_BLOCK) == ${windows.IO_STATUS_BLOCK.size}, "status block");`,
      `_Static_assert(offsetof(IO_STATUS_BLOCK, Information) == ${windows.IO_STATUS_BLOCK.Information}, "Information");`,
    ].join('\n');
    assert.equal(await compile(source), '');
    // The check does find a difference.
    const wrong = assertionsOf('UNICODE_STRING', { Buffer: 4 }).join('');
    assert.match(await compile(`${source}\n${wrong}`), /UNICODE_STRING.Buffer/);
  });
});
