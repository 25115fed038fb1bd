import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeEvtrace } from '../../trace/evtrace.js';
import { toChromeTrace } from '../../trace/exporters/perfetto.js';
import { buildModel } from '../../trace/model/model.js';
import { Evidence } from '../../trace/model/wakes.js';
import { readTraceEvents } from './trace-event-reader.js';

describe('Chrome trace JSON of recorded runs, read by another reader', () => {
  const recordings = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.evtrace'));

  for (const name of recordings) {
    it(`${name}: a track for each thread and object, slices that nest, flows from the signal to its wait`, () => {
      const { recording } = decodeEvtrace(readFileSync(path.join(import.meta.dirname, name)));
      const model = buildModel(recording);
      const { tracks, flows, problems } = readTraceEvents(toChromeTrace(model));
      assert.deepEqual(problems, []);
      assert.equal(tracks.length, model.threads.length + model.objects.length);
      assert.equal(tracks.filter(({ process }) => process === 'Objects').length, model.objects.length);
      assert.ok(tracks.every((track) => track.name !== '' && track.process !== ''));
      const decided = [...model.wakes.signal].filter(
        (signal, edge) => signal >= 0 && (model.wakes.evidence[edge] ?? 0) <= Evidence.Inferred,
      );
      assert.equal(flows.length, decided.length);
      for (const { from, to } of flows) {
        assert.equal(from.category, 'call');
        assert.equal(to.category, 'wait');
        const object = to.name.replace(/^wait for /, '');
        assert.ok(from.name.endsWith(`: ${object}`), `${from.name} does not release "${to.name}"`);
      }
    });
  }
});
