/** Long work that a person started: one piece per workspace folder at a time, with progress, cancellable. */
import * as vscode from 'vscode';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import type { Operation } from '../target/target.js';

interface Job {
  readonly key: string;
  readonly title: string;
  readonly controller: AbortController;
  readonly done: Promise<unknown>;
  step: string;
}

export class Jobs implements vscode.Disposable {
  readonly #running = new Map<string, Job>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #log: vscode.LogOutputChannel;
  /** A piece of work began, went on to another step, or ended. */
  readonly onDidChange = this.#changed.event;

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
  }

  /** What goes on in a folder now: the work's title and its step. */
  current(folder: vscode.Uri): { readonly title: string; readonly step: string } | undefined {
    return this.#running.get(folder.toString());
  }

  /**
   * Runs the work with a notification that says what it does now and has a button to cancel it. Asked for the same key
   * again while it runs, it joins: both get the one result.
   * @throws EventscopeError `job.busy` when other work of this folder is going on; whatever the work throws
   */
  run<T>(folder: vscode.Uri, key: string, title: string, work: (operation: Operation) => Promise<T>): Promise<T> {
    return this.#start(folder, key, title, (job) =>
      Promise.resolve(
        vscode.window.withProgress(
          { location: vscode.ProgressLocation.Notification, title, cancellable: true },
          async (progress, token) => {
            const cancelled = token.onCancellationRequested(() => job.controller.abort());
            try {
              return await this.#work(job, work, (message) => progress.report({ message }));
            } finally {
              cancelled.dispose();
            }
          },
        ),
      ),
    );
  }

  /** The same for work that shows its progress elsewhere, such as a task in its terminal. */
  runIn<T>(
    folder: vscode.Uri,
    key: string,
    title: string,
    outer: Operation,
    work: (operation: Operation) => Promise<T>,
  ): Promise<T> {
    return this.#start(folder, key, title, async (job) => {
      const cancel = (): void => job.controller.abort();
      outer.signal.addEventListener('abort', cancel, { once: true });
      if (outer.signal.aborted) cancel();
      try {
        return await this.#work(job, work, (message) => outer.progress(message));
      } finally {
        outer.signal.removeEventListener('abort', cancel);
      }
    });
  }

  #start<T>(folder: vscode.Uri, key: string, title: string, begin: (job: Job) => Promise<T>): Promise<T> {
    const place = folder.toString();
    const running = this.#running.get(place);
    if (running?.key === key) {
      this.#log.info(`${title}: joined the one that is going on`);
      // One key always is the same work with the same result.
      return running.done as Promise<T>;
    }
    if (running !== undefined) return Promise.reject(busy(running, title));
    let settle: (value: T | PromiseLike<T>) => void = () => undefined;
    const done = new Promise<T>((resolve) => {
      settle = resolve;
    });
    const job: Job = { key, title, controller: new AbortController(), done, step: '' };
    this.#running.set(place, job);
    this.#changed.fire();
    this.#log.info(`${title}: begins`);
    const result = begin(job).finally(() => {
      this.#running.delete(place);
      this.#changed.fire();
    });
    settle(result);
    return done;
  }

  async #work<T>(job: Job, work: (operation: Operation) => Promise<T>, show: (step: string) => void): Promise<T> {
    const began = performance.now();
    const progress = (step: string): void => {
      job.step = step;
      this.#log.info(`${job.title}: ${step}`);
      this.#changed.fire();
      show(step);
    };
    const result = await work({ signal: job.controller.signal, progress });
    this.#log.info(`${job.title}: done in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return result;
  }

  /** Cancels what goes on in a folder; nothing when there is nothing. */
  cancel(folder: vscode.Uri): void {
    this.#running.get(folder.toString())?.controller.abort();
  }

  /** Cancels everything, and waits until it has put back what it must. */
  async end(): Promise<void> {
    const jobs = [...this.#running.values()];
    for (const job of jobs) job.controller.abort(new CancelledError());
    await Promise.allSettled(jobs.map((job) => job.done));
  }

  dispose(): void {
    this.#changed.dispose();
  }
}

function busy(running: Job, title: string): EventscopeError {
  return new EventscopeError({
    id: 'job.busy',
    what: vscode.l10n.t('"{0}" was not started', title),
    why: vscode.l10n.t('"{0}" is going on', running.title),
    next: vscode.l10n.t('Wait until it has ended, or cancel it.'),
  });
}
