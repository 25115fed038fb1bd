/**
 * Tracepoints from the host's side: which processes, which points, and their records as sources of a recording. The agent points
 * import slots of running processes at a recorder of ours, or stops at functions (tracepoint-stops.ts); nothing of the traced program has to
 * know of it.
 */
import type { RequestResult } from '../protocol/agent-rpc.js';
import { BulkKind, type BulkHead } from '../protocol/agent-wire.js';
import { EventscopeError } from '../protocol/errors.js';
import { pointNamed, POINTS, rolesOf, type Point, type PointRole } from '../machine/points.js';
import type { AgentClient } from './agent-client.js';
import type { RunSource, RunTotal, TraceSink } from './run.js';
import { attachForStops, removeStops, setStops, type ServedStop, type StopRequest } from './tracepoint-stops.js';

export interface TracedProcess {
  readonly process: number;
  /** `kernel`: Wine's driver host. */
  readonly side: 'kernel' | 'user';
  /** Such as eventsys.sys; a kernel source is named by its driver, which is the module whose imports are recorded. */
  readonly description: string;
  /** File names whose imports are recorded; default: all that are not the system's. */
  readonly modules?: readonly string[];
  /** It was started with `hold`. */
  readonly held?: boolean;
  /** Functions to be recorded whoever calls them. */
  readonly stops?: readonly StopRequest[];
  /** Its number for the agent's debugger, which has it already; undefined: it is attached to when one of its stops needs that. */
  readonly space?: number;
  /** Names of points at import slots of this process, instead of those of the options. */
  readonly points?: readonly string[];
  /** What it records itself into the trace rings that it was launched with is drained too. */
  readonly traceRings?: boolean;
}

export interface TracepointOptions {
  /** Names of the catalogue; default: all. */
  readonly points?: readonly string[];
  /** Slots of each ring, a power of two; default 16,384. */
  readonly slotsPerRing?: number;
  /** Number of the first source. */
  readonly firstSource?: number;
  readonly sink: TraceSink;
  /** Called once before the first slots. */
  onSources(sources: readonly RunSource[], qpcFrequency: bigint): void;
  readonly signal: AbortSignal;
}

/** Of one process. */
export interface TracepointSource {
  /** Points that import slots lead to. */
  readonly imported: readonly string[];
  /** In the order of its stops. */
  readonly stops: readonly ServedStop[];
}

export interface TracepointRun {
  /** In the order of the processes. */
  readonly processes: readonly TracepointSource[];
  /** Puts the import slots and the code back; what was recorded until then has come to the sink. */
  stop(): Promise<readonly RunTotal[]>;
}

const SLOTS_PER_RING = 16_384;
const STOP_TIMEOUT_MS = 30_000;
const ROLES: readonly PointRole[] = ['signal', 'wait', 'reset', 'lifecycle'];

/**
 * Points by what a person writes: names ("KeSetEvent", "ntdll!NtSetEvent"), roles ("signal", "wait", "reset", "lifecycle"), "all".
 * Life-cycle points come along with any choice: without them objects have neither name nor identity.
 * @throws EventscopeError `tracepoints.point`
 */
export function choosePoints(words: readonly string[]): readonly string[] | undefined {
  if (words.length === 0 || words.includes('all')) return undefined;
  const chosen = new Set<Point>(POINTS.filter(({ role }) => role === 'lifecycle'));
  for (const word of words) {
    const role = ROLES.find((one) => one === word.toLowerCase());
    const point = pointNamed(word);
    if (role === undefined && point === undefined) {
      throw new EventscopeError({
        id: 'tracepoints.point',
        what: `"${word}" is no point`,
        why: 'it is neither a function of the catalogue nor a kind of point',
        next: `Name functions such as KeSetEvent or WaitForSingleObject, or ${ROLES.join(', ')}, or all.`,
      });
    }
    for (const one of POINTS) if (one === point || (role !== undefined && rolesOf(one).includes(role))) chosen.add(one);
  }
  return [...chosen].map(({ name }) => name);
}

/**
 * The functions among these words: they are recorded whoever calls them, by stops where no import slot leads to them.
 * @param always stops also where import slots do
 */
export function chooseStops(words: readonly string[], always = false): readonly StopRequest[] {
  const points = words.flatMap((word) => pointNamed(word) ?? []);
  return [...new Set(points)].map(({ name }) => ({ point: name, always }));
}

/** Those of one side. */
export const stopsOfSide = (stops: readonly StopRequest[], side: 'kernel' | 'user'): readonly StopRequest[] =>
  stops.filter(({ point }) => pointNamed(point)?.side === side);

/** @throws EventscopeError `agent.*`: a process cannot be opened, none of its imports is one of the points; `target.held` */
export async function startTracepoints(
  client: AgentClient,
  processes: readonly TracedProcess[],
  options: TracepointOptions,
): Promise<TracepointRun> {
  const first = options.firstSource ?? 0;
  const receiver = new SlotReceiver(options.sink, first);
  let answers: RequestResult<'trace/start'>['sources'];
  const stream = client.openStream((head, data) => receiver.take(head, data));
  try {
    const started = await client.request(
      'trace/start',
      {
        stream: stream.stream,
        sources: processes.map(({ process, side, modules, held, stops, points, traceRings }) => ({
          ...{ type: 'tracepoints' as const, process, side, slotsPerRing: options.slotsPerRing ?? SLOTS_PER_RING },
          ...sideOptions(side, points ?? options.points),
          ...(modules === undefined ? {} : { modules: [...modules] }),
          ...(held === undefined ? {} : { held }),
          ...(traceRings === undefined ? {} : { traceRings }),
          ...(stops === undefined ? {} : { stops: stops.map(stopOnWire) }),
        })),
      },
      { signal: options.signal },
    );
    const sources = started.sources.map(({ source, ringCount, slotsPerRing }, index) => {
      const { process, side, description } = processes[index] ?? { process: 0, side: 'user', description: '' };
      return { source: first + source, side, description, process, ringCount, slotsPerRing };
    });
    options.onSources(sources, started.qpcFrequency);
    receiver.sourcesKnown();
    answers = started.sources;
  } catch (error) {
    stream.close();
    throw error;
  }
  const endStream = () => client.request('trace/stop', { stream: stream.stream }, { timeoutMs: STOP_TIMEOUT_MS });
  let stops: Stops;
  try {
    stops = await Stops.set(client, processes, answers, options.signal);
  } catch (error) {
    await endStream().catch(() => {});
    stream.close();
    throw error;
  }
  return {
    processes: answers.map(({ imported = [] }, index) => ({ imported, stops: stops.served[index] ?? [] })),
    stop: async () => {
      try {
        await stops.remove();
        const answer = await endStream();
        return answer.sources.map((total) => {
          const { source, slots, lost, error } = total;
          return { source: first + source, slots, lost, ...(error === undefined ? {} : { error }) };
        });
      } finally {
        stream.close();
      }
    },
  };
}

const stopOnWire = ({ point, address, always }: StopRequest) => ({
  ...{ point, always },
  ...(address === undefined ? {} : { address }),
});

/** The stops of all processes of one recording, and the debuggers that were needed for them. */
class Stops {
  readonly served: (readonly ServedStop[])[] = [];
  readonly #leave: (() => Promise<void>)[] = [];

  private constructor(private readonly client: AgentClient) {}

  static async set(
    client: AgentClient,
    processes: readonly TracedProcess[],
    answers: RequestResult<'trace/start'>['sources'],
    signal: AbortSignal,
  ): Promise<Stops> {
    const all = new Stops(client);
    try {
      for (const [index, { process, stops = [], space }] of processes.entries()) {
        const { stops: placed = [], recorderThread = 0 } = answers[index] ?? {};
        const debugged = placed.some(({ kind }) => kind === 'stop')
          ? (space ?? (await all.#attach(process, signal)))
          : 0;
        all.served.push(await setStops(client, debugged, stops, placed, recorderThread));
      }
      return all;
    } catch (error) {
      await all.remove().catch(() => {});
      throw error;
    }
  }

  /** Also when the processes have ended. */
  async remove(): Promise<void> {
    await removeStops(this.client, this.served.flat());
    for (const leave of this.#leave.splice(0)) await leave();
  }

  async #attach(process: number, signal: AbortSignal): Promise<number> {
    const { space, leave } = await attachForStops(this.client, process, signal);
    this.#leave.push(leave);
    return space;
  }
}

/** The points of one side: the agent refuses those of the other. */
function sideOptions(side: 'kernel' | 'user', points: readonly string[] | undefined): { points?: string[] } {
  return points === undefined ? {} : { points: points.filter((name) => pointNamed(name)?.side === side) };
}

/** Frames may come before the answer that tells of their sources. */
class SlotReceiver {
  readonly #early: (() => void)[] = [];
  #known = false;

  constructor(
    private readonly sink: TraceSink,
    private readonly first: number,
  ) {}

  take(head: BulkHead, data: Uint8Array): void {
    if (head.kind !== BulkKind.TraceSlots || data.length < 8) return;
    const ring = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true);
    const give = (bytes: Uint8Array): void =>
      this.sink.slots(this.first + head.source, ring, head.first, head.lost, bytes);
    if (this.#known) {
      give(data.subarray(8));
    } else {
      const bytes = data.slice(8);
      this.#early.push(() => give(bytes));
    }
  }

  sourcesKnown(): void {
    this.#known = true;
    for (const give of this.#early.splice(0)) give();
  }
}
