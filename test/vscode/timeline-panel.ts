/** A timeline in the workbench as a person uses it: what it says, and where to click. */
import type { FrameLocator, Locator, Page } from 'playwright-core';

const SHOWN_TIMEOUT_MS = 60_000;
/** Pixels between two places that are pointed at: a transition takes the pointer from 7 on either side. */
const STEP = { x: 12, y: 11 };

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

  /** Opens the counts and latencies of what is in sight, or closes them. */
  async toggleStatistics(): Promise<void> {
    await this.frame.locator('#statistics-details summary').click();
  }

  /** Signals of an object in what is in sight, as the open statistics tell them; 0 before there are any. */
  async signalsOf(object: string): Promise<number> {
    const row = this.frame.locator('#statistics table').first().locator('tbody tr').filter({ hasText: object });
    const [figure = '0'] = await row.locator('td.number').allInnerTexts();
    return Number(figure);
  }

  /** Turns the wheel over a place until a fiftieth of the time is in sight there. */
  async zoomIn({ x, y }: { readonly x: number; readonly y: number }): Promise<void> {
    await this.#page.mouse.move(x, y);
    for (let notch = 0; notch < 4; notch += 1) await this.#page.mouse.wheel(0, -250);
    await this.drawn();
  }

  async drawn(): Promise<void> {
    await this.frame.locator('body[data-drawn=yes]').waitFor({ timeout: SHOWN_TIMEOUT_MS });
  }

  /**
   * Points at the drawing, row by row, until the detail matches. Returns the place.
   * @param from where on the page to begin, in pixels from its top; default: the first lane
   */
  async find(wanted: RegExp, from?: number): Promise<{ readonly x: number; readonly y: number }> {
    const box = await this.frame.locator('#canvas').boundingBox();
    if (box === null) throw new Error('The timeline is not in sight');
    const canvas = { right: box.x + box.width - 16, bottom: box.y + box.height };
    const gutter = Math.round(Math.min(330, Math.max(150, box.width * 0.27)));
    for (let y = from ?? box.y + 50; y < canvas.bottom; y += STEP.y) {
      for (let x = box.x + gutter + 2; x < canvas.right; x += STEP.x) {
        await this.#page.mouse.move(x, y);
        if (wanted.test(await this.detail.innerText())) return { x, y };
      }
    }
    throw new Error(`Nothing in the timeline says ${String(wanted)}`);
  }
}
