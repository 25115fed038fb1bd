/** A folder that is not trusted: trees are shown, nothing runs; trusted, everything does, without a reload of ours. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { openTestWindow } from './test-window.js';
import type { Workbench } from './workbench.js';
import { WORK_TIMEOUT_MS } from './workbench.js';

describe('workspace trust', function () {
  this.timeout(WORK_TIMEOUT_MS);

  const opened = openTestWindow({
    name: 'trust',
    settings: {
      'security.workspace.trust.enabled': true,
      'security.workspace.trust.startupPrompt': 'never',
      'security.workspace.trust.banner': 'never',
    },
  });
  let folder: string;
  let workbench: Workbench;

  before(() => ({ folder, workbench } = opened()));

  it('in restricted mode the views say why nothing runs', async () => {
    await workbench.showViews();
    const objects = await workbench.openPane('Named Objects');
    await objects.getByText('This folder is not trusted').waitFor();
    await objects.getByText('Manage Trust').waitFor();
  });

  it('in restricted mode no command builds or deploys', async () => {
    assert.equal(await workbench.offers('Eventscope: Build and Deploy'), false);
    assert.equal(await workbench.offers('Eventscope: Open Log'), true);
    assert.equal(existsSync(path.join(folder, '.eventscope')), false);
  });

  it('once trusted the commands are there', async () => {
    const objects = await workbench.openPane('Named Objects');
    await objects.getByText('Manage Trust').click();
    await workbench.page
      .locator('.workspace-trust-editor .monaco-button')
      .filter({ hasText: /^Trust$/ })
      .first()
      .click();
    await workbench.showViews();
    await objects.getByText('Build and Deploy').waitFor();
    assert.equal(await workbench.offers('Eventscope: Build and Deploy'), true);
  });
});
