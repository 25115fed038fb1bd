/** The object manager's namespace of the test target. */
import type { Image } from './image.js';
import type { KernelMemory } from './kernel-memory.js';
import * as nt from './layouts.js';

const TYPES = [
  'Type',
  'Directory',
  'SymbolicLink',
  'Process',
  'Thread',
  'Event',
  'Mutant',
  'Semaphore',
  'Timer',
  'Driver',
  'Device',
];

export interface Namespace {
  /** `\`. */
  readonly root: bigint;
  /** `\BaseNamedObjects\SharedEvent`, a synchronization event. */
  readonly sharedEvent: bigint;
  /** Events without names. */
  readonly workEvent: bigint;
  readonly doneEvent: bigint;
  /** `\BaseNamedObjects\Heartbeat`, a notification event. */
  readonly heartbeat: bigint;
  readonly driverObject: bigint;
  /** Fills in what is known once the driver is loaded. */
  completeDriver(image: Image): void;
}

export function buildNamespace(memory: KernelMemory): Namespace {
  memory.makeTypes(TYPES);
  const root = memory.directory('\\');
  const folder = (parent: bigint, name: string): bigint => {
    const directory = memory.directory(name);
    memory.insert(parent, directory, name);
    return directory;
  };
  const types = folder(root, 'ObjectTypes');
  for (const { name, body } of memory.types) memory.insert(types, body, name);
  const named = folder(root, 'BaseNamedObjects');
  const sessionOne = folder(folder(root, 'Sessions'), '1');
  const ofSession = folder(sessionOne, 'BaseNamedObjects');
  const devices = folder(root, 'Device');
  const drivers = folder(root, 'Driver');
  const links = folder(root, 'GLOBAL??');

  const event = (type: number, state: number, directory?: bigint, name?: string): bigint => {
    const body = memory.object('Event', nt.DISPATCHER.bytes, name);
    memory.dispatcher(body, type, nt.DISPATCHER.bytes, state);
    if (directory !== undefined && name !== undefined) memory.insert(directory, body, name);
    return body;
  };
  const { SynchronizationEvent, NotificationEvent } = nt.DispatcherType;
  const sharedEvent = event(SynchronizationEvent, 0, named, 'SharedEvent');
  event(NotificationEvent, 1, named, 'AlwaysSignaled');
  const heartbeat = event(NotificationEvent, 0, named, 'Heartbeat');
  event(SynchronizationEvent, 0, ofSession, 'OfSessionOne');
  const workEvent = event(SynchronizationEvent, 0);
  const doneEvent = event(SynchronizationEvent, 0);

  const mutant = memory.object('Mutant', nt.MUTANT.bytes, 'SharedMutant');
  memory.dispatcher(mutant, nt.DispatcherType.Mutant, nt.MUTANT.bytes, 1);
  memory.insert(named, mutant, 'SharedMutant');
  const semaphore = memory.object('Semaphore', nt.SEMAPHORE.bytes, 'SharedSemaphore');
  memory.dispatcher(semaphore, nt.DispatcherType.Semaphore, nt.SEMAPHORE.bytes, 3);
  memory.u32(semaphore + BigInt(nt.SEMAPHORE.Limit), 10);
  memory.insert(named, semaphore, 'SharedSemaphore');
  const timer = memory.object('Timer', nt.TIMER.bytes, 'SharedTimer');
  memory.dispatcher(timer, nt.DispatcherType.NotificationTimer, nt.TIMER.bytes, 0);
  memory.insert(named, timer, 'SharedTimer');

  const link = memory.object('SymbolicLink', 0x28, 'EventSys');
  memory.unicodeString(link + 8n, '\\Device\\EventSys');
  memory.insert(links, link, 'EventSys');

  const driverObject = memory.object('Driver', nt.DRIVER_OBJECT.bytes, 'eventsys');
  const device = memory.object('Device', nt.DEVICE_OBJECT.bytes, 'EventSys');
  const completeDriver = (image: Image): void => {
    const at = (offset: number): bigint => driverObject + BigInt(offset);
    memory.u16(driverObject, 4);
    memory.u16(at(nt.DRIVER_OBJECT.Size), nt.DRIVER_OBJECT.bytes);
    memory.u64(at(nt.DRIVER_OBJECT.DeviceObject), device);
    memory.u64(at(nt.DRIVER_OBJECT.DriverStart), image.base);
    memory.u32(at(nt.DRIVER_OBJECT.DriverSize), image.bytes.length);
    memory.unicodeString(at(nt.DRIVER_OBJECT.DriverName), '\\Driver\\eventsys');
    memory.u64(at(nt.DRIVER_OBJECT.DriverInit), image.symbols.get('DriverEntry') ?? 0n);
    memory.u64(at(nt.DRIVER_OBJECT.DriverUnload), image.symbols.get('EsUnload') ?? 0n);
    for (let index = 0; index < 28; index++) {
      memory.u64(at(nt.DRIVER_OBJECT.MajorFunction + 8 * index), image.symbols.get('EsDispatch') ?? 0n);
    }
    memory.u16(device, 3);
    memory.u16(device + BigInt(nt.DEVICE_OBJECT.Size), nt.DEVICE_OBJECT.bytes);
    memory.u64(device + BigInt(nt.DEVICE_OBJECT.DriverObject), driverObject);
    memory.u32(device + BigInt(nt.DEVICE_OBJECT.DeviceType), 0x22);
    memory.insert(drivers, driverObject, 'eventsys');
    memory.insert(devices, device, 'EventSys');
  };
  return { root, sharedEvent, workEvent, doneEvent, heartbeat, driverObject, completeDriver };
}
