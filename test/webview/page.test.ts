/** The page around the drawing: what it loads, what it looks like alone and in a narrow window, how lanes are arranged on it. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodeEvtrace } from '../../trace/evtrace.js';
import { buildModel } from '../../trace/model/model.js';
import { renderStandalone } from '../../webview/standalone.js';
import { TimelineBrowser, type TestPage } from './browser.js';
import type { ComputedStyle, PageDocument } from './page-globals.js';

// In the page.
declare const document: PageDocument;
declare const getComputedStyle: ComputedStyle;

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const TRACE = path.join(ROOT, 'test', 'corpus', 'signals-synchronization.evtrace');

interface KeptState {
  readonly folded: readonly string[];
  readonly pinned: readonly string[];
  readonly order: readonly string[];
  readonly names: readonly (readonly [string, string])[];
}

describe('page of the timeline in Chromium', function () {
  this.timeout(60_000);
  let browser: TimelineBrowser;

  before(async () => {
    browser = await TimelineBrowser.launch();
  });
  after(() => browser.close());

  async function show(options: Parameters<TimelineBrowser['open']>[0] = {}): Promise<TestPage> {
    const shown = await browser.open(options);
    await shown.openFile(1, TRACE);
    await shown.drawn();
    return shown;
  }

  it('loads nothing: what is put into it by force is refused by its policy, and told', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.end();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const elsewhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const shown = await show();
    try {
      assert.deepEqual(
        await shown.page.evaluate(() => (globalThis as unknown as { refused: readonly string[] }).refused),
        [],
      );
      await shown.page.evaluate((address) => {
        for (const name of ['img', 'script', 'iframe']) {
          const element = document.createElement(name) as unknown as { src: string };
          element.src = `${address}/${name}`;
          document.body.append(element as never);
        }
        void fetch(`${address}/fetch`).catch(() => undefined);
        void import(`${address}/import.js`).catch(() => undefined);
      }, elsewhere);
      await shown.page.waitForFunction(
        (directives) => {
          const { refused } = globalThis as unknown as { readonly refused: readonly string[] };
          return directives.every((directive) => refused.includes(directive));
        },
        ['img-src', 'script-src-elem', 'frame-src', 'connect-src'],
      );
      assert.equal(asked, 0);
      assert.ok(shown.errors.length >= 4);
    } finally {
      await shown.page.close();
      server.close();
    }
  });

  it('alone with a recording inside it is this same view, also in a narrow window: nothing is cut off', async () => {
    const { recording } = decodeEvtrace(await readFile(TRACE));
    const html = browser.file('alone.html');
    const bundle = await readFile(path.join(ROOT, 'dist', 'webview.js'), 'utf8');
    await writeFile(html, renderStandalone(buildModel(recording), bundle));
    const page = await browser.playwright.newPage({ viewport: { width: 600, height: 700 }, colorScheme: 'dark' });
    const wrong: string[] = [];
    page.on('pageerror', ({ message }) => wrong.push(message));
    page.on('console', (message) => wrong.push(message.text()));
    page.on('request', (request) => {
      if (!/^(file|blob):/.test(request.url())) wrong.push(request.url());
    });
    try {
      await page.goto(pathToFileURL(html).href);
      await page.locator('body[data-drawn=yes]').waitFor();
      await page
        .locator('#summary')
        .filter({ hasText: /12 objects, 4 threads, 73 transitions, 12 wakes/ })
        .waitFor();
      assert.match(await page.locator('#detail').innerText(), /eventsys DPC released the wait of eventapp main/);
      for (const panel of ['statistics', 'table']) await page.locator(`#${panel}-details summary`).click();
      await page.locator('#table td').first().waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 600);
      const bar = await page.locator('.bar').boundingBox();
      for (const element of await page.locator('.bar > *:visible').all()) {
        const box = await element.boundingBox();
        assert.ok(bar !== null && box !== null && box.x + box.width <= bar.x + bar.width);
      }
      const lanes = await page.locator('#stage').boundingBox();
      assert.ok((lanes?.height ?? 0) >= 160, `${lanes?.height} for the lanes`);
      const download = page.waitForEvent('download');
      await page.selectOption('#export', 'csv');
      assert.match((await download).suggestedFilename(), /\.csv$/);
      assert.deepEqual(wrong, []);
    } finally {
      await page.close();
    }
  });

  for (const [by, options] of [
    ['the system', { reducedMotion: 'reduce' }],
    ['VS Code', { bodyClass: 'vscode-dark vscode-reduce-motion' }],
  ] as const) {
    it(`moves nothing by itself where ${by} asks for reduced motion`, async () => {
      const shown = await show(options);
      try {
        // What anybody adds to the page later is still as well.
        await shown.page.evaluate(() => {
          const style = { transition: 'all 3s', animation: '3s linear infinite x', scrollBehavior: 'smooth' };
          for (const element of document.querySelectorAll('*')) Object.assign(element.style, style);
        });
        await shown.press('0', 'w', 'ArrowDown', 'c');
        const moving = await shown.page.evaluate(
          () =>
            [...document.querySelectorAll('body, body *')].filter((element) => {
              const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
              return transitionDuration !== '0s' || animationName !== 'none' || scrollBehavior !== 'auto';
            }).length + document.getAnimations().length,
        );
        assert.equal(moving, 0);
        assert.deepEqual(shown.errors, []);
      } finally {
        await shown.page.close();
      }
    });
  }

  it('has its lanes folded, moved, pinned and named, by keys and by the pointer', async () => {
    const shown = await show();
    const { page } = shown;
    const state = async (holds: (kept: KeptState) => boolean): Promise<KeptState> => {
      for (;;) {
        const kept = await page.evaluate(() => (globalThis as unknown as { keptState?: KeptState }).keptState);
        if (kept !== undefined && holds(kept)) return kept;
        await page.waitForFunction(
          (before) => JSON.stringify((globalThis as unknown as { keptState?: object }).keptState) !== before,
          JSON.stringify(kept),
        );
      }
    };
    const is =
      (...expected: readonly string[]) =>
      (kept: readonly string[]): boolean =>
        kept.join() === expected.join();
    try {
      await shown.press('g');
      const {
        folded: [, user = ''],
      } = await state(({ folded }) => folded.length === 2);
      assert.match(user, /user/);
      await shown.press('g');
      await state(({ folded }) => is('quiet')(folded));
      await shown.press('Shift+G');
      await state(({ folded }) => folded.length === 0);
      await shown.press('t');
      await state(({ folded }) => is('quiet')(folded));
      // Lanes of the first two objects, 40 high, below mini-map, axis and the group's heading.
      const box = await page.locator('#canvas').boundingBox();
      assert.ok(box !== null);
      const [first, second] = [
        { x: box.x + 60, y: box.y + 102 },
        { x: box.x + 60, y: box.y + 142 },
      ];
      await page.mouse.move(second.x, second.y);
      await page.mouse.down();
      await page.mouse.move(first.x, first.y);
      await page.mouse.up();
      const { order } = await state((kept) => kept.order.length > 1);
      await shown.press('Escape', 'ArrowDown', 'Alt+ArrowDown');
      await state((kept) => kept.order[0] === order[1] && kept.order[1] === order[0]);
      await page.mouse.dblclick(first.x, first.y);
      const { pinned } = await state((kept) => kept.pinned.length === 1);
      assert.deepEqual(pinned, [order[1]]);
      await shown.press('p');
      await state((kept) => kept.pinned.length === 2);
      await shown.press('F2');
      await page.getByRole('textbox', { name: 'Name of the lane' }).fill('Work is there');
      await page.keyboard.press('Enter');
      assert.deepEqual((await state((kept) => kept.names.length === 1)).names, [[order[0], 'Work is there']]);
      await shown.press('F2');
      await page.getByRole('textbox', { name: 'Name of the lane' }).fill('Something else');
      await page.keyboard.press('Escape');
      await page.mouse.click(box.x + 60, box.y + 70);
      const { names } = await state(({ folded }) => folded.includes('pinned'));
      assert.deepEqual(names, [[order[0], 'Work is there']]);
      assert.deepEqual(shown.errors, []);
    } finally {
      await page.close();
    }
  });
});
