/** Custom requests of the views of a stopped kernel: protocol/kernel-views.ts. */
import {
  directoryArguments,
  type DriverObject,
  driverObjectArguments,
  kernelObjectsArguments,
  KernelViewRequest,
} from '../../protocol/kernel-views.js';
import { hexAddress } from '../variables/value.js';
import { checked } from './arguments.js';
import type { DapServer } from './dap-server.js';
import type { KernelViewsOfEngine } from './debuggee.js';
import { runningError, unsupported } from './protocol-error.js';
import type { SessionState } from './session-state.js';

/** What belongs to a stop, and ends with it; a view that cannot be filled is no dialog. */
const TRAITS = { inspects: true, quiet: true };

export function registerKernelViewRequests(server: DapServer, state: SessionState): void {
  const stopped = (): KernelViewsOfEngine => {
    if (state.kernel === undefined) throw unsupported('No kernel is debugged', 'its memory tells what is asked for');
    if (state.execution === undefined) throw runningError();
    state.execution.requireStopped();
    return state.kernel;
  };
  server.on(
    KernelViewRequest.directory,
    async (given, { signal }) => {
      const { path } = checked(directoryArguments, given);
      const objects = await stopped().views.list(path, signal);
      return { entries: objects.map(({ name, typeName }) => ({ name, typeName: typeName ?? '?' })) };
    },
    TRAITS,
  );
  server.on(
    KernelViewRequest.objects,
    async (given, { signal }) => {
      const { paths } = checked(kernelObjectsArguments, given);
      const objects = await stopped().views.query(paths, signal);
      return { objects: objects.map((object) => object ?? null) };
    },
    TRAITS,
  );
  server.on(
    KernelViewRequest.driver,
    async (given, { signal }) => {
      const { name } = checked(driverObjectArguments, given);
      const driver = await driverOf(state, stopped(), name, signal);
      return driver === undefined ? {} : { driver };
    },
    TRAITS,
  );
}

async function driverOf(
  state: SessionState,
  { engine, space, views }: KernelViewsOfEngine,
  name: string,
  signal: AbortSignal,
): Promise<DriverObject | undefined> {
  const found = await views.driver(name, signal);
  if (found === undefined) return undefined;
  const { driver, deviceNames } = found;
  const code = async (address: bigint): Promise<DriverObject['entry']> => {
    const symbol = await state.inventory.symbolize(engine, space, address);
    return { address: hexAddress(address), ...(symbol === undefined ? {} : { symbol }) };
  };
  return {
    address: hexAddress(driver.address),
    name: driver.name,
    imageBase: hexAddress(driver.start),
    imageBytes: driver.size,
    entry: await code(driver.init),
    ...(driver.unload === 0n ? {} : { unload: await code(driver.unload) }),
    majorFunctions: await Promise.all(driver.majorFunctions.map(code)),
    devices: driver.devices.map(({ address, deviceType, flags, attachedDevice }, index) => {
      const path = deviceNames[index];
      return {
        address: hexAddress(address),
        deviceType,
        flags,
        ...(path === undefined ? {} : { name: path }),
        ...(attachedDevice === 0n ? {} : { attached: hexAddress(attachedDevice) }),
      };
    }),
  };
}
