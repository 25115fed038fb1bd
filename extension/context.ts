/** What the parts of the extension share: folders with their connections, the log, the work that goes on. */
import * as vscode from 'vscode';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import type { Project } from '../target/project.js';
import type { Target } from '../target/target.js';
import type { Recording, RecordingStop } from '../trace/recording.js';
import { FolderConnection } from './connection.js';
import type { StoppedKernelClient } from './debug/stopped-kernel.js';
import { showFailure } from './failure.js';
import { Jobs } from './jobs.js';
import { createLog, DbgPrintOutput } from './output.js';
import { Problems } from './problems.js';
import type { AgentConnection, Connection, KernelConnection, KernelSession, ViewServices } from './views/services.js';

const CHOSEN_FOLDER = 'folder';

/** Context keys that steps of the walkthrough wait for: each is set by what happened. */
export type Milestone = 'machineReady' | 'built' | 'deployed' | 'applicationRan' | 'objectSignaled';

/** Shows a recording while it is made. */
export interface RecordingWatcher {
  watch(title: string): WatchedRecording;
  /** When the debugger held the target in this time, ms since 1970. */
  stopsWithin(fromUtcMs: number, untilUtcMs: number): RecordingStop[];
}
export interface WatchedRecording {
  /** @param soFar the recording as it is now; may be asked at any time */
  began(soFar: () => Recording): void;
  grew(): void;
  /** @param file where it was kept; undefined: it was not */
  ended(file: vscode.Uri | undefined): void;
}

export class ExtensionServices implements ViewServices, vscode.Disposable {
  readonly context: vscode.ExtensionContext;
  readonly log = createLog();
  readonly dbgPrint = new DbgPrintOutput(this.log);
  readonly jobs = new Jobs(this.log);
  readonly problems = new Problems(this.log);
  /** Asks before what cannot be undone. Tests answer in its place: a test host shows no dialogs. */
  confirm: (message: string, detail: string, button: string) => Thenable<boolean> = confirmInDialog;
  /** Undefined until the timeline is there. */
  recordings: RecordingWatcher | undefined;
  readonly #folders = new Map<string, FolderConnection>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTarget = this.#changed.event;
  readonly #subscriptions: vscode.Disposable[];
  #tracing = 0;

  constructor(context: vscode.ExtensionContext) {
    this.context = context;
    this.#subscriptions = [
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.#takeFolders()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#changed.fire()),
      this.onDidChangeTarget(() => this.#setContextKeys()),
      this.jobs.onDidChange(() => this.#setContextKeys()),
    ];
    this.#takeFolders();
  }

  #takeFolders(): void {
    const now = vscode.workspace.workspaceFolders ?? [];
    for (const [key, folder] of this.#folders) {
      if (now.some((candidate) => candidate.uri.toString() === key)) continue;
      this.#folders.delete(key);
      this.inBackground(folder.disconnect().finally(() => folder.dispose()));
    }
    for (const folder of now) {
      const key = folder.uri.toString();
      if (folder.uri.scheme !== 'file' || this.#folders.has(key)) continue;
      const connection = new FolderConnection(folder, this.context.workspaceState, async () => {
        const { prepareInstallation } = await import('./machine-setup.js');
        await prepareInstallation(this.context);
      });
      this.#folders.set(key, connection);
      connection.onDidChange(() => {
        this.problems.showSettings(folder.uri, connection.problem);
        this.#follow(connection);
        this.#changed.fire();
      });
    }
    this.#changed.fire();
  }

  #followed: Connection['client'] | undefined;

  /** Debug output is shown of the folder that is chosen. */
  #follow(folder: FolderConnection): void {
    const { connection } = folder;
    if (connection === undefined || folder !== this.folder || this.#followed === connection.client) return;
    this.#followed = connection.client;
    this.inBackground(this.dbgPrint.follow(connection));
  }

  /** Reads the projects: a few small files, nothing is started. */
  async load(): Promise<void> {
    await Promise.all([...this.#folders.values()].map((folder) => folder.load()));
  }

  get folders(): readonly FolderConnection[] {
    return [...this.#folders.values()];
  }

  /** The chosen folder; else the first with a project, else the first. */
  get folder(): FolderConnection | undefined {
    const chosen = this.#folders.get(this.context.workspaceState.get<string>(CHOSEN_FOLDER) ?? '');
    return chosen ?? this.folders.find(({ project }) => project !== undefined) ?? this.folders[0];
  }

  /** @throws EventscopeError `workspace.noFolder` */
  requireFolder(): FolderConnection {
    const { folder } = this;
    if (folder !== undefined) return folder;
    throw new EventscopeError({
      id: 'workspace.noFolder',
      what: vscode.l10n.t('No folder is open'),
      next: vscode.l10n.t('Open the folder of a project, or run "New Shared-Event Project".'),
    });
  }

  async select(folder: FolderConnection, target: string): Promise<void> {
    await this.context.workspaceState.update(CHOSEN_FOLDER, folder.folder.uri.toString());
    await folder.select(target);
    this.#changed.fire();
  }

  folderOf(uri: vscode.Uri): FolderConnection | undefined {
    return this.#folders.get(uri.toString());
  }

  get project(): Project | undefined {
    return this.folder?.project;
  }
  get target(): Target | undefined {
    return this.folder?.target;
  }
  get problem(): Error | undefined {
    return this.folder?.problem;
  }
  get connection(): Connection | undefined {
    return this.#stopped ?? this.folder?.connection;
  }

  #stopped: KernelConnection | undefined;
  #kernels: readonly KernelSession[] = [];
  #silences: (() => void)[] = [];

  get kernelSessions(): readonly KernelSession[] {
    return this.#kernels;
  }

  /**
   * What goes on over the links of kernels. While a debugger holds a machine, which has a client then, views are filled from its memory, and
   * agents that stand still with it are not called lost. Which of the targets it is nobody can tell, so none is.
   */
  takeKernels(sessions: readonly KernelSession[], client: StoppedKernelClient | undefined): void {
    this.#kernels = sessions;
    if (client !== this.#stopped?.client) this.#hold(client);
    this.#changed.fire();
  }

  #hold(client: StoppedKernelClient | undefined): void {
    for (const end of this.#silences.splice(0)) end();
    this.#stopped = undefined;
    if (client === undefined) return;
    this.#stopped = { project: this.project, client, stoppedKernel: client };
    this.#silences = this.folders.flatMap(({ connection }) => connection?.client.expectSilence() ?? []);
  }

  async connect(): Promise<AgentConnection> {
    const folder = this.requireFolder();
    if (folder.connection !== undefined) return folder.connection;
    return vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: vscode.l10n.t('Starting the target'),
        cancellable: true,
      },
      (progress, token) => {
        const controller = new AbortController();
        token.onCancellationRequested(() => controller.abort());
        return folder.connect({ signal: controller.signal, progress: (message) => progress.report({ message }) });
      },
    );
  }

  get tracing(): boolean {
    return this.#tracing > 0;
  }

  /** While `work` runs, this window records a trace. */
  async whileTracing<T>(work: () => Promise<T>): Promise<T> {
    this.#tracing += 1;
    try {
      return await work();
    } finally {
      this.#tracing -= 1;
    }
  }

  showError(error: unknown): void {
    showFailure(error, this.log);
  }

  /** For work that nobody waits for: its failure goes to the log. */
  inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof CancelledError)) this.log.error(error instanceof Error ? error : String(error));
    });
  }

  reached(milestone: Milestone): void {
    this.#setContext(milestone, true);
  }

  /** For the menus: a trace is being recorded until it is stopped. */
  setRecording(recording: boolean): void {
    this.#setContext('recording', recording);
  }

  #setContextKeys(): void {
    const { folder } = this;
    this.#setContext('hasProject', folder?.project !== undefined);
    this.#setContext('connection', folder?.state ?? 'stopped');
    this.#setContext('kernel', this.#kernels.at(-1)?.state);
    this.#setContext('busy', folder !== undefined && this.jobs.current(folder.folder.uri) !== undefined);
  }

  readonly #keys = new Map<string, unknown>();

  #setContext(key: string, value: unknown): void {
    if (this.#keys.get(key) === value) return;
    this.#keys.set(key, value);
    void vscode.commands.executeCommand('setContext', `eventscope.${key}`, value);
  }

  /** Ends what goes on and this window's agents, so that nothing of ours stays behind. */
  async end(): Promise<void> {
    await this.jobs.end();
    await Promise.allSettled(this.folders.map((folder) => folder.disconnect()));
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    for (const folder of this.folders) folder.dispose();
    this.#changed.dispose();
    this.problems.dispose();
    this.jobs.dispose();
    this.dbgPrint.dispose();
    this.log.dispose();
  }
}

async function confirmInDialog(message: string, detail: string, button: string): Promise<boolean> {
  return (await vscode.window.showWarningMessage(message, { modal: true, detail }, button)) === button;
}
