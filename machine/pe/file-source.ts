import type { FileHandle } from 'node:fs/promises';
import type { ByteSource } from './byte-source.js';

/** An open file; whoever opened it closes it. */
export class FileSource implements ByteSource {
  constructor(private readonly file: FileHandle) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.file.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }
}
