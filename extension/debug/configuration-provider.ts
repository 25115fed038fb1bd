/** What is debugged: configurations for launch.json, for the list without one, and for F5 with nothing at all. */
import type * as vscode from 'vscode';
import { splitCommandLine } from '../../machine/command-line.js';
import { type FolderConnection, requireTrust } from '../connection.js';
import type { ExtensionServices } from '../context.js';
import { launchConfiguration, type LaunchJson, offeredConfigurations, withDefaults } from './launch-configurations.js';

export class ConfigurationProvider implements vscode.DebugConfigurationProvider {
  readonly #services: ExtensionServices;

  constructor(services: ExtensionServices) {
    this.#services = services;
  }

  async provideDebugConfigurations(folder: vscode.WorkspaceFolder | undefined): Promise<vscode.DebugConfiguration[]> {
    const own = this.#folderOf(folder);
    if (own === undefined) return [];
    if (own.project === undefined) await own.load();
    return own.project === undefined ? [] : offeredConfigurations(own.project, this.#lastArguments(own));
  }

  /** F5 with no launch.json comes with an empty configuration. Undefined: nothing is started, and why was told. */
  async resolveDebugConfiguration(
    folder: vscode.WorkspaceFolder | undefined,
    given: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    return this.#orTell(async () => {
      requireTrust();
      const own = this.#folderOf(folder) ?? this.#services.requireFolder();
      const isEmpty = !isGiven(given.type) && !isGiven(given.request);
      const chosen: LaunchJson = isEmpty
        ? { ...launchConfiguration(await own.requireProject(), this.#lastArguments(own)), ...withoutDebugging(given) }
        : given;
      if (own.project === undefined) await own.load();
      return withDefaults(chosen, own.folder.uri.fsPath, own.isProject, own.target?.name);
    });
  }

  /** Just before the adapter: what it needs of this machine is looked for, and texts are saved that it would build. */
  async resolveDebugConfigurationWithSubstitutedVariables(
    _folder: vscode.WorkspaceFolder | undefined,
    given: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    return this.#orTell(async () => {
      const { prepareInstallation } = await import('../machine-setup.js');
      await prepareInstallation(this.#services.context);
      return given;
    });
  }

  #folderOf(folder: vscode.WorkspaceFolder | undefined): FolderConnection | undefined {
    return folder === undefined ? this.#services.folder : this.#services.folderOf(folder.uri);
  }

  #lastArguments(own: FolderConnection): string[] {
    const line = this.#services.context.workspaceState.get<string>(`arguments:${own.folder.uri.toString()}`) ?? '';
    // A program's name goes before: what stands first on a command line is split by other rules.
    return splitCommandLine(`program ${line}`).slice(1);
  }

  async #orTell<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#services.showError(error);
      return undefined;
    }
  }
}

/** "Run Without Debugging" with no launch.json. */
const withoutDebugging = (given: vscode.DebugConfiguration): { readonly noDebug?: true } =>
  given['noDebug'] === true ? { noDebug: true } : {};

/** VS Code's types promise these fields; F5 with no launch.json gives neither. */
const isGiven = (field: unknown): boolean => typeof field === 'string' && field !== '';
