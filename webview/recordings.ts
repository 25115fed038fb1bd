/** The recordings that are open, in this thread's view: pieces go to the worker, pictures come back. */
import type { TimelineColumns } from '../trace/columns/columns.js';
import type { Alignment } from '../trace/columns/join.js';
import type { Picture } from './opening.js';
import { OpeningWorker, type WorkerAnswer, type WorkerRequest } from './worker.js';

export interface RecordingEvents {
  readonly opened: (id: number, problems: readonly string[]) => void;
  /** What to draw now. `live`: more is to come. */
  readonly picture: (picture: Picture, live: boolean) => void;
  readonly failed: (id: number | undefined, problem: string) => void;
}

interface Port {
  post(request: WorkerRequest, transfer?: ArrayBuffer[]): void;
}

export class Recordings {
  readonly #port: Port;
  readonly #events: RecordingEvents;
  /** Columns by id, in the order of opening. */
  readonly #parts = new Map<number, TimelineColumns>();
  #alignment: Alignment = 'clock';
  #next = 0x8000;

  /** `script`: text of this program, to start it as a worker. */
  constructor(script: string | undefined, events: RecordingEvents) {
    this.#events = events;
    this.#port = startWorker(script, (answer) => this.#take(answer));
  }

  get count(): number {
    return this.#parts.size;
  }

  request(request: WorkerRequest, transfer: ArrayBuffer[] = []): void {
    this.#port.post(request, transfer);
  }

  /** A whole recording at once. Returns its id, from a range that no host uses. */
  open(bytes: Uint8Array<ArrayBuffer>): number {
    const id = this.#next++;
    this.request({ kind: 'open', id, bytes: bytes.length });
    if (bytes.length > 0) this.request({ kind: 'piece', id, at: 0, bytes }, [bytes.buffer]);
    return id;
  }

  close(id: number): void {
    this.request({ kind: 'forget', id });
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

  #take(answer: WorkerAnswer): void {
    if (answer.kind === 'failed') {
      this.#events.failed(answer.id, answer.problem);
      return;
    }
    const { id, picture, problems, live } = answer;
    if (id !== undefined) {
      this.#parts.set(id, picture.columns);
      this.#events.opened(id, problems);
    }
    if (id !== undefined && this.#parts.size > 1) this.#join();
    else this.#events.picture(picture, live);
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
      return { post: (request, transfer = []) => worker.postMessage(request, transfer) };
    } catch {
      // No worker: see below.
    }
  }
  const here = new OpeningWorker((answer) => setTimeout(() => take(answer)));
  return { post: (request) => here.take(request) };
}
