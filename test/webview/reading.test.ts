/** What the page tells of a recording whose every figure is known: tables, details, filters, two runs compared, what is copied. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Locator } from 'playwright-core';
import { encodeEvtrace } from '../../trace/evtrace.js';
import { TimelineBrowser, type TestPage } from './browser.js';
import { FIRST_RECORD, START_UTC_MS, knownRecording } from './known-recording.js';
import type { PageBar, PageCanvas, PageDocument, PostMessage } from './page-globals.js';

// In the page.
declare const document: PageDocument;
declare const postMessage: PostMessage;

const EVENT = 'unnamed event #0 (eventapp 0x4)';

/** In the page: whether the axis has the mark of a stop at a moment (ns), and none beside it. */
function isMarked(ns: number): boolean {
  const { keptState } = globalThis as unknown as { keptState?: { readonly from: number; readonly until: number } };
  if (keptState === undefined) return false;
  const canvas = document.getElementById('canvas') as unknown as PageCanvas;
  const gutter = Math.round(Math.min(330, canvas.width * 0.27));
  const share = (ns - keptState.from) / (keptState.until - keptState.from);
  const x = Math.round(gutter + share * (canvas.width - gutter - 12));
  // Below the head of the mark, above the lanes.
  const pixel = (at: number): string => [...canvas.getContext('2d').getImageData(at, 50, 1, 1).data].join();
  const focus = '11,98,196,255';
  return pixel(x) === focus && pixel(x - 4) !== focus && pixel(x + 4) !== focus;
}

describe('reading a timeline', function () {
  this.timeout(60_000);
  let browser: TimelineBrowser;
  let shown: TestPage;

  before(async () => {
    browser = await TimelineBrowser.launch();
    await writeFile(browser.file('known.evtrace'), encodeEvtrace(knownRecording()));
    const aMinuteLater = START_UTC_MS + 60_000;
    const slower = knownRecording({ step: 2_000, wakes: 110, title: 'slower', startUtcMs: aMinuteLater });
    await writeFile(browser.file('slower.evtrace'), encodeEvtrace(slower));
  });
  after(() => browser.close());
  beforeEach(async () => {
    shown = await browser.open();
    await shown.openFile(1, browser.file('known.evtrace'));
    await shown.drawn();
    await shown.press('Escape', '0');
  });
  afterEach(async () => {
    await shown.page.close();
    assert.deepEqual(shown.errors, []);
  });

  async function unfold(panel: string): Promise<Locator> {
    await shown.page.evaluate((id) => ((document.getElementById(id) ?? document.body).open = true), `${panel}-details`);
    const tables = shown.page.locator(`#${panel} table`);
    await tables.first().waitFor();
    return tables;
  }
  /** Cells by row, without the head; at one moment, for panels are filled anew when what is in sight moves. */
  const rowsOf = async (table: Locator): Promise<string[][]> =>
    (await table.locator('tbody').innerText()).split('\n').map((row) => row.split('\t'));

  it('counts signals, and ranks latencies: p50, p99, largest, by object and by who woke whom', async () => {
    const tables = await unfold('statistics');
    const counts = ['104', '101', '2', '1', '0', '3'];
    assert.deepEqual(await rowsOf(tables.nth(0)), [[EVENT, ...counts, '50.0 us', '99.0 us', '100 us']]);
    assert.deepEqual(await rowsOf(tables.nth(1)), [
      ['eventapp thread 9', 'eventsys thread 5', EVENT, '60', '48.0 us', '98.0 us', '98.0 us'],
      ['eventapp thread 9', 'eventapp thread 13', EVENT, '40', '50.0 us', '100 us', '100 us'],
    ]);
  });

  it('shows how latencies are spread: a bar for each power of two, as high as it holds, and the same in words', async () => {
    await unfold('statistics');
    const bars = shown.page.locator('#statistics .bars');
    const counts = [1, 1, 2, 4, 8, 16, 33, 35];
    const shownBars = await bars
      .locator('i')
      .evaluateAll((all) =>
        (all as unknown as readonly PageBar[]).map(({ title, offsetHeight }) => [title, offsetHeight]),
      );
    assert.deepEqual(
      shownBars.map(([title]) => Number(/: (\d+)$/.exec(String(title))?.[1])),
      counts,
    );
    assert.equal(shownBars[0]?.[0], '512 ns to 1.02 us: 1');
    assert.equal(shownBars.at(-1)?.[0], '65.5 us to 131 us: 35');
    assert.deepEqual(
      shownBars.map(([, height]) => height),
      counts.map((count) => Math.ceil((count / 35) * 60)),
    );
    assert.match(
      (await bars.getAttribute('aria-label')) ?? '',
      /^Latencies: 1 from 512 ns to .*, 35 from 65.5 us to 131 us$/,
    );
  });

  it('copies a table as it stands, between tabs', async () => {
    const tables = await unfold('statistics');
    const heads = await tables.nth(1).locator('th').allInnerTexts();
    const rows = await rowsOf(tables.nth(1));
    await shown.page.locator('#statistics').getByRole('button', { name: 'Copy' }).nth(1).click();
    const copied = (await shown.sent()).filter(({ type }) => type === 'copy');
    assert.deepEqual(copied, [{ type: 'copy', text: [heads, ...rows].map((row) => row.join('\t')).join('\n') }]);
  });

  it('finds exactly the waits that are asked for, in order, and tells the parts of their latency', async () => {
    await shown.page.fill('#filter', 'latency>97us');
    for (const latency of [98, 99, 100]) {
      await shown.press('n');
      const detail = await shown.detail();
      const by = (latency - 1) % 5 < 3 ? 'eventsys thread 5' : 'eventapp thread 13';
      const parts = `\\(500 ns in the signaling call, then ${latency - 0.5} us ready and returning\\)`;
      assert.match(detail, new RegExp(`eventapp thread 9 waited for ${EVENT.replace(/[()]/g, '\\$&')}: satisfied`));
      assert.match(detail, new RegExp(`${by} released the wait .* after ${latency}(\\.0)? us ${parts}`));
    }
    await shown.page.fill('#filter', 'status:timed');
    const timeouts = new Set<string>();
    for (let key = 0; key < 5; key += 1) {
      await shown.press('n');
      timeouts.add(await shown.detail());
    }
    assert.equal(timeouts.size, 3);
    for (const detail of timeouts) assert.match(detail, /20 000 ns.*timed out$/);
    await shown.page.fill('#filter', 'wait>soon');
    assert.equal(await shown.page.getAttribute('#filter', 'aria-invalid'), 'true');
    assert.equal(await shown.page.getAttribute('#filter', 'title'), 'Not understood: wait>soon');
  });

  it('tells two runs apart by counts and latencies, and puts them side by side when they are to be compared', async () => {
    await shown.openFile(2, browser.file('slower.evtrace'));
    await shown.page.waitForFunction(() => document.getElementById('summary')?.textContent.startsWith('2 runs'));
    const tables = await unfold('compare');
    // 110 wakes of 2 us to 220 us instead of 100 of 1 us to 100 us.
    const same = ['2', '1', '3'];
    const counts = ['104 → 114 (+10)', '101 → 111 (+10)', ...same];
    assert.deepEqual(await rowsOf(tables), [
      [EVENT, ...counts, '50.0 us → 110 us (120 %)', '99.0 us → 218 us (120 %)'],
    ]);
    assert.equal(await tables.locator('td.changed').count(), 4);
    const summary = shown.page.locator('#summary');
    assert.match(await summary.innerText(), / in 60\.\d s$/);
    await shown.post({ type: 'compare', before: 0, after: 1 });
    // The longer of the two.
    await summary.filter({ hasText: / in 2\d\.\d ms$/ }).waitFor();
  });

  it('marks where the debugger holds the target now, and says so', async () => {
    const { sources, chunks, metadata } = knownRecording();
    const live = await browser.open();
    const stopped = 5e6 - FIRST_RECORD;
    try {
      await live.post({ type: 'beginLive', id: 2, title: 'live', target: 'test', startUtcMs: metadata.startUtcMs });
      for (const source of sources) await live.post({ type: 'liveSource', id: 2, source });
      const marked = (): Promise<boolean> => live.page.evaluate(isMarked, stopped);
      for (const { firstSlot, lost, bytes, ...chunk } of chunks) {
        await live.page.evaluate((message) => postMessage({ ...message, bytes: Uint8Array.from(message.bytes) }, '*'), {
          ...chunk,
          type: 'append',
          id: 2,
          firstSlot: String(firstSlot),
          lost: String(lost),
          bytes: [...bytes],
        });
      }
      await live.page
        .locator('#summary')
        .filter({ hasText: / transitions.*, live$/ })
        .waitFor();
      assert.equal(await marked(), false);
      const stop = { fromUtcMs: metadata.startUtcMs + 5, untilUtcMs: null, reason: 'breakpoint' };
      await live.post({ type: 'stops', id: 2, stops: [stop] });
      await live.page
        .locator('#summary')
        .filter({ hasText: /, live, stopped now: breakpoint$/ })
        .waitFor();
      await live.page.waitForFunction(isMarked, stopped);
    } finally {
      await live.page.close();
    }
  });
});
