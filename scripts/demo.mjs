/**
 * Builds the sample, deploys it to the embedded Wine target, runs every way of sharing an event and shows what happened.
 * Sets the machine up first. The demo itself is `eventscope demo`.
 *
 *   node scripts/demo.mjs
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runScript, setup } from './setup.mjs';

const ROOT = path.dirname(import.meta.dirname);

await runScript(async (args) => {
  await setup('demo');
  const cli = path.join(ROOT, 'dist', 'cli.cjs');
  return spawnSync(process.execPath, [cli, 'demo', ...args], { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
});
