/**
 * Running and stopping: takes the engines' events one after the other, decides at each stop whether the user wants it, and tells the
 * client. What is not wanted (a condition that does not hold, a log point, a module that loads) goes on by itself.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { setMaxListeners } from 'node:events';
import { describeBugcheck } from '../../machine/bugchecks.js';
import { DebugEventName } from '../../protocol/debug-requests.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { Engine, EngineEvent, FrozenTime, Stop, StopReason } from '../engine.js';
import { hexAddress } from '../variables/value.js';
import type { SessionBreakpoint } from './breakpoint.js';
import type { BreakpointJudge } from './breakpoint-judge.js';
import type { Breakpoints } from './breakpoints.js';
import { CurrentStep } from './current-step.js';
import type { SymbolLoader } from './debuggee.js';
import type { EntryStops } from './entry-stops.js';
import type { ExceptionSettings } from './exceptions.js';
import type { Inspector } from './inspector.js';
import type { Inventory, SessionThread } from './inventory.js';
import { InventoryEvents } from './inventory-events.js';
import type { SessionPoints, ToldPointStop } from './points/session-points.js';
import { runningError } from './protocol-error.js';
import type { StepRequest } from './stepping.js';
import { tellBreakpoints, tellUndecided, type ToldStop } from './told-stop.js';

/** What the execution tells, and whom. */
export interface ExecutionListener {
  event(name: string, body?: object): void;
  /** The client is told of a stop. */
  held(engine: Engine, stop: Stop, reason: string): void;
  /** An engine's target goes on, from a stop that the client was told of or not. */
  wentOn(engine: Engine, frozen: FrozenTime | undefined): void;
  /** The target goes on: questions about the last stop are stale. */
  cancelInspections(): void;
  /** A process has ended; the session decides whether it ends too. */
  processExited(engine: Engine, side: 'kernel' | 'user', name: string, exitCode: number): void;
  /** An engine has ended. */
  ended(error: Error | undefined): void;
  defect(error: unknown): void;
}

export interface ReportedStop {
  readonly engine: Engine;
  readonly stop: Stop;
  readonly thread: SessionThread | undefined;
  /** The client's breakpoints that it is of. */
  readonly breakpoints: readonly SessionBreakpoint[];
}

export interface ExecutionParts {
  readonly inventory: Inventory;
  readonly inspector: Inspector;
  readonly breakpoints: Breakpoints;
  readonly points: SessionPoints;
  readonly judge: BreakpointJudge;
  readonly exceptions: ExceptionSettings;
  readonly entries: EntryStops;
  readonly symbols: SymbolLoader;
  readonly freezeOtherSide: boolean;
}

/** Errors that say that there is no stop any more. */
const NOT_HELD: ReadonlySet<string> = new Set(['debug.running', 'debug.gone']);

export class Execution {
  readonly #parts: ExecutionParts;
  readonly #listener: ExecutionListener;
  readonly #engines: Engine[] = [];
  readonly #unsubscribe: (() => void)[] = [];
  /** Engines whose target is held now. */
  readonly #held = new Map<Engine, Stop>();
  readonly #end = new AbortController();
  readonly #contents: InventoryEvents;
  #last: Promise<void> = Promise.resolve();
  readonly #step: CurrentStep;
  #pauseWanted = false;
  #reported: ReportedStop | undefined;
  #tellFirstStop: () => void = () => undefined;
  /** Settles when the client is told of a stop for the first time. */
  readonly firstStop = new Promise<void>((resolve) => {
    this.#tellFirstStop = resolve;
  });

  constructor(parts: ExecutionParts, listener: ExecutionListener) {
    this.#parts = parts;
    this.#listener = listener;
    setMaxListeners(0, this.#end.signal);
    this.#step = new CurrentStep(parts.inspector);
    this.#contents = new InventoryEvents(parts, (name, body) => listener.event(name, body), this.#end.signal);
  }

  /** The stop that the client was told of last, while it lasts. */
  get stop(): ReportedStop | undefined {
    return this.#reported;
  }

  /** @throws EventscopeError `debug.running` */
  requireStopped(): ReportedStop {
    if (this.#reported === undefined) throw runningError();
    return this.#reported;
  }

  /** Follows an engine from now on, and what it has already. */
  follow(engine: Engine): void {
    this.#engines.push(engine);
    for (const thread of engine.threads()) this.#parts.inventory.addThread(engine, thread);
    this.#unsubscribe.push(engine.onEvent((event) => this.#take(engine, event)));
    for (const process of engine.processes()) {
      for (const module of engine.modules(process.space)) this.#take(engine, { type: 'moduleLoaded', module });
    }
  }

  /** Nothing of the engines is heard any more. */
  close(): void {
    this.#end.abort(new CancelledError());
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    this.#reported = undefined;
    this.#held.clear();
  }

  /** After the target was left: the client is told that threads and modules are gone, and breakpoints wait again. */
  async forget(): Promise<void> {
    await this.settled();
    await this.#contents.allGone();
    await this.#parts.breakpoints.forgetSites();
  }

  async continue(): Promise<void> {
    const { stop } = this.requireStopped();
    this.#parts.points.flow.continued();
    await this.#goOn(async () => {
      await this.#step.end();
      await this.#resumeAll(stop.reason);
    });
  }

  async step(request: StepRequest, signal: AbortSignal): Promise<void> {
    this.requireStopped();
    await this.#goOn(async () => {
      for (const engine of this.#held.keys()) {
        // A step of one engine's thread lets the other engines' targets run.
        if (engine === request.thread.engine) continue;
        this.#held.delete(engine);
        await engine.resume();
      }
      this.#held.delete(request.thread.engine);
      await this.#step.begin(request, signal);
    });
  }

  async pause(): Promise<void> {
    if (this.#reported !== undefined) return;
    this.#pauseWanted = true;
    const [engine] = this.#engines;
    if (engine === undefined) {
      throw new EventscopeError({ id: 'debug.pause', what: 'There is nothing to pause yet' });
    }
    await engine.pause();
  }

  /** The instruction pointer was moved: the client looks again. */
  moved(thread: SessionThread): void {
    const { stop } = this.requireStopped();
    this.#listener.event('stopped', { reason: 'goto', threadId: thread.id, allThreadsStopped: stop.allStopped });
  }

  /** When all events that came so far have been dealt with. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #take(engine: Engine, event: EngineEvent): void {
    switch (event.type) {
      case 'output':
        if (event.category === 'debug' && engine.kind === 'kd') {
          this.#listener.event(DebugEventName.dbgPrint, { text: event.text });
        }
        this.#listener.event('output', {
          category: event.category === 'debug' ? 'console' : event.category,
          output: event.text.endsWith('\n') || event.category !== 'debug' ? event.text : `${event.text}\n`,
        });
        return;
      case 'hits':
        this.#parts.points.counted(engine, event);
        return;
      case 'moduleLoaded':
        // Symbols are looked for at once; who comes after in the queue waits for them.
        this.#contents.moduleLoaded(engine, event.module);
        break;
      case 'threadStarted': {
        const { inventory } = this.#parts;
        const isKnown = inventory.threadOf(engine, event.thread.thread) !== undefined;
        inventory.addThread(engine, event.thread);
        // Whose it is may be learnt later. An editor that hears of a beginning behind the thread's stop takes it for one that runs.
        if (isKnown) return;
        break;
      }
      case 'processStarted':
      case 'processExited':
      case 'processDetached':
      case 'threadExited':
      case 'moduleUnloaded':
      case 'stopped':
      case 'resumed':
      case 'breakpointLost':
      case 'ended':
        break;
    }
    this.#enqueue(() => this.#handleUntilClosed(engine, event)).catch((error: unknown) => {
      if (!(error instanceof CancelledError)) this.#listener.defect(error);
    });
  }

  /** One thing at a time: a stop that comes while the user's last wish is carried out is dealt with after it. */
  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async #handleUntilClosed(engine: Engine, event: EngineEvent): Promise<void> {
    if (!this.#end.signal.aborted) await this.#handle(engine, event);
  }

  async #handle(engine: Engine, event: EngineEvent): Promise<void> {
    const { breakpoints, points } = this.#parts;
    switch (event.type) {
      case 'threadStarted':
        // One that is found while the whole machine is stopped has not begun now, and stands still too: the client asks at its next stop.
        if (this.#reported?.engine === engine && engine.capabilities.stopsWholeMachine) return;
        this.#contents.threadStarted(engine, event.thread.thread);
        return;
      case 'threadExited':
        if (this.#step.isOf(engine, event.thread.thread)) await this.#step.end();
        this.#contents.threadExited(engine, event.thread.thread);
        return;
      case 'moduleLoaded':
        await this.#contents.loaded(engine, event.module);
        return;
      case 'moduleUnloaded':
        await this.#contents.moduleUnloaded(engine, event.module);
        return;
      case 'processExited': {
        const { space, name, side } = event.process;
        await this.#contents.processGone(engine, space);
        this.#listener.processExited(engine, side, name, event.exitCode);
        return;
      }
      case 'stopped':
        await this.#stopped(engine, event.stop);
        return;
      case 'breakpointLost':
        breakpoints.lost(engine, event.breakpoint, event.why);
        points.lost(engine, event.breakpoint, event.why);
        return;
      case 'resumed':
        this.#listener.wentOn(engine, event.frozen);
        this.#resumedByItself(engine);
        return;
      case 'ended':
        this.#held.delete(engine);
        this.#reported = undefined;
        this.#listener.ended(event.error);
        return;
      case 'processDetached':
        await this.#contents.processGone(engine, event.process.space);
        return;
      case 'processStarted':
      case 'output':
      case 'hits':
        return;
    }
  }

  // ---- stops

  async #stopped(engine: Engine, stop: Stop): Promise<void> {
    const { inventory, inspector } = this.#parts;
    this.#held.set(engine, stop);
    if (this.#reported !== undefined) return;
    inspector.changed();
    const thread = inventory.threadOf(engine, stop.thread);
    inspector.stopped(engine, thread, stop);
    const told = await this.#decideSafely(engine, stop, thread);
    if (told === undefined || this.#end.signal.aborted) return;
    inspector.renumber();
    await this.#orDefect(this.#step.end());
    this.#pauseWanted = false;
    this.#reported = { engine, stop, thread, breakpoints: told.breakpoints ?? [] };
    await this.#orDefect(this.#parts.points.reported());
    if (this.#parts.freezeOtherSide) await this.#holdOthers(engine);
    this.#tellFirstStop();
    this.#listener.held(engine, stop, told.description ?? told.reason);
    this.#listener.event('stopped', {
      reason: told.reason,
      ...(told.description === undefined ? {} : { description: told.description }),
      ...(told.text === undefined ? {} : { text: told.text }),
      ...(thread === undefined ? {} : { threadId: thread.id }),
      allThreadsStopped: stop.allStopped && (this.#engines.length === 1 || this.#parts.freezeOtherSide),
      ...(told.breakpoints === undefined ? {} : { hitBreakpointIds: told.breakpoints.map(({ id }) => id) }),
    } satisfies DebugProtocol.StoppedEvent['body']);
  }

  /** Whatever goes wrong here, the target is not left held without a word. */
  async #decideSafely(engine: Engine, stop: Stop, thread: SessionThread | undefined): Promise<ToldStop | undefined> {
    try {
      return await this.#decide(engine, stop, thread);
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      if (!(error instanceof EventscopeError)) this.#listener.defect(error);
      // A target that is gone, or runs already: its own event says so.
      if (error instanceof EventscopeError && NOT_HELD.has(error.id)) throw error;
      this.#held.set(engine, stop);
      return tellUndecided(error);
    }
  }

  /** What to tell; undefined when the target goes on (and does already). */
  async #decide(engine: Engine, stop: Stop, thread: SessionThread | undefined): Promise<ToldStop | undefined> {
    const { reason } = stop;
    switch (reason.kind) {
      case 'breakpoint':
      case 'data':
        return this.#decideBreakpoint(engine, stop, thread, reason.breakpoints);
      case 'step':
        return this.#stepStopped(engine, stop);
      case 'pause':
        if (this.#pauseWanted || !this.#step.isTaken) return { reason: 'pause', description: 'Paused' };
        return this.#passBy(engine, stop);
      case 'entry':
        await this.#parts.entries.reached(engine, stop.thread, this.#parts.inventory);
        return this.#passBy(engine, stop);
      case 'moduleLoad':
        await this.#contents.loaded(engine, reason.module);
        await this.#parts.entries.loaded(engine, reason.module, this.#parts.inventory);
        return this.#passBy(engine, stop);
      case 'exception': {
        const told = this.#parts.exceptions.describe(reason);
        return told ?? this.#passBy(engine, stop);
      }
      case 'foreignBreakpoint':
        return { reason: 'exception', description: 'A breakpoint instruction of the program itself', text: 'int 3' };
      case 'bugcheck':
        return {
          reason: 'exception',
          description: `Bug check ${describeBugcheck(reason.code, reason.parameters)}`,
          text: reason.parameters.map(hexAddress).join(', '),
        };
    }
  }

  async #decideBreakpoint(
    engine: Engine,
    stop: Stop,
    thread: SessionThread | undefined,
    ids: readonly number[],
  ): Promise<ToldStop | undefined> {
    const { breakpoints, judge, entries, points } = this.#parts;
    const entry = await entries.hit(engine, ids);
    if (entry !== undefined) return { reason: 'entry', description: entry };
    const wanted: SessionBreakpoint[] = [];
    const notes: string[] = [];
    for (const breakpoint of breakpoints.hitBy(engine, ids)) {
      const verdict = await judge.judge(breakpoint, thread, this.#end.signal);
      if (verdict.output !== undefined) this.#listener.event('output', verdict.output);
      if (verdict.stops) wanted.push(breakpoint);
      if (verdict.note !== undefined) notes.push(verdict.note);
    }
    const point = await points.decide(engine, thread, ids, this.#end.signal);
    if (wanted.length > 0) return tellBreakpoints(wanted, notes);
    if (typeof point === 'object') return this.#decidePoint(engine, stop, thread, point);
    if (this.#step.isReturn(thread, ids)) return this.#stepStopped(engine, stop);
    return this.#passBy(engine, stop);
  }

  /** A wait that was followed returns into the middle of a line, whose result nobody has looked at yet: on to its end. */
  async #decidePoint(
    engine: Engine,
    stop: Stop,
    thread: SessionThread | undefined,
    { reason, description, text, isMidLine }: ToldPointStop,
  ): Promise<ToldStop | undefined> {
    const told = { reason, description, text };
    if (isMidLine !== true || thread === undefined) return told;
    this.#held.delete(engine);
    const request = { thread, kind: 'over', granularity: 'line', singleThread: true } as const;
    await this.#step.begin(request, this.#end.signal, told);
    return undefined;
  }

  async #stepStopped(engine: Engine, stop: Stop): Promise<ToldStop | undefined> {
    if (!this.#step.isOf(engine, stop.thread)) return { reason: 'step' };
    this.#held.delete(engine);
    const told = await this.#step.stopped();
    if (told !== undefined) this.#held.set(engine, stop);
    return told;
  }

  /** Not of interest: goes on with what went on before. */
  async #passBy(engine: Engine, stop: Stop): Promise<undefined> {
    this.#held.delete(engine);
    if (this.#step.isOf(engine, stop.thread)) {
      await this.#step.proceed();
    } else {
      await engine.resume({ passException: true });
    }
    return undefined;
  }

  async #holdOthers(stopped: Engine): Promise<void> {
    const others = this.#engines.filter((engine) => engine !== stopped && !this.#held.has(engine));
    await Promise.all(others.map((engine) => this.#orDefect(engine.pause())));
  }

  /** What fails on the way to the client does not keep the stop from it. */
  async #orDefect(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => this.#listener.defect(error));
  }

  // ---- going on

  /** What is shown of the last stop is over from the moment on in which the target is let go. */
  async #goOn(work: () => Promise<void>): Promise<void> {
    const before = this.#reported;
    this.#parts.points.stops.resumed();
    this.#listener.cancelInspections();
    this.#reported = undefined;
    const gone = this.#enqueue(async () => {
      try {
        // What was asked of breakpoints before is done first: one that was taken away does not stop it once more.
        await Promise.all([this.#parts.breakpoints.settled(), this.#parts.points.settled()]);
        await work();
      } catch (error) {
        // It did not go on: the client still looks at the same stop.
        if (before !== undefined) this.#held.set(before.engine, before.stop);
        this.#reported = before;
        throw error;
      }
    });
    // A stop that follows at once is told behind the answer: a client takes an answer that comes later for "runs again".
    void this.#enqueue(() => new Promise((resolve) => setImmediate(resolve)));
    await gone;
  }

  async #resumeAll(reason: StopReason): Promise<void> {
    const engines = [...this.#held.keys()];
    this.#held.clear();
    for (const engine of engines) await engine.resume({ passException: reason.kind === 'exception' });
  }

  #resumedByItself(engine: Engine): void {
    if (this.#reported?.engine !== engine || this.#held.has(engine)) return;
    this.#reported = undefined;
    this.#listener.cancelInspections();
    this.#listener.event('continued', { threadId: 0, allThreadsContinued: true });
  }
}
