/**
 * A kernel debugged over its link, as a person sees it: what the views tell before, while the machine is stopped, while it runs, and
 * afterwards. The kernel is our own KD target, a model of one that follows the protocol's reference: Windows is not run here.
 */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { KdBench, until } from '../debug/kd-fixture.js';
import { DebugWorkbench } from './debug-workbench.js';
import { OUT } from './host.js';
import { openTestWindow } from './test-window.js';
import { WORK_TIMEOUT_MS } from './workbench.js';

const NOT_STARTED = 'The target is not started.';
const RUNS = 'The kernel debugger lets the machine run.';
/** Of the thread whose call has met the point. */
const SIGNALED = /KeSetEvent on \\BaseNamedObjects\\SharedEvent: .*1 waiter/i;
/** What the row of the point says once it was met. */
const HIT_POINT = /[1-9]\d* hits? ·/;
const STOPPED = 'stopped kernel';
/** DbgKdGetVersionApi: asked for once an attach. */
const GET_VERSION = 0x3146;

/** @param connect the link, as launch.json names it */
async function writeLaunch(folder: string, connect: string): Promise<void> {
  const kernel = {
    ...{ type: 'eventscope', request: 'attach', name: 'Kernel of the lab' },
    kd: { connect, stopOnAttach: true },
  };
  await mkdir(path.join(folder, '.vscode'), { recursive: true });
  const launch = JSON.stringify({ version: '0.2.0', configurations: [kernel] });
  await writeFile(path.join(folder, '.vscode', 'launch.json'), launch);
}

describe('a kernel over its debugging link', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  let bench: KdBench;
  let workbench: DebugWorkbench;
  before(async () => {
    bench = await KdBench.unborn();
  });
  const opened = openTestWindow({ name: 'kernel' }, async (host) => {
    const folder = await host.sample('sample');
    await writeLaunch(folder, `unix:${socket()}`);
    return folder;
  });
  before(async () => {
    workbench = new DebugWorkbench(opened().workbench.page);
    await workbench.page.setViewportSize({ width: 1440, height: 1000 });
    await workbench.showViews();
    await workbench.closePane('Signal and Wait Points');
  });
  after(() => bench.close());

  const socket = (): string => path.join(bench.folder, 'kd');
  const objects = (): Promise<Locator> => workbench.openPane('Named Objects');
  const driver = (): Promise<Locator> => workbench.openPane('Driver');
  const row = (label: string, value: string | RegExp): Promise<void> =>
    workbench.treeItem(label).filter({ hasText: value }).first().waitFor();
  const statusSays = (text: string): Promise<void> => workbench.status.filter({ hasText: text }).waitFor();

  /** Every view says so, and none shows anything of a kernel. */
  async function runs(): Promise<void> {
    await row('KD link', `connected, running · unix:${socket()}`);
    await (await objects()).getByText(RUNS).waitFor();
    await (await driver()).getByText(RUNS).waitFor();
    await workbench.treeItem('SharedEvent').waitFor({ state: 'detached' });
    await statusSays('wine');
  }

  async function isStopped(): Promise<void> {
    await row('KD link', `connected, stopped · unix:${socket()}`);
    await (await objects()).getByText(STOPPED).waitFor();
    await (await driver()).getByText(STOPPED).waitFor();
    await statusSays('Kernel stopped');
  }

  async function asBefore(): Promise<void> {
    await row('KD link', /KD link\s*unix:/);
    await (await objects()).getByText(NOT_STARTED).waitFor();
    await (await driver()).getByText('once it is deployed').waitFor();
    await workbench.treeItem('SharedEvent').waitFor({ state: 'detached' });
    await statusSays('wine');
  }

  it('the Target view names the link of launch.json', asBefore);

  it('F5 waits for a kernel that is not there yet, and stops it once it is: its namespace is shown out of its memory', async () => {
    await workbench.page.keyboard.press('F5');
    await row('KD link', 'waiting for the kernel');
    await bench.listen(socket());
    await isStopped();
    await row('AlwaysSignaled', 'signaled, notification');
    await row('SharedSemaphore', 'count 3 of 10');
    await row('SharedMutant', 'free');
  });

  it('Break on Signal of a named event stops at its next signal, and the call stack says why', async () => {
    await workbench.chooseInMenu(workbench.treeItem('SharedEvent').first(), 'Break on Signal');
    await workbench.showCallStack();
    await workbench.goOn();
    await workbench.openThread(SIGNALED);
    for (const frame of [/^ntoskrnl!KeSetEvent/, /^eventsys\+0x/]) await workbench.stackRow(frame).first().waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'kernel-stack.png') });
  });

  it('the tree has the event’s state and who waits for it, as they are in this stop', async () => {
    await workbench.showViews();
    await isStopped();
    const event = workbench.treeItem('SharedEvent').first();
    await event.filter({ hasText: /1 waiter · (not )?signaled, synchronization/ }).waitFor();
    const main = bench.target.kernel.threads.find(({ name }) => name === 'main');
    const waiter = `Waiter: thread ${main?.threadId ?? 'none'} of process 1204, UserRequest for `;
    await workbench.showTooltip(event, waiter);
    await workbench.page.screenshot({ path: path.join(OUT, 'kernel-signal.png') });
  });

  it('the driver is told out of kernel memory, its debug output in the channel', async () => {
    const { base } = bench.target.kernel.driver;
    await row('\\Driver\\eventsys', 'driver object at 0x');
    await row('Image', `at 0x${base.toString(16)} in the kernel`);
    await row('\\Device\\EventSys', 'type 0x22');
    await workbench.expand('Dispatch entries');
    const dispatch = `eventsys+0x${(bench.at('eventsys.sys', 'EsDispatch') - base).toString(16)}`;
    await row('IRP_MJ_CREATE', dispatch);
    await workbench.command('Eventscope: Open DbgPrint Output');
    await workbench.page.locator('.output-view .view-line').filter({ hasText: 'eventsys: started' }).waitFor();
  });

  it('once the point is unchecked the machine goes on, the views say so, and their button stops it again', async () => {
    for (const title of ['Target', 'Named Objects', 'Driver']) await workbench.closePane(title);
    await workbench.openPane('Signal and Wait Points');
    const point = workbench.treeItem('Signals of SharedEvent');
    await point.filter({ hasText: HIT_POINT }).locator('.custom-view-tree-node-item-checkbox').click();
    // At once: the session is told of the one before the other.
    await workbench.page.keyboard.press('F5');
    await point.locator('[aria-checked=false]').waitFor();
    await point.filter({ hasText: HIT_POINT }).waitFor({ state: 'detached' });
    await workbench.closePane('Signal and Wait Points');
    await workbench.openPane('Target');
    await runs();
    await bench.runs();
    await (await objects()).getByText('Pause').click();
    await isStopped();
    await row('SharedEvent', 'synchronization');
  });

  it('a restart attaches anew, and stops the machine as the first time', async () => {
    const attached = (): number => bench.target.requests.get(GET_VERSION) ?? 0;
    const before = attached();
    await workbench.page.keyboard.press('Control+Shift+F5');
    await until('the second attach', () => attached() > before);
    await isStopped();
    await row('SharedEvent', 'synchronization');
    await workbench.goOn();
    await runs();
    await bench.runs();
  });

  it('the session’s end lets the machine run, and the views are as before', async () => {
    await workbench.page.keyboard.press('Shift+F5');
    await asBefore();
    await bench.runs();
    assert.equal(bench.target.isStopped, false);
  });
});

describe('a kernel over its debugging link, in a folder without a project', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  let bench: KdBench;
  before(async () => {
    bench = await KdBench.make();
  });
  const opened = openTestWindow({ name: 'kernel-alone' }, async (host) => {
    const folder = await host.emptyFolder('notes');
    await writeLaunch(folder, bench.address);
    return folder;
  });
  after(() => bench.close());

  it('its namespace is shown while it is stopped, and its link', async () => {
    const { workbench } = opened();
    const { page } = workbench;
    // F5 knows of launch.json a moment after the window is shown.
    await workbench.command('View: Show Run and Debug');
    await page.locator('.start-debug-action-item').filter({ hasText: 'Kernel of the lab' }).waitFor();
    await workbench.showViews();
    await page.keyboard.press('F5');
    await workbench.treeItem('KD link').filter({ hasText: 'connected, stopped' }).waitFor();
    await workbench.treeItem('AlwaysSignaled').filter({ hasText: 'signaled, notification' }).waitFor();
    await (await workbench.openPane('Driver')).getByText('once a project is open').waitFor();
    await page.screenshot({ path: path.join(OUT, 'kernel-alone.png') });
    await page.locator('.debug-toolbar .codicon-debug-continue:not(.disabled)').click();
    await (await workbench.openPane('Named Objects')).getByText(RUNS).waitFor();
    await bench.runs();
    await page.keyboard.press('Shift+F5');
    await (await workbench.openPane('Named Objects')).getByText('once a project is open').waitFor();
  });
});
