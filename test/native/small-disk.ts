/** Real ends of space for tests: a small file system of their own, and the process's limit of file sizes. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SmallDisk {
  readonly folder: string;
  unmount(): Promise<void>;
}

/** Undefined where this user may not mount. */
export async function mountSmallDisk(mebibytes: number): Promise<SmallDisk | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), 'eventscope-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'eventscope-test', folder]);
  } catch {
    await rm(folder, { recursive: true });
    return undefined;
  }
  return {
    folder,
    unmount: async () => {
      await run('umount', [folder]);
      await rm(folder, { recursive: true });
    },
  };
}

/** Whether this user may mount, tried. */
export async function mayMount(): Promise<boolean> {
  const disk = await mountSmallDisk(1);
  await disk?.unmount();
  return disk !== undefined;
}

/**
 * Does `work` while no file that this process or its children write may become larger. Nothing else of the process should write
 * meanwhile, its log included.
 */
export async function withFileSizeLimit(bytes: number, work: () => Promise<void>): Promise<void> {
  const limit = (soft: string): Promise<unknown> => run('prlimit', ['--pid', String(process.pid), `--fsize=${soft}:`]);
  const { stdout } = await run('prlimit', [
    '--pid',
    String(process.pid),
    '--fsize',
    '--raw',
    '--noheadings',
    '-o',
    'SOFT',
  ]);
  await limit(String(bytes));
  try {
    await work();
  } finally {
    await limit(stdout.trim());
  }
}
