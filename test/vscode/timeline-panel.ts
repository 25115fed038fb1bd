/** A timeline in the workbench as a person uses it: what it says, and where to click. */
import type { FrameLocator, Locator, Page } from 'playwright-core';

const SHOWN_TIMEOUT_MS = 60_000;
/** Pixels between two places that are pointed at. */
const STEP = { x: 6, y: 11 };

export class TimelinePanel {
  readonly frame: FrameLocator;
  readonly #page: Page;

  /** The one that is shown; there is one at a time. */
  constructor(page: Page) {
    this.#page = page;
    this.frame = page.frameLocator('iframe.webview.ready').frameLocator('#active-frame');
  }

  get summary(): Locator {
    return this.frame.locator('#summary');
  }
  get detail(): Locator {
    return this.frame.locator('#detail');
  }

  /** Transitions that it says it shows; 0 before there are any. */
  async transitions(): Promise<number> {
    return Number(/([\d,]+) transitions?/.exec(await this.summary.innerText())?.[1]?.replaceAll(',', '') ?? 0);
  }

  async drawn(): Promise<void> {
    await this.frame.locator('body[data-drawn=yes]').waitFor({ timeout: SHOWN_TIMEOUT_MS });
  }

  /** Points at the drawing, row by row, until the detail matches. Returns the place. */
  async find(wanted: RegExp): Promise<{ readonly x: number; readonly y: number }> {
    const box = await this.frame.locator('#canvas').boundingBox();
    if (box === null) throw new Error('The timeline is not in sight');
    const canvas = { right: box.x + box.width - 16, bottom: box.y + box.height };
    const gutter = Math.round(Math.min(330, Math.max(150, box.width * 0.27)));
    for (let y = box.y + 50; y < canvas.bottom; y += STEP.y) {
      for (let x = box.x + gutter + 2; x < canvas.right; x += STEP.x) {
        await this.#page.mouse.move(x, y);
        if (wanted.test(await this.detail.innerText())) return { x, y };
      }
    }
    throw new Error(`Nothing in the timeline says ${String(wanted)}`);
  }
}
