/** As a new user would: the sample's folder is open, the extension is installed, nothing else is done yet. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { holdEvents } from './held-objects.js';
import { openTestWindow } from './test-window.js';
import type { Workbench } from './workbench.js';
import { WORK_TIMEOUT_MS } from './workbench.js';

describe('end to end', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  const opened = openTestWindow({ name: 'end-to-end' });
  let folder: string;
  let workbench: Workbench;

  before(() => ({ folder, workbench } = opened()));

  it('the side bar has the extension, and its views say what comes next', async () => {
    await workbench.showViews();
    const objects = await workbench.openPane('Named Objects');
    await objects.getByText('Build and Deploy').waitFor();
  });

  it('Build and Deploy shows what it does now, and the status bar says when it is connected', async () => {
    await workbench.command('Eventscope: Build and Deploy');
    const progress = workbench.notification('Building and deploying');
    await progress.waitFor();
    await progress.getByText(/Compiling|Starting|Making|Linking|Copying|Waiting/).waitFor();
    await progress.waitFor({ state: 'detached', timeout: WORK_TIMEOUT_MS });
    await workbench.page.locator('.statusbar-item').filter({ hasText: 'wine' }).waitFor();
    const errors = await workbench.notification(/Open Log/).count();
    assert.equal(errors, 0);
  });

  it('a click on the status bar offers what makes sense now', async () => {
    await workbench.page.locator('.statusbar-item').filter({ hasText: 'wine' }).click();
    const rows = workbench.page.locator('.quick-input-list .monaco-list-row');
    await rows.filter({ hasText: 'Run Application' }).waitFor();
    assert.equal(await rows.filter({ hasText: 'Start Target' }).count(), 0, 'it is started already');
    await workbench.page.keyboard.press('Escape');
  });

  it('the tree has an event of the target; Signal in its menu changes its state, Reset changes it back', async () => {
    const held = await holdEvents(folder, '\\BaseNamedObjects\\EndToEnd', 3);
    try {
      // Rows out of sight are not in the page.
      for (const title of ['Target', 'Driver', 'Signal and Wait Points']) await workbench.closePane(title);
      await workbench.openPane('Named Objects');
      await workbench.expand('\\BaseNamedObjects');
      await workbench.command('Eventscope: Refresh');
      await workbench.expand('EndToEnd');
      const event = workbench.treeItem('Event00001');
      await event.filter({ hasText: 'not signaled' }).waitFor();
      await workbench.chooseInMenu(event, 'Signal');
      await event.filter({ hasText: /(?<!not )signaled/ }).waitFor();
      await workbench.chooseInMenu(event, 'Reset');
      await event.filter({ hasText: 'not signaled' }).waitFor();
      await workbench.treeItem('Event00002').filter({ hasText: 'not signaled' }).waitFor();
    } finally {
      await held.end();
    }
  });

  it('a compiler error is told and stands under Problems; corrected, it goes', async () => {
    const source = path.join(folder, 'driver', 'sys', 'pool.c');
    const before = await readFile(source, 'utf8');
    await appendFile(source, 'int broken = nothing_of_that_name;\n');
    await workbench.command('Eventscope: Build Driver');
    const message = workbench.notification('The build failed with 1 error');
    await message.waitFor({ timeout: WORK_TIMEOUT_MS });
    await message.getByRole('button', { name: 'Show Problems' }).press('Enter');
    const problem = workbench.page
      .locator('.markers-panel .monaco-list-row')
      .filter({ hasText: 'nothing_of_that_name' });
    await problem.waitFor();
    await problem.dblclick();
    await workbench.page.locator('.tab.active[data-resource-name="pool.c"]').waitFor();
    await writeFile(source, before);
    await workbench.command('Eventscope: Build Driver');
    await workbench.said('The build is done.');
    assert.equal(await problem.count(), 0);
  });

  it('the application’s run is shown in a terminal, with what released what', async () => {
    await workbench.command('Eventscope: Run Application');
    const input = workbench.page.locator('.quick-input-widget .quick-input-box input');
    await input.fill('signals --type synchronization --from dpc --count 3 --period 20');
    await workbench.page.keyboard.press('Enter');
    const progress = workbench.notification('Running eventapp');
    await progress.waitFor();
    await progress.waitFor({ state: 'detached', timeout: WORK_TIMEOUT_MS });
    await workbench.page
      .locator('.terminal-tabs-entry, .single-terminal-tab')
      .filter({ hasText: 'eventapp' })
      .first()
      .waitFor();
  });

  it('a failure says what to do next, and its button does it', async () => {
    await workbench.command('Eventscope: Undeploy');
    await workbench.said('Nothing of it is left.');
    await workbench.command('Tasks: Run Task');
    await workbench.pick('eventscope');
    await workbench.pick('clean');
    const built = path.join(folder, '.eventscope', 'build', 'default');
    while (existsSync(built)) await delay(50);
    await workbench.command('Eventscope: Deploy Driver');
    const message = workbench.notification('has not been built yet');
    await message.waitFor({ timeout: WORK_TIMEOUT_MS });
    await message.getByText('Build and Deploy').click();
    await workbench.notification('Building and deploying').waitFor();
    await workbench.notification('Building and deploying').waitFor({ state: 'detached', timeout: WORK_TIMEOUT_MS });
  });
});
