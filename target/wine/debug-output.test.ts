import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DbgPrintStream } from '../target.js';
import { followDebugOutput } from './debug-output.js';

const HEAD = '013c:warn:debugstr:vDbgPrintExWithPrefix 00000000:00000001: ';

describe('following debug output', () => {
  let folder: string;
  let file: string;
  const end = new AbortController();

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-debug-'));
    file = path.join(folder, 'dbgprint.log');
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function collect(stream: DbgPrintStream, count: number): Promise<string[]> {
    const lines: string[] = [];
    if (count === 0) return lines;
    for await (const line of stream.lines) if (lines.push(line.text) === count) break;
    return lines;
  }
  async function rest(stream: DbgPrintStream): Promise<string[]> {
    await stream.stop();
    return collect(stream, Infinity);
  }
  const follow = (options: { signal?: AbortSignal; limitBytes?: number } = {}): Promise<DbgPrintStream> =>
    followDebugOutput({ file, signal: end.signal, ...options });

  it('delivers lines as they are appended, none of before', async () => {
    await writeFile(file, `${HEAD}before\n`);
    const stream = await follow();
    await appendFile(file, `${HEAD}one\n`);
    assert.deepEqual(await collect(stream, 1), ['one']);
    await appendFile(file, `${HEAD}two\n${HEAD}three\n`);
    assert.deepEqual(await collect(stream, 2), ['two', 'three']);
    await stream.stop();
  });

  it('puts lines together that were written in pieces, also inside a character', async () => {
    const stream = await follow();
    const bytes = Buffer.from(`${HEAD}grün ✓\n`);
    for (const byte of bytes) await appendFile(file, Buffer.of(byte));
    assert.deepEqual(await collect(stream, 1), ['grün ✓']);
    await stream.stop();
  });

  it('reads the ANSI code page where a text is not UTF-8', async () => {
    const stream = await follow();
    await appendFile(file, Buffer.concat([Buffer.from(HEAD), Buffer.from([0x67, 0x72, 0xfc, 0x6e, 0x0a])]));
    assert.deepEqual(await rest(stream), ['grün']);
  });

  it('delivers what was written before stop', async () => {
    const stream = await follow();
    await appendFile(file, Array.from({ length: 1_000 }, (_, index) => `${HEAD}${index}\n`).join(''));
    const lines = await rest(stream);
    assert.equal(lines.length, 1_000);
    assert.equal(lines.at(-1), '999');
  });

  it('ends when its operation is cancelled', async () => {
    const controller = new AbortController();
    const stream = await follow({ signal: controller.signal });
    const all = collect(stream, Infinity);
    controller.abort();
    assert.deepEqual(await all, []);
  });

  it('says so when the log was emptied under it', async () => {
    await writeFile(file, `${HEAD}long line before\n`.repeat(10));
    const stream = await follow();
    await truncate(file, 0);
    await appendFile(file, `${HEAD}after\n`);
    const lines = await rest(stream);
    assert.equal(lines.at(-1), 'after');
    assert.match(lines[0] ?? '', /emptied/);
  });

  it('keeps the log bounded and says that it emptied it', async () => {
    const stream = await follow({ limitBytes: 500 });
    await appendFile(file, `${HEAD}x\n`.repeat(20));
    assert.match((await collect(stream, 21)).at(-1) ?? '', /reached its limit/);
    await appendFile(file, `${HEAD}next\n`);
    assert.deepEqual(await rest(stream), ['next']);
  });

  it('cuts a line that is too long', async () => {
    const stream = await follow();
    await appendFile(file, `${HEAD}${'y'.repeat(100_000)}\n`);
    const [line] = await rest(stream);
    assert.equal(line?.length, 8_193);
  });
});
