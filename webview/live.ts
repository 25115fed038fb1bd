/**
 * A recording while it is made. Slots become records once, as they come, and what is settled of them columns (trace/live); the
 * rest is modelled anew for each picture. The next one is set by what the last one cost, so that the worker rests a fifth of the time.
 */
import { toColumns } from '../trace/columns/from-model.js';
import { GrowingColumns } from '../trace/live/growing-columns.js';
import { modelOf } from '../trace/model/model.js';
import { RecordReader } from '../trace/model/record-reader.js';
import { RecordingBuilder, type RecordingMetadata, type RecordingSource, type SlotChunk } from '../trace/recording.js';
import { inWords, pictureOf, type Picture } from './opening.js';

export interface StopSpan {
  readonly fromUtcMs: number;
  /** null: it stands there now. */
  readonly untilUtcMs: number | null;
  readonly reason: string;
}

/** ms: a picture this often is fluent. */
const LEAST_PAUSE = 100;
/**
 * ms that rings may be drained behind one another, and a call may take until it is recorded: what began before what came so long ago is
 * all there.
 */
const UNDER_WAY = 250;
/** The pause is so many times as long as the work before it. */
const REST = 0.25;
/**
 * Bytes of slots that a live view models, some 4 million records: what comes later is a gap, whose number is told when the recording
 * is over, and its file takes its place. Until then nothing is drawn for it: of a recording with a gap each picture is of all.
 */
const LIVE_BYTES = 256 * 1024 * 1024;

export class LiveRecording {
  readonly #show: (picture: Picture, live: boolean) => void;
  readonly #fail: (problem: string) => void;
  readonly #builder: RecordingBuilder;
  readonly #startUtcMs: number;
  #stops: readonly StopSpan[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = 0;
  #isFull = false;
  /** How many records there were, and when. */
  readonly #arrivals: { readonly at: number; readonly records: number }[] = [];

  constructor(
    metadata: RecordingMetadata,
    show: (picture: Picture, live: boolean) => void,
    fail: (problem: string) => void,
    slotBytes = LIVE_BYTES,
  ) {
    this.#builder = new RecordingBuilder(metadata, {
      slotBytes,
      take: (chunk) => this.#records.take(this.#ordinals.get(chunk.source) ?? 0, chunk),
    });
    this.#startUtcMs = metadata.startUtcMs;
    this.#show = show;
    this.#fail = fail;
  }

  readonly #records = new RecordReader();
  readonly #growing = new GrowingColumns(this.#records);
  /** By id. */
  readonly #ordinals = new Map<number, number>();

  /** Again with what became known of it since, such as the process that attached to it. */
  addSource(source: Omit<RecordingSource, 'end'>): void {
    if (this.#ordinals.has(source.id)) this.#builder.updateSource(source.id, source);
    else {
      this.#builder.addSource(source);
      this.#ordinals.set(source.id, this.#ordinals.size);
    }
  }

  append({ source, ring, firstSlot, lost, bytes }: SlotChunk): void {
    const taken = this.#builder.slots(source, ring, firstSlot, lost, bytes);
    if (this.#isFull) return;
    this.#isFull = !taken;
    this.#arrivals.push({ at: performance.now(), records: this.#records.count });
    this.#schedule();
  }

  setStops(stops: readonly StopSpan[]): void {
    this.#stops = stops;
    this.#schedule();
  }

  end(): void {
    this.dispose();
    this.#draw(false);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#draw(true);
    }, this.#pause);
  }

  #draw(live: boolean): void {
    const began = performance.now();
    const trusted = live ? this.#trusted() : this.#records.count;
    try {
      // Before the first is trusted there is nothing to be drawn; at the end there is what there is.
      if (trusted > 0 || !live) this.#show(pictureOf([this.#columns(live, trusted)], 'clock'), live);
    } catch (error) {
      this.#fail(inWords(error));
      return;
    }
    this.#pause = Math.max(LEAST_PAUSE, REST * (performance.now() - began));
    if (live && this.#arrivals.length > 0) this.#schedule();
  }

  /** How many records came so long ago that what began before the newest of them is there as well. */
  #trusted(): number {
    const longAgo = performance.now() - UNDER_WAY;
    const young = this.#arrivals.findIndex(({ at }) => at > longAgo);
    // Nothing came for so long: that is all.
    if (young < 0) {
      this.#arrivals.length = 0;
      return this.#records.count;
    }
    // The last of the old ones is kept: it says how many those are.
    const [old] = this.#arrivals.splice(0, Math.max(0, young - 1));
    this.#known = Math.max(this.#known, (young > 0 ? this.#arrivals[0] : old)?.records ?? 0);
    return this.#known;
  }
  #known = 0;

  #columns(live: boolean, trusted: number): ReturnType<typeof toColumns> {
    const recording = this.#builder.finish();
    const now = Date.now();
    const stops = this.#stops.map(({ fromUtcMs, untilUtcMs, reason }) => ({
      ...{ fromUtcMs, reason, untilUtcMs: Math.max(untilUtcMs ?? now, this.#startUtcMs) },
    }));
    const metadata = { ...recording.metadata, ...(stops.length === 0 ? {} : { stops }) };
    if (live) return this.#growing.columns({ ...recording, metadata }, trusted);
    return toColumns(modelOf({ ...recording, metadata }, this.#records.finish(recording)));
  }
}
