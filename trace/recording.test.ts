import assert from 'node:assert/strict';
import { joinChunks, RecordingBuilder, SLOT_BYTES, type SlotChunk } from './recording.js';

/** Slots whose bytes are their index. */
const chunk = (ring: number, first: number, slots: number, lost = 0): SlotChunk => ({
  ...{ source: 1, ring, firstSlot: BigInt(first), lost: BigInt(lost) },
  bytes: new Uint8Array(slots * SLOT_BYTES).map((_byte, at) => first + Math.floor(at / SLOT_BYTES)),
});

describe('joining the chunks of a recording', () => {
  it('makes one of those that follow each other in a ring, with the last count of lost records', () => {
    const joined = joinChunks([chunk(0, 0, 2), chunk(1, 7, 1), chunk(0, 2, 1, 5), chunk(1, 8, 2)], 1_000_000);
    assert.deepEqual(joined, [chunk(0, 0, 3, 5), chunk(1, 7, 3)]);
  });

  it('keeps apart what has a gap between, other sources, and what would be longer than the limit', () => {
    const elsewhere = { ...chunk(0, 1, 1), source: 2 };
    for (const chunks of [
      [chunk(0, 0, 1), chunk(0, 2, 1)],
      [chunk(0, 0, 1), elsewhere],
      [chunk(0, 5, 1), chunk(0, 4, 1)],
    ])
      assert.deepEqual(joinChunks(chunks, 1_000_000), chunks);
    const four = [chunk(0, 0, 1), chunk(0, 1, 1), chunk(0, 2, 1), chunk(0, 3, 3)];
    assert.deepEqual(joinChunks(four, 2 * SLOT_BYTES), [chunk(0, 0, 2), chunk(0, 2, 1), chunk(0, 3, 3)]);
  });
});

describe('a recording at its limit', () => {
  it('takes nothing more: what would still have room would leave a hole in its ring', () => {
    const builder = new RecordingBuilder(
      { target: '', host: '', versions: {}, startUtcMs: 0 },
      { slotBytes: 4 * SLOT_BYTES },
    );
    builder.addSource({ id: 1, side: 'user', description: 'app', ringCount: 1, slotsPerRing: 64 });
    const taken = [chunk(0, 0, 3), chunk(0, 3, 2), chunk(0, 5, 1)].map(({ source, ring, firstSlot, lost, bytes }) =>
      builder.slots(source, ring, firstSlot, lost, bytes),
    );
    assert.deepEqual(taken, [true, false, false]);
    const { chunks, dropped } = builder.finish();
    assert.deepEqual(chunks, [chunk(0, 0, 3)]);
    assert.equal(dropped.slots, 3);
  });
});
