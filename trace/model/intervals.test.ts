import assert from 'node:assert/strict';
import { Random } from '../ring-writer.js';
import { chosen, IntervalIndex, intervalsOf, joined, type Interval } from './intervals.js';

/** Few different moments, so that equal ones meet. */
const randomIntervals = (random: Random, ordered: boolean): Interval[] => {
  const list = Array.from({ length: random.between(0, 40) }, () => {
    const from = random.between(0, 60);
    return { from, until: from + random.between(0, random.chance(0.1) ? 60 : 6) };
  });
  return ordered ? list.sort((a, b) => a.from - b.from) : list;
};

describe('an index of intervals', () => {
  it('answers what looking at each answers, in whatever order questions come', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = new Random(seed);
      const list = randomIntervals(random, random.chance(0.5));
      const index = new IntervalIndex(intervalsOf(list));
      for (let question = 0; question < 60; question += 1) {
        const from = random.between(-2, 64);
        const until = from + random.between(0, 10);
        const rows = list.flatMap((one, row) => (one.from <= until && one.until >= from ? [row] : []));
        const into = new Int32Array(64);
        const found = [...into.subarray(0, index.overlapping(from, until, into))];
        assert.deepEqual(
          [...found].sort((a, b) => a - b),
          rows,
        );
        const begins = found.map((row) => list[row]?.from ?? NaN);
        assert.deepEqual(
          begins,
          [...begins].sort((a, b) => b - a),
          'the latest first',
        );
        assert.equal(index.any(from, until), rows.length > 0);
        assert.equal(index.several(from, until), rows.length > 1);
        const behind = list.filter((one) => one.from >= from).map((one) => one.until);
        assert.equal(index.earliestEndAfter(from), Math.min(Infinity, ...behind));
        const before = list.filter((one) => one.from <= from).map((one) => one.from);
        assert.equal(index.lastBegin(from), before.length === 0 ? undefined : Math.max(...before));
        const ends = list.filter((one) => one.from <= from).map((one) => one.until);
        assert.equal(index.latestEndOfThoseBegunBy(from), Math.max(-Infinity, ...ends));
      }
    }
  });

  it('gives no more than there is room for', () => {
    const index = new IntervalIndex(intervalsOf([1, 2, 3, 4].map((from) => ({ from, until: 9 }))));
    const into = new Int32Array(2);
    assert.equal(index.overlapping(0, 9, into), 2);
    assert.deepEqual([...into], [3, 2]);
  });

  it('holds intervals without beginning, chosen ones, and those of several lists', () => {
    const all = joined(intervalsOf([{ from: -Infinity, until: 3 }]), intervalsOf([{ from: 5, until: Infinity }]));
    assert.equal(new IntervalIndex(all).any(4, 4), false);
    assert.equal(new IntervalIndex(all).any(-1e300, -1e300), true);
    assert.equal(new IntervalIndex(all).any(1e300, 1e300), true);
    const later = chosen(all, (row) => row === 1);
    assert.deepEqual([later.count, ...later.rows], [1, 1]);
    assert.equal(new IntervalIndex(later).any(0, 4), false);
  });
});
