/** DRIVER_OBJECT and DEVICE_OBJECT: the public layout of wdm.h, the same in every x64 version. */
import { type MemoryReader, readStructure, readUnicodeString } from './records.js';

const DRIVER_TYPE = 4;
const DEVICE_TYPE = 3;
const STRUCTURE_BYTES = 0x150;
const MAJOR_FUNCTIONS = 28;
const MAX_DEVICES = 4_096;

export interface NtDevice {
  readonly address: bigint;
  readonly deviceType: number;
  readonly flags: number;
  readonly extension: bigint;
  /** The device on top of it in its stack; 0 for none. */
  readonly attachedDevice: bigint;
}

export interface NtDriver {
  readonly address: bigint;
  /** Such as `\Driver\eventsys`. */
  readonly name: string;
  readonly start: bigint;
  readonly size: number;
  readonly init: bigint;
  readonly unload: bigint;
  /** By IRP_MJ_*. */
  readonly majorFunctions: readonly bigint[];
  readonly devices: readonly NtDevice[];
}

/** Undefined when there is no driver object at that address. */
export async function readDriver(memory: MemoryReader, address: bigint): Promise<NtDriver | undefined> {
  const driver = await readStructure(memory, address, STRUCTURE_BYTES);
  if (driver === undefined || driver.u16(0) !== DRIVER_TYPE) return undefined;
  return {
    address,
    name: (await readUnicodeString(memory, driver, 0x38)) ?? '',
    start: driver.u64(0x18),
    size: driver.u32(0x20),
    init: driver.u64(0x58),
    unload: driver.u64(0x68),
    majorFunctions: Array.from({ length: MAJOR_FUNCTIONS }, (_unused, index) => driver.u64(0x70 + 8 * index)),
    devices: await readDevices(memory, driver.u64(8)),
  };
}

async function readDevices(memory: MemoryReader, first: bigint): Promise<NtDevice[]> {
  const devices: NtDevice[] = [];
  const seen = new Set<bigint>();
  for (let at = first; at !== 0n && !seen.has(at) && devices.length < MAX_DEVICES;) {
    seen.add(at);
    const device = await readStructure(memory, at, 0x50);
    if (device === undefined || device.u16(0) !== DEVICE_TYPE) break;
    devices.push({
      address: at,
      deviceType: device.u32(0x48),
      flags: device.u32(0x30),
      extension: device.u64(0x40),
      attachedDevice: device.u64(0x18),
    });
    at = device.u64(0x10);
  }
  return devices;
}
