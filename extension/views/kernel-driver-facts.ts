/** The Driver view of a machine that is stopped in the kernel debugger: what its driver object says. */
import type { DriverObject } from '../../protocol/kernel-views.js';
import type { Fact, Localize } from './facts.js';

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
export function kernelDriverFacts(name: string, driver: DriverObject | undefined, t: Localize): Fact[] {
  if (driver === undefined) {
    return [{ id: 'service', label: name, value: t('not loaded in the stopped kernel'), icon: 'circle-outline' }];
  }
  const { address, imageBase, imageBytes, entry, unload, majorFunctions, devices } = driver;
  return [
    { id: 'service', label: driver.name, value: t('driver object at {0}', address), icon: 'debug-pause' },
    {
      id: 'image',
      label: t('Image'),
      value: t('{0}, {1} bytes', t('at {0} in the kernel', imageBase), imageBytes),
      icon: 'package',
    },
    { id: 'entry', label: t('Entry'), value: codeText(entry), icon: 'sign-in' },
    {
      id: 'unload',
      label: t('Unload'),
      value: unload === undefined ? t('none: it cannot be unloaded') : codeText(unload),
      icon: 'sign-out',
    },
    {
      id: 'devices',
      label: t('Devices'),
      value: String(devices.length),
      icon: 'circuit-board',
      children: devices.map((device) => deviceFact(device, t)),
      expanded: true,
    },
    dispatchFact(majorFunctions, t),
  ];
}

function deviceFact(device: DriverObject['devices'][number], t: Localize): Fact {
  const { address, name, deviceType, flags, attached } = device;
  const words = t('type {0}, flags {1}', `0x${deviceType.toString(16)}`, `0x${flags.toString(16)}`);
  return {
    id: `device-${address}`,
    label: name ?? address,
    value: attached === undefined ? words : t('{0}, below the device at {1}', words, attached),
    tooltip: t('Device object at {0}', address),
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
function dispatchFact(entries: DriverObject['majorFunctions'], t: Localize): Fact {
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
    label: t('Dispatch entries'),
    value:
      distinct === 1
        ? t('{0}, all to one function', entries.length)
        : t('{0} to {1} functions', entries.length, distinct),
    icon: 'list-selection',
    children,
  };
}
