/** Modules: the kernel's own list (KLDR_DATA_TABLE_ENTRY) and that of a process (PEB.Ldr). Layouts are the same in every x64 version. */
import { type MemoryReader, readPointer, readStructure, readUnicodeString, walkList } from './records.js';

export interface LoadedModule {
  readonly base: bigint;
  /** Bytes of address space. */
  readonly size: number;
  /** File name without a folder. */
  readonly name: string;
  readonly path?: string;
  readonly timeDateStamp?: number;
}

const MAX_MODULES = 4_096;
const KLDR_BYTES = 0x70;
const KLDR = { base: 0x30, size: 0x40, fullName: 0x48, baseName: 0x58 } as const;
const LDR_BYTES = 0x84;
const LDR = { base: 0x30, size: 0x40, fullName: 0x48, timeDateStamp: 0x80 } as const;
const PEB_LDR = 0x18;
const PEB_LDR_DATA_IN_LOAD_ORDER = 0x10;

const fileName = (path: string): string => path.slice(path.lastIndexOf('\\') + 1);

/**
 * In load order: the kernel first, then the HAL. Entries that cannot be read are left out. Paths cost one more request a module; the time
 * stamp is in the image itself.
 */
export async function readKernelModules(
  memory: MemoryReader,
  listHead: bigint,
  withPaths = false,
): Promise<LoadedModule[]> {
  const modules: LoadedModule[] = [];
  for await (const at of walkList(memory, listHead, MAX_MODULES)) {
    const entry = await readStructure(memory, at, KLDR_BYTES);
    if (entry === undefined) continue;
    const base = await readUnicodeString(memory, entry, KLDR.baseName);
    const path = withPaths || base === undefined ? await readUnicodeString(memory, entry, KLDR.fullName) : undefined;
    modules.push({
      base: entry.u64(KLDR.base),
      size: entry.u32(KLDR.size),
      name: base ?? fileName(path ?? ''),
      ...(path === undefined ? {} : { path }),
    });
  }
  return modules;
}

/** Of a process, read in its address space. Undefined when its PEB is not in memory. */
export async function readProcessModules(memory: MemoryReader, peb: bigint): Promise<LoadedModule[] | undefined> {
  const loader = await readPointer(memory, peb + BigInt(PEB_LDR));
  if (loader === undefined || loader === 0n) return undefined;
  const modules: LoadedModule[] = [];
  for await (const at of walkList(memory, loader + BigInt(PEB_LDR_DATA_IN_LOAD_ORDER), MAX_MODULES)) {
    const entry = await readStructure(memory, at, LDR_BYTES);
    if (entry === undefined) continue;
    const path = (await readUnicodeString(memory, entry, LDR.fullName)) ?? '';
    const timeDateStamp = entry.u32(LDR.timeDateStamp);
    modules.push({
      base: entry.u64(LDR.base),
      size: entry.u32(LDR.size),
      name: fileName(path),
      path,
      ...(timeDateStamp === 0 ? {} : { timeDateStamp }),
    });
  }
  return modules;
}
