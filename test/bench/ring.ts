/** What one record costs in a user-mode ring, beside LTTng-UST; and whether two threads get in each other's way. */
import * as v from 'valibot';
import type { Benchmark } from './benchmark.js';
import type { Figure } from './figure.js';
import { measureLttng } from './lttng.js';
import type { Bench } from './workspace.js';

const answer = v.object({
  rounds: v.number(),
  nsPerRecord: v.number(),
  scaling: v.number(),
  lost: v.literal(0),
  missing: v.literal(0),
});

/** Sources of driver/bench that every program there is built with. */
export const benchSources = (bench: Bench, name: string): string[] =>
  [name, 'trace_area', 'bench_arguments'].map((file) => bench.file('driver', 'bench', `${file}.c`));

async function run(bench: Bench): Promise<Figure[]> {
  const exe = await bench.compileForTarget('ring_bench', benchSources(bench, 'ring_bench'), ['-DEVENTSCOPE_TRACE=1']);
  bench.operation.progress('Measuring trace rings');
  const { stdout } = await bench.runOnAllProcessors(exe, []);
  const ours = v.parse(answer, JSON.parse(stdout));
  const peerValue = await measureLttng(bench);
  return [
    {
      bench: 'ring-record',
      value: ours.nsPerRecord,
      unit: 'ns',
      better: 'lower',
      aim: 40,
      peer: 'LTTng-UST',
      peerValue,
      runs: ours.rounds,
    },
    {
      bench: 'ring-two-threads',
      value: ours.scaling,
      unit: 'times one thread',
      better: 'higher',
      aim: 1.5,
      peer: null,
      peerValue: null,
      runs: ours.rounds,
    },
  ];
}

export const ring: Benchmark = { names: ['ring-record', 'ring-two-threads'], run };
