/** Draws the pictures of debugging: the wait that a driver's signal released, with who woke it in its call stack, in a dark and a light theme. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DebugWorkbench } from './debug-workbench.js';
import { VscodeHost } from './host.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const THEMES = [
  { name: 'dark', theme: 'Dark Modern', shown: '.monaco-workbench.vs-dark' },
  { name: 'light', theme: 'Light Modern', shown: '.monaco-workbench.vs' },
] as const;

const host = await VscodeHost.start({ name: 'debug-pictures' });
try {
  const folder = await host.sample('sample');
  const workbench = new DebugWorkbench(await host.open(folder));
  await workbench.contributed();
  await workbench.page.setViewportSize({ width: 1280, height: 800 });
  await workbench.showViews();
  // Its button comes when the project is read.
  await (await workbench.openPane('Named Objects')).getByText('Build and Deploy').waitFor();
  for (const pane of ['Target', 'Named Objects', 'Driver']) await workbench.closePane(pane);
  await workbench.openPane('Signal and Wait Points');
  await workbench.command('Eventscope: Group by Side');
  await workbench.expand('KeSetEvent');
  const point = workbench.treeItem(/events\.c:\d+/).first();
  await point.locator('.custom-view-tree-node-item-checkbox').click();
  await point.locator('[aria-checked=true]').waitFor();
  await workbench.openFile('events.c');
  await workbench.page.keyboard.press('F5');
  await workbench.stoppedIn('events.c');
  await workbench.command('Eventscope: Follow Signal');
  await workbench.stoppedIn('take_signals.c');
  await workbench.showCallStack();
  await workbench.openThread(/The wait of eventapp thread .* has returned/);
  await workbench.stackRow(/woken by KeSetEvent/).waitFor();
  await mkdir(path.join(folder, '.vscode'), { recursive: true });
  for (const { name, theme, shown } of THEMES) {
    const settings = JSON.stringify({ 'workbench.colorTheme': theme });
    await writeFile(path.join(folder, '.vscode', 'settings.json'), settings);
    await workbench.page.locator(shown).first().waitFor();
    const file = path.join('docs', `vscode-debug-${name}.png`);
    await workbench.page.screenshot({ path: path.join(ROOT, file), animations: 'disabled' });
    process.stderr.write(`${file}\n`);
  }
} finally {
  await host.stop();
}
