/** The check boxes of signal and wait points: what is chosen in this workspace, and what the session says of it. */
import * as vscode from 'vscode';
import * as v from 'valibot';
import type { FilePoint } from '../../debug-adapter/source-points/source-point-index.js';
import type { PointSetting, PointStatus } from '../../protocol/debug-requests.js';
import type { WorkspacePoints } from '../source/workspace-points.js';
import { joinStatuses, objectKey, type ObjectChoice, pointKeys } from './point-choices.js';

const POINTS_KEY = 'points.chosen';
const OBJECTS_KEY = 'points.objects';
const MAX_CHOSEN = 200;
const MAX_OBJECTS = 20;

const storedObjects = v.array(
  v.object({ path: v.string(), typeName: v.string(), role: v.picklist(['signal', 'wait']), checked: v.boolean() }),
);

export class ChosenPoints implements vscode.Disposable {
  readonly #memento: vscode.Memento;
  readonly #sources: WorkspacePoints;
  readonly #chosen: Set<string>;
  #objects: readonly ObjectChoice[];
  #statuses = new Map<string, PointStatus>();
  readonly #changed = new vscode.EventEmitter<void>();
  /** What is chosen is another: sessions are told. */
  readonly onDidChange = this.#changed.event;
  readonly #statusChanged = new vscode.EventEmitter<void>();
  readonly onDidChangeStatus = this.#statusChanged.event;

  constructor(memento: vscode.Memento, sources: WorkspacePoints) {
    this.#memento = memento;
    this.#sources = sources;
    const points = v.safeParse(v.array(v.string()), memento.get(POINTS_KEY));
    const objects = v.safeParse(storedObjects, memento.get(OBJECTS_KEY));
    this.#chosen = new Set(points.success ? points.output : []);
    this.#objects = objects.success ? objects.output : [];
  }

  get objects(): readonly ObjectChoice[] {
    return this.#objects;
  }

  get isEmpty(): boolean {
    return this.#chosen.size === 0 && !this.#objects.some(({ checked }) => checked);
  }

  isChosen(key: string): boolean {
    return this.#chosen.has(key);
  }

  isObjectChosen(choice: Pick<ObjectChoice, 'role' | 'path'>): boolean {
    return this.#objects.some((each) => each.checked && objectKey(each) === objectKey(choice));
  }

  keyOf(point: FilePoint): string {
    const all = this.#ofFile(point.file);
    const index = all.findIndex(({ at }) => at.line === point.at.line && at.column === point.at.column);
    return pointKeys(all)[index] ?? '';
  }

  #ofFile(file: string): FilePoint[] {
    return this.#sources.pointsOf(vscode.Uri.parse(file, true)).map((at) => ({ file, at }));
  }

  async choose(keys: readonly (readonly [string, boolean])[]): Promise<void> {
    for (const [key, chosen] of keys) {
      if (!chosen) this.#chosen.delete(key);
      else if (key !== '' && this.#chosen.size < MAX_CHOSEN) this.#chosen.add(key);
    }
    this.#changed.fire();
    await this.#memento.update(POINTS_KEY, [...this.#chosen]);
  }

  /** Adds it, or replaces what there is of the same object and role where that stands. */
  async putObject(choice: ObjectChoice): Promise<void> {
    const key = objectKey(choice);
    const isThere = this.#objects.some((each) => objectKey(each) === key);
    const replaced = this.#objects.map((each) => (objectKey(each) === key ? choice : each));
    await this.#setObjects(isThere ? replaced : [...replaced, choice].slice(-MAX_OBJECTS));
  }

  async removeObject(choice: ObjectChoice): Promise<void> {
    await this.#setObjects(this.#objects.filter((each) => objectKey(each) !== objectKey(choice)));
  }

  async #setObjects(objects: readonly ObjectChoice[]): Promise<void> {
    this.#objects = objects;
    this.#changed.fire();
    await this.#memento.update(OBJECTS_KEY, objects);
  }

  /** What a session is told. Places need the sources, which are searched for it when something is chosen. */
  async settings(): Promise<PointSetting[]> {
    if (this.#chosen.size === 0 && this.#objects.length === 0) return [];
    const { settingsOfObject, settingsOfPoints } = await import('./point-settings.js');
    if (this.#chosen.size > 0) await this.#sources.searched();
    const files = new Set([...this.#chosen].map((key) => key.slice(0, key.indexOf('|'))));
    const places = [...files].flatMap((file) =>
      settingsOfPoints(this.#ofFile(file), this.#chosen, (name) => vscode.Uri.parse(name, true).fsPath),
    );
    return [...places, ...this.#objects.flatMap(settingsOfObject)];
  }

  /** Of a place, or of an object's choice. */
  status(key: string): PointStatus | undefined {
    const own = this.#statuses.get(key);
    if (own !== undefined) return own;
    return joinStatuses([...this.#statuses.values()].filter(({ id }) => id.startsWith(`${key}|`)));
  }

  takeStatuses(statuses: readonly PointStatus[], replacesAll: boolean): void {
    if (replacesAll) this.#statuses = new Map();
    for (const status of statuses) this.#statuses.set(status.id, status);
    this.#statusChanged.fire();
  }

  dispose(): void {
    this.#changed.dispose();
    this.#statusChanged.dispose();
  }
}

/** "2 hits · breakpoint", or why it is not set; empty without a session. */
export function statusWords(status: PointStatus | undefined): string {
  if (status === undefined) return '';
  if (!status.verified) return status.message ?? vscode.l10n.t('not set');
  const hits = status.hits === 1 ? vscode.l10n.t('1 hit') : vscode.l10n.t('{0} hits', status.hits);
  const words = `${hits} · ${MECHANISM_WORDS[status.mechanism]()}`;
  if (status.recordedBy === undefined) return words;
  return `${words} · ${vscode.l10n.t('recorded: {0}', MECHANISM_WORDS[status.recordedBy]())}`;
}

const MECHANISM_WORDS: Readonly<Record<PointStatus['mechanism'], () => string>> = {
  breakpoint: () => vscode.l10n.t('breakpoint'),
  importTracepoint: () => vscode.l10n.t('import tracepoint'),
  stoppingTracepoint: () => vscode.l10n.t('stopping tracepoint'),
  traceRing: () => vscode.l10n.t('trace ring'),
  dataBreakpoint: () => vscode.l10n.t('data breakpoint'),
  none: () => vscode.l10n.t('not served'),
};
