/** From an image to its symbols: its PDB where one is found and can be read, its exports otherwise. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { CancelledError } from '../../protocol/errors.js';
import { readCodeViewRecord } from '../../machine/pe/debug-directory.js';
import { readExports } from '../../machine/pe/exports.js';
import { FileSource } from '../../machine/pe/file-source.js';
import { PeImage } from '../../machine/pe/pe-image.js';
import { type ExportedName, exportedNames, ExportSymbols } from './export-symbols.js';
import { PdbFile } from './pdb/pdb-file.js';
import { PdbSymbols } from './pdb/pdb-symbols.js';
import { locateSymbols, type SymbolRequest, type SymbolSettings } from './store/symbol-locator.js';
import type { ImageIdentity, ModuleSymbols } from './symbol-provider.js';

export interface OpenSymbolsRequest extends SymbolRequest {
  /** What the module exports, when who asks has read it from the target; else they are read from imagePath. */
  readonly exports?: readonly ExportedName[];
}

/** What an image says of itself. @throws EventscopeError pe.corrupt */
export async function identityOf(image: PeImage, name: string): Promise<ImageIdentity> {
  const pdb = await readCodeViewRecord(image);
  const { timeDateStamp, sizeOfImage } = image.headers;
  return { name, timeDateStamp, sizeOfImage, ...(pdb === undefined ? {} : { pdb }) };
}

/** @throws EventscopeError pe.corrupt, or the system's error when the file cannot be read. */
export async function identityOfFile(imagePath: string): Promise<ImageIdentity> {
  return withImage(imagePath, (image) => identityOf(image, path.basename(imagePath)));
}

/** Never fails for want of symbols: `source` and `searched` of the result say what there is, and why not more. @throws CancelledError */
export async function openSymbols(
  request: OpenSymbolsRequest,
  settings: SymbolSettings,
  signal: AbortSignal,
): Promise<ModuleSymbols> {
  const { pdbPath, searched } = await locateSymbols(request, settings, signal);
  const steps = [...searched];
  if (pdbPath !== undefined) {
    try {
      return new PdbSymbols(request.identity, pdbPath, steps, new PdbFile(pdbPath));
    } catch (error) {
      steps.push({ place: pdbPath, result: error instanceof Error ? error.message : String(error) });
    }
  }
  if (signal.aborted) throw new CancelledError();
  let exports = request.exports;
  if (exports === undefined && request.imagePath !== undefined) {
    try {
      exports = exportedNames(await withImage(request.imagePath, readExports));
    } catch (error) {
      steps.push({ place: request.imagePath, result: error instanceof Error ? error.message : String(error) });
    }
  }
  return new ExportSymbols(request.identity, steps, exports ?? []);
}

async function withImage<T>(imagePath: string, work: (image: PeImage) => Promise<T>): Promise<T> {
  const file = await open(imagePath);
  try {
    return await work(await PeImage.open(new FileSource(file), 'file'));
  } finally {
    await file.close();
  }
}
