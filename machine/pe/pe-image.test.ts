import assert from 'node:assert/strict';
import { EventscopeError } from '../../protocol/errors.js';
import { BufferSource, type ByteSource, PagedSource } from './byte-source.js';
import { readCodeViewRecord } from './debug-directory.js';
import { findRuntimeFunction } from './exception-directory.js';
import { parseForwarder, readExports } from './exports.js';
import { readImports } from './imports.js';
import { PeImage } from './pe-image.js';
import { makePe, makeRsds } from './test-image.js';

const GUID = '01234567-89AB-CDEF-0011-223344556677';

/** A little assembler of data: words and names at RVAs from 0x1000 on. */
class Data {
  readonly bytes = Buffer.alloc(0x1000);
  u16 = (rva: number, ...words: number[]): void =>
    words.forEach((word, index) => this.bytes.writeUInt16LE(word, rva - 0x1000 + index * 2));
  u32 = (rva: number, ...words: number[]): void =>
    words.forEach((word, index) => this.bytes.writeUInt32LE(word, rva - 0x1000 + index * 4));
  u64 = (rva: number, ...words: bigint[]): void =>
    words.forEach((word, index) => this.bytes.writeBigUInt64LE(word, rva - 0x1000 + index * 8));
  text = (rva: number, text: string): number => this.bytes.write(`${text}\0`, rva - 0x1000, 'latin1');
}

/** One of everything: three exports (a name, a forwarder, an ordinal), two imports and a delayed one, RSDS, functions with a gap. */
function everything(): Buffer {
  const data = new Data();
  data.u32(0x1010, 5, 3, 2, 0x1040, 0x1050, 0x1060);
  data.u32(0x1040, 0x5000, 0x1080, 0x6000);
  data.u32(0x1050, 0x1070, 0x1090);
  data.u16(0x1060, 0, 1);
  data.text(0x1070, 'Alpha');
  data.text(0x1080, 'NTDLL.RtlBeta');
  data.text(0x1090, 'Beta');
  data.u32(0x1100, 0x1200, 0, 0, 0x1180, 0x1300);
  data.text(0x1180, 'ntoskrnl.exe');
  data.u64(0x1200, 0x1220n, 0x8000_0000_0000_0007n, 0n);
  data.text(0x1222, 'KeSetEvent');
  data.u32(0x1400, 1, 0x1440, 0, 0x1460, 0x1470, 0, 0, 0);
  data.text(0x1440, 'late.dll');
  data.u64(0x1470, 0x1490n, 0n);
  data.text(0x1492, 'Later');
  makeRsds(0x1500, GUID, 3, 'a/b.pdb').copy(data.bytes, 0x500);
  data.u32(0x1600, 0x2000, 0x2010, 0x1700, 0, 0, 0, 0x2020, 0x2040, 0x1704, 0x2040, 0x2044, 0x1708);
  return makePe({
    sections: [{ rva: 0x1000, bytes: data.bytes }],
    directories: {
      0: { rva: 0x1000, size: 0x100 },
      1: { rva: 0x1100, size: 40 },
      3: { rva: 0x1600, size: 48 },
      6: { rva: 0x1500, size: 28 },
      13: { rva: 0x1400, size: 64 },
    },
    timeDateStamp: 7,
  });
}

const open = (bytes: Buffer): Promise<PeImage> => PeImage.open(new BufferSource(bytes), 'file');

describe('a PE image', () => {
  it('has exports by name, by ordinal, and forwarded', async () => {
    assert.deepEqual(await readExports(await open(everything())), [
      { name: 'Alpha', ordinal: 5, rva: 0x5000 },
      { name: 'Beta', ordinal: 6, rva: 0x1080, forwarder: 'NTDLL.RtlBeta' },
      { ordinal: 7, rva: 0x6000 },
    ]);
    assert.deepEqual(parseForwarder('NTDLL.RtlBeta'), { module: 'NTDLL', name: 'RtlBeta' });
    assert.deepEqual(parseForwarder('api.x.#12'), { module: 'api.x', ordinal: 12 });
    assert.equal(parseForwarder('nothing'), undefined);
  });

  it('has imports with the slots that they are called through', async () => {
    assert.deepEqual(await readImports(await open(everything())), [
      { module: 'ntoskrnl.exe', slotRva: 0x1300, delayed: false, name: 'KeSetEvent' },
      { module: 'ntoskrnl.exe', slotRva: 0x1308, delayed: false, ordinal: 7 },
      { module: 'late.dll', slotRva: 0x1460, delayed: true, name: 'Later' },
    ]);
  });

  it('names its PDB', async () => {
    assert.deepEqual(await readCodeViewRecord(await open(everything())), { guid: GUID, age: 3, path: 'a/b.pdb' });
  });

  it('finds functions around an empty entry', async () => {
    const image = await open(everything());
    const begins: (number | undefined)[] = [];
    for (const rva of [0x1fff, 0x2000, 0x200f, 0x2010, 0x2030, 0x2043, 0x2044]) {
      begins.push((await findRuntimeFunction(image, rva))?.begin);
    }
    assert.deepEqual(begins, [undefined, 0x2000, 0x2000, undefined, 0x2020, 0x2040, undefined]);
  });

  it('is the same where it is loaded', async () => {
    const file = await open(everything());
    const loaded = Buffer.alloc(file.headers.sizeOfImage);
    everything().copy(loaded, 0, 0, 0x400);
    everything().copy(loaded, 0x1000, 0x400);
    const image = await PeImage.open(new BufferSource(loaded), 'memory');
    assert.deepEqual(await readExports(image), await readExports(file));
    assert.deepEqual(await readImports(image), await readImports(file));
  });

  it('is read a few pages at a time, and each once', async () => {
    const reads: [number, number][] = [];
    const inner = new BufferSource(Buffer.alloc(0x4000, 1));
    const counting: ByteSource = { read: (at, length) => (reads.push([at, length]), inner.read(at, length)) };
    const source = new PagedSource(counting);
    assert.equal((await source.read(0xff0, 0x20)).length, 0x20);
    assert.equal((await source.read(0x10, 0x1800)).length, 0x1800);
    assert.equal((await source.read(0x3ff0, 0x40)).length, 0x10);
    assert.deepEqual(reads, [
      [0, 0x2000],
      [0x3000, 0x2000],
    ]);
  });

  it('is refused or smaller when it is damaged', async () => {
    const original = everything();
    let state = 1;
    const random = (below: number): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % below;
    let refusals = 0;
    for (let run = 0; run < 400; run++) {
      const bytes = Buffer.from(original);
      for (let change = 0; change < 4; change++) {
        bytes.writeUInt32LE(
          run % 2 === 0 ? 0xffffffff : random(0x2000),
          random(run % 3 === 0 ? 0x300 : bytes.length - 4),
        );
      }
      try {
        const image = await open(bytes);
        await readExports(image);
        await readImports(image);
        await readCodeViewRecord(image);
        await findRuntimeFunction(image, 0x2030);
      } catch (error) {
        assert.ok(error instanceof EventscopeError, error instanceof Error ? error.stack : String(error));
        refusals++;
      }
    }
    assert.ok(refusals > 50 && refusals < 400, `${refusals} of 400 were refused`);
  });
});
