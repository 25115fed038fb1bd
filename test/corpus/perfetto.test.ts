import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeEvtrace } from '../../trace/evtrace.js';
import { toChromeTrace } from '../../trace/exporters/perfetto.js';
import { buildModel, type TraceModel } from '../../trace/model/model.js';
import { Evidence } from '../../trace/model/wakes.js';
import { tracksOfEngine } from './trace-engine.js';
import { readFlows } from './trace-event-reader.js';

describe('Chrome trace JSON of recorded runs, read by the engine of Chrome DevTools', () => {
  const recordings = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.evtrace'));

  it('that engine tells slices that do not lie in each other', async () => {
    const slice = { ph: 'X', cat: 'call', name: 'a', pid: 1, tid: 2, dur: 10 };
    const name = { ph: 'M', name: 'thread_name', pid: 1, tid: 2, args: { name: 'thread' } };
    const traceEvents = [name, { ...slice, ts: 0 }, { ...slice, ts: 5 }];
    const tracks = await tracksOfEngine(JSON.stringify({ traceEvents }));
    assert.deepEqual(tracks, [{ process: '', name: 'thread', slices: 2, nests: false }]);
  });

  for (const name of recordings) {
    it(`${name}: a track for each thread and object, slices that nest, flows from the signal to its wait`, async () => {
      const { recording } = decodeEvtrace(readFileSync(path.join(import.meta.dirname, name)));
      const model = buildModel(recording);
      const text = toChromeTrace(model);
      const tracks = await tracksOfEngine(text);
      assert.equal(tracks.length, model.threads.length + model.objects.length);
      const ofObjects = tracks.filter(({ process }) => process === 'Objects');
      assert.deepEqual(ofObjects.map((track) => track.name).sort(), model.objects.map(({ label }) => label).sort());
      assert.ok(tracks.every((track) => track.name !== '' && track.process !== ''));
      assert.deepEqual(
        tracks.filter(({ nests }) => !nests),
        [],
      );
      assert.equal(
        tracks.filter(({ process }) => process !== 'Objects').reduce((sum, { slices }) => sum + slices, 0),
        model.waits.count + callsOf(model),
      );
      const { flows, problems } = readFlows(text);
      assert.deepEqual(problems, []);
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

/** Transitions that a thread made by a call. */
function callsOf({ transitions, threadOf }: TraceModel): number {
  return transitions.record.reduce((sum, record) => sum + (record >= 0 && (threadOf[record] ?? -1) >= 0 ? 1 : 0), 0);
}
