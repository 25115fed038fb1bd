/**
 * The timeline in headless Chromium: a raw `.evtrace` opened to the first full picture (read, modelled, drawn), frames while it
 * zooms and moves, memory of its renderer, from pointing to the edge, a recording that grows. Beside it vis-timeline, with as
 * many items as it can take.
 *
 * A transition is what a lane of an object shows: here half of them are sets, half takes. A take is the end of a wait, which is
 * two records, so that a million transitions are 1.5 million records (96 MB).
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CDPSession, Page } from 'playwright-core';
import { writeTrace } from '../../target/trace-file.js';
import { Flag, Kind } from '../../trace/model/records.js';
import { RingWriter } from '../../trace/ring-writer.js';
import { TimelineBrowser, type TestPage } from '../webview/browser.js';
import type { Benchmark } from './benchmark.js';
import { median, type Figure } from './figure.js';
import { manyTransitions } from './timeline-columns.js';
import { manyRecords } from './timeline-recording.js';
import type { PageDocument, PageEvent, PostMessage, RequestAnimationFrame } from '../webview/page-globals.js';

// In the page.
declare const document: PageDocument;
declare const postMessage: PostMessage;
declare const requestAnimationFrame: RequestAnimationFrame;
declare const WheelEvent: PageEvent;
declare const PointerEvent: PageEvent;

const FRAMES = 120;
const HOVERS = 25;
/** What vis-timeline opens in seconds; ten times as many take it minutes. */
const PEER_ITEMS = 10_000;
const PEER = `vis-timeline, ${PEER_ITEMS} items`;
const LIVE_RATE = 200_000;
const LIVE_SECONDS = 12;
const OPEN_LIMIT_MS = 120_000;
/** A frame is drawn when the one before is done, not when a screen asks for it. */
const UNLIMITED = ['--disable-frame-rate-limit', '--disable-gpu-vsync'];

interface Size {
  readonly name: string;
  readonly transitions: number;
  readonly openMs: number;
  readonly frameMs: number;
  readonly megabytes: number;
  readonly hover: boolean;
  /** How often it is opened. */
  readonly rounds: number;
}
const SIZES: readonly Size[] = [
  { name: '1m', transitions: 1_000_000, openMs: 1_000, frameMs: 16, megabytes: 200, hover: true, rounds: 3 },
  { name: '10m', transitions: 10_000_000, openMs: 8_000, frameMs: 33, megabytes: 1_200, hover: false, rounds: 1 },
];

const figure = (
  bench: string,
  values: readonly number[],
  unit: string,
  aim: number,
  peerValue: number | null = null,
): Figure => ({
  ...{ bench, value: median(values), unit, better: 'lower', aim, peer: peerValue === null ? null : PEER, peerValue },
  runs: values.length,
});

const timelineOf = (size: Size): Benchmark => ({
  names: [
    ...['open', 'frame', 'memory'].map((what) => `timeline-${what}-${size.name}`),
    ...(size.hover ? ['timeline-hover'] : []),
  ],
  run: (bench) =>
    inBrowser(async (browser) => {
      bench.operation.progress(PEER);
      const peer = await measurePeer(browser);
      bench.operation.progress(`Timeline of ${size.transitions} transitions`);
      return measureSize(browser, size, peer);
    }),
});

const timelineLive: Benchmark = {
  names: ['timeline-live-frame', 'timeline-live-behind'],
  run: (bench) =>
    inBrowser(async (browser) => {
      bench.operation.progress(`Live: ${LIVE_RATE} transitions per second`);
      const { frame, behind } = await measureLive(browser);
      return [
        figure('timeline-live-frame', [frame], 'ms p95', 1_000 / 30),
        figure('timeline-live-behind', [behind], 's at most', 1),
      ];
    }),
};

/** Each is run by itself when it is named. */
export const timelines: readonly Benchmark[] = [...SIZES.map(timelineOf), timelineLive];

async function inBrowser(
  measure: (browser: TimelineBrowser) => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  const browser = await TimelineBrowser.launch(UNLIMITED);
  try {
    return await measure(browser);
  } finally {
    await browser.close();
  }
}

async function measureSize(
  browser: TimelineBrowser,
  { name, transitions, openMs, frameMs, megabytes, hover, rounds }: Size,
  peer: { readonly openMs: number; readonly frameMs: number },
): Promise<Figure[]> {
  const file = browser.file(`${name}.evtrace`);
  await writeTrace(file, manyRecords(transitions));
  const opened: number[] = [];
  const frames: number[] = [];
  const memory: number[] = [];
  const hovers: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const shown = await browser.open();
    await shown.giveFile(file);
    const began = performance.now();
    await shown.sendGiven(1);
    await shown.drawn(OPEN_LIMIT_MS);
    opened.push(performance.now() - began);
    frames.push(await framesOf(shown.page));
    hovers.push(await hoverTime(shown));
    memory.push(await rendererMegabytes(browser, shown.page));
    await shown.page.close();
  }
  return [
    figure(`timeline-open-${name}`, opened, 'ms', openMs, peer.openMs),
    figure(`timeline-frame-${name}`, frames, 'ms p95', frameMs, peer.frameMs),
    figure(`timeline-memory-${name}`, memory, 'MB', megabytes),
    ...(hover ? [figure('timeline-hover', hovers, 'ms', 50)] : []),
  ];
}

/** 95th percentile of the time from one frame to the next, ms, while the view zooms in, moves, and zooms out. */
const framesOf = (page: Page, selector = '#canvas'): Promise<number> =>
  page.evaluate(
    async ({ frames, on }) => {
      const target = document.querySelector(on);
      const gaps: number[] = [];
      let before = 0;
      for (let frame = 0; frame < frames; frame += 1) {
        const part = Math.floor((frame * 3) / frames);
        const init = { clientX: 800, clientY: 300, bubbles: true, cancelable: true };
        const wheel = part === 1 ? { deltaX: 40 } : { deltaY: part === 0 ? -40 : 40 };
        target?.dispatchEvent(new WheelEvent('wheel', { ...init, ...wheel }));
        const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
        if (frame > 1) gaps.push(now - before);
        before = now;
      }
      return gaps.sort((a, b) => a - b)[Math.ceil(gaps.length * 0.95) - 1] ?? 0;
    },
    { frames: FRAMES, on: selector },
  );

/** From the pointer's move to the frame that shows its edges, ms: the slowest of many places. */
const hoverTime = ({ page }: TestPage): Promise<number> =>
  page.evaluate(async (places) => {
    const canvas = document.getElementById('canvas');
    let slowest = 0;
    for (let place = 0; place < places; place += 1) {
      const began = performance.now();
      const init = { clientX: 420 + place * 30, clientY: 260 + (place % 6) * 40, bubbles: true };
      canvas?.dispatchEvent(new PointerEvent('pointermove', init));
      await new Promise<number>((resolve) => requestAnimationFrame(resolve));
      slowest = Math.max(slowest, performance.now() - began);
    }
    return slowest;
  }, HOVERS);

/** Memory of the page's own process that is no file's, MB: with Chromium's own some 60 MB of an empty page. */
async function rendererMegabytes(browser: TimelineBrowser, page: Page): Promise<number> {
  const collect: CDPSession = await page.context().newCDPSession(page);
  await collect.send('HeapProfiler.collectGarbage');
  await collect.detach();
  const session = await browser.playwright.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  let most = 0;
  for (const { type, id } of processInfo) {
    if (type !== 'renderer') continue;
    const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
    most = Math.max(most, Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0));
  }
  return most / 1_000;
}

/**
 * Frames while LIVE_RATE slots per second arrive, each a transition (a set or a reset), and how far the picture is behind
 * them at most, s.
 */
async function measureLive(browser: TimelineBrowser): Promise<{ readonly frame: number; readonly behind: number }> {
  const shown = await browser.open();
  const { page } = shown;
  const perBatch = LIVE_RATE / 20;
  const ring = liveRing(perBatch * 20 * LIVE_SECONDS);
  await writeFile(browser.file('ring.bin'), ring);
  await shown.post({ type: 'beginLive', id: 1, title: 'live', target: 'generated', startUtcMs: 0 });
  const source = { id: 0, side: 'user', description: 'eventapp.exe', process: 100, ringCount: 1, slotsPerRing: 65_536 };
  await shown.post({ type: 'liveSource', id: 1, source });
  await page.evaluate(() => {
    const input = document.createElement('input');
    input.type = 'file';
    input.id = 'given';
    document.body.append(input);
  });
  await page.locator('#given').setInputFiles(browser.file('ring.bin'));
  const measured = await page.evaluate(
    async ({ seconds, batches }) => {
      const input = document.getElementById('given') ?? document.body;
      const bytes = new Uint8Array((await input.files[0]?.arrayBuffer()) ?? new ArrayBuffer(0));
      input.remove();
      const slots = bytes.length / 64;
      const gaps: number[] = [];
      const began = performance.now();
      let sent = 0;
      let behind = 0;
      const shown = (): number =>
        Number(
          /([\d,]+) transitions/
            .exec(document.getElementById('summary')?.textContent ?? '')?.[1]
            ?.replaceAll(',', '') ?? 0,
        );
      let before = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
      while (performance.now() - began < seconds * 1_000) {
        const due = Math.min(batches, Math.floor(((performance.now() - began) / (seconds * 1_000)) * batches));
        for (; sent < due; sent += 1) {
          const [from, until] = [Math.floor((sent * slots) / batches), Math.floor(((sent + 1) * slots) / batches)];
          const piece = bytes.slice(from * 64, until * 64);
          const message = {
            type: 'append',
            id: 1,
            source: 0,
            ring: 0,
            firstSlot: String(from),
            lost: '0',
            bytes: piece,
          };
          postMessage(message, '*', [piece.buffer]);
        }
        const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
        gaps.push(now - before);
        before = now;
        behind = Math.max(behind, (((sent * slots) / batches - shown()) * seconds) / slots);
      }
      return { frame: gaps.sort((a, b) => a - b)[Math.ceil(gaps.length * 0.95) - 1] ?? 0, behind };
    },
    { seconds: LIVE_SECONDS, batches: 20 * LIVE_SECONDS },
  );
  await page.close();
  return measured;
}

function liveRing(transitions: number): Uint8Array {
  const ring = new RingWriter();
  const base = { process: 100, thread: 1_000 };
  ring.write({
    kind: Kind.Calibration,
    tsc: 0n,
    object: 133_000_000_000_000_000n,
    caller: 10_000_000n,
    argument: 0n,
    ...base,
  });
  ring.write({ kind: Kind.Create, tsc: 10n, object: 0x40n, argument: 1n, text: '\\BaseNamedObjects\\Live', ...base });
  for (let round = 0; round < transitions; round += 1) {
    const tsc = BigInt(1_000 + round * 15_000);
    const kind = round % 2 === 0 ? Kind.Set : Kind.Reset;
    ring.write({ kind, tsc, object: 0x40n, duration: 300, previous: round % 2, flags: Flag.ObjectIsHandle, ...base });
  }
  return ring.bytes;
}

/** vis-timeline with the same first items: a range per wait, in a group per thread. */
async function measurePeer(browser: TimelineBrowser): Promise<{ openMs: number; frameMs: number }> {
  const script = await readFile(
    path.resolve(import.meta.dirname, '../../node_modules/vis-timeline/standalone/umd/vis-timeline-graph2d.min.js'),
    'utf8',
  );
  const { waits, threads } = manyTransitions(PEER_ITEMS * 2);
  const items = Array.from(waits.begin, (begin, row) => ({
    ...{ id: row, start: begin / 1e3, end: (waits.end[row] ?? 0) / 1e3, content: '' },
    group: waits.first.findLastIndex((first) => first <= row),
  }));
  const page = await browser.playwright.newPage({ viewport: { width: 1280, height: 720 } });
  try {
    await page.setContent('<div id="host"></div>');
    await page.addScriptTag({ content: script });
    const openMs = await page.evaluate(
      async ({ given, groups }) => {
        const { vis } = globalThis as unknown as {
          vis: {
            Timeline: new (
              host: unknown,
              items: unknown,
              groups: unknown,
              options: unknown,
            ) => { on(name: string, done: () => void): void };
          };
        };
        const began = performance.now();
        const view = new vis.Timeline(document.getElementById('host'), given, groups, { stack: false, height: 700 });
        await new Promise<void>((resolve) => view.on('changed', () => resolve()));
        await new Promise((resolve) => requestAnimationFrame(resolve));
        return performance.now() - began;
      },
      { given: items, groups: threads.map(({ label }, id) => ({ id, content: label })) },
    );
    return { openMs, frameMs: await framesOf(page, '.vis-center') };
  } finally {
    await page.close();
  }
}
