/** A terminal that shows lines of ours: what a task or an application says. Ctrl-C and closing it cancel. */
import * as vscode from 'vscode';

const CTRL_C = '\u0003';
/** Written before the terminal is shown would be lost. */
const WAITING_LIMIT = 10_000;

export class LineTerminal implements vscode.Pseudoterminal {
  readonly #write = new vscode.EventEmitter<string>();
  readonly #close = new vscode.EventEmitter<number>();
  readonly onDidWrite = this.#write.event;
  readonly onDidClose = this.#close.event;
  readonly #controller = new AbortController();
  readonly #onOpen: (() => void) | undefined;
  #waiting: string[] | undefined = [];

  constructor(onOpen?: () => void) {
    this.#onOpen = onOpen;
  }

  /** Aborts when the person wants it to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  open(): void {
    for (const text of this.#waiting ?? []) this.#write.fire(text);
    this.#waiting = undefined;
    this.#onOpen?.();
  }

  close(): void {
    this.#controller.abort();
  }

  handleInput(data: string): void {
    if (data.includes(CTRL_C)) this.#controller.abort();
  }

  /** A line, or several separated by line feeds. */
  line(text: string): void {
    const lines = `${text.replace(/\r?\n/g, '\r\n')}\r\n`;
    if (this.#waiting === undefined) this.#write.fire(lines);
    else if (this.#waiting.length < WAITING_LIMIT) this.#waiting.push(lines);
  }

  /** The work has ended: a task is over by it. */
  end(exitCode: number): void {
    this.#close.fire(exitCode);
  }
}
