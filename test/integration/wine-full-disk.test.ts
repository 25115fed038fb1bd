/** The embedded target on a disk that is really full. It needs a small disk of its own: the right to mount a tmpfs. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { loadProject, type Project } from '../../target/project.js';
import { openTarget } from '../../target/targets.js';
import { WineTarget } from '../../target/wine/wine-target.js';
import { mayMount, mountSmallDisk, type SmallDisk } from '../native/small-disk.js';
import { TestOperation } from './fixture.js';

const MAY_MOUNT = await mayMount();
/** More than half a prefix. */
const TOO_SMALL_MIB = 300;
const PREFIX_MIB = 1_200;

(MAY_MOUNT ? describe : () => undefined)('Wine target on a full disk', function () {
  this.timeout(180_000);
  let disk: SmallDisk;
  let project: Project;
  let target: WineTarget;

  async function useDisk(mebibytes: number): Promise<void> {
    const mounted = await mountSmallDisk(mebibytes);
    assert.ok(mounted !== undefined);
    disk = mounted;
    await mkdir(path.join(disk.folder, 'driver', 'sys'), { recursive: true });
    project = await loadProject(disk.folder);
    const opened = await openTarget(project);
    assert.ok(opened instanceof WineTarget);
    target = opened;
  }
  afterEach(async () => {
    await target.reset(new TestOperation());
    await disk.unmount();
  });

  async function fullDisk(work: Promise<unknown>, id = 'host.diskFull'): Promise<EventscopeError> {
    const error: unknown = await work.then(
      () => assert.fail('it did not fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof EventscopeError, String(error));
    assert.equal(error.id, id, error.message);
    assert.match(error.what, /^The disk is full: /);
    assert.ok(error.what.includes(disk.folder), error.what);
    return error;
  }

  it('a prefix that cannot be made whole is not left, nor a process of it', async () => {
    await useDisk(TOO_SMALL_MIB);
    await fullDisk(target.start(new TestOperation()));
    assert.equal((await target.health()).state, 'missing');
    assert.deepEqual(
      (await readdir(path.join(disk.folder, '.eventscope', 'wine'))).filter((name) => /^prefix/.test(name)),
      [],
    );
    for (const process of await readdir('/proc')) {
      const folder = await readFile(`/proc/${process}/environ`, 'latin1').catch(() => '');
      assert.ok(!folder.includes(`WINEPREFIX=${disk.folder}`), `process ${process} is left`);
    }
  });

  it('an upload keeps the file that was there, the log’s end is told, and a start that cannot log says why', async () => {
    await useDisk(PREFIX_MIB);
    await target.start(new TestOperation());
    const client = await target.connect(new TestOperation());
    const file = path.join(disk.folder, 'file');
    await writeFile(file, 'old');
    await target.upload(file, 'C:\\eventscope\\tmp\\f', new TestOperation());
    await writeFile(file, Buffer.alloc(200_000, 1));
    const filler = path.join(disk.folder, 'filler');
    const { bavail, bsize } = await statfs(disk.folder);
    await writeFile(filler, Buffer.alloc(bavail * bsize));
    const error = await fullDisk(target.upload(file, 'C:\\eventscope\\tmp\\f', new TestOperation()), 'target.diskFull');
    assert.match(error.next ?? '', /the file that was there is unchanged/);
    await fullDisk(target.dbgPrint(client, new TestOperation()));
    await fullDisk(target.connect(new TestOperation()));
    await rm(filler);
    const back = path.join(disk.folder, 'back');
    await target.download('C:\\eventscope\\tmp\\f', back, new TestOperation());
    assert.equal(await readFile(back, 'utf8'), 'old');
    const folder = path.join(target.prefix.folder, 'drive_c', 'eventscope', 'tmp');
    assert.deepEqual(await readdir(folder), ['f']);
    await (await target.connect(new TestOperation())).close();
    await client.close();
  });
});
