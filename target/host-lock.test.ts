import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CancelledError } from '../protocol/errors.js';
import { acquireHostLock, isAlive, startTimeOf, type HostLock } from './host-lock.js';

describe('host lock', () => {
  let folder: string;
  let file: string;
  const messages: string[] = [];
  const operation = (signal = new AbortController().signal) => ({
    signal,
    progress: (message: string) => void messages.push(message),
  });
  const take = (waitMs: number, signal?: AbortSignal): Promise<HostLock> =>
    acquireHostLock(
      { file, purpose: 'testing', waitMs, held: (holder) => new Error(`held by ${holder.pid}: ${holder.purpose}`) },
      operation(signal),
    );
  const holder = (pid: number, startTime: string): string =>
    JSON.stringify({ pid, startTime, purpose: 'other work', sinceUtcMs: 1 });

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'eventscope-lock-'));
    file = path.join(folder, 'x.lock');
    messages.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('has one holder, and says who that is', async () => {
    const lock = await take(0);
    await assert.rejects(take(0), { message: `held by ${process.pid}: testing` });
    await lock.release();
    await (await take(0)).release();
    assert.deepEqual(await readdir(folder), []);
  });

  it('waits for its holder and tells so once', async () => {
    const lock = await take(0);
    const second = take(10_000);
    setTimeout(() => void lock.release(), 250);
    await (await second).release();
    assert.deepEqual(messages, [`Waiting for process ${process.pid}, which is testing`]);
  });

  it('can be cancelled while it waits', async () => {
    const lock = await take(0);
    const controller = new AbortController();
    const second = take(10_000, controller.signal);
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(second, CancelledError);
    await lock.release();
  });

  it('is taken from a process that has ended', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await writeFile(file, holder(child.pid ?? 0, ''));
    const lock = await take(0);
    assert.equal((JSON.parse(await readFile(file, 'utf8')) as { pid: number }).pid, process.pid);
    await lock.release();
  });

  it('is taken when the process id belongs to another process by now', async () => {
    assert.notEqual(await startTimeOf(process.pid), undefined);
    await writeFile(file, holder(process.pid, 'another boot 12'));
    await (await take(0)).release();
  });

  it('is taken when the file is damaged', async () => {
    await writeFile(file, '{"pid":');
    await (await take(0)).release();
  });

  it('lets exactly one of many in at a time', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const lock = await take(20_000);
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        await lock.release();
      }),
    );
    assert.equal(most, 1);
  });

  it('knows a live process from one that has ended', async () => {
    const startTime = (await startTimeOf(process.pid)) ?? '';
    assert.equal(await isAlive({ pid: process.pid, startTime }), true);
    assert.equal(await isAlive({ pid: process.pid, startTime: 'x' }), false);
  });
});
