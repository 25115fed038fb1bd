/**
 * Files on the test machine, by SFTP. Every wait ends with the cancel, a time limit, or the loss of the link.
 */
import { setMaxListeners } from 'node:events';
import type { Attributes, FileEntryWithStats, SFTPWrapper } from 'ssh2';
import { EventscopeError } from '../../protocol/errors.js';
import { bounded } from './bounded.js';
import type { SshConnection, WaitOptions } from './connection.js';

/** An answer of the server that takes longer than this is a stalled disk or machine. */
export const SFTP_ANSWER_TIMEOUT_MS = 30_000;

/** Status codes of SFTP version 3 (draft-ietf-secsh-filexfer-02, 7). */
const SFTP_NO_SUCH_FILE = 2;
const SFTP_PERMISSION_DENIED = 3;
const SFTP_FAILURE = 4;
const SFTP_CONNECTION_LOST = 7;
const SFTP_OP_UNSUPPORTED = 8;

const MAX_TEXT_BYTES = 64 * 1024;
const MAX_TREE_DEPTH = 32;
const FOLDER_BIT = 0o040_000;
const TYPE_BITS = 0o170_000;

type Callback<T> = (error: Error | null | undefined, value: T) => void;

/** @param error As ssh2 gives it: the SFTP status is its `code`. */
export function sftpStatus(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
}

export function isMissing(error: unknown): boolean {
  return sftpStatus((error as Error | undefined)?.cause) === SFTP_NO_SUCH_FILE;
}

/** The same cancel, for the many requests of a transfer that wait at once: Node warns at the eleventh listener. */
function manyWaits(signal: AbortSignal): AbortSignal {
  const own = AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}

export class RemoteFiles {
  private constructor(
    private readonly target: string,
    readonly sftp: SFTPWrapper,
    private readonly connection: SshConnection,
    private readonly signal: AbortSignal | undefined,
  ) {}

  static async open(target: string, connection: SshConnection, options: WaitOptions = {}): Promise<RemoteFiles> {
    const sftp = await connection.openSftp(options);
    // A session's own late error has already failed the call that waits on it, or nobody waits.
    sftp.on('error', () => undefined);
    return new RemoteFiles(target, sftp, connection, options.signal && manyWaits(options.signal));
  }

  /** A view of the same session under another cancel, for cleaning up after one. */
  under(signal: AbortSignal | undefined): RemoteFiles {
    return new RemoteFiles(this.target, this.sftp, this.connection, signal);
  }

  close(): void {
    this.sftp.end();
  }

  /**
   * One request and its answer.
   * @param what For the message, such as "write C:\x".
   * @throws EventscopeError "ssh.file", "ssh.fileMissing", "ssh.fileDenied" with the server's error as cause.
   */
  async call<T>(what: string, path: string, begin: (done: Callback<T>) => void): Promise<T> {
    return await bounded<T>(
      (resolve, reject) =>
        begin((error, value) => {
          if (error === null || error === undefined) resolve(value);
          else reject(this.#fileError(what, path, error));
        }),
      {
        signal: this.signal,
        timeoutMs: SFTP_ANSWER_TIMEOUT_MS,
        onTimeout: () => this.#fileError(what, path, new Error(`no answer within ${SFTP_ANSWER_TIMEOUT_MS / 1000} s`)),
        onLost: (listener) => this.connection.onLost(listener),
      },
    );
  }

  /**
   * As {@link call}, for a request beyond SFTP version 3. undefined: the server has not announced it, and nothing was
   * sent.
   */
  async callExtension<T>(
    what: string,
    path: string,
    begin: (done: Callback<T>) => void,
  ): Promise<{ readonly value: T } | undefined> {
    const unsupported = new Error('not announced');
    try {
      const value = await this.call<T>(what, path, (done) => {
        try {
          begin(done);
        } catch {
          // ssh2 throws, before it sends anything, for an extension that the server has not announced.
          done(unsupported, undefined as T);
        }
      });
      return { value };
    } catch (error) {
      if ((error as Error).cause === unsupported) return undefined;
      throw error;
    }
  }

  #fileError(what: string, path: string, error: Error): Error {
    if (this.connection.lost !== undefined) return this.connection.lost;
    const status = sftpStatus(error);
    const id =
      status === SFTP_NO_SUCH_FILE
        ? 'ssh.fileMissing'
        : status === SFTP_PERMISSION_DENIED
          ? 'ssh.fileDenied'
          : 'ssh.file';
    return new EventscopeError({
      id,
      what: `Could not ${what} ${path}`,
      target: this.target,
      why: wordsOf(status, error),
      next: adviceOf(status),
      cause: error,
      data: { path, status },
    });
  }

  /** undefined: not there. */
  async stat(path: string): Promise<Attributes | undefined> {
    try {
      return await this.call<Attributes>('look at', path, (done) => this.sftp.stat(path, done));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async list(path: string): Promise<readonly FileEntryWithStats[]> {
    const entries = await this.call<FileEntryWithStats[]>('list', path, (done) => this.sftp.readdir(path, done));
    return entries.filter((entry) => entry.filename !== '.' && entry.filename !== '..');
  }

  /** Makes a folder and those above it. */
  async makeFolder(path: string): Promise<void> {
    const missing: string[] = [];
    let current = path;
    for (;;) {
      const attributes = await this.stat(current);
      if (attributes !== undefined) {
        if (isFolder(attributes)) break;
        throw this.#fileError('make the folder', current, new Error('a file of that name is in the way'));
      }
      missing.unshift(current);
      const above = current.slice(0, Math.max(current.lastIndexOf('/'), 1));
      if (above === current) break;
      current = above;
    }
    for (const folder of missing) await this.#makeOne(folder);
  }

  /** Somebody else may have made it between the look and the call. */
  async #makeOne(folder: string): Promise<void> {
    try {
      await this.call<undefined>('make the folder', folder, (done) =>
        this.sftp.mkdir(folder, (error) => done(error, undefined)),
      );
    } catch (error) {
      const attributes = await this.stat(folder);
      if (attributes === undefined || !isFolder(attributes)) throw error;
    }
  }

  /** The first 64 KiB of a file. undefined: not there. */
  async readText(path: string): Promise<string | undefined> {
    let handle: Buffer;
    try {
      handle = await this.call<Buffer>('open', path, (done) => this.sftp.open(path, 'r', done));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      const buffer = Buffer.alloc(MAX_TEXT_BYTES);
      const { size } = await this.call<Attributes>('look at', path, (done) => this.sftp.fstat(handle, done));
      const length = Math.min(size, MAX_TEXT_BYTES);
      if (length === 0) return '';
      const read = await this.call<number>('read', path, (done) =>
        this.sftp.read(handle, buffer, 0, length, 0, (error, bytes) => done(error, bytes)),
      );
      return buffer.toString('utf8', 0, read);
    } finally {
      await this.closeHandle(handle, path);
    }
  }

  /** A new file that only its owner may read, where the server keeps modes; fails when the name is taken. */
  async writeNewText(path: string, content: string): Promise<void> {
    const handle = await this.call<Buffer>('create', path, (done) => this.sftp.open(path, 'wx', { mode: 0o600 }, done));
    try {
      const data = Buffer.from(content, 'utf8');
      await this.call<undefined>('write', path, (done) =>
        this.sftp.write(handle, data, 0, data.length, 0, (error) => done(error, undefined)),
      );
    } finally {
      await this.closeHandle(handle, path);
    }
  }

  async closeHandle(handle: Buffer, path: string): Promise<void> {
    await this.call<undefined>('close', path, (done) => this.sftp.close(handle, (error) => done(error, undefined)));
  }

  /** No error when it is not there. */
  async removeFile(path: string): Promise<void> {
    try {
      await this.call<undefined>('remove', path, (done) => this.sftp.unlink(path, (error) => done(error, undefined)));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** A folder with all in it; links are removed, not followed. No error when it is not there. */
  async removeTree(path: string, depth = 0): Promise<void> {
    if (depth > MAX_TREE_DEPTH) throw this.#fileError('remove', path, new Error('folders lie too deep'));
    let entries: readonly FileEntryWithStats[];
    try {
      entries = await this.list(path);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    for (const entry of entries) {
      const inner = `${path}/${entry.filename}`;
      if (isFolder(entry.attrs)) await this.removeTree(inner, depth + 1);
      else await this.removeFile(inner);
    }
    await this.call<undefined>('remove the folder', path, (done) =>
      this.sftp.rmdir(path, (error) => done(error, undefined)),
    );
  }

  async rename(from: string, to: string): Promise<void> {
    await this.call<undefined>('rename', from, (done) => this.sftp.rename(from, to, (error) => done(error, undefined)));
  }
}

export function isFolder(attributes: { readonly mode: number }): boolean {
  return (attributes.mode & TYPE_BITS) === FOLDER_BIT;
}

function wordsOf(status: number | undefined, error: Error): string {
  switch (status) {
    case SFTP_NO_SUCH_FILE:
      return 'there is no such file or folder';
    case SFTP_PERMISSION_DENIED:
      return 'the machine denied it';
    case SFTP_FAILURE:
      return 'the SFTP server answered SSH_FX_FAILURE, which says no more (in use, disk full, name taken)';
    case SFTP_CONNECTION_LOST:
      return 'the SFTP session ended';
    case SFTP_OP_UNSUPPORTED:
      return 'the SFTP server does not support it';
    case undefined:
    default:
      return error.message;
  }
}

function adviceOf(status: number | undefined): string {
  if (status === SFTP_PERMISSION_DENIED)
    return 'Use an account that may write there, or another "folder" of this target';
  return 'Check the disk of the machine and what uses the file, then try again';
}
