/**
 * Draws the README's pictures: runs the sample, draws its timeline with headless Chromium, as it opens.
 *
 *   node scripts/picture.mjs
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runScript, say, setup, SetupError } from './setup.mjs';

const ROOT = path.dirname(import.meta.dirname);
const TRACE = path.join(ROOT, 'out', 'picture.evtrace');
const PAGE = path.join(ROOT, 'out', 'picture.html');
const COMMAND = ['signals', '--type', 'synchronization', '--from', 'dpc', '--count', '6', '--period', '30'];
const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SIZE = { width: 1280, height: 600 };

function eventscope(...args) {
  const cli = path.join(ROOT, 'dist', 'cli.cjs');
  const { status } = spawnSync(process.execPath, [cli, ...args], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new SetupError(`eventscope ${args.join(' ')} ended with ${status}`);
}

await runScript(async () => {
  await setup('test');
  if (!existsSync(CHROMIUM)) throw new SetupError('Chromium is not there: install the Debian package chromium');
  mkdirSync(path.dirname(PAGE), { recursive: true });
  eventscope('run', '--out', TRACE, ...COMMAND);
  eventscope('trace', 'show', TRACE, '--html', PAGE);
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGUMENTS });
  try {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ viewport: SIZE, colorScheme });
      const problems = [];
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(pathToFileURL(PAGE).href);
      // It opens with the first wake across the sides selected: the picture shows that.
      await page.waitForFunction(() => document.body.dataset.drawn === 'yes');
      const file = path.join(ROOT, 'docs', `timeline-${colorScheme}.png`);
      await page.screenshot({ path: file, animations: 'disabled' });
      if (problems.length > 0) throw new Error(`The page failed: ${problems.join('; ')}`);
      say(path.relative(ROOT, file));
      await page.close();
    }
    return 0;
  } finally {
    await browser.close();
  }
});
