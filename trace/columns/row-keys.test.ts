import assert from 'node:assert/strict';
import { generate } from '../generator.js';
import { buildModel } from '../model/model.js';
import type { Recording } from '../recording.js';
import { laneOfRow, type TimelineColumns } from './columns.js';
import { toColumns } from './from-model.js';
import { keyOfTransition, keyOfWait, transitionOfKey, waitOfKey } from './row-keys.js';

const columnsOf = (recording: Recording): TimelineColumns => toColumns(buildModel(recording));
/** As a live view has it before the rest comes. */
const half = (recording: Recording): Recording => ({
  ...recording,
  chunks: recording.chunks.slice(0, Math.ceil(recording.chunks.length / 2)),
});

/** What does not change as more becomes known: objects get their names, and clocks their last calibrations. */
const transition = ({ transitions, threads, callers }: TimelineColumns, row: number): readonly unknown[] => {
  const thread = threads[transitions.thread[row] ?? -1];
  return [thread?.process, thread?.thread, callers[transitions.caller[row] ?? -1], transitions.previous[row]];
};
const wait = ({ waits, threads }: TimelineColumns, row: number): readonly unknown[] => {
  const thread = threads[laneOfRow(waits.first, row)];
  return [thread?.process, thread?.thread];
};
/** Lengths, by a clock that knows more. */
const near = (a = NaN, b = NaN): void => assert.ok(Math.abs(a - b) <= 1 + 0.01 * b, `${a} and ${b}`);

describe('names of rows', () => {
  for (const seed of [1, 2, 3]) {
    it(`name one row each, and the same one when the recording has grown (seed ${seed})`, () => {
      const { recording } = generate({ seed, types: ['event', 'semaphore', 'mutant'] });
      const [before, after] = [columnsOf(half(recording)), columnsOf(recording)];
      assert.ok(before.transitions.time.length > 100 && after.transitions.time.length > before.transitions.time.length);
      for (let row = 0; row < after.transitions.time.length; row += 1) {
        assert.equal(transitionOfKey(after, keyOfTransition(after, row)), row);
      }
      for (let row = 0; row < after.waits.begin.length; row += 1) {
        assert.equal(waitOfKey(after, keyOfWait(after, row)), row);
      }
      let moved = 0;
      for (let row = 0; row < before.transitions.time.length; row += 1) {
        const now = transitionOfKey(after, keyOfTransition(before, row));
        // What seemed to be taken by a wait may have been another's, now that all is known.
        if (now < 0) continue;
        assert.deepEqual(transition(after, now), transition(before, row));
        near(after.transitions.duration[now], before.transitions.duration[row]);
        if (now !== row) moved += 1;
      }
      assert.ok(moved > 50, 'rows moved');
      for (let row = 0; row < before.waits.begin.length; row += 1) {
        const now = waitOfKey(after, keyOfWait(before, row));
        assert.ok(now >= 0);
        assert.deepEqual(wait(after, now), wait(before, row));
      }
    });
  }

  it('a record that is not there names no row', () => {
    const columns = columnsOf(generate({ seed: 4 }).recording);
    const key = keyOfTransition(columns, 0);
    assert.equal(transitionOfKey(columns, { ...key, slot: 0xffff_fff0 }), -1);
    assert.equal(transitionOfKey(columns, { ...key, ring: 4_000 }), -1);
    assert.equal(transitionOfKey(columns, { ...key, source: 60 }), -1);
    assert.equal(waitOfKey(columns, { ...keyOfWait(columns, 0), slot: 0xffff_fff0 }), -1);
  });
});
