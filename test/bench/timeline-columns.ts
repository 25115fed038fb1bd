/** Columns of any size, made by construction: 8 pairs of threads, in each of which one sets an event that the other waits for. */
import { NONE, type ObjectHead, type ThreadHead, type TimelineColumns } from '../../trace/columns/columns.js';
import { State, Transition } from '../../trace/model/transitions.js';

const PAIRS = 8;
/** ns from one signal of a pair to its next. */
const PERIOD = 2_000;

/** `transitions`: half of them sets, half takes. */
export function manyTransitions(transitions: number): TimelineColumns {
  const rounds = Math.floor(transitions / PAIRS / 2);
  const rows = rounds * 2 * PAIRS;
  const waits = rounds * PAIRS;
  const end = (rounds + 1) * PERIOD;
  const t = {
    ...{ first: new Uint32Array(PAIRS + 1), time: new Float64Array(rows), what: new Uint8Array(rows) },
    ...{ state: new Uint8Array(rows), previous: new Int8Array(rows), thread: new Int32Array(rows) },
    ...{ caller: new Int32Array(rows), duration: new Float32Array(rows), wait: new Int32Array(rows).fill(NONE) },
    ...{ ring: new Uint16Array(rows), slot: new Uint32Array(rows) },
  };
  const w = {
    ...{ first: new Uint32Array(2 * PAIRS + 1), begin: new Float64Array(waits), end: new Float64Array(waits) },
    ...{ outcome: new Uint8Array(waits), status: new Uint32Array(waits), object: new Int32Array(waits) },
    ...{ caller: new Int32Array(waits).fill(1), ring: new Uint16Array(waits), slot: new Uint32Array(waits) },
  };
  const calls = { first: new Uint32Array(2 * PAIRS + 1), time: new Float64Array(waits) };
  const edges = {
    ...{ wait: new Uint32Array(waits), object: new Int32Array(waits), signal: new Int32Array(waits) },
    ...{ evidence: new Uint8Array(waits), meeting: new Uint8Array(waits), latency: new Float64Array(waits) },
    ...{ firstCandidate: new Uint32Array(waits + 1), candidates: new Int32Array(0) },
  };
  for (let pair = 0; pair < PAIRS; pair += 1) {
    t.first[pair + 1] = (pair + 1) * rounds * 2;
    // The signaling thread has calls, the other one waits.
    calls.first.fill((pair + 1) * rounds, 2 * pair + 1, 2 * pair + 3);
    w.first[2 * pair + 1] = pair * rounds;
    w.first[2 * pair + 2] = (pair + 1) * rounds;
    for (let round = 0; round < rounds; round += 1) {
      const [set, wait] = [(pair * rounds + round) * 2, pair * rounds + round];
      const at = round * PERIOD + pair * 37 + ((round * 7_919) % 400);
      const latency = 300 + ((round * 104_729) % 500);
      t.time[set] = at;
      t.time[set + 1] = at + latency;
      t.what[set + 1] = Transition.Take;
      t.state[set] = State.Signaled;
      t.previous[set + 1] = NONE;
      t.thread[set] = 2 * pair;
      t.thread[set + 1] = 2 * pair + 1;
      t.duration[set] = 120;
      t.wait[set + 1] = wait;
      calls.time[wait] = at;
      w.begin[wait] = Math.max(0, at - 700);
      w.end[wait] = at + latency;
      w.object[wait] = pair;
      edges.wait[wait] = wait;
      edges.object[wait] = pair;
      edges.signal[wait] = set;
      edges.latency[wait] = latency;
    }
  }
  return {
    ...{ title: `${rows} transitions`, target: 'generated', startUtcMs: null, end, runs: [], gaps: [], stops: [] },
    objects: Array.from({ length: PAIRS }, (_, pair) => objectHead(pair, end)),
    threads: Array.from({ length: 2 * PAIRS }, (_, thread) => threadHead(thread, end)),
    callers: ['eventapp.exe+0x1000', 'eventapp.exe+0x2000'],
    ...{ transitions: t, waits: w, calls, edges },
  };
}

const objectHead = (id: number, until: number): ObjectHead => ({
  ...{ id, run: -1, label: `\\BaseNamedObjects\\Event${id}`, path: `\\BaseNamedObjects\\Event${id}` },
  ...{ kind: 'synchronization event', quiet: false, summary: '', until, initial: State.NotSignaled },
});

const threadHead = (id: number, last: number): ThreadHead => ({
  ...{ id, label: `eventapp thread ${id}`, side: 'user', run: -1, source: 0, program: 'eventapp', process: 100 },
  ...{ thread: 1_000 + id, deferred: false, first: 0, last },
});
