import assert from 'node:assert/strict';
import { encode } from '@msgpack/msgpack';
import { BulkKind, type BulkHead } from '../protocol/agent-wire.js';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import type { RequestName, RequestParams, RequestResult } from '../protocol/agent-rpc.js';
import type { AgentClient, RequestOptions } from './agent-client.js';
import { NamespaceDirectory, PAGE_ENTRIES } from './namespace-directory.js';
import { ObjectStates } from './object-states.js';
import { NamespaceIndex, TraceRecordsError } from './namespace-index.js';

const NOT_FOUND = 0xc0000034;
const DENIED = 0xc0000022;

/** A namespace in memory that answers as an agent: what cannot be asked of a target is how often and what for. */
class MockNamespaceAgent implements AgentClient {
  readonly target = 'mock';
  readonly closed = new Promise<undefined>(() => undefined);
  readonly listed: string[] = [];
  readonly queries: number[] = [];
  /** path -> entries; undefined: access denied. */
  readonly directories = new Map<string, [string, string][] | undefined>();
  readonly signaled = new Set<string>();
  readonly gone = new Set<string>();
  partEntries = 100;
  #listener: ((head: BulkHead, data: Uint8Array) => void) | undefined;

  openStream(listener: (head: BulkHead, data: Uint8Array) => void) {
    this.#listener = listener;
    return { stream: 1, close: () => undefined };
  }
  onNotification = () => () => undefined;
  expectSilence = () => () => undefined;
  close = () => Promise.resolve();

  async request<N extends RequestName>(
    name: N,
    params: RequestParams<N>,
    options?: RequestOptions,
  ): Promise<RequestResult<N>> {
    await Promise.resolve();
    if (options?.signal?.aborted === true) throw new CancelledError();
    if (name === 'object/list') return this.#list((params as RequestParams<'object/list'>).path);
    if (name === 'object/query') {
      const { items } = params as RequestParams<'object/query'>;
      this.queries.push(items.length);
      return { objects: items.map((item) => this.#query(item)) } as RequestResult<N>;
    }
    throw new Error(`The mock knows no ${name}`);
  }

  #list(path: string): RequestResult<'object/list'> {
    this.listed.push(path);
    const entries = this.directories.get(path);
    if (entries === undefined) {
      const code = this.directories.has(path) ? DENIED : NOT_FOUND;
      throw new EventscopeError({ id: 'agent.request', what: 'NtOpenDirectoryObject failed', data: { code } });
    }
    for (let at = 0; at < entries.length; at += this.partEntries) {
      const part = entries.slice(at, at + this.partEntries);
      const head = { stream: 1, kind: BulkKind.DirectoryEntries, source: 0, sequence: 0n, lost: 0n, first: 0n };
      this.#listener?.({ ...head, count: BigInt(part.length) }, encode(part));
    }
    return { count: entries.length, sessionDirectory: '\\Sessions\\1\\BaseNamedObjects' };
  }

  #query({ path, typeName }: { path: string; typeName: string }): RequestResult<'object/query'>['objects'][number] {
    if (this.gone.has(path)) return { path, status: NOT_FOUND };
    const none = { unavailable: 'mock' };
    const state = { type: 'Event' as const, kind: 'notification' as const, signaled: this.signaled.has(path) };
    return { path, typeName, state, handleCount: 1, pointerCount: none, sddl: none };
  }
}

const operation = () => ({ signal: new AbortController().signal, progress: () => undefined });
const events = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, index) => [`Event${String(count - index).padStart(5, '0')}`, 'Event']);
const all = () => true;

describe('a directory of the namespace', () => {
  it('shows a page while it is read, sorted, and the rest page by page', async () => {
    const agent = new MockNamespaceAgent();
    agent.directories.set('\\D', events(1_000));
    const directory = new NamespaceDirectory('\\D');
    const shown: number[] = [];
    await directory.read(agent, operation(), () => shown.push(directory.entries.length));
    assert.deepEqual(shown, [100, 200], 'parts are shown until a page is full');
    const first = directory.page(all);
    assert.deepEqual([first.entries.length, first.left], [PAGE_ENTRIES, 1_000 - PAGE_ENTRIES]);
    assert.deepEqual([first.entries[0]?.name, first.entries[199]?.name], ['Event00001', 'Event00200']);
    directory.showMore();
    assert.equal(directory.page(all).entries.length, 2 * PAGE_ENTRIES);
    assert.equal(directory.page((entry) => entry.name.endsWith('7')).left, 0);
  });

  it('asks for what is shown in one request, and tells what changed', async () => {
    const agent = new MockNamespaceAgent();
    agent.directories.set('\\D', events(1_000));
    const directory = new NamespaceDirectory('\\D');
    await directory.read(agent, operation());
    const { entries } = directory.page(all);
    const states = new ObjectStates();
    assert.deepEqual(await states.refresh(agent, entries, operation()), [], 'the first look is no change');
    agent.signaled.add('\\D\\Event00003');
    agent.gone.add('\\D\\Event00005');
    const changed = await states.refresh(agent, entries, operation());
    assert.deepEqual(
      changed.map(({ name }) => name),
      ['Event00003', 'Event00005'],
    );
    assert.deepEqual(agent.queries, [PAGE_ENTRIES, PAGE_ENTRIES]);
    const vanished = { name: 'Event00005', typeName: 'Event', path: '\\D\\Event00005' };
    assert.deepEqual(states.of(vanished), { path: vanished.path, status: NOT_FOUND });
  });

  it('finds new names when read again, and keeps its list when that fails', async () => {
    const agent = new MockNamespaceAgent();
    agent.directories.set('\\D', [
      ['A', 'Event'],
      ['B', 'Event'],
    ]);
    const directory = new NamespaceDirectory('\\D');
    assert.deepEqual(await directory.read(agent, operation()), []);
    agent.directories.set('\\D', [
      ['C', 'Event'],
      ['A', 'Event'],
    ]);
    assert.deepEqual(
      (await directory.read(agent, operation())).map(({ name }) => name),
      ['C'],
    );
    agent.directories.set('\\D', undefined);
    await assert.rejects(directory.read(agent, operation()), { id: 'object.directory' });
    assert.deepEqual(
      directory.entries.map(({ name }) => name),
      ['A', 'C'],
    );
  });
});

describe('the index of the namespace', () => {
  const machine = (): MockNamespaceAgent => {
    const agent = new MockNamespaceAgent();
    agent.directories.set('\\', [
      ['BaseNamedObjects', 'Directory'],
      ['Secret', 'Directory'],
      ['Loop', 'SymbolicLink'],
    ]);
    agent.directories.set('\\BaseNamedObjects', [
      ['SharedEvent', 'Event'],
      ['EventOther', 'Event'],
      ['M', 'Mutant'],
    ]);
    agent.directories.set('\\Secret', undefined);
    return agent;
  };
  const free = () => Promise.resolve();
  const none = new Set<string>();

  it('walks every directory once, follows no link, and tells which refused', async () => {
    const agent = machine();
    const index = new NamespaceIndex();
    await index.fill(agent, operation(), free);
    assert.deepEqual(agent.listed, ['\\', '\\BaseNamedObjects', '\\Secret']);
    assert.deepEqual(
      index.progress.refused.map(({ path }) => path),
      ['\\Secret'],
    );
    assert.deepEqual([index.progress.entries, index.complete], [6, true]);
  });

  it('finds by parts of the path in any case, names that begin with it first, and by type', async () => {
    const index = new NamespaceIndex();
    await index.fill(machine(), operation(), free);
    const found = index.search('EVENT', none, 10);
    assert.deepEqual(
      found.entries.map(({ path }) => path),
      ['\\BaseNamedObjects\\EventOther', '\\BaseNamedObjects\\SharedEvent'],
    );
    assert.equal(index.search('base named', new Set(['Mutant']), 10).entries[0]?.name, 'M');
    const cut = index.search('', none, 2);
    assert.deepEqual([cut.entries.length, cut.total], [2, 6]);
  });

  it('does not walk while a trace records, and ends a walk when one begins', async () => {
    const agent = machine();
    const index = new NamespaceIndex();
    let asked = 0;
    const mayWalk = () =>
      ++asked > 1 ? Promise.reject(new TraceRecordsError('mock', 'process 5')) : Promise.resolve();
    await assert.rejects(index.fill(agent, operation(), mayWalk), { id: 'namespace.tracing' });
    assert.deepEqual(agent.listed, ['\\']);
    assert.equal(index.complete, false);
  });

  it('ends when cancelled, and keeps what it knew', async () => {
    const agent = machine();
    const index = new NamespaceIndex();
    await index.fill(agent, operation(), free);
    const cancelled = { signal: AbortSignal.abort(), progress: () => undefined };
    await assert.rejects(index.fill(agent, cancelled, free), CancelledError);
    assert.equal(index.search('shared', none, 10).total, 1);
  });

  it('holds the names of a directory with 50,000 objects', async () => {
    const agent = machine();
    agent.partEntries = 1_000;
    agent.directories.set('\\BaseNamedObjects', events(50_000));
    const index = new NamespaceIndex();
    await index.fill(agent, operation(), free);
    assert.equal(index.search('event0', none, 100).total, 9_999);
  });
});
