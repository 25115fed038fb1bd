/**
 * Import tracepoints through the agent, in a program that knows nothing of them: what a recorded call costs over one that is not, and
 * how many a second reach the host with none lost. The rate is raised until records are lost.
 */
import * as v from 'valibot';
import type { AgentClient } from '../../target/agent-client.js';
import { startTracepoints } from '../../target/tracepoints.js';
import type { Benchmark } from './benchmark.js';
import { median } from './figure.js';
import type { Bench } from './workspace.js';

const RUNS = 3;
const RATES = [300_000, 500_000, 700_000, 1_000_000, 1_400_000];
const SECONDS = 2;
const SLOTS_PER_RING = 65_536;
const LIMIT_MS = 60_000;

const answer = v.object({
  plain: v.number(),
  recorded: v.number(),
  timedCalls: v.number(),
  /** Of the planned calls. */
  seconds: v.number(),
});

interface Measured extends v.InferOutput<typeof answer> {
  readonly lost: bigint;
}

/** One process: its own measurement, with every record of its calls counted on the host. */
async function measure(client: AgentClient, program: string, rate: number, signal: AbortSignal): Promise<Measured> {
  let said = '';
  let exitCode: number | undefined;
  let process: number | undefined;
  let isLost = false;
  let wake = (): void => undefined;
  void client.closed.then(() => {
    isLost = true;
    wake();
  });
  const quiet = [
    client.onNotification('process/output', ({ data }) => {
      said += Buffer.from(data).toString('utf8');
      wake();
    }),
    client.onNotification('process/exited', (exited) => {
      if (exited.process === process) exitCode = exited.exitCode;
      wake();
    }),
  ];
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      bounded.throwIfAborted();
      if (isLost) throw new Error('The agent ended');
      await new Promise<void>((resolve) => {
        wake = resolve;
        bounded.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  };
  try {
    const args = ['--rate', String(rate), '--seconds', String(rate === 0 ? 0 : SECONDS)];
    ({ process } = await client.request('process/start', { program, arguments: args, endWithAgent: true }));
    await until(() => said.includes('ready') || exitCode !== undefined);
    let slots = 0;
    const target = { process, side: 'user' as const, description: 'tracepoint_calls.exe' };
    const run = await startTracepoints(client, [target], {
      points: ['CloseHandle'],
      slotsPerRing: SLOTS_PER_RING,
      sink: { slots: (_source, _ring, _first, _lost, bytes) => (slots += bytes.length / 64) },
      onSources: () => undefined,
      signal,
    });
    await until(() => exitCode !== undefined);
    const [total] = await run.stop();
    if (exitCode !== 0 || total === undefined) throw new Error(`tracepoint_calls ended with ${exitCode}: ${said}`);
    const figures = v.parse(answer, JSON.parse(said.slice(said.indexOf('{'))));
    const calls = figures.timedCalls + rate * (rate === 0 ? 0 : SECONDS);
    if (total.lost === 0n && slots < calls) throw new Error(`${slots} records arrived of ${calls} calls`);
    return { ...figures, lost: total.lost };
  } finally {
    for (const end of quiet) end();
  }
}

async function highestRateWithoutLoss(bench: Bench, client: AgentClient, program: string): Promise<number> {
  let best = 0;
  for (const rate of RATES) {
    bench.operation.progress(`Recording ${rate.toLocaleString('en')} calls a second`);
    const runs: Measured[] = [];
    for (let index = 0; index < RUNS; index++) {
      runs.push(await measure(client, program, rate, bench.operation.signal));
    }
    if (runs.some(({ lost }) => lost > 0n)) break;
    const reached = median(runs.map(({ seconds }) => (rate * SECONDS) / seconds));
    // Where the program cannot call faster, a higher plan shows nothing new.
    if (reached <= best) break;
    best = reached;
  }
  return best;
}

export const tracepoints: Benchmark = {
  names: ['tracepoint-call', 'tracepoint-hits'],
  async run(bench) {
    const sources = ['tracepoint_calls', 'bench_arguments'].map((name) => bench.file('driver', 'bench', `${name}.c`));
    const exe = await bench.compileForTarget('tracepoint_calls', sources);
    const { cost, hits } = await bench.connected(async ({ target, client }) => {
      const program = `${target.folder}\\tmp\\tracepoint_calls.exe`;
      await target.upload(exe, program, bench.operation);
      const costs: number[] = [];
      for (let index = 0; index < RUNS; index++) {
        bench.operation.progress(`Timing recorded calls: run ${index + 1} of ${RUNS}`);
        const { plain, recorded } = await measure(client, program, 0, bench.operation.signal);
        costs.push(recorded - plain);
      }
      return { cost: median(costs), hits: await highestRateWithoutLoss(bench, client, program) };
    });
    const common = { peer: null, peerValue: null, runs: RUNS };
    return [
      { bench: 'tracepoint-call', value: cost, unit: 'ns', better: 'lower', aim: 200, ...common },
      { bench: 'tracepoint-hits', value: hits, unit: 'calls/s', better: 'higher', aim: 500_000, ...common },
    ];
  },
};
