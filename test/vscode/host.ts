/**
 * A real VS Code (code-server: the same workbench in a browser, the same extension host) for tests of the packaged extension.
 *
 *   npm test -- vscode                            everything here, as CI runs it (npm run setup test once before)
 *   npx mocha test/vscode/in-host.test.ts         the suite inside the extension host: test/vscode/suite/*.suite.ts
 *   EVENTSCOPE_SUITES=views,window npx mocha test/vscode/in-host.test.ts      some of its files
 *   npx mocha test/vscode/end-to-end.test.ts      what a person sees and clicks, one *.test.ts per story
 *
 * Both run against the .vsix, which is made anew when the bundles changed. To add tests: in the host, a file
 * suite/NAME.suite.ts (mocha's BDD functions, `vscode` importable); end to end, a file NAME.test.ts beside this one that
 * starts a VscodeHost. A failing end-to-end test leaves a picture and the host's logs in out/vscode/.
 */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { vscodeHost } from '../../scripts/vscode-host.mjs';
import { writeSampleProject } from '../../extension/project-template.js';
import { NODE_FOR_WINDOWS } from './node-for-windows.js';
import { currentPackage } from './package.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
export const OUT = path.join(ROOT, 'out', 'vscode');
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const BROWSER_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Of the workbench, the first time it is loaded. */
export const LOAD_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 8_000;

/** Without these there are a welcome tab, a chat side bar that takes the focus, and requests to the network. */
const USER_SETTINGS: Readonly<Record<string, unknown>> = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.reduceMotion': 'on',
  'workbench.colorTheme': 'Dark Modern',
  'workbench.quickOpen.closeOnFocusLost': false,
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'window.commandCenter': false,
  'window.menuBarVisibility': 'classic',
  'files.simpleDialog.enable': true,
  'editor.minimap.enabled': false,
  'editor.stickyScroll.enabled': false,
  'editor.cursorBlinking': 'solid',
  'editor.hover.enabled': 'off',
};

export interface VscodeHostOptions {
  /** Names the host in out/vscode. */
  readonly name: string;
  /** Folders that the windows may open, made before the start: relative name to how it is filled. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Answer of the extension's own settings of scope "machine"; default: Node for Windows of this checkout. */
  readonly machineSettings?: Readonly<Record<string, unknown>>;
  /** Needed to run a suite inside the extension host; hides notifications. */
  readonly testDriver?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/** One server with one browser; each has folders of its own, which go at the end. */
export class VscodeHost {
  readonly #root: string;
  readonly #options: VscodeHostOptions;
  readonly #server: ChildProcess;
  readonly #context: BrowserContext;
  readonly port: number;
  /** Of the installed extension. */
  readonly extensionFolder: string;

  private constructor(
    root: string,
    options: VscodeHostOptions,
    server: ChildProcess,
    context: BrowserContext,
    port: number,
    extensionFolder: string,
  ) {
    this.#root = root;
    this.#options = options;
    this.#server = server;
    this.#context = context;
    this.port = port;
    this.extensionFolder = extensionFolder;
  }

  static async start(options: VscodeHostOptions): Promise<VscodeHost> {
    assert.ok(existsSync(vscodeHost.entry), 'VS Code for the tests is not installed: node scripts/setup.mjs test');
    await mkdir(OUT, { recursive: true });
    // Short: the paths of Unix sockets in it must stay under 108 bytes.
    const root = await mkdtemp(path.join(tmpdir(), 'ev-'));
    let server: ChildProcess | undefined;
    try {
      const extensionFolder = await installExtension(root, options);
      const port = await freePort();
      server = startServer(root, port, options);
      await answers(port, server);
      const context = await chromium.launchPersistentContext(path.join(root, 'browser'), {
        executablePath: CHROMIUM,
        headless: true,
        viewport: { width: 1280, height: 800 },
        permissions: ['clipboard-read', 'clipboard-write'],
        args: BROWSER_ARGUMENTS,
      });
      return new VscodeHost(root, options, server, context, port, extensionFolder);
    } catch (error) {
      if (server !== undefined) await end(server);
      await rm(root, { recursive: true, force: true });
      throw error;
    }
  }

  /** A folder with the sample in it, as "New Shared-Event Project" writes it. */
  async sample(name: string): Promise<string> {
    const folder = path.join(this.#root, name);
    await mkdir(folder, { recursive: true });
    await writeSampleProject(ROOT, folder);
    return folder;
  }

  async emptyFolder(name: string): Promise<string> {
    const folder = path.join(this.#root, name);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** A window on a folder, its workbench shown. `payload`: what the workbench takes in its address. */
  async open(folder: string, payload?: readonly (readonly [string, string])[]): Promise<Page> {
    const page = this.#context.pages().find((candidate) => candidate.url() === 'about:blank');
    const window = page ?? (await this.#context.newPage());
    await this.goTo(window, folder, payload);
    return window;
  }

  /** @param folder a folder, or a .code-workspace file */
  async goTo(page: Page, folder: string, payload?: readonly (readonly [string, string])[]): Promise<void> {
    const query = new URLSearchParams({ [folder.endsWith('.code-workspace') ? 'workspace' : 'folder']: folder });
    if (payload !== undefined) query.set('payload', JSON.stringify(payload));
    await page.goto(`http://127.0.0.1:${this.port}/?${query.toString()}`);
    await page.locator('.monaco-workbench').waitFor({ timeout: LOAD_TIMEOUT_MS });
  }

  newPage(): Promise<Page> {
    return this.#context.newPage();
  }

  /** Lines of the extension host's logs that tell of a promise that was rejected unseen, or of another defect of ours. */
  async hostErrors(): Promise<string[]> {
    const files = await readdir(path.join(this.#root, 'user', 'logs'), { recursive: true });
    const found: string[] = [];
    for (const file of files.filter((name) => /remoteexthost\.log$/.test(name))) {
      const text = await readFile(path.join(this.#root, 'user', 'logs', file), 'utf8');
      found.push(...text.split('\n').filter((line) => DEFECT.test(line)));
    }
    return found;
  }

  /** What the windows show now, in out/vscode: at the end of a test that failed. */
  async keepPictures(title: string): Promise<void> {
    const kept = path.join(OUT, this.#options.name);
    await mkdir(kept, { recursive: true });
    const name = title.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 60);
    for (const [index, page] of this.#context.pages().entries()) {
      await page.screenshot({ path: path.join(kept, `${name}-${index}.png`) }).catch(() => undefined);
    }
  }

  /** Ends everything and removes its folders. `failed`: logs are kept in out/vscode. */
  async stop(failed = false): Promise<void> {
    const kept = path.join(OUT, this.#options.name);
    await this.#context.close();
    await end(this.#server);
    if (failed) {
      await cp(path.join(this.#root, 'user', 'logs'), path.join(kept, 'logs'), { recursive: true, force: true });
    }
    await endPrefixes(this.#root);
    await rm(this.#root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

const DEFECT = /rejected promise not handled|unhandled ?rejection|uncaught exception|FAILED to handle event/i;

async function installExtension(root: string, options: VscodeHostOptions): Promise<string> {
  for (const folder of ['user/User', 'user/Machine', 'extensions'])
    await mkdir(path.join(root, folder), { recursive: true });
  await writeFile(path.join(root, 'config.yaml'), 'auth: none\n');
  const settings = { ...USER_SETTINGS, ...options.settings };
  await writeFile(path.join(root, 'user', 'User', 'settings.json'), JSON.stringify(settings));
  const machine = options.machineSettings ?? { 'eventscope.setup.nodeForWindows': NODE_FOR_WINDOWS };
  await writeFile(path.join(root, 'user', 'Machine', 'settings.json'), JSON.stringify(machine));
  const { file, id } = await currentPackage();
  const args = [vscodeHost.entry, ...folderOptions(root), '--install-extension', file];
  await promisify(execFile)(vscodeHost.node, args, { env: environmentOf(root, options), timeout: 60_000 });
  const extensions = path.join(root, 'extensions');
  const name = (await readdir(extensions)).find((entry) => entry.startsWith(id));
  assert.ok(name !== undefined, `${id} was not installed`);
  return path.join(extensions, name);
}

const folderOptions = (root: string): string[] => [
  '--config',
  path.join(root, 'config.yaml'),
  '--user-data-dir',
  path.join(root, 'user'),
  '--extensions-dir',
  path.join(root, 'extensions'),
];

function environmentOf(root: string, options: VscodeHostOptions): NodeJS.ProcessEnv {
  // A host inside a host misbehaves, and npm's variables are not a user's.
  const own = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_|npm_)/.test(name));
  return {
    ...Object.fromEntries(own),
    CODE_SERVER_CONFIG: path.join(root, 'config.yaml'),
    // No requests to a gallery of extensions.
    EXTENSIONS_GALLERY: '{}',
    // As an editor may have another one than the terminal that a test is: both must find one wineserver.
    TMPDIR: root,
    XDG_RUNTIME_DIR: root,
    XDG_DATA_HOME: path.join(root, 'd'),
    XDG_CONFIG_HOME: path.join(root, 'c'),
    XDG_CACHE_HOME: path.join(root, 'k'),
    ...options.environment,
  };
}

function startServer(root: string, port: number, options: VscodeHostOptions): ChildProcess {
  const log = createWriteStream(path.join(OUT, `${options.name}-server.log`));
  const args = [
    vscodeHost.entry,
    ...folderOptions(root),
    ...['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`],
    ...['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override', '--ignore-last-opened'],
    ...(options.settings?.['security.workspace.trust.enabled'] === true ? [] : ['--disable-workspace-trust']),
    ...(options.testDriver === true ? ['--vscode-option', 'enable-smoke-test-driver'] : []),
  ];
  const server = spawn(vscodeHost.node, args, {
    env: environmentOf(root, options),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  server.stdout.pipe(log);
  server.stderr.pipe(log);
  return server;
}

async function answers(port: number, server: ChildProcess): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (answer?.ok === true) return;
    assert.equal(server.exitCode, null, 'the server of VS Code ended at once: see out/vscode');
    assert.ok(Date.now() < until, 'the server of VS Code does not answer');
    await delay(100);
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null) return;
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const group = -server.pid;
  kill(group, 'SIGTERM');
  const timer = setTimeout(() => kill(group, 'SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** A target that a window has started runs on when the window is closed, as a user expects; a test's must not. */
async function endPrefixes(root: string): Promise<void> {
  const names = await readdir(root);
  for (const name of names) {
    const prefix = path.join(root, name, '.eventscope', 'wine', 'prefix');
    if (!existsSync(prefix)) continue;
    const env = { ...process.env, TMPDIR: '/tmp', WINEPREFIX: prefix };
    await promisify(execFile)('wineserver', ['-k'], { env, timeout: 20_000 }).catch(() => undefined);
    await promisify(execFile)('wineserver', ['-w'], { env, timeout: 20_000 }).catch(() => undefined);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
