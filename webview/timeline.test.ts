import assert from 'node:assert/strict';
import { joinColumns } from '../trace/columns/join.js';
import { toColumns } from '../trace/columns/from-model.js';
import { generate, type GeneratorOptions } from '../trace/generator.js';
import { mergeRecordings } from '../trace/merge.js';
import { buildModel } from '../trace/model/model.js';
import { Transition } from '../trace/model/transitions.js';
import { Outcome } from '../trace/model/waits.js';
import { Evidence } from '../trace/model/wakes.js';
import { describeSelection, latencyParts } from './describe.js';
import { asksForWaits, matchesWait, nextMatch, parseFilter } from './filter.js';
import { hitAt } from './hit.js';
import {
  QUIET,
  keyOf,
  laneAt,
  layOut,
  nameOf,
  reordered,
  runGroup,
  shortLabelOf,
  type Arrangement,
  type LaneLayout,
} from './lanes.js';
import { criticalPath, firstWake, followed, onOtherLane, releasedBy, stepped } from './navigation.js';
import { pictureOf } from './opening.js';
import { TimeScale } from './time-scale.js';
import { EntryPages, timesOf } from './entry-pages.js';
import { viewOf } from './view-data.js';
import { ViewIndex, type Selection } from './view-index.js';

const sameEntry = (a: Selection, b: Selection | undefined): boolean =>
  a.lane === b?.lane && a.at === b.at && a.index === b.index;

function viewFor(options: GeneratorOptions): ViewIndex {
  const { columns, index } = pictureOf([toColumns(buildModel(generate(options).recording))], 'clock');
  return new ViewIndex(viewOf(columns, index));
}

const view = viewFor({ seed: 3, span: 4e6, types: ['event', 'semaphore', 'mutant', 'timer'] });
const { columns } = view.data;

const PLAIN: Arrangement = { folded: new Set(), pinned: new Set(), order: [], names: new Map() };
const laidOut = (of: ViewIndex, filter = '', arrangement: Partial<Arrangement> = {}): LaneLayout =>
  layOut(of, parseFilter(filter), { ...PLAIN, ...arrangement });

/** Every transition and every wait. */
function* entries(of: ViewIndex): Generator<Selection> {
  for (const { at, count } of of.data.objects) {
    for (let index = 0; index < count; index += 1) yield { lane: 'object', at, index };
  }
  for (const { at, count } of of.data.threads) {
    for (let index = 0; index < count; index += 1) yield { lane: 'thread', at, index };
  }
}

describe('lookups of the timeline', () => {
  it('find the edges that a walk over all of them finds', () => {
    const { edges, transitions } = columns;
    const all = [...edges.wait.keys()];
    const candidates = (edge: number): number[] => [
      ...edges.candidates.subarray(edges.firstCandidate[edge], edges.firstCandidate[edge + 1]),
    ];
    for (const selection of entries(view)) {
      const base = (selection.lane === 'object' ? view.object(selection.at) : view.thread(selection.at))?.base ?? 0;
      const row = base + selection.index;
      const wanted = all.filter((edge) => {
        if (selection.lane === 'thread') return edges.wait[edge] === row;
        if (transitions.what[row] === Transition.Take) {
          return edges.object[edge] === selection.at && edges.wait[edge] === transitions.wait[row];
        }
        return edges.signal[edge] === row || candidates(edge).includes(row);
      });
      assert.deepEqual([...view.edgesOf(selection)].sort(), wanted.sort());
    }
  });

  it('hit what is drawn: at the place of every lone transition it is found', () => {
    const layout = laidOut(view);
    const scale = new TimeScale(0, columns.end, 4_000, columns.end);
    let hits = 0;
    for (const [at, lane] of layout.ofObject) {
      const { time } = lane.object;
      time.forEach((moment, index) => {
        const x = scale.x(moment);
        const alone = [index - 1, index + 1].every((other) => Math.abs(scale.x(time[other] ?? Infinity) - x) > 4);
        if (!alone) return;
        hits += 1;
        assert.deepEqual(hitAt(layout, view, scale, x, lane.top + 10), { lane: 'object', at, index });
      });
    }
    assert.ok(hits > 50);
  });
});

describe('walking along wakes', () => {
  it('leads from a signal to its wait and back', () => {
    const wait = firstWake(view, undefined);
    assert.ok(wait?.lane === 'thread');
    const signal = followed(view, wait);
    assert.ok(signal?.lane === 'object');
    assert.deepEqual(
      view.edgesOf(signal).map((edge) => view.waitOf(edge)),
      [wait],
    );
  });

  it('leads from a signal to a wait that it is sure to have released, where there is one, and from there back to it', () => {
    const { edges } = columns;
    const isSure = (edge: number): boolean => (edges.evidence[edge] ?? 9) <= Evidence.Inferred;
    let several = 0;
    for (const selection of entries(view)) {
      if (selection.lane !== 'object' || view.object(selection.at)?.what[selection.index] === Transition.Take) continue;
      const own = view.edgesOf(selection);
      if (!own.some(isSure)) continue;
      if (!own.every(isSure)) several += 1;
      const wait = followed(view, selection);
      assert.ok(own.some((edge) => isSure(edge) && sameEntry(view.waitOf(edge), wait)));
    }
    assert.ok(several > 0);
  });

  it('goes back from a signal to what had released its thread, never forward in time', () => {
    let steps = 0;
    for (const selection of entries(view)) {
      const before = releasedBy(view, selection);
      if (before === undefined) continue;
      steps += 1;
      if (selection.lane === 'object' && before.lane === 'thread') {
        const moment = view.momentOf(selection);
        const thread = view.thread(before.at);
        const end = thread?.end[before.index] ?? Infinity;
        const isTake = view.object(selection.at)?.what[selection.index] === Transition.Take;
        assert.ok(!isTake && end <= moment);
        assert.equal(view.object(selection.at)?.thread[selection.index], before.at);
        // The last one: no other wait of the thread ended in between.
        assert.ok(thread?.end.every((other) => other <= end || other > moment));
      } else if (before.lane === 'object') {
        const edges = view.edgesOf(selection);
        const signal = view.object(before.at);
        assert.ok(edges.some((edge) => columns.edges.signal[edge] === (signal?.base ?? 0) + before.index));
      }
    }
    assert.ok(steps > 100);
  });

  it('the critical path goes back in time by edges that are decided', () => {
    let longest = 0;
    for (const selection of entries(view)) {
      if (selection.lane !== 'thread') continue;
      const path = criticalPath(view, selection);
      longest = Math.max(longest, path.length);
      path.forEach(({ time, edge }, at) => {
        const next = path[at + 1];
        if (next !== undefined) assert.ok(next.time <= time, `${next.time} after ${time}`);
        if (edge !== undefined) assert.ok((columns.edges.evidence[edge] ?? 9) <= Evidence.Inferred);
      });
    }
    assert.ok(longest > 4);
  });

  it('tells the parts of a latency where the records tell them apart, and they are the whole', () => {
    let told = 0;
    columns.edges.latency.forEach((latency, edge) => {
      const parts = latencyParts(view, edge);
      if (parts === undefined) return;
      told += 1;
      assert.ok(parts.signaling >= 0 && parts.waking >= 0);
      assert.ok(Math.abs(parts.signaling + parts.waking - latency) < 1e-6);
      assert.match(describeSelection(view, view.waitOf(edge)), /in the signaling call, then .* ready and returning/);
    });
    assert.ok(told > 3, `${told} told`);
  });

  it('stays on the lane at its ends, and leaves out lanes where nothing is', () => {
    const lane = view.data.shownObjects[0];
    const last = (lane?.count ?? 0) - 1;
    const at = lane?.at ?? -1;
    assert.deepEqual(stepped(view, { lane: 'object', at, index: 0 }, -1), { lane: 'object', at, index: 0 });
    assert.deepEqual(stepped(view, { lane: 'object', at, index: last }, 1), { lane: 'object', at, index: last });
    const { lanes } = laidOut(view);
    const seen = new Set<string>();
    for (let next = onOtherLane(view, lanes, undefined, 1, 0); next !== undefined;) {
      assert.ok(view.times(next).length > 0);
      const key = `${next.lane} ${next.at}`;
      if (seen.has(key)) break;
      seen.add(key);
      next = onOtherLane(view, lanes, next, 1, 0);
    }
    const withEntries = [...view.data.shownObjects, ...view.data.shownThreads].filter(({ count }) => count > 0);
    assert.equal(seen.size, withEntries.length);
  });
});

describe('table of what happened', () => {
  it('has every transition and every wait of the range once, in order, page by page', () => {
    const [from, until] = [columns.end / 8, columns.end * 0.9];
    const pages = new EntryPages([...view.data.objects, ...view.data.threads], from, until);
    const promised = pages.left;
    const times: number[] = [];
    for (let page = pages.next(7); page.length > 0; page = pages.next(7)) {
      times.push(...page.map(({ lane, index }) => timesOf(lane)[index] ?? NaN));
    }
    const wanted = [...columns.transitions.time, ...columns.waits.begin].filter((at) => at >= from && at < until);
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
  const recordings = [1, 2].map((seed) => {
    const { recording } = generate({ seed, span: 1e6 });
    return { ...recording, metadata: { ...recording.metadata, title: `run with seed ${seed}` } };
  });
  const merged = pictureOf([toColumns(buildModel(mergeRecordings(recordings, 'two runs')))], 'clock');
  const runs = new ViewIndex(viewOf(merged.columns, merged.index));
  const runHeadings = (layout: LaneLayout): string[] =>
    layout.lanes.flatMap((lane) => (lane.type === 'heading' && lane.run >= 0 ? [lane.label] : []));

  it('of several runs are groups with their names, each with its own objects and threads', () => {
    assert.deepEqual(runHeadings(laidOut(runs)), ['run with seed 1', 'run with seed 2']);
    const { lanes } = laidOut(runs, '', { folded: new Set([runGroup(0), QUIET]) });
    const threads = lanes.flatMap((lane) => (lane.type === 'thread' ? [lane.thread] : []));
    assert.ok(threads.length > 0);
    assert.ok(threads.every(({ head }) => head.run === 1));
    const folded = new Set([runGroup(0), runGroup(1)]);
    assert.deepEqual(runHeadings(laidOut(runs, '', { folded })), ['run with seed 1', 'run with seed 2']);
  });

  it('of two recordings opened together are a group each, though each is one run', () => {
    const parts = recordings.map((recording) => toColumns(buildModel(recording)));
    const joined = joinColumns(parts, 'start');
    assert.deepEqual(
      joined.runs.map(({ label }) => label),
      ['run with seed 1', 'run with seed 2'],
    );
  });

  it('end with the run of their object', () => {
    // Names are common to both runs; what has none is of one.
    const unnamed = runs.data.objects.filter(({ head }) => head.path === undefined && head.run >= 0);
    assert.ok(unnamed.length > 1);
    for (const { head } of unnamed) assert.ok(head.until <= (merged.columns.runs[head.run]?.until ?? NaN));
  });

  it('that a filter finds are shown although their group is folded', () => {
    const first = runs.data.shownObjects.find(({ head }) => head.run === 1 && !head.quiet);
    assert.ok(first !== undefined);
    const folded = new Set([runGroup(0), runGroup(1), QUIET]);
    const { lanes } = laidOut(runs, first.head.label.toUpperCase(), { folded });
    assert.ok(lanes.some((lane) => lane.type === 'object' && lane.object === first));
    assert.deepEqual(laidOut(runs, 'no-such-name-anywhere').lanes, []);
  });

  it('fold what nobody waits for into one group with its number', () => {
    const quiet = view.data.shownObjects.filter(({ head }) => head.quiet).length;
    assert.ok(quiet > 0);
    const { lanes } = laidOut(view, '', { folded: new Set([QUIET]) });
    const last = lanes.at(-1);
    assert.ok(last?.type === 'heading' && last.folded);
    assert.equal(last.label, `Timers and objects without waits (${quiet})`);
    assert.equal(laidOut(view).lanes.length, lanes.length + quiet);
  });

  it('are shown once each, threads of a side by process, whatever is pinned or moved', () => {
    const { lanes } = laidOut(view);
    const shown = lanes.flatMap((lane) => (lane.type === 'heading' ? [] : [lane]));
    assert.equal(shown.length, view.data.shownObjects.length + view.data.shownThreads.length);
    const objects = shown.flatMap((lane) => (lane.type === 'object' ? [nameOf(lane.object)] : []));
    const [first = '', , third = ''] = objects;
    const order = reordered(objects, third, first);
    const moved = laidOut(view, '', { order, pinned: new Set([third]) });
    const names = moved.lanes.flatMap((lane) => (lane.type === 'object' ? [nameOf(lane.object)] : []));
    // Pinned on top, and first among its own.
    assert.deepEqual(names.slice(0, 3), [third, third, first]);
    assert.deepEqual(new Set(names), new Set(objects));
    assert.ok(moved.lanes[0]?.type === 'heading' && moved.lanes[0].label === 'Pinned (1)');
  });

  it('move before or behind another, and keep all others in order', () => {
    assert.deepEqual(reordered(['a', 'b', 'c', 'd'], 'd', 'b'), ['a', 'd', 'b', 'c']);
    assert.deepEqual(reordered(['a', 'b', 'c', 'd'], 'a', 'c'), ['b', 'c', 'a', 'd']);
    assert.deepEqual(reordered(['a', 'b'], 'a', 'a'), ['a', 'b']);
  });

  it('are called by the last part of a path, or by a number, where there is little room', () => {
    const never = (): boolean => false;
    const of = (path: string | undefined, fits = (): boolean => true, names = new Map<string, string>()): string => {
      const lane = view.data.objects.find(({ head }) => (head.path === undefined) === (path === undefined));
      assert.ok(lane !== undefined);
      const label = path ?? 'unnamed event #12 (eventapp 0x64)';
      const renamed = { ...lane, head: { ...lane.head, label } };
      for (const name of names.values()) names.set(nameOf(renamed), name);
      return shortLabelOf(renamed, { names }, fits);
    };
    assert.equal(of('\\BaseNamedObjects\\Done'), 'Done');
    assert.equal(of(undefined), 'event #12');
    assert.equal(of(undefined, never), '#12');
    assert.equal(of(undefined, never, new Map([['', 'Work is there']])), 'Work is there');
  });

  it('are found by their height', () => {
    const layout = laidOut(view);
    for (const lane of layout.lanes) {
      assert.equal(laneAt(layout, lane.top), lane);
      assert.equal(laneAt(layout, lane.top + lane.height - 1), lane);
      const key = keyOf(lane);
      assert.equal(key === undefined, lane.type === 'heading');
    }
    assert.equal(laneAt(layout, 0), undefined);
    assert.equal(laneAt(layout, layout.height + 1), undefined);
  });

  it('of a run begin with a wake of that run', () => {
    for (const run of merged.columns.runs.keys()) {
      const wait = firstWake(runs, run);
      assert.ok(wait !== undefined);
      assert.equal(runs.thread(wait.at)?.head.run, run);
    }
  });
});

describe('filter', () => {
  it('reads names, sides, outcomes and spans, and says what it does not understand', () => {
    const filter = parseFilter('Done side:k status:timed wait>1.5ms latency>200us thread:main object:x wait>soon');
    assert.deepEqual(filter.words, ['done']);
    assert.equal(filter.side, 'kernel');
    assert.equal(filter.outcomes, 1 << Outcome.TimedOut);
    assert.equal(filter.waitOver, 1.5e6);
    assert.equal(filter.latencyOver, 200e3);
    assert.deepEqual(filter.thread, ['main']);
    assert.deepEqual(filter.object, ['x']);
    assert.deepEqual(filter.wrong, ['wait>soon']);
    assert.ok(!asksForWaits(parseFilter('event side:user')));
  });

  it('walks over exactly the waits that it asks for, in both directions', () => {
    const filter = parseFilter('wait>100us');
    let found = 0;
    for (const lane of view.data.threads) {
      const wanted = [...lane.begin.keys()].filter((at) => (lane.end[at] ?? 0) - (lane.begin[at] ?? 0) > 100e3);
      const forward: number[] = [];
      for (let at = nextMatch(filter, view, lane, -1, 1); at >= 0; at = nextMatch(filter, view, lane, at, 1))
        forward.push(at);
      const back: number[] = [];
      for (let at = nextMatch(filter, view, lane, lane.count, -1); at >= 0; at = nextMatch(filter, view, lane, at, -1))
        back.push(at);
      assert.deepEqual(forward, wanted);
      assert.deepEqual(back.reverse(), wanted);
      assert.ok(wanted.every((at) => matchesWait(filter, view, lane, at)));
      found += wanted.length;
    }
    assert.ok(found > 0);
  });

  it('finds waits by the name and the digits of their status, and the detail tells it', () => {
    const failed = { ...columns.waits, outcome: columns.waits.outcome.slice(), status: columns.waits.status.slice() };
    failed.outcome[3] = Outcome.Failed;
    failed.status[3] = 0xc0000008;
    const { columns: changed, index } = pictureOf([{ ...columns, waits: failed }], 'clock');
    const one = new ViewIndex(viewOf(changed, index));
    const { at, index: place } = one.wait(3);
    for (const text of ['status:STATUS_INVALID_HANDLE', 'status:0xc0000008', 'status:failed']) {
      const filter = parseFilter(text);
      assert.deepEqual(filter.wrong, []);
      const found = one.data.threads.flatMap((lane) =>
        [...lane.begin.keys()].filter((wait) => matchesWait(filter, one, lane, wait)).map((wait) => [lane.at, wait]),
      );
      assert.deepEqual(found, [[at, place]], text);
    }
    assert.match(describeSelection(one, one.wait(3)), /: failed: STATUS_INVALID_HANDLE \(0xC0000008\)/);
    assert.deepEqual(parseFilter('status:nonsense').wrong, ['status:nonsense']);
  });

  it('leaves threads of the other side out', () => {
    const { lanes } = laidOut(view, 'side:kernel');
    assert.ok(lanes.some((lane) => lane.type === 'thread'));
    assert.ok(lanes.every((lane) => lane.type !== 'thread' || lane.thread.head.side === 'kernel'));
  });
});

describe('summaries of a lane', () => {
  it('say how long it was signaled in any stretch, as walking it says', () => {
    const { summary, objects } = view.data;
    for (const lane of objects) {
      for (let round = 0; round < 8; round += 1) {
        const moment = (columns.end * (round + 1)) / 8;
        const behind = lane.time.filter((time) => time <= moment).length;
        let walked = 0;
        for (let at = 0; at < behind; at += 1) {
          const until = at + 1 < behind ? (lane.time[at + 1] ?? 0) : moment;
          if (lane.state[at] === 1) walked += until - (lane.time[at] ?? 0);
        }
        assert.ok(Math.abs(summary.signaledBefore(lane, moment, behind) - walked) < 1e-3);
      }
    }
  });

  it('say how long a thread waited in any stretch, as walking it says', () => {
    const { summary, threads } = view.data;
    for (const lane of threads) {
      for (let round = 0; round < 8; round += 1) {
        const [from, until] = [(columns.end * round) / 8, (columns.end * (round + 1)) / 8];
        const walked = lane.begin.reduce(
          (sum, begin, at) => sum + Math.max(0, Math.min(lane.end[at] ?? 0, until) - Math.max(begin, from)),
          0,
        );
        assert.ok(Math.abs(summary.waitedIn(lane, from, until) - walked) < 1e-3);
      }
    }
  });
});
