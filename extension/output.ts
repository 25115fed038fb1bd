/** What the extension writes: its log, and the kernel's debug output. */
import * as vscode from 'vscode';
import { EventscopeError } from '../protocol/errors.js';
import { asError } from '../target/operation.js';
import type { DbgPrintLine } from '../target/target.js';
import { parseLineFilter } from './line-filter.js';
import { onSettingChanged, readSetting } from './settings.js';
import type { AgentConnection } from './views/services.js';

/** Of the kernel's debug output, for the views. */
const NEWEST_LINES = 300;
/** What the filter is applied to again when it changes. */
const KEPT_LINES = 20_000;
/** A driver may print thousands of lines a second: they go to the channel together. */
const FLUSH_MS = 50;
/** A line that does not end is shown as it is when it is as long as this. */
const LINE_CHARACTERS = 4_096;

export function createLog(): vscode.LogOutputChannel {
  return vscode.window.createOutputChannel('Eventscope', { log: true });
}

/** The kernel's debug output of the connection: in a channel of its own, filtered, and its newest lines for the views. */
export class DbgPrintOutput implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #appended = new vscode.EventEmitter<void>();
  readonly onDidAppend = this.#appended.event;
  readonly #channel = vscode.window.createOutputChannel('Eventscope: DbgPrint');
  readonly #subscription: vscode.Disposable;
  #lines: DbgPrintLine[] = [];
  #waiting: string[] = [];
  #begun = '';
  #flush: NodeJS.Timeout | undefined;
  #filter = currentFilter();

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
    this.#subscription = onSettingChanged(['dbgPrint.filter'], () => this.#refilter());
  }

  get lines(): readonly DbgPrintLine[] {
    return this.#lines.slice(-NEWEST_LINES);
  }

  show(): void {
    this.#channel.show(true);
  }

  /** Takes the lines of a connection until it is gone. */
  async follow({ target, client }: AgentConnection): Promise<void> {
    try {
      const operation = { signal: new AbortController().signal, progress: () => undefined };
      const stream = await target.dbgPrint(client, operation);
      void client.closed.then(() => stream.stop()).catch((error: unknown) => this.#ended(target.name, error));
      for await (const line of stream.lines) this.append(line);
    } catch (error) {
      this.#ended(target.name, error);
    }
  }

  #ended(target: string, error: unknown): void {
    const why = error instanceof EventscopeError ? (error.why ?? error.what) : asError(error).message;
    this.#log.warn(`The debug output of ${target} is not read: ${why}`);
    this.#channel.appendLine(vscode.l10n.t('The debug output of {0} is not read: {1}', target, why));
  }

  append(line: DbgPrintLine): void {
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT_LINES) this.#lines = this.#lines.slice(-KEPT_LINES);
    if (this.#filter(line.text)) this.#waiting.push(textOf(line));
    this.#flush ??= setTimeout(() => {
      this.#flush = undefined;
      if (this.#waiting.length > 0) this.#channel.append(this.#waiting.splice(0).join(''));
      this.#appended.fire();
    }, FLUSH_MS);
  }

  /** Text as a kernel prints it over its link: what has no line end yet waits for the rest. */
  appendText(text: string): void {
    const lines = (this.#begun + text).split(/\r?\n/);
    this.#begun = lines.pop() ?? '';
    if (this.#begun.length > LINE_CHARACTERS) {
      lines.push(this.#begun);
      this.#begun = '';
    }
    for (const line of lines) this.append({ utcMs: Date.now(), text: line });
  }

  #refilter(): void {
    this.#filter = currentFilter();
    this.#waiting = [];
    this.#channel.replace(
      this.#lines
        .filter((line) => this.#filter(line.text))
        .map(textOf)
        .join(''),
    );
  }

  dispose(): void {
    clearTimeout(this.#flush);
    this.#subscription.dispose();
    this.#appended.dispose();
    this.#channel.dispose();
  }
}

function currentFilter(): (line: string) => boolean {
  return parseLineFilter(readSetting('dbgPrint.filter')) ?? (() => true);
}

function textOf({ utcMs, text }: DbgPrintLine): string {
  return `${new Date(utcMs).toISOString().slice(11, 23)} ${text}\n`;
}
