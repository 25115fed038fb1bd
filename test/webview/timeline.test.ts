import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeColumns } from '../../trace/columns/encode.js';
import { toColumns } from '../../trace/columns/from-model.js';
import type { TimelineColumns } from '../../trace/columns/columns.js';
import { encodeEvtrace } from '../../trace/evtrace.js';
import { generate } from '../../trace/generator.js';
import { buildModel } from '../../trace/model/model.js';
import { Outcome } from '../../trace/model/waits.js';
import { manyRecords } from '../bench/timeline-recording.js';
import { MANY_EDGES } from '../../webview/opening.js';
import { TimelineBrowser, type TestPage } from './browser.js';
import { assertPicture } from './pictures.js';
import type { PageDataTransfer, PageDocument, PageDragEvent, PageNewFile, PostMessage } from './page-globals.js';

// In the page.
declare const document: PageDocument;
declare const postMessage: PostMessage;
declare const DataTransfer: PageDataTransfer;
declare const DragEvent: PageDragEvent;
declare const File: PageNewFile;

const { recording } = generate({ seed: 21, span: 3e6, lost: 0.03, types: ['event', 'semaphore', 'timer'] });
const columns: TimelineColumns = {
  ...toColumns(buildModel(recording)),
  stops: [{ from: 1.2e6, until: 1.6e6, reason: 'breakpoint at eventsys!Signal' }],
};

/** A run on Wine that was recorded once. */
const CORPUS = (name: string): string => path.join(import.meta.dirname, '..', 'corpus', `${name}.evtrace`);

describe('timeline in Chromium', function () {
  this.timeout(120_000);
  let browser: TimelineBrowser;
  let open: TestPage | undefined;

  before(async () => {
    browser = await TimelineBrowser.launch();
    await writeFile(browser.file('recording.columns'), encodeColumns(columns));
    await writeFile(browser.file('recording.evtrace'), encodeEvtrace(recording));
  });
  after(() => browser.close());
  afterEach(async () => {
    const errors = open?.errors ?? [];
    await open?.page.close();
    open = undefined;
    assert.deepEqual(errors, []);
  });

  async function show(
    options: Parameters<TimelineBrowser['open']>[0] = {},
    file = 'recording.columns',
  ): Promise<TestPage> {
    const shown = await browser.open(options);
    open = shown;
    await shown.openFile(1, path.isAbsolute(file) ? file : browser.file(file));
    await shown.drawn();
    return shown;
  }
  for (const [name, options] of [
    ['light', { bodyClass: 'vscode-light' }],
    ['dark', { bodyClass: 'vscode-dark' }],
    ['high-contrast', { bodyClass: 'vscode-high-contrast' }],
    // VS Code gives this theme both classes.
    ['high-contrast-light', { bodyClass: 'vscode-high-contrast-light vscode-high-contrast' }],
  ] as const) {
    it(`draws lanes, bands, gaps, a stop and the selected wake as in the picture: ${name}`, async () => {
      const shown = await show(options);
      await assertPicture(`whole-${name}`, await shown.page.screenshot());
    });
  }

  it('draws the critical path across user and kernel as in the picture', async () => {
    const shown = await show({ bodyClass: 'vscode-light' }, CORPUS('shared-buffer'));
    await shown.press(...Array<string>(6).fill('ArrowRight'), 'c', 'z', 's', 's', 's', 's');
    await assertPicture('critical-path', await shown.page.screenshot());
  });

  it('draws threads that run, wait on something, are ready or stopped by the debugger, and lost records with their count, as in the picture', async () => {
    const shown = await show({ bodyClass: 'vscode-light' });
    await shown.page.fill('#filter', 'thread:thread');
    await shown.press('Escape', '0');
    await assertPicture('threads', await shown.page.screenshot());
  });

  it('draws a real run with its DPCs, its coalesced signal and its wiped one as in the picture', async () => {
    const shown = await show({ bodyClass: 'vscode-dark' }, CORPUS('signals-synchronization'));
    await assertPicture('real-run', await shown.page.screenshot());
  });

  it('draws the exact time under the pointer, a range with its length and the wakes pointed at as in the picture', async () => {
    const shown = await show({ bodyClass: 'vscode-light' }, CORPUS('slow-reset'));
    const { page } = shown;
    await shown.press('Escape');
    await page.keyboard.down('Shift');
    await page.mouse.move(592, 400);
    await page.mouse.down();
    await page.mouse.move(719, 400, { steps: 3 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await page.mouse.move(655, 183);
    await shown.drawn();
    await assertPicture('cursor-and-range', await page.screenshot());
  });

  it('cuts stops out so that they take no room, as in the picture', async () => {
    const shown = await show({ bodyClass: 'vscode-light' });
    await shown.press('x', '0');
    await assertPicture('stops-cut', await shown.page.screenshot());
  });

  it('measures a range that is dragged with Shift, and fills its statistics', async () => {
    const shown = await show();
    const { page } = shown;
    await page.evaluate(() => ((document.getElementById('statistics-details') ?? document.body).open = true));
    await page.keyboard.down('Shift');
    await page.mouse.move(500, 300);
    await page.mouse.down();
    await page.mouse.move(900, 300, { steps: 3 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await page.locator('#statistics h2').first().waitFor();
    const heads = await page.locator('#statistics th').allInnerTexts();
    assert.ok(
      ['Signals', 'Taken', 'Coalesced', 'Wiped', 'Timed out', 'p50', 'p99', 'max', 'Activated by'].every((head) =>
        heads.includes(head),
      ),
    );
    const text = await page.locator('#statistics p').first().innerText();
    assert.match(text, /ns to .* ns: /);
  });

  it('zooms and moves by wheel, touchpad, pinch, drag, box and W, A, S, D', async () => {
    const shown = await show();
    const { page } = shown;
    type Sight = { readonly from: number; readonly until: number };
    const sight = (): Promise<Sight | undefined> =>
      page.evaluate(() => (globalThis as unknown as { keptState?: Sight }).keptState);
    const width = ({ from, until }: Sight): number => until - from;
    let before = { from: 0, until: 0 };
    /** What is in sight once it is another than before, and stays: of many changes the last is kept a moment later. */
    const after = async (act: () => Promise<unknown>): Promise<Sight> => {
      before = (await sight()) ?? before;
      await act();
      await page.waitForFunction(({ from, until }) => {
        const scope = globalThis as unknown as { keptState?: Sight; lastKept?: Sight | undefined; keptSince?: number };
        if (scope.lastKept !== scope.keptState) scope.keptSince = performance.now();
        scope.lastKept = scope.keptState;
        const kept = scope.keptState;
        const isOther = kept !== undefined && (kept.from !== from || kept.until !== until);
        return isOther && performance.now() - (scope.keptSince ?? 0) > 400;
      }, before);
      await shown.drawn();
      return (await sight()) ?? before;
    };
    const isNear = (value: number, expected: number, what: string): void =>
      assert.ok(Math.abs(value - expected) <= Math.abs(expected) * 0.01, `${what}: ${value}, not ${expected}`);
    const key = (name: string): Promise<Sight> => after(() => page.keyboard.press(name));
    await page.locator('#canvas').focus();
    // Filters, folds and what is typed are kept as well: from here on there is a state.
    await page.keyboard.press('w');
    await page.waitForFunction(() => (globalThis as unknown as { keptState?: object }).keptState !== undefined);
    await page.mouse.move(800, 300);

    const all = await key('0');
    assert.ok(all.from <= 0 && all.until >= columns.end, 'all of the time');
    const dragged = await after(async () => {
      await page.mouse.down();
      // In one go: of several moves the state is kept at the first and, a while later, at the last.
      await page.mouse.move(700, 300);
      await page.mouse.up();
      await page.mouse.move(800, 300);
    });
    isNear(width(dragged), width(all), 'a drag keeps the scale');
    const perPixel = (dragged.from - all.from) / 100;
    assert.ok(perPixel > 0, 'dragged to the left, later moments come into sight');

    const wheel = await after(() => page.mouse.wheel(0, -250));
    isNear(width(wheel), width(dragged) / Math.E, 'a turn of the wheel');
    const kept = (wheel.from - dragged.from) / (width(dragged) - width(wheel));
    const under = (one: Sight): number => one.from + kept * width(one);
    isNear(under(wheel), under(dragged), 'what is under the pointer stays there');
    const across = await after(() => page.mouse.wheel(100, 10));
    isNear(width(across), width(wheel), 'two fingers across keep the scale');
    isNear(across.from - wheel.from, (perPixel / Math.E) * 100, 'two fingers across move');
    await page.keyboard.down('Control');
    const pinch = await after(() => page.mouse.wheel(0, 60));
    isNear(width(pinch), width(across) * Math.E, 'a pinch');
    const box = await after(async () => {
      await page.mouse.move(500, 300);
      await page.mouse.down();
      await page.mouse.move(700, 400, { steps: 4 });
      await page.mouse.up();
    });
    await page.keyboard.up('Control');
    // 3 % to each side.
    isNear(width(box), perPixel * 200 * 1.06, 'a box fills the view');

    const nearer = await key('w');
    isNear(width(nearer), width(box) * 0.7, 'W');
    const left = await key('a');
    isNear(before.from - left.from, width(nearer) / 8, 'A');
    const right = await key('d');
    isNear(right.from, nearer.from, 'D takes A back');
    const farther = await key('s');
    isNear(width(farther), width(box), 'S takes W back');
    const canvas = await page.locator('#canvas').boundingBox();
    assert.ok(canvas !== null);
    const strip = { left: canvas.x + 330, width: canvas.width - 330 - 12 };
    const mapped = await after(() => page.mouse.click(strip.left + strip.width / 4, canvas.y + 15));
    isNear((mapped.from + mapped.until) / 2, columns.end / 4, 'a click on the mini-map');
    isNear(width(mapped), width(farther), 'the mini-map keeps the scale');
  });

  it('leaves room for several lanes when it stands beside a source and its statistics are open', async () => {
    const shown = await show({ bodyClass: 'vscode-light' });
    const { page } = shown;
    await page.setViewportSize({ width: 540, height: 620 });
    await page.evaluate(() => ((document.getElementById('statistics-details') ?? document.body).open = true));
    await page.locator('#statistics h2').first().waitFor();
    await shown.drawn();
    const stage = await page.locator('#stage').boundingBox();
    const statistics = await page.locator('#statistics-details').boundingBox();
    // Mini-map and axis take 60 of it, a lane 30 to 40.
    assert.ok((stage?.height ?? 0) >= 200, `${stage?.height} for the lanes`);
    assert.ok((statistics?.height ?? 0) >= 150, `${statistics?.height} for the statistics`);
  });

  it('walks from a wake to its signal and back to what had released that thread, by keys alone', async () => {
    const shown = await show();
    const wait = await shown.detail();
    assert.match(wait, /waited for .*satisfied/);
    await shown.press('b');
    const signal = await shown.detail();
    assert.match(signal, /: (set|pulse|released|expired)/);
    await shown.press('b');
    assert.match(await shown.detail(), /waited for/);
    await shown.press('c');
    assert.match(await shown.detail(), /woke from its wait|: set/);
  });

  it('asks its host for the source line and the object of what is selected', async () => {
    const withCallers = {
      ...columns,
      callers: ['eventsys.sys+0x12c4'],
      transitions: { ...columns.transitions, caller: columns.transitions.caller.map(() => 0) },
    };
    await writeFile(browser.file('callers.columns'), encodeColumns(withCallers));
    const shown = await show({}, 'callers.columns');
    await shown.press('b', 'Enter', 'o');
    const sent = await shown.sent();
    assert.ok(
      sent.some(
        ({ type, caller, beside }) => type === 'openSource' && caller === 'eventsys.sys+0x12c4' && beside === false,
      ),
    );
    assert.ok(sent.some(({ type, label }) => type === 'revealObject' && typeof label === 'string'));
  });

  it('shows an object when its host says so', async () => {
    const shown = await show();
    const head = columns.objects.find(
      (object, at) => !object.quiet && (columns.transitions.first[at + 1] ?? 0) > (columns.transitions.first[at] ?? 0),
    );
    await shown.post({ type: 'reveal', object: head?.label });
    await shown.page.waitForFunction(
      (label) => document.getElementById('detail')?.textContent.includes(label),
      head?.label ?? '',
    );
  });

  it('keeps its state when it is hidden, and is the same when it is shown again', async () => {
    const shown = await show({ bodyClass: 'vscode-light' });
    await shown.press('w', 'w', 'd', 'p', 'm');
    await shown.page.fill('#filter', 'event');
    await shown.page.waitForFunction(
      () => (globalThis as unknown as { keptState?: { filter?: string } }).keptState?.filter === 'event',
    );
    await shown.page.mouse.move(5, 5);
    await shown.drawn();
    const before = await shown.page.locator('#canvas').screenshot();
    const selected = await shown.detail();
    const state = await shown.page.evaluate(() => (globalThis as unknown as { keptState: unknown }).keptState);
    await shown.page.close();
    const again = await show({ bodyClass: 'vscode-light', state });
    await again.page.locator('#canvas').focus();
    await again.page.mouse.move(5, 5);
    await again.drawn();
    await again.page.evaluate(() => document.activeElement.blur());
    assert.equal(await again.page.inputValue('#filter'), 'event');
    assert.equal(await again.detail(), selected);
    const { PNG } = await import('pngjs');
    const [one, two] = [PNG.sync.read(before), PNG.sync.read(await again.page.locator('#canvas').screenshot())];
    const { default: pixelmatch } = await import('pixelmatch');
    const different = pixelmatch(one.data, two.data, undefined, one.width, one.height, { threshold: 0.15 });
    assert.ok(different < one.width * one.height * 0.01, `${different} pixels differ`);
  });

  it('reads .evtrace files, and of a cut or damaged one shows what can be read and says what is wrong', async () => {
    const whole = encodeEvtrace(recording);
    const damaged = whole.slice();
    damaged[Math.floor(whole.length * 0.7)] = (damaged[Math.floor(whole.length * 0.7)] ?? 0) ^ 0x55;
    for (const [name, bytes, words] of [
      ['cut.evtrace', whole.subarray(0, Math.floor(whole.length * 0.7)), /cut/],
      ['damaged.evtrace', damaged, /damaged/],
    ] as const) {
      await writeFile(browser.file(name), bytes);
      const shown = await show({}, name);
      assert.match(await shown.page.locator('#problems').innerText(), words);
      assert.match(await shown.page.locator('#summary').innerText(), /[1-9]\d* objects?, .* [1-9]\d* transitions/);
      await shown.page.close();
    }
    open = undefined;
  });

  it('says of a newer file, of one that lies about its length, and of no recording at all what is wrong', async () => {
    const whole = encodeEvtrace(recording);
    const newer = whole.slice();
    newer[8] = 9;
    const lying = encodeColumns(columns);
    new DataView(lying.buffer).setUint32(12, 0xffff_fff0, true);
    for (const [name, bytes, words] of [
      ['newer.evtrace', newer, /checksum|version/],
      ['lying.columns', lying, /promises 4294967280 bytes/],
      ['picture.evtrace', Buffer.from('not a recording at all'), /not an \.evtrace file/],
    ] as const) {
      await writeFile(browser.file(name), bytes);
      const shown = await show({}, name);
      assert.match(await shown.page.locator('#problems').innerText(), words);
      assert.ok((await shown.sent()).some(({ type }) => type === 'failed'));
      await shown.page.close();
    }
    open = undefined;
  });

  it('refuses messages that are none, and draws on', async () => {
    const shown = await show();
    await shown.post({ type: 'piece', id: 1, at: 0, bytes: 'text' });
    await shown.page.waitForFunction(() => document.getElementById('problems')?.textContent.includes('was refused'));
    await shown.press('0');
  });

  it('shows names with markup and control characters as text', async () => {
    const evil = '<img src=x onerror=document.title=1>\u202e';
    const named = { ...columns, title: evil, objects: columns.objects.map((head) => ({ ...head, label: evil })) };
    await writeFile(browser.file('evil.columns'), encodeColumns(named));
    const shown = await show({}, 'evil.columns');
    await shown.page.evaluate(() => ((document.getElementById('table-details') ?? document.body).open = true));
    await shown.page.locator('#table > table:last-of-type td').first().waitFor();
    assert.equal(await shown.page.locator('img').count(), 0);
    assert.ok(
      (await shown.page.locator('#table > table:last-of-type td:nth-child(2)').first().innerText()).includes('<img'),
    );
    assert.notEqual(await shown.page.title(), '1');
  });

  it('tells in its table all that is drawn: transitions, waits with how they ended, gaps, stops', async () => {
    const shown = await show();
    await shown.press('0');
    await shown.page.evaluate(() => ((document.getElementById('table-details') ?? document.body).open = true));
    const button = shown.page.getByRole('button', { name: /^Show \d+ more/ });
    const rows = shown.page.locator('#table > table:last-of-type tbody tr');
    await rows.first().waitFor();
    while (await button.isVisible()) await button.click();
    const cells = await rows.locator('td:nth-child(3)').allInnerTexts();
    const waits = cells.filter((text) => text.startsWith('wait of '));
    assert.equal(waits.length, columns.waits.begin.length);
    assert.equal(cells.length - waits.length, columns.transitions.time.length);
    const timedOut = columns.waits.outcome.filter((outcome) => outcome === Outcome.TimedOut).length;
    assert.ok(timedOut > 0);
    assert.equal(waits.filter((text) => text.endsWith('timed out')).length, timedOut);
    const stretches = await shown.page.locator('#table > table:first-of-type td:nth-child(3)').allInnerTexts();
    assert.ok(stretches.includes('stopped by the debugger: breakpoint at eventsys!Signal'));
    assert.ok(columns.gaps.every(({ label }) => stretches.includes(label)));
  });

  it('draws a live recording as it grows, and says where the debugger holds the target now', async () => {
    const shown = await browser.open();
    open = shown;
    const { sources, chunks, metadata } = recording;
    await shown.post({ type: 'beginLive', id: 2, title: 'live', target: 'test', startUtcMs: metadata.startUtcMs });
    for (const source of sources) await shown.post({ type: 'liveSource', id: 2, source });
    const stop = { fromUtcMs: metadata.startUtcMs + 1, untilUtcMs: null, reason: 'breakpoint' };
    await shown.post({ type: 'stops', id: 2, stops: [stop] });
    const counts: number[] = [];
    for (const half of [chunks.slice(0, chunks.length >> 1), chunks.slice(chunks.length >> 1)]) {
      for (const { source, ring, firstSlot, lost, bytes } of half) {
        const message = { id: 2, source, ring, firstSlot: String(firstSlot), lost: String(lost), bytes: [...bytes] };
        await shown.page.evaluate(
          (given) =>
            postMessage(
              {
                ...given,
                type: 'append',
                bytes: Uint8Array.from(given.bytes),
              },
              '*',
            ),
          message,
        );
      }
      const before = counts.at(-1) ?? 0;
      await shown.page.waitForFunction(
        (least) =>
          Number(/(\d+) transitions/.exec(document.getElementById('summary')?.textContent ?? '')?.[1] ?? 0) > least,
        before,
      );
      if (counts.length === 0) {
        assert.match(await shown.page.locator('#summary').innerText(), /, live, stopped now: breakpoint$/);
      } else await shown.post({ type: 'endLive', id: 2 });
      counts.push(Number(/(\d+) transitions/.exec(await shown.page.locator('#summary').innerText())?.[1] ?? 0));
    }
    await shown.page.waitForFunction(
      (all) => document.getElementById('summary')?.textContent.includes(`${all} transitions`),
      columns.transitions.time.length,
    );
    await shown.page.locator('#summary').filter({ hasNotText: 'live' }).waitFor();
  });

  it('opens files that are dropped on it, several on one axis, and says which one cannot be read', async () => {
    const shown = await show({}, 'recording.evtrace');
    const files = [encodeEvtrace(generate({ seed: 23, span: 3e6 }).recording), new TextEncoder().encode('no trace')];
    await shown.page.evaluate(
      (contents) => {
        const dropped = new DataTransfer();
        contents.forEach((bytes, at) => dropped.items.add(new File([Uint8Array.from(bytes)], `dropped${at}.evtrace`)));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }));
      },
      files.map((bytes) => [...bytes]),
    );
    await shown.page.waitForFunction(() => document.getElementById('summary')?.textContent.startsWith('2 runs'));
    await shown.page.locator('#problems').filter({ hasText: '.evtrace' }).waitFor();
  });

  it('of very many wakes, in one recording and in a second beside it, has all in the end', async () => {
    const wakes = MANY_EDGES + 8;
    await writeFile(browser.file('large.evtrace'), encodeEvtrace(manyRecords(2 * wakes)));
    const shown = await show({}, 'large.evtrace');
    const summary = shown.page.locator('#summary');
    await summary.filter({ hasText: `${wakes} wakes in` }).waitFor();
    await shown.press('ArrowDown', 'ArrowRight', 'ArrowRight');
    assert.match((await shown.page.locator('#detail').textContent()) ?? '', /released the wait of/);
    await shown.openFile(2, browser.file('large.evtrace'));
    await summary.filter({ hasText: `${2 * wakes} wakes in` }).waitFor();
  });

  it('answers its host: a click tells caller and object, callers are told, an export comes as bytes', async () => {
    const shown = await show();
    const answerOf = async (type: string): Promise<Record<string, unknown>> => {
      await shown.page.waitForFunction(
        (wanted) =>
          (globalThis as unknown as { sentMessages: { type: string }[] }).sentMessages.some(
            (message) => message.type === wanted,
          ),
        type,
      );
      return (await shown.sent()).find((message) => message['type'] === type) ?? {};
    };
    await shown.post({ type: 'askCallers' });
    assert.deepEqual((await answerOf('callers'))['callers'], columns.callers);
    await shown.post({ type: 'export', kind: 'svg' });
    assert.match(String((await answerOf('export'))['content']), /^<svg/);
    const first = columns.objects.findIndex(({ quiet, path: named }) => !quiet && named !== undefined);
    const object = columns.objects[first];
    assert.ok(object !== undefined);
    await shown.post({ type: 'reveal', object: object.path });
    await shown.drawn();
    await shown.press('o');
    assert.deepEqual(await answerOf('revealObject'), {
      ...{ type: 'revealObject', label: object.label, path: object.path, kind: object.kind },
    });
    // Everywhere over the drawing: what is under the click is told with its object.
    const box = await shown.page.locator('#canvas').boundingBox();
    assert.ok(box !== null);
    for (
      let x = box.x + 350;
      x < box.x + box.width && (await shown.sent()).every(({ type }) => type !== 'chosen');
      x += 5
    ) {
      await shown.page.mouse.click(x, box.y + 90);
    }
    const chosen = (await answerOf('chosen'))['object'] as { readonly label: string };
    assert.ok(columns.objects.some(({ label }) => label === chosen.label));
  });

  it('shows two recordings on one axis with their differences', async () => {
    const other = toColumns(buildModel(generate({ seed: 22, span: 3e6 }).recording));
    await writeFile(browser.file('other.columns'), encodeColumns(other));
    const shown = await show();
    await shown.openFile(3, browser.file('other.columns'));
    await shown.page.waitForFunction(() => document.getElementById('summary')?.textContent.startsWith('2 runs'));
    await shown.post({ type: 'compare', before: 0, after: 1 });
    await shown.page.evaluate(() => ((document.getElementById('compare-details') ?? document.body).open = true));
    await shown.page.locator('#compare td.changed').first().waitFor();
    assert.deepEqual(await shown.page.locator('#compare select').first().locator('option').allInnerTexts(), [
      'seed 21',
      'seed 22',
    ]);
  });

  it('exports Chrome trace JSON, CSV, SVG and PNG of what it shows', async () => {
    const shown = await show();
    for (const kind of ['chrome', 'csv', 'svg', 'png']) await shown.page.selectOption('#export', kind);
    await shown.page.waitForFunction(
      () =>
        (globalThis as unknown as { sentMessages: { type: string }[] }).sentMessages.filter(
          ({ type }) => type === 'export',
        ).length === 4,
    );
    const exports = (await shown.sent()).filter(({ type }) => type === 'export');
    const content = (ending: string): unknown => exports.find(({ name }) => String(name).endsWith(ending))?.['content'];
    const trace = JSON.parse(String(content('.json'))) as { traceEvents: { ph: string }[] };
    const decided = columns.edges.signal.filter(
      (row, edge) => row >= 0 && (columns.edges.evidence[edge] ?? 9) < 2,
    ).length;
    assert.equal(trace.traceEvents.filter(({ ph }) => ph === 's').length, decided);
    assert.match(String(content('.csv')), /^time,object,label,transition/);
    assert.match(String(content('.svg')), /^<svg .*<\/svg>\n$/s);
    assert.deepEqual((content('.png') as number[]).slice(0, 4), [0x89, 0x50, 0x4e, 0x47]);
  });
});
