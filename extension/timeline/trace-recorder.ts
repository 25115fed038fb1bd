/** Record Trace: the running driver, until it is stopped. Whatever uses the driver meanwhile is seen from its side. */
import * as vscode from 'vscode';
import { EventscopeError } from '../../protocol/errors.js';
import type { Recording } from '../../trace/recording.js';
import { requireTrust } from '../connection.js';
import type { ExtensionServices } from '../context.js';
import { builtIdentities, extensionVersion, withStops } from '../driver-actions.js';

export class TraceRecorder implements vscode.Disposable {
  readonly #services: ExtensionServices;
  readonly #status = vscode.window.createStatusBarItem('eventscope.recording', vscode.StatusBarAlignment.Left, 9);
  #until: AbortController | undefined;
  #done: Promise<vscode.Uri> | undefined;

  constructor(services: ExtensionServices) {
    this.#services = services;
    this.#status.name = vscode.l10n.t('Eventscope: Recording');
    this.#status.command = 'eventscope.trace.stop';
    this.#status.tooltip = vscode.l10n.t('Stop Recording');
    this.#status.backgroundColor = new vscode.ThemeColor('statusBarItem.warningBackground');
  }

  get recording(): boolean {
    return this.#until !== undefined;
  }

  /** Returns when it has begun. @throws EventscopeError of target, agent and `record.*` */
  async start(): Promise<void> {
    requireTrust();
    if (this.#until !== undefined) return;
    const until = new AbortController();
    this.#until = until;
    this.#services.setRecording(true);
    try {
      await this.#services.connect();
      await new Promise<void>((begun, failed) => {
        this.#done = this.#services.whileTracing(() => this.#record(until.signal, begun));
        this.#done.catch(failed);
      });
    } catch (error) {
      this.#over();
      throw error;
    }
    // When it ends by itself: the agent is gone, or the driver.
    this.#done?.catch((error: unknown) => {
      if (this.#until !== until) return;
      this.#over();
      this.#services.showError(error);
    });
  }

  /** Keeps what was recorded. @throws EventscopeError `record.none`, and what the recording failed with */
  async stop(): Promise<vscode.Uri> {
    const done = this.#done;
    if (this.#until === undefined || done === undefined) {
      throw new EventscopeError({ id: 'record.none', what: vscode.l10n.t('No trace is being recorded') });
    }
    const until = this.#until;
    this.#over();
    until.abort();
    return done;
  }

  async #record(until: AbortSignal, begun: () => void): Promise<vscode.Uri> {
    const connection = await this.#services.connect();
    const { client, project } = connection;
    const [{ recordDriverTrace }, { keepTrace }, { versionsOf }] = await Promise.all([
      import('../../target/record.js'),
      import('../../target/trace-file.js'),
      import('../../target/traced-run.js'),
    ]);
    const versions = { ...(await versionsOf(client, extensionVersion(this.#services))), ...(await known(project)) };
    const watched = this.#services.recordings?.watch(project.driver.name);
    const began = Date.now();
    let slots = 0;
    let soFar: (() => number) | undefined;
    const timer = setInterval(() => {
      slots = soFar?.() ?? slots;
      this.#say(began, slots);
    }, STATUS_MS);
    let kept: vscode.Uri | undefined;
    const keep = async (made: Recording): Promise<vscode.Uri> =>
      vscode.Uri.file(await keepTrace(project.stateFolder, withStops(this.#services, made)));
    try {
      const { recording: made } = await recordDriverTrace(
        connection,
        {
          ...{ versions, until },
          onBegin: (recording) => {
            soFar = () => recording().chunks.reduce((sum, { bytes }) => sum + bytes.length / SLOT, 0);
            watched?.began(recording);
          },
          onGrow: () => {
            // Its source is known: the driver records.
            begun();
            watched?.grew();
          },
          onCutShort: async (made) => {
            try {
              kept = await keep(made);
            } catch (error) {
              this.#services.log.error(`What was recorded until then could not be kept: ${String(error)}`);
            }
          },
        },
        { signal: this.#ended.signal, progress: (step) => this.#services.log.info(step) },
      );
      kept = await keep(made);
      return kept;
    } finally {
      clearInterval(timer);
      watched?.ended(kept);
    }
  }
  readonly #ended = new AbortController();

  #say(began: number, slots: number): void {
    if (this.#until === undefined) return;
    const seconds = Math.floor((Date.now() - began) / 1_000);
    this.#status.text = vscode.l10n.t('$(record) {0} s, {1} records', seconds, slots);
    this.#status.show();
  }

  #over(): void {
    this.#until = undefined;
    this.#done = undefined;
    this.#status.hide();
    this.#services.setRecording(false);
  }

  /** What was recorded is kept when there is time for it. */
  dispose(): void {
    this.#until?.abort();
    this.#ended.abort();
    this.#status.dispose();
  }
}

const STATUS_MS = 500;
const SLOT = 64;

/** A driver that was deployed by other means has no build here. */
const known = (project: Parameters<typeof builtIdentities>[0]): Promise<Readonly<Record<string, string>>> =>
  builtIdentities(project).catch(() => ({}));
