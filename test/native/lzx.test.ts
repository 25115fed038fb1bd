/**
 * Cabinets compressed by LZX, made here by a small encoder (fixed trees, matches, raw blocks over frames): cabextract, which is not ours, says
 * that they are right, and our expander must give the same.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expandCabinet } from '../../debug-adapter/symbols/store/cabinet.js';

const run = promisify(execFile);
const FRAME = 32_768;
const WINDOW_BITS = 15;
const MAIN = 256 + 30 * 8;
const LENGTHS = 249;
const EXTRA = Array.from({ length: 30 }, (_, slot) => (slot < 4 ? 0 : (slot >> 1) - 1));
const BASE = EXTRA.map((_, slot) => EXTRA.slice(0, slot).reduce((sum, bits) => sum + 2 ** bits, 0));

class BitWriter {
  readonly bytes: number[] = [];
  #bits = '';
  write(value: number, count: number): void {
    this.#bits += count === 0 ? '' : value.toString(2).padStart(count, '0');
    while (this.#bits.length >= 16) {
      const word = parseInt(this.#bits.slice(0, 16), 2);
      this.#bits = this.#bits.slice(16);
      this.bytes.push(word & 0xff, word >> 8);
    }
  }
  align(always: boolean): void {
    if (this.#bits.length > 0) this.write(0, 16 - this.#bits.length);
    else if (always) this.write(0, 16);
  }
}

/** Full trees: the first symbols have a code of one bit less. */
const fixedTree = (size: number, short: number, bits: number): { length: number; code: number }[] =>
  Array.from({ length: size }, (_, symbol) =>
    symbol < short ? { length: bits - 1, code: symbol } : { length: bits, code: short * 2 + symbol - short },
  );
const MAIN_TREE = fixedTree(MAIN, 16, 9);
const LENGTH_TREE = fixedTree(LENGTHS, 7, 8);

function writeTree(out: BitWriter, tree: readonly { length: number }[], bits: number): void {
  // Lengths are differences to 0 before: 17 - length. The pretree has these two codes, of one bit each.
  const codes = [17 - bits, 17 - (bits - 1)];
  for (let symbol = 0; symbol < 20; symbol++) out.write(codes.includes(symbol) ? 1 : 0, 4);
  for (const { length } of tree) out.write(codes.indexOf(17 - length), 1);
}

/** One block of trees for the first part, one raw block for the rest; a list of frames. */
function compress(content: Buffer, packed: number): Buffer[] {
  const frames: Buffer[] = [];
  let out = new BitWriter();
  let recent = [1, 1, 1];
  const put = (tree: readonly { length: number; code: number }[], symbol: number): void =>
    out.write(tree[symbol]?.code ?? 0, tree[symbol]?.length ?? 0);
  const endFrame = (): void => {
    out.align(false);
    frames.push(Buffer.from(out.bytes));
    out = new BitWriter();
  };
  out.write(0, 1);
  out.write(1, 3);
  out.write(packed, 24);
  writeTree(out, MAIN_TREE.slice(0, 256), 9);
  writeTree(out, MAIN_TREE.slice(256), 9);
  writeTree(out, LENGTH_TREE, 8);
  const seen = new Map<number, number>();
  for (let at = 0; at < packed;) {
    const end = Math.min(packed, (Math.floor(at / FRAME) + 1) * FRAME);
    const key = at + 3 <= end ? content.readUIntLE(at, 3) : -1;
    const from = seen.get(key);
    if (key >= 0) seen.set(key, at);
    let length = 0;
    if (from !== undefined && at - from < FRAME - 3) {
      while (length < 257 && at + length < end && content[from + length] === content[at + length]) length++;
    }
    if (from === undefined || length < 3) {
      put(MAIN_TREE, content.readUInt8(at++));
    } else {
      const distance = at - from;
      let slot = recent.indexOf(distance);
      if (slot < 0) {
        slot = BASE.findLastIndex((base) => base <= distance + 2);
        recent = [distance, recent[0] ?? 1, recent[1] ?? 1];
      } else if (slot > 0) {
        const first = recent[0] ?? 1;
        recent[0] = distance;
        recent[slot] = first;
      }
      put(MAIN_TREE, 256 + slot * 8 + Math.min(length - 2, 7));
      if (length >= 9) put(LENGTH_TREE, length - 9);
      if (slot > 2) out.write(distance + 2 - (BASE[slot] ?? 0), EXTRA[slot] ?? 0);
      at += length;
    }
    if (at % FRAME === 0) endFrame();
  }
  out.write(3, 3);
  out.write(content.length - packed, 24);
  out.align(true);
  for (const distance of recent) out.bytes.push(distance & 0xff, (distance >> 8) & 0xff, 0, 0);
  for (let at = packed; at < content.length;) {
    out.bytes.push(content.readUInt8(at++));
    if (at % FRAME === 0 && at < content.length) endFrame();
  }
  if ((content.length - packed) % 2 === 1) out.bytes.push(0);
  endFrame();
  return frames;
}

function cabinet(content: Buffer, frames: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(36 + 8 + 16 + 6);
  head.write('MSCF', 0, 'latin1');
  head.writeUInt32LE(44, 16);
  head.writeUInt16LE(0x0103, 24);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(1, 28);
  head.writeUInt32LE(head.length, 36);
  head.writeUInt16LE(frames.length, 40);
  head.writeUInt16LE(3 | (WINDOW_BITS << 8), 42);
  head.writeUInt32LE(content.length, 44);
  head.write('a.pdb\0', 60, 'latin1');
  const blocks = frames.flatMap((frame, index) => {
    const block = Buffer.alloc(8);
    block.writeUInt16LE(frame.length, 4);
    block.writeUInt16LE(Math.min(FRAME, content.length - index * FRAME), 6);
    return [block, frame];
  });
  const whole = Buffer.concat([head, ...blocks]);
  whole.writeUInt32LE(whole.length, 8);
  return whole;
}

describe('a cabinet compressed by LZX', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'eventscope-lzx-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('expands to what cabextract makes of it', async () => {
    const words = Array.from({ length: 9000 }, (_, index) => `symbol${(index * index) % 251} of module ${index % 37};`);
    const content = Buffer.from(words.join('')).subarray(0, 70_001);
    const file = path.join(folder, 'a.pd_');
    writeFileSync(file, cabinet(content, compress(content, 40_000)));
    await run('cabextract', ['-q', '-d', path.join(folder, 'theirs'), file], { timeout: 30_000 });
    assert.deepEqual(readFileSync(path.join(folder, 'theirs', 'a.pdb')), content, 'cabextract agrees');
    const target = openSync(path.join(folder, 'ours'), 'w');
    assert.equal(expandCabinet(file, target, 1e6), content.length);
    closeSync(target);
    assert.deepEqual(readFileSync(path.join(folder, 'ours')), content);
  });
});
