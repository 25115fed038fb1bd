/**
 * One debug session of DAP, without a transport: messages in by handleMessage, messages out by the callback. The stand-alone adapter puts
 * it on standard input and output, the extension uses it inline.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { setMaxListeners } from 'node:events';
import { appendFileSync } from 'node:fs';
import { DebugEventName, DebugRequest, startTracepointsArguments } from '../../protocol/debug-requests.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import { asError } from '../../target/operation.js';
import type { Engine, SpaceId } from '../engine.js';
import { BreakpointJudge } from './breakpoint-judge.js';
import { registerBreakpointRequests } from './breakpoint-requests.js';
import * as args from './arguments.js';
import { CAPABILITIES } from './capabilities.js';
import { readConfiguration, type Configuration } from './configuration.js';
import { DapServer } from './dap-server.js';
import type { Debuggee, DebuggeeStarter, StartOperation } from './debuggee.js';
import { EntryStops } from './entry-stops.js';
import { registerExecutionRequests } from './execution-requests.js';
import { Execution } from './execution.js';
import { FrameWalker } from './frame-walker.js';
import { registerInspectionRequests } from './inspection-requests.js';
import { registerKernelViewRequests } from './kernel-view-requests.js';
import { registerMemoryRequests } from './memory-requests.js';
import { registerModuleRequests } from './module-requests.js';
import { registerPointRequests } from './points/point-requests.js';
import { errorAnswer } from './protocol-error.js';
import { ownRecorders, type OwnRecorders } from './points/own-recorders.js';
import { SessionRecording, type RecordingWatcher } from './session-recording.js';
import { SessionState } from './session-state.js';
import { SourcePaths } from './source-paths.js';

export interface DebugSessionOptions {
  readonly starter: DebuggeeStarter;
  /** Takes each message for the client. */
  readonly send: (message: DebugProtocol.ProtocolMessage) => void;
  /** Shows recordings while they are made. */
  readonly recordings?: RecordingWatcher;
  /** Takes what is meant for the log: defects, with their stacks. */
  readonly log?: (text: string) => void;
}

export class DebugSession {
  readonly #options: DebugSessionOptions;
  readonly #server: DapServer;
  readonly #state: SessionState;
  readonly #recording: SessionRecording;
  readonly #end = new AbortController();
  /** Of what is debugged now; a restart ends it, and not the session. */
  #run = new AbortController();
  #starting: Promise<Debuggee> | undefined;
  #configuration: Configuration | undefined;
  #debuggee: Debuggee | undefined;
  #configured: () => void = () => undefined;
  readonly #whenConfigured = new Promise<void>((resolve) => {
    this.#configured = resolve;
  });
  #ending: Promise<void> | undefined;
  #isAnnounced = false;
  #isTerminated = false;
  #traceFile: string | undefined;

  constructor(options: DebugSessionOptions) {
    this.#options = options;
    this.#recording = new SessionRecording(
      options.recordings,
      {
        serves: (points) => this.#state.points.recorded(points),
        started: (body) => this.#server.event(DebugEventName.tracepointsStarted, body),
        failed: (error) => {
          // The end of the session tells of a recording that it has cut off.
          if (error instanceof CancelledError) return;
          const why = asError(error).message;
          this.#server.event('output', { category: 'important', output: `Nothing is recorded: ${why}\n` });
          this.#server.event(DebugEventName.tracepointsEnded, { message: why, points: [] });
        },
      },
      (engine, space) => this.#ownRecorders(engine, space),
    );
    // Every file that is compiled and every request of the agent's listens to it.
    setMaxListeners(0, this.#end.signal);
    this.#server = new DapServer(
      (message) => {
        this.#trace('->', message);
        options.send(message);
      },
      (text) => this.#log(text),
    );
    this.#state = new SessionState(
      new FrameWalker(),
      (breakpoint) => this.#server.event('breakpoint', { reason: 'changed', breakpoint }),
      (name, body) => this.#server.event(name, body),
    );
    this.#register();
  }

  /** Takes one message of the client. */
  handleMessage(message: DebugProtocol.ProtocolMessage): void {
    this.#trace('<-', message);
    this.#server.handleMessage(message);
  }

  /** The client is gone without a word: what was launched is ended, what was attached to is left running. */
  async dispose(): Promise<void> {
    await this.#finish(this.#configuration?.request === 'launch');
    this.#server.close();
  }

  #register(): void {
    const server = this.#server;
    server.on('initialize', () => Promise.resolve(CAPABILITIES));
    server.on('launch', (given) => this.#start('launch', given));
    server.on('attach', (given) => this.#start('attach', given));
    server.on('configurationDone', () => {
      this.#configured();
      return Promise.resolve(undefined);
    });
    server.on('disconnect', async (given) => {
      const { terminateDebuggee } = args.checked(args.disconnectArguments, given);
      await this.#finish(terminateDebuggee ?? this.#configuration?.request === 'launch');
      return undefined;
    });
    server.on('terminate', async () => {
      await this.#finish(this.#configuration?.request === 'launch');
      return undefined;
    });
    server.on('restart', (given) => this.#restart(given));
    registerBreakpointRequests(server, this.#state, () => this.#tellExceptions());
    registerInspectionRequests(server, this.#state);
    registerExecutionRequests(server, this.#state);
    registerMemoryRequests(server, this.#state);
    registerModuleRequests(server, this.#state);
    registerPointRequests(server, this.#state);
    registerKernelViewRequests(server, this.#state);
    server.on(DebugRequest.startTracepoints, (given) => {
      const request = args.checked(startTracepointsArguments, given);
      return this.#recording.start(this.#state.engines, this.#debuggee?.recording, request);
    });
    server.on(DebugRequest.stopTracepoints, () => this.#recording.stop());
  }

  #ownRecorders(engine: Engine, space: SpaceId): Promise<OwnRecorders | undefined> {
    const { inventory, inspector } = this.#state;
    return ownRecorders(inventory.modulesOf(engine, space), inspector.memory(engine).access(space, this.#run.signal));
  }

  async #start(request: 'launch' | 'attach', given: unknown): Promise<undefined> {
    if (this.#configuration !== undefined) {
      throw new EventscopeError({ id: 'debug.started', what: 'This session debugs something already' });
    }
    await this.#debug(readConfiguration(request, given));
    return undefined;
  }

  /** Everything from the beginning, with the breakpoints as they are: an application is ended and launched again, or attached to again. */
  async #restart(given: Record<string, unknown>): Promise<undefined> {
    const before = this.#configuration;
    if (before === undefined || this.#ending !== undefined) {
      throw new EventscopeError({ id: 'debug.notStarted', what: 'Nothing is being debugged that could be restarted' });
    }
    const changed = given['arguments'];
    const configuration = changed === undefined ? before : readConfiguration(before.request, changed);
    await this.#leave(before.request === 'launch');
    await this.#debug(configuration);
    return undefined;
  }

  async #debug(configuration: Configuration): Promise<void> {
    this.#configuration = configuration;
    this.#traceFile = configuration.trace;
    this.#run = new AbortController();
    const { signal } = this.#run;
    setMaxListeners(0, signal);
    if (this.#end.signal.aborted) throw new CancelledError();
    const operation = this.#operation(signal);
    try {
      this.#starting = this.#options.starter.start(configuration, operation);
      // The client sets its breakpoints meanwhile.
      const [debuggee] = await Promise.all([this.#starting, this.#announce(signal)]);
      if (signal.aborted) throw new CancelledError();
      this.#debuggee = debuggee;
      await this.#follow(debuggee, configuration, operation);
    } catch (error) {
      if (!signal.aborted) await this.#finish(true);
      throw error;
    }
  }

  /** Tells the client once that it may set its breakpoints: a restart keeps them. */
  async #announce(signal: AbortSignal): Promise<void> {
    if (!this.#isAnnounced) this.#server.event('initialized');
    this.#isAnnounced = true;
    await Promise.race([this.#whenConfigured, rejectedAtAbort(signal)]);
  }

  async #follow(debuggee: Debuggee, configuration: Configuration, operation: StartOperation): Promise<void> {
    const { projectFolder, programs } = debuggee;
    const state = this.#state;
    state.engines = debuggee.engines;
    state.kernel = debuggee.kernel;
    state.paths = new SourcePaths({ projectFolder, sourceMap: configuration.sourceMap });
    const isLaunch = configuration.request === 'launch';
    const execution = new Execution(
      {
        inventory: state.inventory,
        inspector: state.inspector,
        breakpoints: state.breakpoints,
        points: state.points,
        judge: new BreakpointJudge(state.inspector, (file) => state.paths.toHost(file)),
        exceptions: state.exceptions,
        entries: new EntryStops({
          application: isLaunch && configuration.stopOnEntry ? programs.application : undefined,
          driver: stopsAtDriverEntry(configuration) ? programs.driver : undefined,
        }),
        symbols: debuggee.symbols,
        freezeOtherSide: configuration.freezeOtherSide,
      },
      {
        event: (name, body) => this.#server.event(name, body),
        held: (...stop) => this.#recording.held(...stop),
        wentOn: (...resumed) => this.#recording.wentOn(...resumed),
        cancelInspections: () => {
          this.#recording.goesOn();
          this.#server.cancelInspections();
        },
        processExited: (engine, side, name, exitCode) => this.#processExited(engine, side, name, exitCode),
        ended: (error) => this.#engineEnded(error),
        defect: (error) => this.#defect(error),
      },
    );
    state.execution = execution;
    await this.#tellExceptions();
    const names = [programs.application, programs.driver].filter((name) => name !== undefined);
    for (const engine of debuggee.engines) {
      await engine.stopOnLoad(names);
      execution.follow(engine);
    }
    await debuggee.attach(operation);
    await execution.settled();
    const begun = debuggee.begin(operation);
    let isAnswered = false;
    begun.catch((error: unknown) => {
      if (isAnswered && !(error instanceof CancelledError)) this.#engineEnded(asError(error));
    });
    // Stopped in DriverEntry, the application waits for the driver: the client has its answer by then.
    await Promise.race([begun, execution.firstStop]);
    isAnswered = true;
  }

  async #tellExceptions(): Promise<void> {
    await this.#debuggee?.setExceptions(this.#state.exceptions.codes);
  }

  #processExited(engine: Engine, side: 'kernel' | 'user', name: string, exitCode: number): void {
    const text = exitCode === 0 ? `${name} ended` : `${name} ended with exit code ${exitCode}`;
    this.#server.event('output', { category: 'console', output: `${text}\n` });
    const isApplication = name.toLowerCase() === this.#debuggee?.programs.application;
    if (side === 'user' && isApplication) this.#server.event('exited', { exitCode });
    const isLast = this.#state.engines.every((each) => each.processes().length === 0);
    // A launched application is what the session is for; without one it goes on until its last process ends.
    if (isLast || (isApplication && this.#configuration?.request === 'launch' && engine.kind === 'win32')) {
      this.#finish(true).catch((error: unknown) => this.#defect(error));
    }
  }

  #engineEnded(error: Error | undefined): void {
    if (this.#ending === undefined && error !== undefined) {
      this.#server.event('output', {
        category: 'important',
        output: `The debug session has ended: ${error.message}\n`,
      });
    }
    this.#finish(true).catch((failure: unknown) => this.#defect(failure));
  }

  /** Ends the session once, whoever wants it first. */
  #finish(terminates: boolean): Promise<void> {
    this.#ending ??= this.#release(terminates);
    return this.#ending;
  }

  async #release(terminates: boolean): Promise<void> {
    this.#end.abort(new CancelledError());
    await this.#leave(terminates);
    if (!this.#isTerminated) {
      this.#isTerminated = true;
      this.#server.event('terminated');
    }
  }

  /** Ends what is debugged, or leaves it running; nothing of it is known afterwards. */
  async #leave(terminates: boolean): Promise<void> {
    this.#run.abort(new CancelledError());
    this.#server.cancelInspections();
    const { execution } = this.#state;
    execution?.close();
    // One that is only being made ready is waited for: it stops at once, and what it has by then is ours to release.
    const debuggee = await this.#starting?.catch(() => undefined);
    this.#starting = undefined;
    this.#debuggee = undefined;
    await this.#keepRecording();
    try {
      if (debuggee !== undefined) await (terminates ? debuggee.terminate() : debuggee.detach());
    } catch (error) {
      this.#defect(error);
    }
    await execution?.forget();
    this.#state.execution = undefined;
    this.#state.engines = [];
    this.#state.kernel = undefined;
  }

  /** What is being recorded of a target is kept when it is left. */
  async #keepRecording(): Promise<void> {
    try {
      const kept = await this.#recording.end();
      if (kept !== undefined) this.#server.event(DebugEventName.tracepointsEnded, kept);
    } catch (error) {
      this.#defect(error);
    }
  }

  #operation(signal: AbortSignal): StartOperation {
    const output = (text: string): void => this.#server.event('output', { category: 'console', output: `${text}\n` });
    return { signal, progress: output, output };
  }

  #defect(error: unknown): void {
    const answer = errorAnswer(error, false);
    const text = answer.body.error.variables?.['text'] ?? answer.message;
    this.#server.event('output', { category: answer.isDefect ? 'stderr' : 'important', output: `${text}\n` });
    if (answer.isDefect) this.#log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #log(text: string): void {
    this.#options.log?.(text);
  }

  #trace(direction: string, message: DebugProtocol.ProtocolMessage): void {
    if (this.#traceFile === undefined) return;
    try {
      appendFileSync(this.#traceFile, `${new Date().toISOString()} ${direction} ${JSON.stringify(message)}\n`);
    } catch (error) {
      this.#traceFile = undefined;
      this.#log(`The trace file cannot be written: ${String(error)}`);
    }
  }
}

function stopsAtDriverEntry(configuration: Configuration): boolean {
  return configuration.request === 'launch'
    ? configuration.stopAtDriverEntry
    : configuration.kd?.stopAtDriverEntry === true;
}

function rejectedAtAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(new CancelledError());
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
}
