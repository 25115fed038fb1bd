/** From a live run to the line that signaled: the application is run, its timeline grows, and a click leads to the source. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { VscodeHost } from './host.js';
import { TimelinePanel } from './timeline-panel.js';
import { Workbench, WORK_TIMEOUT_MS } from './workbench.js';

/** Some seconds of signals from a DPC and waits of the application. */
const RUN = 'signals --type synchronization --from dpc --count 40 --period 100';
/** A transition or wait of a wake whose caller is in the driver. */
const WAKE_OF_DRIVER = /set.* at (eventsys\.sys\+0x[0-9a-f]+)[^]*released the wait/;

describe('timeline end to end', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  let host: VscodeHost;
  let folder: string;
  let workbench: Workbench;
  let panel: TimelinePanel;
  let failed = false;

  before(async () => {
    host = await VscodeHost.start({ name: 'timeline' });
    folder = await host.sample('sample');
    workbench = new Workbench(await host.open(folder));
    panel = new TimelinePanel(workbench.page);
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    failed = true;
    await host.keepPictures(this.currentTest.title);
  });
  after(async function () {
    this.timeout(60_000);
    await host.stop(failed);
  });

  async function run(words: string): Promise<void> {
    await workbench.command('Eventscope: Run Application');
    await workbench.page.locator('.quick-input-widget .quick-input-box input').fill(words);
    await workbench.page.keyboard.press('Enter');
  }

  it('grows while the application runs', async () => {
    await workbench.contributed();
    await workbench.showViews();
    await (await workbench.openPane('Named Objects')).getByText('Build and Deploy').waitFor();
    await workbench.command('Eventscope: Build and Deploy');
    await workbench.said('Service eventsys is running.');
    await run(RUN);
    await panel.summary.filter({ hasText: 'live' }).waitFor({ timeout: WORK_TIMEOUT_MS });
    const counts = [await panel.transitions()];
    while (counts.length < 4) {
      await panel.summary.filter({ hasNotText: `, ${counts.at(-1) ?? 0} transitions` }).waitFor();
      const now = await panel.transitions();
      if (now !== counts.at(-1)) counts.push(now);
    }
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      'it only grows',
    );
    await panel.summary.filter({ hasNotText: 'live' }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.notification('Running eventapp').waitFor({ state: 'detached', timeout: WORK_TIMEOUT_MS });
    await panel.drawn();
    assert.ok((await panel.transitions()) >= (counts.at(-1) ?? 0));
  });

  it('a click on a wake opens the line that signaled', async () => {
    const { x, y } = await panel.find(WAKE_OF_DRIVER);
    await workbench.page.mouse.click(x, y);
    const tab = workbench.page.locator('.tab[data-resource-name$=".c"]');
    await tab.waitFor();
    const name = (await tab.getAttribute('data-resource-name')) ?? '';
    await tab.click();
    const position = workbench.page.locator('.statusbar-item[id="status.editor.selection"]');
    await position.filter({ hasText: /Ln \d+/ }).waitFor();
    const line = Number(/Ln (\d+)/.exec(await position.innerText())?.[1]);
    const text = await readFile(path.join(folder, 'driver', 'sys', name), 'utf8');
    assert.match(text.split('\n')[line - 1] ?? '', /Ke(SetEvent|PulseEvent|SetTimer)/);
  });

  it('from the line the timeline is shown at a call from there', async () => {
    await workbench.command('Eventscope: Show Line on Timeline');
    await panel.detail.filter({ hasText: /at eventsys\.sys\+0x/ }).waitFor();
  });

  it('is restored after a reload of the window, with the run that it showed', async () => {
    const summary = await panel.summary.innerText();
    await workbench.page.reload();
    await workbench.contributed();
    await panel.summary.filter({ hasText: summary }).waitFor({ timeout: WORK_TIMEOUT_MS });
  });

  it('no promise was rejected unseen', async () => assert.deepEqual(await host.hostErrors(), []));
});
