/**
 * What a person waits for while debugging, through the stand-alone adapter on the Wine target: from the launch to the first stop with
 * nothing to build or copy, a step over a line, and the stack of a stop. Steps and stacks are those of one loop under 25 frames.
 */
import { DapTestClient, lineOf, SIGNAL_LINE } from '../debug/dap-client.js';
import type { Benchmark } from './benchmark.js';
import { type Figure, median } from './figure.js';
import type { Bench } from './workspace.js';

const LAUNCHES = 5;
const STEPS = 60;
const LEVELS = 20;
const PROGRAM = 'deep_stack';

const AIMS: Readonly<Record<string, number>> = { 'f5-to-first-stop': 2_500, 'step-over': 30, 'stack-trace': 15 };

export const debugging: Benchmark = {
  names: Object.keys(AIMS),
  async run(bench) {
    await bench.eventscope(['deploy', '--workspace', bench.project.folder]);
    const launches: number[] = [];
    // The first one is not warm.
    for (let run = 0; run <= LAUNCHES; run++) {
      bench.operation.progress(`F5 to the first stop: ${run} of ${LAUNCHES}`);
      const ms = await launchToStop(bench);
      if (run > 0) launches.push(ms);
    }
    bench.operation.progress(`${STEPS} steps by line`);
    const { steps, stacks } = await stepsAndStacks(bench);
    return [figure('f5-to-first-stop', launches), figure('step-over', steps), figure('stack-trace', stacks)];
  },
};

const figure = (name: string, times: readonly number[]): Figure => ({
  ...{ bench: name, value: median(times), unit: 'ms', better: 'lower', aim: AIMS[name] ?? 0 },
  ...{ peer: null, peerValue: null, runs: times.length },
});

async function withAdapter<T>(work: (dap: DapTestClient) => Promise<T>): Promise<T> {
  const dap = await DapTestClient.start();
  try {
    return await work(dap);
  } finally {
    await dap.close();
  }
}

/** Build and deploy are looked at, as F5 does, and have nothing to do. */
async function launchToStop(bench: Bench): Promise<number> {
  const line = await lineOf('sys/events.c', SIGNAL_LINE);
  const project = bench.project.folder;
  // The driver signals by hand at once, so the figure holds no timer's due time.
  const application = { arguments: ['signals', '--count', '1', '--from', 'hand'] };
  return withAdapter(async (dap) => {
    const began = performance.now();
    await dap.launch({ project, application }, () => dap.breakAt('sys/events.c', line));
    await dap.stop();
    return performance.now() - began;
  });
}

async function stepsAndStacks(bench: Bench): Promise<{ readonly steps: number[]; readonly stacks: number[] }> {
  const source = bench.file('test', 'bench', `${PROGRAM}.c`);
  const pdb = bench.file('out', 'bench', `${PROGRAM}.pdb`);
  const options = ['-O0', '-g', '-gcodeview', `-Wl,--pdb=${pdb}`];
  const exe = await bench.compileForTarget(PROGRAM, [source], options);
  await bench.connected(({ target }) => target.upload(exe, `${target.folder}\\bin\\${PROGRAM}.exe`, bench.operation));
  const symbolPath = [bench.file('out', 'bench')];
  const launch = { project: bench.project.folder, build: false, deploy: false, driver: false, symbolPath };
  return withAdapter(async (dap) => {
    await dap.launch({ ...launch, application: { program: `${PROGRAM}.exe` } }, () =>
      dap.request('setFunctionBreakpoints', { breakpoints: [{ name: 'bottom' }] }),
    );
    const { threadId } = await dap.stop();
    const steps: number[] = [];
    const stacks: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      const began = performance.now();
      await dap.request('next', { threadId });
      await dap.stop();
      const stopped = performance.now();
      const { stackFrames } = await dap.request<{ stackFrames: unknown[] }>('stackTrace', { threadId, levels: LEVELS });
      stacks.push(performance.now() - stopped);
      steps.push(stopped - began);
      if (stackFrames.length !== LEVELS) throw new Error(`The stack has ${stackFrames.length} frames`);
    }
    return { steps, stacks };
  });
}
