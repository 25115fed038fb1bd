/** Trace streams: one worker a source, whose pieces go to the client as bulk frames. */
import { Worker } from 'node:worker_threads';
import type { AgentConnection } from '../protocol/agent-connection.js';
import { AgentRequestError } from '../protocol/agent-errors.js';
import type { RequestParams, RequestResult, TraceSource } from '../protocol/agent-rpc.js';
import { BulkKind } from '../protocol/agent-wire.js';
import type { Credits } from './credit.js';
import {
  TRACE_ABANDON,
  TRACE_STOP,
  type ProgramRings,
  type TraceMessage,
  type TraceWorkerStart,
} from './trace-worker.js';

export type TraceWorkerRole = TraceWorkerStart & { readonly role: 'trace' };

const START_TIMEOUT_MS = 10_000;
/** Over what a driver's last drain and the client's last credit may take together. */
const STOP_TIMEOUT_MS = 20_000;

type Started = Extract<TraceMessage, { type: 'started' }>;
type Stopped = Omit<Extract<TraceMessage, { type: 'stopped' }>, 'type'>;

class SourceDrain {
  readonly started: Promise<Started>;
  readonly stopped: Promise<Stopped>;
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker;
  #sequence = 0n;
  #sent: Promise<void> = Promise.resolve();
  #slots = 0n;

  constructor(
    bundle: string,
    start: Omit<TraceWorkerStart, 'control'>,
    readonly stream: number,
    readonly index: number,
    readonly connection: AgentConnection,
  ) {
    const workerData: TraceWorkerRole = { role: 'trace', ...start, control: this.#control };
    this.#worker = new Worker(bundle, { workerData });
    const worker = this.#worker;
    this.started = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new AgentRequestError('trace/start', 'The driver does not answer', undefined)),
        START_TIMEOUT_MS,
      );
      worker.on('message', (message: TraceMessage) => {
        if (message.type === 'started' || message.type === 'failed') {
          clearTimeout(timer);
        }
        if (message.type === 'started') {
          resolve(message);
        } else if (message.type === 'failed') {
          reject(new AgentRequestError('trace/start', message.failure.message, message.failure.data));
        }
      });
      worker.on('error', reject);
    });
    this.started.catch(() => {});
    this.stopped = new Promise((resolve) => {
      const broken = (error: string): void => resolve({ slots: this.#slots, lost: 0n, error });
      worker.on('message', (message: TraceMessage) => {
        if (message.type === 'piece') {
          this.#send(message.piece);
        } else if (message.type === 'stopped') {
          resolve({ slots: message.slots, lost: message.lost, error: message.error });
        }
      });
      worker.on('error', (error) => broken(`The drain failed: ${error.message}`));
      worker.on('exit', () => broken('The drain ended unexpectedly'));
    });
  }

  /** Asks the worker to stop; settles when the last frame was handed to the system, or when the driver hangs. */
  async stop(): Promise<Stopped> {
    this.#signal(TRACE_STOP);
    let timer: NodeJS.Timeout | undefined;
    const hangs = new Promise<Stopped>((resolve) => {
      timer = setTimeout(
        () => resolve({ slots: this.#slots, lost: 0n, error: 'The driver does not answer the last drain' }),
        STOP_TIMEOUT_MS,
      );
    });
    const stopped = await Promise.race([this.stopped, hangs]);
    clearTimeout(timer);
    await this.#sent;
    return stopped;
  }

  abandon(): void {
    this.#signal(TRACE_ABANDON);
  }

  #signal(value: number): void {
    Atomics.store(this.#control, 0, value);
    Atomics.notify(this.#control, 0);
  }

  #send(piece: Extract<TraceMessage, { type: 'piece' }>['piece']): void {
    this.#slots += BigInt(piece.slotCount);
    const head = {
      stream: this.stream,
      kind: BulkKind.TraceSlots,
      source: this.index,
      sequence: this.#sequence++,
      count: BigInt(piece.slotCount),
      lost: piece.lost,
      first: piece.firstSlot,
    };
    // A connection that is gone ends the whole session; nothing is left to be told here.
    this.#sent = this.connection.sendBulk(head, piece.data).catch(() => {});
  }
}

/** A driver works for applications: the addresses that it has are of their objects. */
const peersOf = (source: TraceSource, all: readonly TraceSource[]): readonly number[] =>
  all.flatMap((one) => (one !== source && one.type === 'tracepoints' && one.side === 'user' ? [one.process] : []));

export class Traces {
  readonly #streams = new Map<number, readonly SourceDrain[]>();

  constructor(
    readonly bundle: string,
    readonly connection: AgentConnection,
    readonly credits: Credits,
    readonly target: {
      readonly qpcFrequency: bigint;
      /** Trace rings that a process was launched with. */
      readonly ringsOf: (process: number) => ProgramRings | undefined;
    },
  ) {}

  async start({ stream, sources }: RequestParams<'trace/start'>): Promise<RequestResult<'trace/start'>> {
    if (this.#streams.has(stream)) {
      throw new AgentRequestError('trace/start', `Stream ${stream} carries a trace already`, undefined);
    }
    const credit = this.credits.of(stream).cell;
    const rings = sources.map((source) => this.#ringsFor(source));
    const drains = sources.map(
      (source, index) =>
        new SourceDrain(
          this.bundle,
          { source, peers: peersOf(source, sources), rings: rings[index], credit },
          stream,
          index,
          this.connection,
        ),
    );
    this.#streams.set(stream, drains);
    try {
      const started = await Promise.all(drains.map((drain) => drain.started));
      return {
        sources: started.map(({ sectionName, ringCount, slotsPerRing, tracepoints }, source) => ({
          source,
          ringCount,
          slotsPerRing,
          ...(sectionName === undefined ? {} : { sectionName }),
          ...tracepoints,
        })),
        qpcFrequency: this.target.qpcFrequency,
      };
    } catch (error) {
      this.#streams.delete(stream);
      for (const drain of drains) {
        drain.abandon();
      }
      throw error;
    }
  }

  #ringsFor(source: TraceSource): ProgramRings | undefined {
    if (source.type !== 'tracepoints' || source.traceRings !== true) return undefined;
    const rings = this.target.ringsOf(source.process);
    if (rings === undefined) {
      const why = `Process ${source.process} was not started with trace rings, or has ended`;
      throw new AgentRequestError('trace/start', why, undefined);
    }
    return { name: rings.name, ringCount: rings.ringCount, slotsPerRing: rings.slotsPerRing };
  }

  async stop({ stream }: RequestParams<'trace/stop'>): Promise<RequestResult<'trace/stop'>> {
    const drains = this.#streams.get(stream);
    if (drains === undefined) {
      throw new AgentRequestError('trace/stop', `Stream ${stream} carries no trace`, undefined);
    }
    const stopped = await Promise.all(drains.map((drain) => drain.stop()));
    this.#streams.delete(stream);
    return {
      sources: stopped.map(({ slots, lost, error }, source) => ({
        source,
        slots,
        lost,
        ...(error === undefined ? {} : { error }),
      })),
    };
  }

  /** The client is gone: recording is switched off, what is left is dropped. Bounded. */
  async abandon(boundMs: number): Promise<void> {
    const drains = [...this.#streams.values()].flat();
    this.#streams.clear();
    for (const drain of drains) {
      drain.abandon();
    }
    const bound = new Promise<void>((resolve) => setTimeout(resolve, boundMs).unref());
    await Promise.race([Promise.all(drains.map((drain) => drain.stopped)), bound]);
  }
}
