/** The recordings that are open, in this thread's view: pieces go to the worker, pictures come back. */
import type { TimelineColumns } from '../trace/columns/columns.js';
import type { Alignment } from '../trace/columns/join.js';
import { withEdges, type Picture } from './opening.js';
import { OpeningWorker, type WorkerAnswer, type WorkerRequest } from './worker.js';

export interface RecordingEvents {
  readonly opened: (id: number, problems: readonly string[]) => void;
  /** What to draw now. */
  readonly picture: (picture: Picture, more: MoreToCome) => void;
  readonly failed: (id: number | undefined, problem: string) => void;
}

export interface MoreToCome {
  /** It grows. */
  readonly live: boolean;
  /** It has no edges yet. */
  readonly edges: boolean;
}

interface Port {
  post(request: WorkerRequest, transfer: ArrayBuffer[]): void;
  end(): void;
}

export class Recordings {
  readonly #script: string | undefined;
  readonly #events: RecordingEvents;
  /** What it read is garbage that nobody collects while it rests: it ends with its work. */
  #port: Port | undefined;
  /** Recordings that are not over for it, and joins that it has not answered; of those the first so many are of parts without edges. */
  readonly #atWork = new Set<number>();
  #joins = 0;
  #joinsWithoutEdges = 0;
  /** Recordings that nobody closed: of others an answer may still be on its way. */
  readonly #open = new Set<number>();
  /** Columns by id, in the order of opening. */
  readonly #parts = new Map<number, TimelineColumns>();
  /** Those whose edges are still to come. */
  readonly #withoutEdges = new Map<number, Picture>();
  #alignment: Alignment = 'clock';
  #next = 0x8000;

  /** `script`: text of this program, to start it as a worker. */
  constructor(script: string | undefined, events: RecordingEvents) {
    this.#script = script;
    this.#events = events;
    this.#port = this.#start();
  }

  get count(): number {
    return this.#parts.size;
  }

  request(request: WorkerRequest, transfer: ArrayBuffer[] = []): void {
    if (request.kind === 'open' || request.kind === 'live') {
      this.#atWork.add(request.id);
      this.#open.add(request.id);
    }
    if (request.kind === 'join') this.#joins += 1;
    // What is not there needs no word.
    else if (!this.#atWork.has(request.id)) return;
    this.#port ??= this.#start();
    this.#port.post(request, transfer);
  }

  /** A piece of a recording; its bytes are the worker's from then on. */
  piece(id: number, at: number, bytes: Uint8Array): void {
    const own = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
    this.request({ kind: 'piece', id, at, bytes }, own ? [bytes.buffer] : []);
  }

  /** Something that is opened here. Returns its id, from a range that no host uses. */
  begin(bytes: number): number {
    const id = this.#next++;
    this.request({ kind: 'open', id, bytes });
    return id;
  }

  close(id: number): void {
    this.request({ kind: 'forget', id });
    this.#done(id);
    this.#open.delete(id);
    this.#withoutEdges.delete(id);
    if (this.#parts.delete(id)) this.#join();
  }

  /** Each from its own beginning, or all on one clock. */
  align(alignment: Alignment): void {
    if (alignment === this.#alignment) return;
    this.#alignment = alignment;
    this.#join();
  }

  #join(): void {
    // They are drawn on: the worker gets copies.
    if (this.#parts.size > 0)
      this.request({ kind: 'join', parts: [...this.#parts.values()], alignment: this.#alignment });
  }

  #start(): Port {
    const port = startWorker(this.#script, (answer) => {
      if (this.#port === port) this.#take(answer);
    });
    return port;
  }

  /** `id`: a recording; undefined: a join. */
  #done(id: number | undefined): void {
    if (id === undefined) {
      this.#joins = Math.max(0, this.#joins - 1);
      this.#joinsWithoutEdges = Math.max(0, this.#joinsWithoutEdges - 1);
    } else this.#atWork.delete(id);
    if (this.#atWork.size + this.#joins > 0) return;
    this.#port?.end();
    this.#port = undefined;
  }

  #take(answer: WorkerAnswer): void {
    // It was closed meanwhile.
    if (answer.id !== undefined && !this.#open.has(answer.id)) return;
    if (answer.kind === 'failed') {
      this.#done(answer.id);
      this.#events.failed(answer.id, answer.problem);
      const picture = answer.id === undefined ? undefined : this.#withoutEdges.get(answer.id);
      // Its edges will not come.
      if (answer.id !== undefined && picture !== undefined) this.#complete(answer.id, picture);
      return;
    }
    if (answer.kind === 'edges') {
      this.#done(answer.id);
      const picture = this.#withoutEdges.get(answer.id);
      if (picture !== undefined) this.#complete(answer.id, withEdges(picture, answer.edges));
      return;
    }
    const { id, picture, problems, live, edgesFollow } = answer;
    const lacksEdges = edgesFollow || (id === undefined && this.#joinsWithoutEdges > 0);
    if (!live && !edgesFollow) this.#done(id);
    if (id !== undefined) {
      this.#parts.set(id, picture.columns);
      this.#events.opened(id, problems);
    }
    if (id !== undefined && edgesFollow) this.#withoutEdges.set(id, picture);
    const edges = lacksEdges || this.#withoutEdges.size > 0;
    if (id === undefined || this.#parts.size === 1) this.#events.picture(picture, { live, edges });
    else if (!edgesFollow) this.#join();
  }

  /** Of a recording whose picture came before its edges. */
  #complete(id: number, complete: Picture): void {
    this.#withoutEdges.delete(id);
    this.#parts.set(id, complete.columns);
    // What was asked for before is answered without these edges: it is not to be the last that is shown.
    this.#joinsWithoutEdges = this.#joins;
    if (this.#parts.size > 1 || this.#joins > 0) this.#join();
    else this.#events.picture(complete, { live: false, edges: this.#withoutEdges.size > 0 });
  }
}

/** A worker from this program's own text; where a page may not have one, the work is done here. */
function startWorker(script: string | undefined, take: (answer: WorkerAnswer) => void): Port {
  if (script !== undefined && typeof Worker !== 'undefined') {
    try {
      const address = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
      const worker = new Worker(address);
      URL.revokeObjectURL(address);
      worker.addEventListener('message', (event: MessageEvent<WorkerAnswer>) => take(event.data));
      worker.addEventListener('error', (event) =>
        take({
          kind: 'failed',
          id: undefined,
          problem: event.message || 'The worker of the timeline could not be started.',
        }),
      );
      return { post: (request, transfer) => worker.postMessage(request, transfer), end: () => worker.terminate() };
    } catch {
      // No worker: see below.
    }
  }
  const here = new OpeningWorker((answer) => setTimeout(() => take(answer)));
  return { post: (request) => here.take(request), end: () => undefined };
}
