/** Who shows the page: an editor's webview, or a browser that opened a file. */
import {
  parseHostMessage,
  parseViewState,
  type HostMessage,
  type ViewMessage,
  type ViewState,
} from '../protocol/webview.js';

export interface Host {
  /** The page is alone: it has no editor that could open a line or keep a file. */
  readonly alone: boolean;
  send(message: ViewMessage): void;
  /** `refused`: what a message was refused for, in words. */
  onMessage(take: (message: HostMessage) => void, refused: (why: string) => void): void;
  readState(): ViewState | undefined;
  keepState(state: ViewState): void;
}

interface WebviewApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare global {
  var acquireVsCodeApi: (() => WebviewApi) | undefined;
}

export const findHost = (): Host =>
  globalThis.acquireVsCodeApi === undefined ? new Alone() : new Editor(globalThis.acquireVsCodeApi());

class Editor implements Host {
  readonly alone = false;
  readonly #api: WebviewApi;

  constructor(api: WebviewApi) {
    this.#api = api;
  }

  send(message: ViewMessage): void {
    this.#api.postMessage(message);
  }

  onMessage(take: (message: HostMessage) => void, refused: (why: string) => void): void {
    window.addEventListener('message', (event: MessageEvent<unknown>) => {
      const parsed = parseHostMessage(event.data);
      if (parsed.ok) take(parsed.message);
      else refused(`A message to the timeline was refused (${parsed.why}).`);
    });
  }

  readState(): ViewState | undefined {
    return parseViewState(this.#api.getState());
  }

  keepState(state: ViewState): void {
    this.#api.setState(state);
  }
}

/** Files go to the browser's downloads; the state lives as long as the page's address does. */
class Alone implements Host {
  readonly alone = true;

  send(message: ViewMessage): void {
    if (message.type === 'export') download(message.name, message.content, message.mediaType);
    else if (message.type === 'copy') void navigator.clipboard.writeText(message.text);
  }

  /** Nobody sends any. */
  onMessage(): void {
    return undefined;
  }

  readState(): ViewState | undefined {
    const { state } = history as { readonly state: unknown };
    return parseViewState(state);
  }

  keepState(state: ViewState): void {
    history.replaceState(state, '');
  }
}

function download(name: string, content: string | Uint8Array, type: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content as BlobPart], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
