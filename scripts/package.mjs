/**
 * Makes the .vsix in dist/: bundles, the agent with koffi for Windows, the sample's sources. Node for Windows is not in it.
 *
 *   node scripts/package.mjs
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runScript, say, setup, SetupError } from './setup.mjs';

const ROOT = path.dirname(import.meta.dirname);
const LIMIT_BYTES = 12 * 1024 * 1024;

/** Bundles that go into it. */
export const PACKAGED_BUNDLES = ['agent', 'extension', 'symbol-worker', 'webview'];

/** @returns path of the package */
export function makePackage() {
  const { name, version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const dist = path.join(ROOT, 'dist');
  const file = path.join(dist, `${name}-${version}.vsix`);
  // Beside its place first: another process may be installing the one that is there.
  const beside = path.join(dist, `.${process.pid}.vsix`);
  const vsce = path.join(ROOT, 'node_modules', '@vscode', 'vsce', 'vsce');
  // What runs is bundled; koffi and the sample are listed in .vscodeignore.
  const args = [
    'package',
    '--no-dependencies',
    '--no-rewrite-relative-links',
    '--allow-missing-repository',
    '-o',
    beside,
  ];
  const result = spawnSync(process.execPath, [vsce, ...args], { cwd: ROOT, encoding: 'utf8' });
  if (result.status !== 0) throw new SetupError(`vsce failed:\n${result.stdout}${result.stderr}`);
  const { size } = statSync(beside);
  if (size > LIMIT_BYTES) {
    rmSync(beside);
    throw new SetupError(`The package has ${size} bytes, more than ${LIMIT_BYTES}`);
  }
  renameSync(beside, file);
  return file;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript(async () => {
    await setup('demo');
    const file = makePackage();
    say(`${path.relative(ROOT, file)}: ${(statSync(file).size / 1024 / 1024).toFixed(1)} MB`);
    return 0;
  });
}
