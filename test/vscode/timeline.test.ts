/** From a run that goes on to the line that signaled and back, over a reload of the window, and from and to files. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { OUT } from './host.js';
import type { ComputedStyle, PageCanvas, PageDocument, PageElement } from '../webview/page-globals.js';
import { killProcesses } from './killed-processes.js';
import { openTestWindow } from './test-window.js';
import { TimelinePanel } from './timeline-panel.js';
import { becomes, type Workbench, WORK_TIMEOUT_MS } from './workbench.js';

// In the page.
declare const document: PageDocument;
declare const getComputedStyle: ComputedStyle;

/** Signals from a DPC to the application's wait, for longer than any test lasts. */
const RUN = 'app-name --name SharedEvent --type synchronization --count 100000 --period 100';
const APPLICATION = /eventapp\.exe/;
/** A signal or wait of a wake whose caller is in the driver. */
const WAKE_OF_DRIVER = /SharedEvent: set.* at eventsys\.sys\+0x[0-9a-f]+[^]*released the wait/;

/** In the page: what the theme says, and what is drawn. */
function coloursOfPage(body: PageElement): Record<'line' | 'border' | 'background' | 'drawn', string> {
  const own = getComputedStyle(body);
  const canvas = document.getElementById('canvas') as unknown as PageCanvas;
  // Left on the axis, where nothing stands.
  const [red, green, blue] = canvas.getContext('2d').getImageData(2, 40, 1, 1).data;
  return {
    line: own.getPropertyValue('--es-line').trim(),
    border: getComputedStyle(document.documentElement).getPropertyValue('--vscode-contrastBorder').trim(),
    background: own.backgroundColor,
    drawn: `rgb(${red}, ${green}, ${blue})`,
  };
}

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

  it('the lane of an event grows while the application runs', async () => {
    await workbench.showViews();
    await (await workbench.openPane('Named Objects')).getByText('Build and Deploy').waitFor();
    await workbench.command('Eventscope: Build and Deploy');
    await workbench.said('Service eventsys is running.');
    await run(RUN);
    await panel.summary.filter({ hasText: /[1-9]\d* wakes? in .*, live$/ }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await panel.toggleStatistics();
    const first = await panel.signalsOf('SharedEvent');
    await becomes(async () => (await panel.signalsOf('SharedEvent')) > first + 5, true);
    await panel.toggleStatistics();
    await workbench.page.screenshot({ path: path.join(OUT, 'timeline-live.png') });
  });

  it('Show on Timeline leads from the object in the tree to its lane', async () => {
    for (const pane of ['Target', 'Driver', 'Signal and Wait Points']) await workbench.closePane(pane);
    await workbench.expand('\\BaseNamedObjects');
    await workbench.command('Eventscope: Refresh');
    await workbench.chooseInMenu(workbench.treeItem('SharedEvent').first(), 'Show on Timeline');
    await panel.detail.filter({ hasText: /SharedEvent: / }).waitFor();
  });

  it('a click on a wake of the run that goes on opens the line that signaled', async () => {
    // What is in sight of a part of the time stays there while the rest grows.
    const first = await panel.find(WAKE_OF_DRIVER);
    await panel.zoomIn(first);
    const { x, y } = await panel.find(WAKE_OF_DRIVER, first.y);
    await workbench.page.mouse.click(x, y);
    const tab = workbench.page.locator('.tab[data-resource-name$=".c"]');
    await tab.waitFor();
    await panel.summary.filter({ hasText: /, live$/ }).waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'timeline-wake.png') });
    const name = (await tab.getAttribute('data-resource-name')) ?? '';
    await tab.click();
    const position = workbench.page.locator('.statusbar-item[id="status.editor.selection"]');
    await position.filter({ hasText: /Ln \d+/ }).waitFor();
    const line = Number(/Ln (\d+)/.exec(await position.innerText())?.[1]);
    const text = await readFile(path.join(window().folder, 'driver', 'sys', name), 'utf8');
    assert.match(text.split('\n')[line - 1] ?? '', /Ke(SetEvent|PulseEvent|SetTimer)/);
  });

  it('an application that is killed leaves what was recorded until then', async () => {
    const prefix = path.join(window().folder, '.eventscope', 'wine', 'prefix');
    assert.equal(await killProcesses(prefix, APPLICATION), 1);
    await panel.summary.filter({ hasText: /[1-9]\d* wakes in [^,]*$/ }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.notification('Running eventapp').waitFor({ state: 'detached', timeout: WORK_TIMEOUT_MS });
    await panel.drawn();
  });

  it('from the line the timeline is shown at a call from there', async () => {
    const before = await panel.detail.innerText();
    await workbench.command('Eventscope: Show Line on Timeline');
    // The next call from there: the one that was clicked is from there as well.
    await becomes(async () => (await panel.detail.innerText()) !== before, true);
    assert.match(await panel.detail.innerText(), /at eventsys\.sys\+0x/);
  });

  it('is restored after a reload of the window, with the run and the very transition that was selected', async () => {
    const [summary, detail] = [await panel.summary.innerText(), await panel.detail.innerText()];
    await workbench.reload();
    await panel.summary.filter({ hasText: summary }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await panel.drawn();
    await becomes(() => panel.detail.innerText(), detail);
  });

  it('has the colours of a high-contrast theme, and knows that motion is to be reduced, as the editor sets both', async () => {
    const settings = path.join(window().folder, '.vscode', 'settings.json');
    await mkdir(path.dirname(settings), { recursive: true });
    const wanted = { 'workbench.colorTheme': 'Default High Contrast Light', 'workbench.reduceMotion': 'on' };
    await writeFile(settings, JSON.stringify(wanted));
    const body = panel.frame.locator('body.vscode-high-contrast-light.vscode-reduce-motion');
    await body.waitFor();
    await panel.drawn();
    const colours = await body.evaluate(coloursOfPage);
    assert.match(colours.border, /^#[0-9a-f]{6}$/i);
    assert.equal(colours.line, colours.border);
    assert.equal(colours.drawn, colours.background);
    await workbench.page.screenshot({ path: path.join(OUT, 'timeline-high-contrast-light.png') });
    await rm(settings);
    await panel.frame.locator('body.vscode-dark').waitFor();
  });

  it('a recording opens by a double click, is exported from its editor, and opens when it is dropped on the editors', async () => {
    const { folder } = window();
    const { page } = workbench;
    const traces = path.join(folder, '.eventscope', 'traces');
    const [kept = assert.fail('nothing was kept')] = await readdir(traces);
    await copyFile(path.join(traces, kept), path.join(folder, 'kept.evtrace'));
    await workbench.command('View: Close All Editors');
    await workbench.command('View: Show Explorer');
    const row = page.locator('.explorer-folders-view .monaco-list-row[aria-label^="kept.evtrace"]');
    const tab = page.locator('.tab.active[data-resource-name="kept.evtrace"]');
    await row.dblclick();
    await tab.waitFor();
    await panel.summary.filter({ hasText: /[1-9]\d* wakes in [^,]*$/ }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await panel.frame.locator('#export').selectOption('csv');
    const dialog = page.locator('.quick-input-widget .quick-input-box input');
    await dialog.fill(path.join(folder, 'kept.csv'));
    await page.keyboard.press('Enter');
    await workbench.said('Exported to kept.csv');
    assert.match(await readFile(path.join(folder, 'kept.csv'), 'utf8'), /^time,.*\n.*SharedEvent/s);
    await workbench.command('View: Close All Editors');
    await tab.waitFor({ state: 'detached' });
    // What was exported takes a place above, some time later: a row that moves then would not be the one that is dragged.
    await page.locator('.explorer-folders-view .monaco-list-row[aria-label^="kept.csv"]').waitFor();
    await workbench.drag(row, page.locator('.editor-group-container').first());
    await tab.waitFor();
    await panel.summary.filter({ hasText: /[1-9]\d* wakes in [^,]*$/ }).waitFor({ timeout: WORK_TIMEOUT_MS });
  });
});
