/** Values at the ends of lines while the target is stopped: variables, and the objects that signal and wait points name. */
import * as vscode from 'vscode';
import type { WorkspacePoints } from '../source/workspace-points.js';
import { inlineNames } from './inline-names.js';

export class InlineValues implements vscode.InlineValuesProvider {
  readonly #sources: WorkspacePoints;

  constructor(sources: WorkspacePoints) {
    this.#sources = sources;
  }

  async provideInlineValues(
    document: vscode.TextDocument,
    viewPort: vscode.Range,
    { stoppedLocation }: vscode.InlineValueContext,
  ): Promise<vscode.InlineValue[]> {
    const stopped = Math.min(stoppedLocation.end.line, document.lineCount - 1);
    const names = inlineNames((line) => document.lineAt(line).text, stopped);
    const variables = names
      .filter(({ line }) => line >= viewPort.start.line && line <= viewPort.end.line)
      .map(({ name, line, column }) => {
        const range = new vscode.Range(line, column, line, column + name.length);
        return new vscode.InlineValueVariableLookup(range, name, true);
      });
    const points = await this.#sources.ofDocument(document);
    const objects = points
      .filter(({ line, expression }) => line === stopped && expression !== undefined && !/[(,]/.test(expression))
      .map(({ line, column, endColumn, expression }) => {
        const range = new vscode.Range(line, column, line, endColumn);
        return new vscode.InlineValueEvaluatableExpression(range, expression);
      });
    return [...variables, ...objects];
  }
}
