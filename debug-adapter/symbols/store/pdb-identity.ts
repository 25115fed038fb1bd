import { DbiStream } from '../pdb/dbi.js';
import { readInfoStream } from '../pdb/info-stream.js';
import { MsfFile } from '../pdb/msf.js';
import type { ImageIdentity } from '../symbol-provider.js';

export type PdbReference = NonNullable<ImageIdentity['pdb']>;

/** Which image a PDB was made with. @throws as PdbFile does. */
export function readPdbIdentity(path: string): { readonly guid: string; readonly age: number } {
  const msf = new MsfFile(path);
  try {
    const info = msf.stream(1);
    const dbi = msf.stream(3);
    const { guid, age } = info === undefined ? { guid: '', age: 0 } : readInfoStream(info);
    // Tools that edit a PDB raise its own age; the image's record holds the one of the DBI stream.
    return { guid, age: dbi === undefined || dbi.length === 0 ? age : new DbiStream(dbi).age };
  } finally {
    msf.close();
  }
}

/** undefined when the PDB is the image's own; else what is wrong, with both GUIDs. */
export function mismatch(path: string, wanted: PdbReference): string | undefined {
  const { guid } = readPdbIdentity(path);
  if (guid === wanted.guid) return undefined;
  return `it is of another build: its GUID is ${guid}, the module's is ${wanted.guid}`;
}

/** Last component of the path that the linker wrote, of Windows or not. */
export const pdbFileName = (path: string): string => path.split(/[\\/]/).at(-1) ?? path;

/** Name/GUIDage/Name, as symbol stores lay their files out ("SymStore"). */
export function storeKey(pdb: PdbReference): { readonly name: string; readonly signature: string } {
  const signature = `${pdb.guid.replaceAll('-', '')}${pdb.age.toString(16).toUpperCase()}`;
  return { name: pdbFileName(pdb.path), signature };
}
