import assert from 'node:assert/strict';
import { EventscopeError } from '../../protocol/errors.js';
import { flowWakes } from '../flow-wakes.js';
import { flowSteps } from '../flow.js';
import { generate, type GeneratorOptions } from '../generator.js';
import { buildModel, drawnModelOf, type TraceModel } from '../model/model.js';
import { readRecords } from '../model/record-reader.js';
import { State } from '../model/transitions.js';
import type { RecordingStop } from '../recording.js';
import { Random } from '../ring-writer.js';
import { laneOfRow, lowerBound, type TimelineColumns } from './columns.js';
import { compareRuns } from './compare.js';
import { decodeColumns, encodeColumns } from './encode.js';
import { intoColumns, toColumns } from './from-model.js';
import { DENSITY_BINS, indexColumns, lastRows, signaledAfter } from './index-columns.js';
import { joinColumns } from './join.js';
import { MaskPyramid, TimeSums } from './mip-map.js';
import { rangeStatistics } from './statistics.js';

const VARIANTS: readonly GeneratorOptions[] = [
  { seed: 11, span: 4e6, types: ['event', 'semaphore', 'mutant', 'timer'] },
  { seed: 12, span: 4e6, lost: 0.1, skewed: true, shuffled: true },
  { seed: 13, span: 3e6, userPrevious: false },
];
const models = VARIANTS.map((options) => buildModel(generate(options).recording));
const encoded = models.map((model) => encodeColumns(toColumns(model)));

describe('columns of a model', () => {
  it('have a row for every transition, wait, call and wake, with what the model says of each', () => {
    models.forEach((model, at) => {
      const columns = toColumns(model);
      assert.equal(columns.transitions.time.length, model.transitions.count, `variant ${at}`);
      assert.equal(columns.waits.begin.length, model.waits.count);
      assert.equal(columns.edges.wait.length, model.wakes.count);
      checkEdges(model, columns);
    });
  });

  it('are the same of a model that is given up for them', () => {
    VARIANTS.forEach((options, at) => {
      const { recording } = generate(options);
      const drawn = drawnModelOf(recording, readRecords(recording));
      assert.deepEqual(intoColumns(drawn), toColumns(models[at] as TraceModel), `variant ${at}`);
      assert.equal(drawn.records.time.length + drawn.order.length, 0, 'nothing of what they were made of is left');
    });
  });

  it('have the stops of the debugger that fall into them, cut to them, by the clock of the records', () => {
    const [model] = models;
    assert.ok(model !== undefined);
    const { recording, clock } = model;
    const at = (fromMs: number, untilMs: number, reason: string): RecordingStop => ({
      ...{ fromUtcMs: clock.startUtcMs + fromMs, untilUtcMs: clock.startUtcMs + untilMs, reason },
    });
    // A recording begins before its first record: a stop in that time takes none of the time that is drawn.
    const stops = [at(-300, -200, 'before'), at(-1, 1, 'over the begin'), at(1.5, 2, 'within')];
    const drawn = toColumns(buildModel({ ...recording, metadata: { ...recording.metadata, stops } })).stops;
    assert.deepEqual(
      drawn.map(({ from, until, reason }) => [Math.round(from / 1e3), Math.round(until / 1e3), reason]),
      [
        [0, 1_000, 'over the begin'],
        [1_500, 2_000, 'within'],
      ],
    );
  });

  it('know what the debugger prolonged: it is told, and no latency', () => {
    const [model] = models;
    assert.ok(model !== undefined);
    const { recording, clock, wakes, waits } = model;
    const longest = wakes.latency.reduce((best, ns, edge) => (ns > (wakes.latency[best] ?? 0) ? edge : best), -1);
    const latency = wakes.latency[longest] ?? 0;
    const end = waits.end[wakes.wait[longest] ?? 0] ?? 0;
    const moment = (ns: number): number => clock.startUtcMs + ns / 1e6;
    const stops = [{ fromUtcMs: moment(end - latency / 2), untilUtcMs: moment(end + 1_000), reason: 'breakpoint' }];
    const stopped = buildModel({ ...recording, metadata: { ...recording.metadata, stops } });
    const told = flowWakes(stopped);
    // A millisecond since 1970 has steps of 0.2 us in a double.
    const held = told[longest]?.held ?? 0;
    assert.ok(Math.abs(held - latency / 2) < 1_000, `${held} ns of ${latency} ns`);
    const ofModel = stopped.transitions.counters[wakes.object[longest] ?? -1]?.latency;
    const before = model.transitions.counters[wakes.object[longest] ?? -1]?.latency;
    const prolonged = told.filter((wake) => wake.object === wakes.object[longest] && wake.held > 0).length;
    assert.equal(ofModel?.count, (before?.count ?? 0) - prolonged);
    const columns = toColumns(stopped);
    const ofRange = rangeStatistics(columns, indexColumns(columns), -Infinity, Infinity);
    assert.deepEqual(ofRange.objects.find(({ object }) => object === wakes.object[longest])?.latency, ofModel);
    assert.ok(flowSteps(stopped).some(({ text }) => text.includes(', of which the debugger held the target')));
  });

  it('come back from bytes as they were', () => {
    models.forEach((model, at) => {
      const back = decodeColumns(encoded[at] ?? new Uint8Array());
      assert.deepEqual(back, toColumns(model));
    });
  });

  it('come back the same wherever their bytes lie, in a buffer of Node too', () => {
    const bytes = encoded[0] ?? new Uint8Array();
    for (const place of [1, 4, 8]) {
      const buffer = Buffer.alloc(place + bytes.length);
      buffer.set(bytes, place);
      assert.deepEqual(decodeColumns(buffer.subarray(place)), toColumns(models[0] ?? assert.fail()));
    }
  });

  it('are refused when their bytes lie, and never read past their end', () => {
    const [good] = encoded;
    assert.ok(good !== undefined);
    const random = new Random(5);
    let refused = 0;
    for (let round = 0; round < 400; round += 1) {
      const bytes = good.slice(0, random.chance(0.3) ? random.between(0, good.length) : good.length);
      for (let flips = random.between(1, 4); flips > 0 && bytes.length > 0; flips -= 1) {
        bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
      }
      try {
        const columns = decodeColumns(bytes);
        // What is let through holds together: everything that drawing walks can be walked.
        indexColumns(columns);
        rangeStatistics(columns, indexColumns(columns), 0, columns.end);
      } catch (error) {
        assert.ok(error instanceof EventscopeError && error.id === 'columns.damaged', String(error));
        refused += 1;
      }
    }
    assert.ok(refused > 100, `${refused} of 400 refused`);
  });

  it('are refused when they promise more rows than there are bytes', () => {
    const [good] = encoded;
    const length = new DataView(good?.buffer ?? new ArrayBuffer(16)).getUint32(12, true);
    const json = new TextDecoder().decode(good?.subarray(16, 16 + length));
    const digits = String(models[0]?.transitions.count);
    const lie = json.replace(`"transitions.time":${digits}`, `"transitions.time":${'9'.repeat(digits.length)}`);
    assert.notEqual(lie, json);
    const bytes = good?.slice() ?? new Uint8Array();
    bytes.set(new TextEncoder().encode(lie), 16);
    assert.throws(() => decodeColumns(bytes), { id: 'columns.damaged' });
  });
});

/** Every edge leads from the row of its signal to the row of its wait. */
function checkEdges(model: TraceModel, { edges, waits, transitions }: TimelineColumns): void {
  const { wakes } = model;
  const wanted = Array.from({ length: wakes.count }, (_, edge) => {
    const wait = wakes.wait[edge] ?? 0;
    const signal = wakes.signal[edge] ?? -1;
    return [
      model.waits.thread[wait] ?? -1,
      model.waits.begin[wait] ?? -1,
      signal < 0 ? -1 : (model.records.time[signal] ?? -1),
      wakes.object[edge] ?? -1,
      wakes.evidence[edge] ?? -1,
      (wakes.firstCandidate[edge + 1] ?? 0) - (wakes.firstCandidate[edge] ?? 0),
    ].join(' ');
  });
  const found = Array.from({ length: edges.wait.length }, (_, edge) => {
    const wait = edges.wait[edge] ?? 0;
    const signal = edges.signal[edge] ?? -1;
    if (signal >= 0) assert.equal(laneOfRow(transitions.first, signal), edges.object[edge]);
    return [
      laneOfRow(waits.first, wait),
      waits.begin[wait] ?? -1,
      signal < 0 ? -1 : (transitions.time[signal] ?? -1),
      edges.object[edge] ?? -1,
      edges.evidence[edge] ?? -1,
      (edges.firstCandidate[edge + 1] ?? 0) - (edges.firstCandidate[edge] ?? 0),
    ].join(' ');
  });
  assert.deepEqual(found.sort(), wanted.sort());
}

describe('mip-map', () => {
  const random = new Random(3);

  it('answers for any stretch what walking it answers', () => {
    for (const length of [0, 1, 15, 16, 17, 255, 256, 257, 5_000]) {
      const rows = Uint8Array.from({ length }, () => (random.chance(0.97) ? 0 : random.between(0, 31)));
      const pyramid = MaskPyramid.of(rows);
      for (let round = 0; round < 200; round += 1) {
        const from = random.between(0, length);
        const until = random.between(from, length);
        const walked = rows.subarray(from, until);
        assert.equal(pyramid.query(from, until), walked.reduce((mask, bit) => mask | (1 << bit), 0) >>> 0);
        const bits = (1 << random.between(0, 31)) | (1 << random.between(0, 31));
        const place = walked.findIndex((bit) => ((1 << bit) & bits) !== 0);
        assert.equal(pyramid.find(bits, from, until), place < 0 ? -1 : from + place);
      }
    }
  });

  it('sums up how long each object was signaled before any row', () => {
    for (const model of models) {
      const columns = toColumns(model);
      const { transitions } = columns;
      const rows = transitions.time.length;
      const last = lastRows(transitions.first, rows);
      const lengthOf = signaledAfter(transitions, (row) => last[row] === 1);
      const sums = new TimeSums(indexColumns(columns).signaled);
      let walked = 0;
      for (let row = 0; row < rows; row += 1) {
        assert.equal(sums.before(row, lengthOf), walked);
        const laneEnds = transitions.first.includes(row + 1);
        if (!laneEnds && transitions.state[row] === State.Signaled) {
          walked += (transitions.time[row + 1] ?? 0) - (transitions.time[row] ?? 0);
        }
      }
    }
  });

  it('counts every transition in exactly one stretch of the density, and every edge by its signal', () => {
    for (const model of models) {
      const columns = toColumns(model);
      const { density, signalRow, signalEdge } = indexColumns(columns);
      assert.equal(density.length, DENSITY_BINS);
      assert.equal(
        density.reduce((sum, count) => sum + count, 0),
        model.transitions.count,
      );
      const decided = columns.edges.signal.filter((row) => row >= 0).length;
      assert.equal(signalRow.length, decided + columns.edges.candidates.length);
      signalEdge.forEach((edge, at) => {
        const first = columns.edges.firstCandidate[edge] ?? 0;
        const own = columns.edges.candidates.subarray(first, columns.edges.firstCandidate[edge + 1]);
        const row = signalRow[at] ?? -1;
        assert.ok(columns.edges.signal[edge] === row || own.includes(row));
        assert.ok(at === 0 || row >= (signalRow[at - 1] ?? 0));
      });
    }
  });
});

describe('statistics of a range', () => {
  it('of the whole are those of the model', () => {
    for (const model of models) {
      const columns = toColumns(model);
      const { objects } = rangeStatistics(columns, indexColumns(columns), -Infinity, Infinity);
      for (const one of objects) {
        const counters = model.transitions.counters[one.object];
        assert.equal(one.wiped <= (counters?.wiped ?? 0), true);
        assert.deepEqual(one.latency?.max, counters?.latency?.max);
        assert.deepEqual(one.latency?.p99, counters?.latency?.p99);
      }
      const transitions = objects.reduce((sum, one) => sum + one.transitions, 0);
      assert.equal(transitions, model.transitions.count);
    }
  });

  it('of the parts add up to those of the whole', () => {
    const columns = toColumns(models[0] as TraceModel);
    const index = indexColumns(columns);
    const whole = rangeStatistics(columns, index, -Infinity, Infinity);
    const third = columns.end / 3;
    const parts = [
      rangeStatistics(columns, index, -Infinity, third),
      rangeStatistics(columns, index, third, 2 * third),
      rangeStatistics(columns, index, 2 * third, Infinity),
    ];
    for (const field of ['transitions', 'signals', 'taken', 'coalesced', 'wiped', 'timedOut'] as const) {
      const sum = (list: typeof whole): number => list.objects.reduce((total, one) => total + one[field], 0);
      assert.equal(
        parts.reduce((total, part) => total + sum(part), 0),
        sum(whole),
        field,
      );
      assert.ok(field === 'coalesced' || field === 'wiped' || sum(whole) > 0, field);
    }
    const woken = (list: typeof whole): number => list.wakers.reduce((total, { latency }) => total + latency.count, 0);
    assert.equal(woken(whole), whole.latency?.count);
    assert.equal(
      whole.histogram.reduce((total, { count }) => total + count, 0),
      whole.latency?.count,
    );
  });
});

describe('several recordings in one picture', () => {
  const parts = models.map(toColumns);

  it('keep every row, each in its own run, moved by the difference of the clocks', () => {
    const shifted = parts.map((part, at) => ({ ...part, startUtcMs: 1_000 + at * 5 }));
    const joined = joinColumns(shifted, 'clock');
    assert.deepEqual(decodeColumns(encodeColumns(joined)), joined);
    assert.equal(joined.runs.length, parts.length);
    let object = 0;
    shifted.forEach((part, at) => {
      part.objects.forEach((head, own) => {
        const rows = joined.transitions.time.subarray(
          joined.transitions.first[object + own],
          joined.transitions.first[object + own + 1],
        );
        const mine = part.transitions.time.subarray(part.transitions.first[own], part.transitions.first[own + 1]);
        assert.deepEqual(
          [...rows],
          [...mine].map((time) => time + at * 5e6),
        );
        assert.equal(joined.objects[object + own]?.run, head.run < 0 ? at : head.run);
      });
      object += part.objects.length;
    });
  });

  it('compared with itself, a run has no difference; with one more signal it has one', () => {
    const [part] = parts;
    assert.ok(part !== undefined);
    const same = joinColumns([part, part], 'start');
    assert.ok(compareRuns(same, indexColumns(same), 0, 1).every(({ weight }) => weight === 0));
    const other = joinColumns([part, parts[1] ?? part], 'start');
    const differences = compareRuns(other, indexColumns(other), 0, 1);
    assert.ok((differences[0]?.weight ?? 0) > 0);
    assert.ok(differences.some(({ before, after }) => before === undefined || after === undefined));
  });
});

describe('looking up rows', () => {
  it('finds places in ascending values', () => {
    assert.deepEqual(
      [0, 5, 6, 9].map((wanted) => lowerBound([1, 5, 5, 8], wanted)),
      [0, 1, 3, 4],
    );
  });

  it('finds the lane of a row, over lanes without rows', () => {
    const first = Uint32Array.of(0, 0, 3, 3, 5, 5);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((row) => laneOfRow(first, row)),
      [1, 1, 1, 3, 3],
    );
  });
});
