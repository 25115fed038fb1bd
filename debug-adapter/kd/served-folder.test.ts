import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FileIoAnswer } from './protocol/file-io.js';
import { ServedFolder } from './served-folder.js';

const SUCCESS = 0;
const STATUS_NO_SUCH_FILE = 0xc000000f;
const STATUS_ACCESS_DENIED = 0xc0000022;
const STATUS_INVALID_HANDLE = 0xc0000008;
const STATUS_END_OF_FILE = 0xc0000011;
const OPEN_EXISTING = 1;
const CREATE_NEW = 2;
const MOST_OPEN = 16;

describe('the one folder that a target may read files of', () => {
  let outer: string;
  let folder: ServedFolder;

  beforeEach(async () => {
    outer = await mkdtemp(path.join(tmpdir(), 'eventscope-served-'));
    const inner = path.join(outer, 'served');
    await mkdir(path.join(inner, 'deeper'), { recursive: true });
    await writeFile(path.join(inner, 'EventSys.sys'), 'MZ-driver');
    await writeFile(path.join(outer, 'secret'), 'no');
    await symlink(path.join(outer, 'secret'), path.join(inner, 'link.sys'));
    folder = new ServedFolder(inner);
  });
  afterEach(async () => {
    await folder.close();
    await rm(outer, { recursive: true });
  });

  const create = async (name: string, disposition = OPEN_EXISTING): Promise<FileIoAnswer> =>
    folder.answer({ kind: 'create', name, desiredAccess: 0x12_0089, disposition });

  it('gives a file by its name, whatever folder the target looks for it in, and its bytes', async () => {
    const { status, handle = 0n, fileLength } = await create('\\SystemRoot\\system32\\drivers\\eventsys.SYS');
    assert.deepEqual([status, fileLength], [SUCCESS, 9n]);
    const read = (offset: bigint): Promise<FileIoAnswer> =>
      folder.answer({ kind: 'read', handle, offset, length: 100 });
    assert.equal(Buffer.from((await read(3n)).data ?? []).toString(), 'driver');
    assert.equal((await read(9n)).status, STATUS_END_OF_FILE);
    assert.equal((await folder.answer({ kind: 'close', handle })).status, SUCCESS);
    assert.equal((await read(0n)).status, STATUS_INVALID_HANDLE);
  });

  it('leads nowhere else: not up, not down, not along a link', async () => {
    const statuses = new Map<string, number>();
    for (const name of [
      '..\\secret',
      '../secret',
      path.join(outer, 'secret'),
      '..',
      '',
      'nothing.sys',
      'deeper',
      'link.sys',
    ]) {
      statuses.set(name, (await create(name)).status);
    }
    for (const [name, status] of statuses) {
      const isThere = name === 'deeper' || name === 'link.sys';
      assert.equal(status, isThere ? STATUS_ACCESS_DENIED : STATUS_NO_SUCH_FILE, name);
    }
  });

  it('makes and writes nothing, and keeps no more open than a target needs', async () => {
    assert.equal((await create('new.sys', CREATE_NEW)).status, STATUS_ACCESS_DENIED);
    const { handle = 0n } = await create('eventsys.sys');
    const write = await folder.answer({ kind: 'write', handle, offset: 0n, data: Uint8Array.of(0) });
    assert.equal(write.status, STATUS_ACCESS_DENIED);
    for (let open = 1; open < MOST_OPEN; open++) assert.equal((await create('eventsys.sys')).status, SUCCESS);
    assert.equal((await create('eventsys.sys')).status, STATUS_ACCESS_DENIED);
  });
});
