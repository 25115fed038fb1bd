/** Two projects in one window: each has its own targets, and settings that stand where nobody reads them are told. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openTestWindow } from './test-window.js';
import type { Workbench } from './workbench.js';
import { WORK_TIMEOUT_MS } from './workbench.js';

describe('a workspace of two folders', function () {
  this.timeout(WORK_TIMEOUT_MS);

  const opened = openTestWindow({ name: 'multi-root', settings: { 'eventscope.targets': [] } }, async (host) => {
    const first = await host.sample('first');
    const second = await host.sample('second');
    await mkdir(path.join(second, '.vscode'), { recursive: true });
    const settings = { 'eventscope.targets': [{ name: 'of-second', kind: 'wine' }] };
    await writeFile(path.join(second, '.vscode', 'settings.json'), JSON.stringify(settings));
    const workspace = path.join(path.dirname(first), 'both.code-workspace');
    const folders = [{ path: 'first' }, { path: 'second' }];
    await writeFile(workspace, JSON.stringify({ folders, settings: { 'eventscope.targets': [] } }, undefined, 2));
    return workspace;
  });
  let workbench: Workbench;

  before(async () => {
    ({ workbench } = opened());
    await workbench.showViews();
    await workbench.status.waitFor();
  });

  it('project settings in the user’s settings are told to have no effect', async () => {
    await workbench.notification('eventscope.targets in the user settings has no effect').waitFor();
    await workbench.closeNotifications();
  });

  it('project settings in the workspace file are told at their line', async () => {
    await workbench.command('Problems: Focus on Problems View');
    const problem = workbench.page.locator('.markers-panel .monaco-list-row').filter({ hasText: 'has no effect here' });
    await problem.first().waitFor();
  });

  it('Select Target offers the targets of both, and the chosen one is the window’s', async () => {
    await workbench.command('Eventscope: Select Target');
    const rows = workbench.page.locator('.quick-input-list .monaco-list-row');
    const other = rows.filter({ hasText: 'of-second' });
    await other.waitFor();
    assert.equal(await rows.filter({ hasText: 'first' }).count(), 1);
    await other.click();
    await workbench.status.filter({ hasText: 'of-second' }).waitFor();
  });
});
