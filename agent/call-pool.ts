/**
 * Calls that can block on the target, each in a worker thread of its own for as long as it takes: the main thread goes on
 * serving. A call that does not come back when its time is up or it is cancelled is given up: its worker is left stuck in it
 * and replaced.
 */
import { Worker } from 'node:worker_threads';
import { AgentRequestError } from '../protocol/agent-errors.js';
import { CancelledError } from '../protocol/errors.js';
import type { CallName, CallParams, CallResult } from './call-operations.js';
import type { CallMessage, CallRequest } from './call-worker.js';
import { SetEvent } from './native/common-native.js';
import type { Handle } from './native/memory.js';

/** How the agent's bundle starts itself as a worker. */
export type WorkerRole = { readonly role: 'call'; readonly flag: Int32Array };

const MAX_WORKERS = 12;
/** Workers that hang in a call which cannot be ended. Over that the target is beyond help. */
const MAX_STUCK = 32;
/** What a cancelled call is given to come back by itself. Over the 2 s that a driver has for a cancelled request. */
const GIVE_UP_MS = 3_000;

interface CallOptions {
  readonly signal: AbortSignal;
  /** Of a call that sends parts: until its first, between two, and after its last. */
  readonly timeoutMs: number;
  readonly onPart?: (data: Uint8Array, count: number) => void;
}

interface Call {
  readonly request: CallRequest;
  readonly options: CallOptions;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

class CallWorker {
  readonly flag = new Int32Array(new SharedArrayBuffer(4));
  readonly worker: Worker;
  cancelEvent: Handle | undefined;
  call: Call | undefined;
  /** Its call was given up; it may still come back. */
  stuck = false;
  #giveUp: NodeJS.Timeout | undefined;
  #why: (() => Error) | undefined;
  #timeout: NodeJS.Timeout | undefined;
  #onAbort: (() => void) | undefined;

  constructor(
    bundle: string,
    readonly onIdle: (worker: CallWorker) => void,
    readonly onStuck: (worker: CallWorker) => void,
    readonly onGone: (worker: CallWorker) => void,
  ) {
    const workerData: WorkerRole = { role: 'call', flag: this.flag };
    this.worker = new Worker(bundle, { workerData });
    this.worker.on('message', (message: CallMessage) => this.#receive(message));
    this.worker.on('error', (error) => {
      this.#settle((call) => call.reject(error));
      onGone(this);
    });
    this.worker.on('exit', () => onGone(this));
  }

  start(call: Call): void {
    this.call = call;
    Atomics.store(this.flag, 0, 0);
    const { signal, timeoutMs } = call.options;
    this.#onAbort = () => this.#cancel(() => new CancelledError());
    this.#timeout = setTimeout(
      () => this.#cancel(() => timedOut(call.request.name, timeoutMs)),
      Math.min(timeoutMs, 2 ** 31 - 1),
    );
    signal.addEventListener('abort', this.#onAbort, { once: true });
    this.worker.postMessage(call.request);
    if (signal.aborted) {
      this.#onAbort();
    }
  }

  #cancel(why: () => Error): void {
    this.#why ??= why;
    Atomics.store(this.flag, 0, 1);
    Atomics.notify(this.flag, 0);
    if (this.cancelEvent !== undefined) {
      SetEvent(this.cancelEvent);
    }
    this.#giveUp ??= setTimeout(() => {
      this.stuck = true;
      this.#settle((call) => call.reject(why()));
      this.onStuck(this);
    }, GIVE_UP_MS);
  }

  #receive(message: CallMessage): void {
    switch (message.type) {
      case 'ready':
        this.cancelEvent = message.cancelEvent;
        return;
      case 'part':
        this.#timeout?.refresh();
        this.call?.options.onPart?.(message.data, message.count);
        return;
      case 'done':
        this.#finish((call) => call.resolve(message.result));
        return;
      case 'failed':
        this.#finish((call) => call.reject(toError(call.request.name, message.failure, this.#why)));
    }
  }

  #finish(act: (call: Call) => void): void {
    if (this.stuck) {
      void this.worker.terminate();
      return;
    }
    this.#settle(act);
    this.onIdle(this);
  }

  #settle(act: (call: Call) => void): void {
    const call = this.call;
    this.call = undefined;
    clearTimeout(this.#giveUp);
    clearTimeout(this.#timeout);
    this.#giveUp = undefined;
    this.#why = undefined;
    if (call !== undefined) {
      if (this.#onAbort !== undefined) {
        call.options.signal.removeEventListener('abort', this.#onAbort);
      }
      act(call);
    }
  }
}

function toError(
  name: string,
  failure: Extract<CallMessage, { type: 'failed' }>['failure'],
  why: (() => Error) | undefined,
): Error {
  if (failure.cancelled === true) {
    return why?.() ?? new CancelledError();
  }
  return new AgentRequestError(name, failure.message, failure.data);
}

function timedOut(name: string, timeoutMs: number): AgentRequestError {
  const message = `${name} was not done within ${timeoutMs} ms`;
  return new AgentRequestError(name, message, { call: name, code: 258, space: 'win32' });
}

export class CallPool {
  readonly #workers = new Set<CallWorker>();
  readonly #stuck = new Set<CallWorker>();
  readonly #idle: CallWorker[] = [];
  readonly #waiting: Call[] = [];
  #nextId = 1;
  #ended = false;

  /** bundle: path of the agent's own script. One worker is started ahead, so that the first call does not wait for it. */
  constructor(readonly bundle: string) {
    this.#idle.push(this.#makeWorker());
  }

  /**
   * Runs a call of {@link callOperations}. Rejects with {@link AgentRequestError}, {@link CancelledError}. A call that has
   * gone over timeoutMs is cancelled; one that answers the cancellation by itself decides its own error.
   */
  run<N extends CallName>(name: N, params: CallParams<N>, options: CallOptions): Promise<CallResult<N>> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#ended) {
        reject(new CancelledError());
        return;
      }
      if (this.#stuck.size >= MAX_STUCK) {
        reject(new AgentRequestError(name, `${MAX_STUCK} earlier calls hang on this target; restart it`, undefined));
        return;
      }
      const call: Call = { request: { id: this.#nextId++, name, params }, options, resolve, reject };
      const worker = this.#idle.pop() ?? (this.#workers.size < MAX_WORKERS ? this.#makeWorker() : undefined);
      if (worker === undefined) {
        this.#waiting.push(call);
        options.signal.addEventListener('abort', () => this.#drop(call), { once: true });
      } else {
        worker.start(call);
      }
    }) as Promise<CallResult<N>>;
  }

  /**
   * Ends every worker that comes back within boundMs; calls that wait for one are cancelled. Under Wine a process that ends itself
   * while one of its threads allocates memory can hang for ever: the thread is ended with the allocator's lock in its hands. A
   * worker that is just starting allocates all the time, so none may run when the agent ends.
   */
  async end(boundMs: number): Promise<void> {
    this.#ended = true;
    for (const call of this.#waiting.splice(0)) {
      call.reject(new CancelledError());
    }
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => (timer = setTimeout(resolve, boundMs)));
    await Promise.race([Promise.all([...this.#workers].map(({ worker }) => worker.terminate())), bound]);
    clearTimeout(timer);
  }

  #drop(call: Call): void {
    const index = this.#waiting.indexOf(call);
    if (index >= 0) {
      this.#waiting.splice(index, 1);
      call.reject(new CancelledError());
    }
  }

  #makeWorker(): CallWorker {
    const worker = new CallWorker(
      this.bundle,
      (idle) => this.#next(idle),
      (stuck) => {
        this.#stuck.add(stuck);
        this.#remove(stuck);
      },
      (gone) => {
        this.#stuck.delete(gone);
        this.#remove(gone);
      },
    );
    this.#workers.add(worker);
    return worker;
  }

  /** Takes a worker out of use; its place is free for a new one. */
  #remove(worker: CallWorker): void {
    this.#workers.delete(worker);
    const index = this.#idle.indexOf(worker);
    if (index >= 0) {
      this.#idle.splice(index, 1);
    }
    if (this.#waiting.length > 0 && this.#workers.size < MAX_WORKERS) {
      this.#next(this.#makeWorker());
    }
  }

  #next(worker: CallWorker): void {
    const call = this.#waiting.shift();
    if (call === undefined) {
      this.#idle.push(worker);
    } else {
      worker.start(call);
    }
  }
}
