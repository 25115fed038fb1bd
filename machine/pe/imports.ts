import { corrupt, Directory, type PeImage } from './pe-image.js';

export interface PeImport {
  /** Of the module that exports it, as the image says it, such as ntoskrnl.exe. */
  readonly module: string;
  /** undefined: by ordinal. */
  readonly name?: string;
  readonly ordinal?: number;
  /** RVA of the import address table's entry: eight bytes (PE32: four) that hold the function's address once loaded. */
  readonly slotRva: number;
  /** Of a delay-load import: the slot holds a stub until the first call. */
  readonly delayed: boolean;
}

const DESCRIPTOR = 20;
const DELAY_DESCRIPTOR = 32;
const MAX_MODULES = 4096;
const MAX_IMPORTS = 0x20000;
const THUNK_STEP = 64;

/** Both import directories, in order. @throws EventscopeError pe.corrupt */
export async function readImports(image: PeImage): Promise<readonly PeImport[]> {
  const result: PeImport[] = [];
  const range = image.directory(Directory.Import);
  if (range !== undefined) {
    await walkDescriptors(image, range.rva, DESCRIPTOR, 12, async (view, module) => {
      const slots = view.getUint32(16, true);
      // Without a name table the slots hold the names' addresses, in a file and until they are bound.
      await readThunks(image, { module, names: view.getUint32(0, true) || slots, slots, delayed: false }, result);
    });
  }
  const delayed = image.directory(Directory.DelayImport);
  if (delayed !== undefined) {
    await walkDescriptors(image, delayed.rva, DELAY_DESCRIPTOR, 4, async (view, module) => {
      // Bit 0: addresses are RVAs. Linkers have set it for twenty years; virtual addresses are left alone.
      if ((view.getUint32(0, true) & 1) === 0) return;
      const slots = view.getUint32(12, true);
      await readThunks(image, { module, names: view.getUint32(16, true), slots, delayed: true }, result);
    });
  }
  return result;
}

/** Descriptors up to the first whose name is 0. */
async function walkDescriptors(
  image: PeImage,
  rva: number,
  size: number,
  nameAt: number,
  visit: (descriptor: DataView, module: string) => Promise<void>,
): Promise<void> {
  for (let index = 0; index < MAX_MODULES; index++) {
    const view = await image.read(rva + index * size, size);
    const name = view.getUint32(nameAt, true);
    if (name === 0) return;
    await visit(view, await image.readString(name));
  }
  throw corrupt('its import directory has no end');
}

interface ThunkTables {
  readonly module: string;
  readonly names: number;
  readonly slots: number;
  readonly delayed: boolean;
}

async function readThunks(image: PeImage, tables: ThunkTables, result: PeImport[]): Promise<void> {
  const width = image.headers.is64 ? 8 : 4;
  const { module, names, slots, delayed } = tables;
  for (let index = 0; ;) {
    const bytes = await image.readUpTo(names + index * width, width * THUNK_STEP);
    const count = Math.floor(bytes.length / width);
    if (count === 0) throw corrupt(`the imports from ${module} have no end`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < count; at++, index++) {
      const thunk = width === 8 ? view.getBigUint64(at * 8, true) : BigInt(view.getUint32(at * 4, true));
      if (thunk === 0n) return;
      if (result.length >= MAX_IMPORTS) throw corrupt('it has too many imports');
      const byOrdinal = thunk >> BigInt(width * 8 - 1) === 1n;
      const entry = { module, slotRva: slots + index * width, delayed };
      result.push(
        byOrdinal
          ? { ...entry, ordinal: Number(thunk & 0xffffn) }
          : // A hint of two bytes comes before the name.
            { ...entry, name: await image.readString(Number(thunk & 0x7fffffffn) + 2) },
      );
    }
  }
}
