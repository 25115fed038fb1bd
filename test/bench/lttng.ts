/** LTTng-UST, the peer of the ring benchmark, under a session that really records. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import type { Bench, Finished } from './workspace.js';

const SESSION = `eventscope-bench-${process.pid}`;
const answer = v.object({ threads: v.number(), nsPerRecord: v.number(), rounds: v.number() });

/** A session daemon of our own in `home`; or the one that runs already for this user, which is left running. */
async function withSessionDaemon<T>(
  bench: Bench,
  home: string,
  work: (environment: NodeJS.ProcessEnv) => Promise<T>,
): Promise<T> {
  const environment = { LTTNG_HOME: home };
  const pidFile = path.join(home, 'sessiond.pid');
  // With --daemonize it returns when it is ready. It refuses when another one runs, which then serves us.
  const started = await bench
    .run('lttng-sessiond', ['--no-kernel', '--daemonize', `--pidfile=${pidFile}`], environment)
    .catch((error: unknown) => {
      if (error instanceof Error && error.message.includes('already running')) return undefined;
      throw error;
    });
  try {
    return await work(environment);
  } finally {
    if (started !== undefined) process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGTERM');
  }
}

/** ns of one tracepoint with four fields on one thread, median of its rounds. */
export async function measureLttng(bench: Bench): Promise<number> {
  bench.operation.progress('Compiling the LTTng-UST peer');
  const peer = bench.file('out', 'bench', 'lttng_peer');
  const source = bench.file('driver', 'bench', 'lttng_peer.c');
  const libraries = ['-llttng-ust', '-ldl', '-lpthread'];
  await bench.run('gcc', ['-O2', `-I${bench.file('driver', 'bench')}`, source, '-o', peer, ...libraries]);
  const home = await mkdtemp(path.join(os.tmpdir(), 'eventscope-lttng-'));
  try {
    return await withSessionDaemon(bench, home, async (environment) => {
      const lttng = (...args: string[]): Promise<Finished> =>
        bench.run('lttng', ['--no-sessiond', ...args], environment);
      await lttng('create', SESSION, `--output=${path.join(home, 'trace')}`);
      try {
        // Files of the trace are used again and again: what is measured is recording, not the disk.
        const files = ['--tracefile-size=8388608', '--tracefile-count=2'];
        await lttng('enable-channel', '-s', SESSION, '-u', '--num-subbuf=8', '--subbuf-size=1M', ...files, 'records');
        await lttng('enable-event', '-s', SESSION, '-u', '-c', 'records', 'eventscope_peer:*');
        await lttng('start', SESSION);
        bench.operation.progress('Measuring LTTng-UST');
        const { stdout } = await bench.run(peer, ['--threads', '1'], environment);
        await lttng('stop', SESSION);
        const { stdout: listing } = await lttng('list', SESSION);
        // A discarded event costs less than a recorded one.
        if (!/Discarded events: 0\b/.test(listing)) throw new Error(`LTTng discarded events:\n${listing}`);
        return v.parse(answer, JSON.parse(stdout)).nsPerRecord;
      } finally {
        await lttng('destroy', SESSION);
      }
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
