/**
 * The agent: the program on the target. Bundled by scripts/bundle.mjs to dist/agent.cjs (esbuild: platform node, target
 * node22, CommonJS, koffi external) and started there as
 *
 *   node.exe agent.cjs --port-file PATH [--token-file PATH] [--dbgprint-log PATH] [--log FILE]
 *     [--client-timeout SECONDS]
 *
 * with the token (64 hexadecimal digits) in EVENTSCOPE_AGENT_TOKEN unless a file holds it. koffi is found beside the bundle
 * (node_modules) or through NODE_PATH. It listens on loopback, writes {port, processId} to the port file, serves one client,
 * and ends when that client goes, or when none comes within the client time-out (a minute unless said).
 *
 * The same bundle is what its worker threads run (calls that may block, the drains of trace rings, the debug thread), and the guard of
 * what is debugged, a process of its own.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';
import { CallPool, type WorkerRole } from './call-pool.js';
import { runCallWorker } from './call-worker.js';
import { GUARD_OPTION, runDebugGuard } from './debug-guard.js';
import { runDebugWorker, type DebugWorkerRole } from './debug-worker.js';
import { openLog } from './log.js';
import { GetCurrentProcess, GetCurrentProcessId, TerminateProcess } from './native/common-native.js';
import { enablePrivileges } from './privileges.js';
import { readOptions, type AgentOptions } from './options.js';
import { listen } from './server.js';
import { Session } from './session.js';
import { runTraceWorker } from './trace-worker.js';
import type { TraceWorkerRole } from './traces.js';

/** Ends this process at once. Node's own exit would wait for worker threads, which may hang in a driver. */
function exitNow(code: number): never {
  TerminateProcess(GetCurrentProcess(), code);
  process.exit(code);
}

/** What the workers get to come back in at the end. One that hangs in a driver does not. */
const WORKERS_END_MS = 1_000;

class Agent {
  #calls: CallPool | undefined;
  #session: Session | undefined;
  #ending = false;

  constructor(
    readonly options: AgentOptions,
    readonly log: (line: string) => void,
  ) {}

  async run(): Promise<void> {
    const privileges = enablePrivileges();
    for (const { name, reason } of privileges.filter(({ enabled }) => !enabled)) {
      this.log(`${name} is not enabled: ${reason ?? ''}`);
    }
    const calls = new CallPool(__filename);
    this.#calls = calls;
    const timer = setTimeout(() => this.end('no client came', 0), this.options.clientTimeoutMs);
    const port = await listen({
      token: this.options.token,
      log: this.log,
      onClient: (socket) => {
        clearTimeout(timer);
        this.log('client welcome');
        const session = new Session(socket, {
          bundle: __filename,
          calls,
          privileges,
          dbgPrintLog: this.options.dbgPrintLog,
          log: this.log,
          onShutdown: () => this.end('asked to', 0),
        });
        this.#session = session;
        void session.connection.closed.then((error) => this.end(`client gone: ${error?.message ?? 'closed'}`, 0));
      },
    });
    this.#writePortFile(port);
    this.log(`listening on port ${port}, process ${GetCurrentProcessId()}`);
  }

  end(why: string, code: number): void {
    if (this.#ending) {
      return;
    }
    this.#ending = true;
    this.log(`ending: ${why}`);
    rmSync(this.options.portFile, { force: true });
    this.#putBack()
      .catch((error: unknown) => this.log(`while ending: ${String(error)}`))
      .finally(() => exitNow(code));
  }

  async #putBack(): Promise<void> {
    await this.#session?.end();
    await this.#calls?.end(WORKERS_END_MS);
    await this.#session?.connection.close();
  }

  /** Written beside it and renamed: who waits for the file sees all of it or nothing. */
  #writePortFile(port: number): void {
    const beside = `${this.options.portFile}.${GetCurrentProcessId()}.tmp`;
    writeFileSync(beside, JSON.stringify({ port, processId: GetCurrentProcessId() }));
    renameSync(beside, this.options.portFile);
  }
}

function main(): void {
  let options: AgentOptions;
  try {
    options = readOptions(process.argv.slice(2), process.env);
  } catch (error) {
    // Before there is a log: standard error is for whoever started it by hand.
    try {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    } finally {
      process.exitCode = 2;
    }
    return;
  }
  const log = openLog(options.logFile);
  const agent = new Agent(options, log);
  process.on('uncaughtException', (error) => {
    log(`defect: ${error.stack ?? error.message}`);
    agent.end('a defect', 1);
  });
  process.on('unhandledRejection', (reason) => {
    log(`defect: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`);
    agent.end('a defect', 1);
  });
  agent.run().catch((error: unknown) => {
    log(`cannot start: ${error instanceof Error ? error.message : String(error)}`);
    exitNow(1);
  });
}

if (isMainThread && process.argv[2] === GUARD_OPTION) {
  runDebugGuard(process.argv.slice(3));
} else if (isMainThread) {
  main();
} else {
  const role = workerData as WorkerRole | TraceWorkerRole | DebugWorkerRole;
  if (role.role === 'call') {
    runCallWorker(role.flag);
  } else if (role.role === 'debug') {
    runDebugWorker(role);
  } else {
    // What it does not catch ends this thread, which the main thread tells.
    void runTraceWorker(role);
  }
}
