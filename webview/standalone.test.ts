import assert from 'node:assert/strict';
import { decodeColumns } from '../trace/columns/encode.js';
import { toColumns } from '../trace/columns/from-model.js';
import { generate } from '../trace/generator.js';
import { buildModel } from '../trace/model/model.js';
import { SvgPen, escapeXml } from './draw/svg.js';
import { renderEmptyPage, renderPage, renderStandalone } from './standalone.js';
import { differenceCell } from './tables.js';

describe('page of the timeline', () => {
  const model = buildModel(generate({ seed: 4, span: 2e6, lost: 0.05 }).recording);

  it('loads nothing from anywhere and runs only its own code', () => {
    for (const html of [renderStandalone(model, 'start()'), renderEmptyPage('start()')]) {
      const nonce = /script-src 'nonce-([0-9a-f]{32})'/.exec(html)?.[1];
      assert.ok(nonce !== undefined);
      assert.match(html, /default-src 'none'/);
      assert.ok(!/\b(?:src|href)=/.test(html));
      assert.equal(html.match(/<script /g)?.length, html.match(new RegExp(`<script nonce="${nonce}"`, 'g'))?.length);
    }
  });

  it('keeps names with markup as text', () => {
    const evil = '</script><img src=x onerror=alert(1)>';
    const columns = toColumns(model);
    const named = { ...columns, title: evil, objects: columns.objects.map((head) => ({ ...head, label: evil })) };
    const html = renderPage(named, '"</script>"');
    assert.ok(!html.includes(evil));
    assert.equal(html.match(/<\/script>/g)?.length, 2);
    const embedded = /id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    assert.deepEqual(decodeColumns(new Uint8Array(Buffer.from(embedded, 'base64'))), named);
  });
});

describe('SVG of the view', () => {
  it('holds names as text, and every group that was opened is closed', () => {
    const pen = new SvgPen((text) => ({ width: text.length * 6 }) as TextMetrics);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, 10, 10);
    pen.clip();
    pen.save();
    pen.fillText('</text><script>"&\u0007', 1, 2);
    pen.restore();
    pen.restore();
    pen.save();
    pen.clip();
    const svg = pen.finish(10, 10);
    assert.ok(!svg.includes('<script'));
    assert.equal(svg.match(/<g /g)?.length, svg.match(/<\/g>/g)?.length);
    assert.equal(escapeXml('a<b>\u0000'), 'a&#60;b&#62;\ufffd');
  });
});

describe('difference of two runs', () => {
  it('tells both and the change; a latency that moved by less than a tenth is not marked', () => {
    assert.deepEqual(differenceCell(3, 3, false), { text: '3', number: true });
    assert.deepEqual(differenceCell(3, 5, false), { text: '3 \u2192 5 (+2)', number: true, changed: true });
    assert.equal(differenceCell(1_000, 1_050, true).changed, false);
    assert.equal(differenceCell(undefined, 4, false).changed, true);
  });
});
