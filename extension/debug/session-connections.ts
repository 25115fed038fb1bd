/**
 * While a project is debugged its target runs: the window's views connect to it as well. At the first stop, because an agent that starts
 * takes time from what a person waits for until then.
 */
import * as vscode from 'vscode';
import * as v from 'valibot';
import { DEBUG_TYPE } from '../../debug-adapter/session/configuration.js';
import type { ExtensionServices } from '../context.js';

const stopped = v.object({ type: v.literal('event'), event: v.literal('stopped') });
/** Of a session with an agent; one over a kernel's link needs none. */
const debugged = v.object({ project: v.string(), target: v.optional(v.string()), kd: v.optional(v.undefined()) });

export class SessionConnections implements vscode.DebugAdapterTrackerFactory, vscode.Disposable {
  readonly #services: ExtensionServices;
  readonly #registration: vscode.Disposable;
  readonly #disposed = new AbortController();

  constructor(services: ExtensionServices) {
    this.#services = services;
    this.#registration = vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, this);
  }

  createDebugAdapterTracker({ configuration }: vscode.DebugSession): vscode.DebugAdapterTracker | undefined {
    const given = v.safeParse(debugged, configuration);
    if (!given.success) return undefined;
    const { project, target } = given.output;
    let isFirst = true;
    return {
      onDidSendMessage: (message) => {
        if (!isFirst || !v.is(stopped, message)) return;
        isFirst = false;
        this.#connect(project, target);
      },
    };
  }

  #connect(project: string, target: string | undefined): void {
    const services = this.#services;
    const folder = services.folderOf(vscode.Uri.file(project));
    if (folder?.state !== 'stopped' || (target !== undefined && target !== folder.target?.name)) return;
    const progress = (message: string): void => services.log.info(message);
    services.inBackground(folder.connect({ signal: this.#disposed.signal, progress }));
  }

  dispose(): void {
    this.#disposed.abort();
    this.#registration.dispose();
  }
}
