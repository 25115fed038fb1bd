import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { toHostPath, toWindowsPath } from './paths.js';

describe('paths of a prefix', () => {
  it('name the host’s files on drive Z', () => {
    assert.equal(toWindowsPath('/home/me/work space/a.cjs'), 'Z:\\home\\me\\work space\\a.cjs');
  });

  for (const bad of ['/a:b/c', '/a/b*', '/a./c', '/a /c', '/a\\b']) {
    it(`refuse ${bad}, which Windows cannot name`, () => assert.throws(() => toWindowsPath(bad), { id: 'wine.path' }));
  }

  describe('on drive C', () => {
    let prefix: string;
    beforeEach(async () => {
      prefix = await mkdtemp(path.join(tmpdir(), 'eventscope-prefix-'));
      await mkdir(path.join(prefix, 'drive_c', 'Program Files'), { recursive: true });
      await writeFile(path.join(prefix, 'drive_c', 'Program Files', 'A.sys'), '');
    });
    afterEach(() => rm(prefix, { recursive: true }));

    it('are found whatever their case, and kept where they are not there yet', async () => {
      const inside = (...parts: string[]) => path.join(prefix, 'drive_c', ...parts);
      assert.equal(await toHostPath(prefix, 'c:\\program files\\a.SYS'), inside('Program Files', 'A.sys'));
      assert.equal(await toHostPath(prefix, 'C:/Program Files/new/B.sys'), inside('Program Files', 'new', 'B.sys'));
    });

    for (const bad of [
      'D:\\x',
      '\\\\server\\x',
      'C:x',
      'C:\\..\\x',
      'C:\\a\\..\\..\\x',
      'C:\\a:b',
      'relative',
      'C:\\a\0b',
    ]) {
      it(`refuse ${JSON.stringify(bad)}`, () => assert.rejects(toHostPath(prefix, bad), { id: 'target.path' }));
    }
  });
});
