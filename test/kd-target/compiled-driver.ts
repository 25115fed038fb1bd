/** The target's driver from a compiler, instead of the assembled one: driver.c, with the PDB that a debugger finds its lines in. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findLinuxToolchain } from '../../target/toolchain/find-linux.js';
import type { Image } from './image.js';

export const DRIVER_SOURCE = join(import.meta.dirname, 'driver.c');
const NAME = 'eventsys.sys';
/** Of the optional header. */
const EXPORTS = 0;
const IMPORTS = 1;

/** The driver's file, linked for this address; its PDB is in the folder. */
export async function compileDriver(folder: string, base: bigint): Promise<Buffer> {
  const { clang, lld, ddkIncludes } = await findLinuxToolchain();
  const image = join(folder, NAME);
  const link = [
    '-fuse-ld=lld',
    `--ld-path=${lld}`,
    '-nostdlib',
    '-lntoskrnl',
    `-Wl,--pdb=${join(folder, 'eventsys.pdb')}`,
  ];
  const placed = ['-Wl,--entry,DriverEntry', '-Wl,--subsystem,native', `-Wl,--image-base,0x${base.toString(16)}`];
  const compile = [
    '--target=x86_64-w64-mingw32',
    '-g',
    '-gcodeview',
    '-O0',
    '-ffreestanding',
    '-fasynchronous-unwind-tables',
    '-isystem',
    ddkIncludes,
  ];
  await promisify(execFile)(clang, [...compile, DRIVER_SOURCE, ...link, ...placed, '-o', image], { timeout: 60_000 });
  return readFile(image);
}

/**
 * The image as a loader lays it out at the address that it was linked for.
 * @param names what it may import, of whatever module
 * @throws Error for an import that nobody has
 */
export function loadCompiled(file: Buffer, names: ReadonlyMap<string, bigint>): Image {
  const nt = file.readUInt32LE(0x3c);
  const optional = nt + 24;
  const base = file.readBigUInt64LE(optional + 24);
  const bytes = Buffer.alloc(file.readUInt32LE(optional + 56));
  file.copy(bytes, 0, 0, file.readUInt32LE(optional + 60));
  const sections = optional + file.readUInt16LE(nt + 20);
  for (let index = 0; index < file.readUInt16LE(nt + 6); index++) {
    const at = sections + 40 * index;
    const [size, rva, rawSize, raw] = [8, 12, 16, 20].map((offset) => file.readUInt32LE(at + offset)) as [
      ...[number, number, number, number],
    ];
    file.copy(bytes, rva, raw, raw + Math.min(size, rawSize));
  }
  const directory = (index: number): number => bytes.readUInt32LE(optional + 112 + 8 * index);
  const text = (at: number): string => bytes.toString('latin1', at, bytes.indexOf(0, at));
  bindImports(bytes, directory(IMPORTS), text, names);
  return { name: NAME, base, timeDateStamp: file.readUInt32LE(nt + 8), bytes, symbols: exportsOf(bytes, directory(EXPORTS), text, base) }; // prettier-ignore
}

function bindImports(
  bytes: Buffer,
  start: number,
  text: (at: number) => string,
  names: ReadonlyMap<string, bigint>,
): void {
  for (let descriptor = start; bytes.readUInt32LE(descriptor + 12) !== 0; descriptor += 20) {
    const [lookup, slots] = [bytes.readUInt32LE(descriptor), bytes.readUInt32LE(descriptor + 16)];
    for (let slot = 0; bytes.readBigUInt64LE(lookup + slot) !== 0n; slot += 8) {
      const name = text(Number(bytes.readBigUInt64LE(lookup + slot)) + 2);
      const address = names.get(name);
      if (address === undefined) throw new Error(`nobody exports ${name}`);
      bytes.writeBigUInt64LE(address, slots + slot);
    }
  }
}

function exportsOf(
  bytes: Buffer,
  start: number,
  text: (at: number) => string,
  base: bigint,
): ReadonlyMap<string, bigint> {
  const [functions, names, ordinals] = [28, 32, 36].map((offset) => bytes.readUInt32LE(start + offset)) as [
    ...[number, number, number],
  ];
  return new Map(
    Array.from({ length: bytes.readUInt32LE(start + 24) }, (_, index) => {
      const rva = bytes.readUInt32LE(functions + 4 * bytes.readUInt16LE(ordinals + 2 * index));
      return [text(bytes.readUInt32LE(names + 4 * index)), base + BigInt(rva)] as const;
    }),
  );
}
