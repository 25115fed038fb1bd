import { Directory, type PeImage } from './pe-image.js';

/** RUNTIME_FUNCTION: [begin, end) in RVAs, and the RVA of its UNWIND_INFO. */
export interface RuntimeFunction {
  readonly begin: number;
  readonly end: number;
  readonly unwindInfo: number;
}

const ENTRY = 12;

/** One entry at an RVA, as a chained UNWIND_INFO or an indirect entry names it. @throws EventscopeError pe.corrupt */
export async function readRuntimeFunction(image: PeImage, rva: number): Promise<RuntimeFunction> {
  const view = await image.read(rva, ENTRY);
  return { begin: view.getUint32(0, true), end: view.getUint32(4, true), unwindInfo: view.getUint32(8, true) };
}

/**
 * The entry of the exception directory that covers an address; undefined is a leaf function, or no function at all. A binary search that
 * reads the few pages it needs: the table of a kernel is half a megabyte, and a serial line is slow.
 * @throws EventscopeError pe.corrupt
 */
export async function findRuntimeFunction(image: PeImage, rva: number): Promise<RuntimeFunction | undefined> {
  const range = image.directory(Directory.Exception);
  if (range === undefined) return undefined;
  let low = 0;
  let high = Math.floor(range.size / ENTRY);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    // Incremental linking leaves empty entries between the others.
    let at = middle;
    let entry = await readRuntimeFunction(image, range.rva + at * ENTRY);
    while (entry.begin === 0 && ++at < high) entry = await readRuntimeFunction(image, range.rva + at * ENTRY);
    if (entry.begin === 0 || rva < entry.begin) high = middle;
    else if (rva >= entry.end) low = at + 1;
    else return entry;
  }
  return undefined;
}
