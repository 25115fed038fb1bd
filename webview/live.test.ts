import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { generate } from '../trace/generator.js';
import { SLOT_BYTES } from '../trace/recording.js';
import { LiveRecording } from './live.js';

/** ms: several pictures of a few records. */
const SOME_PICTURES = 500;

describe('a live recording that is full', () => {
  it('is drawn no more until it is over, and then tells how much came too late', async () => {
    const { recording } = generate({ seed: 4, span: 4e6 });
    const slots = recording.chunks.reduce((sum, { bytes }) => sum + bytes.length / SLOT_BYTES, 0);
    const shown: { readonly live: boolean; readonly gaps: readonly string[] }[] = [];
    let told = (): void => undefined;
    const full = new Promise<void>((resolve) => (told = resolve));
    const live = new LiveRecording(
      { target: '', host: '', versions: {}, startUtcMs: 0 },
      ({ columns }, isLive) => {
        shown.push({ live: isLive, gaps: columns.gaps.map(({ label }) => label) });
        if (columns.gaps.length > 0) told();
      },
      (problem) => assert.fail(problem),
      slots * SLOT_BYTES,
    );
    for (const source of recording.sources) live.addSource(source);
    for (const chunk of recording.chunks) live.append(chunk);
    const last = recording.chunks.findLast(({ bytes }) => bytes.length > 0);
    assert.ok(last !== undefined);
    const behind = BigInt(last.bytes.length / SLOT_BYTES);
    const append = (slot: bigint): void =>
      live.append({ ...last, firstSlot: last.firstSlot + behind + slot, bytes: last.bytes.subarray(0, SLOT_BYTES) });
    append(0n);
    await full;
    const before = shown.length;
    append(1n);
    append(2n);
    await pause(SOME_PICTURES);
    assert.equal(shown.length, before);
    live.end();
    assert.equal(shown.at(-1)?.live, false);
    assert.match(shown.at(-1)?.gaps.join() ?? '', /3 slots dropped/);
  });
});
