/**
 * Wine's driver host: which winedevice.exe a driver is loaded in. The control manager does not tell there, so the loaded
 * modules do. Runs in a call worker.
 */
import { CloseHandle, OpenProcess } from './native/common-native.js';
import { windowsBaseName } from '../machine/command-line.js';
import { K32EnumProcessModules, K32GetModuleBaseNameW, SetServiceStatus } from './driver-host-native.js';
import { wineGetVersion } from './information-native.js';
import { SERVICE_STATUS } from './native/layouts.js';
import type { Handle } from './native/memory.js';
import { listKernelModules, listProcesses } from './system-information.js';

const PROCESS_QUERY_INFORMATION = 0x400;
const PROCESS_VM_READ = 0x10;
const SERVICE_KERNEL_DRIVER = 1;
const SERVICE_STOPPED = 1;
const MAX_MODULES = 1_024;
const MAX_NAME_UNITS = 260;

export interface DriverImage {
  /** Process that has it among its modules; 0 on Windows, where it is the system's. */
  readonly process: number;
  /** Undefined: the target hides kernel addresses from this agent. */
  readonly base: bigint | undefined;
  /** Bytes; 0 when the target does not tell. */
  readonly size: number;
}

/** Where a driver is loaded; undefined: nowhere. */
export function findDriverImage(binaryPath: string): DriverImage | undefined {
  const driver = windowsBaseName(binaryPath).toLowerCase();
  if (wineGetVersion === undefined) {
    const found = listKernelModules().find(({ path }) => windowsBaseName(path).toLowerCase() === driver);
    return found === undefined
      ? undefined
      : { process: 0, base: found.base === 0n ? undefined : found.base, size: found.size };
  }
  for (const { process, name } of listProcesses()) {
    const base = name.toLowerCase() === 'winedevice.exe' ? moduleBase(process, driver) : undefined;
    if (base !== undefined) {
      return { process, base, size: 0 };
    }
  }
  return undefined;
}

/** Process id of the host; 0 when the driver is loaded nowhere, and on Windows, where drivers have no host process. */
export function findDriverHost(binaryPath: string): number {
  if (wineGetVersion === undefined) {
    return 0;
  }
  return findDriverImage(binaryPath)?.process ?? 0;
}

/**
 * Tells Wine's control manager that a driver whose host has ended is stopped: it does not notice by itself, and then the
 * service could neither be started nor deleted. The host itself reports states by the same call.
 */
export function reportStopped(service: Handle): boolean {
  const status = Buffer.alloc(SERVICE_STATUS.size);
  status.writeUInt32LE(SERVICE_KERNEL_DRIVER, 0);
  status.writeUInt32LE(SERVICE_STOPPED, SERVICE_STATUS.dwCurrentState);
  return SetServiceStatus(service, status) !== 0;
}

/** In Windows and Wine alike a module's handle is the address that it is loaded at. */
function moduleBase(process: number, wanted: string): bigint | undefined {
  const handle = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, 0, process);
  if (handle === 0) {
    return undefined;
  }
  try {
    const modules = new BigInt64Array(MAX_MODULES);
    const needed = new Uint32Array(1);
    if (K32EnumProcessModules(handle, modules, modules.byteLength, needed) === 0) {
      return undefined;
    }
    const count = Math.min(MAX_MODULES, (needed[0] ?? 0) / 8);
    const name = Buffer.alloc(MAX_NAME_UNITS * 2);
    for (const module of modules.subarray(0, count)) {
      const units = K32GetModuleBaseNameW(handle, module, name, MAX_NAME_UNITS);
      if (name.toString('utf16le', 0, units * 2).toLowerCase() === wanted) {
        return module;
      }
    }
    return undefined;
  } finally {
    CloseHandle(handle);
  }
}
