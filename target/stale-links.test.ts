import assert from 'node:assert/strict';
import { staleLinks } from './stale-links.js';
import type { QueriedObject } from './objects.js';

const link = (name: string, linkTarget: string): QueriedObject => ({
  path: `\\??\\${name}`,
  typeName: 'SymbolicLink',
  handleCount: 0,
  pointerCount: 1,
  sddl: { unavailable: 'not kept' },
  linkTarget,
});

describe('links that a dead driver left', () => {
  const devices = ['EventSys2', 'Serial0', 'ConDrv'];
  const cases: [title: string, link: QueriedObject, stale: boolean][] = [
    ['to a device that is gone', link('EventSys', '\\Device\\EventSys'), true],
    ['to a device that is there, in other case', link('COM1', '\\device\\serial0'), false],
    ['to a name that only begins like a device', link('E', '\\Device\\EventSys2x'), true],
    ['to something below a device', link('CONIN$', '\\Device\\ConDrv\\Input'), false],
    ['to something below a device that is gone', link('P', '\\Device\\Harddisk9\\DR0'), false],
    ['to another directory', link('Global', '\\GLOBAL??'), false],
    ['to nothing', link('GLOBALROOT', ''), false],
    ['that cannot be opened', { path: '\\??\\X', status: 0xc0000022 }, false],
  ];
  for (const [title, queried, stale] of cases) {
    it(`are told by their target: one ${title}`, () => {
      assert.deepEqual(staleLinks([queried], devices), stale ? [queried.path] : []);
    });
  }
});
