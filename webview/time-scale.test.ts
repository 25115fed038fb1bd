import assert from 'node:assert/strict';
import { TimeScale, axisLabel, exactNs } from './time-scale.js';

describe('time scale', () => {
  it('keeps what is under the pointer when it zooms', () => {
    const scale = new TimeScale(0, 1e6, 1_000, 1e6);
    const before = scale.ns(300);
    scale.zoom(0.25, 300);
    assert.ok(Math.abs(scale.ns(300) - before) < 1e-6);
    assert.ok(Math.abs(scale.perPixel - 250) < 1e-9);
  });

  it('gives stretches that are cut out no pixels, and finds every other moment again', () => {
    const cuts = [
      { from: 200, until: 500 },
      { from: 450, until: 600 },
      { from: 900, until: 950 },
    ];
    const scale = new TimeScale(0, 1_000, 550, 1_000, cuts);
    assert.equal(scale.perPixel, 1);
    assert.deepEqual(
      [0, 200, 300, 600, 700, 900, 950, 1_000].map((ns) => scale.x(ns)),
      [0, 200, 200, 200, 300, 500, 500, 550],
    );
    for (const ns of [0, 100, 199, 601, 850, 951, 999])
      assert.ok(Math.abs(scale.ns(scale.x(ns)) - ns) < 1e-9, String(ns));
    scale.change(1_000, []);
    assert.equal(scale.x(700), 700);
  });

  it('puts marks apart also beside what is cut out', () => {
    const scale = new TimeScale(0, 10_000, 1_000, 10_000, [{ from: 1_000, until: 9_000 }]);
    const { times } = scale.marks(100);
    const places = times.map((time) => scale.x(time));
    assert.ok(places.length > 4);
    places.forEach((x, at) => assert.ok(at === 0 || x - (places[at - 1] ?? 0) >= 39));
  });

  it('labels marks with as many figures as their distance needs', () => {
    assert.equal(axisLabel(201_350_000, 50_000), '201350 us');
    assert.equal(axisLabel(201_400_000, 100_000), '201.4 ms');
    assert.equal(axisLabel(2.5e9, 5e8), '2500 ms');
    assert.equal(exactNs(201_312_345), '201 312 345 ns');
  });
});
