/** The timeline's page in headless Chromium, with a host of its own in place of the editor: for tests and benchmarks. */
import { readFile } from 'node:fs/promises';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { bundle } from '../../scripts/bundle.mjs';
import { renderEmptyPage } from '../../webview/standalone.js';
import type { PageDocument, PageReader, PostMessage } from './page-globals.js';

// In the page.
declare const document: PageDocument;
declare const postMessage: PostMessage;
declare const Worker: PageReader;

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--font-render-hinting=none', '--disable-lcd-text'],
  ...['--force-color-profile=srgb', '--hide-scrollbars'],
];
const SIZE = { width: 1280, height: 720 };
const PATIENCE_MS = 20_000;

export interface TestPage {
  readonly page: Page;
  /** Messages that the view sent to its host, in order; bytes are lists of numbers. */
  sent(): Promise<readonly Record<string, unknown>[]>;
  /** A message of the host, plain JSON. */
  post(message: unknown): Promise<void>;
  /** Gives a file to the view as a host does: in pieces. Returns when it was sent. */
  openFile(id: number, file: string): Promise<void>;
  /** The two halves of it: puts the file within the page's reach, which is no part of opening it, and sends it. */
  giveFile(file: string): Promise<void>;
  sendGiven(id: number): Promise<void>;
  /** Until the view has drawn everything that it was told. */
  drawn(patienceMs?: number): Promise<void>;
  /** Keys that the drawing gets, and what it draws then. */
  press(...keys: readonly string[]): Promise<void>;
  /** What the view says of what is selected or pointed at. */
  detail(): Promise<string>;
  /** What was thrown in the page, refused by its policy, or asked of anything but itself. */
  readonly errors: readonly string[];
}

export interface PageOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce';
  readonly bodyClass?: string;
  /** Kept from before. */
  readonly state?: unknown;
}

export class TimelineBrowser {
  private constructor(
    private readonly browser: Browser,
    private readonly folder: string,
  ) {}

  static async launch(more: readonly string[] = []): Promise<TimelineBrowser> {
    await bundle(['webview']);
    await mkdir(path.join(ROOT, 'out'), { recursive: true });
    const folder = await mkdtemp(path.join(ROOT, 'out', 'webview-'));
    const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: [...ARGUMENTS, ...more] });
    return new TimelineBrowser(browser, folder);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A place for files that the page shall open; it goes with the browser. */
  file(name: string): string {
    return path.join(this.folder, name);
  }

  get playwright(): Browser {
    return this.browser;
  }

  /** The page as an editor shows it. */
  async open(options: PageOptions = {}): Promise<TestPage> {
    const html = this.file(`page-${Math.random().toString(36).slice(2)}.html`);
    const text = renderEmptyPage(await readFile(path.join(ROOT, 'dist', 'webview.js'), 'utf8'));
    await writeFile(html, text.replace('<body>', `<body class="${options.bodyClass ?? ''}">`));
    const page = await this.browser.newPage({
      ...{ viewport: SIZE, colorScheme: options.colorScheme ?? 'light' },
      reducedMotion: options.reducedMotion ?? 'no-preference',
    });
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('request', (request) => {
      if (!/^(file|blob|data):/.test(request.url())) errors.push(`asked for ${request.url()}`);
    });
    // What runs these files names functions by a helper of its own, which the page does not have.
    await page.addInitScript('globalThis.__name = (named) => named;');
    await page.addInitScript(fakeEditor, options.state ?? null);
    await page.goto(pathToFileURL(html).href);
    return pageOf(page, errors);
  }
}

/** In the page: what acquireVsCodeApi gives, kept where a test can read it. Runs before the page's own script. */
function fakeEditor(state: unknown): void {
  const scope = globalThis as unknown as Record<string, unknown>;
  const sent: unknown[] = [];
  scope['sentMessages'] = sent;
  scope['keptState'] = state;
  scope['acquireVsCodeApi'] = () => ({
    postMessage: (message: unknown) => sent.push(message),
    getState: () => scope['keptState'],
    setState: (kept: unknown) => (scope['keptState'] = kept),
  });
  const refused: string[] = [];
  scope['refused'] = refused;
  const page = scope as unknown as {
    addEventListener(type: string, listener: (event: { readonly effectiveDirective: string }) => void): void;
  };
  page.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => refused.push(effectiveDirective));
  // The same letters on every machine that has this font.
  (scope['document'] as { addEventListener(type: string, listener: () => void): void }).addEventListener(
    'DOMContentLoaded',
    () => {
      const { documentElement } = scope['document'] as {
        documentElement: { style: { setProperty(name: string, value: string): void } };
      };
      documentElement.style.setProperty('--vscode-font-family', "'DejaVu Sans'");
    },
  );
}

function pageOf(page: Page, errors: readonly string[]): TestPage {
  const giveFile = async (file: string): Promise<void> => {
    await page.evaluate(() => {
      const input = document.createElement('input');
      input.type = 'file';
      input.id = 'given';
      input.hidden = true;
      document.body.append(input);
    });
    await page.locator('#given').setInputFiles(file);
  };
  const sendGiven = (id: number): Promise<void> =>
    page.evaluate(async (number) => {
      const input = document.getElementById('given') ?? document.body;
      const [given] = input.files;
      input.remove();
      if (given === undefined) return;
      postMessage({ type: 'open', id: number, title: given.name, bytes: given.size }, '*');
      const step = 4 * 1024 * 1024;
      // A thread of its own reads, as the editor's host does.
      const text = `onmessage = ({ data: file }) => {
        const reader = new FileReaderSync();
        for (let at = 0; at < file.size; at += ${step}) {
          const bytes = reader.readAsArrayBuffer(file.slice(at, at + ${step}));
          postMessage({ at, bytes }, [bytes]);
        }
      };`;
      const address = URL.createObjectURL(new Blob([text]));
      const host = new Worker(address);
      let sent = 0;
      await new Promise<void>((done) => {
        host.addEventListener('message', ({ data }) => {
          const bytes = new Uint8Array(data.bytes);
          sent += bytes.length;
          postMessage({ type: 'piece', id: number, at: data.at, bytes }, '*', [data.bytes]);
          if (sent >= given.size) done();
        });
        if (given.size === 0) done();
        host.postMessage(given);
      });
      host.terminate();
    }, id);
  const drawn = async (patienceMs = PATIENCE_MS): Promise<void> => {
    await page.waitForFunction(
      () => {
        const sent = (globalThis as unknown as { sentMessages: { type: string }[] }).sentMessages;
        return (
          document.body.dataset['drawn'] === 'yes' && sent.some(({ type }) => type === 'opened' || type === 'failed')
        );
      },
      null,
      { timeout: patienceMs },
    );
  };
  return {
    ...{ page, errors, drawn },
    press: async (...keys) => {
      await page.locator('#canvas').focus();
      for (const key of keys) await page.keyboard.press(key);
      await drawn();
    },
    detail: () => page.locator('#detail').innerText(),
    sent: () =>
      page.evaluate(() => {
        const sent = (globalThis as unknown as { sentMessages: Record<string, unknown>[] }).sentMessages;
        return sent.map((message) =>
          Object.fromEntries(
            Object.entries(message).map(([key, value]) => [key, value instanceof Uint8Array ? [...value] : value]),
          ),
        );
      }),
    post: (message) => page.evaluate((data) => postMessage(data, '*'), message),
    giveFile,
    sendGiven,
    openFile: async (id, file) => {
      await giveFile(file);
      await sendGiven(id);
    },
  };
}
