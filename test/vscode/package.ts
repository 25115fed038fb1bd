/** The .vsix that the tests install: made when the files that go into it have changed. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundle } from '../../scripts/bundle.mjs';
import { makePackage, PACKAGED_BUNDLES } from '../../scripts/package.mjs';

const ROOT = path.resolve(import.meta.dirname, '..', '..');

interface Package {
  readonly file: string;
  /** "publisher.name". */
  readonly id: string;
}

let made: Promise<Package> | undefined;

export function currentPackage(): Promise<Package> {
  made ??= make();
  return made;
}

async function make(): Promise<Package> {
  await bundle(PACKAGED_BUNDLES);
  const { name, publisher, version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  const file = path.join(ROOT, 'dist', `${name}-${version}.vsix`);
  const stamp = path.join(ROOT, 'dist', '.package');
  const now = await fingerprint();
  const before = await readFile(stamp, 'utf8').catch(() => '');
  if (before !== now || !existsSync(file)) {
    makePackage();
    await writeFile(stamp, now);
  }
  return { file, id: `${publisher}.${name}` };
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const folders = ['extension/media', 'driver/include', 'driver/sys', 'driver/app'];
  const files = ['package.json', 'package.nls.json', '.vscodeignore', 'README.md', 'agent/runtime/package-lock.json'];
  for (const name of await readdir(path.join(ROOT, 'dist'))) {
    if (/\.(cjs|js|css|wasm)$/.test(name)) files.push(`dist/${name}`);
  }
  for (const folder of folders) {
    for (const name of await readdir(path.join(ROOT, folder))) files.push(`${folder}/${name}`);
  }
  for (const file of files.sort()) hash.update(file).update(await readFile(path.join(ROOT, file)));
  return hash.digest('hex');
}
