/** Listing a directory of 10,000 objects, with the prefix on one processor: to the end, and to the first hundred. */
import { listObjects } from '../../target/objects.js';
import type { AgentClient } from '../../target/agent-client.js';
import type { Benchmark } from './benchmark.js';
import { type Figure, median } from './figure.js';

const DIRECTORY = '\\BaseNamedObjects\\EventscopeBench';
const OBJECTS = 10_000;
const FIRST = 100;
const RUNS = 7;
const READY_LIMIT_MS = 120_000;

/** Starts the program that holds the objects; resolves when all of them are there. */
async function fillDirectory(client: AgentClient, program: string, signal: AbortSignal): Promise<number> {
  let said = '';
  const ready = new Promise<void>((resolve, reject) => {
    client.onNotification('process/output', ({ data }) => {
      said += Buffer.from(data).toString('utf8');
      if (said.includes('ready')) resolve();
    });
    client.onNotification('process/exited', () => reject(new Error(`many_objects ended: ${said}`)));
    AbortSignal.any([signal, AbortSignal.timeout(READY_LIMIT_MS)]).addEventListener('abort', () =>
      reject(new Error(`many_objects did not get ready: ${said}`)),
    );
  });
  ready.catch(() => undefined);
  const { process } = await client.request('process/start', {
    program,
    arguments: [DIRECTORY, String(OBJECTS)],
    endWithAgent: true,
  });
  await ready;
  return process;
}

export const listObjectsBench: Benchmark = {
  names: ['list-10000-objects', 'list-first-100-of-10000'],
  async run(bench) {
    const exe = await bench.compileForTarget(
      'many_objects',
      [bench.file('test', 'bench', 'many_objects.c')],
      ['-municode', '-lntdll'],
    );
    const { totals, firsts } = await bench.connected(async ({ target, client }) => {
      const program = `${target.folder}\\tmp\\many_objects.exe`;
      await target.upload(exe, program, bench.operation);
      bench.operation.progress(`Making ${OBJECTS} events`);
      const holder = await fillDirectory(client, program, bench.operation.signal);
      const totals: number[] = [];
      const firsts: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        bench.operation.progress(`Listing ${OBJECTS} objects: run ${run + 1} of ${RUNS}`);
        const began = performance.now();
        let seen = 0;
        let first: number | undefined;
        const listed = await listObjects(client, DIRECTORY, bench.operation, (entries) => {
          seen += entries.length;
          if (seen >= FIRST) first ??= performance.now() - began;
        });
        totals.push(performance.now() - began);
        if (seen !== OBJECTS || listed.count !== OBJECTS || first === undefined) {
          throw new Error(`${seen} entries came, ${listed.count} were announced, ${OBJECTS} are there`);
        }
        firsts.push(first);
      }
      await client.request('process/end', { process: holder, exitCode: 0 });
      return { totals, firsts };
    });
    const figure = (name: string, value: number, aim: number): Figure => ({
      bench: name,
      value,
      unit: 'ms',
      better: 'lower',
      aim,
      peer: null,
      peerValue: null,
      runs: RUNS,
    });
    return [figure('list-10000-objects', median(totals), 450), figure('list-first-100-of-10000', median(firsts), 50)];
  },
};
