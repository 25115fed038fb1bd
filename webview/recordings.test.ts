import assert from 'node:assert/strict';
import { encodeEvtrace } from '../trace/evtrace.js';
import { generate } from '../trace/generator.js';
import { Kind } from '../trace/model/records.js';
import { RecordingBuilder } from '../trace/recording.js';
import { RingWriter } from '../trace/ring-writer.js';
import { MANY_EDGES } from './opening.js';
import { Recordings, type MoreToCome } from './recordings.js';

/** An event that is set and taken in turn, more often than edges are made before the picture. */
function manyWakes(): Uint8Array {
  const ring = new RingWriter();
  const common = { object: 4n, process: 8, thread: 12 };
  for (let round = 0, tsc = 1_000n; round <= MANY_EDGES; round += 1, tsc += 1_000n) {
    ring.write({ ...common, kind: Kind.Set, tsc, duration: 100, previous: 0 });
    ring.write({ ...common, kind: Kind.WaitBegin, tsc: tsc + 300n });
    ring.write({ ...common, kind: Kind.WaitEnd, tsc: tsc + 400n, duration: 100 });
  }
  const builder = new RecordingBuilder({ target: 'made up', host: '', versions: {}, startUtcMs: 0 });
  const source = builder.addSource({ side: 'user', description: 'app', process: 8, ringCount: 1, slotsPerRing: 64 });
  builder.slots(source, 0, 0n, 0n, ring.bytes);
  return encodeEvtrace(builder.finish(1));
}

interface Shown extends MoreToCome {
  readonly wakes: number;
}

/** Recordings without a worker, and what they have shown. */
class Page {
  readonly shown: Shown[] = [];
  readonly opened: number[] = [];
  readonly recordings: Recordings;
  #next: (() => void) | undefined;

  constructor(onPicture: (page: Page, shown: Shown) => void = () => undefined) {
    this.recordings = new Recordings(undefined, {
      opened: (id) => this.opened.push(id),
      picture: ({ columns }, more) => {
        const shown = { ...more, wakes: columns.edges.wait.length };
        this.shown.push(shown);
        onPicture(this, shown);
        this.#next?.();
      },
      failed: (_id, problem) => assert.fail(problem),
    });
  }

  async until(is: () => boolean): Promise<void> {
    while (!is()) await new Promise<void>((resolve) => (this.#next = resolve));
  }

  open(id: number, bytes: Uint8Array, until = bytes.length): void {
    this.recordings.request({ kind: 'open', id, bytes: bytes.length });
    this.recordings.piece(id, 0, bytes.slice(0, until));
  }
}

describe('recordings of a page', () => {
  it('keep wakes that came, though a picture on another axis was asked for before them', async () => {
    const page = new Page(({ recordings }, { edges }) => {
      if (edges) recordings.align('start');
    });
    page.open(1, manyWakes());
    const isWhole = ({ wakes, edges }: Shown): boolean => wakes > MANY_EDGES && !edges;
    await page.until(() => page.shown.some(isWhole));
    const few = encodeEvtrace(generate({ seed: 5, span: 2e6 }).recording);
    page.open(2, few);
    // In turn: whatever else was asked for before is answered then.
    await page.until(() => page.opened.includes(2) && page.shown.at(-1)?.edges === false);
    const first = page.shown.findIndex(isWhole);
    assert.ok(page.shown.slice(0, first).every(({ wakes, edges }) => wakes === 0 && edges));
    assert.ok(page.shown.slice(first).every(isWhole));
  });

  it('show nothing of one that was closed while its picture was on its way', async () => {
    const [closed, kept] = [1, 2].map((seed) => encodeEvtrace(generate({ seed, span: 2e6 }).recording));
    assert.ok(closed !== undefined && kept !== undefined);
    const page = new Page();
    page.open(2, kept, 100);
    page.open(1, closed);
    page.recordings.close(1);
    page.recordings.piece(2, 100, kept.slice(100));
    await page.until(() => page.opened.includes(2));
    assert.deepEqual(page.opened, [2]);
    assert.equal(page.recordings.count, 1);
    assert.equal(page.shown.length, 1);
  });
});
