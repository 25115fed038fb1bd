/** The worker's side of opening recordings: bytes come in pieces, pictures go out. Nothing is drawn here. */
import type { TimelineColumns } from '../trace/columns/columns.js';
import type { Alignment } from '../trace/columns/join.js';
import type { RecordingSource, SlotChunk } from '../trace/recording.js';
import { LiveRecording, type StopSpan } from './live.js';
import {
  inWords,
  Opening,
  pictureOf,
  transferables,
  transferablesOfEdges,
  type Edges,
  type Picture,
} from './opening.js';

export type WorkerRequest =
  | { readonly kind: 'open'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'piece'; readonly id: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'forget'; readonly id: number }
  | { readonly kind: 'join'; readonly parts: readonly TimelineColumns[]; readonly alignment: Alignment }
  | {
      readonly kind: 'live';
      readonly id: number;
      readonly title: string;
      readonly target: string;
      readonly startUtcMs: number;
    }
  | { readonly kind: 'source'; readonly id: number; readonly source: Omit<RecordingSource, 'end'> }
  | { readonly kind: 'append'; readonly id: number; readonly chunk: SlotChunk }
  | { readonly kind: 'stops'; readonly id: number; readonly stops: readonly StopSpan[] }
  | { readonly kind: 'endLive'; readonly id: number };

export type WorkerAnswer =
  /** One recording, or several joined (`id` is undefined then). */
  | {
      readonly kind: 'picture';
      readonly id: number | undefined;
      readonly picture: Picture;
      readonly problems: readonly string[];
      /** Of a live recording: more is to come. */
      readonly live: boolean;
      /** It has no edges yet: they come next. */
      readonly edgesFollow: boolean;
    }
  | { readonly kind: 'edges'; readonly id: number; readonly edges: Edges }
  | { readonly kind: 'failed'; readonly id: number | undefined; readonly problem: string };

export type Answer = (answer: WorkerAnswer, transfer: ArrayBuffer[]) => void;

/** Takes requests one after the other. */
export class OpeningWorker {
  readonly #answer: Answer;
  readonly #arriving = new Map<number, Opening>();
  readonly #live = new Map<number, LiveRecording>();

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  take(request: WorkerRequest): void {
    const id = 'id' in request ? request.id : undefined;
    try {
      this.#handle(request);
    } catch (error) {
      if (id !== undefined) this.#forget(id);
      this.#answer({ kind: 'failed', id, problem: inWords(error) }, []);
    }
  }

  #handle(request: WorkerRequest): void {
    switch (request.kind) {
      case 'open':
        this.#arriving.set(request.id, new Opening(request.bytes));
        this.#finishWhenWhole(request.id);
        return;
      case 'piece':
        this.#arriving.get(request.id)?.push(request.at, request.bytes);
        this.#finishWhenWhole(request.id);
        return;
      case 'forget':
        this.#forget(request.id);
        return;
      case 'join':
        this.#show(undefined, pictureOf(request.parts, request.alignment), [], false);
        return;
      case 'live': {
        const { id, title, target, startUtcMs } = request;
        this.#forget(id);
        const metadata = { title, target, startUtcMs, host: '', versions: {} };
        const show = (picture: Picture, live: boolean): void => this.#show(id, picture, [], live);
        const fail = (problem: string): void => {
          // What is kept of it may be half of a picture.
          this.#forget(id);
          this.#answer({ kind: 'failed', id, problem }, []);
        };
        this.#live.set(id, new LiveRecording(metadata, show, fail));
        return;
      }
      case 'source':
        this.#live.get(request.id)?.addSource(request.source);
        return;
      case 'append':
        this.#live.get(request.id)?.append(request.chunk);
        return;
      case 'stops':
        this.#live.get(request.id)?.setStops(request.stops);
        return;
      case 'endLive':
        this.#live.get(request.id)?.end();
        this.#live.delete(request.id);
    }
  }

  #forget(id: number): void {
    this.#arriving.delete(id);
    this.#live.get(id)?.dispose();
    this.#live.delete(id);
  }

  #finishWhenWhole(id: number): void {
    const opening = this.#arriving.get(id);
    if (opening?.whole !== true) return;
    this.#arriving.delete(id);
    const { columns, problems, edges: makeEdges } = opening.finish();
    this.#show(id, pictureOf([columns], 'clock'), problems, false, makeEdges !== undefined);
    if (makeEdges === undefined) return;
    const edges = makeEdges();
    this.#answer({ kind: 'edges', id, edges }, transferablesOfEdges(edges));
  }

  #show(
    id: number | undefined,
    picture: Picture,
    problems: readonly string[],
    live: boolean,
    edgesFollow = false,
  ): void {
    this.#answer({ kind: 'picture', id, picture, problems, live, edgesFollow }, transferables(picture));
  }
}
