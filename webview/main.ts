/** Entry of the bundle. In a page it starts the timeline; the same program in a worker opens recordings for it. */
import { WEBVIEW_PROTOCOL_VERSION } from '../protocol/webview.js';
import { App } from './app.js';
import { findHost } from './host.js';
import { OpeningWorker, type WorkerRequest } from './worker.js';

/** The program's own text: the page holds it inline, so that a worker can be made of it. */
const script = typeof document === 'undefined' ? undefined : (document.currentScript?.textContent ?? undefined);

function startPage(): void {
  const host = findHost();
  const app = new App(host, script === '' ? undefined : script);
  const data = document.getElementById('data')?.textContent ?? '';
  if (data !== '') app.open(fromBase64(data));
  host.send({ type: 'ready', version: WEBVIEW_PROTOCOL_VERSION });
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

function startWorker(): void {
  const scope = globalThis as unknown as { postMessage(answer: unknown, transfer: ArrayBuffer[]): void };
  const worker = new OpeningWorker((answer, transfer) => scope.postMessage(answer, transfer));
  globalThis.addEventListener('message', (event) => worker.take((event as MessageEvent<WorkerRequest>).data));
}

if (typeof document === 'undefined') startWorker();
else {
  try {
    startPage();
  } catch (error) {
    document.body.textContent = `The timeline cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
  }
}
