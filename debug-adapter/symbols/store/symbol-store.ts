/** Symbol stores: folders and web servers that hold PDBs by name, GUID and age ("SymStore", "Using SymSrv", Microsoft Learn). */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CancelledError, EventscopeError } from '../../../protocol/errors.js';
import { expandCabinet } from './cabinet.js';
import { download, type DownloadLimits } from './download.js';
import { mismatch, type PdbReference, storeKey } from './pdb-identity.js';
import { isWebAddress } from './symbol-path.js';

/** The marker of a store whose folders lie under the first two letters of their name. */
const TWO_TIER_MARKER = 'index2.txt';
const POINTER = 'file.ptr';
const MAX_POINTER = 4096;

export interface StoreOptions {
  readonly limits: DownloadLimits;
  readonly signal: AbortSignal;
}

/** Where a store of a folder keeps a PDB. */
export function placeInFolder(store: string, pdb: PdbReference): string {
  const { name, signature } = storeKey(pdb);
  const tier = existsSync(path.join(store, TWO_TIER_MARKER)) ? [name.slice(0, 2).toLowerCase()] : [];
  return path.join(store, ...tier, name, signature, name);
}

/**
 * Looks in a chain of stores, the nearest first, and copies what a farther one has into the nearest folder.
 * @returns path of the PDB, checked to be the image's; undefined when no store has it.
 * @throws EventscopeError; CancelledError.
 */
export async function findInStores(
  stores: readonly string[],
  pdb: PdbReference,
  options: StoreOptions,
): Promise<string | undefined> {
  const nearer: string[] = [];
  let problem: unknown;
  for (const store of stores) {
    if (options.signal.aborted) throw new CancelledError();
    try {
      const found = isWebAddress(store)
        ? await fetchInto(nearer[0], store, pdb, options)
        : await findInFolder(store, pdb, nearer[0], options);
      if (found !== undefined) {
        for (const folder of nearer.slice().reverse()) await addToFolder(folder, pdb, found);
        return nearer[0] === undefined ? found : placeInFolder(nearer[0], pdb);
      }
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      // A damaged copy in a cache must not hide the good one behind it.
      problem ??= error;
    }
    if (!isWebAddress(store)) nearer.push(store);
  }
  if (problem !== undefined) throw problem as Error;
  return undefined;
}

async function findInFolder(
  store: string,
  pdb: PdbReference,
  nearest: string | undefined,
  options: StoreOptions,
): Promise<string | undefined> {
  const place = placeInFolder(store, pdb);
  if (existsSync(place)) return checked(place, pdb);
  const compressed = `${place.slice(0, -1)}_`;
  // The store may be read-only for us: what is expanded goes to the nearest one, or beside it when there is none.
  if (existsSync(compressed)) return add(nearest ?? store, pdb, (file) => expandInto(compressed, file, options.limits));
  const pointer = path.join(path.dirname(place), POINTER);
  if (!existsSync(pointer)) return undefined;
  const target = readPointer(await readFile(pointer, 'utf8'));
  if (target === undefined || !existsSync(target)) return undefined;
  return checked(target, pdb);
}

/** A PDB from a web server, by way of a file of its own until it is whole. */
async function fetchInto(
  folder: string | undefined,
  server: string,
  pdb: PdbReference,
  options: StoreOptions,
): Promise<string | undefined> {
  if (folder === undefined) {
    throw new EventscopeError({
      id: 'symbols.noCache',
      what: `Symbols of ${server} have no folder to be kept in`,
      next: 'Name one before the server, as in srv*FOLDER*https://server',
    });
  }
  const { name, signature } = storeKey(pdb);
  const { limits, signal } = options;
  const base = `${server.replace(/\/+$/, '')}/${encodeURIComponent(name)}/${signature}/`;
  const urls = { plain: base + encodeURIComponent(name), packed: `${base}${encodeURIComponent(name.slice(0, -1))}_` };
  return add(folder, pdb, async (file) => {
    const part = `${file}.part`;
    try {
      for (const url of [urls.plain, urls.packed]) {
        if (!(await download(url, part, limits, signal))) continue;
        await takeOver(part, file, limits);
        break;
      }
    } finally {
      await rm(part, { force: true });
    }
  });
}

/** Some servers give a cabinet under the plain name. */
async function takeOver(part: string, file: string, limits: DownloadLimits): Promise<void> {
  const handle = await open(part);
  const start = Buffer.alloc(4);
  try {
    await handle.read(start, 0, start.length, 0);
  } finally {
    await handle.close();
  }
  if (start.toString('latin1') === 'MSCF') await expandInto(part, file, limits);
  else await rename(part, file);
}

async function expandInto(cabinet: string, file: string, limits: DownloadLimits): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    expandCabinet(cabinet, handle.fd, limits.maxBytes);
  } finally {
    await handle.close();
  }
}

async function addToFolder(folder: string, pdb: PdbReference, from: string): Promise<void> {
  const place = placeInFolder(folder, pdb);
  if (place === from || (existsSync(place) && isOwn(place, pdb))) return;
  await add(folder, pdb, (file) => copyFile(from, file));
}

/**
 * Puts a PDB into a store: it is made under a name of its own, checked, and gets its name only then, so that nobody ever finds a part of
 * one. undefined when `make` made none.
 */
async function add(
  folder: string,
  pdb: PdbReference,
  make: (file: string) => Promise<unknown>,
): Promise<string | undefined> {
  const place = placeInFolder(folder, pdb);
  const temporary = `${place}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  await mkdir(path.dirname(place), { recursive: true });
  try {
    await make(temporary);
    if (!existsSync(temporary)) return undefined;
    checked(temporary, pdb);
    await rename(temporary, place);
    return place;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @throws EventscopeError symbols.mismatch with both GUIDs, or why it cannot be read. */
function checked(file: string, pdb: PdbReference): string {
  const wrong = mismatch(file, pdb);
  if (wrong === undefined) return file;
  throw new EventscopeError({ id: 'symbols.mismatch', what: `${file} cannot be used`, why: wrong });
}

function isOwn(file: string, pdb: PdbReference): boolean {
  try {
    return mismatch(file, pdb) === undefined;
  } catch {
    return false;
  }
}

/** "PATH:place", or the place alone; "MSG:text" says why there is none. */
function readPointer(text: string): string | undefined {
  const line = text.slice(0, MAX_POINTER).split(/\r?\n/)[0]?.trim() ?? '';
  if (line === '' || /^MSG:/i.test(line)) return undefined;
  return line.replace(/^PATH:/i, '').trim();
}
