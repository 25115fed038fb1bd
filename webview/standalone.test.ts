import assert from 'node:assert/strict';
import { generate } from '../trace/generator.js';
import { buildModel } from '../trace/model/model.js';
import { lowerBound } from './search.js';
import { renderPage, renderStandalone } from './standalone.js';
import { TimeScale, axisLabel, exactNs } from './time-scale.js';
import { toViewData } from './view-data.js';

describe('stand-alone page', () => {
  const model = buildModel(generate({ seed: 4, span: 2e6, lost: 0.05 }).recording);

  it('loads nothing from anywhere and runs only its own code', () => {
    const html = renderStandalone(model, 'start()');
    const nonce = /script-src 'nonce-([0-9a-f]{32})'/.exec(html)?.[1];
    assert.ok(nonce !== undefined);
    assert.match(html, /default-src 'none'/);
    assert.ok(!/\b(?:src|href)=/.test(html));
    assert.equal(html.match(/<script /g)?.length, html.match(new RegExp(`<script nonce="${nonce}"`, 'g'))?.length);
  });

  it('keeps names with markup as text', () => {
    const evil = '</script><img src=x onerror=alert(1)>';
    const data = toViewData(model);
    const html = renderPage(
      { ...data, title: evil, objects: data.objects.map((lane) => ({ ...lane, label: evil })) },
      '"</script>"',
    );
    assert.ok(!html.includes(evil));
    assert.equal(html.match(/<\/script>/g)?.length, 2);
    const embedded = /id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    assert.equal((JSON.parse(embedded) as { title: string }).title, evil);
  });

  it('draws every transition and every edge of the model', () => {
    const data = toViewData(model);
    assert.equal(
      data.objects.reduce((sum, lane) => sum + lane.time.length, 0),
      model.transitions.count,
    );
    assert.equal(data.edges.to.length, model.wakes.count);
    assert.equal(data.gaps.length, model.gaps.length);
    for (const lane of data.objects)
      assert.deepEqual(
        lane.time,
        [...lane.time].sort((a, b) => a - b),
      );
  });
});

describe('time scale', () => {
  it('keeps what is under the pointer when it zooms', () => {
    const scale = new TimeScale(0, 1e6, 1_000, 1e6);
    const before = scale.ns(300);
    scale.zoom(0.25, 300);
    assert.ok(Math.abs(scale.ns(300) - before) < 1e-6);
    assert.ok(Math.abs(scale.perPixel - 250) < 1e-9);
  });

  it('labels marks with as many figures as their distance needs', () => {
    assert.equal(axisLabel(201_350_000, 50_000), '201350 us');
    assert.equal(axisLabel(201_400_000, 100_000), '201.4 ms');
    assert.equal(axisLabel(2.5e9, 5e8), '2500 ms');
    assert.equal(exactNs(201_312_345), '201 312 345 ns');
  });

  it('finds places in ascending times', () => {
    assert.deepEqual(
      [0, 5, 6, 9].map((wanted) => lowerBound([1, 5, 5, 8], wanted)),
      [0, 1, 3, 4],
    );
  });
});
