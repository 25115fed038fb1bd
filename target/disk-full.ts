/**
 * A full disk of this host, told as one, whoever noticed it first: we ourselves, a compiler in the middle of an object file, or
 * Wine, which goes on as if nothing were.
 */
import { randomBytes } from 'node:crypto';
import { rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CancelledError, EventscopeError } from '../protocol/errors.js';

/** No space, over the user's quota, over the process's limit of file sizes. */
const CODES: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left',
  EDQUOT: "the user's disk quota is used up",
  EFBIG: 'the file would become larger than this process may make one (ulimit -f)',
};
/** The C library's words for the same, as tools print them. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/, 'ENOSPC'],
  [/Disk quota exceeded/, 'EDQUOT'],
  [/File too large|SIGXFSZ|File size limit exceeded/, 'EFBIG'],
];
/** A disk that does not take this much is full for all that we do. */
const PROBE_BYTES = 1024 * 1024;

export interface DiskUse {
  /** Host folder that is written to. */
  readonly folder: string;
  /** What was to be done, such as "build". */
  readonly purpose: string;
  /** What of before is still there, such as "the binaries of the last good build are unchanged". */
  readonly kept: string;
  readonly target?: string;
  /** With less than this free a tool's unexplained failure is taken for a full disk; default 1 MiB. */
  readonly roomBytes?: number;
}

/**
 * Does `work`; a failure of it because of a full disk becomes `host.diskFull`, which names the folder and what to do.
 * @throws EventscopeError `host.diskFull`, and whatever `work` throws
 */
export async function tellingFullDisk<T>(use: DiskUse, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CancelledError || isDiskFullError(error)) throw error;
    const code = codeOf(error) ?? wordsOf(error) ?? (isToolsOwn(error) ? await probe(use) : undefined);
    throw code === undefined ? error : diskFullError('host.diskFull', use, code, error);
  }
}

/** @throws EventscopeError `host.diskFull` when the folder takes nothing more: for work that does not say so itself */
export async function requireRoom(use: DiskUse): Promise<void> {
  const code = await probe(use);
  if (code !== undefined) throw diskFullError('host.diskFull', use, code, undefined);
}

/** Bytes that this user may still write in a folder's file system. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

export function diskFullError(id: string, use: DiskUse, code: string, cause: unknown): EventscopeError {
  return new EventscopeError({
    id,
    what: `The disk is full: could not ${use.purpose} in ${use.folder}`,
    ...(use.target === undefined ? {} : { target: use.target }),
    why: `${CODES[code] ?? code} (${code})`,
    next: `${code === 'EFBIG' ? 'Raise the limit' : 'Free some space there'}, then try again; ${use.kept}.`,
    data: { folder: use.folder, code },
    cause,
  });
}

/** ENOSPC, EDQUOT or EFBIG of a failed call of ours, also behind an error of ours; undefined for everything else. */
export function diskFullCode(error: unknown): string | undefined {
  return codeOf(error);
}

function isDiskFullError(error: unknown): boolean {
  return error instanceof EventscopeError && (error.id === 'host.diskFull' || error.id === 'target.diskFull');
}

function codeOf(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && code in CODES) return code;
  return codeOf(error.cause, depth + 1);
}

/** A tool's message; of a compiler's only those about no line of a source, which may hold any words. */
function wordsOf(error: unknown): string | undefined {
  if (!(error instanceof EventscopeError)) return undefined;
  const diagnostics = error.data['diagnostics'];
  const texts = Array.isArray(diagnostics)
    ? (diagnostics as readonly { line: number; message: string }[]).filter(({ line }) => line === 0)
    : [{ message: error.why ?? '' }];
  for (const { message } of texts) {
    for (const [words, code] of WORDS) if (words.test(message)) return code;
  }
  return undefined;
}

/** Tools that ran and failed: some are killed by what a full disk does to their mapped files, some say nothing. */
function isToolsOwn(error: unknown): boolean {
  if (!(error instanceof EventscopeError)) return false;
  if (error.id !== 'build.failed') return /^(tool|signing|wine|agent)\./.test(error.id);
  const diagnostics = error.data['diagnostics'];
  return Array.isArray(diagnostics) && (diagnostics as readonly { line: number }[]).some(({ line }) => line === 0);
}

async function probe(use: DiskUse): Promise<string | undefined> {
  const free = await freeBytes(use.folder).catch(() => undefined);
  if (free !== undefined && free < (use.roomBytes ?? PROBE_BYTES)) return 'ENOSPC';
  // Quotas and limits are known to the system alone: ask it by doing.
  const file = path.join(use.folder, `.room-${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(file, Buffer.alloc(PROBE_BYTES, 1));
    return undefined;
  } catch (error) {
    return codeOf(error);
  } finally {
    await rm(file, { force: true });
  }
}
