/** What is shown under Problems: messages of the compiler and linker, and settings that are wrong. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { EventscopeError } from '../protocol/errors.js';
import type { Diagnostic, DiagnosticPlace } from '../target/toolchain/diagnostics.js';
import { settingFault, SETTINGS, type SettingName } from './settings.js';

/** The problem matcher of the tasks has the same owner: a later build replaces what an earlier one has said. */
const OWNER = 'eventscope';
/** Read by target/project.ts. */
const PROJECT_KEYS = ['eventscope.project', 'eventscope.targets'];

export class Problems implements vscode.Disposable {
  readonly #build = vscode.languages.createDiagnosticCollection(OWNER);
  readonly #settings = vscode.languages.createDiagnosticCollection('eventscope settings');
  readonly #log: vscode.LogOutputChannel;

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
  }

  /** At the start of a build. */
  clearBuild(): void {
    this.#build.clear();
  }

  showBuild(diagnostics: readonly Diagnostic[]): void {
    const byFile = new Map<string, vscode.Diagnostic[]>();
    for (const diagnostic of diagnostics) {
      // A linker's message names a tool or an object: it has no place in a text.
      if (!path.isAbsolute(diagnostic.file)) {
        this.#log.error(`${diagnostic.file}: ${diagnostic.message}`);
        continue;
      }
      const list = byFile.get(diagnostic.file) ?? [];
      byFile.set(diagnostic.file, list);
      list.push(toProblem(diagnostic));
    }
    this.#build.clear();
    for (const [file, list] of byFile) this.#build.set(vscode.Uri.file(file), list);
  }

  /**
   * Marks wrong and unknown settings where they stand: the project's own by the error that its reader threw, the others by
   * their checks. A folder without wrong settings loses its marks.
   */
  showSettings(folder: vscode.Uri, problem: Error | undefined): void {
    const file = path.join(folder.fsPath, '.vscode', 'settings.json');
    const ofProject = projectProblem(problem, file);
    void this.#checkSettings(file)
      .then((others) => this.#settings.set(vscode.Uri.file(file), [...ofProject, ...others]))
      .catch((error: unknown) => this.#log.error(String(error)));
  }

  /**
   * The project's settings are read from its folder alone, where the command line reads them too: elsewhere they are without effect, and
   * that is told. In a .code-workspace file where they stand; of the user's own settings nobody tells us the file.
   */
  async showMisplaced(): Promise<void> {
    const file = vscode.workspace.workspaceFile;
    if (file?.scheme === 'file') this.#settings.set(file, await misplacedIn(file.fsPath));
    const names = PROJECT_KEYS.filter(
      (key) => vscode.workspace.getConfiguration().inspect(key)?.globalValue !== undefined,
    );
    const told = names.filter((name) => !this.#told.has(name));
    for (const name of told) this.#told.add(name);
    if (told.length === 0) return;
    const open = vscode.l10n.t('Open User Settings');
    const message = vscode.l10n.t('{0} in the user settings has no effect. {1}', told.join(', '), whereTheyBelong());
    this.#log.warn(message);
    if ((await vscode.window.showWarningMessage(message, open)) === open) {
      await vscode.commands.executeCommand('workbench.action.openSettingsJson');
    }
  }
  readonly #told = new Set<string>();

  async #checkSettings(file: string): Promise<vscode.Diagnostic[]> {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch {
      return [];
    }
    const { findNodeAtLocation, getNodeValue, parseTree } = await import('jsonc-parser');
    const root = parseTree(text, [], { allowTrailingComma: true, allowEmptyContent: true });
    const lines = text.split('\n');
    const problems: vscode.Diagnostic[] = [];
    for (const property of root?.children ?? []) {
      const key: unknown = property.children?.[0]?.value;
      if (typeof key !== 'string' || !key.startsWith('eventscope.') || root === undefined) continue;
      const node = findNodeAtLocation(root, [key]);
      const fault = faultOf(key, node === undefined ? undefined : getNodeValue(node));
      if (fault === undefined) continue;
      const line = text.slice(0, property.offset).split('\n').length - 1;
      problems.push(settingsProblem(line, lines[line]?.length ?? 0, `${key}: ${fault.message}`, fault.severity));
    }
    return problems;
  }

  dispose(): void {
    this.#build.dispose();
    this.#settings.dispose();
  }
}

const whereTheyBelong = (): string =>
  vscode.l10n.t("They belong in .vscode/settings.json of the project's folder, where the command line reads them too.");

async function misplacedIn(workspaceFile: string): Promise<vscode.Diagnostic[]> {
  const text = await readFile(workspaceFile, 'utf8').catch(() => '');
  const { findNodeAtLocation, parseTree } = await import('jsonc-parser');
  const root = parseTree(text, [], { allowTrailingComma: true, allowEmptyContent: true });
  const lines = text.split('\n');
  return PROJECT_KEYS.flatMap((key) => {
    const node = root === undefined ? undefined : findNodeAtLocation(root, ['settings', key]);
    if (node?.parent === undefined) return [];
    const line = text.slice(0, node.parent.offset).split('\n').length - 1;
    const message = vscode.l10n.t('{0} has no effect here. {1}', key, whereTheyBelong());
    return [settingsProblem(line, lines[line]?.length ?? 0, message, vscode.DiagnosticSeverity.Warning)];
  });
}

function faultOf(key: string, value: unknown): { message: string; severity: vscode.DiagnosticSeverity } | undefined {
  if (PROJECT_KEYS.includes(key)) return undefined;
  const name = key.slice('eventscope.'.length);
  if (!Object.hasOwn(SETTINGS, name)) {
    return { message: vscode.l10n.t('Eventscope has no such setting'), severity: vscode.DiagnosticSeverity.Warning };
  }
  const message = settingFault(name as SettingName, value);
  return message === undefined ? undefined : { message, severity: vscode.DiagnosticSeverity.Error };
}

function projectProblem(problem: Error | undefined, settingsFile: string): vscode.Diagnostic[] {
  if (!(problem instanceof EventscopeError)) return [];
  if (problem.id !== 'project.settings' && problem.id !== 'project.syntax') return [];
  const { file, line, key } = problem.data;
  if (file !== settingsFile || typeof line !== 'number') return [];
  const message = [typeof key === 'string' ? key : problem.what, problem.why].filter(Boolean).join(': ');
  return [settingsProblem(line - 1, 1_000, message, vscode.DiagnosticSeverity.Error)];
}

function settingsProblem(
  line: number,
  length: number,
  message: string,
  severity: vscode.DiagnosticSeverity,
): vscode.Diagnostic {
  const problem = new vscode.Diagnostic(new vscode.Range(line, 0, line, length), message, severity);
  problem.source = OWNER;
  return problem;
}

const SEVERITIES: Readonly<Record<Diagnostic['severity'], vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  note: vscode.DiagnosticSeverity.Information,
};

function toProblem(diagnostic: Diagnostic): vscode.Diagnostic {
  const problem = new vscode.Diagnostic(rangeOf(diagnostic), diagnostic.message, SEVERITIES[diagnostic.severity]);
  problem.source = OWNER;
  if (diagnostic.code !== undefined) problem.code = diagnostic.code;
  problem.relatedInformation = diagnostic.related
    .filter((related) => path.isAbsolute(related.file))
    .map(
      (related) =>
        new vscode.DiagnosticRelatedInformation(
          new vscode.Location(vscode.Uri.file(related.file), rangeOf(related)),
          related.message,
        ),
    );
  return problem;
}

function rangeOf(place: DiagnosticPlace & Pick<Diagnostic, 'endLine' | 'endColumn'>): vscode.Range {
  const line = Math.max(0, place.line - 1);
  const column = Math.max(0, place.column - 1);
  return new vscode.Range(
    line,
    column,
    Math.max(line, (place.endLine ?? place.line) - 1),
    // Without an end VS Code takes the word at the place.
    Math.max(column, (place.endColumn ?? place.column) - 1),
  );
}
