/** The kernel engine on the test target, over the transports that a person would name. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BreakpointId, BreakpointRequest, EngineEvent, Stop } from '../../debug-adapter/engine.js';
import { KdEngine, type KdEngineOptions } from '../../debug-adapter/kd/kd-engine.js';
import { KERNEL_SPACE } from '../../debug-adapter/kd/kernel-inventory.js';
import { pointNamed } from '../../machine/points.js';
import { decodeSlots, type TraceRecord } from '../../protocol/trace-layout.js';
import { openCarrier } from '../../debug-adapter/kd/open-target.js';
import type { KdTarget, KdTargetOptions } from '../kd-target/kd-target.js';
import { listenKdTarget, type ListeningTarget } from '../kd-target/listen.js';

type Line = Parameters<typeof listenKdTarget>[2];

const WAIT_MS = 15_000;

/** Settles when the condition holds; looks again whenever the event loop has gone round. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** In the catalogue of points. */
export const indexOf = (name: string): number => pointNamed(name)?.index ?? -1;

/** Records of slots that follow each other from the ring's first on, from `firstSlot` on. */
export function recordsIn(slots: Uint8Array, firstSlot = 0n): TraceRecord[] {
  const records: TraceRecord[] = [];
  decodeSlots(slots, firstSlot, (record) => records.push(record));
  return records;
}

/** An engine with what it told, in order. */
export class EngineUnderTest {
  readonly events: EngineEvent[] = [];
  readonly log: string[] = [];
  readonly engine: KdEngine;
  #taken = 0;

  constructor(address: string, options: Partial<KdEngineOptions> = {}) {
    const carrier = openCarrier(address);
    this.engine = new KdEngine({
      carrier,
      target: carrier.description,
      log: (line) => this.log.push(line),
      ...options,
    });
    this.engine.onEvent((event) => this.events.push(event));
  }

  /** Stops that were told so far. */
  get stops(): readonly Stop[] {
    return this.events.flatMap((event) => (event.type === 'stopped' ? [event.stop] : []));
  }

  /** What the target has printed. */
  get printed(): string {
    return this.events.flatMap((e) => (e.type === 'output' && e.category === 'debug' ? [e.text] : [])).join('');
  }

  /** The next stop that was not taken yet. */
  async stop(): Promise<Stop> {
    await until('a stop', () => this.stops.length > this.#taken);
    const stop = this.stops[this.#taken++];
    assert.ok(stop !== undefined);
    return stop;
  }

  /** Attaches and takes the stop that comes of it. */
  async attach(): Promise<Stop> {
    await this.engine.attach();
    return this.stop();
  }

  async resumeToStop(): Promise<Stop> {
    await this.engine.resume();
    return this.stop();
  }

  async breakAt(address: bigint, rest: Partial<BreakpointRequest> = {}): Promise<BreakpointId> {
    const [id] = await this.engine.setBreakpoints([{ space: KERNEL_SPACE, kind: 'software', address, ...rest }]);
    if (id instanceof Error) throw id;
    assert.ok(id !== undefined);
    return id;
  }

  async read(address: bigint, length: number, space = KERNEL_SPACE): Promise<Uint8Array> {
    const [bytes] = await this.engine.readMemory(space, [{ address, length }]);
    assert.ok(bytes !== undefined, `nothing to read at ${address.toString(16)}`);
    return bytes;
  }
}

/** The application's address space, with its modules. */
export async function openApplication({ engine }: EngineUnderTest): Promise<string> {
  const process = (await engine.inventory.listProcesses()).find(({ name }) => name === 'eventapp.exe');
  assert.ok(process !== undefined);
  return engine.inventory.openProcess(process);
}

/** A target, the engines on it, and the folder for their journal; all of it ends together. */
export class KdBench {
  readonly #engines: EngineUnderTest[] = [];
  #target: ListeningTarget | undefined;
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(
    options: Omit<KdTargetOptions, 'send'> = { booted: true, retransmitMs: 100 },
    line: Line = {},
  ): Promise<KdBench> {
    const bench = new KdBench(await mkdtemp(join(tmpdir(), 'eventscope-kd-')));
    await bench.listen(0, options, line);
    return bench;
  }

  /** Where nothing listens yet. */
  static async unborn(): Promise<KdBench> {
    return new KdBench(await mkdtemp(join(tmpdir(), 'eventscope-kd-')));
  }

  async listen(
    place: string | 0,
    options: Omit<KdTargetOptions, 'send'> = { booted: true, retransmitMs: 100 },
    line: Line = {},
  ) {
    this.#target = await listenKdTarget(place, options, line);
  }

  get listening(): ListeningTarget {
    assert.ok(this.#target !== undefined);
    return this.#target;
  }
  get target(): KdTarget {
    return this.listening.target;
  }
  get address(): string {
    const { place } = this.listening;
    return typeof place === 'number' ? `tcp:127.0.0.1:${place}` : `unix:${place}`;
  }

  engine(options: Partial<KdEngineOptions> = {}, address = this.address): EngineUnderTest {
    const made = new EngineUnderTest(address, options);
    this.#engines.push(made);
    return made;
  }

  /** Attached to a target that runs, stopped. */
  async attached(options: Partial<KdEngineOptions> = {}): Promise<EngineUnderTest> {
    const made = this.engine(options);
    await made.attach();
    return made;
  }

  at(image: string, name: string): bigint {
    return this.target.kernel.address(image, name);
  }

  /** One of the driver's two counters: 0 the timer's, 1 the worker's. */
  counter(index: 0 | 1): bigint {
    const { kernel } = this.target;
    return kernel.memory.get64(kernel.counters + BigInt(8 * index));
  }

  /** The machine runs: its driver counts on. */
  async runs(): Promise<void> {
    const before = this.counter(0);
    await until('a round of the driver', () => this.counter(0) > before);
  }

  async close(): Promise<void> {
    for (const { engine } of this.#engines) await engine.client.close();
    await this.#target?.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
