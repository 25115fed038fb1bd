import assert from 'node:assert/strict';
import { generate } from '../trace/generator.js';
import { mergeRecordings } from '../trace/merge.js';
import { buildModel } from '../trace/model/model.js';
import { Transition } from '../trace/model/transitions.js';
import { laneAt, layOut, type Group } from './lanes.js';
import { firstWake, followed, onOtherLane, stepped } from './navigation.js';
import { TransitionPages } from './transition-pages.js';
import { toViewData } from './view-data.js';
import { ViewIndex, momentOf } from './view-index.js';

const oneRun = toViewData(
  buildModel(generate({ seed: 3, span: 4e6, types: ['event', 'semaphore', 'mutant', 'timer'] }).recording),
);

describe('lookups of the timeline', () => {
  const view = new ViewIndex(oneRun);
  const { edges } = oneRun;
  const all = [...edges.to.keys()];

  it('find the edges that a walk over all of them finds', () => {
    for (const { id, begin } of oneRun.threads) {
      begin.forEach((time, index) => {
        const wanted = all.filter((edge) => edges.toThread[edge] === id && edges.begin[edge] === time);
        assert.deepEqual(view.edgesOf({ lane: 'thread', id, index }), wanted);
      });
    }
    for (const { id, time, thread, what } of oneRun.objects) {
      time.forEach((at, index) => {
        const own = all.filter((edge) => edges.object[edge] === id);
        const wanted =
          what[index] === Transition.Take
            ? own.filter(
                (edge) =>
                  edges.toThread[edge] === thread[index] &&
                  (edges.begin[edge] ?? 0) <= at &&
                  (edges.to[edge] ?? 0) >= at,
              )
            : own.filter(
                (edge) =>
                  (edges.from[edge] === at && edges.fromThread[edge] === thread[index]) ||
                  edges.candidates[edge]?.includes(at) === true,
              );
        assert.deepEqual([...view.edgesOf({ lane: 'object', id, index })].sort(), wanted.sort());
      });
    }
  });

  it('lead from a signal to its wait and back', () => {
    const wait = firstWake(view, undefined);
    assert.ok(wait?.lane === 'thread');
    const signal = followed(view, wait);
    assert.ok(signal?.lane === 'object');
    assert.deepEqual(followed(view, signal), wait);
  });

  it('stay on the lane at its ends, and leave out lanes where nothing is', () => {
    const id = oneRun.objects[0]?.id ?? -1;
    const last = (oneRun.objects[0]?.time.length ?? 0) - 1;
    assert.deepEqual(stepped(view, { lane: 'object', id, index: 0 }, -1), { lane: 'object', id, index: 0 });
    assert.deepEqual(stepped(view, { lane: 'object', id, index: last }, 1), { lane: 'object', id, index: last });
    const { lanes } = layOut(oneRun, '', new Set());
    for (let at = onOtherLane(view, lanes, undefined, 1, 0); at !== undefined;) {
      const { selection } = at;
      assert.ok(view.times(selection).length > 0);
      at = onOtherLane(view, lanes, selection, 1, 0);
      if (at?.selection.lane === selection.lane && at.selection.id === selection.id) break;
    }
  });
});

describe('table of transitions', () => {
  it('has every transition of the range once, in order, page by page', () => {
    const [from, until] = [oneRun.end / 8, oneRun.end * 0.9];
    const pages = new TransitionPages(oneRun.objects, from, until);
    const promised = pages.left;
    const times: number[] = [];
    for (let page = pages.next(7); page.length > 0; page = pages.next(7)) {
      times.push(...page.map(({ lane, index }) => lane.time[index] ?? NaN));
    }
    const wanted = oneRun.objects.flatMap(({ time }) => time.filter((at) => at >= from && at < until));
    assert.ok(wanted.length > 50);
    assert.deepEqual(
      times,
      wanted.sort((a, b) => a - b),
    );
    assert.equal(promised, wanted.length);
    assert.equal(pages.left, 0);
  });
});

describe('lanes', () => {
  const runs = [1, 2].map((seed) => {
    const { recording } = generate({ seed, span: 1e6 });
    return { ...recording, metadata: { ...recording.metadata, title: `run with seed ${seed}` } };
  });
  const data = toViewData(buildModel(mergeRecordings(runs, 'two runs')));
  const view = new ViewIndex(data);
  const headings = (folded: ReadonlySet<Group>, filter = ''): string[] =>
    layOut(data, filter, folded).lanes.flatMap((lane) =>
      lane.type === 'heading' && typeof lane.group === 'number' ? [lane.label] : [],
    );

  it('of several runs are groups with their names, each with its own objects and threads', () => {
    assert.deepEqual(headings(new Set()), ['run with seed 1', 'run with seed 2']);
    const { lanes } = layOut(data, '', new Set<Group>([0, 'quiet']));
    const threads = lanes.flatMap((lane) => (lane.type === 'thread' ? [lane.thread] : []));
    assert.ok(threads.length > 0);
    assert.ok(threads.every((thread) => thread.run === 1));
    assert.deepEqual(headings(new Set<Group>([0, 1])), ['run with seed 1', 'run with seed 2']);
  });

  it('end with the run of their object', () => {
    // Names are common to both runs; what has none is of one.
    const unnamed = data.objects.filter(({ label }) => label.startsWith('unnamed'));
    assert.ok(unnamed.length > 1);
    for (const { run, until } of unnamed) assert.ok(until <= (data.runs[run]?.until ?? NaN));
  });

  it('that a filter finds are shown although their group is folded', () => {
    const [first] = data.objects.filter(({ run, quiet }) => run === 1 && !quiet);
    assert.ok(first !== undefined);
    const { lanes } = layOut(data, first.label.toUpperCase(), new Set<Group>([0, 1, 'quiet']));
    assert.ok(lanes.some((lane) => lane.type === 'object' && lane.object === first));
    assert.deepEqual(layOut(data, 'no such name anywhere', new Set()).lanes, []);
  });

  it('fold what nobody waits for into one group with its number', () => {
    const quiet = oneRun.objects.filter((lane) => lane.quiet).length;
    assert.ok(quiet > 0);
    const { lanes } = layOut(oneRun, '', new Set<Group>(['quiet']));
    const last = lanes.at(-1);
    assert.ok(last?.type === 'heading' && last.folded);
    assert.equal(last.label, `Timers and objects without waits (${quiet})`);
    assert.equal(layOut(oneRun, '', new Set()).lanes.length, lanes.length + quiet);
  });

  it('are found by their height', () => {
    const layout = layOut(oneRun, '', new Set());
    for (const lane of layout.lanes) {
      assert.equal(laneAt(layout, lane.top), lane);
      assert.equal(laneAt(layout, lane.top + lane.height - 1), lane);
    }
    assert.equal(laneAt(layout, 0), undefined);
    assert.equal(laneAt(layout, layout.height + 1), undefined);
  });

  it('of a run begin with a wake of that run', () => {
    for (const run of data.runs.keys()) {
      const wait = firstWake(view, run);
      assert.ok(wait !== undefined);
      assert.equal(view.thread(wait.id)?.run, run);
      assert.ok(momentOf(view, wait) > 0);
    }
  });
});
