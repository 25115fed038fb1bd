/**
 * Records drained to the host with none lost: a program writes them at a rate, the agent drains its rings, the host takes
 * them. The rate is raised until records are lost; the figure is what arrived at the last rate that lost none.
 */
import type { AgentClient } from '../../target/agent-client.js';
import { BulkKind } from '../../protocol/agent-wire.js';
import type { Benchmark } from './benchmark.js';
import { median } from './figure.js';
import { benchSources } from './ring.js';
import type { Bench } from './workspace.js';

const RATES = [1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 4_000_000, 6_000_000];
const SECONDS = 2;
const THREADS = 2;
const RUNS = 3;
const RINGS = 8;
const SLOTS_PER_RING = 262_144;
const LIMIT_MS = 60_000;

interface Drained {
  readonly perSecond: number;
  readonly lost: bigint;
}

/** One run at a rate; counts what the host received, between the first frame and the last. */
async function drainAt(client: AgentClient, program: string, rate: number, signal: AbortSignal): Promise<Drained> {
  const records = rate * SECONDS;
  let slots = 0n;
  let first: number | undefined;
  let last = 0;
  const opened = client.openStream((head) => {
    if (head.kind !== BulkKind.TraceSlots) return;
    last = performance.now();
    first ??= last;
    slots += head.count;
  });
  try {
    const sources = [{ type: 'application', ringCount: RINGS, slotsPerRing: SLOTS_PER_RING }] as const;
    const started = await client.request('trace/start', { stream: opened.stream, sources: [...sources] }, { signal });
    const section = started.sources[0]?.sectionName;
    if (section === undefined) throw new Error('The agent named no trace section');
    await runProducer(client, program, section, ['--records', String(records), '--rate', String(rate)], signal);
    const stopped = await client.request('trace/stop', { stream: opened.stream }, { signal });
    const source = stopped.sources[0];
    if (source === undefined) throw new Error('The agent told nothing of the trace source');
    if (source.slots !== slots) throw new Error(`${slots} slots arrived of ${source.slots} that were sent`);
    if (source.lost === 0n && slots < BigInt(records)) throw new Error(`${slots} slots arrived of ${records} written`);
    return { perSecond: first === undefined ? 0 : (Number(slots) * 1_000) / (last - first), lost: source.lost };
  } finally {
    opened.close();
  }
}

async function runProducer(
  client: AgentClient,
  program: string,
  section: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  let process: number | undefined;
  const exits = new Map<number, number>();
  let check = (): void => undefined;
  const unsubscribe = client.onNotification('process/exited', (exited) => {
    exits.set(exited.process, exited.exitCode);
    check();
  });
  try {
    const started = await client.request('process/start', {
      program,
      arguments: [...args, '--threads', String(THREADS)],
      environment: { EVENTSCOPE_TRACE_SECTION: section },
      endWithAgent: true,
    });
    process = started.process;
    const own = process;
    const exitCode = await new Promise<number>((resolve, reject) => {
      check = () => {
        const code = exits.get(own);
        if (code !== undefined) resolve(code);
      };
      check();
      AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]).addEventListener('abort', () =>
        reject(new Error('The producer did not end in time')),
      );
    });
    // 1: some were lost, which the agent counts too; everything else is no measurement.
    if (exitCode > 1) throw new Error(`The producer ended with ${exitCode}`);
  } finally {
    unsubscribe();
  }
}

async function highestRateWithoutLoss(bench: Bench, client: AgentClient, program: string): Promise<number> {
  let best = 0;
  for (const rate of RATES) {
    const runs: Drained[] = [];
    for (let index = 0; index < RUNS; index++) {
      bench.operation.progress(`Draining ${rate.toLocaleString('en')} records a second: run ${index + 1} of ${RUNS}`);
      runs.push(await drainAt(client, program, rate, bench.operation.signal));
    }
    if (runs.some(({ lost }) => lost > 0n)) break;
    best = median(runs.map(({ perSecond }) => perSecond));
  }
  return best;
}

export const drain: Benchmark = {
  names: ['drain-to-host'],
  async run(bench) {
    const exe = await bench.compileForTarget('produce', benchSources(bench, 'produce'), ['-DEVENTSCOPE_TRACE=1']);
    const value = await bench.connected(async ({ target, client }) => {
      const program = `${target.folder}\\tmp\\produce.exe`;
      await target.upload(exe, program, bench.operation);
      return highestRateWithoutLoss(bench, client, program);
    });
    return [
      {
        bench: 'drain-to-host',
        value,
        unit: 'records/s',
        better: 'higher',
        aim: 2_000_000,
        peer: null,
        peerValue: null,
        runs: RUNS,
      },
    ];
  },
};
