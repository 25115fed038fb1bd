/**
 * What a workspace folder is connected to: its project, the target that is chosen, and this window's agent there. Views and
 * commands share one connection per folder.
 */
import * as vscode from 'vscode';
import { EventscopeError } from '../protocol/errors.js';
import type { AgentClient } from '../target/agent-client.js';
import { asError } from '../target/operation.js';
import type { Project } from '../target/project.js';
import type { Operation, Target } from '../target/target.js';
import type { AgentConnection } from './views/services.js';

export type ConnectionState =
  /** Nobody has asked for it yet, or it was ended on purpose. */
  | 'stopped'
  | 'starting'
  | 'running'
  /** It could not be made, or was lost: `problem` says why. The next one who asks tries again. */
  | 'broken';

export class FolderConnection implements vscode.Disposable {
  readonly folder: vscode.WorkspaceFolder;
  readonly #memento: vscode.Memento;
  readonly #prepare: () => Promise<void>;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #state: ConnectionState = 'stopped';
  #project: Project | undefined;
  #target: Target | undefined;
  #connection: AgentConnection | undefined;
  #problem: Error | undefined;
  #loading: Promise<void> | undefined;
  #connecting: Promise<AgentConnection> | undefined;
  #disposed = false;

  /** @param prepare runs before each agent is started, such as looking for what agents run on */
  constructor(folder: vscode.WorkspaceFolder, memento: vscode.Memento, prepare: () => Promise<void>) {
    this.folder = folder;
    this.#memento = memento;
    this.#prepare = prepare;
  }

  get state(): ConnectionState {
    return this.#state;
  }
  /** Undefined: not read yet, none, or its settings are wrong (`problem`). */
  get project(): Project | undefined {
    return this.#project;
  }
  get target(): Target | undefined {
    return this.#target;
  }
  get connection(): AgentConnection | undefined {
    return this.#connection;
  }
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** Whether the folder, once it was loaded, is a project: without mistakes or with them. */
  get isProject(): boolean {
    return !(this.#problem instanceof EventscopeError && this.#problem.id === 'project.missing');
  }

  /** Name of the chosen target; undefined: the project's first. */
  get #chosen(): string | undefined {
    return this.#memento.get<string>(this.#key);
  }
  get #key(): string {
    return `target:${this.folder.uri.toString()}`;
  }

  /** Reads the project again; what is wrong with it becomes `problem`. Starts nothing. */
  load(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
      this.#changed.fire();
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const before = { project: this.#project, target: this.#target };
    try {
      const { loadProject } = await import('../target/project.js');
      this.#project = await loadProject(this.folder.uri.fsPath);
      if (this.#state !== 'broken') this.#problem = undefined;
    } catch (error) {
      this.#project = undefined;
      this.#target = undefined;
      this.#problem = asError(error);
      await this.disconnect();
      return;
    }
    const settings = this.#settingsOf(this.#project);
    const { project, target } = before;
    const opened = project?.targets.find(({ name }) => name === target?.name);
    if (target !== undefined && target.name === settings?.name && sameSettings(settings, opened)) {
      if (this.#connection !== undefined) this.#connection = { ...this.#connection, project: this.#project };
      return;
    }
    await this.disconnect();
    this.#target = undefined;
    try {
      const { openTarget } = await import('../target/targets.js');
      this.#target = await openTarget(this.#project, settings?.name);
    } catch (error) {
      // The project is well; its tools are not.
      this.#problem = asError(error);
    }
  }

  #settingsOf(project: Project): Project['targets'][number] | undefined {
    return project.targets.find((target) => target.name === this.#chosen) ?? project.targets[0];
  }

  /** @throws EventscopeError what loadProject and openTarget throw */
  async require(): Promise<{ readonly project: Project; readonly target: Target }> {
    if (this.#project === undefined || this.#target === undefined) await this.load();
    if (this.#project !== undefined && this.#target !== undefined) {
      return { project: this.#project, target: this.#target };
    }
    throw this.#problem ?? new Error('A project without a problem has a target');
  }

  /** The project alone: enough to build. */
  async requireProject(): Promise<Project> {
    if (this.#project === undefined) await this.load();
    if (this.#project !== undefined) return this.#project;
    throw this.#problem ?? new Error('A folder without a problem has a project');
  }

  async select(name: string): Promise<void> {
    await this.#memento.update(this.#key, name);
    await this.load();
  }

  /**
   * The connection that is there, or a new one: starts the target when it is stopped. Who asks while one is being made gets
   * that one.
   * @throws EventscopeError `workspace.untrusted`, and what starting and connecting throw; CancelledError
   */
  async connect(operation: Operation): Promise<AgentConnection> {
    if (this.#connection !== undefined) return this.#connection;
    requireTrust();
    this.#connecting ??= this.#connect(operation).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(operation: Operation): Promise<AgentConnection> {
    this.#enter('starting', undefined);
    let client: AgentClient | undefined;
    try {
      const { project, target } = await this.require();
      await this.#prepare();
      operation.progress(vscode.l10n.t('Starting {0}', target.name));
      await target.start(operation);
      client = await target.connect(operation);
      if (this.#disposed || this.#target !== target) {
        throw new EventscopeError({
          id: 'connection.replaced',
          what: vscode.l10n.t('The connection to {0} was given up', target.name),
          why: vscode.l10n.t('another target was chosen meanwhile'),
        });
      }
      const connection: AgentConnection = { project, target, client };
      this.#connection = connection;
      this.#watch(client, target);
      this.#enter('running', undefined);
      return connection;
    } catch (error) {
      await client?.close();
      const cancelled = operation.signal.aborted;
      this.#enter(cancelled ? 'stopped' : 'broken', cancelled ? undefined : asError(error));
      throw error;
    }
  }

  #watch(client: AgentClient, target: Target): void {
    void client.closed.then((error) => {
      if (this.#connection?.client !== client) return;
      this.#connection = undefined;
      const lost = new EventscopeError({
        id: 'connection.lost',
        what: vscode.l10n.t('The agent is gone'),
        target: target.name,
        ...(error === undefined ? {} : { why: error.message }),
        next: vscode.l10n.t('Run "Start Target" to connect again.'),
      });
      this.#enter(error === undefined ? 'stopped' : 'broken', error === undefined ? undefined : lost);
    });
  }

  #enter(state: ConnectionState, problem: Error | undefined): void {
    this.#state = state;
    this.#problem = problem;
    if (!this.#disposed) this.#changed.fire();
  }

  /** Ends our agent; the target and its driver run on. */
  async disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) await connection.client.close();
    if (this.#state === 'running' || this.#state === 'broken') this.#enter('stopped', this.#problem);
  }

  /** A command changed the driver: views look again. */
  driverChanged(): void {
    this.#changed.fire();
  }

  dispose(): void {
    this.#disposed = true;
    this.#changed.dispose();
  }
}

const sameSettings = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** @throws EventscopeError `workspace.untrusted`: in an untrusted folder trees are shown, and nothing runs */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new EventscopeError({
    id: 'workspace.untrusted',
    what: vscode.l10n.t('Nothing was started'),
    why: vscode.l10n.t('this workspace is not trusted'),
    next: vscode.l10n.t('Run "Workspaces: Manage Workspace Trust" if you trust its authors.'),
  });
}
