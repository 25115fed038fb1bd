/** The window that the tests of one describe block share, with its server, browser and folder. */
import assert from 'node:assert/strict';
import { VscodeHost, type VscodeHostOptions } from './host.js';
import { Workbench } from './workbench.js';

const STOP_LIMIT_MS = 60_000;

export interface TestWindow {
  readonly host: VscodeHost;
  /** What the window has open. */
  readonly folder: string;
  readonly workbench: Workbench;
}

/**
 * To be called in a describe block: opens the window before its tests, ends it after them. A test that fails leaves pictures and
 * logs in out/vscode; a promise that was rejected unseen, or another defect in the extension host's log, fails the block.
 * @param prepare makes what is opened: a folder, or a .code-workspace file
 */
export function openTestWindow(
  options: VscodeHostOptions,
  prepare: (host: VscodeHost) => Promise<string> = (host) => host.sample('sample'),
): () => TestWindow {
  let host: VscodeHost | undefined;
  let window: TestWindow | undefined;
  let failed = false;

  before(async () => {
    host = await VscodeHost.start(options);
    const folder = await prepare(host);
    window = { host, folder, workbench: new Workbench(await host.open(folder)) };
    await window.workbench.contributed();
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    failed = true;
    await host?.keepPictures(this.currentTest.title);
  });
  after(async function () {
    this.timeout(STOP_LIMIT_MS);
    if (host === undefined) return;
    let defects: readonly string[] | undefined;
    try {
      defects = await host.hostErrors();
    } finally {
      await host.stop(failed || defects?.length !== 0);
    }
    assert.deepEqual(defects, [], 'defects in the log of the extension host');
  });
  return () => {
    assert.ok(window !== undefined, 'the window is opened before the first test, not while tests are defined');
    return window;
  };
}
