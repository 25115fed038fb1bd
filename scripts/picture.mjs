/**
 * Draws the README's pictures from out/demo.html (`npm run demo` makes it) with headless Chromium.
 *
 *   node scripts/picture.mjs
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { runScript, say, SetupError } from './setup.mjs';

const ROOT = path.dirname(import.meta.dirname);
const PAGE = path.join(ROOT, 'out', 'demo.html');
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
const SIZE = { width: 1280, height: 760 };

await runScript(async () => {
  if (!existsSync(PAGE)) throw new SetupError('out/demo.html is not there: run `npm run demo` first');
  if (!existsSync(CHROMIUM)) throw new SetupError('Chromium is not there: install the Debian package chromium');
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGUMENTS });
  try {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ viewport: SIZE, colorScheme });
      const problems = [];
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(pathToFileURL(PAGE).href);
      await page.waitForLoadState('load');
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
