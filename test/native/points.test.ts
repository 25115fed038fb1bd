/** The catalogue of points against Wine's own export lists: what it says is there is there, what it says is not is not. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { POINTS } from '../../machine/points.js';

const run = promisify(execFile);

/** Where distributions and WineHQ's own packages put Wine's x64 PE files. */
const WINE_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows',
  '/usr/lib/wine/x86_64-windows',
  '/usr/lib64/wine/x86_64-windows',
  '/opt/wine-stable/lib64/wine/x86_64-windows',
  '/opt/wine-stable/lib/wine/x86_64-windows',
];

async function wineFolder(): Promise<string> {
  for (const folder of WINE_FOLDERS) {
    const found = await access(path.join(folder, 'ntoskrnl.exe')).then(
      () => true,
      () => false,
    );
    if (found) return folder;
  }
  return assert.fail(`no PE files of Wine in ${WINE_FOLDERS.join(', ')}`);
}

async function exportsOf(file: string): Promise<ReadonlySet<string>> {
  const { stdout } = await run('llvm-readobj-19', ['--coff-exports', file], { maxBuffer: 64 * 1024 * 1024 });
  return new Set([...stdout.matchAll(/^\s*Name: (\S+)$/gm)].map(([, name]) => name ?? ''));
}

describe('catalogue of points and the exports of Wine', () => {
  it('has each function where the catalogue says, and lacks what it says is absent', async () => {
    const folder = await wineFolder();
    const modules = [...new Set(POINTS.map(({ modules: [home] }) => home ?? ''))];
    const exported = new Map(
      await Promise.all(modules.map(async (name) => [name, await exportsOf(path.join(folder, name))] as const)),
    );
    for (const { name, modules: homes, wine } of POINTS) {
      const home = homes[0] ?? '';
      assert.equal(exported.get(home)?.has(name), wine !== 'absent', `${home} exports ${name}`);
    }
  });
});
