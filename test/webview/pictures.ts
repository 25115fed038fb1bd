/** Compares what is drawn with a stored picture. EVENTSCOPE_PICTURES=write stores what is drawn now instead. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pixelmatch from 'pixelmatch';
import { PNG } from 'pngjs';

const STORED = path.join(import.meta.dirname, 'pictures');
const SEEN = path.resolve(import.meta.dirname, '..', '..', 'out', 'test', 'pictures');

/** Pixels may differ in colour by this share (edges of letters), and so many of a thousand by more. */
const COLOUR_TOLERANCE = 0.15;
const PIXELS_PER_THOUSAND = 3;

/** @throws AssertionError that names the picture seen and the picture of the differences */
export async function assertPicture(name: string, seen: Buffer): Promise<void> {
  const stored = path.join(STORED, `${name}.png`);
  if (process.env['EVENTSCOPE_PICTURES'] === 'write') {
    await mkdir(STORED, { recursive: true });
    await writeFile(stored, seen);
    return;
  }
  assert.ok(
    existsSync(stored),
    `There is no stored picture ${stored}: make it with EVENTSCOPE_PICTURES=write and look at it`,
  );
  const [wanted, got] = [PNG.sync.read(await readFile(stored)), PNG.sync.read(seen)];
  assert.deepEqual([got.width, got.height], [wanted.width, wanted.height], `${name} has another size`);
  const difference = new PNG({ width: got.width, height: got.height });
  const count = pixelmatch(wanted.data, got.data, difference.data, got.width, got.height, {
    threshold: COLOUR_TOLERANCE,
  });
  const allowed = (got.width * got.height * PIXELS_PER_THOUSAND) / 1_000;
  if (count <= allowed) return;
  await mkdir(SEEN, { recursive: true });
  await writeFile(path.join(SEEN, `${name}.png`), seen);
  await writeFile(path.join(SEEN, `${name}-difference.png`), PNG.sync.write(difference));
  assert.fail(
    `${name}: ${count} pixels differ, ${allowed} may; see ${path.join(SEEN, name)}.png and ${name}-difference.png`,
  );
}
