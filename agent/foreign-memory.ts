/** Another process's memory, modules and the functions that it has loaded. */
import { windowsBaseName } from '../machine/command-line.js';
import type { ByteSource } from '../machine/pe/byte-source.js';
import { K32GetModuleFileNameExW, ReadProcessMemory, VirtualProtectEx, WriteProcessMemory } from './debug-native.js';
import { K32EnumProcessModules } from './driver-host-native.js';
import { GetLastError } from './native/common-native.js';
import type { Handle } from './native/memory.js';
import { plainError, win32Error } from './native/native-error.js';
import { GetModuleHandleW, GetProcAddress, PAGE_EXECUTE_READWRITE } from './tracepoints-native.js';

const MAX_MODULES = 1_024;
const MAX_PATH_UNITS = 1_024;

export interface ForeignModule {
  readonly base: bigint;
  /** Lower case, without a folder. */
  readonly name: string;
  readonly path: string;
}

export class ForeignMemory {
  readonly #transferred = new BigUint64Array(1);

  constructor(readonly process: Handle) {}

  /** undefined when not all of it can be read. */
  read(address: bigint, length: number): Buffer | undefined {
    const buffer = Buffer.alloc(length);
    const read = ReadProcessMemory(this.process, address, buffer, length, this.#transferred);
    return read !== 0 && this.#transferred[0] === BigInt(length) ? buffer : undefined;
  }

  write(address: bigint, bytes: Uint8Array): void {
    if (WriteProcessMemory(this.process, address, bytes, bytes.length, this.#transferred) === 0) {
      throw win32Error('WriteProcessMemory', GetLastError(), `0x${address.toString(16)}`);
    }
  }

  /**
   * Writes where writing may be forbidden; the protection is as before after it. Executable meanwhile: a thread may be running there, and
   * some linkers put import slots beside code.
   */
  overwrite(address: bigint, bytes: Uint8Array): void {
    const before = new Uint32Array(1);
    if (VirtualProtectEx(this.process, address, bytes.length, PAGE_EXECUTE_READWRITE, before) === 0) {
      throw win32Error('VirtualProtectEx', GetLastError(), `0x${address.toString(16)}`);
    }
    try {
      this.write(address, bytes);
    } finally {
      VirtualProtectEx(this.process, address, bytes.length, before[0] ?? PAGE_EXECUTE_READWRITE, before);
    }
  }

  /** An image as it is mapped. A read that meets a page that is not there gives nothing. */
  image(base: bigint): ByteSource {
    return { read: (offset, length) => Promise.resolve(this.#readable(base + BigInt(offset), length)) };
  }

  #readable(address: bigint, length: number): Uint8Array {
    const whole = this.read(address, length);
    if (whole !== undefined) return whole;
    const page = 4_096 - Number(address & 4_095n);
    return (length > page ? this.read(address, page) : undefined) ?? new Uint8Array(0);
  }

  /** @throws NativeError when the process has none: it has ended, or its loader has not run yet */
  modules(): readonly ForeignModule[] {
    const bases = new BigInt64Array(MAX_MODULES);
    const needed = new Uint32Array(1);
    if (K32EnumProcessModules(this.process, bases, bases.byteLength, needed) === 0) {
      throw win32Error('EnumProcessModules', GetLastError());
    }
    const count = Math.min(MAX_MODULES, (needed[0] ?? 0) / 8);
    const name = Buffer.alloc(MAX_PATH_UNITS * 2);
    return Array.from(bases.subarray(0, count), (signed) => {
      const base = BigInt.asUintN(64, signed);
      const units = K32GetModuleFileNameExW(this.process, base, name, MAX_PATH_UNITS);
      const path = name.toString('utf16le', 0, units * 2);
      return { base, path, name: windowsBaseName(path).toLowerCase() };
    });
  }
}

/** Addresses in another process of functions of ntdll.dll: the same file is loaded here, perhaps elsewhere. */
export function foreignNtdll(modules: readonly ForeignModule[], names: readonly string[]): ReadonlyMap<string, bigint> {
  const theirs = modules.find(({ name }) => name === 'ntdll.dll');
  if (theirs === undefined) throw plainError('The process has no ntdll.dll yet');
  const ours = BigInt(GetModuleHandleW('ntdll.dll'));
  return new Map(
    names.map((name) => {
      const address = BigInt(GetProcAddress(ours, name));
      if (address === 0n) throw plainError(`ntdll.dll of this target does not export ${name}`);
      return [name, theirs.base + (address - ours)];
    }),
  );
}
