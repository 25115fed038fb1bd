/** A folder that is not trusted: trees are shown, nothing runs; trusted, everything does, without a reload of ours. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { VscodeHost } from './host.js';
import { Workbench, WORK_TIMEOUT_MS } from './workbench.js';

describe('workspace trust', function () {
  this.timeout(WORK_TIMEOUT_MS);

  let host: VscodeHost;
  let folder: string;
  let workbench: Workbench;
  let failed = false;

  before(async () => {
    host = await VscodeHost.start({
      name: 'trust',
      settings: {
        'security.workspace.trust.enabled': true,
        'security.workspace.trust.startupPrompt': 'never',
        'security.workspace.trust.banner': 'never',
      },
    });
    folder = await host.sample('sample');
    workbench = new Workbench(await host.open(folder));
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

  it('in restricted mode the views say why nothing runs', async () => {
    await workbench.contributed();
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

  it('no promise was rejected unseen', async () => assert.deepEqual(await host.hostErrors(), []));
});
