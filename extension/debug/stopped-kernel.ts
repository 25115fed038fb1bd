/**
 * The agent's place while a kernel debugger holds the machine: what the views ask an agent is answered out of kernel memory by the debug
 * session, and what only a running machine can do is refused in words. Nothing waits for the agent, which stands still too.
 */
import { encode } from '@msgpack/msgpack';
import * as vscode from 'vscode';
import * as v from 'valibot';
import type { ObjectInfo, RequestName, RequestParams, RequestResult } from '../../protocol/agent-rpc.js';
import { type BulkHead, BulkKind } from '../../protocol/agent-wire.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import {
  directoryBody,
  type DriverObject,
  driverObjectBody,
  type KernelObject,
  kernelObjectsBody,
  KernelViewRequest,
} from '../../protocol/kernel-views.js';
import type { AgentClient, RequestOptions } from '../../target/agent-client.js';
import type { QueriedObject } from '../../target/objects.js';
import { asError } from '../../target/operation.js';

/** As many as an agent sends at a time. */
const PART_ENTRIES = 100;
const STATUS_OBJECT_NAME_NOT_FOUND = 0xc0000034;

/** A custom request of the debug session. */
export type AskSession = (command: string, args: object) => PromiseLike<unknown>;
type Listener = (head: BulkHead, data: Uint8Array) => void;
type Answer = (client: StoppedKernelClient, params: unknown) => Promise<unknown>;

export class StoppedKernelClient implements AgentClient {
  readonly target: string;
  readonly closed: Promise<undefined>;
  readonly #ask: AskSession;
  readonly #streams = new Map<number, Listener>();
  #nextStream = 1;
  #end: () => void = () => undefined;
  #ended = false;

  constructor(target: string, ask: AskSession) {
    this.target = target;
    this.#ask = ask;
    this.closed = new Promise((resolve) => {
      this.#end = () => resolve(undefined);
    });
  }

  /** The machine goes on, or the session has ended: what is under way is of no use any more. */
  close(): Promise<void> {
    this.#ended = true;
    this.#end();
    return Promise.resolve();
  }

  onNotification(): () => void {
    return () => undefined;
  }

  expectSilence(): () => void {
    return () => undefined;
  }

  openStream(listener: Listener): { readonly stream: number; close(): void } {
    const stream = this.#nextStream++;
    this.#streams.set(stream, listener);
    return { stream, close: () => void this.#streams.delete(stream) };
  }

  async request<N extends RequestName>(
    name: N,
    params: RequestParams<N>,
    options?: RequestOptions,
  ): Promise<RequestResult<N>> {
    options?.signal?.throwIfAborted();
    const answered = ANSWERED.get(name);
    if (answered === undefined) throw stoppedError(this.target);
    return (await answered(this, params)) as RequestResult<N>;
  }

  /** Undefined: no driver of that name is loaded. */
  async driver(name: string): Promise<DriverObject | undefined> {
    return (await this.#answer(KernelViewRequest.driver, { name }, driverObjectBody)).driver;
  }

  async list({ path, stream }: RequestParams<'object/list'>): Promise<RequestResult<'object/list'>> {
    const { entries } = await this.#answer(KernelViewRequest.directory, { path }, directoryBody);
    for (let at = 0; at < entries.length; at += PART_ENTRIES) {
      const part = entries.slice(at, at + PART_ENTRIES).map(({ name, typeName }) => [name, typeName]);
      const count = BigInt(part.length);
      const head = { stream, kind: BulkKind.DirectoryEntries, source: 0, sequence: 0n, first: 0n, lost: 0n, count };
      this.#streams.get(stream)?.(head, encode(part));
    }
    return { count: entries.length, sessionDirectory: '' };
  }

  async query({ items }: RequestParams<'object/query'>): Promise<QueriedObject[]> {
    const paths = items.map(({ path }) => path);
    const { objects } = await this.#answer(KernelViewRequest.objects, { paths }, kernelObjectsBody);
    return paths.map((path, index) => {
      const object = objects[index];
      return object === undefined || object === null
        ? { path, status: STATUS_OBJECT_NAME_NOT_FOUND }
        : infoOf(path, object);
    });
  }

  #throwIfEnded(): void {
    if (this.#ended) throw new CancelledError();
  }

  async #answer<T extends v.GenericSchema>(command: string, args: object, body: T): Promise<v.InferOutput<T>> {
    this.#throwIfEnded();
    let given: unknown;
    try {
      given = await this.#ask(command, args);
    } catch (error) {
      this.#throwIfEnded();
      throw new EventscopeError({
        id: 'object.directory',
        what: vscode.l10n.t('The stopped kernel could not be asked'),
        target: this.target,
        why: asError(error).message,
        cause: error,
      });
    }
    const answer = v.safeParse(body, given);
    if (answer.success) return answer.output;
    const why = `${command}: ${answer.issues[0].message}`;
    throw new EventscopeError({ id: 'debug.answer', what: vscode.l10n.t('The debug adapter answered strangely'), why });
  }
}

/** What is asked of an agent and can be answered for one. */
const ANSWERED: ReadonlyMap<RequestName, Answer> = new Map<RequestName, Answer>([
  ['object/list', (client, params) => client.list(params as RequestParams<'object/list'>)],
  [
    'object/query',
    async (client, params) => ({ objects: await client.query(params as RequestParams<'object/query'>) }),
  ],
  // Who holds a lock is known to the agent alone, and nobody records while the machine stands still.
  ['lock/query', () => Promise.resolve({})],
]);

const stoppedError = (target: string): EventscopeError =>
  new EventscopeError({
    id: 'debug.stoppedKernel',
    what: vscode.l10n.t('The machine is stopped in the kernel debugger'),
    target,
    next: vscode.l10n.t('Continue it, or end the debug session, and try again.'),
  });

function infoOf(path: string, object: KernelObject): ObjectInfo & { readonly waiters: readonly string[] } {
  const { typeName, handleCount, pointerCount, state, waiters, linkTarget } = object;
  return {
    path,
    typeName,
    handleCount,
    pointerCount,
    sddl: { unavailable: 'the security descriptor is not read from kernel memory' },
    waiters,
    ...(state === undefined ? {} : { state: stateOf(state) }),
    ...(linkTarget === undefined ? {} : { linkTarget }),
  };
}

function stateOf(state: NonNullable<KernelObject['state']>): NonNullable<ObjectInfo['state']> {
  switch (state.type) {
    case 'Mutant':
      return { ...state, owner: state.owner ?? { unavailable: 'its owner could not be read' } };
    case 'Timer':
      // When it is due is known against the running clock alone.
      return state.signaled ? { ...state, remaining: 0n } : { unavailable: 'not signaled' };
    case 'Event':
    case 'Semaphore':
      return state;
  }
}
