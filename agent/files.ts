/** Files of the target. Node's own asynchronous calls: they run off the main thread. */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { AgentRequestError } from '../protocol/agent-errors.js';
import type { RequestParams, RequestResult } from '../protocol/agent-rpc.js';
import { isAbsoluteWindowsPath } from '../machine/command-line.js';
import { plainError, win32Error } from './native/native-error.js';

/** Node's error codes as the Win32 errors that they come from. */
const WIN32_ERRORS: Readonly<Record<string, number>> = {
  ENOENT: 2,
  EACCES: 5,
  EPERM: 5,
  EBUSY: 32,
  ENOSPC: 112,
  ENAMETOOLONG: 206,
  ENOTEMPTY: 145,
  ENOTDIR: 267,
  EEXIST: 183,
  EXDEV: 17,
  EMFILE: 4,
};
const MAX_READ_BYTES = 4 * 1024 * 1024;

function absolute(path: string): string {
  if (!isAbsoluteWindowsPath(path) || path.includes('\0')) {
    throw plainError(`${path} is not an absolute Windows path`);
  }
  return path;
}

/** Runs with failures in Windows' words. call: what Windows calls it. */
async function withWindowsErrors<T>(call: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = WIN32_ERRORS[(error as NodeJS.ErrnoException).code ?? ''];
    if (code !== undefined) {
      throw win32Error(call, code, path);
    }
    throw new AgentRequestError(call, `${call} of ${path} failed: ${error instanceof Error ? error.message : ''}`, {
      call,
      code: 0,
      space: 'none',
    });
  }
}

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

export async function writeFilePiece(params: RequestParams<'file/write'>): Promise<void> {
  const path = absolute(params.path);
  await withWindowsErrors('WriteFile', path, async () => {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT);
    try {
      if (params.truncateTo !== undefined) {
        await file.truncate(Number(params.truncateTo));
      }
      let written = 0;
      while (written < params.data.length) {
        const { bytesWritten } = await file.write(
          params.data,
          written,
          params.data.length - written,
          Number(params.offset) + written,
        );
        written += bytesWritten;
      }
    } finally {
      await file.close();
    }
  });
}

/** Fewer bytes than asked for at the end of the file. */
export async function readFilePiece(params: RequestParams<'file/read'>): Promise<RequestResult<'file/read'>> {
  const path = absolute(params.path);
  if (params.length > MAX_READ_BYTES) {
    throw plainError(`A file is read in pieces of at most ${MAX_READ_BYTES} bytes, not ${params.length}`);
  }
  return await withWindowsErrors('ReadFile', path, async () => {
    const file = await open(path, 'r');
    try {
      const data = new Uint8Array(params.length);
      let length = 0;
      while (length < data.length) {
        const { bytesRead } = await file.read(data, length, data.length - length, Number(params.offset) + length);
        if (bytesRead === 0) {
          break;
        }
        length += bytesRead;
      }
      return { data: data.subarray(0, length) };
    } finally {
      await file.close();
    }
  });
}

export async function statFile(params: RequestParams<'file/stat'>): Promise<RequestResult<'file/stat'>> {
  const path = absolute(params.path);
  return await withWindowsErrors('GetFileAttributesExW', path, async () => {
    try {
      const entry = await stat(path, { bigint: true });
      return {
        entry: {
          kind: entry.isDirectory() ? ('folder' as const) : ('file' as const),
          size: entry.size,
          modifiedMs: Number(entry.mtimeMs),
        },
      };
    } catch (error) {
      if (isMissing(error)) {
        return {};
      }
      throw error;
    }
  });
}

export async function hashFile(
  params: RequestParams<'file/hash'>,
  signal: AbortSignal,
): Promise<RequestResult<'file/hash'>> {
  const path = absolute(params.path);
  return await withWindowsErrors('ReadFile', path, async () => {
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
        hash.update(chunk);
      }
    } catch (error) {
      if (isMissing(error)) {
        return {};
      }
      throw error;
    }
    return { sha256: hash.digest('hex') };
  });
}

export async function makeFolder(params: RequestParams<'file/makeFolder'>): Promise<void> {
  const path = absolute(params.path);
  await withWindowsErrors('CreateDirectoryW', path, () => mkdir(path, { recursive: true }));
}

export async function removeFile(params: RequestParams<'file/remove'>): Promise<void> {
  const path = absolute(params.path);
  await withWindowsErrors('DeleteFileW', path, () => rm(path, { recursive: true, force: true, maxRetries: 3 }));
}

export async function renameFile(params: RequestParams<'file/rename'>): Promise<void> {
  const from = absolute(params.from);
  const to = absolute(params.to);
  await withWindowsErrors('MoveFileExW', `${from} to ${to}`, () => rename(from, to));
}
