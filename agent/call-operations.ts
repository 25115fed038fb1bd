/** What call workers can do: the one table. Every function here may block, and is given what it needs to be ended early. */
import type { CallContext } from './call-context.js';
import { controlDevice } from './devices.js';
import { findDriverImage } from './driver-host.js';
import { objectsOfHandles } from './handle-objects.js';
import { listDirectory } from './directories.js';
import { openLockFile, readLockFile } from './lock-files.js';
import { changeEvent, queryObjects, removeLink } from './objects.js';
import {
  createService,
  deleteService,
  listServices,
  queryService,
  setServiceGroup,
  startService,
  stopService,
  type ServiceDefinition,
} from './services.js';
import { holdersOf, listProcesses } from './system-information.js';

export const callOperations = {
  'service/create': (definition: ServiceDefinition) => createService(definition),
  'service/start': ({ name, timeoutMs }: { name: string; timeoutMs: number }, context: CallContext) =>
    startService(name, timeoutMs, context),
  'service/stop': ({ name, timeoutMs }: { name: string; timeoutMs: number }, context: CallContext) =>
    stopService(name, timeoutMs, context),
  'service/setGroup': ({ name, loadOrderGroup }: { name: string; loadOrderGroup: string }) =>
    setServiceGroup(name, loadOrderGroup),
  'service/delete': ({ name }: { name: string }) => {
    deleteService(name);
    return {};
  },
  'service/query': ({ name }: { name: string }) => ({ status: queryService(name) }),
  'service/list': ({ drivers }: { drivers: boolean }, context: CallContext) => ({
    services: listServices(drivers, context),
  }),
  'driver/image': ({ binaryPath }: { binaryPath: string }) => ({ image: findDriverImage(binaryPath) }),
  'object/list': ({ path }: { path: string }, context: CallContext) => listDirectory(path, context),
  'object/query': ({ items }: { items: readonly { path: string; typeName: string }[] }, context: CallContext) => ({
    objects: queryObjects(items, context),
  }),
  'object/change': ({ path, action }: { path: string; action: 'set' | 'reset' | 'pulse' }) => ({
    previous: changeEvent(path, action),
  }),
  'object/removeLink': ({ path }: { path: string }) => {
    removeLink(path);
    return {};
  },
  'object/holders': ({ path, typeName }: { path: string; typeName: string }, context: CallContext) => ({
    holders: holdersOf(path, typeName, context),
  }),
  'object/ofHandles': (
    { handles }: { handles: readonly { process: number; handle: bigint }[] },
    context: CallContext,
  ) => ({
    objects: objectsOfHandles(handles, context),
  }),
  'process/list': () => ({ processes: listProcesses() }),
  'device/control': (
    request: { device: string; code: number; input: Uint8Array; outputBytes: number; timeoutMs: number },
    context: CallContext,
  ) => controlDevice(request, context.cancelEvent),
  'lock/open': ({ path, holder }: { path: string; holder: string }, context: CallContext) =>
    openLockFile(path, holder, context),
  'lock/read': ({ path }: { path: string }, context: CallContext) => ({ holder: readLockFile(path, context) }),
} as const;

export type CallName = keyof typeof callOperations;
export type CallParams<N extends CallName> = Parameters<(typeof callOperations)[N]>[0];
export type CallResult<N extends CallName> = ReturnType<(typeof callOperations)[N]>;
