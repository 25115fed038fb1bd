/** From the command to the first wake edge: `eventscope run` on a target that is up, with nothing to build or copy. */
import * as v from 'valibot';
import type { Benchmark } from './benchmark.js';
import { median } from './figure.js';

const RUNS = 5;
/** The driver signals by hand at once, so the figure holds no timer's due time. */
const COMMAND = ['app-handle', '--count', '1'];

const answer = v.object({ firstWakeUtcMs: v.number(), exitCode: v.literal(0) });

export const firstWake: Benchmark = {
  names: ['run-to-first-wake'],
  async run(bench) {
    const run = async (): Promise<number> => {
      const began = Date.now();
      const args = ['run', '--json', '--workspace', bench.project.folder, ...COMMAND];
      const { stdout } = await bench.eventscope(args);
      // The target's clock is the host's: Wine has no other.
      return v.parse(answer, JSON.parse(stdout)).firstWakeUtcMs - began;
    };
    bench.operation.progress('Warming up: prefix, build, deploy');
    await run();
    const times: number[] = [];
    for (let index = 0; index < RUNS; index++) {
      bench.operation.progress(`eventscope run: ${index + 1} of ${RUNS}`);
      times.push(await run());
    }
    const value = median(times);
    return [
      {
        bench: 'run-to-first-wake',
        value,
        unit: 'ms',
        better: 'lower',
        aim: 2_000,
        peer: null,
        peerValue: null,
        runs: RUNS,
      },
    ];
  },
};
