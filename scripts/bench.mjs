/**
 * Measures, and prints the figures beside their aims and peers.
 *
 *   node scripts/bench.mjs [--json] [NAME...]
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runScript, setup } from './setup.mjs';

const ROOT = path.dirname(import.meta.dirname);

await runScript(async (args) => {
  await setup('bench');
  const main = path.join(ROOT, 'test', 'bench', 'main.ts');
  return spawnSync(process.execPath, ['--import', 'tsx', main, ...args], { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
});
