/** Draws the README's pictures of the extension: the sample deployed, its events in the tree, its points in the editor. */
import path from 'node:path';
import { holdEvents } from './held-objects.js';
import { VscodeHost } from './host.js';
import { Workbench } from './workbench.js';

const DOCS = path.resolve(import.meta.dirname, '..', '..', 'docs');
const THEMES = { dark: 'Dark Modern', light: 'Light Modern' } as const;
const SIZE = { width: 1280, height: 800 };

for (const [name, theme] of Object.entries(THEMES)) {
  const host = await VscodeHost.start({ name: `picture-${name}`, settings: { 'workbench.colorTheme': theme } });
  try {
    const folder = await host.sample('eventsys');
    const workbench = new Workbench(await host.open(folder));
    await workbench.page.setViewportSize(SIZE);
    await workbench.contributed();
    await workbench.showViews();
    // Its button comes when the project is read and the folder's trust is known: the palette has the commands then.
    await (await workbench.openPane('Named Objects')).getByText('Build and Deploy').waitFor();
    await workbench.command('Eventscope: Build and Deploy');
    await workbench.said('Service eventsys is running.');
    const held = await holdEvents(folder, '\\BaseNamedObjects\\Shared', 3);
    await workbench.openFile('events.c');
    await workbench.page.keyboard.press('Control+G');
    await workbench.page.keyboard.type('170');
    await workbench.page.keyboard.press('Enter');
    await workbench.showViews();
    for (const pane of ['Named Objects', 'Driver', 'Signal and Wait Points']) await workbench.openPane(pane);
    await workbench.command('Eventscope: Refresh');
    await workbench.treeItem(/^Shared$/).waitFor();
    await workbench.page.locator('.codelens-decoration').first().waitFor();
    await workbench.page.locator('.notifications-toasts .notification-list-item').waitFor({ state: 'detached' });
    await workbench.page.screenshot({ path: path.join(DOCS, `vscode-${name}.png`), animations: 'disabled' });
    process.stderr.write(`docs/vscode-${name}.png\n`);
    await held.end();
  } finally {
    await host.stop();
  }
}
