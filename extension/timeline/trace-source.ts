/** What a timeline shows: a recording in a file, or one that is being made. Each is sent in pieces, no faster than they are taken. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as vscode from 'vscode';
import { EventscopeError } from '../../protocol/errors.js';
import { MAX_RECORDING_BYTES, type HostMessageInput } from '../../protocol/webview.js';
import { asError } from '../../target/operation.js';
import { joinChunks, type Recording, type RecordingSource, type SlotChunk } from '../../trace/recording.js';

/** Bytes: a piece is copied some times on its way through VS Code. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** ms between two looks at a recording that grows. */
const GROWTH_PAUSE_MS = 50;

/** Rejects with the signal's reason when the view is gone: nothing more can be sent to it. */
export type Post = (message: HostMessageInput) => Promise<void>;

export interface TraceSource {
  readonly title: string;
  /** What is restored after a reload of the window; undefined: nothing. */
  readonly file: vscode.Uri | undefined;
  /** What took part and its version, as the recording tells it; empty when it cannot be read. */
  versions(): Promise<Readonly<Record<string, string>>>;
  /** Sends everything, from the beginning. Ends when there is no more to come. */
  send(id: number, post: Post, signal: AbortSignal): Promise<void>;
}

export class TraceFile implements TraceSource {
  readonly title: string;

  constructor(readonly file: vscode.Uri) {
    this.title = path.posix.basename(file.path);
  }

  async versions(): Promise<Readonly<Record<string, string>>> {
    if (this.file.scheme !== 'file') return {};
    const { readTraceMetadata } = await import('../../target/trace-file.js');
    try {
      return (await readTraceMetadata(this.file.fsPath)).versions;
    } catch {
      // The timeline says what is wrong with it.
      return {};
    }
  }

  /** @throws EventscopeError `trace.read`, `trace.size` */
  async send(id: number, post: Post, signal: AbortSignal): Promise<void> {
    if (this.file.scheme === 'file') await this.#sendFromDisk(id, post, signal);
    else await this.#sendFromElsewhere(id, post, signal);
  }

  async #sendFromDisk(id: number, post: Post, signal: AbortSignal): Promise<void> {
    const handle = await open(this.file.fsPath).catch((error: unknown) => {
      throw this.#unreadable(error);
    });
    try {
      const { size } = await handle.stat();
      this.#checkSize(size);
      await post({ type: 'open', id, title: this.title, bytes: size });
      const read = async (from: number): Promise<Uint8Array<ArrayBuffer>> => {
        const wanted = Math.min(PIECE_BYTES, size - from);
        const { bytesRead, buffer } = await handle
          .read(new Uint8Array(wanted), 0, wanted, from)
          .catch((error: unknown) => {
            throw this.#unreadable(error);
          });
        return bytesRead === wanted ? buffer : buffer.slice(0, bytesRead);
      };
      let piece = await read(0);
      for (let at = 0; at < size && !signal.aborted;) {
        if (piece.length === 0)
          throw this.#unreadable(new Error(`it became shorter while it was read, after byte ${at}`));
        // The next piece is read while this one is on its way.
        const behind = at + piece.length;
        const [next] = await Promise.all([read(behind), post({ type: 'piece', id, at, bytes: piece })]);
        at = behind;
        piece = next;
      }
    } finally {
      await handle.close();
    }
  }

  /** Of a file system that another extension provides: it gives files whole. */
  async #sendFromElsewhere(id: number, post: Post, signal: AbortSignal): Promise<void> {
    let bytes: Uint8Array;
    try {
      this.#checkSize((await vscode.workspace.fs.stat(this.file)).size);
      bytes = await vscode.workspace.fs.readFile(this.file);
    } catch (error) {
      if (error instanceof EventscopeError) throw error;
      throw this.#unreadable(error);
    }
    await post({ type: 'open', id, title: this.title, bytes: bytes.length });
    for (let at = 0; at < bytes.length && !signal.aborted; at += PIECE_BYTES) {
      await post({ type: 'piece', id, at, bytes: new Uint8Array(bytes.subarray(at, at + PIECE_BYTES)) });
    }
  }

  #checkSize(size: number): void {
    if (size <= MAX_RECORDING_BYTES) return;
    throw new EventscopeError({
      id: 'trace.size',
      what: vscode.l10n.t('{0} is too large for the timeline', this.title),
      why: vscode.l10n.t('it has {0} bytes, more than {1}', size, MAX_RECORDING_BYTES),
    });
  }

  #unreadable(error: unknown): EventscopeError {
    return new EventscopeError({
      id: 'trace.read',
      what: vscode.l10n.t('{0} cannot be read', this.file.fsPath),
      why: asError(error).message,
      cause: error,
    });
  }
}

/** A recording while it is made. Who makes it says when there is more, and when it is over. */
export class LiveTrace implements TraceSource {
  readonly file = undefined;
  readonly title: string;
  readonly #soFar: () => Recording;
  readonly #more = new vscode.EventEmitter<void>();
  #over = false;

  constructor(title: string, soFar: () => Recording) {
    this.title = title;
    this.#soFar = soFar;
  }

  get over(): boolean {
    return this.#over;
  }

  versions(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve(this.#soFar().metadata.versions);
  }

  grew(): void {
    this.#more.fire();
  }

  end(): void {
    this.#over = true;
    this.#more.fire();
  }

  async send(id: number, post: Post, signal: AbortSignal): Promise<void> {
    const { metadata } = this.#soFar();
    const { target, startUtcMs } = metadata;
    await post({ type: 'beginLive', id, title: this.title, target, startUtcMs });
    const told = new Map<number, string>();
    let sent = 0;
    for (;;) {
      // Asked before the recording is: what comes meanwhile is seen the next time.
      const over = this.#over;
      const grown = this.#grown(signal);
      const { sources, chunks } = this.#soFar();
      for (const source of sources) await tellSource(id, source, told, post);
      // Each message waits for the page: one for every drain of every ring would fall behind the target.
      for (const chunk of joinChunks(chunks.slice(sent), PIECE_BYTES)) {
        if (signal.aborted) break;
        await append(id, chunk, post);
      }
      sent = chunks.length;
      if (over || signal.aborted) break;
      await grown;
      // What comes in many small pieces is sent in few.
      if (!this.#over) await pause(GROWTH_PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
    if (!signal.aborted) await post({ type: 'endLive', id });
  }

  #grown(signal: AbortSignal): Promise<void> {
    if (this.#over || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const subscription = this.#more.event(() => done());
      const done = (): void => {
        subscription.dispose();
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

async function tellSource(id: number, source: RecordingSource, told: Map<number, string>, post: Post): Promise<void> {
  const { side, description, process, session, machine, ringCount, slotsPerRing } = source;
  const known = { id: source.id, side, description, process, session, machine, ringCount, slotsPerRing };
  const text = JSON.stringify(known);
  if (told.get(source.id) === text) return;
  told.set(source.id, text);
  await post({ type: 'liveSource', id, source: known });
}

async function append(id: number, chunk: SlotChunk, post: Post): Promise<void> {
  const { source, ring, firstSlot, lost, bytes } = chunk;
  const counters = { firstSlot: String(firstSlot), lost: String(lost) };
  // A copy: VS Code sends the whole buffer that a view lies in, and knows no Buffer.
  await post({ type: 'append', id, source, ring, ...counters, bytes: new Uint8Array(bytes) });
}
