/** What a person sees and does while debugging. */
import type { Locator } from 'playwright-core';
import { becomes, Workbench, WORK_TIMEOUT_MS } from './workbench.js';

/** Of one look at what may be drawn anew at any moment. */
const LENS_CLICK_MS = 1_000;

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

  debugTool(name: string): Locator {
    return this.page.locator(`.debug-toolbar .action-label[aria-label^="${name}"]`);
  }

  /** A button of the debug toolbar. */
  async tool(name: string): Promise<void> {
    await this.debugTool(name).click();
  }

  /**
   * Goes on by the key. The editor takes a session for stopped behind what our views are told at once: it asks for threads and frames first,
   * and until then the key does nothing.
   */
  async goOn(): Promise<void> {
    await this.debugTool('Continue').waitFor();
    await this.page.keyboard.press('F5');
  }

  /** The cursor is on that line, where the target stopped or a person went. */
  async stoppedAt(line: number): Promise<void> {
    await this.page
      .locator('.statusbar-item')
      .filter({ hasText: `Ln ${line},` })
      .waitFor();
  }

  /** In the editor that has the focus. */
  async goToLine(line: number): Promise<void> {
    await this.page.keyboard.press('Control+G');
    await this.page.locator('.quick-input-widget .quick-input-box input').fill(`:${line}`);
    await this.page.keyboard.press('Enter');
    await this.stoppedAt(line);
  }

  /** A line of the editor that is in sight. */
  editorLine(text: string): Locator {
    return this.page.locator('.editor-instance .view-line').filter({ hasText: text }).first();
  }

  /** The CodeLens over a line that is in sight says this; comes with what was read of the sources. */
  async lensSays(title: string, line: string): Promise<void> {
    await becomes(async () => (await this.#lensOver(line, title)) !== undefined, true);
  }

  /** Clicks what the CodeLens over a line offers. They are drawn anew with every change: a click that comes to none is one more. */
  async clickLens(title: string, line: string): Promise<void> {
    await becomes(async () => {
      const lens = await this.#lensOver(line, title);
      const clicked = lens?.getByText(title).click({ timeout: LENS_CLICK_MS });
      return (
        clicked?.then(
          () => true,
          () => false,
        ) ?? false
      );
    }, true);
  }

  async #lensOver(line: string, title: string): Promise<Locator | undefined> {
    const lenses = await this.page.locator('.codelens-decoration').all();
    const place = await this.editorLine(line).boundingBox();
    for (const lens of place === null ? [] : lenses) {
      const box = await lens.boundingBox({ timeout: LENS_CLICK_MS }).catch(() => null);
      const above = box === null || place === null ? 0 : place.y - box.y;
      // It stands in a row of its own, directly over the line.
      if (place === null || above <= 0 || above > place.height * 2) continue;
      const says = await lens.innerText({ timeout: LENS_CLICK_MS }).catch(() => '');
      return says.includes(title) ? lens : undefined;
    }
    return undefined;
  }

  /** Chooses an entry of the context menu of a line of the editor. */
  async chooseInEditorMenu(line: string, entry: string): Promise<void> {
    // The middle of a long line may be out of sight.
    await this.chooseInMenu(this.editorLine(line), entry, { x: 60, y: 6 });
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
