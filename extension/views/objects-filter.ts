/** The filter of Named Objects: by type, and by text over the whole namespace from an index that a first search fills. */
import * as vscode from 'vscode';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { ListedEntry } from '../../target/namespace-directory.js';
import { NamespaceIndex } from '../../target/namespace-index.js';
import type { Connection, ViewServices } from './services.js';
import { TraceGuard } from './trace-guard.js';

/** As many as anybody reads; the message says how many more there are. */
const MAX_RESULTS = 200;
/** An index older than this is filled anew when the next search begins. */
const FRESH_MS = 30_000;

const USUAL_TYPES = [
  ...['Event', 'Semaphore', 'Mutant', 'Timer', 'Section', 'SymbolicLink', 'Device', 'Driver', 'Key', 'Callback'],
];

export class ObjectsFilter implements vscode.Disposable {
  readonly #services: ViewServices;
  readonly #guard: TraceGuard;
  readonly #onChange: () => void;
  #index = new NamespaceIndex();
  #filledAt = 0;
  #filling: AbortController | undefined;
  #failure: string | undefined;
  #text = '';
  #types: ReadonlySet<string> = new Set();
  #total = 0;
  #shown = 0;

  constructor(services: ViewServices, onChange: () => void) {
    this.#services = services;
    this.#guard = new TraceGuard(services);
    this.#onChange = onChange;
  }

  /** A text is searched for; a filter by type alone leaves the tree a tree. */
  get active(): boolean {
    return this.#text !== '';
  }
  get text(): string {
    return this.#text;
  }
  get types(): ReadonlySet<string> {
    return this.#types;
  }

  /** By type; what leads on to objects of a type is always wanted. */
  wants({ typeName }: ListedEntry): boolean {
    return this.#types.size === 0 || typeName === 'Directory' || this.#types.has(typeName);
  }

  /** What the view says above its tree. */
  get message(): string | undefined {
    const types = this.#types.size === 0 ? '' : [...this.#types].join(', ');
    if (!this.active) return types === '' ? undefined : vscode.l10n.t('Only {0}', types);
    const { entries, refused, truncated } = this.#index.progress;
    const parts = [
      vscode.l10n.t('“{0}”: {1} of {2} objects', this.#text, this.#total, entries),
      types === '' ? '' : vscode.l10n.t('only {0}', types),
      this.#total > this.#shown ? vscode.l10n.t('the first {0} are shown', this.#shown) : '',
      this.#filling === undefined ? '' : vscode.l10n.t('still searching'),
      refused.length === 0 ? '' : vscode.l10n.t('{0} directories could not be listed', refused.length),
      truncated ? vscode.l10n.t('the namespace is larger than what is searched') : '',
      this.#failure ?? '',
    ];
    return parts.filter((part) => part !== '').join(' · ');
  }

  /** What matches, from the index as it is now; it is filled when it is empty or old. */
  results(connection: Connection): readonly ListedEntry[] {
    if (this.#filling === undefined && Date.now() - this.#filledAt > FRESH_MS) this.#fill(connection);
    const { entries, total } = this.#index.search(this.#text, this.#types, MAX_RESULTS);
    this.#total = total;
    this.#shown = entries.length;
    return entries;
  }

  #fill(connection: Connection): void {
    const filling = new AbortController();
    const { signal } = filling;
    this.#filling = filling;
    this.#failure = undefined;
    let painted = 0;
    const progress = (): void => {
      // Results appear while the walk goes on, a few times a second.
      if (Date.now() - painted < 250 || this.#index.complete) return;
      painted = Date.now();
      this.#onChange();
    };
    const operation = { signal, progress: () => undefined };
    const walk = this.#index.fill(
      connection.client,
      operation,
      () => this.#guard.mayWalk(connection, signal),
      progress,
    );
    walk
      .catch((error: unknown) => {
        if (error instanceof CancelledError || signal.aborted) return;
        this.#failure = error instanceof EventscopeError ? [error.what, error.why].join(': ') : String(error);
        this.#services.log.warn(`The namespace could not be searched: ${this.#failure}`);
      })
      .finally(() => {
        if (this.#filling !== filling) return;
        this.#filling = undefined;
        this.#filledAt = Date.now();
        if (this.active) this.#onChange();
      })
      .catch((error: unknown) => this.#services.log.error(String(error)));
  }

  setText(text: string): void {
    const trimmed = text.trim();
    if (trimmed === this.#text) return;
    this.#text = trimmed;
    this.#changed();
  }

  setTypes(types: readonly string[]): void {
    this.#types = new Set(types);
    this.#changed();
  }

  clear(): void {
    this.#text = '';
    this.#types = new Set();
    this.#changed();
  }

  #changed(): void {
    const filtered = this.active || this.#types.size > 0;
    void vscode.commands.executeCommand('setContext', 'eventscope.objectsFiltered', filtered);
    if (!this.active) this.#stop();
    this.#onChange();
  }

  #stop(): void {
    this.#filling?.abort();
    this.#filling = undefined;
  }

  /** The connection is another one: what was indexed is of no target any more. */
  forget(): void {
    this.#stop();
    this.#index = new NamespaceIndex();
    this.#filledAt = 0;
  }

  /** Asks for a text and filters with each keystroke; Escape puts back what was there. */
  ask(): void {
    const before = this.#text;
    const input = vscode.window.createInputBox();
    input.title = vscode.l10n.t('Filter Objects');
    input.placeholder = vscode.l10n.t('Words of a path, such as: based shared');
    input.prompt = vscode.l10n.t('The whole namespace is searched; Enter keeps the filter, an empty one removes it');
    input.value = before;
    input.valueSelection = [0, before.length];
    let accepted = false;
    input.onDidChangeValue((text) => this.setText(text));
    input.onDidAccept(() => {
      accepted = true;
      input.hide();
    });
    input.onDidHide(() => {
      if (!accepted) this.setText(before);
      input.dispose();
    });
    input.show();
  }

  async askTypes(): Promise<void> {
    const known = [...new Set([...USUAL_TYPES, ...this.#index.typeNames])].filter((type) => type !== 'Directory');
    const items = known.map((label) => ({ label, picked: this.#types.has(label) }));
    const chosen = await vscode.window.showQuickPick(items, {
      canPickMany: true,
      title: vscode.l10n.t('Filter Objects by Type'),
      placeHolder: vscode.l10n.t('Types to show; none: all of them'),
    });
    if (chosen !== undefined) this.setTypes(chosen.map(({ label }) => label));
  }

  dispose(): void {
    this.#stop();
  }
}
