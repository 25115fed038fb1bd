/** The list of a process's modules, as its loader keeps it (reference, section 10.2). */
import type { Image } from './image.js';
import type { KernelMemory } from './kernel-memory.js';
import * as nt from './layouts.js';
import type { AddressSpace } from './physical-memory.js';

/** PEB, its loader data and one entry an image, in the process's own memory; the PEB's address. */
export function writeUserModules(
  memory: KernelMemory,
  space: AddressSpace,
  peb: bigint,
  images: readonly Image[],
): bigint {
  const data = peb + 0x100n;
  space.setUnsigned(peb + BigInt(nt.PEB.Ldr), 8, data);
  const heads = [nt.PEB_LDR_DATA.InLoadOrder, nt.PEB_LDR_DATA.InMemoryOrder, nt.PEB_LDR_DATA.InInitOrder];
  let at = peb + 0x180n;
  const entries = images.map((image) => {
    const entry = at;
    at += 0x1c0n;
    space.setUnsigned(entry + BigInt(nt.LDR.DllBase), 8, image.base);
    space.setUnsigned(entry + BigInt(nt.LDR.SizeOfImage), 4, BigInt(image.bytes.length));
    const path = `C:\\Windows\\System32\\${image.name}`;
    memory.unicodeString(entry + BigInt(nt.LDR.FullDllName), path, space, entry + 0x120n);
    memory.unicodeString(entry + BigInt(nt.LDR.BaseDllName), image.name, space, entry + 0x180n);
    space.setUnsigned(entry + BigInt(nt.LDR.TimeDateStamp), 4, BigInt(image.timeDateStamp));
    return entry;
  });
  heads.forEach((offset, list) => {
    const ring = [data + BigInt(offset), ...entries.map((entry) => entry + BigInt(16 * list))];
    ring.forEach((node, index) => {
      space.setUnsigned(node, 8, ring[(index + 1) % ring.length] ?? 0n);
      space.setUnsigned(node + 8n, 8, ring.at(index - 1) ?? 0n);
    });
  });
  return peb;
}
