/** Changed objects stand out in the tree for a moment: by a badge and by colour. */
import * as vscode from 'vscode';

const SCHEME = 'eventscope-object';
const SHOWN_MS = 2_000;

/** The address by which a tree item is decorated. */
export const objectUri = (typeName: string, path: string): vscode.Uri =>
  vscode.Uri.from({ scheme: SCHEME, path: `/${typeName}`, query: path });

export class Highlights implements vscode.FileDecorationProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri[]>();
  readonly onDidChangeFileDecorations = this.#changed.event;
  readonly #until = new Map<string, { readonly uri: vscode.Uri; readonly until: number; readonly isNew: boolean }>();
  readonly #registration = vscode.window.registerFileDecorationProvider(this);
  #timer: NodeJS.Timeout | undefined;

  mark(uris: readonly vscode.Uri[], isNew: boolean): void {
    if (uris.length === 0) return;
    const until = Date.now() + SHOWN_MS;
    for (const uri of uris) this.#until.set(uri.toString(), { uri, until, isNew });
    this.#changed.fire([...uris]);
    this.#timer ??= setTimeout(() => this.#expire(), SHOWN_MS);
  }

  provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
    if (uri.scheme !== SCHEME) return undefined;
    const marked = this.#until.get(uri.toString());
    if (marked === undefined) return undefined;
    return marked.isNew
      ? new vscode.FileDecoration('+', vscode.l10n.t('appeared just now'), new vscode.ThemeColor('charts.green'))
      : new vscode.FileDecoration('●', vscode.l10n.t('changed just now'), new vscode.ThemeColor('charts.yellow'));
  }

  #expire(): void {
    this.#timer = undefined;
    const now = Date.now();
    const gone: vscode.Uri[] = [];
    let next: number | undefined;
    for (const [key, { uri, until }] of this.#until) {
      if (until <= now) {
        this.#until.delete(key);
        gone.push(uri);
      } else next = Math.min(next ?? until, until);
    }
    if (gone.length > 0) this.#changed.fire(gone);
    if (next !== undefined) this.#timer = setTimeout(() => this.#expire(), Math.max(50, next - now));
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#registration.dispose();
    this.#changed.dispose();
  }
}
