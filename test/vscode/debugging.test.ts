/** Debugging as a person does it: F5 in the sample, a stop on the driver's side, and along the signal to the application's. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { OUT } from './host.js';
import { openTestWindow } from './test-window.js';
import { DebugWorkbench } from './debug-workbench.js';
import { TimelinePanel } from './timeline-panel.js';
import { becomes, WORK_TIMEOUT_MS } from './workbench.js';

/** What the check box of the point says once it was met. */
const HIT_POINT = /[1-9]\d* hits? · breakpoint/;
const SIGNAL = 'const LONG previous = KeSetEvent';

describe('debugging', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  const opened = openTestWindow({ name: 'debugging' });
  let folder: string;
  let workbench: DebugWorkbench;
  let panel: TimelinePanel;
  let signalLine = 0;

  before(() => {
    folder = opened().folder;
    workbench = new DebugWorkbench(opened().workbench.page);
    panel = new TimelinePanel(workbench.page);
  });

  const lineOf = async (file: string, text: string): Promise<number> => {
    const lines = (await readFile(path.join(folder, 'driver', file), 'utf8')).split('\n');
    const index = lines.findIndex((line) => line.includes(text));
    assert.ok(index >= 0, `${file} has no line with ${text}`);
    return index + 1;
  };

  it('F5 without launch.json builds, deploys, starts, and stops at the signal that is checked in Signal and Wait Points', async () => {
    await workbench.page.setViewportSize({ width: 1440, height: 1000 });
    await workbench.showViews();
    // Its button comes when the project is read.
    await (await workbench.openPane('Named Objects')).getByText('Build and Deploy').waitFor();
    for (const pane of ['Target', 'Named Objects', 'Driver']) await workbench.closePane(pane);
    signalLine = await lineOf('sys/events.c', SIGNAL);
    await workbench.openPane('Signal and Wait Points');
    await workbench.command('Eventscope: Group by Side');
    await workbench.expand('KeSetEvent');
    const point = workbench.treeItem(`events.c:${signalLine}`);
    await point.locator('.custom-view-tree-node-item-checkbox').click();
    await point.locator('[aria-checked=true]').waitFor();
    await workbench.openFile('events.c');
    await workbench.page.keyboard.press('F5');
    await workbench.stoppedIn('events.c');
    await workbench.page
      .locator('.statusbar-item')
      .filter({ hasText: `Ln ${signalLine},` })
      .waitFor();
    await workbench.treeItem(HIT_POINT).waitFor();
    await workbench.showCallStack();
    await workbench.openThread(/KeSetEvent on .*SharedEvent: was not signaled; 1 waiter/);
    await workbench.stackRow('eventsys!EsEventSignal').first().waitFor();
    await workbench.stackRow('eventsys!TickDpc').waitFor();
  });

  it('shows the KEVENT in words, at its line, among the variables, and with who waits for it', async () => {
    const shown = /not\s+signaled,\s+notification/;
    await workbench.page.locator('.editor-instance .view-line').filter({ hasText: 'KeSetEvent' }).filter({ hasText: shown }).waitFor(); // prettier-ignore
    await workbench.openPane('Variables');
    await workbench.openScope('Dispatcher Objects');
    await workbench.variable(shown).first().waitFor();
    await workbench.closePane('Variables');
    await workbench.openPane('Dispatcher Objects');
    const object = workbench.treeItem('SharedEvent').filter({ hasText: 'not signaled' });
    await object.filter({ hasText: '1 waiter' }).waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-signal.png') });
  });

  it('Follow Signal lands in the application, where the wait returns, and shows who woke it', async () => {
    await workbench.showCallStack();
    await workbench.command('Eventscope: Follow Signal');
    await workbench.stoppedIn('take_signals.c');
    await workbench.openThread(/The wait of eventapp thread .* has returned/);
    await workbench.stackRow(/woken by KeSetEvent/).waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-followed.png') });
  });

  it('from the debug toolbar to the next signal and the next wait of the object; Who Signals This? lists what it has seen', async () => {
    await workbench.tool('Run to Next Signal');
    await workbench.stoppedIn('events.c');
    await workbench.openThread(/KeSetEvent on .*SharedEvent/);
    await workbench.tool('Run to Next Wait');
    await workbench.stoppedIn('take_signals.c');
    await workbench.openThread(/Wait.* on .*SharedEvent/);
    await workbench.command('Eventscope: Who Signals This?');
    const signalers = workbench.page.locator('.quick-input-list .monaco-list-row');
    await signalers
      .filter({ hasText: /KeSetEvent.*events\.c/ })
      .filter({ hasText: /seen/ })
      .first()
      .waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-who-signals.png') });
    await workbench.page.keyboard.press('Escape');
    await workbench.stoppedIn('events.c');
  });

  it('Break on Wait in the menu of an object of the tree stops at the next wait for it', async () => {
    await workbench.showViews();
    await workbench.closePane('Signal and Wait Points');
    await workbench.openPane('Named Objects');
    await workbench.expand('\\BaseNamedObjects');
    await workbench.command('Eventscope: Refresh');
    await workbench.chooseInMenu(workbench.treeItem('SharedEvent').first(), 'Break on Wait');
    await workbench.said('Stops at waits for');
    await workbench.page.keyboard.press('F5');
    await workbench.stoppedIn('take_signals.c');
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-break-on-wait.png') });
  });

  it('what is unchecked stops no more, however soon F5 follows; the toolbar records the rest for the timeline; Ctrl+F5 stops nowhere', async () => {
    await workbench.tool('Start Recording Points');
    await workbench.closePane('Named Objects');
    await workbench.openPane('Signal and Wait Points');
    const checked = workbench.page.locator('.pane-body .custom-view-tree-node-item-checkbox[aria-checked=true]');
    await checked.nth(1).waitFor();
    while ((await checked.count()) > 0) await checked.first().click();
    await workbench.page.keyboard.press('F5');
    await panel.summary.filter({ hasText: /[1-9]\d* wakes? in / }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.ended();
    await panel.summary.filter({ hasNotText: 'live' }).waitFor();
    await panel.toggleStatistics();
    await becomes(async () => (await panel.signalsOf('SharedEvent')) > 0, true);
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-recorded.png') });
    await workbench.treeItem(`events.c:${signalLine}`).locator('.custom-view-tree-node-item-checkbox').click();
    await workbench.page.locator('.tab[data-resource-name="events.c"]').click();
    await workbench.page.keyboard.press('Control+F5');
    await workbench.page.locator('.debug-toolbar').waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.ended();
    await workbench.page.locator('.repl [role=treeitem]').filter({ hasText: 'eventapp.exe ended' }).last().waitFor();
  });

  /** All check boxes of Signal and Wait Points. */
  const uncheckAll = async (): Promise<void> => {
    await workbench.showViews();
    await workbench.openPane('Signal and Wait Points');
    const checked = workbench.page.locator('.pane-body .custom-view-tree-node-item-checkbox[aria-checked=true]');
    await checked.first().waitFor();
    while ((await checked.count()) > 0) await checked.first().click();
  };

  it('"break here" over a signal sets a breakpoint, and F5 stops there', async () => {
    await uncheckAll();
    await workbench.openFile('events.c');
    await workbench.goToLine(signalLine);
    await workbench.clickLens('break here', SIGNAL);
    await workbench.lensSays('remove breakpoint', SIGNAL);
    await workbench.page.keyboard.press('F5');
    await workbench.stoppedIn('events.c');
    await workbench.stoppedAt(signalLine);
    await workbench.clickLens('remove breakpoint', SIGNAL);
    await workbench.lensSays('break here', SIGNAL);
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-lens.png') });
  });

  it('Break on Signal in the menu of an object of the tree stops at the next signal of it', async () => {
    await workbench.showViews();
    await workbench.closePane('Signal and Wait Points');
    await workbench.openPane('Named Objects');
    await workbench.expand('\\BaseNamedObjects');
    await workbench.command('Eventscope: Refresh');
    await workbench.chooseInMenu(workbench.treeItem('SharedEvent').first(), 'Break on Signal');
    await workbench.said('Stops at signals of');
    await workbench.page.keyboard.press('F5');
    await workbench.stoppedIn('events.c');
    await workbench.showCallStack();
    await workbench.openThread(/KeSetEvent on .*SharedEvent/);
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-break-on-signal.png') });
  });

  it('Stop Recording Points in the toolbar leaves the recording on the timeline while the target runs; a line is shown there', async () => {
    await workbench.tool('Start Recording Points');
    await uncheckAll();
    await workbench.page.keyboard.press('F5');
    await panel.summary.filter({ hasText: /[1-9]\d* wakes? in / }).waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.tool('Stop Recording Points');
    await panel.summary.filter({ hasNotText: 'live' }).waitFor();
    await workbench.debugTool('Start Recording Points').waitFor();
    await workbench.notification('Recorded').waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-stop-recording.png') });
    await workbench.openFile('events.c');
    await workbench.goToLine(signalLine);
    await workbench.chooseInEditorMenu(SIGNAL, 'Show Line on Timeline');
    await panel.detail.filter({ hasText: /SharedEvent: set by .* at eventsys\.sys\+0x/ }).waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'debugging-show-line.png') });
    await workbench.tool('Stop');
    await workbench.ended();
  });
});
