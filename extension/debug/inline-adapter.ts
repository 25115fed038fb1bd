/** The debug adapter inside the extension: the session of the stand-alone one, without a process and a transport of its own. */
import * as vscode from 'vscode';
import type { DebugProtocol } from '@vscode/debugprotocol';
import * as v from 'valibot';
import type { Configuration } from '../../debug-adapter/session/configuration.js';
import type { Debuggee, DebuggeeStarter, StartOperation } from '../../debug-adapter/session/debuggee.js';
import type { DebugSession } from '../../debug-adapter/session/debug-session.js';
import { DebugRequest } from '../../protocol/debug-requests.js';
import { requireTrust } from '../connection.js';
import type { ExtensionServices } from '../context.js';
import type { RecordingWatcher } from '../../debug-adapter/session/session-recording.js';
import type { WatchedRecording } from '../context.js';
import { builtIdentities, diagnosticsOf, extensionVersion } from '../driver-actions.js';
import type { DebugSessions } from './debug-sessions.js';

/** Loaded with the first session: the disassembler and the engines take longer to load than all the rest. */
async function loadAdapter(): Promise<{
  readonly newSession: (options: ConstructorParameters<typeof DebugSession>[0]) => DebugSession;
  readonly newStarter: () => DebuggeeStarter;
}> {
  const [session, starter] = await Promise.all([
    import('../../debug-adapter/session/debug-session.js'),
    import('../../debug-adapter/session/project-starter.js'),
  ]);
  return {
    newSession: (options) => new session.DebugSession(options),
    newStarter: () => new starter.ProjectStarter(),
  };
}

export class InlineAdapterFactory implements vscode.DebugAdapterDescriptorFactory {
  readonly #services: ExtensionServices;
  readonly #sessions: DebugSessions;

  constructor(services: ExtensionServices, sessions: DebugSessions) {
    this.#services = services;
    this.#sessions = sessions;
  }

  async createDebugAdapterDescriptor({
    id,
    workspaceFolder,
  }: vscode.DebugSession): Promise<vscode.DebugAdapterDescriptor> {
    requireTrust();
    const { newSession, newStarter } = await loadAdapter();
    const starter = new WindowStarter(this.#services, id, newStarter());
    const adapter = new InlineAdapter(this.#services, this.#sessions, (send) =>
      newSession({
        starter,
        send,
        recordings: new WindowRecordings(this.#services, workspaceFolder),
        log: (text) => this.#services.log.error(text),
      }),
    );
    return new vscode.DebugAdapterInlineImplementation(adapter);
  }
}

/** Recordings of a session on the timeline of this window. */
class WindowRecordings implements RecordingWatcher {
  readonly #services: ExtensionServices;
  readonly #folder: vscode.WorkspaceFolder | undefined;
  #watched: WatchedRecording | undefined;

  constructor(services: ExtensionServices, folder: vscode.WorkspaceFolder | undefined) {
    this.#services = services;
    this.#folder = folder;
  }

  async versions(): Promise<Readonly<Record<string, string>>> {
    const folder = this.#folder === undefined ? undefined : this.#services.folderOf(this.#folder.uri);
    const project = folder?.project;
    // What was deployed by other means has no build here.
    const builds = project === undefined ? {} : await builtIdentities(project).catch(() => ({}));
    return { eventscope: extensionVersion(this.#services), ...builds };
  }

  began(...[title, soFar]: Parameters<RecordingWatcher['began']>): void {
    this.#watched = this.#services.recordings?.watch(title);
    this.#watched?.began(soFar);
  }

  grew(): void {
    this.#watched?.grew();
  }

  ended(file: string | undefined): void {
    this.#watched?.ended(file === undefined ? undefined : vscode.Uri.file(file));
    this.#watched = undefined;
  }
}

/** What lets the target go on: what is chosen is told before. */
const goingOn = v.object({
  type: v.literal('request'),
  command: v.picklist([
    ...(['continue', 'next', 'stepIn', 'stepOut'] as const),
    ...([DebugRequest.followSignal, DebugRequest.runToNextSignal] as const),
    ...([DebugRequest.runToNextWait, DebugRequest.whoSignals] as const),
  ]),
});

class InlineAdapter extends vscode.Disposable implements vscode.DebugAdapter {
  readonly #messages = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  readonly onDidSendMessage = this.#messages.event;
  readonly #services: ExtensionServices;
  readonly #sessions: DebugSessions;
  readonly #session: DebugSession;

  constructor(
    services: ExtensionServices,
    sessions: DebugSessions,
    newSession: (send: (message: DebugProtocol.ProtocolMessage) => void) => DebugSession,
  ) {
    super(() => services.inBackground(this.#session.dispose().finally(() => this.#messages.dispose())));
    this.#services = services;
    this.#sessions = sessions;
    this.#session = newSession((message) => this.#messages.fire(message));
  }

  handleMessage(message: vscode.DebugProtocolMessage): void {
    const given = message as DebugProtocol.ProtocolMessage;
    const take = (): void => this.#session.handleMessage(given);
    if (v.is(goingOn, given)) this.#services.inBackground(this.#sessions.told().then(take));
    else take();
  }
}

/** Starts as the command line does, as a job of this window: one at a time in a folder, compiler errors under Problems. */
class WindowStarter implements DebuggeeStarter {
  readonly #services: ExtensionServices;
  readonly #session: string;
  readonly #starter: DebuggeeStarter;

  constructor(services: ExtensionServices, session: string, starter: DebuggeeStarter) {
    this.#services = services;
    this.#session = session;
    this.#starter = starter;
  }

  async start(configuration: Configuration, operation: StartOperation): Promise<Debuggee> {
    const services = this.#services;
    const { project } = configuration;
    const folder = project === undefined ? undefined : services.folderOf(vscode.Uri.file(project));
    if (folder === undefined) return this.#starter.start(configuration, operation);
    const builds = configuration.request === 'launch' && configuration.build;
    const deploys = builds && configuration.deploy;
    if (builds) services.problems.clearBuild();
    try {
      const title = vscode.l10n.t('Starting the debugger');
      // Two sessions never share one start: the key is the session's own.
      const key = `debug:${this.#session}`;
      const debuggee = await services.jobs.runIn(folder.folder.uri, key, title, operation, (job) =>
        this.#starter.start(configuration, { ...job, output: (text) => operation.output(text) }),
      );
      if (builds) services.reached('built');
      if (deploys) services.reached('deployed');
      return debuggee;
    } catch (error) {
      services.problems.showBuild(diagnosticsOf(error));
      throw error;
    } finally {
      if (deploys) folder.driverChanged();
    }
  }
}
