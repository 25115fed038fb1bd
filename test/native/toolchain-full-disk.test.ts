/**
 * Building on a disk that is really full: a small tmpfs where this user may mount one (root in a container with the right),
 * and everywhere the process's own limit of file sizes, which the system enforces in the same calls.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { build, type BuildResult } from '../../target/build.js';
import { loadProject } from '../../target/project.js';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';
import { verifySignature } from '../../target/toolchain/signing.js';
import { mayMount, mountSmallDisk, withFileSizeLimit } from './small-disk.js';

const MAY_MOUNT = await mayMount();

const FILES: Readonly<Record<string, string>> = {
  'driver/sys/entry.c': `#include <wdm.h>
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)driver;
    (void)path;
    return STATUS_SUCCESS;
}
`,
  'driver/app/main.c': '#include <stdio.h>\nint main(void) { printf("%d\\n", 1); return 0; }\n',
  'driver/include/empty.h': '\n',
};

describe('toolchain on a full disk', function () {
  this.timeout(120_000);
  let folder: string;
  const operation = { signal: new AbortController().signal, progress: () => undefined };
  const make = async (): Promise<BuildResult> => build(await loadProject(folder), operation);

  async function writeSources(): Promise<void> {
    for (const [name, text] of Object.entries(FILES)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
  }
  const outputs = ({ driver, application }: BuildResult): Promise<Buffer[]> =>
    Promise.all([driver.sys, driver.pdb, application.exe, application.pdb].map((file) => readFile(file ?? '')));

  async function assertFull(work: Promise<unknown>): Promise<void> {
    const error: unknown = await work.then(
      () => assert.fail('it did not fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof EventscopeError, String(error));
    assert.equal(error.id, 'host.diskFull', error.message);
    assert.match(error.what, /^The disk is full: could not build in .*\.eventscope\/build\/default$/);
    assert.match(error.next ?? '', /the binaries of the last good build are unchanged/);
    const left = await readdir(path.join(folder, '.eventscope', 'build', 'default')).catch(() => []);
    assert.deepEqual(
      left.filter((name) => name === 'staging' || name.startsWith('.room') || name.endsWith('.new')),
      [],
    );
  }

  it('says so when a file may not become that large, and keeps the binaries', async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-limit-'));
    try {
      await writeSources();
      const before = await outputs(await make());
      await writeFile(path.join(folder, 'driver/sys/entry.c'), `${FILES['driver/sys/entry.c'] ?? ''}int Other;\n`);
      // Enough for a lock file and a small object, not for a PDB.
      for (const limitBytes of [1_024, 8_192, 40_960]) {
        await withFileSizeLimit(limitBytes, () => assertFull(make()));
      }
      const paths = ['eventsys.sys', 'eventsys.pdb', 'eventapp.exe', 'eventapp.pdb'];
      const after = await Promise.all(
        paths.map((name) => readFile(path.join(folder, '.eventscope', 'build', 'default', name))),
      );
      assert.deepEqual(after, before);
      assert.ok((await make()).rebuilt.includes('eventsys.sys'), 'the next build, with room, is whole');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // Without the right to mount the limit above is all that can be shown.
  const onSmallDisk = MAY_MOUNT ? it : () => undefined;
  onSmallDisk('says so at whichever step the space ends, keeps the binaries, and then builds whole', async () => {
    const disk = await mountSmallDisk(24);
    assert.ok(disk !== undefined);
    folder = disk.folder;
    try {
      await writeSources();
      let before = await outputs(await make());
      let full = 0;
      for (const roomKib of [0, 4, 12, 48, 160, 400]) {
        await writeFile(
          path.join(folder, 'driver/sys/entry.c'),
          `${FILES['driver/sys/entry.c'] ?? ''}int Room${roomKib};\n`,
        );
        await fill(folder, roomKib);
        const result = await make().catch((error: unknown) => error);
        if (result instanceof Error) {
          full++;
          await assertFull(Promise.reject(result));
          const paths = ['eventsys.sys', 'eventsys.pdb', 'eventapp.exe', 'eventapp.pdb'];
          const now = paths.map((name) => readFile(path.join(folder, '.eventscope', 'build', 'default', name)));
          assert.deepEqual(await Promise.all(now), before);
        }
        await rm(path.join(folder, 'filler'));
        before = await outputs(await make());
      }
      assert.ok(full >= 3, `${full} builds found the disk full`);
      // And the first build of a workspace, which makes the certificate.
      for (const roomKib of [0, 8, 64]) {
        await rm(path.join(folder, '.eventscope'), { recursive: true });
        await fill(folder, roomKib);
        await assertFull(make());
        await rm(path.join(folder, 'filler'));
        const { driver } = await make();
        const certificate = path.join(folder, '.eventscope', 'keys', 'test', 'certificate.pem');
        await verifySignature(await findLinuxToolchain(), { certificate }, driver.sys, operation.signal);
      }
    } finally {
      await disk.unmount();
    }
  });
});

/** Leaves this much room. */
async function fill(folder: string, roomKib: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  await writeFile(path.join(folder, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - roomKib * 1024)));
}
