/** One client's session: every request of agent-rpc.ts, and what has to be put back when the client goes. */
import type { Socket } from 'node:net';
import { AgentConnection } from '../protocol/agent-connection.js';
import { AgentRequestError } from '../protocol/agent-errors.js';
import { encodePacked } from '../protocol/agent-codec.js';
import type { PrivilegeState, RequestName, RequestParams, RequestResult } from '../protocol/agent-rpc.js';
import { BulkKind } from '../protocol/agent-wire.js';
import type { CallPool } from './call-pool.js';
import { Credits, FRAME_COST_BYTES } from './credit.js';
import { DbgPrintLog } from './dbgprint.js';
import { Debugger } from './debugger.js';
import { hashFile, makeFolder, readFilePiece, removeFile, renameFile, statFile, writeFilePiece } from './files.js';
import { agentInformation, qpcFrequency, sessionDirectory } from './information.js';
import { Locks } from './locks.js';
import { NativeError } from './native/native-error.js';
import { Processes } from './processes.js';
import { Traces } from './traces.js';

/** Bounds of calls that name none themselves. */
const CALL_TIMEOUT_MS = 30_000;
/** What a call may take beyond the bound that its request names: it keeps that bound by itself. */
const GRACE_MS = 1_000;
const ABANDON_MS = 2_000;
const MAX_CONTROL_OUTPUT_BYTES = 4 * 1024 * 1024;

/** What the debug thread answers by itself. */
const DEBUG_REQUESTS = [
  'debug/attach',
  'debug/configure',
  'debug/read',
  'debug/write',
  'debug/registers',
  'debug/setRegisters',
  'debug/setBreakpoints',
  'debug/removeBreakpoints',
  'debug/resume',
  'debug/step',
  'debug/pause',
  'debug/detach',
  'debug/terminate',
] as const satisfies readonly RequestName[];

export interface SessionOptions {
  /** Path of the agent's own script, which workers run. */
  readonly bundle: string;
  readonly calls: CallPool;
  readonly dbgPrintLog: string | undefined;
  /** Of this process's token, as they were enabled at its start. */
  readonly privileges: PrivilegeState[];
  readonly log: (line: string) => void;
  /** The client asked the agent to end. */
  readonly onShutdown: () => void;
}

export class Session {
  readonly connection: AgentConnection;
  readonly #options: SessionOptions;
  readonly #calls: CallPool;
  readonly #credits = new Credits();
  readonly #processes: Processes;
  readonly #traces: Traces;
  readonly #locks: Locks;
  readonly #dbgPrint: DbgPrintLog;
  readonly #debugger: Debugger;

  constructor(socket: Socket, options: SessionOptions) {
    this.#options = options;
    this.#calls = options.calls;
    this.connection = new AgentConnection(socket);
    this.#processes = new Processes(this.connection, options.log);
    this.#traces = new Traces(options.bundle, this.connection, this.#credits, {
      qpcFrequency: qpcFrequency(),
      ringsOf: (process) => this.#debugger.ringsOf(process),
    });
    this.#locks = new Locks(options.calls);
    this.#dbgPrint = new DbgPrintLog(options.dbgPrintLog, this.connection, options.log);
    this.#debugger = new Debugger(options.bundle, this.connection, options.log);
    this.#handleAgent();
    this.#handleServices();
    this.#handleProcesses();
    this.#handleFiles();
    this.#handleObjects();
    this.#handleTraces();
    this.#handleDebugging();
    this.connection.listen();
  }

  /** Puts back what this client began. Bounded. */
  async end(): Promise<void> {
    await this.#debugger.end(ABANDON_MS);
    this.#processes.endAll();
    await this.#traces.abandon(ABANDON_MS);
    await this.#dbgPrint.stop().catch(() => {});
  }

  #handle<N extends RequestName>(
    name: N,
    handler: (params: RequestParams<N>, signal: AbortSignal) => Promise<RequestResult<N>>,
  ): void {
    this.connection.handle(name, async (params, signal) => {
      try {
        return await handler(params, signal);
      } catch (error) {
        throw error instanceof NativeError ? new AgentRequestError(name, error.message, error.data) : error;
      }
    });
  }

  #handleAgent(): void {
    this.#handle('agent/info', () => Promise.resolve(agentInformation(this.#options.privileges)));
    this.#handle('agent/shutdown', () => {
      // After the answer has left.
      setImmediate(this.#options.onShutdown);
      return Promise.resolve({});
    });
    this.#handle('lock/acquire', (params, signal) => this.#locks.acquire(params, signal));
    this.#handle('lock/query', async (params, signal) => {
      const holder = await this.#locks.query(params, signal);
      return holder === undefined ? {} : { holder };
    });
    this.#handle('lock/release', async (params) => {
      await this.#locks.release(params);
      return {};
    });
    this.#handle('stream/credit', ({ stream, bytes }) => {
      this.#credits.of(stream).grant(bytes);
      return Promise.resolve({});
    });
    this.#handle('dbgPrint/start', () => this.#dbgPrint.start());
    this.#handle('dbgPrint/stop', async () => {
      await this.#dbgPrint.stop();
      return {};
    });
  }

  #handleServices(): void {
    const bounded = (signal: AbortSignal) => ({ signal, timeoutMs: CALL_TIMEOUT_MS });
    const named = (signal: AbortSignal, timeoutMs: number) => ({ signal, timeoutMs: timeoutMs + GRACE_MS });
    this.#handle('service/create', (params, signal) => this.#calls.run('service/create', params, bounded(signal)));
    this.#handle('service/start', (params, signal) =>
      this.#calls.run('service/start', params, named(signal, params.timeoutMs)),
    );
    this.#handle('service/stop', (params, signal) =>
      this.#calls.run('service/stop', params, named(signal, params.timeoutMs)),
    );
    this.#handle('service/setGroup', (params, signal) => this.#calls.run('service/setGroup', params, bounded(signal)));
    this.#handle('service/delete', (params, signal) => this.#calls.run('service/delete', params, bounded(signal)));
    this.#handle('service/query', async (params, signal) => {
      const { status } = await this.#calls.run('service/query', params, bounded(signal));
      return status === undefined ? {} : { status };
    });
    this.#handle('service/list', (params, signal) => this.#calls.run('service/list', params, bounded(signal)));
    this.#handle('driver/image', async (params, signal) => {
      const { image } = await this.#calls.run('driver/image', params, bounded(signal));
      if (image === undefined) {
        return {};
      }
      const { process, base, size } = image;
      const hidden = { unavailable: 'The target hides kernel addresses from this agent: it is not elevated' };
      return { image: { process, base: base ?? hidden, size } };
    });
    this.#handle('device/control', (params, signal) => {
      if (params.outputBytes > MAX_CONTROL_OUTPUT_BYTES) {
        throw new AgentRequestError('device/control', `At most ${MAX_CONTROL_OUTPUT_BYTES} output bytes`, undefined);
      }
      return this.#calls.run('device/control', params, named(signal, params.timeoutMs));
    });
  }

  #handleProcesses(): void {
    this.#handle('process/start', (params) => this.#processes.start(params));
    this.#handle('process/release', (params) => {
      this.#processes.release(params);
      return Promise.resolve({});
    });
    this.#handle('process/end', (params) => {
      this.#processes.end(params);
      return Promise.resolve({});
    });
    this.#handle('process/list', (_params, signal) =>
      this.#calls.run('process/list', undefined, { signal, timeoutMs: CALL_TIMEOUT_MS }),
    );
  }

  #handleFiles(): void {
    this.#handle('file/write', async (params) => {
      await writeFilePiece(params);
      return {};
    });
    this.#handle('file/read', (params) => readFilePiece(params));
    this.#handle('file/stat', (params) => statFile(params));
    this.#handle('file/hash', (params, signal) => hashFile(params, signal));
    this.#handle('file/makeFolder', async (params) => {
      await makeFolder(params);
      return {};
    });
    this.#handle('file/remove', async (params) => {
      await removeFile(params);
      return {};
    });
    this.#handle('file/rename', async (params) => {
      await renameFile(params);
      return {};
    });
  }

  #handleObjects(): void {
    const bounded = (signal: AbortSignal) => ({ signal, timeoutMs: CALL_TIMEOUT_MS });
    this.#handle('object/list', (params, signal) => this.#list(params, signal));
    this.#handle('object/query', (params, signal) => this.#calls.run('object/query', params, bounded(signal)));
    this.#handle('object/change', (params, signal) => this.#calls.run('object/change', params, bounded(signal)));
    this.#handle('object/removeLink', (params, signal) =>
      this.#calls.run('object/removeLink', params, bounded(signal)),
    );
    this.#handle('object/holders', (params, signal) => this.#calls.run('object/holders', params, bounded(signal)));
    this.#handle('object/ofHandles', (params, signal) => this.#calls.run('object/ofHandles', params, bounded(signal)));
  }

  async #list(
    { path, stream }: RequestParams<'object/list'>,
    signal: AbortSignal,
  ): Promise<RequestResult<'object/list'>> {
    const credit = this.#credits.of(stream);
    let sequence = 0n;
    let sent: Promise<void> = Promise.resolve();
    const send = (data: Uint8Array, count: number): void => {
      const head = {
        stream,
        kind: BulkKind.DirectoryEntries,
        source: 0,
        sequence: sequence++,
        count: BigInt(count),
        lost: 0n,
        first: 0n,
      };
      sent = sent.then(async () => {
        await credit.take(FRAME_COST_BYTES + data.length, signal);
        await this.connection.sendBulk(head, data);
      });
      sent.catch(() => {});
    };
    const listed = await this.#calls.run('object/list', { path }, { signal, timeoutMs: CALL_TIMEOUT_MS, onPart: send });
    send(encodePacked([]), 0);
    await sent;
    return { ...listed, sessionDirectory: sessionDirectory() };
  }

  #handleTraces(): void {
    this.#handle('trace/start', (params) => this.#traces.start(params));
    this.#handle('trace/stop', (params) => this.#traces.stop(params));
  }

  #handleDebugging(): void {
    this.#handle('debug/launch', (params) => this.#debugger.launch(params));
    for (const name of DEBUG_REQUESTS) {
      this.#handle(name, (params) => this.#debugger.call(name, params));
    }
  }
}
