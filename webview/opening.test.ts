import assert from 'node:assert/strict';
import type { TimelineColumns } from '../trace/columns/columns.js';
import { toColumns } from '../trace/columns/from-model.js';
import { encodeEvtrace } from '../trace/evtrace.js';
import { generate } from '../trace/generator.js';
import { buildModel } from '../trace/model/model.js';
import type { Recording } from '../trace/recording.js';
import { Opening, pictureOf, withEdges } from './opening.js';

/** Rings take turns, as they do while they are drained; each stays in order. */
function interleaved(recording: Recording): Recording {
  const rings = new Map<string, Recording['chunks'][number][]>();
  for (const chunk of recording.chunks) {
    const key = `${chunk.source} ${chunk.ring}`;
    rings.set(key, [...(rings.get(key) ?? []), chunk]);
  }
  const most = Math.max(...Array.from(rings.values(), ({ length }) => length));
  const chunks = Array.from({ length: most }, (_, turn) => [...rings.values()].flatMap((ring) => ring[turn] ?? []));
  return { ...recording, chunks: chunks.flat() };
}

function opened(bytes: Uint8Array, size: number, manyEdges?: number): ReturnType<Opening['finish']> {
  const opening = new Opening(bytes.length, manyEdges);
  for (let at = 0; at < bytes.length; at += size) opening.push(at, bytes.slice(at, at + size));
  assert.ok(opening.whole);
  return opening.finish();
}

/** Each transition and wake by what names it, wherever its row is. */
function whatHappened({ transitions: t, waits: w, edges, objects }: TimelineColumns): readonly string[] {
  const placeOf = (row: number): string =>
    row < 0 ? 'none' : `${t.ring[row] ?? 0}:${t.slot[row] ?? 0} at ${t.time[row] ?? 0}`;
  const steps = objects.flatMap(({ label, kind }, object) =>
    Array.from(t.time.subarray(t.first[object], t.first[object + 1]), (time, at) => {
      const row = (t.first[object] ?? 0) + at;
      // An unnamed object's number is its place among all.
      return `${label.replace(/#\d+/, '')} ${kind} ${time} ${t.what[row] ?? 0} ${t.state[row] ?? 0} ${placeOf(row)}`;
    }),
  );
  const wakes = Array.from(edges.wait, (wait, edge) => {
    const signal = placeOf(edges.signal[edge] ?? -1);
    return `wake ${w.ring[wait] ?? 0}:${w.slot[wait] ?? 0} ${edges.evidence[edge] ?? 0} ${signal} ${edges.latency[edge] ?? 0}`;
  });
  return [...steps, ...wakes].sort();
}

describe('opening a recording', () => {
  for (const lost of [0, 0.05])
    it(`in pieces, slots as they come, tells what reading it at once tells (lost: ${lost})`, () => {
      for (let seed = 1; seed <= 6; seed += 1) {
        const recording = interleaved(generate({ seed, lost, span: 8e6 }).recording);
        const { columns, problems } = opened(encodeEvtrace(recording), 777 * seed);
        const expected = toColumns(buildModel(recording));
        assert.deepEqual(problems, []);
        assert.deepEqual(whatHappened(columns), whatHappened(expected), `seed ${seed}`);
        assert.equal(columns.end, expected.end);
        assert.deepEqual(columns.gaps.map(({ count }) => count).sort(), expected.gaps.map(({ count }) => count).sort());
      }
    });

  it('of many wakes draws first, and then gets the edges that it gets with few', () => {
    const bytes = encodeEvtrace(interleaved(generate({ seed: 9, span: 8e6 }).recording));
    const { columns, edges } = opened(bytes, 4_096, 10);
    assert.equal(columns.edges.wait.length, 0);
    assert.ok(edges !== undefined);
    const complete = withEdges(pictureOf([columns], 'clock'), edges());
    const atOnce = opened(bytes, 4_096);
    assert.equal(atOnce.edges, undefined);
    assert.ok(atOnce.columns.edges.wait.length > 10);
    assert.deepEqual(complete, pictureOf([atOnce.columns], 'clock'));
  });

  it('of slots in disorder leaves out what comes late, and says how much', () => {
    const { recording } = generate({ seed: 3, span: 8e6 });
    const first = recording.chunks.findIndex(({ bytes }) => bytes.length > 0);
    const chunk = recording.chunks[first];
    assert.ok(chunk !== undefined);
    const half = Math.floor(chunk.bytes.length / 128) * 64;
    const parts = [
      { ...chunk, firstSlot: chunk.firstSlot + BigInt(half / 64), bytes: chunk.bytes.subarray(half) },
      { ...chunk, bytes: chunk.bytes.subarray(0, half) },
    ];
    const disorder = { ...recording, chunks: recording.chunks.toSpliced(first, 1, ...parts) };
    const { problems, columns } = opened(encodeEvtrace(disorder), 1_000);
    assert.deepEqual(
      problems.map((problem) => problem.includes(`${half / 64} come behind later ones of their ring`)),
      [true],
    );
    assert.ok(columns.transitions.time.length > 0);
  });
});
