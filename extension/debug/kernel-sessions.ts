/** The debug sessions of this window over a kernel's link. While one of them holds its machine, the views show what the kernel's memory tells. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
import { DebugEventName, dbgPrintBody } from '../../protocol/debug-requests.js';
import type { KernelSession } from '../views/services.js';
import { StoppedKernelClient } from './stopped-kernel.js';

/** A step goes on and stops again: the views stay as they are meanwhile. */
const GOES_ON_MS = 400;

const stopped = v.object({ type: v.literal('event'), event: v.literal('stopped') });
const continued = v.object({ type: v.literal('event'), event: v.picklist(['continued', 'terminated']) });
const goesOn = v.object({
  type: v.literal('response'),
  success: v.literal(true),
  command: v.picklist(['continue', 'next', 'stepIn', 'stepOut', 'goto', 'disconnect', 'terminate']),
});
const attached = v.object({
  type: v.literal('response'),
  success: v.literal(true),
  command: v.picklist(['attach', 'restart']),
});
const printed = v.object({ type: v.literal('event'), event: v.literal(DebugEventName.dbgPrint), body: dbgPrintBody });
const restart = v.object({ type: v.literal('request'), command: v.literal('restart') });
const kernelConfiguration = v.object({ kd: v.object({ connect: v.string() }) });

export class KernelSessions implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #subscriptions: vscode.Disposable[];
  readonly #print: (text: string) => void;
  readonly #sessions = new Map<string, KernelSession>();
  #current: { readonly session: vscode.DebugSession; readonly client: StoppedKernelClient } | undefined;
  #leaving: NodeJS.Timeout | undefined;

  /** @param print takes what a kernel prints */
  constructor(print: (text: string) => void) {
    this.#print = print;
    this.#subscriptions = [
      vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
        createDebugAdapterTracker: (session) => this.#track(session),
      }),
      vscode.debug.onDidTerminateDebugSession((session) => this.#end(session)),
    ];
  }

  /** Undefined: no machine is held by a kernel debugger. */
  get client(): StoppedKernelClient | undefined {
    return this.#current?.client;
  }

  get all(): readonly KernelSession[] {
    return [...this.#sessions.values()];
  }

  #track(session: vscode.DebugSession): vscode.DebugAdapterTracker | undefined {
    const { configuration } = session;
    if (!v.is(kernelConfiguration, configuration)) return undefined;
    const { connect } = configuration.kd;
    return {
      onWillStartSession: () => this.#enter(session, { name: configuration.name, connect, state: 'waiting' }),
      onWillReceiveMessage: (message) => {
        if (v.is(restart, message)) this.#leave(session, 'waiting', 0);
      },
      onDidSendMessage: (message) => this.#see(session, message),
      onExit: () => this.#end(session),
    };
  }

  #see(session: vscode.DebugSession, message: unknown): void {
    if (v.is(printed, message)) this.#print(message.body.text);
    else if (v.is(stopped, message)) this.#hold(session);
    else if (v.is(continued, message) || v.is(goesOn, message)) this.#leave(session, 'running', GOES_ON_MS);
    // One that stays stopped when it is attached to has said so before.
    else if (v.is(attached, message) && this.#sessions.get(session.id)?.state === 'waiting') {
      this.#become(session, 'running');
    }
  }

  #enter(session: vscode.DebugSession, entry: KernelSession): void {
    this.#sessions.set(session.id, entry);
    this.#changed.fire();
  }

  #become(session: vscode.DebugSession, state: KernelSession['state']): void {
    const before = this.#sessions.get(session.id);
    if (before !== undefined) this.#enter(session, { ...before, state });
  }

  /** A stop of its own each time: what was shown of the one before is read anew. */
  #hold(session: vscode.DebugSession): void {
    clearTimeout(this.#leaving);
    void this.#current?.client.close();
    const client = new StoppedKernelClient(session.name, (command, args) => session.customRequest(command, args));
    this.#current = { session, client };
    this.#become(session, 'stopped');
  }

  #leave(session: vscode.DebugSession, state: KernelSession['state'], afterMs: number): void {
    // Another one holds its machine by now.
    if (this.#current?.session.id !== session.id) {
      this.#become(session, state);
      return;
    }
    clearTimeout(this.#leaving);
    const { client } = this.#current;
    this.#leaving = setTimeout(() => {
      if (this.#current?.client !== client) return;
      this.#letGo();
      this.#become(session, state);
    }, afterMs);
  }

  #end(session: vscode.DebugSession): void {
    const held = this.#current?.session.id === session.id;
    if (held) this.#letGo();
    if (this.#sessions.delete(session.id) || held) this.#changed.fire();
  }

  #letGo(): void {
    clearTimeout(this.#leaving);
    void this.#current?.client.close();
    this.#current = undefined;
  }

  dispose(): void {
    this.#letGo();
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#changed.dispose();
  }
}
