/** A DAP client of the stand-alone adapter, for tests: the standard one over standard input and output, with bounded waits that have names. */
import assert from 'node:assert/strict';
import { execFile, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';

const ROOT = resolve(import.meta.dirname, '..', '..');

let bundled: Promise<unknown> | undefined;

/** The adapter's bundles are as their sources are. */
export function adapterBundle(): Promise<unknown> {
  const script = join(ROOT, 'scripts', 'bundle.mjs');
  bundled ??= promisify(execFile)(process.execPath, [script, 'agent', 'dap', 'symbol-worker'], { cwd: ROOT });
  return bundled;
}

export const SOURCES = join(ROOT, 'driver');

/** Where the sample's driver signals, in sys/events.c. */
export const SIGNAL_LINE = 'const LONG previous = KeSetEvent';

/**
 * A launch of what is deployed already, with so many signals from the timer's DPC: far enough apart that a tick has been dealt with, stops
 * and all, when the next one comes.
 */
export const signalsFromDpc = (folder: string, count: number, rest: object = {}): object => ({
  project: folder,
  build: false,
  deploy: false,
  application: { arguments: ['signals', '--count', String(count), '--from', 'dpc', '--period', '200'] },
  ...rest,
});

/** Line, from 1, of the first line of a source that holds a text. */
export async function lineOf(file: string, text: string): Promise<number> {
  const lines = (await readFile(join(SOURCES, file), 'utf8')).split('\n');
  const index = lines.findIndex((line) => line.includes(text));
  assert.ok(index >= 0, `${file} has no line with ${text}`);
  return index + 1;
}

const readText = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
const commandOf = (id: number): string => readText(`/proc/${id}/cmdline`).replaceAll('\0', ' ');

function descendantsOf(id: number): number[] {
  const children = readText(`/proc/${id}/task/${id}/children`).split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

export type StoppedBody = DebugProtocol.StoppedEvent['body'];

export class DapTestClient {
  readonly client: DebugClient;
  readonly events: DebugProtocol.Event[] = [];
  readonly #stops: StoppedBody[] = [];
  #wake: (() => void)[] = [];
  #isGone = false;
  #isOver = false;
  #waitsFor: string | undefined;

  private constructor() {
    this.client = new DebugClient(process.execPath, join(ROOT, 'dist', 'dap.cjs'), 'eventscope', undefined, true);
    this.client.defaultTimeout = 60_000;
    const emit = this.client.emit.bind(this.client);
    // Every event, in order: none is lost between two waits.
    this.client.emit = (name: string | symbol, ...values: unknown[]): boolean => {
      const [event] = values as [DebugProtocol.Event | undefined];
      if (event?.type === 'event' && event.event === name) this.#take(event);
      return emit(name, ...values);
    };
  }

  static async start(): Promise<DapTestClient> {
    await adapterBundle();
    const made = new DapTestClient();
    await made.client.start();
    made.#adapter.once('exit', () => {
      made.#isOver = true;
      made.#wakeAll();
    });
    return made;
  }

  async initialize(): Promise<DebugProtocol.Capabilities> {
    const { body } = await this.client.initializeRequest({
      clientID: 'test',
      adapterID: 'eventscope',
      linesStartAt1: true,
      columnsStartAt1: true,
      pathFormat: 'path',
    });
    return body ?? {};
  }

  /** Initializes, launches, lets `configure` set breakpoints, and goes. */
  async launch(configuration: object, configure: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    await this.#begin('launch', configuration, configure);
  }

  async attach(configuration: object, configure: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    await this.#begin('attach', configuration, configure);
  }

  async #begin(request: string, configuration: object, configure: () => Promise<unknown>): Promise<void> {
    await this.initialize();
    const started = this.request(request, { type: 'eventscope', request, name: 'test', ...configuration });
    const ready = this.until('the initialized event', () => this.events.some(({ event }) => event === 'initialized'));
    await Promise.race([ready, started]);
    await configure();
    await this.request('configurationDone', {});
    await started;
  }

  async request<T = Record<string, unknown>>(command: string, args: object = {}): Promise<T> {
    const response: DebugProtocol.Response = await this.client.send(command, args);
    return response.body as T;
  }

  /** The error that a request is refused with. */
  async refusal(command: string, args: object = {}): Promise<string> {
    try {
      await this.client.send(command, args);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return assert.fail(`${command} was not refused`);
  }

  async breakAt(file: string, line: number, rest: object = {}): Promise<DebugProtocol.Breakpoint> {
    const [made] = await this.setBreakpoints(file, [{ line, ...rest }]);
    assert.ok(made !== undefined);
    return made;
  }

  async setBreakpoints(file: string, breakpoints: readonly object[]): Promise<DebugProtocol.Breakpoint[]> {
    const source = { path: join(SOURCES, file) };
    return (await this.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setBreakpoints', { source, breakpoints }))
      .breakpoints;
  }

  /** The next stop that was not waited for yet. */
  async stop(): Promise<StoppedBody & { threadId: number }> {
    await this.until('a stop', () => this.#stops.length > 0);
    const stop = this.#stops.shift();
    assert.ok(stop?.threadId !== undefined);
    return { ...stop, threadId: stop.threadId };
  }

  get hasUnreadStop(): boolean {
    return this.#stops.length > 0;
  }

  async frames(threadId: number): Promise<DebugProtocol.StackFrame[]> {
    const { stackFrames } = await this.request<{ stackFrames: DebugProtocol.StackFrame[] }>('stackTrace', { threadId });
    return stackFrames;
  }

  async top(threadId: number): Promise<DebugProtocol.StackFrame> {
    const [top] = await this.frames(threadId);
    assert.ok(top !== undefined);
    return top;
  }

  /** Variables of a scope of a frame, by name. */
  async scope(frameId: number, name: string): Promise<Map<string, DebugProtocol.Variable>> {
    const { scopes } = await this.request<{ scopes: DebugProtocol.Scope[] }>('scopes', { frameId });
    const scope = scopes.find((each) => each.name === name);
    assert.ok(scope !== undefined, `there is no scope ${name}: ${scopes.map((each) => each.name).join(', ')}`);
    return this.children(scope.variablesReference);
  }

  async children(variablesReference: number, rest: object = {}): Promise<Map<string, DebugProtocol.Variable>> {
    const { variables } = await this.request<{ variables: DebugProtocol.Variable[] }>('variables', {
      variablesReference,
      ...rest,
    });
    return new Map(variables.map((variable) => [variable.name, variable]));
  }

  async evaluate(
    expression: string,
    frameId: number,
    context = 'watch',
  ): Promise<DebugProtocol.EvaluateResponse['body']> {
    return this.request('evaluate', { expression, frameId, context });
  }

  async continue(threadId = 0): Promise<void> {
    await this.request('continue', { threadId });
  }

  /** Goes on and waits for the next stop. */
  async continueToStop(threadId = 0): Promise<StoppedBody & { threadId: number }> {
    await this.continue(threadId);
    return this.stop();
  }

  eventsOf(name: string): DebugProtocol.Event[] {
    return this.events.filter(({ event }) => event === name);
  }

  output(category?: string): string {
    return this.eventsOf('output')
      .map(({ body }) => body as { category: string; output: string })
      .filter((body) => category === undefined || body.category === category)
      .map((body) => body.output)
      .join('');
  }

  /**
   * Waits until a condition holds, which is looked at after each event. Bounded by the test's own time-out: the machine may be slow, and
   * the adapter's end ends it too.
   */
  async until(what: string, condition: () => boolean): Promise<void> {
    this.#waitsFor = what;
    while (!condition()) {
      if (this.#isOver) throw new Error(`The adapter has ended; ${what} did not come. ${this.output()}`);
      await new Promise<void>((wake) => this.#wake.push(wake));
    }
    this.#waitsFor = undefined;
  }

  /** May be called again. */
  async close(): Promise<void> {
    // An answer to the goodbye of one that is gone would be waited for for ever.
    if (this.#isGone) return;
    this.#isGone = true;
    // The test ran out of time.
    if (this.#waitsFor !== undefined) process.stderr.write(`${this.#waitsFor} did not come. ${this.output()}\n`);
    await this.client.stop();
  }

  /** Ends the adapter without a word, as a crash of the editor's host would. */
  killAdapter(): void {
    this.#isGone = true;
    process.kill(this.#adapterId, 'SIGKILL');
  }

  /** Ends the agent that the adapter has started. */
  killAgent(): void {
    const agents = descendantsOf(this.#adapterId).filter((id) => commandOf(id).includes('agent.cjs'));
    assert.ok(agents.length > 0, 'the adapter has no agent');
    for (const id of agents) process.kill(id, 'SIGKILL');
  }

  get #adapter(): ChildProcess {
    const { _adapterProcess: adapter } = this.client as unknown as { readonly _adapterProcess?: ChildProcess };
    assert.ok(adapter !== undefined, 'the adapter does not run');
    return adapter;
  }

  get #adapterId(): number {
    const { pid } = this.#adapter;
    assert.ok(pid !== undefined, 'the adapter does not run');
    return pid;
  }

  #take(event: DebugProtocol.Event): void {
    this.events.push(event);
    if (event.event === 'stopped') this.#stops.push(event.body as StoppedBody);
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
