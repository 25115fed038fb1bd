/**
 * The KD link against our own test target: over a line paced to 115,200 baud what share of it memory reads use, and round trips; over an
 * unpaced socket requests, turnaround, throughput and filtered hits. The target is a model in TypeScript: ratios count, not the times.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { KdEngine } from '../../debug-adapter/kd/kd-engine.js';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { byteStreamOpener, type ByteStream, type OpenByteStream } from '../../debug-adapter/kd/link/byte-stream.js';
import { KdcomCarrier } from '../../debug-adapter/kd/link/kdcom-carrier.js';
import { PacketType } from '../../debug-adapter/kd/link/packet.js';
import { StreamParser } from '../../debug-adapter/kd/link/stream-parser.js';
import { readVirtualMemory } from '../../debug-adapter/kd/protocol/requests.js';
import type { Stop } from '../../debug-adapter/engine.js';
import { parseFilter } from '../../machine/conditions.js';
import type { Benchmark } from './benchmark.js';
import { type Figure, median } from './figure.js';
import { EXCHANGE_BYTES } from './kd-exchange.js';

/** 115,200 baud, 8 data bits with a start and a stop bit. */
const LINE_BYTES_PER_SECOND = 11_520;
const PORT_BUFFER_BYTES = 16;
const PACED_READ_BYTES = 32_768;
const REQUESTS = 20_000;
/** Until both processes run compiled code: a session is longer than its first second. */
const WARM_UP_REQUESTS = 20_000;
const FILTERED_MS = 2_000;
const PACED_FILTERED_MS = 8_000;
const FIRST_FILTERED = 3;
/** What ntoseye documents for its cycle of two stops over a serial port; that of a virtual machine, which no line holds back. */
const NTOSEYE_HITS = 16;
const HITS = 8;
const WAIT_MS = 20_000;

interface Running {
  readonly child: ChildProcess;
  readonly place: number;
  /** Of a port that answers as many bytes as the target does, and is none. */
  readonly bare: number;
  readonly image: bigint;
  readonly imageBytes: number;
  readonly setEvent: bigint;
  readonly dpc: bigint;
  /** In the application, which waits. */
  readonly wait: bigint;
}

/** @param words of kd-target-process.ts */
export async function startTarget(...words: readonly string[]): Promise<Running> {
  const script = path.join(import.meta.dirname, 'kd-target-process.ts');
  const child = fork(script, words, { execArgv: ['--import', 'tsx'] });
  const [told] = (await once(child, 'message')) as [
    { place: number; bare: number; image: string; imageBytes: number; setEvent: string; dpc: string; wait: string },
  ];
  const { place, bare, imageBytes } = told;
  const [image, setEvent, dpc, wait] = [told.image, told.setEvent, told.dpc, told.wait].map(BigInt) as [
    ...[bigint, bigint, bigint, bigint],
  ];
  return { child, place, bare, imageBytes, image, setEvent, dpc, wait };
}

/** A line that carries so many bytes a second each way; they arrive in pieces of what the buffer of a serial port holds. */
function paced(open: OpenByteStream, bytesPerSecond: number): OpenByteStream {
  return async (signal) => {
    const stream = await open(signal);
    const pace = (deliver: (bytes: Uint8Array) => void): ((bytes: Uint8Array) => void) => {
      const underWay: { readonly at: number; readonly piece: Uint8Array }[] = [];
      let isSet = false;
      const arrive = (): void => {
        isSet = false;
        while (underWay[0] !== undefined && underWay[0].at <= performance.now()) {
          const [first] = underWay.splice(0, 1);
          if (first !== undefined) deliver(first.piece);
        }
        wait();
      };
      const wait = (): void => {
        const [next] = underWay;
        if (isSet || next === undefined) return;
        isSet = true;
        setTimeout(arrive, next.at - performance.now());
      };
      let free = 0;
      return (bytes) => {
        free = Math.max(performance.now(), free);
        for (let from = 0; from < bytes.length; from += PORT_BUFFER_BYTES) {
          const piece = bytes.subarray(from, from + PORT_BUFFER_BYTES);
          free += (piece.length * 1_000) / bytesPerSecond;
          underWay.push({ at: free, piece });
        }
        wait();
      };
    };
    const write = pace((bytes) => stream.write(bytes));
    const made: ByteStream = {
      start: (events) => stream.start({ data: pace((bytes) => events.data(bytes)), closed: (e) => events.closed(e) }),
      write,
      close: () => stream.close(),
    };
    return made;
  };
}

export class Measured {
  readonly engine: KdEngine;
  /** From the last byte of an answer to the first of the next request, in microseconds. */
  readonly turnarounds: number[] = [];
  stateChanges = 0;
  /** At each of them, before it is looked at. */
  onStateChange: () => void = () => undefined;
  /** Reading along costs as much as the link itself: not while speed is measured. */
  readsAlong = true;
  readonly #stops: Stop[] = [];
  #wake: () => void = () => undefined;
  #answeredAt: number | undefined;

  constructor(place: number, bytesPerSecond?: number) {
    const open = byteStreamOpener({ kind: 'tcp', host: '127.0.0.1', port: place });
    const parser = new StreamParser({
      packet: ({ type }) => {
        if (type === PacketType.StateChange64) {
          this.stateChanges++;
          this.onStateChange();
        }
        if (type === PacketType.StateManipulate) this.#answeredAt = performance.now();
      },
      noise: () => undefined,
      damaged: () => undefined,
    });
    const carrier = new KdcomCarrier({
      description: 'bench',
      open: bytesPerSecond === undefined ? open : paced(open, bytesPerSecond),
      tap: (direction, bytes) => {
        if (!this.readsAlong) return;
        if (direction === 'target') parser.push(bytes);
        else if (bytes[0] === 0x30 && this.#answeredAt !== undefined) {
          this.turnarounds.push((performance.now() - this.#answeredAt) * 1_000);
          this.#answeredAt = undefined;
        }
      },
    });
    this.engine = new KdEngine({ carrier, target: 'bench' });
    this.engine.onEvent((event) => {
      if (event.type !== 'stopped') return;
      this.#stops.push(event.stop);
      this.#wake();
    });
  }

  async attach(): Promise<void> {
    await this.engine.attach();
    await this.stop();
  }

  async stop(): Promise<Stop> {
    const limit = AbortSignal.timeout(WAIT_MS);
    while (this.#stops.length === 0) {
      limit.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    const [stop] = this.#stops.splice(0, 1);
    if (stop === undefined) throw new Error('no stop');
    return stop;
  }

  async breakAt(address: bigint, filter?: string, space = KERNEL_SPACE): Promise<number> {
    const [id] = await this.engine.setBreakpoints([
      {
        space,
        kind: 'software',
        address,
        ...(filter === undefined ? {} : { filter: parseFilter(filter) }),
      },
    ]);
    if (typeof id !== 'number') throw id ?? new Error('no answer');
    return id;
  }
}

interface Round {
  readonly [name: string]: number;
}

/** Bytes of the image, read until there were so many; seconds. */
async function readFor({ engine }: Measured, { image, imageBytes }: Running, bytes: number): Promise<number> {
  const start = performance.now();
  for (let done = 0; done < bytes;) {
    engine.memory.invalidate();
    const length = Math.min(imageBytes, bytes - done);
    done += (await engine.memory.readVirtual(image, length)).length;
  }
  return (performance.now() - start) / 1_000;
}

/** Milliseconds until a breakpoint stands in the code of a process that sleeps. */
async function armInSleeping(made: Measured, { wait }: Running): Promise<number> {
  const { inventory } = made.engine;
  const process = (await inventory.listProcesses()).find(({ name }) => name === 'eventapp.exe');
  if (process === undefined) throw new Error('the application does not run');
  const space = await inventory.openProcess(process);
  made.engine.memory.invalidate();
  const from = performance.now();
  const id = await made.breakAt(wait, undefined, space);
  const armed = performance.now() - from;
  await made.engine.removeBreakpoints([id]);
  return armed;
}

interface FilterCost {
  readonly perSecond: number;
  /** Of each hit, with the one that lets the target go. */
  readonly requests: number;
  readonly stops: number;
}

/** Hits that a filter refuses, for so long. The target stands still afterwards. */
async function costOfFilter(made: Measured, address: bigint, filter: string, ms: number): Promise<FilterCost> {
  const { engine } = made;
  const id = await made.breakAt(address, filter);
  await engine.resume();
  const filtered = (): number => engine.hitCounts([id]).get(id)?.filtered ?? 0;
  // Who a thread is is asked for at its first hit.
  while (filtered() < FIRST_FILTERED) await new Promise((resolve) => setTimeout(resolve, 10));
  const from = { hits: filtered(), requests: engine.client.requests, stops: made.stateChanges };
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const hits = filtered() - from.hits;
  const cost = {
    perSecond: (1_000 * hits) / (performance.now() - began),
    requests: (engine.client.requests - from.requests) / hits,
    stops: (made.stateChanges - from.stops) / hits,
  };
  await engine.pause();
  await made.stop();
  await engine.removeBreakpoints([id]);
  return cost;
}

async function overPacedLine(target: Running): Promise<Round> {
  const made = new Measured(target.place, LINE_BYTES_PER_SECOND);
  try {
    await made.attach();
    const seconds = await readFor(made, target, PACED_READ_BYTES);
    const id = await made.breakAt(target.dpc);
    const trips: number[] = [];
    const steps: number[] = [];
    const offBreakpoint: number[] = [];
    for (let hit = 0; hit < HITS; hit++) {
      await made.engine.resume();
      const { roundTrips, thread } = await made.stop();
      // The first hit of a thread also asks who it is.
      if (hit > 0) trips.push(roundTrips);
      const step = async (): Promise<number> => {
        const before = made.engine.client.requests;
        await made.engine.step(thread);
        await made.stop();
        return made.engine.client.requests - before;
      };
      const first = await step();
      const second = await step();
      if (hit > 0) offBreakpoint.push(first);
      if (hit > 0) steps.push(second);
    }
    await made.engine.removeBreakpoints([id]);
    const armed = await armInSleeping(made, target);
    const filtered = await costOfFilter(made, target.setEvent, 'thread.id == 1', PACED_FILTERED_MS);
    await made.engine.detach();
    return {
      armed,
      share: (100 * PACED_READ_BYTES) / (LINE_BYTES_PER_SECOND * seconds),
      stop: median(trips),
      step: median(steps),
      offBreakpoint: median(offBreakpoint),
      filteredHits: filtered.perSecond,
    };
  } finally {
    await made.engine.client.close();
  }
}

/** Exchanges a second of as many bytes as those of a request, one at a time: what the machine's sockets allow. */
async function bareExchanges(port: number): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const request = Buffer.alloc(EXCHANGE_BYTES.request);
  const exchange = (times: number): Promise<number> =>
    new Promise((resolve) => {
      const from = performance.now();
      let answered = 0;
      socket.removeAllListeners('data').on('data', (bytes) => {
        answered += bytes.length;
        const done = answered / EXCHANGE_BYTES.answer;
        if (done >= times) resolve((1_000 * times) / (performance.now() - from));
        else if (Number.isInteger(done)) socket.write(request);
      });
      socket.write(request);
    });
  await exchange(WARM_UP_REQUESTS);
  const perSecond = await exchange(REQUESTS);
  socket.destroy();
  return perSecond;
}

async function overSocket(target: Running): Promise<Round> {
  const made = new Measured(target.place);
  const { engine } = made;
  try {
    await made.attach();
    const readTimes = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time++) await engine.client.request(readVirtualMemory(target.image, 8));
    };
    await readTimes(WARM_UP_REQUESTS);
    made.turnarounds.length = 0;
    await readTimes(REQUESTS);
    const turnaround = median(made.turnarounds);
    made.readsAlong = false;
    const start = performance.now();
    await readTimes(REQUESTS);
    const perSecond = (REQUESTS * 1_000) / (performance.now() - start);
    // While the target stands still, as it does for each request.
    const bare = await bareExchanges(target.bare);
    const seconds = await readFor(made, target, 8 << 20);
    made.readsAlong = true;
    const filtered = await costOfFilter(made, target.setEvent, 'thread.id == 1', FILTERED_MS);
    const ofCaller = await costOfFilter(made, target.setEvent, 'caller.module == "nobody.sys"', FILTERED_MS);
    const round = {
      perSecond,
      bare,
      turnaround,
      megabytes: 8.388608 / seconds,
      hits: filtered.perSecond,
      requestsPerHit: filtered.requests,
      requestsPerHitOfCaller: ofCaller.requests,
      stopsPerHit: filtered.stops,
    };
    await engine.detach();
    return round;
  } finally {
    await engine.client.close();
  }
}

/** Where the function begins with an instruction that writes memory, as most of Windows do. */
async function requestsWhereSaved(): Promise<number> {
  const target = await startTarget('saves-registers');
  const made = new Measured(target.place);
  try {
    await made.attach();
    const { requests } = await costOfFilter(made, target.setEvent, 'thread.id == 1', FILTERED_MS);
    await made.engine.detach();
    return requests;
  } finally {
    await made.engine.client.close();
    target.child.disconnect();
  }
}

export const figure = (bench: string, value: number, unit: string, better: Figure['better'], aim: number): Figure => ({
  bench,
  value,
  unit,
  better,
  aim,
  peer: null,
  peerValue: null,
  runs: 1,
});

export const kd: Benchmark = {
  names: [
    'kd-paced-read-share',
    'kd-requests-per-stop',
    'kd-requests-per-step',
    'kd-requests-per-step-off-breakpoint',
    'kd-arm-in-sleeping-process',
    'kd-requests-per-second',
    'kd-turnaround',
    'kd-read',
    'kd-filtered-hits',
    'kd-requests-per-filtered-hit',
    'kd-requests-per-filtered-hit-before-a-write',
    'kd-requests-per-hit-filtered-by-caller',
    'kd-filtered-hits-over-serial',
    'kd-stops-per-filtered-hit',
  ],
  run: async () => {
    const target = await startTarget();
    try {
      const line = await overPacedLine(target);
      const socket = await overSocket(target);
      const bare = { peer: 'bare exchanges of as many bytes', peerValue: socket['bare'] ?? null };
      return [
        figure('kd-paced-read-share', line['share'] ?? 0, '% of 115,200 baud', 'higher', 85),
        figure('kd-requests-per-stop', line['stop'] ?? 0, 'requests', 'lower', 3),
        figure('kd-requests-per-step', line['step'] ?? 0, 'requests', 'lower', 2),
        figure('kd-requests-per-step-off-breakpoint', line['offBreakpoint'] ?? 0, 'requests', 'lower', 2),
        figure('kd-arm-in-sleeping-process', line['armed'] ?? 0, 'ms at 115,200 baud', 'lower', 1_000),
        { ...figure('kd-requests-per-second', socket['perSecond'] ?? 0, '/s', 'higher', 10_000), ...bare },
        figure('kd-turnaround', socket['turnaround'] ?? 0, 'us', 'lower', 100),
        figure('kd-read', socket['megabytes'] ?? 0, 'MB/s', 'higher', 10),
        figure('kd-filtered-hits', socket['hits'] ?? 0, '/s', 'higher', 1_000),
        figure('kd-requests-per-filtered-hit', socket['requestsPerHit'] ?? 0, 'requests', 'lower', 3.05),
        figure('kd-requests-per-filtered-hit-before-a-write', await requestsWhereSaved(), 'requests', 'lower', 3.05),
        figure('kd-requests-per-hit-filtered-by-caller', socket['requestsPerHitOfCaller'] ?? 0, 'requests', 'lower', 3),
        figure('kd-filtered-hits-over-serial', line['filteredHits'] ?? 0, '/s at 115,200 baud', 'higher', NTOSEYE_HITS),
        figure('kd-stops-per-filtered-hit', socket['stopsPerHit'] ?? 0, 'stops', 'lower', 1.05),
      ];
    } finally {
      target.child.disconnect();
    }
  },
};
