/** Draws the pictures of the timeline in VS Code: a recorded run in its editor, in each kind of theme. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { VscodeHost } from './host.js';
import { TimelinePanel } from './timeline-panel.js';
import { Workbench } from './workbench.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const TRACE = 'signals-synchronization.evtrace';
const THEMES = [
  { name: 'dark', theme: 'Dark Modern', shown: 'vscode-dark' },
  { name: 'light', theme: 'Light Modern', shown: 'vscode-light' },
  { name: 'high-contrast', theme: 'Default High Contrast', shown: 'vscode-high-contrast' },
] as const;

const host = await VscodeHost.start({ name: 'timeline-pictures' });
try {
  const folder = await host.sample('eventsys');
  await copyFile(path.join(ROOT, 'test', 'corpus', TRACE), path.join(folder, TRACE));
  await mkdir(path.join(folder, '.vscode'), { recursive: true });
  const workbench = new Workbench(await host.open(folder));
  await workbench.contributed();
  await workbench.openFile(TRACE);
  const panel = new TimelinePanel(workbench.page);
  for (const { name, theme, shown } of THEMES) {
    const settings = JSON.stringify({ 'workbench.colorTheme': theme });
    await writeFile(path.join(folder, '.vscode', 'settings.json'), settings);
    await panel.frame.locator(`body.${shown}`).waitFor();
    await panel.drawn();
    const file = path.join('docs', `vscode-timeline-${name}.png`);
    await workbench.page.screenshot({ path: path.join(ROOT, file), animations: 'disabled' });
    process.stderr.write(`${file}\n`);
  }
} finally {
  await host.stop();
}
