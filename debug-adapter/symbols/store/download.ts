import { type FileHandle, open } from 'node:fs/promises';
import { CancelledError, EventscopeError } from '../../../protocol/errors.js';

export interface DownloadLimits {
  /** Bytes of one file. */
  readonly maxBytes: number;
  /** For the whole of it, ms. */
  readonly totalMs: number;
  /** Without a byte, ms. */
  readonly idleMs: number;
}

export const DOWNLOAD_LIMITS: DownloadLimits = { maxBytes: 2 * 1024 ** 3, totalMs: 10 * 60_000, idleMs: 30_000 };

const NOT_THERE = new Set([404, 410]);

/**
 * Fetches an address into a new file. false: the server has no such file.
 * @throws EventscopeError symbols.download; CancelledError. What was written stays for the caller to delete.
 */
export async function download(
  url: string,
  path: string,
  limits: DownloadLimits,
  signal: AbortSignal,
): Promise<boolean> {
  const idle = new AbortController();
  const total = AbortSignal.timeout(limits.totalMs);
  const anyOf = AbortSignal.any([signal, idle.signal, total]);
  let timer = setTimeout(() => idle.abort(), limits.idleMs);
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(), limits.idleMs);
  };
  try {
    const response = await fetch(url, { signal: anyOf, headers: { 'user-agent': 'Eventscope' } });
    heard();
    if (!response.ok) {
      await response.body?.cancel();
      if (NOT_THERE.has(response.status)) return false;
      throw new Error(`the server answers ${response.status} ${response.statusText}`);
    }
    const announced = Number(response.headers.get('content-length') ?? 0);
    if (announced > limits.maxBytes) {
      await response.body?.cancel();
      throw new Error(`the file has ${announced} bytes, ${limits.maxBytes} are allowed`);
    }
    const file = await open(path, 'wx');
    try {
      if (response.body !== null)
        await receive(response.body as AsyncIterable<Uint8Array>, file, limits.maxBytes, heard);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (signal.aborted) throw new CancelledError();
    throw new EventscopeError({
      id: 'symbols.download',
      what: `${url} cannot be fetched`,
      why: total.aborted
        ? `it takes longer than ${limits.totalMs / 1000} s`
        : idle.signal.aborted
          ? `nothing came for ${limits.idleMs / 1000} s`
          : reasonOf(error),
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function receive(
  body: AsyncIterable<Uint8Array>,
  file: FileHandle,
  maxBytes: number,
  heard: () => void,
): Promise<void> {
  let received = 0;
  for await (const chunk of body) {
    heard();
    received += chunk.byteLength;
    if (received > maxBytes) throw new Error(`the file has more than the ${maxBytes} bytes that are allowed`);
    await file.writeFile(chunk);
  }
}

/** fetch() says "fetch failed"; what failed is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
