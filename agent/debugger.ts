/**
 * Debugging for the client: starts the debug thread when it is first needed, hands requests over and events on. Every request is
 * bounded: the debug thread makes no call that waits.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { AgentConnection } from '../protocol/agent-connection.js';
import { AgentRequestError } from '../protocol/agent-errors.js';
import type { DebugEvent } from '../protocol/agent-debug.js';
import type { RequestParams, RequestResult } from '../protocol/agent-rpc.js';
import type { DebugCall, DebugMessage, DebugRequestName, DebugWorkerRole } from './debug-worker.js';
import { CreateEventW, GetCurrentProcessId, SetEvent } from './native/common-native.js';
import { startGuard } from './debug-guard.js';
import type { Handle } from './native/memory.js';
import { RepairTable } from './repair-table.js';
import { ES_TRACE_SECTION_VARIABLE } from '../protocol/trace-layout.js';
import { TraceSection } from './trace-section.js';

const ANSWER_TIMEOUT_MS = 20_000;
const START_TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

class DebugThread {
  readonly worker: Worker;
  readonly #port: MessagePort;
  readonly #wake: Handle = CreateEventW(null, 1, 0, null);
  readonly #waiting = new Map<number, Waiting>();
  readonly ready: Promise<void>;
  /** When the guard is there: from then on, what is inserted is put back whatever becomes of the agent. Never rejects. */
  readonly guarded: Promise<void>;
  readonly #table: Handle = RepairTable.makeSection();
  #nextId = 1;

  constructor(bundle: string, onEvents: (events: DebugEvent[]) => void, log: (line: string) => void) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: DebugWorkerRole = { role: 'debug', port: port2, wake: this.#wake, table: this.#table };
    this.worker = new Worker(bundle, { workerData, transferList: [port2] });
    const object = new Promise<Handle>((resolve, reject) => {
      const late = new AgentRequestError('debug', 'The debug thread does not start', undefined);
      const timer = setTimeout(() => reject(late), START_TIMEOUT_MS);
      const broken = (why: string): void => {
        clearTimeout(timer);
        log(`debug thread: ${why}`);
        const error = new AgentRequestError('debug', `The debug thread ended: ${why}`, undefined);
        reject(error);
        for (const { reject: fail, timer: bound } of this.#waiting.values()) {
          clearTimeout(bound);
          fail(error);
        }
        this.#waiting.clear();
      };
      this.worker.on('error', (error) => broken(error.stack ?? error.message));
      this.worker.on('exit', () => broken('it returned'));
      port1.on('message', (message: DebugMessage) => {
        switch (message.type) {
          case 'ready':
            clearTimeout(timer);
            resolve(message.object);
            return;
          case 'events':
            onEvents(message.events);
            return;
          case 'done':
            this.#settle(message.id)?.resolve(message.result);
            return;
          case 'failed': {
            const { message: text, data } = message.failure;
            this.#settle(message.id)?.reject(new AgentRequestError('debug', text, data));
          }
        }
      });
    });
    this.ready = object.then(() => {});
    this.ready.catch(() => {});
    this.guarded = object
      .then((handle) => startGuard(bundle, handle, this.#table))
      .catch((error: unknown) => log(`debug guard: ${String(error)}`));
  }

  async call<N extends DebugRequestName>(
    name: N,
    params: RequestParams<N>,
    pipes?: readonly [string, string],
  ): Promise<RequestResult<N>> {
    await this.ready;
    const id = this.#nextId++;
    const result = await new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new AgentRequestError(name, `${name} was not done within ${ANSWER_TIMEOUT_MS} ms`, undefined));
      }, ANSWER_TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      const call = { id, name, params, ...(pipes === undefined ? {} : { pipes }) } as DebugCall;
      this.#port.postMessage(call);
      SetEvent(this.#wake);
    });
    return result as RequestResult<N>;
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(id);
    return waiting;
  }
}

/** Receives one stream of a launched program. */
interface OutputPipe {
  readonly name: string;
  readonly server: Server;
  /** Settles when the program and all that inherited the stream have closed it. */
  readonly ended: Promise<void>;
  /** Handed over when the process is known; what came before is kept by the socket. */
  start(onData: (data: Uint8Array<ArrayBuffer>) => Promise<void>): void;
  close(): void;
}

export class Debugger {
  #thread: DebugThread | undefined;
  /** Output of launched programs, by process id. */
  readonly #outputs = new Map<number, readonly OutputPipe[]>();
  readonly #launchedSpaces = new Map<number, number>();
  /** Trace rings of launched programs, by process id. */
  readonly #rings = new Map<number, TraceSection>();

  constructor(
    readonly bundle: string,
    readonly connection: AgentConnection,
    readonly log: (line: string) => void,
  ) {}

  async call<N extends DebugRequestName>(name: N, params: RequestParams<N>): Promise<RequestResult<N>> {
    const thread = this.#started();
    if (name === 'debug/attach') {
      // What is launched ends with the agent; this would go on, with what was put into it.
      await thread.guarded;
    }
    return thread.call(name, params);
  }

  /** The trace rings that a process was launched with, and where they are. */
  ringsOf(process: number): Pick<TraceSection, 'name' | 'ringCount' | 'slotsPerRing'> | undefined {
    return this.#rings.get(process);
  }

  async launch(params: RequestParams<'debug/launch'>): Promise<RequestResult<'debug/launch'>> {
    const thread = this.#started();
    const { traceRings } = params;
    const rings =
      traceRings === undefined ? undefined : new TraceSection(traceRings.ringCount, traceRings.slotsPerRing);
    const variables = rings === undefined ? {} : { [ES_TRACE_SECTION_VARIABLE]: rings.name };
    const outputs = [await openPipe(), await openPipe()] as const;
    let launched: RequestResult<'debug/launch'>;
    try {
      const environment = { ...params.environment, ...variables };
      launched = await thread.call('debug/launch', { ...params, environment }, [outputs[0].name, outputs[1].name]);
    } catch (error) {
      rings?.close();
      for (const output of outputs) {
        output.close();
      }
      throw error;
    }
    const { process, space } = launched;
    this.#outputs.set(process, outputs);
    this.#launchedSpaces.set(space, process);
    if (rings !== undefined) {
      this.#rings.set(process, rings);
    }
    for (const [index, output] of outputs.entries()) {
      const stream = index === 0 ? 1 : 2;
      output.start((data) => this.connection.notify('process/output', { process, stream, data }));
    }
    return launched;
  }

  /** Leaves everything; what was launched is ended. Bounded. */
  async end(boundMs: number): Promise<void> {
    if (this.#thread === undefined) {
      return;
    }
    const bound = new Promise<void>((resolve) => setTimeout(resolve, boundMs).unref());
    await Promise.race([this.#thread.call('debug/terminate', {}).catch(() => {}), bound]);
  }

  #started(): DebugThread {
    return (this.#thread ??= new DebugThread(this.bundle, (events) => this.#tell(events), this.log));
  }

  #tell(events: DebugEvent[]): void {
    this.connection.notify('debug/events', { events }).catch(() => {});
    for (const event of events) {
      if (event.type === 'processExited') {
        this.#exited(event.space, event.exitCode).catch((error: unknown) => this.log(`output: ${String(error)}`));
      }
    }
  }

  /** As with process/start: the exit comes after the last output. */
  async #exited(space: number, exitCode: number): Promise<void> {
    const process = this.#launchedSpaces.get(space);
    if (process === undefined) {
      return;
    }
    this.#launchedSpaces.delete(space);
    // Who drains them has a mapping of its own.
    this.#rings.get(process)?.close();
    this.#rings.delete(process);
    const outputs = this.#outputs.get(process) ?? [];
    this.#outputs.delete(process);
    const bound = new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref());
    await Promise.race([Promise.all(outputs.map(({ ended }) => ended)), bound]);
    for (const output of outputs) {
      output.close();
    }
    await this.connection.notify('process/exited', { process, exitCode });
  }
}

async function openPipe(): Promise<OutputPipe> {
  const name = `\\\\.\\pipe\\eventscope-${GetCurrentProcessId()}-${randomBytes(16).toString('hex')}`;
  // Half open: Node would shut the pipe down by itself at the end of the output, which flushes it on another thread while it is being
  // closed, and Wine's server dies of a flush whose pipe is gone (8.0).
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  server.maxConnections = 1;
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(name, resolve);
  });
  let ended: () => void = () => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  let socket: Socket | undefined;
  return {
    name,
    server,
    ended: end,
    start(onData) {
      void connected.then(async (client) => {
        socket = client;
        server.close();
        try {
          for await (const chunk of client as AsyncIterable<Buffer>) {
            for (let at = 0; at < chunk.length; at += MAX_OUTPUT_BYTES) {
              await onData(Uint8Array.from(chunk.subarray(at, at + MAX_OUTPUT_BYTES)));
            }
          }
        } catch {
          // Closed after the program had ended, or the client is gone.
        } finally {
          ended();
        }
      });
    },
    close() {
      server.close();
      socket?.destroy();
      ended();
    },
  };
}
