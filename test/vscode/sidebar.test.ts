/** The side bar while things happen to the target from outside, and the editor's marks; each is looked for where a person sees it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Locator } from 'playwright-core';
import { loadProject } from '../../target/project.js';
import { openTarget } from '../../target/targets.js';
import { holdEvents } from './held-objects.js';
import { OUT } from './host.js';
import { AGENTS, killProcesses } from './killed-processes.js';
import { openTestWindow } from './test-window.js';
import { type Workbench, WORK_TIMEOUT_MS } from './workbench.js';

/** Everyone is refused everything. */
const NOBODY = 'D:P(D;;GA;;;WD)';

describe('side bar', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  const opened = openTestWindow({ name: 'sidebar' });
  let folder: string;
  let workbench: Workbench;

  before(async () => {
    ({ folder, workbench } = opened());
    await workbench.showViews();
    await (await workbench.openPane('Named Objects')).getByText('Build and Deploy').waitFor();
    await workbench.command('Eventscope: Build and Deploy');
    await workbench.said('Service eventsys is running.');
    // Rows out of sight are not in the page.
    await workbench.closePane('Signal and Wait Points');
  });

  const prefix = (): string => path.join(folder, '.eventscope', 'wine', 'prefix');

  it('an entry that refuses to be opened says so, and what stands beside it has its state', async () => {
    for (const title of ['Target', 'Driver']) await workbench.closePane(title);
    const refused = await holdEvents(folder, '\\BaseNamedObjects\\Refused', 2, { sddl: NOBODY });
    const open = await holdEvents(folder, '\\BaseNamedObjects\\Open', 2);
    try {
      await workbench.command('Eventscope: Refresh');
      await workbench.expand('Refused');
      const denied = workbench.treeItem('Event00001').filter({ hasText: 'STATUS_ACCESS_DENIED' });
      await denied.waitFor();
      await workbench.expand('Open');
      await workbench.treeItem('Event00001').filter({ hasText: 'not signaled' }).waitFor();
    } finally {
      await refused.end();
      await open.end();
    }
  });

  it('a change stands out for a moment; an object that is gone is taken away', async () => {
    const held = await holdEvents(folder, '\\BaseNamedObjects\\Changing', 1);
    try {
      await workbench.command('Eventscope: Refresh');
      await workbench.expand('Changing');
      const event = workbench.treeItem('Event00000').filter({ hasText: 'not signaled' });
      await event.waitFor();
      const client = await connect();
      try {
        await client.request('object/change', { path: '\\BaseNamedObjects\\Changing\\Event00000', action: 'set' });
        const changed = workbench.treeItem('Event00000').filter({ hasText: /(?<!not )signaled/ });
        await changed.waitFor();
        await badge(changed).waitFor();
        await badge(changed).waitFor({ state: 'detached' });
      } finally {
        await client.close();
      }
    } finally {
      await held.end();
    }
    await workbench.treeItem('Changing').waitFor({ state: 'detached' });
  });

  it('the keyboard alone opens a long directory, shows more of it, and finds one of its objects by the filter', async () => {
    const held = await holdEvents(folder, '\\BaseNamedObjects\\Long', 250);
    try {
      const { keyboard } = workbench.page;
      await workbench.command('Eventscope: Refresh');
      await workbench.treeItem('Long').waitFor();
      await workbench.command('Eventscope: Focus on Named Objects View');
      await workbench.goToRow('Long');
      await workbench.openRow('Long');
      await workbench.treeItem('Event00000').waitFor();
      await workbench.goToRow('Show More', 'last');
      // To a screen reader this row is a button.
      const left = workbench.page.locator('.pane-body .monaco-list-row', { hasText: '50 left' });
      await left.waitFor();
      await keyboard.press('Enter');
      await left.waitFor({ state: 'detached' });
      await workbench.goToRow('Event00249', 'last');
      await keyboard.press('F1');
      await keyboard.type('Eventscope: Filter Objects');
      await workbench.page
        .locator('.quick-input-list .monaco-list-row.focused', { hasText: 'Filter Objects' })
        .waitFor();
      await keyboard.press('Enter');
      await workbench.page.locator('.quick-input-widget input[placeholder^="Words of a path"]').waitFor();
      await keyboard.type('long 0123');
      await keyboard.press('Enter');
      await workbench.treeItem('Event00123').filter({ hasText: 'BaseNamedObjects\\Long' }).waitFor();
      await workbench.treeItem('Event00249').waitFor({ state: 'detached' });
      const objects = await workbench.openPane('Named Objects');
      await objects.getByText('“long 0123”: 1 of').waitFor();
      await workbench.command('Eventscope: Clear Object Filter');
      await workbench.treeItem('Event00123').waitFor({ state: 'detached' });
      await objects.getByText('“long 0123”').waitFor({ state: 'detached' });
    } finally {
      await held.end();
    }
  });

  it('a driver that is stopped from outside is shown as stopped', async () => {
    await workbench.closePane('Named Objects');
    await workbench.openPane('Driver');
    const service = workbench.treeItem('eventsys').first();
    await service.filter({ hasText: 'running' }).waitFor();
    const client = await connect();
    try {
      await client.request('service/stop', { name: 'eventsys', timeoutMs: 20_000 });
    } finally {
      await client.close();
    }
    await service.filter({ hasText: 'stopped' }).waitFor();
  });

  it('an agent that is killed is told in the views, and Start Target begins anew', async () => {
    assert.ok((await killProcesses(prefix(), AGENTS)) > 0);
    const objects = await workbench.openPane('Named Objects');
    await objects.getByText('The connection to the target was lost.').waitFor();
    await workbench.openPane('Target');
    await workbench.treeItem('Health').filter({ hasText: 'The agent is gone' }).waitFor();
    await objects.getByText('Start Target').click();
    await workbench.treeItem('\\BaseNamedObjects').first().waitFor({ timeout: WORK_TIMEOUT_MS });
  });

  it('a target that is stopped from outside is told, and Start Target starts it', async () => {
    const env = { ...process.env, TMPDIR: '/tmp', WINEPREFIX: prefix() };
    await promisify(execFile)('wineserver', ['-k'], { env });
    const objects = await workbench.openPane('Named Objects');
    await objects.getByText('The connection to the target was lost.').waitFor();
    await objects.getByText('Start Target').click();
    await workbench.treeItem('\\BaseNamedObjects').first().waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.treeItem('Health').filter({ hasText: 'running' }).waitFor();
  });

  it('signal and wait points have their marks in the gutter, until these are switched off', async () => {
    await workbench.openFile('events.c');
    const nextFrame = () => workbench.page.evaluate('new Promise(requestAnimationFrame)');
    const marks = workbench.gutterMarks('gutter-signal.svg');
    const source = await readFile(path.join(folder, 'driver', 'sys', 'events.c'), 'utf8');
    const line = source.split('\n').findIndex((text) => text.includes('KeSetEvent(')) + 1;
    await workbench.page.keyboard.press('Control+G');
    await workbench.page.keyboard.type(String(line));
    await workbench.page.keyboard.press('Enter');
    const lenses = workbench.page.locator('.codelens-decoration').filter({ visible: true });
    await lenses.first().waitFor();
    while ((await marks()) === 0) await nextFrame();
    await mkdir(path.join(folder, '.vscode'), { recursive: true });
    const settings = { 'eventscope.points.gutter': false, 'eventscope.points.codeLens': false };
    await writeFile(path.join(folder, '.vscode', 'settings.json'), JSON.stringify(settings));
    await lenses.first().waitFor({ state: 'detached' });
    while ((await marks()) > 0) await nextFrame();
  });

  it('in high contrast the state of an object is in its text, as everywhere', async () => {
    const settings = { 'workbench.colorTheme': 'Default High Contrast' };
    await writeFile(path.join(folder, '.vscode', 'settings.json'), JSON.stringify(settings));
    await workbench.page.locator('.monaco-workbench.hc-black').first().waitFor();
    await workbench.treeItem('__WINE_FONT_MUTEX__').filter({ hasText: 'free' }).waitFor();
    await workbench.page.screenshot({ path: path.join(OUT, 'sidebar-high-contrast.png') });
  });

  /** An agent of our own in the window's prefix. */
  async function connect() {
    const target = await openTarget(await loadProject(folder));
    return target.connect({ signal: AbortSignal.timeout(WORK_TIMEOUT_MS), progress: () => undefined });
  }
  const badge = (row: Locator): Locator => row.locator('[class*="monaco-decoration-itemBadge"]');
});
