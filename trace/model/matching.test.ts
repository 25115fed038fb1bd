import assert from 'node:assert/strict';
import { Random } from '../ring-writer.js';
import { IntervalIndex, intervalsOf } from './intervals.js';
import { matchOneToOne, type Takers, type Tokens } from './matching.js';

interface Case {
  readonly tokens: Tokens;
  readonly takers: Takers;
}

/** Signals of an event one after the other, each taken by one wait; times are recorded as stretches that may meet. */
function randomCase(random: Random): Case {
  const rounds = random.between(1, 12);
  const begins: number[] = [];
  const waits: { from: number; until: number; satisfied: boolean }[] = [];
  let at = 0;
  for (let round = 0; round < rounds; round += 1) {
    at += random.between(2, 12);
    begins.push(at);
    const from = at - random.between(0, random.chance(0.2) ? 20 : 4);
    waits.push({ from, until: at + random.between(0, 5), satisfied: true });
    if (random.chance(0.1)) waits.push({ from: at, until: at + 30, satisfied: false });
  }
  waits.sort((a, b) => a.from - b.from);
  const until = begins.map((begin, token) => (begins[token + 1] ?? Infinity) + random.between(0, 2));
  if (random.chance(0.1)) begins.reverse();
  return {
    tokens: {
      ...{ count: rounds, from: Float64Array.from(begins), until: Float64Array.from(until) },
      ...{ record: Int32Array.from(begins.keys()), mustBeTaken: Uint8Array.from(begins, () => random.between(0, 1)) },
    },
    takers: {
      ...intervalsOf(waits),
      ...{
        wait: Int32Array.from(waits.keys()),
        satisfied: Uint8Array.from(waits, ({ satisfied }) => Number(satisfied)),
      },
    },
  };
}

const NEVER = new IntervalIndex(intervalsOf([]));
/** Nobody asks about that time; but that there is such a stretch has everything decided by the graph of all that may be. */
const LATER = new IntervalIndex(intervalsOf([{ from: 1e9, until: 1e9 }]));

describe('waits and signals matched one to one', () => {
  it('in turn come to what the graph of all possible pairs comes to', () => {
    let decided = 0;
    let open = 0;
    for (let seed = 1; seed <= 3_000; seed += 1) {
      const { tokens, takers } = randomCase(new Random(seed));
      const inTurn = matchOneToOne(tokens, takers, NEVER);
      const byGraph = matchOneToOne(tokens, takers, LATER);
      for (let taker = 0; taker < takers.count; taker += 1) {
        if (takers.satisfied[taker] !== 1) continue;
        assert.equal(inTurn.token[taker], byGraph.token[taker], `seed ${seed}, wait ${taker}`);
        assert.deepEqual(inTurn.candidates.get(taker), byGraph.candidates.get(taker));
        if (byGraph.token[taker] === -1) open += 1;
        else decided += 1;
      }
      assert.deepEqual(inTurn.unseen, byGraph.unseen);
    }
    assert.ok(decided > 5_000 && open > 500, `${decided} decided, ${open} open: both are to be seen`);
  });
});
