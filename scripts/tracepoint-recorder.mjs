/**
 * Makes dist/tracepoints.dll: what import tracepoints run in a traced process (driver/tracepoints/recorder.c), linked without a C
 * runtime, imports or relocations. The agent's bundle takes it in. Made again only when its sources, or how it is made, change.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

const run = promisify(execFile);
const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const SOURCES = [
  'driver/tracepoints/recorder.c',
  'driver/tracepoints/tracepoints.h',
  'driver/include/eventscope_trace.h',
];
const COMPILERS = ['clang-19', 'clang'];

/** No calls that only a runtime has (memcpy, stack probes, jump tables' absolute addresses), and unwind information for each function. */
const COMPILE = [
  ...['--target=x86_64-w64-mingw32', '-c', '-std=gnu11', '-O2', '-ffreestanding', '-fno-builtin', '-fno-jump-tables'],
  ...['-fno-stack-protector', '-mno-stack-arg-probe', '-fasynchronous-unwind-tables', '-Wall', '-Wextra', '-Werror'],
  ...['-Idriver/include', '-Idriver/tracepoints'],
];
const LINK = [
  ...['--target=x86_64-w64-mingw32', '-fuse-ld=lld', '-shared', '-nostdlib', '-Wl,--entry=EsTpWatch'],
  '-Wl,-Xlink=-Brepro',
];

async function clang(args) {
  for (const compiler of COMPILERS) {
    try {
      await run(compiler, args, { cwd: ROOT });
      return;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`The tracepoints' recorder needs a compiler: none of ${COMPILERS.join(', ')} is installed`);
}

/** @returns {Promise<boolean>} whether it had to be made */
export async function makeTracepointRecorder() {
  const dist = path.join(ROOT, 'dist');
  const hash = createHash('sha256').update(JSON.stringify([COMPILE, LINK]));
  for (const source of SOURCES) hash.update(await readFile(path.join(ROOT, source)));
  const digest = hash.digest('hex');
  const stamp = path.join(dist, '.tracepoints');
  const made = await readFile(stamp, 'utf8').catch(() => '');
  const image = path.join(dist, 'tracepoints.dll');
  const present = await readFile(image).catch(() => undefined);
  if (made === digest && present !== undefined) return false;
  await mkdir(dist, { recursive: true });
  const folder = await mkdtemp(path.join(dist, '.tracepoints-'));
  try {
    const object = path.join(folder, 'recorder.o');
    const linked = path.join(folder, 'tracepoints.dll');
    await clang([...COMPILE, 'driver/tracepoints/recorder.c', '-o', object]);
    await clang([...LINK, object, '-o', linked]);
    await rename(linked, image);
    await writeFile(stamp, digest);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return true;
}
