import assert from 'node:assert/strict';
import { describeFigures, type Figure, median, meetsAim, ratioToPeer } from './figure.js';

const figure: Figure = {
  bench: 'ring-record',
  value: 40,
  unit: 'ns',
  better: 'lower',
  aim: 40,
  peer: 'LTTng-UST',
  peerValue: 120,
  runs: 5,
};

describe('a measured figure', () => {
  it('is the median of its runs', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 2, 100]), 3);
    assert.throws(() => median([]), RangeError);
  });

  it('is compared with its peer so that more is better either way round', () => {
    assert.equal(ratioToPeer(figure), 3);
    assert.equal(ratioToPeer({ ...figure, better: 'higher', value: 240 }), 2);
    assert.equal(ratioToPeer({ ...figure, peer: null, peerValue: null }), undefined);
  });

  it('meets its aim at the aim itself', () => {
    assert.equal(meetsAim(figure), true);
    assert.equal(meetsAim({ ...figure, value: 40.1 }), false);
    assert.equal(meetsAim({ ...figure, better: 'higher', value: 39.9 }), false);
  });

  it('is shown beside aim, peer and ratio', () => {
    const [, row] = describeFigures([figure]).split('\n');
    assert.match(row ?? '', /^ring-record +40\.00 +ns +<= 40\.00 +yes +LTTng-UST 120\.0 +3\.00x +5$/);
  });
});
