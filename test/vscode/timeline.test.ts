/** From a run to the line that signaled and back, and over a reload of the window. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { openTestWindow } from './test-window.js';
import { TimelinePanel } from './timeline-panel.js';
import { becomes, type Workbench, WORK_TIMEOUT_MS } from './workbench.js';

/** Signals from a DPC and waits of the application. */
const RUN = 'signals --type synchronization --from dpc --count 20 --period 50';
/** A transition or wait of a wake whose caller is in the driver. */
const WAKE_OF_DRIVER = /set.* at (eventsys\.sys\+0x[0-9a-f]+)[^]*released the wait/;

describe('timeline end to end', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  const window = openTestWindow({ name: 'timeline' });
  let workbench: Workbench;
  let panel: TimelinePanel;
  before(async () => {
    ({ workbench } = window());
    panel = new TimelinePanel(workbench.page);
    await workbench.page.setViewportSize({ width: 1440, height: 1000 });
  });

  async function run(words: string): Promise<void> {
    await workbench.command('Eventscope: Run Application');
    await workbench.page.locator('.quick-input-widget .quick-input-box input').fill(words);
    await workbench.page.keyboard.press('Enter');
  }

  it('shows what Run Application recorded', async () => {
    await workbench.showViews();
    await (await workbench.openPane('Named Objects')).getByText('Build and Deploy').waitFor();
    await workbench.command('Eventscope: Build and Deploy');
    await workbench.said('Service eventsys is running.');
    await run(RUN);
    await panel.summary
      .filter({ hasText: /\d+ transitions, \d+ wakes in [^,]*$/ })
      .waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.notification('Running eventapp').waitFor({ state: 'detached', timeout: WORK_TIMEOUT_MS });
    await panel.drawn();
    assert.ok((await panel.transitions()) > 0);
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
    const text = await readFile(path.join(window().folder, 'driver', 'sys', name), 'utf8');
    assert.match(text.split('\n')[line - 1] ?? '', /Ke(SetEvent|PulseEvent|SetTimer)/);
  });

  it('from the line the timeline is shown at a call from there', async () => {
    await workbench.command('Eventscope: Show Line on Timeline');
    await panel.detail.filter({ hasText: /at eventsys\.sys\+0x/ }).waitFor();
  });

  it('is restored after a reload of the window, with the run and the very transition that was selected', async () => {
    const [summary, detail] = [await panel.summary.innerText(), await panel.detail.innerText()];
    await workbench.reload();
    await panel.summary.filter({ hasText: summary }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await panel.drawn();
    await becomes(() => panel.detail.innerText(), detail);
  });
});
