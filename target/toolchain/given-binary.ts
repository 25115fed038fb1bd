/**
 * A driver or application that the project names ready-made: checked, and taken as it is.
 */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import type { BuiltBinary } from '../build.js';
import type { Project } from '../project.js';
import type { Side } from './clang.js';

/** Of the header: the DOS header's pointer to it leads to anywhere below this in what linkers make. */
const HEAD_BYTES = 4_096;
const IMAGE_FILE_MACHINE_AMD64 = 0x8664;
const IMAGE_NT_OPTIONAL_HDR64_MAGIC = 0x20b;
const IMAGE_FILE_DLL = 0x2000;
/** IMAGE_SUBSYSTEM_*, as the PE format's specification numbers them. */
const SUBSYSTEMS: Readonly<Record<number, string>> = { 1: 'native', 2: 'Windows GUI', 3: 'Windows console' };
const MACHINES: Readonly<Record<number, string>> = { 0x14c: 'x86', 0x1c4: 'ARM', 0xaa64: 'ARM64' };

/**
 * Why these first bytes of a file are no x64 driver or program; undefined when they are.
 */
export function imageFault(head: Buffer, side: Side): string | undefined {
  if (head.length < 64 || head.toString('latin1', 0, 2) !== 'MZ')
    return 'it is no PE image: it does not begin with "MZ"';
  const header = head.readUInt32LE(0x3c);
  // Up to the subsystem: signature 4, file header 20, 70 bytes of the optional header.
  if (header + 94 > head.length || head.readUInt32LE(header) !== 0x4550)
    return 'it is no PE image: it has no PE header';
  const machine = head.readUInt16LE(header + 4);
  if (machine !== IMAGE_FILE_MACHINE_AMD64) {
    return `it is for ${MACHINES[machine] ?? `machine 0x${machine.toString(16)}`}, and targets are x64`;
  }
  if (head.readUInt16LE(header + 24) !== IMAGE_NT_OPTIONAL_HDR64_MAGIC) return 'it is no 64-bit image (PE32+)';
  const subsystem = head.readUInt16LE(header + 24 + 68);
  const name = SUBSYSTEMS[subsystem] ?? `${subsystem}`;
  if (side === 'driver') return subsystem === 1 ? undefined : `its subsystem is ${name}, and a driver's is native`;
  if ((head.readUInt16LE(header + 22) & IMAGE_FILE_DLL) !== 0) return 'it is a DLL';
  return subsystem === 2 || subsystem === 3 ? undefined : `its subsystem is ${name}, and a program's is Windows`;
}

/**
 * The binary and the PDB that the settings name. Without "pdb" the one of the same name beside it is meant, if there is one.
 * @returns undefined when the settings name sources
 * @throws EventscopeError `build.binary`
 */
export async function givenBinary(project: Project, side: Side): Promise<BuiltBinary | undefined> {
  const settings = project[side];
  if (settings.binary === undefined) return undefined;
  const binary = path.resolve(project.folder, settings.binary);
  const head = await readHead(binary, HEAD_BYTES, side, 'binary');
  const why = imageFault(head, side);
  if (why !== undefined) throw wrong(binary, side, 'binary', why);
  if (settings.pdb !== undefined) {
    const pdb = path.resolve(project.folder, settings.pdb);
    const text = (await readHead(pdb, 32, side, 'pdb')).toString('latin1');
    // The signature that every PDB of version 7 begins with.
    if (!text.startsWith('Microsoft C/C++ MSF 7.00\r\n')) throw wrong(pdb, side, 'pdb', 'it is no PDB');
    return { binary, pdb };
  }
  const beside = `${binary.slice(0, binary.length - path.extname(binary).length)}.pdb`;
  const isThere = await readHead(beside, 1, side, 'pdb').then(
    () => true,
    () => false,
  );
  return { binary, pdb: isThere ? beside : undefined };
}

async function readHead(file: string, bytes: number, side: Side, key: string): Promise<Buffer> {
  try {
    const handle = await open(file, 'r');
    try {
      const head = Buffer.alloc(bytes);
      const { bytesRead } = await handle.read(head, 0, bytes, 0);
      return head.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw wrong(file, side, key, code === 'ENOENT' ? 'there is no such file' : (error as Error).message, error);
  }
}

function wrong(file: string, side: Side, key: string, why: string, cause?: unknown): EventscopeError {
  return new EventscopeError({
    id: 'build.binary',
    what: `${file} cannot be taken as the ${side}'s ${key === 'pdb' ? 'PDB' : 'binary'}`,
    why,
    next: `Make it, or correct eventscope.project.${side}.${key} in the workspace settings.`,
    data: { file, side },
    cause,
  });
}
