/**
 * A recording: what came out of the trace rings, unread, with what is needed to read it later. `target/` feeds a
 * {@link RecordingBuilder} as frames arrive; `.evtrace` stores it; `trace/model/` reads it.
 */
import { EventscopeError } from '../protocol/errors.js';

export const SLOT_BYTES = 64;
/** Sources of one recording: the agent drains at most 64 in one stream. */
export const MAX_SOURCES = 64;
export const MAX_RINGS = 4_096;

/** Whether a ring can come to its slot of this index: in centuries no ring does, and an exact number is needed to count on from it. */
export const isSlotIndex = (slot: bigint): boolean => slot < 1n << 52n;

export type Side = 'kernel' | 'user';

/** One area of rings: a driver's, or one application process's. */
export interface RecordingSource {
  readonly id: number;
  readonly side: Side;
  /** As a person names it: "eventsys.sys", "eventapp.exe handle". Its first word is used as a short name. */
  readonly description: string;
  /** User: the process. Kernel: the driver host under Wine, 4 on Windows, when known. */
  readonly process?: number;
  /** User: terminal services session, decides where a plain name lives. */
  readonly session?: number;
  /** Machine whose clocks it uses; sources of one machine share QPC. Default: the target. */
  readonly machine?: string;
  readonly ringCount: number;
  readonly slotsPerRing: number;
  /** Set when the source is over. */
  readonly end?: SourceEnd;
}

export interface SourceEnd {
  /** Records lost by all rings and by threads that found no ring, as the agent counted them. */
  readonly lost?: bigint;
  /** User: when the process ended, ms since 1970 by the target's clock. */
  readonly exitUtcMs?: number;
  readonly exitCode?: number;
  /** Why draining ended early. */
  readonly error?: string;
}

export interface RecordingMetadata {
  readonly target: string;
  readonly host: string;
  /** What took part and its version: eventscope, wine, windows, node, driver, ... */
  readonly versions: Readonly<Record<string, string>>;
  /** What was run, as a person would name it: "handle", "eventapp stress". */
  readonly title?: string;
  /** ms since 1970 by the host's clock. */
  readonly startUtcMs: number;
  readonly endUtcMs?: number;
  /** Of several runs in one recording: each with its sources. */
  readonly runs?: readonly RecordingRun[];
  /** When a debugger held the target. */
  readonly stops?: readonly RecordingStop[];
}

/** A stretch in which a debugger held the target; ms since 1970 by the target's clock. */
export interface RecordingStop {
  readonly fromUtcMs: number;
  readonly untilUtcMs: number;
  /** As a person would say it: "breakpoint at eventsys!Signal". */
  readonly reason: string;
}

/** A run among several that one recording holds. */
export interface RecordingRun {
  readonly title: string;
  /** Ids of sources. */
  readonly sources: readonly number[];
}

/** Whole slots of one ring as they were drained. */
export interface SlotChunk {
  readonly source: number;
  readonly ring: number;
  /** Absolute index of the first slot. */
  readonly firstSlot: bigint;
  /** The ring's lost records by the time of this drain. */
  readonly lost: bigint;
  readonly bytes: Uint8Array;
}

/**
 * The same slots in fewer chunks: those of one ring that follow each other become one, of at most `limit` bytes unless one of them is
 * longer. Chunks of a ring keep their order, rings do not keep theirs to each other.
 */
export function joinChunks(chunks: readonly SlotChunk[], limit: number): SlotChunk[] {
  const rings = new Map<string, Run[]>();
  for (const chunk of chunks) {
    const key = `${chunk.source} ${chunk.ring}`;
    const runs = rings.get(key) ?? [];
    rings.set(key, runs);
    const run = runs.at(-1);
    const { length } = chunk.bytes;
    const behind = chunk.firstSlot + BigInt(length / SLOT_BYTES);
    if (run?.behind === chunk.firstSlot && run.bytes + length <= limit) {
      run.chunks.push(chunk);
      run.bytes += length;
      run.behind = behind;
    } else runs.push({ chunks: [chunk], bytes: length, behind });
  }
  return [...rings.values()].flat().map(joined);
}

/** Chunks of a ring that follow each other: how long they are, and the slot behind them. */
interface Run {
  readonly chunks: SlotChunk[];
  bytes: number;
  behind: bigint;
}

function joined({ chunks: run, bytes: length }: Run): SlotChunk {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError('no chunk');
  if (run.length === 1) return first;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const one of run) {
    bytes.set(one.bytes, at);
    at += one.bytes.length;
  }
  return { ...last, firstSlot: first.firstSlot, bytes };
}

/** A line that the application or the driver printed itself: the independent witness beside the rings. */
export interface LogLine {
  readonly utcMs: number;
  readonly channel: 'application' | 'dbgprint';
  readonly text: string;
  readonly process?: number;
}

export interface Recording {
  readonly metadata: RecordingMetadata;
  readonly sources: readonly RecordingSource[];
  /** In order of arrival. */
  readonly chunks: readonly SlotChunk[];
  readonly log: readonly LogLine[];
  /** What the recording itself left out because its limit was reached. */
  readonly dropped: { readonly slots: number; readonly lines: number };
}

export interface RecordingLimits {
  /** Bytes of slots kept; from the first chunk on that has no room all are counted in `dropped.slots`. Default 1 GiB. */
  readonly slotBytes?: number;
  /** Takes the slots, instead of their being kept; the bytes are whoever's they were. */
  readonly take?: (chunk: SlotChunk) => void;
  /** Log lines kept; what comes later is counted in `dropped.lines`. Default 200,000. */
  readonly lines?: number;
}

const wrong = (what: string, why: string): EventscopeError =>
  new EventscopeError({ id: 'trace.recording', what, why, next: 'This is a defect of Eventscope; report it' });

export class RecordingBuilder {
  readonly #metadata: RecordingMetadata;
  readonly #sources = new Map<number, RecordingSource>();
  readonly #chunks: SlotChunk[] = [];
  readonly #log: LogLine[] = [];
  readonly #slotLimit: number;
  readonly #lineLimit: number;
  readonly #take: (chunk: SlotChunk) => void;
  #slotBytes = 0;
  #droppedSlots = 0;
  #droppedLines = 0;

  constructor(metadata: RecordingMetadata, limits: RecordingLimits = {}) {
    this.#metadata = metadata;
    this.#slotLimit = limits.slotBytes ?? 1024 * 1024 * 1024;
    this.#lineLimit = limits.lines ?? 200_000;
    // Not slice(): a Buffer's is no copy.
    this.#take = limits.take ?? ((chunk) => this.#chunks.push({ ...chunk, bytes: new Uint8Array(chunk.bytes) }));
  }

  /** Returns the id to use with `slots`: the one given, or the next free number. */
  addSource(source: Omit<RecordingSource, 'id'> & { readonly id?: number }): number {
    const id = source.id ?? this.#sources.size;
    if (this.#sources.has(id)) throw wrong('A trace source was added twice', `source ${id}`);
    if (this.#sources.size >= MAX_SOURCES) throw wrong('Too many trace sources', `at most ${MAX_SOURCES}`);
    if (source.ringCount < 1 || source.ringCount > MAX_RINGS) {
      throw wrong('A trace source has an impossible number of rings', `${source.ringCount}`);
    }
    this.#sources.set(id, { ...source, id });
    return id;
  }

  /** What became known of a source after it was added, such as the process that attached to it. */
  updateSource(id: number, known: Partial<Omit<RecordingSource, 'id' | 'side'>>): void {
    this.#sources.set(id, { ...this.#source(id), ...known });
  }

  /**
   * Adds drained slots; the bytes are copied. Returns false when the limit was reached and the slots were counted as
   * dropped instead (whole chunks: what is kept has no hole inside a chunk).
   */
  slots(source: number, ring: number, firstSlot: bigint, lost: bigint, bytes: Uint8Array): boolean {
    const { ringCount } = this.#source(source);
    if (ring >= ringCount) throw wrong('Trace slots name a ring that is not there', `ring ${ring} of ${ringCount}`);
    if (bytes.length % SLOT_BYTES !== 0) throw wrong('Trace slots came in part', `${bytes.length} bytes`);
    if (!isSlotIndex(firstSlot)) throw wrong('Trace slots have a place that no ring comes to', `slot ${firstSlot}`);
    // What would have room behind it would leave a hole in its ring, which is told as a gap of its own.
    if (bytes.length > 0 && (this.#droppedSlots > 0 || this.#slotBytes + bytes.length > this.#slotLimit)) {
      this.#droppedSlots += bytes.length / SLOT_BYTES;
      return false;
    }
    this.#slotBytes += bytes.length;
    this.#take({ source, ring, firstSlot, lost, bytes });
    return true;
  }

  log(line: LogLine): void {
    if (this.#log.length >= this.#lineLimit) this.#droppedLines += 1;
    else this.#log.push(line);
  }

  sourceEnded(id: number, end: SourceEnd): void {
    const source = this.#source(id);
    this.#sources.set(id, { ...source, end: { ...source.end, ...end } });
  }

  /** The recording so far; the builder may go on (a live view takes one now and then). */
  finish(endUtcMs?: number): Recording {
    return {
      metadata: endUtcMs === undefined ? this.#metadata : { ...this.#metadata, endUtcMs },
      sources: [...this.#sources.values()],
      chunks: this.#chunks.slice(),
      log: this.#log.slice(),
      dropped: { slots: this.#droppedSlots, lines: this.#droppedLines },
    };
  }

  #source(id: number): RecordingSource {
    const source = this.#sources.get(id);
    if (source === undefined) throw wrong('Trace slots name a source that is not there', `source ${id}`);
    return source;
  }
}
