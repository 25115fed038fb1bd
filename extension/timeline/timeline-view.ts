/** One webview with a timeline in it: what it shows is sent when its page is ready, and again whenever the page was made anew. */
import * as vscode from 'vscode';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import {
  parseViewMessage,
  WEBVIEW_PROTOCOL_VERSION,
  type ExportKind,
  type HostMessageInput,
  type ViewMessage,
} from '../../protocol/webview.js';
import { asError } from '../../target/operation.js';
import { describeFailure } from '../failure.js';
import { timelinePage, WEBVIEW_OPTIONS } from './page.js';
import type { Post, TraceSource } from './trace-source.js';

/** ms that the page gets for an answer. */
const ANSWER_LIMIT_MS = 10_000;

export type StopsMessage = Extract<HostMessageInput, { type: 'stops' }>['stops'];
type Reveal = Omit<Extract<HostMessageInput, { type: 'reveal' }>, 'type'>;
/** Messages that ask for something of the extension. */
export type ViewRequest = Extract<ViewMessage, { type: 'openSource' | 'revealObject' | 'chosen' | 'export' | 'copy' }>;

export interface ViewHost {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  /** When the debugger held the target. */
  readonly stops: StopsMessage;
  take(view: TimelineView, request: ViewRequest): Promise<void>;
}

/** What became of a source in the page. */
export type Shown = { readonly problems: readonly string[]; readonly failed: boolean };

export class TimelineView {
  readonly #host: ViewHost;
  readonly #webview: vscode.Webview;
  readonly #sources = new Map<number, TraceSource>();
  readonly #shown = new Map<number, Shown>();
  readonly #refused: string[] = [];
  readonly #changed = new vscode.EventEmitter<void>();
  /** The page has shown a source, or has refused to; of a live one each time that it has grown. */
  readonly onDidShow = this.#changed.event;
  readonly #subscriptions: readonly { dispose(): unknown }[];
  readonly #disposed = new AbortController();
  #next = 1;
  #compared: readonly [TraceSource, TraceSource] | undefined;
  #reveal: Reveal | undefined;
  /** Of the page that is there now; undefined: none is ready. */
  #page: AbortController | undefined;
  #answer: ((callers: readonly string[]) => void) | undefined;

  constructor(webview: vscode.Webview, host: ViewHost) {
    this.#webview = webview;
    this.#host = host;
    webview.options = WEBVIEW_OPTIONS;
    this.#subscriptions = [this.#changed, webview.onDidReceiveMessage((message) => this.receive(message))];
  }

  /** Makes the page. Messages wait until it is ready. */
  async load(): Promise<void> {
    const page = await timelinePage(this.#host.context);
    if (!this.#disposed.signal.aborted) this.#webview.html = page;
  }

  get sources(): readonly TraceSource[] {
    return [...this.#sources.values()];
  }
  /** By source, in order: what the page said of it; for tests. */
  get shown(): readonly (Shown | undefined)[] {
    return [...this.#sources.keys()].map((id) => this.#shown.get(id));
  }
  /** Messages of the page that were refused, and why; for tests. */
  get refused(): readonly string[] {
    return this.#refused;
  }

  /** Shows another recording on the same axis. */
  add(source: TraceSource): void {
    const id = this.#next++;
    this.#sources.set(id, source);
    if (this.#page !== undefined) this.#inBackground(this.#send(id, source, this.#page.signal));
    this.#remember();
  }

  /** A live one became a file. */
  replace(before: TraceSource, after: TraceSource): void {
    for (const [id, source] of this.#sources) {
      if (source !== before) continue;
      this.#sources.delete(id);
      this.#shown.delete(id);
      this.#post({ type: 'close', id });
    }
    this.add(after);
  }

  compare(before: TraceSource, after: TraceSource): void {
    this.#compared = [before, after];
    this.#compareIfShown();
  }

  reveal(reveal: Reveal): void {
    if (this.#page === undefined) this.#reveal = reveal;
    else this.#post({ type: 'reveal', ...reveal });
  }

  export(kind: ExportKind): void {
    this.#post({ type: 'export', kind });
  }

  tellStops(stops: StopsMessage): void {
    for (const id of this.#sources.keys()) this.#post({ type: 'stops', id, stops });
  }

  /** Places in the source that what is shown was called from. @throws EventscopeError `timeline.hidden` */
  async callers(): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<readonly string[]>((resolve) => {
      this.#answer = resolve;
    });
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(hidden()), ANSWER_LIMIT_MS);
    });
    this.#post({ type: 'askCallers' });
    try {
      return await Promise.race([answered, late]);
    } finally {
      clearTimeout(timer);
      this.#answer = undefined;
    }
  }

  /** A message of the page. */
  receive(message: unknown): void {
    const parsed = parseViewMessage(message);
    if (!parsed.ok) {
      this.#refused.push(parsed.why);
      this.#host.log.warn(`A message of the timeline was refused: ${parsed.why}`);
      return;
    }
    const taken = parsed.message;
    switch (taken.type) {
      case 'ready':
        this.#ready(taken.version);
        return;
      case 'opened':
        this.#took(taken.id, { problems: taken.problems, failed: false });
        return;
      case 'failed':
        this.#took(taken.id, { problems: [taken.problem], failed: true });
        return;
      case 'callers':
        this.#answer?.(taken.callers);
        return;
      case 'openSource':
      case 'revealObject':
      case 'chosen':
      case 'export':
      case 'copy':
        this.#inBackground(this.#host.take(this, taken));
    }
  }

  /** The page was made: for the first time, after it was hidden, or after the window was reloaded. */
  #ready(version: number): void {
    if (version !== WEBVIEW_PROTOCOL_VERSION) {
      this.#host.log.error(`The timeline's page speaks version ${version}, not ${WEBVIEW_PROTOCOL_VERSION}`);
      return;
    }
    this.#page?.abort(new CancelledError());
    const page = new AbortController();
    this.#page = page;
    this.#shown.clear();
    for (const [id, source] of this.#sources) this.#inBackground(this.#send(id, source, page.signal));
    this.#remember();
    if (this.#host.stops.length > 0) this.tellStops(this.#host.stops);
    if (this.#reveal !== undefined) this.#post({ type: 'reveal', ...this.#reveal });
    this.#reveal = undefined;
  }

  async #send(id: number, source: TraceSource, page: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([page, this.#disposed.signal]);
    const post: Post = async (message) => {
      signal.throwIfAborted();
      if (!(await this.#webview.postMessage(message))) throw new CancelledError();
    };
    try {
      await source.send(id, post, signal);
    } catch (error) {
      if (signal.aborted || error instanceof CancelledError) return;
      const problem = error instanceof EventscopeError ? describeFailure(error) : asError(error).message;
      this.#host.log.warn(problem);
      this.#took(id, { problems: [problem], failed: true });
      this.#post({ type: 'close', id });
      this.#post({ type: 'problem', problem });
    }
  }

  #took(id: number, shown: Shown): void {
    if (!this.#sources.has(id)) return;
    const before = this.#shown.get(id);
    this.#shown.set(id, shown);
    if (before === undefined) {
      for (const problem of shown.problems) this.#host.log.warn(`${this.#sources.get(id)?.title ?? ''}: ${problem}`);
      this.#compareIfShown();
    }
    this.#changed.fire();
  }

  /** In order of opening in the page, which is that in which they were shown. */
  #compareIfShown(): void {
    if (this.#compared === undefined) return;
    const order = [...this.#shown.keys()];
    const ids = this.#compared.map((source) => [...this.#sources].find(([, one]) => one === source)?.[0] ?? -1);
    const [before, after] = ids.map((id) => order.indexOf(id));
    if (before === undefined || after === undefined || before < 0 || after < 0) return;
    this.#post({ type: 'compare', before, after });
  }

  /** So that they are opened again after the window was reloaded. */
  #remember(): void {
    const recordings = this.sources.flatMap(({ file }) => file?.toString() ?? []);
    this.#post({ type: 'remember', recordings: recordings.slice(0, 64) });
  }

  #post(message: HostMessageInput): void {
    if (this.#page === undefined || this.#disposed.signal.aborted) return;
    this.#inBackground(Promise.resolve(this.#webview.postMessage(message)));
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof CancelledError)) this.#host.log.error(asError(error));
    });
  }

  dispose(): void {
    this.#disposed.abort(new CancelledError());
    this.#page?.abort(new CancelledError());
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}

const hidden = (): EventscopeError =>
  new EventscopeError({
    id: 'timeline.hidden',
    what: vscode.l10n.t('The timeline does not answer'),
    next: vscode.l10n.t('Bring its tab to the front, and try again.'),
  });
