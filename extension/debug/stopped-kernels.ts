/** Which kernel a debug session of this window holds now: while it does, the views show what its memory tells. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
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
const kernelConfiguration = v.object({ kd: v.object({ connect: v.string() }) });

export class StoppedKernels implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #subscriptions: vscode.Disposable[];
  #current: { readonly session: vscode.DebugSession; readonly client: StoppedKernelClient } | undefined;
  #leaving: NodeJS.Timeout | undefined;

  constructor() {
    this.#subscriptions = [
      vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
        createDebugAdapterTracker: (session) =>
          v.is(kernelConfiguration, session.configuration)
            ? { onDidSendMessage: (message) => this.#see(session, message), onExit: () => this.#leave(session, 0) }
            : undefined,
      }),
      vscode.debug.onDidTerminateDebugSession((session) => this.#leave(session, 0)),
    ];
  }

  /** Undefined: no machine is held by a kernel debugger. */
  get client(): StoppedKernelClient | undefined {
    return this.#current?.client;
  }

  #see(session: vscode.DebugSession, message: unknown): void {
    if (v.is(stopped, message)) this.#hold(session);
    else if (v.is(continued, message)) this.#leave(session, GOES_ON_MS);
    else if (v.is(goesOn, message)) this.#leave(session, GOES_ON_MS);
  }

  /** A stop of its own each time: what was shown of the one before is read anew. */
  #hold(session: vscode.DebugSession): void {
    clearTimeout(this.#leaving);
    void this.#current?.client.close();
    const client = new StoppedKernelClient(session.name, (command, args) => session.customRequest(command, args));
    this.#current = { session, client };
    this.#changed.fire();
  }

  #leave(session: vscode.DebugSession, afterMs: number): void {
    if (this.#current?.session.id !== session.id) return;
    clearTimeout(this.#leaving);
    const { client } = this.#current;
    this.#leaving = setTimeout(() => {
      if (this.#current?.client !== client) return;
      void client.close();
      this.#current = undefined;
      this.#changed.fire();
    }, afterMs);
  }

  dispose(): void {
    clearTimeout(this.#leaving);
    void this.#current?.client.close();
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#changed.dispose();
  }
}
