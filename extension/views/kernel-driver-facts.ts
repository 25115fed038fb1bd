/** The Driver view of a machine that is stopped in the kernel debugger: what its driver object says. */
import type { DriverObject } from '../../protocol/kernel-views.js';
import type { Fact } from './facts.js';

/** IRP_MJ_*, by number (wdm.h). */
const MAJOR_FUNCTIONS: readonly string[] = [
  ...['CREATE', 'CREATE_NAMED_PIPE', 'CLOSE', 'READ', 'WRITE', 'QUERY_INFORMATION', 'SET_INFORMATION', 'QUERY_EA'],
  ...['SET_EA', 'FLUSH_BUFFERS', 'QUERY_VOLUME_INFORMATION', 'SET_VOLUME_INFORMATION', 'DIRECTORY_CONTROL'],
  ...['FILE_SYSTEM_CONTROL', 'DEVICE_CONTROL', 'INTERNAL_DEVICE_CONTROL', 'SHUTDOWN', 'LOCK_CONTROL', 'CLEANUP'],
  ...['CREATE_MAILSLOT', 'QUERY_SECURITY', 'SET_SECURITY', 'POWER', 'SYSTEM_CONTROL', 'DEVICE_CHANGE'],
  ...['QUERY_QUOTA', 'SET_QUOTA', 'PNP'],
];

const codeText = ({ address, symbol }: DriverObject['entry']): string => symbol ?? address;

/** @param driver undefined: it is not loaded */
export function kernelDriverFacts(name: string, driver: DriverObject | undefined): Fact[] {
  if (driver === undefined) {
    return [{ id: 'service', label: name, value: 'not loaded in the stopped kernel', icon: 'circle-outline' }];
  }
  const { address, imageBase, imageBytes, entry, unload, majorFunctions, devices } = driver;
  return [
    { id: 'service', label: driver.name, value: `driver object at ${address}`, icon: 'debug-pause' },
    { id: 'image', label: 'Image', value: `at ${imageBase} in the kernel, ${imageBytes} bytes`, icon: 'package' },
    { id: 'entry', label: 'Entry', value: codeText(entry), icon: 'play' },
    {
      id: 'unload',
      label: 'Unload',
      value: unload === undefined ? 'none: it cannot be unloaded' : codeText(unload),
      icon: 'debug-stop',
    },
    {
      id: 'devices',
      label: 'Devices',
      value: String(devices.length),
      icon: 'circuit-board',
      children: devices.map(deviceFact),
      expanded: true,
    },
    dispatchFact(majorFunctions),
  ];
}

function deviceFact({ address, name, deviceType, flags, attached }: DriverObject['devices'][number]): Fact {
  const above = attached === undefined ? '' : `, below the device at ${attached}`;
  return {
    id: `device-${address}`,
    label: name ?? address,
    value: `type 0x${deviceType.toString(16)}, flags 0x${flags.toString(16)}${above}`,
    tooltip: `Device object at ${address}`,
    icon: 'circuit-board',
    ...(name === undefined
      ? {}
      : {
          context: 'object device',
          object: { name: name.split('\\').at(-1) ?? name, typeName: 'Device', path: name },
        }),
  };
}

/** What most entries lead to is the default, and is told once. */
function dispatchFact(entries: DriverObject['majorFunctions']): Fact {
  const children = entries.map((entry, index): Fact => ({
    id: `dispatch-${index}`,
    label: `IRP_MJ_${MAJOR_FUNCTIONS[index] ?? index}`,
    value: codeText(entry),
    tooltip: entry.address,
    icon: 'symbol-method',
  }));
  const distinct = new Set(entries.map(({ address }) => address)).size;
  return {
    id: 'dispatch',
    label: 'Dispatch entries',
    value: `${entries.length}, ${distinct} function${distinct === 1 ? '' : 's'}`,
    icon: 'list-selection',
    children,
  };
}
