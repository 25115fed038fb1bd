/** The workbench as a person uses it: by what is shown, never by fixed times. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Locator, Page } from 'playwright-core';

/** Of something that the extension does with a target. */
export const WORK_TIMEOUT_MS = 120_000;
const SHOWN_TIMEOUT_MS = 20_000;
/** A palette that was opened too early is opened again after this. */
const LISTED_TIMEOUT_MS = 3_000;
/** Rows that the keyboard goes down at most. */
const MAX_STEPS = 60;

export class Workbench {
  constructor(readonly page: Page) {}

  /** The extension's contributions are in: before that the palette does not know its commands. */
  async contributed(): Promise<void> {
    await this.viewContainer.waitFor({ timeout: 60_000 });
  }

  get viewContainer(): Locator {
    return this.page.locator('.activitybar a.action-label[aria-label="Eventscope"]');
  }

  /** Shows the extension's side bar. */
  async showViews(): Promise<void> {
    const shown = this.page.locator('.sidebar .composite.title h2', { hasText: 'Eventscope' });
    if (!(await shown.isVisible())) await this.viewContainer.click();
    await shown.waitFor({ timeout: SHOWN_TIMEOUT_MS });
  }

  /**
   * Runs a command by its words in the palette, such as "Eventscope: Build and Deploy". The palette lists what there was when it was opened:
   * one that comes with what was done a moment ago is found by opening it once more.
   */
  async command(words: string): Promise<void> {
    const row = this.#row(words);
    const end = performance.now() + SHOWN_TIMEOUT_MS;
    do {
      await this.#openPalette(words);
      const listed = await row.waitFor({ timeout: LISTED_TIMEOUT_MS }).then(
        () => true,
        () => false,
      );
      if (listed) return row.click();
      await this.page.keyboard.press('Escape');
    } while (performance.now() < end);
    assert.fail(`The palette does not offer "${words}"`);
  }

  async #openPalette(words: string): Promise<void> {
    await this.page.keyboard.press('F1');
    await this.page.locator('.quick-input-widget .quick-input-box input').fill(`>${words}`);
  }

  #row(text: string): Locator {
    return this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: text }).first();
  }

  /** Reloads the window as its user does: by the command, which keeps what the window held. The page's own reload may cut that short. */
  async reload(): Promise<void> {
    await Promise.all([this.page.waitForEvent('load', { timeout: 60_000 }), this.command('Developer: Reload Window')]);
    await this.contributed();
  }

  /** Whether the palette offers a command. */
  async offers(words: string): Promise<boolean> {
    await this.#openPalette(words);
    const rows = this.page.locator('.quick-input-list .monaco-list-row');
    await rows.first().waitFor({ timeout: SHOWN_TIMEOUT_MS });
    const found = await rows.filter({ hasText: words }).count();
    await this.page.keyboard.press('Escape');
    return found > 0;
  }

  /** Chooses a row of the quick pick that is open. */
  async pick(text: string): Promise<void> {
    const row = this.#row(text);
    await row.waitFor({ timeout: SHOWN_TIMEOUT_MS });
    await row.click();
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item').filter({ hasText: text });
  }

  /** What the status bar says for a moment when a command has done its work. */
  async said(text: string): Promise<void> {
    const message = this.page.locator('.statusbar-item').filter({ hasText: text });
    await message.waitFor({ timeout: WORK_TIMEOUT_MS });
  }

  /** The extension's item of the status bar. */
  get status(): Locator {
    return this.page.locator('.statusbar-item[id$="eventscope.status"]');
  }

  treeItem(text: string | RegExp): Locator {
    return this.page.locator('.pane-body [role=treeitem]').filter({ hasText: text });
  }

  /** A section of the side bar by its title, opened when it is closed. */
  async openPane(title: string): Promise<Locator> {
    return this.#setPane(title, true);
  }

  async closePane(title: string): Promise<Locator> {
    return this.#setPane(title, false);
  }

  async #setPane(title: string, open: boolean): Promise<Locator> {
    const pane = this.page.locator('.pane').filter({ has: this.page.locator(`.pane-header[aria-label^="${title}"]`) });
    const header = pane.locator('.pane-header').first();
    await header.waitFor({ timeout: SHOWN_TIMEOUT_MS });
    if ((await header.getAttribute('aria-expanded')) !== String(open)) await header.click();
    return pane;
  }

  /** Opens a row of a tree of ours by its text. */
  async expand(text: string): Promise<void> {
    const row = this.treeItem(text).first();
    await row.waitFor({ timeout: SHOWN_TIMEOUT_MS });
    if ((await row.getAttribute('aria-expanded')) === 'true') return;
    await row.click();
    await this.page.keyboard.press('ArrowRight');
  }

  /** With the mouse: the tooltip of a row goes away when the row is drawn anew, and comes when the mouse comes again. */
  async showTooltip(row: Locator, text: string): Promise<void> {
    const tooltip = this.page.locator('.monaco-hover').filter({ hasText: text });
    await becomes(async () => {
      await this.page.mouse.move(0, 0);
      await row.hover();
      return tooltip.waitFor({ timeout: LISTED_TIMEOUT_MS }).then(
        () => true,
        () => false,
      );
    }, true);
  }

  /** Chooses an entry of a row's context menu. */
  async chooseInMenu(
    row: Locator,
    entry: string,
    position?: { readonly x: number; readonly y: number },
  ): Promise<void> {
    await row.click({ button: 'right', ...(position === undefined ? {} : { position }) });
    // A menu ignores a click that comes soon after it opened.
    await this.page.locator('.monaco-menu .action-item').getByText(entry, { exact: true }).hover();
    await this.page.keyboard.press('Enter');
    await this.page.locator('.monaco-menu').waitFor({ state: 'detached' });
  }

  /** With the keyboard, in the tree that has it: goes from its first row down, or from its last row up, to one that holds the text. */
  async goToRow(text: string, from: 'first' | 'last' = 'first'): Promise<void> {
    // Each tree remembers a row; the one with the keyboard's focus is meant, which a palette that closes gives back a moment later.
    const tree = this.page.locator('.pane-body .monaco-list:focus');
    await tree.waitFor({ timeout: SHOWN_TIMEOUT_MS });
    await this.page.keyboard.press(from === 'first' ? 'Home' : 'End');
    // The key's command runs, and what it moved is drawn.
    await this.page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
    await this.#go(tree.locator('.monaco-list-row.focused'), text, from === 'first' ? 'Down' : 'Up');
  }

  /**
   * With the keyboard, opens the row that has the focus and holds the text. A key that comes while the tree is being drawn anew has no effect:
   * then it is pressed again, as a person would.
   */
  async openRow(text: string): Promise<void> {
    const row = this.page.locator('.pane-body .monaco-list:focus .monaco-list-row.focused').filter({ hasText: text });
    const opened = this.page.locator('.pane-body .monaco-list-row[aria-expanded="true"]').filter({ hasText: text });
    await becomes(async () => {
      if ((await row.getAttribute('aria-expanded')) !== 'true') await this.page.keyboard.press('ArrowRight');
      return opened.waitFor({ timeout: LISTED_TIMEOUT_MS }).then(
        () => true,
        () => false,
      );
    }, true);
  }

  /** With the keyboard, in the menu that is open. */
  async goToMenuEntry(text: string): Promise<void> {
    await this.page.locator('.monaco-menu').waitFor({ timeout: SHOWN_TIMEOUT_MS });
    await this.#go(this.page.locator('.monaco-menu .action-item.focused'), text, 'Down');
  }

  /** A key moves the focus some time after it was pressed: the next one waits for that. */
  async #go(focused: Locator, text: string, way: 'Down' | 'Up'): Promise<void> {
    const passed: string[] = [];
    // At first nothing may have the focus.
    const place = async (): Promise<string> => (await focused.allInnerTexts()).join();
    for (let step = 0; step < MAX_STEPS; step++) {
      const before = await place();
      if (before.includes(text)) return;
      passed.push(before);
      await this.page.keyboard.press(`Arrow${way}`);
      const end = performance.now() + LISTED_TIMEOUT_MS;
      while ((await place()) === before && performance.now() < end) await new Promise((next) => setTimeout(next, 10));
      // The other end is reached: what is looked for may have come behind the focus meanwhile.
      if ((await place()) === before) await this.page.keyboard.press(way === 'Down' ? 'Home' : 'End');
    }
    throw new Error(`${text} is not among ${passed.join(' | ')}`);
  }

  /** A row of text of the terminal that is shown. */
  terminalRow(text: RegExp): Locator {
    return this.page.locator('.terminal-wrapper .xterm-rows > div').filter({ hasText: text });
  }

  /** Counts the marks before the lines of the editor that are drawn by this file of the extension. */
  gutterMarks(file: string): () => Promise<number> {
    const images = `[...document.querySelectorAll('.glyph-margin-widgets .cgmr')].map((mark) => getComputedStyle(mark).backgroundImage)`;
    return async () => (await this.page.evaluate<string[]>(images)).filter((image) => image.includes(file)).length;
  }

  /** Opens a file of the window's folder by its name. */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press('Control+P');
    await this.page.locator('.quick-input-widget .quick-input-box input').fill(name);
    await this.pick(name);
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor({ timeout: SHOWN_TIMEOUT_MS });
  }

  /** Drags with the mouse; what takes it shows itself while it is over it. */
  async drag(what: Locator, to: Locator): Promise<void> {
    const { mouse } = this.page;
    await what.hover();
    const place = await to.boundingBox();
    if (place === null) throw new Error('There is nothing to drop it on');
    const [x, y] = [place.x + place.width / 2, place.y + place.height / 2];
    await mouse.down();
    await mouse.move(x - 40, y - 40, { steps: 8 });
    await this.page.locator('#monaco-workbench-editor-drop-overlay').waitFor({ timeout: SHOWN_TIMEOUT_MS });
    await mouse.move(x, y, { steps: 4 });
    await mouse.up();
  }

  async closeNotifications(): Promise<void> {
    await this.command('Notifications: Clear All Notifications');
  }
}

/** Until what is read is as wanted; fails with what it is at the end of the time. */
export async function becomes<T>(read: () => Promise<T>, wanted: T): Promise<void> {
  const end = performance.now() + WORK_TIMEOUT_MS / 2;
  for (;;) {
    const found = await read();
    if (isDeepStrictEqual(found, wanted)) return;
    if (performance.now() > end) assert.deepEqual(found, wanted);
    await new Promise((next) => setTimeout(next, 100));
  }
}
