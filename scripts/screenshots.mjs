/**
 * Makes every picture under docs/ anew: the timeline, and the extension in VS Code. Look at them before they are committed.
 *
 *   node scripts/screenshots.mjs [timeline] [vscode] [vscode-timeline] [vscode-debug]
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runScript, setup, SetupError } from './setup.mjs';

const ROOT = path.dirname(import.meta.dirname);
const MAKERS = {
  timeline: ['scripts/picture.mjs'],
  vscode: ['--import', 'tsx', 'test/vscode/pictures.ts'],
  'vscode-timeline': ['--import', 'tsx', 'test/vscode/timeline-pictures.ts'],
  'vscode-debug': ['--import', 'tsx', 'test/vscode/debug-pictures.ts'],
};

await runScript(async (given) => {
  const names = given.length > 0 ? given : Object.keys(MAKERS);
  await setup('test');
  for (const name of names) {
    const args = MAKERS[name];
    if (args === undefined) throw new SetupError(`Pictures of what? Some of: ${Object.keys(MAKERS).join(', ')}`);
    const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
    if (status !== 0) throw new SetupError(`The pictures of ${name} could not be made`);
  }
  return 0;
});
