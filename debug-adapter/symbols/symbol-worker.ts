/** Symbols read in a thread of their own, so that a large PDB never holds up who asks. */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { OpenSymbolsRequest } from './open-symbols.js';
import type { SymbolSettings } from './store/symbol-locator.js';
import type {
  Field,
  FunctionSymbol,
  ImageIdentity,
  LineRange,
  ModuleSymbols,
  SourceFrame,
  SourceLine,
  SymbolSource,
  TypeId,
  TypeInfo,
  VariableSymbol,
} from './symbol-provider.js';
import type { AskFailure, FromSymbolWorker, OpenedModule, SymbolQuestion, ToSymbolWorker } from './worker-messages.js';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** An answer that takes longer is of a PDB that was made to take long; the thread is ended with it. */
const ANSWER_LIMIT_MS = 60_000;

/** Beside the bundle, or the source when it runs unbundled. */
function workerFile(): URL {
  const bundled = new URL('./symbol-worker.cjs', import.meta.url);
  return existsSync(bundled) ? bundled : new URL('./worker-unbundled.mjs', import.meta.url);
}

export interface SymbolWorkerOptions {
  readonly settings: SymbolSettings;
  /** For tests; ANSWER_LIMIT_MS otherwise. */
  readonly answerLimitMs?: number;
}

export class SymbolWorker {
  readonly #settings: SymbolSettings;
  readonly #answerLimitMs: number;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #last = 0;
  /** Grows with each thread: modules of one that ended are closed. */
  #generation = 0;

  constructor(options: SymbolWorkerOptions) {
    this.#settings = options.settings;
    this.#answerLimitMs = options.answerLimitMs ?? ANSWER_LIMIT_MS;
  }

  /** As openSymbols does. @throws CancelledError */
  async open(request: OpenSymbolsRequest, signal?: AbortSignal): Promise<ModuleSymbols> {
    if (signal?.aborted === true) throw new CancelledError();
    const id = ++this.#last;
    const cancel = (): void => {
      this.#worker?.postMessage({ type: 'cancel', id } satisfies ToSymbolWorker);
      this.#settle(id)?.reject(new CancelledError());
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const generation = this.#generation;
      const opened = (await this.#send({ type: 'open', id, request, settings: this.#settings })) as OpenedModule;
      return new ModuleInWorker(opened, (question, arguments_) =>
        this.#ask(this.#generation === generation ? opened.module : undefined, question, arguments_),
      );
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Ends the thread; what is still asked is rejected. */
  async dispose(): Promise<void> {
    await this.#end(new CancelledError());
  }

  async #ask(module: number | undefined, question: SymbolQuestion, arguments_: readonly unknown[]): Promise<unknown> {
    if (module === undefined) {
      if (question === 'close') return undefined;
      throw ended('it ended and the module was closed with it');
    }
    const id = ++this.#last;
    const timer = setTimeout(() => {
      void this.#end(ended(`the answer to ${question} took longer than ${this.#answerLimitMs / 1000} s`));
    }, this.#answerLimitMs);
    try {
      return await this.#send({ type: 'ask', id, module, question, arguments: arguments_ });
    } finally {
      clearTimeout(timer);
    }
  }

  #send(message: ToSymbolWorker & { readonly type: 'open' | 'ask' }): Promise<unknown> {
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#pending.set(message.id, { resolve, reject });
      // A thread without questions does not keep the process alive.
      worker.ref();
      worker.postMessage(message);
    });
  }

  #start(): Worker {
    const worker = new Worker(workerFile());
    worker.on('message', (reply: FromSymbolWorker) => {
      const pending = this.#settle(reply.id);
      if (pending === undefined) return;
      if (reply.ok) pending.resolve(reply.value);
      else pending.reject(errorOf(reply.failure));
    });
    worker.on('error', (error) => {
      if (this.#worker === worker) void this.#end(ended(error.message));
    });
    worker.on('exit', () => {
      if (this.#worker === worker) void this.#end(ended('its thread ended'));
    });
    return worker;
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker?.unref();
    return pending;
  }

  async #end(error: Error): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#generation++;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    await worker?.terminate();
  }
}

const ended = (why: string): EventscopeError =>
  new EventscopeError({ id: 'symbols.worker', what: 'The reader of symbols gave no answer', why });

function errorOf(failure: AskFailure): Error {
  switch (failure.kind) {
    case 'cancelled':
      return new CancelledError();
    case 'eventscope':
      return new EventscopeError(failure.fields);
    case 'defect': {
      const error = new Error(failure.message);
      if (failure.stack !== undefined) error.stack = failure.stack;
      return error;
    }
  }
}

type Ask = (question: SymbolQuestion, arguments_: readonly unknown[]) => Promise<unknown>;

class ModuleInWorker implements ModuleSymbols {
  readonly identity: ImageIdentity;
  readonly source: SymbolSource;
  readonly pdbPath?: string;
  readonly searched: ModuleSymbols['searched'];
  readonly #ask: <Key extends SymbolQuestion>(
    question: Key,
    ...arguments_: Parameters<ModuleSymbols[Key]>
  ) => ReturnType<ModuleSymbols[Key]>;

  constructor(opened: OpenedModule, ask: Ask) {
    this.identity = opened.identity;
    this.source = opened.source;
    this.searched = opened.searched;
    if (opened.pdbPath !== undefined) this.pdbPath = opened.pdbPath;
    // The worker calls the method of this name: its answer has the method's type.
    this.#ask = (question, ...arguments_) => ask(question, arguments_) as ReturnType<ModuleSymbols[typeof question]>;
  }

  framesAt(rva: number): Promise<readonly SourceFrame[]> {
    return this.#ask('framesAt', rva);
  }
  lineRangeAt(rva: number): Promise<LineRange | undefined> {
    return this.#ask('lineRangeAt', rva);
  }
  addressesOfLine(
    file: string,
    line: number,
  ): Promise<readonly { readonly rva: number; readonly source: SourceLine }[]> {
    return this.#ask('addressesOfLine', file, line);
  }
  linesOfFile(file: string): Promise<readonly number[]> {
    return this.#ask('linesOfFile', file);
  }
  sourceFiles(): Promise<readonly string[]> {
    return this.#ask('sourceFiles');
  }
  functions(name: string): Promise<readonly FunctionSymbol[]> {
    return this.#ask('functions', name);
  }
  namesBeginningWith(prefix: string, limit: number): Promise<readonly string[]> {
    return this.#ask('namesBeginningWith', prefix, limit);
  }
  functionAt(rva: number): Promise<FunctionSymbol | undefined> {
    return this.#ask('functionAt', rva);
  }
  variables(scope: number, rva: number): Promise<readonly VariableSymbol[]> {
    return this.#ask('variables', scope, rva);
  }
  globalVariable(name: string): Promise<VariableSymbol | undefined> {
    return this.#ask('globalVariable', name);
  }
  type(id: TypeId): Promise<TypeInfo> {
    return this.#ask('type', id);
  }
  fields(id: TypeId): Promise<readonly Field[]> {
    return this.#ask('fields', id);
  }
  enumerators(id: TypeId): Promise<readonly { readonly name: string; readonly value: bigint }[]> {
    return this.#ask('enumerators', id);
  }
  typeByName(name: string): Promise<TypeId | undefined> {
    return this.#ask('typeByName', name);
  }
  close(): Promise<void> {
    return this.#ask('close');
  }
}
