/** A recording of the session's processes by tracepoints: started and stopped while they are debugged, kept as a trace file. */
import os from 'node:os';
import type { PointMechanism, StartTracepointsArguments, TracepointsBody } from '../../protocol/debug-requests.js';
import { EventscopeError } from '../../protocol/errors.js';
import { POINTS, recordKind, type Point } from '../../machine/points.js';
import { asError } from '../../target/operation.js';
import type { RunSource } from '../../target/run.js';
import { newTraceFile, writeTrace } from '../../target/trace-file.js';
import { RecordingBuilder, type Recording, type RecordingStop } from '../../trace/recording.js';
import type { Engine, FrozenTime, RunningTracepoints, SpaceId, Stop, TracepointRequest } from '../engine.js';
import type { RecordingIdentity } from './debuggee.js';
import { OwnHits, type OwnRecorders } from './points/own-recorders.js';
import { pointOfCatalogue } from './points/point-wishes.js';

/** Who shows a recording while it is made. */
export interface RecordingWatcher {
  /** What took part and its version, besides what the target tells. */
  versions(): Promise<Readonly<Record<string, string>>>;
  /** @param soFar the recording as it is now; may be asked at any time */
  began(title: string, soFar: () => Recording): void;
  grew(): void;
  /** @param file where it was kept; undefined: it was not */
  ended(file: string | undefined): void;
}

/** Told of what records, and of a start that had to wait. */
export interface RecordingListener {
  /** Points that are recorded from now on; empty: no longer. */
  serves(points: TracepointsBody['points']): void;
  started(body: TracepointsBody): void;
  failed(error: unknown): void;
}

/** What a process of an engine records itself; undefined: nothing. */
export type FindRecorders = (engine: Engine, space: SpaceId) => Promise<OwnRecorders | undefined>;

/** A space that records itself, and how many of its calls came. */
interface OwnRecording {
  readonly recorders: OwnRecorders;
  readonly hits: OwnHits;
}

interface Started {
  readonly engine: Engine;
  readonly requests: readonly TracepointRequest[];
  readonly own: ReadonlyMap<SpaceId, OwnRecording>;
  readonly running: RunningTracepoints;
}

interface Start {
  /** Number of its first source. */
  readonly first: number;
  readonly requests: readonly TracepointRequest[];
  readonly own: ReadonlyMap<SpaceId, OwnRecording>;
  readonly builder: RecordingBuilder;
  readonly driver: string | undefined;
}

interface Running {
  readonly identity: RecordingIdentity;
  readonly builder: RecordingBuilder;
  readonly file: string | undefined;
  readonly started: readonly Started[];
  readonly stops: RecordingStop[];
}

/** More stops than a timeline draws. */
const MAX_STOPS = 10_000;
const MAX_REASON = 1_000;
/** Of a stop that nobody was told of: a condition that did not hold, a log point, a module that was loaded. */
const PASSED_BY = 'looked at, and let go on';
/** Sources of one engine in a recording of several. */
const SOURCES_PER_ENGINE = 64;

export class SessionRecording {
  readonly #watcher: RecordingWatcher | undefined;
  readonly #listener: RecordingListener;
  readonly #findRecorders: FindRecorders;
  #running: Running | undefined;
  /** A start that has not begun to record yet. */
  #starting: AbortController | undefined;
  /** One start or stop at a time. */
  #last: Promise<unknown> = Promise.resolve();
  /** Stops that the client was told of and that last, by engine. */
  readonly #held = new Map<Engine, { readonly fromUtcMs: number; readonly reason: string }>();
  /** The client looks at a stop. */
  #isHeld = false;

  constructor(watcher: RecordingWatcher | undefined, listener: RecordingListener, findRecorders: FindRecorders) {
    this.#watcher = watcher;
    this.#listener = listener;
    this.#findRecorders = findRecorders;
  }

  /**
   * Settles when it records. While the target is held it cannot begin: then the listener is told later.
   * @throws EventscopeError `debug.recording`, `debug.tracepoint`, `debug.point`, `agent.*`
   */
  async start(
    engines: readonly Engine[],
    identity: RecordingIdentity | undefined,
    request: StartTracepointsArguments,
  ): Promise<TracepointsBody> {
    if (this.#running !== undefined || this.#starting !== undefined) {
      const next = 'Stop it first.';
      throw new EventscopeError({ id: 'debug.recording', what: 'Tracepoints are being recorded already', next });
    }
    const wanted = request.points?.map(pointOfCatalogue);
    const starting = new AbortController();
    this.#starting = starting;
    const started = this.#serial(() => this.#start(engines, identity, { ...request, wanted }, starting.signal)).finally(
      () => (this.#starting = undefined),
    );
    if (!this.#isHeld) return started;
    started.then(
      (body) => this.#listener.started(body),
      (error: unknown) => this.#listener.failed(error),
    );
    return { message: 'Recording begins when the target goes on', points: [] };
  }

  /** What was recorded is kept. @throws EventscopeError `debug.recording`, `file.write` */
  async stop(): Promise<TracepointsBody> {
    const kept = await this.end();
    if (kept !== undefined) return kept;
    throw new EventscopeError({ id: 'debug.recording', what: 'No tracepoints are being recorded' });
  }

  /** The session ends: what is being recorded is kept. @returns undefined: nothing was */
  end(): Promise<TracepointsBody | undefined> {
    const hasBegun = this.#starting === undefined;
    this.#starting?.abort();
    return this.#serial(() => {
      if (this.#running !== undefined) return this.#stop(this.#running);
      const message = 'Nothing was recorded: the target has not gone on';
      return Promise.resolve(hasBegun ? undefined : { message, points: [] });
    });
  }

  /** The client is told of a stop: the time until the target goes on is no latency of the program's. */
  held(engine: Engine, { utcMs = Date.now() }: Stop, reason: string): void {
    this.#isHeld = true;
    this.#held.set(engine, { fromUtcMs: utcMs, reason: reason.slice(0, MAX_REASON) });
  }

  /** The client lets the target go on. */
  goesOn(): void {
    this.#isHeld = false;
  }

  /**
   * The target of an engine has gone on. Stops that the client was never told of, because they were decided here, took time as well.
   * @param frozen by the target's clock; undefined: the engine does not know, and only what the client was told of is noted
   */
  wentOn(engine: Engine, frozen: FrozenTime | undefined): void {
    const told = this.#held.get(engine);
    this.#held.delete(engine);
    const span = frozen ?? (told === undefined ? undefined : { ...told, untilUtcMs: Date.now() });
    if (this.#running === undefined || span === undefined) return;
    const { stops } = this.#running;
    stops.push({ ...span, reason: told?.reason ?? PASSED_BY });
    if (stops.length > MAX_STOPS) stops.shift();
  }

  async #start(
    engines: readonly Engine[],
    identity: RecordingIdentity | undefined,
    {
      wanted,
      mechanism,
      file,
    }: Omit<StartTracepointsArguments, 'points'> & { readonly wanted: readonly Point[] | undefined },
    signal: AbortSignal,
  ): Promise<TracepointsBody> {
    const able = engines.filter((engine) => engine.startTracepoints !== undefined && engine.processes().length > 0);
    if (able.length === 0 || identity === undefined) {
      throw new EventscopeError({
        id: 'debug.tracepoint',
        what: 'Nothing can be recorded',
        why: engines.some((engine) => engine.processes().length > 0)
          ? 'this kind of target has no tracepoints'
          : 'no process is being debugged',
        next: 'Start the application or the driver first.',
      });
    }
    const versions = { ...(await identity.versions()), ...(await this.#watcher?.versions()) };
    const { target, title } = identity;
    const builder = new RecordingBuilder({ target, host: os.hostname(), versions, title, startUtcMs: Date.now() });
    const started: Started[] = [];
    try {
      for (const [index, engine] of able.entries()) {
        // Who chooses a mechanism wants that one alone.
        const own = mechanism === undefined ? await this.#ownRecordings(engine, wanted) : new Map<SpaceId, OwnRecording>(); // prettier-ignore
        const requests = requestsFor(engine, wanted, mechanism, own);
        const start = { first: index * SOURCES_PER_ENGINE, requests, own, builder, driver: identity.driver };
        const running = await this.#startIn(engine, start, signal);
        started.push({ engine, requests, own, running });
      }
    } catch (error) {
      for (const { running } of started) await running.stop();
      throw error;
    }
    this.#running = { identity, builder, file, started, stops: [] };
    this.#watcher?.began(title, () => builder.finish());
    const points = started.flatMap(servedPoints);
    this.#listener.serves(points);
    return { message: startedMessage(points), points };
  }

  /** Spaces whose own rings are to serve. They record all that the header knows: where stops are needed too, a call would be told twice. */
  async #ownRecordings(engine: Engine, wanted: readonly Point[] | undefined): Promise<Map<SpaceId, OwnRecording>> {
    const own = new Map<SpaceId, OwnRecording>();
    for (const { space, side } of engine.processes()) {
      const recorders = engine.hasTraceRings?.(space) === true ? await this.#findRecorders(engine, space) : undefined;
      if (recorders === undefined) continue;
      const { points, imported } = recorders;
      const isWhole = (point: Point): boolean => point.side !== side || points.has(point.name) || imported.has(point.name); // prettier-ignore
      if (wanted?.every(isWhole) !== false) own.set(space, { recorders, hits: new OwnHits(recorders) });
    }
    return own;
  }

  async #startIn(
    engine: Engine,
    { first, requests, own, builder, driver }: Start,
    signal: AbortSignal,
  ): Promise<RunningTracepoints> {
    const hitsOf = new Map<number, OwnHits>();
    const addSource = ({ source, ...described }: RunSource): void => {
      const space = engine.processes().find(({ processId }) => processId === described.process)?.space;
      const hits = space === undefined ? undefined : own.get(space)?.hits;
      if (hits !== undefined) hitsOf.set(source, hits);
      // Of Wine's driver host the driver alone is recorded.
      const description = described.side === 'kernel' ? (driver ?? described.description) : described.description;
      builder.addSource({ id: first + source, ...described, description });
    };
    const hosts = driver === undefined ? [] : engine.processes().filter(({ side }) => side === 'kernel');
    const running = await engine.startTracepoints?.(requests, {
      signal,
      modules: new Map(hosts.map(({ space }) => [space, [driver?.toLowerCase() ?? '']])),
      sink: {
        slots: (source, ...chunk) => {
          hitsOf.get(source)?.take(chunk[3]);
          builder.slots(first + source, ...chunk);
          this.#watcher?.grew();
        },
      },
      onSources: (sources) => sources.forEach(addSource),
    });
    if (running === undefined) throw new TypeError('an engine without tracepoints was chosen');
    return running;
  }

  async #stop({ identity, builder, file, started, stops }: Running): Promise<TracepointsBody> {
    this.#running = undefined;
    this.#listener.serves([]);
    let kept: string | undefined;
    try {
      const failures = await this.#endSources(started, builder);
      const endUtcMs = Date.now();
      const lasting = [...this.#held.values()].map((stop) => ({
        ...stop,
        untilUtcMs: Math.max(endUtcMs, stop.fromUtcMs),
      }));
      const made = builder.finish(endUtcMs);
      const recording = { ...made, metadata: { ...made.metadata, stops: [...stops, ...lasting].slice(-MAX_STOPS) } };
      const { startUtcMs } = made.metadata;
      const place = file ?? (await newTraceFile(identity.stateFolder, identity.title, new Date(startUtcMs)));
      await writeTrace(place, recording);
      kept = place;
      const slots = made.chunks.reduce((sum, { bytes }) => sum + bytes.length / SLOT_BYTES, 0);
      const message = [`Recorded ${slots} slots to ${place}`, ...failures].join('; ');
      return { file: place, message, points: started.flatMap(servedPoints) };
    } finally {
      this.#watcher?.ended(kept);
    }
  }

  /** What came until then is kept, whatever has become of the target. @returns what went wrong, in words */
  async #endSources(started: readonly Started[], builder: RecordingBuilder): Promise<string[]> {
    const failures: string[] = [];
    for (const [index, { running }] of started.entries()) {
      try {
        for (const { source, lost, error } of await running.stop()) {
          builder.sourceEnded(index * SOURCES_PER_ENGINE + source, { lost, ...(error === undefined ? {} : { error }) });
          if (error !== undefined) failures.push(error);
        }
      } catch (error) {
        failures.push(asError(error).message);
      }
    }
    return failures;
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

const SLOT_BYTES = 64;

/**
 * What a person chose is recorded wherever it is called from, at an import slot where one leads there. Of all points only what costs no
 * stop is recorded; and life-cycle points come along with any choice, because without them objects have neither name nor identity.
 */
function requestsFor(
  engine: Engine,
  wanted: readonly Point[] | undefined,
  mechanism: StartTracepointsArguments['mechanism'],
  own: ReadonlyMap<SpaceId, OwnRecording>,
): TracepointRequest[] {
  return engine.processes().flatMap(({ space, side }) =>
    POINTS.filter((point) => point.side === side && recordKind(point) !== undefined).flatMap(
      (point): TracepointRequest[] => {
        const { index } = point;
        const isWanted = wanted === undefined || point.role === 'lifecycle' || wanted.includes(point);
        if (isWanted && own.get(space)?.recorders.points.has(point.name) === true) return [{ space, point: index, mechanism: 'ring' }]; // prettier-ignore
        if (wanted?.includes(point) === true) return [{ space, point: index, ...(mechanism === undefined ? {} : { mechanism }) }]; // prettier-ignore
        const comesAlong = wanted === undefined || point.role === 'lifecycle';
        return comesAlong ? [{ space, point: index, mechanism: 'import' }] : [];
      },
    ),
  );
}

const MECHANISMS = {
  ring: 'traceRing',
  import: 'importTracepoint',
  stopping: 'stoppingTracepoint',
  none: 'none',
} as const;

/** One entry for each point that is served anywhere, and for each that was chosen. */
function servedPoints({ engine, requests, own, running }: Started): TracepointsBody['points'] {
  return requests.flatMap(({ space, point, mechanism }, index) => {
    const served = running.points[index];
    const name = POINTS[point]?.name ?? '';
    const told: PointMechanism = served === undefined ? 'none' : MECHANISMS[served.mechanism];
    // Of those that only came along nobody misses one.
    if (told === 'none' && mechanism === 'import') return [];
    const itself = told === 'traceRing' ? own.get(space) : undefined;
    const hits =
      served?.mechanism === 'stopping'
        ? engine.hitCounts([served.breakpoint]).get(served.breakpoint)?.hits
        : itself?.hits.of(name);
    const message = served?.mechanism === 'none' ? served.why : itself?.recorders.points.get(name);
    return [
      {
        ...{ point: name, mechanism: told },
        ...(hits === undefined ? {} : { hits }),
        ...(message === undefined ? {} : { message }),
      },
    ];
  });
}

function startedMessage(points: TracepointsBody['points']): string {
  const count = (mechanism: PointMechanism): number => points.filter((each) => each.mechanism === mechanism).length;
  const parts = [`${count('importTracepoint')} by import slots, without a stop`];
  if (count('traceRing') > 0) parts.unshift(`${count('traceRing')} by the program's own trace rings`);
  if (count('stoppingTracepoint') > 0) parts.push(`${count('stoppingTracepoint')} by a short stop each`);
  if (count('none') > 0) parts.push(`${count('none')} cannot be recorded`);
  return `Recording calls of points: ${parts.join(', ')}`;
}
