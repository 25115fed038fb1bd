/**
 * Whole files to and from the test machine. A file appears under its name complete or not at all: it is written beside
 * (`name.<random>.evs-part`), made durable where the server can, checked, and renamed over the old one.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Attributes } from 'ssh2';
import { EventscopeError } from '../../protocol/errors.js';
import { type RemoteFiles, sftpStatus } from './files.js';

export const PART_SUFFIX = '.evs-part';
/** A part that nobody has written to for so long was left by a client whose link was cut. */
const STALE_PART_SECONDS = 60;
/** The largest piece every SFTP server must take is 32 KiB (draft-ietf-secsh-filexfer-02, 3). */
const PIECE_BYTES = 32 * 1024;
/** Pieces under way at once: 2 MiB hide a round trip of 20 ms at 100 MB/s. */
const PIECES_IN_FLIGHT = 64;

export type TransferProgress = (bytes: number, total: number) => void;

/**
 * @throws EventscopeError "file.unreadable" for the host's file, "target.diskFull", "ssh.inUse", and those of
 *   {@link RemoteFiles.call}; "ssh.lost" when the link is cut. The old file stays in every case.
 */
export async function uploadFile(
  files: RemoteFiles,
  hostPath: string,
  path: string,
  progress: TransferProgress = () => undefined,
): Promise<void> {
  const host = await openHostFile(hostPath);
  try {
    const size = (await host.stat()).size;
    const part = `${path}.${randomBytes(6).toString('hex')}${PART_SUFFIX}`;
    try {
      await writePart(files, host, part, size, progress);
      await removeStaleParts(files, path, part);
      await replaceFile(files, part, path);
    } catch (error) {
      // Not under the cancel that may have brought us here. With the link gone, the next upload sweeps it.
      await files
        .under(undefined)
        .removeFile(part)
        .catch(() => undefined);
      throw error;
    }
  } finally {
    await host.close();
  }
}

async function openHostFile(hostPath: string): Promise<FileHandle> {
  try {
    return await open(hostPath, 'r');
  } catch (error) {
    throw new EventscopeError({
      id: 'file.unreadable',
      what: `The file ${hostPath} cannot be read`,
      why: (error as Error).message,
      next: 'Build it first, or correct its path',
      cause: error,
    });
  }
}

async function writePart(
  files: RemoteFiles,
  host: FileHandle,
  part: string,
  size: number,
  progress: TransferProgress,
): Promise<void> {
  const handle = await files.call<Buffer>('create', part, (done) => files.sftp.open(part, 'wx', done));
  try {
    try {
      await copyPieces(
        size,
        async (offset, length) => {
          const piece = Buffer.allocUnsafe(length);
          const { bytesRead } = await host.read(piece, 0, length, offset);
          if (bytesRead !== length) throw new Error(`the file to send became shorter while it was read`);
          await files.call<undefined>('write', part, (done) =>
            files.sftp.write(handle, piece, 0, length, offset, (error) => done(error, undefined)),
          );
        },
        progress,
      );
      await syncHandle(files, handle, part);
    } catch (error) {
      throw (await diskFullError(files, part, size, error)) ?? error;
    }
    const written = await files.call<Attributes>('look at', part, (done) => files.sftp.fstat(handle, done));
    if (written.size !== size) {
      throw new EventscopeError({
        id: 'ssh.file',
        what: `The copy ${part} is not whole`,
        why: `${written.size} of ${size} bytes are there`,
        next: 'Check the disk of the machine, then try again',
      });
    }
  } finally {
    await files
      .under(undefined)
      .closeHandle(handle, part)
      .catch(() => undefined);
  }
}

/** Runs `copy` for each piece, a bounded number at once; stops at the first error and waits for what is under way. */
async function copyPieces(
  size: number,
  copy: (offset: number, length: number) => Promise<void>,
  progress: TransferProgress,
): Promise<void> {
  let next = 0;
  let done = 0;
  let failure: unknown;
  const worker = async (): Promise<void> => {
    while (next < size && failure === undefined) {
      const offset = next;
      const length = Math.min(PIECE_BYTES, size - offset);
      next += length;
      try {
        await copy(offset, length);
      } catch (error) {
        failure ??= error;
        return;
      }
      done += length;
      progress(done, size);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PIECES_IN_FLIGHT, Math.ceil(size / PIECE_BYTES)) }, worker));
  if (failure !== undefined) throw failure as Error;
}

/** fsync@openssh.com where the server has it. */
async function syncHandle(files: RemoteFiles, handle: Buffer, part: string): Promise<void> {
  await files.callExtension<undefined>('flush', part, (done) =>
    files.sftp.ext_openssh_fsync(handle, (error) => done(error, undefined)),
  );
}

interface FileSystemInfo {
  readonly f_bavail?: unknown;
  readonly f_frsize?: unknown;
}

/** SFTP version 3 has no code for a full disk: the file system is asked (statvfs@openssh.com) after a bare failure. */
async function diskFullError(
  files: RemoteFiles,
  part: string,
  size: number,
  error: unknown,
): Promise<EventscopeError | undefined> {
  const cause = error instanceof EventscopeError ? error.cause : undefined;
  if (sftpStatus(cause) === undefined) return undefined;
  try {
    const answer = await files.callExtension<FileSystemInfo>('look at', part, (done) =>
      files.sftp.ext_openssh_statvfs(part, (failed, info: FileSystemInfo) => done(failed, info)),
    );
    const bytes = Number(answer?.value.f_bavail) * Number(answer?.value.f_frsize);
    if (!Number.isFinite(bytes) || bytes > PIECE_BYTES * PIECES_IN_FLIGHT) return undefined;
    return new EventscopeError({
      id: 'target.diskFull',
      what: `The disk of the test machine is full: ${part} could not be written`,
      why: `${bytes} bytes are free, the file needs ${size}`,
      next: 'Make room on the machine, then try again; the old file is still there',
      cause: error,
    });
  } catch {
    return undefined;
  }
}

/** Parts of this file that cut links have left, judged by the server's own clock. */
async function removeStaleParts(files: RemoteFiles, path: string, ownPart: string): Promise<void> {
  const slash = path.lastIndexOf('/');
  const [folder, name] = [path.slice(0, slash), path.slice(slash + 1)];
  const entries = await files.list(folder);
  const now = entries.find((entry) => entry.filename === ownPart.slice(slash + 1))?.attrs.mtime;
  if (now === undefined) return;
  for (const entry of entries) {
    const isPart = entry.filename.startsWith(`${name}.`) && entry.filename.endsWith(PART_SUFFIX);
    if (!isPart || now - entry.attrs.mtime < STALE_PART_SECONDS) continue;
    await files.removeFile(`${folder}/${entry.filename}`).catch(() => undefined);
  }
}

/** posix-rename@openssh.com replaces in one step; without it the old file is moved aside and put back on failure. */
async function replaceFile(files: RemoteFiles, part: string, path: string): Promise<void> {
  try {
    const replaced = await files.callExtension<undefined>('replace', path, (done) =>
      files.sftp.ext_openssh_rename(part, path, (error) => done(error, undefined)),
    );
    if (replaced !== undefined) return;
    if ((await files.stat(path)) === undefined) {
      await files.rename(part, path);
      return;
    }
    const old = `${part}.old`;
    await files.rename(path, old);
    try {
      await files.rename(part, path);
    } catch (error) {
      await files.under(undefined).rename(old, path);
      throw error;
    }
    await files.removeFile(old);
  } catch (error) {
    if (!(error instanceof EventscopeError) || error.id !== 'ssh.file') throw error;
    throw new EventscopeError({
      id: 'ssh.inUse',
      what: `${path} could not be replaced`,
      why: `${error.why ?? error.message}; a program or driver that runs holds its file`,
      next: 'Stop what uses it (eventscope target stop), then try again',
      cause: error,
    });
  }
}

/** @throws As {@link RemoteFiles.call}; "file.unwritable" for the host's file, which stays as it was on any error. */
export async function downloadFile(
  files: RemoteFiles,
  path: string,
  hostPath: string,
  progress: TransferProgress = () => undefined,
): Promise<void> {
  const part = `${hostPath}.${randomBytes(6).toString('hex')}${PART_SUFFIX}`;
  const handle = await files.call<Buffer>('open', path, (done) => files.sftp.open(path, 'r', done));
  try {
    const { size } = await files.call<Attributes>('look at', path, (done) => files.sftp.fstat(handle, done));
    const host = await openHostPart(part, hostPath);
    try {
      await copyPieces(size, (offset, length) => readPiece(files, handle, path, host, offset, length), progress);
    } finally {
      await host.close();
    }
    await rename(part, hostPath);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await files
      .under(undefined)
      .closeHandle(handle, path)
      .catch(() => undefined);
  }
}

async function openHostPart(part: string, hostPath: string): Promise<FileHandle> {
  try {
    return await open(part, 'wx');
  } catch (error) {
    throw new EventscopeError({
      id: 'file.unwritable',
      what: `The file ${hostPath} cannot be written`,
      why: (error as Error).message,
      next: 'Choose a folder that exists and that you may write to',
      cause: error,
    });
  }
}

/** A server may answer with fewer bytes than asked. */
async function readPiece(
  files: RemoteFiles,
  handle: Buffer,
  path: string,
  host: FileHandle,
  offset: number,
  length: number,
): Promise<void> {
  const piece = Buffer.allocUnsafe(length);
  let have = 0;
  while (have < length) {
    const from = have;
    const bytes = await files.call<number>('read', path, (done) =>
      files.sftp.read(handle, piece, from, length - from, offset + from, (error, count) => done(error, count)),
    );
    if (bytes === 0) throw new Error(`${path} became shorter while it was read`);
    have += bytes;
  }
  await host.write(piece, 0, length, offset);
}
