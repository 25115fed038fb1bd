/** Reads again what is visible of the named objects, and nothing else, for as long as somebody can see it. */
import * as vscode from 'vscode';
import { CancelledError } from '../../protocol/errors.js';
import { asError } from '../../target/operation.js';
import { onSettingChanged, readSetting, writeSetting } from '../settings.js';
import type { DriverWatch } from './driver-watch.js';
import type { ObjectsView } from './objects-view.js';
import type { Connection, ViewServices } from './services.js';
import { TraceGuard } from './trace-guard.js';

/** Names are listed again at every so many readings of the states, and only of directories that are listed in a moment. */
const LIST_EVERY = 5;
const LISTED_ENTRIES = 2_000;

export class ObjectsRefresh implements vscode.Disposable {
  readonly #services: ViewServices;
  readonly #view: ObjectsView;
  readonly #driver: DriverWatch;
  readonly #guard: TraceGuard;
  readonly #subscriptions: { dispose(): unknown }[];
  #timer: NodeJS.Timeout | undefined;
  #round = 0;
  #disposed = false;
  /** What the driver view needs while nobody looks at the objects. */
  driverVisible: () => boolean = () => false;

  constructor(services: ViewServices, view: ObjectsView, driver: DriverWatch) {
    this.#services = services;
    this.#view = view;
    this.#driver = driver;
    this.#guard = new TraceGuard(services);
    this.#subscriptions = [
      view.tree.onDidChangeVisibility(() => this.schedule()),
      services.onDidChangeTarget(() => this.schedule()),
      vscode.window.onDidChangeWindowState(() => this.schedule()),
      onSettingChanged(['objects.autoRefresh', 'objects.refreshInterval'], () => this.schedule()),
    ];
  }

  get #wanted(): boolean {
    const seen = this.#view.tree.visible || this.driverVisible();
    return (
      !this.#disposed &&
      seen &&
      vscode.window.state.focused &&
      this.#services.connection !== undefined &&
      readSetting('objects.autoRefresh')
    );
  }

  schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#wanted) return;
    // The next reading begins a whole interval after the last one has ended: a slow target is not asked without a pause.
    this.#timer = setTimeout(() => {
      this.refresh()
        .catch((error: unknown) => this.#services.log.warn(`The views were not refreshed: ${asError(error).message}`))
        .finally(() => this.schedule())
        .catch((error: unknown) => this.#services.log.error(String(error)));
    }, readSetting('objects.refreshInterval'));
  }

  /** One reading. While a trace records, nothing but the states of what is visible. */
  async refresh(): Promise<void> {
    const { connection } = this.#services;
    if (connection === undefined) return;
    const { operation } = this.#view;
    try {
      const tracing = (await this.#guard.holder(connection, operation.signal)) !== undefined;
      const { lists, found } = this.#view.visible();
      const entries = [...lists.flatMap((list) => this.#view.shown(list).entries), ...found];
      if (entries.length > 0) await this.#view.refreshStates(entries, connection);
      if (tracing) return;
      this.#round += 1;
      if (this.driverVisible() || this.#round % LIST_EVERY === 0) await this.#driver.refresh(operation);
      if (this.#round % LIST_EVERY === 0) await this.#listAgain(lists, connection);
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
    }
  }

  async #listAgain(lists: ReturnType<ObjectsView['visible']>['lists'], connection: Connection): Promise<void> {
    for (const list of lists) {
      if ((list.directory?.entries.length ?? 0) <= LISTED_ENTRIES) await this.#view.readAgain(list, connection);
    }
  }

  async toggle(): Promise<void> {
    await writeSetting('objects.autoRefresh', !readSetting('objects.autoRefresh'));
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}
