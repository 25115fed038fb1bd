/**
 * Stopping tracepoints per second in a loop that calls NtSetEvent and does nothing else, with the prefix on one processor; beside gdb, attached
 * through Wine's own proxy, with a breakpoint at the same place whose Python says "go on". Both run the same program for the same time.
 *
 * The peer is measured twice: as a person starts it, on whatever processors there are, and with program, proxy and gdb on the one processor
 * of the prefix, which makes it several times as fast. Twenty times the latter is out of reach for anybody: the system's own debug events,
 * answered by a loop in C that does nothing else, come to about 10,000 a second.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import * as v from 'valibot';
import { Win32Engine } from '../../debug-adapter/win32/win32-engine.js';
import { pointNamed } from '../../machine/points.js';
import { decodeSlots, TraceKind } from '../../protocol/trace-layout.js';
import { toHostPath } from '../../target/wine/paths.js';
import { WineTarget } from '../../target/wine/wine-target.js';
import type { Benchmark } from './benchmark.js';
import { median } from './figure.js';
import type { Bench, Connected } from './workspace.js';

const RUNS = 3;
const LOOP_MS = 3_000;
/** Until the loop begins: the recording is there by then. */
const DELAY_MS = 2_000;
const GDB = '/usr/bin/gdb';
const ONE_PROCESSOR = ['taskset', '-c', '0'];
/** Of one run of the peer. */
const GDB_TIMEOUT_MS = 20_000;
const PROGRAM = 'C:\\eventscope\\tmp\\stop_points.exe';

const OUTPUT = 'C:\\eventscope\\tmp\\stop_points.txt';

const told = v.pipe(
  v.string(),
  v.transform((output) => ({ at: /at=(\w+)/.exec(output)?.[1], calls: Number(/calls=(\d+)/.exec(output)?.[1]) })),
  v.object({ at: v.string(), calls: v.pipe(v.number(), v.integer()) }),
);

interface Loop {
  /** Address of NtSetEvent in every process of this prefix. */
  readonly at: string;
  readonly stopsPerSecond: number;
}

/** Every call is recorded once, or this throws. */
async function recordedLoop({ client }: Connected): Promise<Loop> {
  const engine = new Win32Engine(client);
  let output = '';
  let records = 0;
  const stopped = new Promise<void>((resolve) => {
    engine.onEvent((event) => {
      if (event.type === 'output' && event.category === 'stdout') output += event.text;
      if (event.type === 'stopped') resolve();
    });
  });
  const ended = new Promise<void>((resolve) => {
    engine.onEvent(({ type }) => {
      if (type === 'processExited') resolve();
    });
  });
  const space = await engine.launch({ program: PROGRAM, arguments: ['loop', `${LOOP_MS}`, `${DELAY_MS}`] });
  await stopped;
  const point = pointNamed('NtSetEvent')?.index ?? -1;
  const starting = engine.startTracepoints([{ space, point }], {
    sink: {
      slots: (_source, _ring, first, _lost, bytes) => {
        decodeSlots(bytes, first, ({ kind }) => (records += kind === TraceKind.Set ? 1 : 0));
      },
    },
    onSources: () => undefined,
  });
  await engine.resume();
  const run = await starting;
  await ended;
  await run.stop();
  await engine.detach();
  const { at, calls } = v.parse(told, output);
  if (records !== calls) throw new Error(`${records} of ${calls} calls were recorded`);
  return { at, stopsPerSecond: (calls * 1_000) / LOOP_MS };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The same loop under gdb. @param prefix what the command lines of program, proxy and gdb begin with */
async function gdbLoop(bench: Bench, target: WineTarget, at: string, prefix: readonly string[]): Promise<number> {
  const script = bench.file('out', 'bench', 'gdb-peer.py');
  await writeFile(
    script,
    [
      'import gdb',
      'class GoOn(gdb.Breakpoint):',
      '    def stop(self):',
      '        return False',
      `GoOn("*0x${at}")`,
      'while gdb.selected_inferior().pid != 0:',
      '    gdb.execute("continue")',
      '',
    ].join('\n'),
  );
  const port = await freePort();
  const options = ['--gdb', '--no-start', '--port', `${port}`, PROGRAM, 'loop', `${LOOP_MS}`, '0', OUTPUT];
  const proxy = spawn('env', [...prefix, 'wine', 'winedbg', ...options], {
    env: { ...process.env, WINEPREFIX: target.prefix.folder, WINEDEBUG: '-all' },
    stdio: 'ignore',
    signal: bench.operation.signal,
  });
  const closed = once(proxy, 'close');
  // gdb tries again until the proxy listens.
  const commands = ['set pagination off', 'set confirm off', 'set tcp connect-timeout 30'];
  const all = [...commands, `target remote localhost:${port}`, `source ${script}`].flatMap((one) => ['-ex', one]);
  const bound = setTimeout(() => proxy.kill('SIGKILL'), GDB_TIMEOUT_MS);
  try {
    const gdb = [...prefix, 'timeout', `${GDB_TIMEOUT_MS / 1_000}`, GDB, '-nx', '-batch'];
    await bench.run('env', [...gdb, ...all]);
    await closed;
  } finally {
    clearTimeout(bound);
    proxy.kill('SIGKILL');
  }
  const output = await readFile(await toHostPath(target.prefix.folder, OUTPUT), 'utf8');
  return (v.parse(told, output).calls * 1_000) / LOOP_MS;
}

/** How gdb is started, by the name of the figure. */
const PEERS = [
  { bench: 'stopping-tracepoints', peer: 'gdb, on the one CPU too', prefix: ONE_PROCESSOR },
  { bench: 'stopping-tracepoints-by-hand', peer: 'gdb, as started by hand', prefix: [] },
] as const;

/** The program in place, and every run of ours followed by one of each peer. */
async function measure(bench: Bench, target: WineTarget): Promise<{ ours: number[]; theirs: number[][] }> {
  const source = bench.file('test', 'debug', 'programs', 'stop_points.c');
  const exe = await bench.compileForTarget('stop_points', [source], ['-municode', '-Wl,--export-all-symbols']);
  await target.upload(exe, PROGRAM, bench.operation);
  const ours: number[] = [];
  const theirs: number[][] = PEERS.map(() => []);
  for (let run = 1; run <= RUNS; run++) {
    bench.operation.progress(`Stopping tracepoints: ${run} of ${RUNS}`);
    const client = await target.connect(bench.operation);
    try {
      const { at, stopsPerSecond } = await recordedLoop({ target, client });
      ours.push(stopsPerSecond);
      for (const [index, { prefix }] of PEERS.entries()) {
        // Our own figure is worth having without the peer's.
        await gdbLoop(bench, target, at, prefix).then(
          (stops) => theirs[index]?.push(stops),
          (error: unknown) => bench.operation.progress(`gdb was not measured: ${String(error)}`),
        );
      }
    } finally {
      await client.close();
    }
  }
  return { ours, theirs };
}

export const stoppingTracepoints: Benchmark = {
  names: PEERS.map(({ bench }) => bench),
  async run(bench) {
    const hasGdb = await access(GDB).then(
      () => true,
      () => false,
    );
    if (!hasGdb) throw new Error('gdb is missing: apt-get install gdb');
    return bench.connected(async ({ target }) => {
      if (!(target instanceof WineTarget)) throw new TypeError('Benchmarks run on the embedded target');
      const { ours, theirs } = await measure(bench, target);
      return PEERS.map(({ bench: name, peer }, index) => {
        const stops = theirs[index] ?? [];
        const peerValue = stops.length > 0 ? median(stops) : null;
        return {
          ...{ bench: name, value: median(ours), unit: 'stops/s', better: 'higher' as const, aim: 4_000 },
          ...{ peer: peerValue === null ? null : peer, peerValue, runs: RUNS },
        };
      });
    });
  },
};
