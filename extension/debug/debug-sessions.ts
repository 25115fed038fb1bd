/** The sessions of our type in this window, and what they are asked and tell beyond DAP. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
import {
  DebugEventName,
  DebugRequest,
  dispatcherObjectsBody,
  type DispatcherObject,
  setPointsBody,
} from '../../protocol/debug-requests.js';
import { EventscopeError } from '../../protocol/errors.js';
import { asError } from '../../target/operation.js';
import type { ChosenPoints } from './chosen-points.js';

/** Edits in a source and clicks on check boxes come in bursts. */
const TELL_PAUSE_MS = 200;
const TELL_LIMIT_MS = 3_000;

export class DebugSessions implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #chosen: ChosenPoints;
  /** In the order of their start. */
  readonly #sessions = new Map<string, vscode.DebugSession>();
  readonly #objects = new Map<string, readonly DispatcherObject[]>();
  readonly #objectsChanged = new vscode.EventEmitter<void>();
  readonly onDidChangeObjects = this.#objectsChanged.event;
  readonly #subscriptions: vscode.Disposable[];
  #tell: NodeJS.Timeout | undefined;
  /** One after the other: what was chosen last is told last. */
  #telling: Promise<void> = Promise.resolve();

  constructor(log: vscode.LogOutputChannel, chosen: ChosenPoints, onDidChangeSources: vscode.Event<void>) {
    this.#log = log;
    this.#chosen = chosen;
    const { debug } = vscode;
    this.#subscriptions = [
      debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
        createDebugAdapterTracker: (session) => ({ onDidSendMessage: (message) => this.#see(session, message) }),
      }),
      debug.onDidReceiveDebugSessionCustomEvent((event) => this.#take(event)),
      debug.onDidTerminateDebugSession((session) => this.#end(session)),
      chosen.onDidChange(() => this.#tellSoon()),
      onDidChangeSources(() => this.#tellSoon()),
    ];
  }

  /** The session in focus, else the newest. */
  get current(): vscode.DebugSession | undefined {
    const { activeDebugSession } = vscode.debug;
    if (activeDebugSession?.type === DEBUG_TYPE) return activeDebugSession;
    return [...this.#sessions.values()].at(-1);
  }

  /** @throws EventscopeError `debug.noSession` */
  require(): vscode.DebugSession {
    const { current } = this;
    if (current !== undefined) return current;
    throw new EventscopeError({
      id: 'debug.noSession',
      what: vscode.l10n.t('Nothing is being debugged'),
      next: vscode.l10n.t('Press F5 in a project first.'),
    });
  }

  /** @throws EventscopeError `debug.answer` when the adapter's answer is of another shape; the adapter's own refusal */
  async request<T extends v.GenericSchema>(
    session: vscode.DebugSession,
    command: string,
    args: object,
    schema: T,
  ): Promise<v.InferOutput<T>> {
    const answer = v.safeParse(schema, await session.customRequest(command, args));
    if (answer.success) return answer.output;
    const why = `${command}: ${answer.issues[0].message}`;
    throw new EventscopeError({ id: 'debug.answer', what: vscode.l10n.t('The debug adapter answered strangely'), why });
  }

  /** Objects that the session in focus knows. */
  get objects(): readonly DispatcherObject[] {
    const { current } = this;
    return current === undefined ? [] : (this.#objects.get(current.id) ?? []);
  }

  /** Points are told as breakpoints are: after `initialized`, before anything runs. */
  #see(session: vscode.DebugSession, message: unknown): void {
    if (!v.is(initializedEvent, message)) return;
    this.#sessions.set(session.id, session);
    if (!this.#chosen.isEmpty) this.#tellNow([session]);
  }

  #tellSoon(): void {
    if (this.#sessions.size === 0) return;
    clearTimeout(this.#tell);
    this.#tell = setTimeout(() => this.#tellAll(), TELL_PAUSE_MS);
  }

  #tellAll(): void {
    clearTimeout(this.#tell);
    this.#tell = undefined;
    this.#tellNow([...this.#sessions.values()]);
  }

  #tellNow(sessions: readonly vscode.DebugSession[]): void {
    this.#telling = this.#telling.then(async () => {
      const all = sessions.map((session) =>
        this.#tellPoints(session).catch((error: unknown) => this.#log.warn(`Debug session: ${asError(error).message}`)),
      );
      let limit: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => (limit = setTimeout(resolve, TELL_LIMIT_MS)));
      // A session that is slow to answer has been told, and does first what it was told first.
      await Promise.race([Promise.all(all), late]);
      clearTimeout(limit);
    });
  }

  /** Settles when the sessions know what is chosen now: a target that went on before would stop at what was unchecked. */
  async told(): Promise<void> {
    if (this.#tell !== undefined) this.#tellAll();
    await this.#telling;
  }

  async #tellPoints(session: vscode.DebugSession): Promise<void> {
    // Run without debugging: as with its own breakpoints, the editor tells of none.
    if (session.configuration['noDebug'] === true) return;
    const points = await this.#chosen.settings();
    if (!this.#sessions.has(session.id)) return;
    const answer = await this.request(session, DebugRequest.setPoints, { points }, setPointsBody);
    this.#chosen.takeStatuses(answer.points, true);
  }

  /** For the menus: what is recorded can be stopped. */
  setRecording(recording: boolean): void {
    void vscode.commands.executeCommand('setContext', 'eventscope.recordingTracepoints', recording);
  }

  #take({ session, event, body }: vscode.DebugSessionCustomEvent): void {
    if (session.type !== DEBUG_TYPE) return;
    if (event === DebugEventName.pointsChanged) {
      const changed = v.safeParse(setPointsBody, body);
      if (changed.success) this.#chosen.takeStatuses(changed.output.points, false);
    }
    if (event === DebugEventName.tracepointsEnded) this.setRecording(false);
    if (event === DebugEventName.dispatcherObjectsChanged) {
      const told = v.safeParse(dispatcherObjectsBody, body);
      if (told.success) this.#setObjects(session, told.output.objects);
    }
  }

  #setObjects(session: vscode.DebugSession, objects: readonly DispatcherObject[]): void {
    if (!this.#sessions.has(session.id)) return;
    this.#objects.set(session.id, objects);
    this.#objectsChanged.fire();
  }

  #end(session: vscode.DebugSession): void {
    if (!this.#sessions.delete(session.id)) return;
    this.#objects.delete(session.id);
    if (this.#sessions.size === 0) {
      this.#chosen.takeStatuses([], true);
      this.setRecording(false);
    }
    this.#objectsChanged.fire();
  }

  dispose(): void {
    clearTimeout(this.#tell);
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#objectsChanged.dispose();
  }
}

const initializedEvent = v.object({ type: v.literal('event'), event: v.literal('initialized') });
