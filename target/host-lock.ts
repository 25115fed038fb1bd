/**
 * One holder at a time among the processes of this host: of a build folder, of a prefix that is being made. A lock is a
 * file with its holder's process id and start time, so that one left by a crash is recognised and a reused process id is not
 * taken for the holder.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { pause } from './operation.js';
import type { Operation } from './target.js';

const lockFile = v.strictObject({
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Of the process, as its system counts; empty where it cannot be told. */
  startTime: v.string(),
  /** What it is doing, for the one who waits: "building". */
  purpose: v.string(),
  sinceUtcMs: v.number(),
});
export type HostLockHolder = v.InferOutput<typeof lockFile>;

export interface HostLock {
  release(): Promise<void>;
}

export interface HostLockOptions {
  readonly file: string;
  readonly purpose: string;
  /** How long to wait for another holder, in ms. */
  readonly waitMs: number;
  /** The error for a wait that was too long. */
  readonly held: (holder: HostLockHolder) => Error;
}

const ASK_AGAIN_MS = 100;

/**
 * @throws what `held` makes when another process kept it longer than `waitMs`; CancelledError
 */
export async function acquireHostLock(options: HostLockOptions, operation: Operation): Promise<HostLock> {
  await mkdir(path.dirname(options.file), { recursive: true });
  const until = Date.now() + options.waitMs;
  let told = false;
  for (;;) {
    if (await tryToTake(options)) return { release: () => rm(options.file, { force: true }) };
    const holder = await readHolder(options.file);
    if (holder === undefined || !(await isAlive(holder))) {
      await removeStale(options.file, holder);
      continue;
    }
    if (Date.now() >= until) throw options.held(holder);
    if (!told) operation.progress(`Waiting for process ${holder.pid}, which is ${holder.purpose}`);
    told = true;
    await pause(ASK_AGAIN_MS, operation.signal);
  }
}

/** link() makes the file with its contents in one step: nobody ever reads a half-written holder. */
async function tryToTake(options: HostLockOptions): Promise<boolean> {
  const holder: HostLockHolder = {
    pid: process.pid,
    startTime: (await startTimeOf(process.pid)) ?? '',
    purpose: options.purpose,
    sinceUtcMs: Date.now(),
  };
  const beside = `${options.file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(beside, JSON.stringify(holder), { mode: 0o600 });
    await link(beside, options.file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
}

async function readHolder(file: string): Promise<HostLockHolder | undefined> {
  try {
    const result = v.safeParse(lockFile, JSON.parse(await readFile(file, 'utf8')));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** Two who find the same stale lock: the rename lets one of them move it, and a fresh one moved by mistake goes back. */
async function removeStale(file: string, stale: HostLockHolder | undefined): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}.stale`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readHolder(aside);
  if (moved !== undefined && JSON.stringify(moved) !== JSON.stringify(stale)) {
    await link(aside, file).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

export async function isAlive(holder: Pick<HostLockHolder, 'pid' | 'startTime'>): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const stat = await readProcessStat(holder.pid);
  // A zombie has ended: nobody has asked for its exit code yet.
  if (stat !== undefined && /^[ZXx]$/.test(stat.state)) return false;
  return stat === undefined || holder.startTime === '' || stat.startTime === holder.startTime;
}

/** In ticks since boot, with the boot's own id; undefined where the system does not tell. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  return (await readProcessStat(pid))?.startTime;
}

/** Linux: fields 3 and 22 of /proc/<pid>/stat. */
async function readProcessStat(pid: number): Promise<{ state: string; startTime: string } | undefined> {
  try {
    const [processStat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile('/proc/sys/kernel/random/boot_id', 'latin1'),
    ]);
    // The program's name (field 2) is in parentheses and may hold anything: count from behind it.
    const fields = processStat.slice(processStat.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    return state === undefined || startTime === undefined
      ? undefined
      : { state, startTime: `${boot.trim()} ${startTime}` };
  } catch {
    return undefined;
  }
}
