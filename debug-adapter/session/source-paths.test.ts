import assert from 'node:assert/strict';
import { SourcePaths } from './source-paths.js';

describe('files of this machine by the names in PDBs', () => {
  const paths = (files: readonly string[], sourceMap: Record<string, string> = {}): SourcePaths =>
    new SourcePaths({ projectFolder: '/home/me/project', sourceMap, exists: (file) => files.includes(file) });

  it("finds a relative name in the project, and Wine's Z: in the root", () => {
    const found = paths(['/home/me/project/sys/a.c', '/src/b.c']);
    assert.equal(found.toHost('sys\\a.c'), '/home/me/project/sys/a.c');
    assert.equal(found.toHost('Z:\\src\\b.c'), '/src/b.c');
    assert.equal(found.toHost('C:\\gone\\c.c'), undefined);
  });

  it('takes the longest mapping first, whatever the case and the slashes', () => {
    const map = { 'C:\\Build': '/one', 'c:/build/driver/': '/two' };
    const found = paths(['/one/x.c', '/two/sys/a.c'], map);
    assert.equal(found.toHost('c:\\BUILD\\driver\\sys\\a.c'), '/two/sys/a.c');
    assert.equal(found.toHost('C:/Build/x.c'), '/one/x.c');
    assert.equal(found.candidates('C:\\Buildings\\x.c').includes('/one/ings/x.c'), false);
  });

  it("knows the client's file by the end of its path when it is nowhere else", () => {
    const found = paths([]);
    assert.ok(found.isSame('..\\sys\\a.c', '/elsewhere/sys/a.c'));
    assert.ok(!found.isSame('..\\sys\\a.c', '/elsewhere/app/a.c'));
  });
});
