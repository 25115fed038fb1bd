/** The page: what its buttons, fields and panels do, what its host says, and what is dropped on it. */
import { MAX_PIECE_BYTES, type ExportKind, type HostMessage } from '../protocol/webview.js';
import { counted, duration } from '../trace/wording.js';
import { takeDroppedFiles } from './dropped-files.js';
import { element } from './element.js';
import { exportAs } from './exports.js';
import type { Host } from './host.js';
import { Input } from './input.js';
import { KEY_WORDS } from './keys.js';
import { inWords, type Picture } from './opening.js';
import { Recordings, type MoreToCome } from './recordings.js';
import { fillComparison, fillStatistics, fillEntries } from './tables.js';
import { Timeline } from './timeline.js';

/** ms of rest before tables are filled anew, and between two times that the state is kept. */
const REST = 200;

export class App {
  readonly #host: Host;
  readonly #recordings: Recordings;
  readonly #problems: string[] = [];
  #timeline: Timeline | undefined;
  #compared: readonly [number, number] | undefined;
  #resting: ReturnType<typeof setTimeout> | undefined;
  /** Revealed before there was a picture. */
  #pending: Extract<HostMessage, { type: 'reveal' }> | undefined;
  /** Files that the host opens again with the state. */
  #remembered: readonly string[];

  constructor(host: Host, script: string | undefined) {
    this.#host = host;
    this.#remembered = host.readState()?.recordings ?? [];
    this.#recordings = new Recordings(script, {
      opened: (id, problems) => {
        this.tell(problems);
        host.send({ type: 'opened', id, problems: [...problems].slice(0, 1_000) });
      },
      picture: (picture, more) => this.#show(picture, more),
      failed: (id, problem) => {
        this.tell([problem]);
        element('summary', HTMLElement).textContent = 'This recording cannot be shown.';
        if (id !== undefined) host.send({ type: 'failed', id, problem });
        document.body.dataset['drawn'] = 'yes';
      },
    });
    host.onMessage(
      (message) => this.take(message),
      (why) => this.tell([why]),
    );
    this.#listen();
  }

  /** Opens what the page itself holds. */
  open(bytes: Uint8Array<ArrayBuffer>): void {
    element('summary', HTMLElement).textContent = 'Reading the recording…';
    const id = this.#recordings.begin(bytes.length);
    if (bytes.length > 0) this.#recordings.piece(id, 0, bytes);
  }

  /** Opens what was dropped on the page. @throws what its file cannot be read for */
  async #openFile(file: File): Promise<void> {
    element('summary', HTMLElement).textContent = `Reading ${file.name}…`;
    const id = this.#recordings.begin(file.size);
    try {
      for (let at = 0; at < file.size; at += MAX_PIECE_BYTES) {
        this.#recordings.piece(id, at, new Uint8Array(await file.slice(at, at + MAX_PIECE_BYTES).arrayBuffer()));
      }
    } catch (error) {
      this.#recordings.close(id);
      throw error;
    }
  }

  /** Says what is wrong; text, never markup. */
  tell(problems: readonly string[]): void {
    this.#problems.push(...problems);
    const shown = this.#problems.slice(0, 20);
    const left = this.#problems.length - shown.length;
    element('problems', HTMLElement).textContent = [...shown, ...(left > 0 ? [`and ${left} more`] : [])].join('\n');
  }

  take(message: HostMessage): void {
    const recordings = this.#recordings;
    switch (message.type) {
      case 'open':
        element('summary', HTMLElement).textContent = `Reading ${message.title}…`;
        recordings.request({ kind: 'open', id: message.id, bytes: message.bytes });
        return;
      case 'piece':
        recordings.piece(message.id, message.at, message.bytes);
        return;
      case 'close':
        recordings.close(message.id);
        return;
      case 'beginLive': {
        const { id, title, target, startUtcMs } = message;
        element('summary', HTMLElement).textContent = 'Waiting for the first record…';
        recordings.request({ kind: 'live', id, title, target, startUtcMs });
        return;
      }
      case 'liveSource': {
        const { process, session, machine, ...source } = message.source;
        recordings.request({
          ...{ kind: 'source', id: message.id },
          source: {
            ...source,
            ...(process === undefined ? {} : { process }),
            ...(session === undefined ? {} : { session }),
            ...(machine === undefined ? {} : { machine }),
          },
        });
        return;
      }
      case 'append': {
        const { id, source, ring, firstSlot, lost, bytes } = message;
        recordings.request({ kind: 'append', id, chunk: { source, ring, firstSlot, lost, bytes } });
        return;
      }
      case 'endLive':
        recordings.request({ kind: 'endLive', id: message.id });
        return;
      case 'stops':
        this.#stops(message);
        return;
      case 'reveal':
        this.#reveal(message);
        return;
      case 'compare':
        this.#compared = [message.before, message.after];
        recordings.align('start');
        this.#fillPanels();
        return;
      case 'askCallers':
        this.#host.send({ type: 'callers', callers: [...(this.#timeline?.view.data.columns.callers ?? [])] });
        return;
      case 'export':
        this.#export(message.kind);
        return;
      case 'remember':
        this.#remembered = message.recordings;
        this.#keepState();
        return;
      case 'problem':
        this.tell([message.problem]);
        element('summary', HTMLElement).textContent ||= 'There is nothing to show.';
        return;
      case 'theme':
        this.#timeline?.repaint();
    }
  }

  #stops({ id, stops }: Extract<HostMessage, { type: 'stops' }>): void {
    this.#recordings.request({ kind: 'stops', id, stops });
    this.#standing = stops.find(({ untilUtcMs }) => untilUtcMs === null);
    this.#markStop();
    this.#summarize();
  }

  /** The stop that lasts, in what is live: also behind the last record, and told before there was a picture. */
  #markStop(): void {
    const start = this.#timeline?.view.data.columns.startUtcMs ?? null;
    const stop = this.#live ? this.#standing : undefined;
    this.#timeline?.setCurrentStop(stop === undefined || start === null ? undefined : (stop.fromUtcMs - start) * 1e6);
  }

  #reveal(message: Extract<HostMessage, { type: 'reveal' }>): void {
    const { object, callers, time } = message;
    if (this.#timeline === undefined) {
      this.#pending = message;
      return;
    }
    const found = this.#timeline.walk.reveal({
      ...(object === undefined ? {} : { object }),
      ...(callers === undefined ? {} : { callers }),
      ...(time === undefined ? {} : { time }),
    });
    const place = callers === undefined ? 'that moment' : 'that place in the source';
    if (!found) this.tell([`Nothing of ${object ?? place} was recorded.`]);
  }

  #show(picture: Picture, { live, edges }: MoreToCome): void {
    if (this.#timeline === undefined) {
      this.#timeline = this.#begin(picture, live);
      this.#stateChanged();
    } else this.#timeline.show(picture, live);
    const { columns } = picture;
    this.#live = live;
    this.#edgesFollow = edges;
    this.#markStop();
    this.#summarize();
    for (const id of ['stops', 'stopped']) element(id, HTMLElement).hidden = columns.stops.length === 0;
    this.#listRuns();
    if (columns.runs.length > 1) this.#compared ??= [0, 1];
    element('compare-details', HTMLElement).hidden = columns.runs.length < 2;
    this.#fillPanels();
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) this.#reveal(pending);
  }

  #live = false;
  #edgesFollow = false;
  /** Where the debugger holds the target now. */
  #standing: { readonly fromUtcMs: number; readonly reason: string } | undefined;

  /** What is shown, in words. */
  #summarize(): void {
    if (this.#timeline === undefined) return;
    const { columns, shownObjects, shownThreads } = this.#timeline.view.data;
    element('title', HTMLElement).textContent = `${columns.title} on ${columns.target}`;
    element('summary', HTMLElement).textContent = [
      ...(columns.runs.length === 0 ? [] : [counted(columns.runs.length, 'run')]),
      counted(shownObjects.length, 'object'),
      counted(shownThreads.length, 'thread'),
      counted(columns.transitions.time.length, 'transition'),
      `${this.#edgesFollow ? 'wakes to come' : counted(columns.edges.wait.length, 'wake')} in ${duration(columns.end)}`,
      ...(columns.gaps.length === 0 ? [] : [counted(columns.gaps.length, 'gap')]),
      ...(this.#live ? ['live'] : []),
      ...(this.#live && this.#standing !== undefined ? [`stopped now: ${this.#standing.reason}`] : []),
    ].join(', ');
  }

  #begin(picture: Picture, live: boolean): Timeline {
    const host = this.#host;
    const timeline = new Timeline(
      picture,
      {
        rangeChanged: () => this.#rest(),
        stateChanged: () => this.#stateChanged(),
        openSource: (caller, beside) => host.send({ type: 'openSource', caller, beside }),
        revealObject: (object) => host.send({ type: 'revealObject', ...object }),
        chosen: (chosen) => host.send({ type: 'chosen', ...chosen }),
      },
      host.readState(),
      live,
    );
    new Input(timeline);
    return timeline;
  }

  #stateChanged(): void {
    const timeline = this.#timeline;
    if (timeline !== undefined) {
      press('path', timeline.pathShown);
      press('stops', timeline.stopsCut);
    }
    this.#keepState();
  }

  /** Once nothing has moved for a while. */
  #rest(): void {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#fillPanels(), REST);
  }

  /**
   * At once, for the page may be taken away at any time; while much changes, now and then and at the end. Another selection is not one of
   * many changes: somebody made it.
   */
  #keepState(): void {
    const selection = this.#timeline?.selection;
    if (this.#keeping === undefined || selection !== this.#keptSelection) {
      this.#keptSelection = selection;
      clearTimeout(this.#keeping);
      // When who changed it is done.
      queueMicrotask(() => this.#sendState());
      this.#keeping = setTimeout(() => {
        this.#keeping = undefined;
        if (this.#changedSince) this.#sendState();
      }, REST);
    } else this.#changedSince = true;
  }
  #keeping: ReturnType<typeof setTimeout> | undefined;
  #keptSelection: Timeline['selection'];
  #changedSince = false;

  #sendState(): void {
    this.#changedSince = false;
    if (this.#timeline === undefined) return;
    this.#host.keepState({ ...this.#timeline.state, recordings: [...this.#remembered] });
  }

  /** Those that are open. */
  #fillPanels(): void {
    const timeline = this.#timeline;
    if (timeline === undefined) return;
    const { view, scale } = timeline;
    const range = timeline.range ?? { from: scale.from, until: scale.until };
    const copy = (text: string): void => this.#host.send({ type: 'copy', text });
    const open = (id: string): boolean => element(`${id}-details`, HTMLDetailsElement).open;
    if (open('statistics')) fillStatistics(element('statistics', HTMLElement), view, range, copy);
    if (open('table')) fillEntries(element('table', HTMLElement), view, range.from, range.until, copy);
    if (open('compare') && this.#compared !== undefined && view.data.columns.runs.length > 1) {
      fillComparison(element('compare', HTMLElement), view, this.#compared, copy);
    }
  }

  #listRuns(): void {
    const list = element('runs', HTMLSelectElement);
    const runs = this.#timeline?.view.data.columns.runs ?? [];
    list.hidden = runs.length === 0;
    const { value } = list;
    list.replaceChildren(new Option('All runs', ''), ...runs.map(({ label }, run) => new Option(label, String(run))));
    list.value = list.options.length > 1 && value === '' && this.#problems.length === 0 ? '0' : value;
  }

  #listen(): void {
    const button = (id: string, act: (timeline: Timeline) => void): void =>
      element(id, HTMLButtonElement).addEventListener('click', () => {
        if (this.#timeline !== undefined) act(this.#timeline);
      });
    button('fit', (timeline) => timeline.showAll());
    button('in', (timeline) => timeline.zoom(0.5));
    button('out', (timeline) => timeline.zoom(2));
    button('back', (timeline) => timeline.walk.back());
    button('path', (timeline) => timeline.togglePath());
    button('keys', (timeline) => timeline.say(KEY_WORDS));
    button('stops', (timeline) => timeline.setStopsCut(!timeline.stopsCut));
    const runs = element('runs', HTMLSelectElement);
    runs.addEventListener('change', () => {
      if (runs.value === '') this.#timeline?.showAll();
      else this.#timeline?.showRun(Number(runs.value));
    });
    const filter = element('filter', HTMLInputElement);
    filter.addEventListener('input', () => {
      const wrong = this.#timeline?.setFilter(filter.value).wrong ?? [];
      filter.setAttribute('aria-invalid', String(wrong.length > 0));
      filter.title = wrong.length > 0 ? `Not understood: ${wrong.join(' ')}` : '';
    });
    filter.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.#timeline?.walk.nextMatch(event.shiftKey ? -1 : 1);
    });
    const exports = element('export', HTMLSelectElement);
    exports.addEventListener('change', () => {
      this.#export(exports.value as ExportKind);
      exports.value = '';
    });
    for (const id of ['statistics', 'compare', 'table']) {
      element(`${id}-details`, HTMLDetailsElement).addEventListener('toggle', () => this.#fillPanels());
    }
    const repaint = (): void => this.#timeline?.repaint();
    for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)']) {
      matchMedia(query).addEventListener('change', repaint);
    }
    // VS Code changes the class of the body, and the variables of the root, with its theme.
    new MutationObserver(repaint).observe(document.body, { attributes: true, attributeFilter: ['class'] });
    new MutationObserver(repaint).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ['style', 'class'],
    });
    takeDroppedFiles(
      (file) => this.#openFile(file),
      (problem) => this.tell([problem]),
    );
  }

  #export(kind: ExportKind): void {
    if (this.#timeline === undefined) return;
    exportAs(kind, this.#timeline, (file) => this.#host.send({ type: 'export', ...file })).catch((error: unknown) =>
      this.tell([`The export failed: ${inWords(error)}`]),
    );
  }
}

function press(id: string, on: boolean): void {
  element(id, HTMLButtonElement).setAttribute('aria-pressed', String(on));
}
