/** The real compiler, linker and signing tool on a small driver and application. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import { build, type BuildResult, type Diagnostic } from '../../target/build.js';
import { loadProject, type Project } from '../../target/project.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';
import { verifySignature } from '../../target/toolchain/signing.js';

const run = promisify(execFile);

const FILES = {
  'driver/include/shared.h': '#define ANSWER 42\n',
  'driver/include/other.h': '#define OTHER 1\n',
  'driver/sys/entry.c': `#include <wdm.h>
#include "shared.h"
int Helper(int value);
static void Unload(PDRIVER_OBJECT driver) { (void)driver; DbgPrint("bye %d\\n", ANSWER); }
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)path;
    driver->DriverUnload = Unload;
    return Helper(1) == 2 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
`,
  'driver/sys/helper.c':
    '#include "other.h"\nint Helper(int value);\nint Helper(int value) { return value + OTHER; }\n',
  'driver/app/main.c':
    '#include <stdio.h>\n#include "shared.h"\nint wmain(void) { printf("%d\\n", ANSWER); return 0; }\n',
};

describe('toolchain', function () {
  this.timeout(120_000);
  const realPath = process.env['PATH'];
  let folder: string;
  let project: Project;
  let calls: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-toolchain-'));
    for (const [name, text] of Object.entries(FILES)) await write(name, text);
    project = await loadProject(folder);
    calls = path.join(folder, 'calls');
    await writeFile(calls, '');
  });
  afterEach(async () => {
    process.env['PATH'] = realPath;
    await rm(folder, { recursive: true });
  });

  async function write(name: string, text: string): Promise<void> {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  const make = (signal = new AbortController().signal): Promise<BuildResult> =>
    build(project, { signal, progress: () => undefined });

  /** Puts programs of these names before the real ones: each notes that it was called, then does `then`. */
  async function wrapTools(then: (real: string) => string): Promise<void> {
    const tools = await findLinuxToolchain();
    const bin = path.join(folder, 'bin');
    await mkdir(bin);
    for (const tool of [tools.clang, tools.lld, tools.osslsigncode, tools.openssl]) {
      const wrapper = path.join(bin, path.basename(tool));
      await writeFile(wrapper, `#!/bin/sh\necho ${path.basename(tool)} >> '${calls}'\n${then(tool)}\n`);
      await chmod(wrapper, 0o755);
    }
    process.env['PATH'] = `${bin}:${realPath ?? ''}`;
  }
  const callCount = async (): Promise<number> => (await readFile(calls, 'utf8')).split('\n').length - 1;

  async function failure(work: Promise<unknown>): Promise<EventscopeError> {
    const error: unknown = await work.then(
      () => assert.fail('must fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof EventscopeError, String(error));
    return error;
  }
  const diagnosticsOf = (error: EventscopeError): Diagnostic[] => error.data['diagnostics'] as Diagnostic[];

  it('builds a signed native driver and an application, each with a PDB that it names', async () => {
    const result = await make();
    const tools = await findLinuxToolchain();
    const certificate = path.join(project.stateFolder, 'keys', 'test', 'certificate.pem');
    await verifySignature(tools, { certificate }, result.driver.sys, new AbortController().signal);
    for (const pdb of [result.driver.pdb, result.application.pdb]) {
      assert.match((await readFile(pdb ?? '')).toString('latin1', 0, 32), /^Microsoft C\/C\+\+ MSF 7\.00/);
    }
    const [driver, application] = await Promise.all([readFile(result.driver.sys), readFile(result.application.exe)]);
    const header = driver.readUInt32LE(0x3c);
    assert.equal(driver.readUInt16LE(header + 4), 0x8664, 'machine');
    assert.equal(driver.readUInt16LE(header + 24 + 68), 1, 'subsystem native');
    assert.ok(driver.includes('\0eventsys.pdb\0') || driver.includes('eventsys.pdb\0'));
    assert.ok(!driver.includes(folder), 'no folder of this machine in the driver');
    assert.ok(application.includes('eventapp.pdb\0'));
    const key = await stat(path.join(project.stateFolder, 'keys', 'test', 'key.pem'));
    assert.equal(key.mode & 0o777, 0o600);
    assert.match(result.certificate, /^[0-9a-f]{64}$/);
  });

  it('runs no tool at all when nothing has changed', async () => {
    await wrapTools((real) => `exec '${real}' "$@"`);
    const first = await make();
    assert.ok((await callCount()) > 5);
    assert.ok(first.rebuilt.includes('eventsys.sys') && first.rebuilt.includes('eventapp.exe'));
    await writeFile(calls, '');
    const second = await make();
    assert.equal(await callCount(), 0);
    assert.deepEqual(second.rebuilt, []);
    assert.deepEqual(second.driver, first.driver);
  });

  it('rebuilds what depends on a changed header, and nothing else', async () => {
    await make();
    const application = await readFile(path.join(project.stateFolder, 'build', 'default', 'eventapp.exe'));
    await write('driver/include/other.h', '#define OTHER 2\n');
    const { rebuilt } = await make();
    assert.deepEqual(
      rebuilt.map((name) => name.replace(/-[0-9a-f]{8}/, '')),
      ['helper.o', 'eventsys.sys'],
    );
    assert.deepEqual(await readFile(path.join(project.stateFolder, 'build', 'default', 'eventapp.exe')), application);
    assert.deepEqual((await make()).rebuilt, []);
  });

  it('keeps the old binaries on a compiler error, and says where the error is', async () => {
    const { driver, application } = await make();
    const before = await Promise.all([driver.sys, driver.pdb, application.exe].map((file) => readFile(file ?? '')));
    await write(
      'driver/sys/helper.c',
      'int Helper(int value);\nint Helper(int value)\n{\n    return value + nosuch;\n}\n',
    );
    await write('driver/app/main.c', 'int main(void) { return also_missing; }\n');
    const error = await failure(make());
    assert.equal(error.id, 'build.failed');
    const errors = diagnosticsOf(error).filter((diagnostic) => diagnostic.severity === 'error');
    assert.deepEqual(
      errors.map(({ file, line, column, message }) => [path.relative(folder, file), line, column, message]).sort(),
      [
        ['driver/app/main.c', 1, 25, "use of undeclared identifier 'also_missing'"],
        ['driver/sys/helper.c', 4, 20, "use of undeclared identifier 'nosuch'"],
      ],
    );
    const after = await Promise.all([driver.sys, driver.pdb, application.exe].map((file) => readFile(file ?? '')));
    assert.deepEqual(after, before);
  });

  it('keeps the old binaries on a linker error, and names the symbol and its place', async () => {
    const { driver } = await make();
    const before = await readFile(driver.sys);
    await write(
      'driver/sys/helper.c',
      'int Missing(int value);\nint Helper(int value);\nint Helper(int value)\n{\n    return Missing(value);\n}\n',
    );
    const error = await failure(make());
    const [diagnostic] = diagnosticsOf(error);
    assert.equal(diagnostic?.symbol, 'Missing');
    assert.deepEqual([path.relative(folder, diagnostic.file), diagnostic.line], ['driver/sys/helper.c', 5]);
    assert.deepEqual(await readFile(driver.sys), before);
  });

  it('links what mingw’s kernel headers define in every object, and refuses what a project defines twice', async () => {
    const include = '#include <ntifs.h>\n#include <ntstrsafe.h>\n';
    await write('driver/sys/entry.c', include + FILES['driver/sys/entry.c']);
    await write('driver/sys/helper.c', include + FILES['driver/sys/helper.c']);
    assert.deepEqual((await make()).diagnostics, []);
    await write('driver/sys/twice.c', 'int Helper(int value);\nint Helper(int value)\n{\n    return value;\n}\n');
    const error = await failure(make());
    const [diagnostic] = diagnosticsOf(error);
    assert.deepEqual([diagnostic?.severity, diagnostic?.symbol], ['error', 'Helper']);
    assert.match(diagnostic?.file ?? '', /helper\.c$/);
  });

  it('shows a warning in every build until it is mended', async () => {
    const options = [] as string[];
    project = { ...project, driver: { ...project.driver, options } };
    await write('driver/sys/helper.c', `${FILES['driver/sys/helper.c']}static int Unused;\n`);
    for (const expected of [['helper.o', 'entry.o', 'main.o'], []]) {
      const result = await make();
      assert.equal(result.rebuilt.filter((name) => name.endsWith('.o')).length, expected.length);
      assert.deepEqual(
        result.diagnostics.map((diagnostic) => [diagnostic.severity, diagnostic.code, diagnostic.line]),
        [['warning', '-Wunused-variable', 4]],
      );
    }
  });

  it('makes a second set of binaries beside the first', async () => {
    const first = await make();
    const variant = { name: 'faults', driverDefines: { EVENTSYS_TEST_FAULTS: '1' } };
    const operation = { signal: new AbortController().signal, progress: () => undefined };
    await write(
      'driver/sys/helper.c',
      '#include "other.h"\nint Helper(int);\nint Helper(int value) { return value + EVENTSYS_TEST_FAULTS; }\n',
    );
    const second = await build(project, operation, { variant });
    assert.notEqual(second.driver.sys, first.driver.sys);
    const [ours, theirs] = [first.application, second.application];
    assert.ok((await readFile(ours.exe)).equals(await readFile(theirs.exe)), 'what is built from the same is the same');
    assert.equal((await failure(make())).id, 'build.failed', 'the usual build does not have the define');
  });

  it('makes the same bytes in another folder, and names sources relative to it', async () => {
    const here = await make();
    const there = await mkdtemp(path.join(tmpdir(), 'eventscope-toolchain-elsewhere-with-a-longer-name-'));
    try {
      for (const name of Object.keys(FILES)) await cp(path.join(folder, name), path.join(there, name));
      const other = await build(await loadProject(there), {
        signal: new AbortController().signal,
        progress: () => undefined,
      });
      // Each workspace signs with a key of its own: without the signatures.
      const tools = await findLinuxToolchain();
      const [ours, theirs] = [path.join(there, 'ours.sys'), path.join(there, 'theirs.sys')];
      await run(tools.osslsigncode, ['remove-signature', '-in', here.driver.sys, '-out', ours]);
      await run(tools.osslsigncode, ['remove-signature', '-in', other.driver.sys, '-out', theirs]);
      const pairs = [
        [ours, theirs],
        [here.driver.pdb, other.driver.pdb],
        [here.application.exe, other.application.exe],
        [here.application.pdb, other.application.pdb],
      ] as const;
      for (const [a = '', b = ''] of pairs) {
        assert.ok((await readFile(a)).equals(await readFile(b)), path.basename(a));
      }
      const pdb = await readFile(here.driver.pdb ?? '');
      assert.ok(pdb.includes('driver\\sys\\entry.c'));
      assert.ok(!pdb.includes(folder), 'no folder of this machine in the PDB');
    } finally {
      await rm(there, { recursive: true });
    }
  });

  describe('with binaries that something else has built', () => {
    let built: BuildResult;
    async function use(driver: Record<string, string>, application: Record<string, string>): Promise<void> {
      const settings = { 'eventscope.project': { driver: { service: 's', ...driver }, application } };
      await write('.vscode/settings.json', JSON.stringify(settings));
      project = await loadProject(folder);
    }
    beforeEach(async () => {
      built = await make();
      process.env['PATH'] = folder;
    });

    it('takes them as they are, and needs no tool', async () => {
      await use({ binary: built.driver.sys }, { binary: '.eventscope/build/default/eventapp.exe' });
      const result = await make();
      assert.deepEqual([result.driver, result.application], [built.driver, built.application]);
      assert.deepEqual([result.rebuilt, result.certificate], [[], '']);
      await rm(built.driver.pdb ?? '');
      assert.equal((await make()).driver.pdb, undefined, 'without a PDB beside it there is none');
      await use({ binary: built.driver.sys, pdb: built.application.pdb ?? '' }, { binary: built.application.exe });
      assert.equal((await make()).driver.pdb, built.application.pdb);
    });

    it('builds the other side', async () => {
      process.env['PATH'] = realPath;
      const settings = {
        driver: { binary: built.driver.sys, service: 's' },
        application: { sources: ['driver/app'], includes: ['driver/include'], name: 'eventapp' },
      };
      await write('.vscode/settings.json', JSON.stringify({ 'eventscope.project': settings }));
      await write('driver/include/shared.h', '#define ANSWER 43\n');
      project = await loadProject(folder);
      const result = await make();
      assert.deepEqual(result.driver, built.driver);
      assert.ok(result.rebuilt.includes('eventapp.exe') && !result.rebuilt.includes('eventsys.sys'));
    });

    it('says what is none', async () => {
      const [sys, exe] = [built.driver.sys, built.application.exe];
      const x86 = path.join(folder, 'x86.exe');
      const bytes = await readFile(exe);
      bytes.writeUInt16LE(0x14c, bytes.readUInt32LE(0x3c) + 4);
      await writeFile(x86, bytes);
      const cut = path.join(folder, 'cut.sys');
      await writeFile(cut, (await readFile(sys)).subarray(0, 100));
      const cases: [driver: Record<string, string>, application: Record<string, string>, why: RegExp][] = [
        [{ binary: exe, name: 'd' }, { binary: exe }, /subsystem is Windows console, and a driver's is native/],
        [{ binary: sys }, { binary: sys, name: 'a' }, /is a DLL|a program's is Windows/],
        [{ binary: sys }, { binary: x86 }, /it is for x86, and targets are x64/],
        [{ binary: 'driver/sys/entry.c', name: 'd' }, { binary: exe }, /does not begin with "MZ"/],
        [{ binary: cut }, { binary: exe }, /has no PE header/],
        [{ binary: 'none.sys' }, { binary: exe }, /no such file/],
        [{ binary: sys, pdb: exe }, { binary: exe }, /it is no PDB/],
      ];
      for (const [driver, application, why] of cases) {
        await use(driver, application);
        const error = await failure(make());
        assert.equal(error.id, 'build.binary');
        assert.match(error.why ?? '', why);
        assert.match(error.next ?? '', /eventscope\.project\.(driver|application)\.(binary|pdb)/);
      }
    });
  });

  it('names the package of a missing tool', async () => {
    process.env['PATH'] = folder;
    const error = await failure(make());
    assert.equal(error.id, 'toolchain.missing');
    assert.match(error.next ?? '', /apt-get install clang-19 lld-19 .*osslsigncode/);
  });

  it('says which folder of the settings has no source', async () => {
    await rm(path.join(folder, 'driver', 'app'), { recursive: true });
    const error = await failure(make());
    assert.equal(error.id, 'build.sources');
    assert.match(error.what, /driver\/app/);
  });

  it('ends the compiler when it is cancelled, and builds whole afterwards', async () => {
    const { driver } = await make();
    const before = await readFile(driver.sys);
    await write('driver/include/shared.h', '#define ANSWER 43\n');
    const pids = path.join(folder, 'pids');
    await wrapTools(() => `echo $$ >> '${pids}'; sleep 600`);
    const controller = new AbortController();
    const work = make(controller.signal);
    while ((await readFile(pids, 'utf8').catch(() => '')).split('\n').length < 3) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    controller.abort();
    await assert.rejects(work, CancelledError);
    for (const pid of (await readFile(pids, 'utf8')).trim().split('\n')) {
      assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' }, `process ${pid} has ended`);
    }
    assert.deepEqual(await readFile(driver.sys), before);
    process.env['PATH'] = realPath;
    assert.ok((await make()).rebuilt.includes('eventsys.sys'));
  });

  it('lets a second build of the workspace wait for the first', async () => {
    const [first, second] = await Promise.all([make(), make()]);
    assert.deepEqual([first.rebuilt.length > 0, second.rebuilt.length > 0].sort(), [false, true]);
  });

  it('signs with a certificate that a changed file does not satisfy', async () => {
    const result = await make();
    const changed = path.join(folder, 'changed.sys');
    const bytes = await readFile(result.driver.sys);
    bytes.writeUInt8(bytes.readUInt8(0x450) ^ 1, 0x450);
    await writeFile(changed, bytes);
    const tools = await findLinuxToolchain();
    const certificate = path.join(project.stateFolder, 'keys', 'test', 'certificate.pem');
    const error = await failure(verifySignature(tools, { certificate }, changed, new AbortController().signal));
    assert.equal(error.id, 'signing.invalid');
    const { stdout } = await run(tools.openssl, ['x509', '-in', certificate, '-noout', '-ext', 'extendedKeyUsage']);
    assert.match(stdout, /Code Signing/);
  });
});
