import assert from 'node:assert/strict';
import fc from 'fast-check';
import { forcedPairs, type AssignmentProblem } from './forced.js';

/** By trying every assignment. */
function forcedByTrying({ partners, mustLeft, mustRight }: AssignmentProblem): number[] {
  const assignments: number[][] = [];
  const choice = new Array<number>(partners.length).fill(-1);
  const walk = (left: number, used: ReadonlySet<number>): void => {
    if (left === partners.length) {
      if (mustRight.some((must, right) => must && !used.has(right))) return;
      assignments.push([...choice]);
      return;
    }
    for (const right of partners[left] ?? []) {
      if (used.has(right)) continue;
      choice[left] = right;
      walk(left + 1, new Set([...used, right]));
    }
    choice[left] = -1;
    if (mustLeft[left] !== true) walk(left + 1, used);
  };
  walk(0, new Set());
  const [first] = assignments;
  if (first === undefined) return partners.map(() => -1);
  return first.map((right, at) => (assignments.every((one) => one[at] === right) ? right : -1));
}

describe('pairs that every assignment has', () => {
  it('are those that trying all assignments leaves', () => {
    const problem = fc.integer({ min: 1, max: 5 }).chain((rights) =>
      fc
        .array(fc.record({ list: fc.uniqueArray(fc.nat(rights - 1)), must: fc.boolean() }), {
          minLength: 1,
          maxLength: 5,
        })
        .chain((lefts) =>
          fc.array(fc.boolean(), { minLength: rights, maxLength: rights }).map((mustRight): AssignmentProblem => ({
            partners: lefts.map(({ list }) => [...list].sort((a, b) => a - b)),
            mustLeft: lefts.map(({ must }) => must),
            mustRight,
          })),
        ),
    );
    fc.assert(
      fc.property(problem, (one) => {
        assert.deepEqual([...forcedPairs(one)], forcedByTrying(one));
      }),
      { numRuns: 3_000 },
    );
  });

  it('follow a chain from its decided end', () => {
    const length = 900;
    const partners = Array.from({ length }, (_, left) => (left === 0 ? [0] : [left - 1, left]));
    const all = new Array<boolean>(length).fill(true);
    assert.deepEqual(
      [...forcedPairs({ partners, mustLeft: all, mustRight: all })],
      partners.map((_, left) => left),
    );
  });
});
