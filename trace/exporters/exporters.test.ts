import assert from 'node:assert/strict';
import { generate } from '../generator.js';
import { buildModel } from '../model/model.js';
import { Evidence } from '../model/wakes.js';
import { chromeEvents, toChromeTrace } from './perfetto.js';
import { csvLines, jsonLines } from './rows.js';

describe('exporters', () => {
  const model = buildModel(generate({ seed: 9, span: 3e6 }).recording);

  it('write Chrome trace JSON whose flows begin at a call and end at a wait', () => {
    const parsed = JSON.parse(toChromeTrace(model)) as { traceEvents: Record<string, unknown>[] };
    const starts = parsed.traceEvents.filter(({ ph }) => ph === 's');
    const ends = parsed.traceEvents.filter(({ ph }) => ph === 'f');
    const decided = [...model.wakes.signal].filter(
      (signal, edge) => signal >= 0 && model.wakes.evidence[edge] !== Evidence.Ambiguous,
    );
    assert.ok(decided.length > 0);
    assert.equal(starts.length, decided.length);
    assert.deepEqual(
      starts.map(({ id }) => id),
      ends.map(({ id }) => id),
    );
    const waits = parsed.traceEvents.filter(({ cat }) => cat === 'wait');
    for (const end of ends) {
      const encloses = waits.some(
        ({ pid, tid, ts, dur }) =>
          pid === end['pid'] &&
          tid === end['tid'] &&
          Number(ts) <= Number(end['ts']) &&
          Number(ts) + Number(dur) >= Number(end['ts']) - 0.002,
      );
      assert.ok(encloses, JSON.stringify(end));
    }
    assert.equal([...chromeEvents(model)].length, parsed.traceEvents.length);
  });

  it('write one row per transition as JSON lines and as CSV', () => {
    const lines = [...jsonLines(model)];
    assert.equal(lines.length, model.transitions.count);
    for (const line of lines) assert.equal(typeof (JSON.parse(line) as { time: unknown }).time, 'number');
    const csv = [...csvLines(model)];
    assert.equal(csv.length, lines.length + 1);
    assert.match(csv[0] ?? '', /^time,object,label,transition/);
  });
});
