/**
 * Files of this machine for a target that asks for them (`.kdfiles`): those of one folder, to be read, by their file name alone. Every
 * other request is refused: the target is a machine that somebody debugs because it does not behave.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { FileIo, FileIoAnswer } from './protocol/file-io.js';

const STATUS_SUCCESS = 0;
const STATUS_NO_SUCH_FILE = 0xc000000f;
const STATUS_ACCESS_DENIED = 0xc0000022;
const STATUS_INVALID_HANDLE = 0xc0000008;
const STATUS_END_OF_FILE = 0xc0000011;
/** What a packet has room for beside its headers. */
const MAX_READ = 3_000;
const MAX_OPEN = 16;
const FILE_OPEN = 1;
/** No link, and no pipe that nobody writes to. Where the system has no such flags the folder's owner answers for what is in it. */
const PLAIN_FILES = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class ServedFolder {
  readonly #folder: string;
  readonly #open = new Map<bigint, FileHandle>();
  #next = 1n;

  constructor(folder: string) {
    this.#folder = folder;
  }

  readonly answer = async (request: FileIo): Promise<FileIoAnswer> => {
    switch (request.kind) {
      case 'create':
        return this.#create(request.name, request.disposition);
      case 'read':
        return this.#read(request.handle, request.offset, request.length);
      case 'close': {
        const file = this.#open.get(request.handle);
        this.#open.delete(request.handle);
        await file?.close();
        return { status: file === undefined ? STATUS_INVALID_HANDLE : STATUS_SUCCESS };
      }
      case 'write':
      case 'unknown':
        return { status: STATUS_ACCESS_DENIED };
    }
  };

  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const file of files) await file.close();
  }

  async #create(name: string, disposition: number): Promise<FileIoAnswer> {
    if (disposition !== FILE_OPEN || this.#open.size >= MAX_OPEN) return { status: STATUS_ACCESS_DENIED };
    // The target's folders say nothing here, so nothing leads out of ours.
    const wanted = path.win32.basename(name).toLowerCase();
    const found = (await readdir(this.#folder)).find((each) => each.toLowerCase() === wanted);
    if (found === undefined || wanted === '') return { status: STATUS_NO_SUCH_FILE };
    let file: FileHandle;
    try {
      file = await open(path.join(this.#folder, found), constants.O_RDONLY | PLAIN_FILES);
    } catch {
      return { status: STATUS_ACCESS_DENIED };
    }
    const { size, isFile } = await file.stat().then((stat) => ({ size: stat.size, isFile: stat.isFile() }));
    if (!isFile) {
      await file.close();
      return { status: STATUS_ACCESS_DENIED };
    }
    const handle = this.#next++;
    this.#open.set(handle, file);
    return { status: STATUS_SUCCESS, handle, fileLength: BigInt(size) };
  }

  async #read(handle: bigint, offset: bigint, length: number): Promise<FileIoAnswer> {
    const file = this.#open.get(handle);
    if (file === undefined) return { status: STATUS_INVALID_HANDLE };
    const buffer = new Uint8Array(Math.min(length, MAX_READ));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, Number(offset));
    if (bytesRead === 0) return { status: STATUS_END_OF_FILE };
    return { status: STATUS_SUCCESS, data: buffer.subarray(0, bytesRead) };
  }
}
