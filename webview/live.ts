/**
 * A recording while it is made. Slots become records once, as they come; the model is made anew from all records, as often as
 * that is cheap: the next time is set by what the last one cost, so that the worker rests a third of the time.
 */
import { toColumns } from '../trace/columns/from-model.js';
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
/** The pause is so many times as long as the work before it. */
const REST = 0.5;
/**
 * Bytes of slots that a live view models, some 4 million records: what comes later is a gap with its number until the recording
 * is over and its file takes its place.
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

  constructor(
    metadata: RecordingMetadata,
    show: (picture: Picture, live: boolean) => void,
    fail: (problem: string) => void,
  ) {
    this.#builder = new RecordingBuilder(metadata, {
      slotBytes: LIVE_BYTES,
      take: (chunk) => this.#records.take(this.#ordinals.get(chunk.source) ?? 0, chunk),
    });
    this.#startUtcMs = metadata.startUtcMs;
    this.#show = show;
    this.#fail = fail;
  }

  readonly #records = new RecordReader();
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
    this.#builder.slots(source, ring, firstSlot, lost, bytes);
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
    try {
      this.#show(pictureOf([this.#columns(live)], 'clock'), live);
    } catch (error) {
      this.#fail(inWords(error));
    }
    this.#pause = Math.max(LEAST_PAUSE, REST * (performance.now() - began));
  }

  #columns(live: boolean): ReturnType<typeof toColumns> {
    const recording = this.#builder.finish();
    const now = Date.now();
    const stops = this.#stops.map(({ fromUtcMs, untilUtcMs, reason }) => ({
      ...{ fromUtcMs, reason, untilUtcMs: Math.max(untilUtcMs ?? now, this.#startUtcMs) },
    }));
    const metadata = { ...recording.metadata, ...(stops.length === 0 ? {} : { stops }) };
    const records = live ? this.#records.soFar(recording) : this.#records.finish(recording);
    return toColumns(modelOf({ ...recording, metadata }, records));
  }
}
