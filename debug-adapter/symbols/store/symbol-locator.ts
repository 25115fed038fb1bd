/** Finds the PDB of an image, in the order of the field's debuggers, and remembers where it looked. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { CancelledError } from '../../../protocol/errors.js';
import type { ImageIdentity, ModuleSymbols } from '../symbol-provider.js';
import { DOWNLOAD_LIMITS, type DownloadLimits } from './download.js';
import { mismatch, pdbFileName, type PdbReference } from './pdb-identity.js';
import { findInStores } from './symbol-store.js';
import { isWebAddress, parseSymbolPath, type SymbolPathElement } from './symbol-path.js';

export interface SymbolSettings {
  /** The setting symbolPath: elements in the syntax of _NT_SYMBOL_PATH. */
  readonly symbolPath: readonly string[];
  /** The environment's _NT_SYMBOL_PATH; looked at after the setting. */
  readonly ntSymbolPath?: string;
  /** Whether web servers may be asked. */
  readonly useSymbolServers: boolean;
  /** Where what they give is kept, when the path names no folder. */
  readonly cacheFolder: string;
  /** For tests; DOWNLOAD_LIMITS otherwise. */
  readonly limits?: DownloadLimits;
}

export interface SymbolRequest {
  readonly identity: ImageIdentity;
  /** Host path of the image, when there is one here. */
  readonly imagePath?: string;
}

export interface LocatedSymbols {
  readonly pdbPath: string | undefined;
  readonly searched: ModuleSymbols['searched'];
}

export async function locateSymbols(
  request: SymbolRequest,
  settings: SymbolSettings,
  signal: AbortSignal,
): Promise<LocatedSymbols> {
  const searched: { place: string; result: string }[] = [];
  const note = (place: string, result: string): number => searched.push({ place, result });
  const { pdb } = request.identity;
  if (pdb === undefined) {
    note(request.imagePath ?? request.identity.name, 'the image names no PDB');
    return { pdbPath: undefined, searched };
  }
  for (const file of nearbyFiles(request, pdb)) {
    const result = tryFile(file, pdb);
    note(file, result ?? 'found');
    if (result === undefined) return { pdbPath: file, searched };
  }
  const elements = [...settings.symbolPath, settings.ntSymbolPath ?? ''].flatMap((part) =>
    parseSymbolPath(part, settings.cacheFolder),
  );
  let cache: string | undefined;
  for (const element of elements) {
    if (element.kind === 'cache') cache = element.folder;
    const place = describe(element, pdb);
    try {
      const found = await tryElement(element, cache, pdb, settings, signal);
      note(place, found === undefined ? 'not there' : typeof found === 'string' ? found : 'found');
      if (typeof found === 'object') return { pdbPath: found.path, searched };
    } catch (error) {
      if (signal.aborted || error instanceof CancelledError) throw new CancelledError();
      note(place, error instanceof Error ? error.message : String(error));
    }
  }
  return { pdbPath: undefined, searched };
}

/** Beside the image, under the PDB's name and the image's own; then where the linker put it. */
function nearbyFiles({ imagePath, identity }: SymbolRequest, pdb: PdbReference): readonly string[] {
  const files = new Set<string>();
  if (imagePath !== undefined) {
    const folder = path.dirname(imagePath);
    files.add(path.join(folder, pdbFileName(pdb.path)));
    files.add(path.join(folder, `${path.parse(identity.name).name}.pdb`));
  }
  if (path.isAbsolute(pdb.path)) files.add(pdb.path);
  return [...files];
}

/** undefined: it is the one. */
function tryFile(file: string, pdb: PdbReference): string | undefined {
  if (!existsSync(file)) return 'not there';
  try {
    return mismatch(file, pdb);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A path when it is there, undefined when it is not, and words when it was not looked for. */
async function tryElement(
  element: SymbolPathElement,
  cache: string | undefined,
  pdb: PdbReference,
  settings: SymbolSettings,
  signal: AbortSignal,
): Promise<{ readonly path: string } | string | undefined> {
  if (element.kind === 'folder') {
    const name = pdbFileName(pdb.path);
    const file = path.join(element.folder, name);
    if (existsSync(file)) return tryFile(file, pdb) ?? { path: file };
    // A folder may be a store as well.
    return asPath(await findInStores([element.folder], pdb, { limits: settings.limits ?? DOWNLOAD_LIMITS, signal }));
  }
  const named = element.kind === 'cache' ? [element.folder] : element.stores;
  const stores = cache === undefined || named.includes(cache) ? named : [cache, ...named];
  const allowed = settings.useSymbolServers ? stores : stores.filter((store) => !isWebAddress(store));
  const firstWeb = allowed.findIndex(isWebAddress);
  // A server without a folder before it: what it gives must be kept somewhere.
  const chain = firstWeb === 0 ? [settings.cacheFolder, ...allowed] : allowed;
  const found = await findInStores(chain, pdb, { limits: settings.limits ?? DOWNLOAD_LIMITS, signal });
  if (found !== undefined) return { path: found };
  return allowed.length < stores.length ? 'not asked: symbol servers are switched off' : undefined;
}

const asPath = (found: string | undefined): { readonly path: string } | undefined =>
  found === undefined ? undefined : { path: found };

function describe(element: SymbolPathElement, pdb: PdbReference): string {
  if (element.kind === 'folder') return path.join(element.folder, pdbFileName(pdb.path));
  return element.kind === 'cache' ? element.folder : element.stores.join(' -> ');
}
