/** What a person sees and does while debugging. */
import type { Locator } from 'playwright-core';
import { Workbench, WORK_TIMEOUT_MS } from './workbench.js';

export class DebugWorkbench extends Workbench {
  /** A row of the call stack. */
  stackRow(text: string | RegExp): Locator {
    return this.page.locator('.debug-call-stack .monaco-list-row').filter({ hasText: text });
  }

  /** Run and Debug, with the call stack alone open: rows out of sight are not in the page. */
  async showCallStack(): Promise<void> {
    await this.command('View: Show Run and Debug');
    for (const pane of ['Breakpoints', 'Watch', 'Variables', 'Dispatcher Objects']) await this.closePane(pane);
    await this.openPane('Call Stack');
  }

  /** A button of the debug toolbar. */
  async tool(name: string): Promise<void> {
    await this.page.locator(`.debug-toolbar .action-label[aria-label^="${name}"]`).click();
  }

  /** The target is stopped there, and the editor shows it. */
  async stoppedIn(file: string): Promise<void> {
    await this.page.locator(`.tab.active[data-resource-name="${file}"]`).waitFor({ timeout: WORK_TIMEOUT_MS });
    const marks = this.page.locator('.debug-top-stack-frame-line, .debug-focused-stack-frame-line');
    await marks.first().waitFor({ timeout: WORK_TIMEOUT_MS });
  }

  /** The session has come to its end. */
  async ended(): Promise<void> {
    await this.page.locator('.debug-toolbar').waitFor({ state: 'hidden', timeout: WORK_TIMEOUT_MS });
  }

  /** @param why what the call stack says of the thread that stopped */
  async openThread(why: RegExp): Promise<void> {
    const thread = this.stackRow(why).first();
    await thread.waitFor();
    if ((await thread.getAttribute('aria-expanded')) === 'true') return;
    await thread.click();
    await this.page.keyboard.press('ArrowRight');
  }

  /** A row of Variables. */
  variable(text: RegExp): Locator {
    return this.page.locator('.debug-variables [role=treeitem]').filter({ hasText: text });
  }

  async openScope(name: string): Promise<void> {
    const scope = this.page.locator(`.debug-variables [aria-label="Scope ${name}"]`).first();
    await scope.waitFor();
    if ((await scope.getAttribute('aria-expanded')) === 'true') return;
    await scope.click();
    await this.page.keyboard.press('ArrowRight');
  }
}
