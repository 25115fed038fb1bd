/** Symbols of images of the target: what an image says of itself is read from its memory, its PDB by the symbol reader's thread. */
import { readExports } from '../../machine/pe/exports.js';
import { PeImage } from '../../machine/pe/pe-image.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { EngineModule } from '../engine.js';
import { exportedNames, ExportSymbols, type ExportedName } from '../symbols/export-symbols.js';
import { identityOf } from '../symbols/open-symbols.js';
import type { ModuleSymbols } from '../symbols/symbol-provider.js';
import type { SymbolWorker } from '../symbols/symbol-worker.js';
import type { MemoryAccess } from '../variables/value.js';
import type { SymbolLoader } from './debuggee.js';

export class ImageSymbols implements SymbolLoader {
  readonly #worker: SymbolWorker;
  readonly #hostImages: ReadonlyMap<string, string>;

  /** @param hostImages file name in lower case -> host path of the same image, beside which its PDB may be */
  constructor(worker: SymbolWorker, hostImages: ReadonlyMap<string, string>) {
    this.#worker = worker;
    this.#hostImages = hostImages;
  }

  async load(module: EngineModule, memory: MemoryAccess, signal: AbortSignal): Promise<ModuleSymbols> {
    const imagePath = this.#hostImages.get(module.name.toLowerCase());
    try {
      const source = { read: (offset: number, length: number) => memory.read(module.base + BigInt(offset), length) };
      const image = await PeImage.open(source, 'memory');
      const identity = await identityOf(image, module.name);
      const exports = await exportsOf(image);
      return await this.#worker.open({ identity, exports, ...(imagePath === undefined ? {} : { imagePath }) }, signal);
    } catch (error) {
      if (!(error instanceof EventscopeError)) throw error;
      const identity = { name: module.name, timeDateStamp: module.timeDateStamp ?? 0, sizeOfImage: module.size };
      return new ExportSymbols(identity, [{ place: module.name, result: error.message }], []);
    }
  }
}

async function exportsOf(image: PeImage): Promise<readonly ExportedName[]> {
  try {
    return exportedNames(await readExports(image));
  } catch (error) {
    if (!(error instanceof EventscopeError)) throw error;
    return [];
  }
}
