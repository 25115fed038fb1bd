/** Driver services through the service control manager. Runs in a call worker: these calls block. */
import * as v from 'valibot';
import { serviceState, type ServiceStatus } from '../protocol/agent-rpc.js';
import { CancelledError } from '../protocol/errors.js';
import type { CallContext } from './call-context.js';
import { findDriverHost, reportStopped } from './driver-host.js';
import { wineGetVersion } from './information-native.js';
import { GetLastError } from './native/common-native.js';
import {
  ENUM_SERVICE_STATUS_PROCESSW,
  QUERY_SERVICE_CONFIGW,
  SERVICE_STATUS,
  SERVICE_STATUS_PROCESS,
} from './native/layouts.js';
import { NativeMemory, type Handle } from './native/memory.js';
import { NativeError, win32Error } from './native/native-error.js';
import { describeWin32Error } from '../machine/status.js';
import {
  ChangeServiceConfigW,
  CloseServiceHandle,
  ControlService,
  CreateServiceW,
  DeleteService,
  EnumServicesStatusExW,
  OpenSCManagerW,
  OpenServiceW,
  QueryServiceConfigW,
  QueryServiceStatusEx,
  StartServiceW,
} from './services-native.js';

const SC_MANAGER_CONNECT = 1;
const SC_MANAGER_CREATE_SERVICE = 2;
const SC_MANAGER_ENUMERATE_SERVICE = 4;
const SERVICE_QUERY_CONFIG = 1;
const SERVICE_QUERY_STATUS = 4;
/** Between two looks at a driver that a debugger holds: somebody is reading code meanwhile. */
const HELD_START_MS = 250;
const SERVICE_CHANGE_CONFIG = 2;
const SERVICE_NO_CHANGE = 0xffff_ffff;
const SERVICE_START = 0x10;
const SERVICE_STOP = 0x20;
/** Wine's own: Windows' control manager knows no such right. */
const SERVICE_SET_STATUS = 0x8000;
const DELETE = 0x10000;
const SERVICE_KERNEL_DRIVER = 1;
const SERVICE_DRIVER = 0xb;
const SERVICE_WIN32 = 0x30;
const SERVICE_STATE_ALL = 3;
const SERVICE_DEMAND_START = 3;
const SERVICE_ERROR_NORMAL = 1;
const SERVICE_CONTROL_STOP = 1;

const ERROR_INVALID_HANDLE = 6;
const ERROR_INSUFFICIENT_BUFFER = 122;
const ERROR_MORE_DATA = 234;
const ERROR_SERVICE_REQUEST_TIMEOUT = 1053;
const ERROR_SERVICE_DOES_NOT_EXIST = 1060;
const ERROR_SERVICE_CANNOT_ACCEPT_CTRL = 1061;
const ERROR_SERVICE_NOT_ACTIVE = 1062;

const FOLLOW_MS = 25;
const QUERY_ATTEMPTS = 3;
const QUERY_RIGHTS = SERVICE_QUERY_CONFIG | SERVICE_QUERY_STATUS;

function withManager<T>(access: number, use: (manager: Handle) => T): T {
  const manager = OpenSCManagerW(null, null, access);
  if (manager === 0) {
    throw win32Error('OpenSCManagerW', GetLastError());
  }
  try {
    return use(manager);
  } finally {
    CloseServiceHandle(manager);
  }
}

function withService<T>(name: string, access: number, use: (service: Handle) => T): T {
  return withManager(SC_MANAGER_CONNECT, (manager) => {
    const service = OpenServiceW(manager, name, access);
    if (service === 0) {
      throw win32Error('OpenServiceW', GetLastError(), name);
    }
    try {
      return use(service);
    } finally {
      CloseServiceHandle(service);
    }
  });
}

export interface ServiceDefinition {
  readonly name: string;
  readonly displayName: string;
  readonly binaryPath: string;
  readonly loadOrderGroup?: string | undefined;
}

export function createService(definition: ServiceDefinition): ServiceStatus {
  return withManager(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE, (manager) => {
    const service = CreateServiceW(
      manager,
      definition.name,
      definition.displayName,
      QUERY_RIGHTS,
      SERVICE_KERNEL_DRIVER,
      SERVICE_DEMAND_START,
      SERVICE_ERROR_NORMAL,
      definition.binaryPath,
      definition.loadOrderGroup ?? null,
      null,
      null,
      null,
      null,
    );
    if (service === 0) {
      throw win32Error('CreateServiceW', GetLastError(), definition.name);
    }
    try {
      return statusOf(service, definition.name);
    } finally {
      CloseServiceHandle(service);
    }
  });
}

/** Its load-order group; '' for none. Holds from its next start. */
export function setServiceGroup(name: string, group: string): ServiceStatus {
  return withService(name, SERVICE_CHANGE_CONFIG | QUERY_RIGHTS, (service) => {
    const same = SERVICE_NO_CHANGE;
    if (ChangeServiceConfigW(service, same, same, same, null, group, null, null, null, null, null) === 0) {
      throw win32Error('ChangeServiceConfigW', GetLastError(), name);
    }
    return statusOf(service, name);
  });
}

/**
 * Starts a service and follows its real state, past the control manager's own time-out, until it runs or has failed.
 * Throws the Win32 error of the start, or ERROR_SERVICE_REQUEST_TIMEOUT when timeoutMs have gone by.
 */
export function startService(name: string, timeoutMs: number, context: CallContext): ServiceStatus {
  reportDeadHost(name);
  return withService(name, SERVICE_START | QUERY_RIGHTS, (service) => {
    const deadline = performance.now() + timeoutMs;
    let gaveUp = false;
    if (StartServiceW(service, 0, null) === 0) {
      const error = GetLastError();
      if (error !== ERROR_SERVICE_REQUEST_TIMEOUT) {
        throw win32Error('StartServiceW', error, name);
      }
      gaveUp = true;
    }
    const first = follow(service, name, 'startPending', deadline, context);
    const status = gaveUp && first.state === 'stopped' ? followHeldStart(service, name, deadline, context) : first;
    if (status.state === 'stopped') {
      throw win32Error('StartServiceW', status.win32ExitCode || ERROR_SERVICE_NOT_ACTIVE, name);
    }
    if (status.state === 'startPending') {
      throw timedOut('StartServiceW', name, timeoutMs, status);
    }
    return status;
  });
}

/**
 * Wine's control manager calls a start stopped when it took over 10 s, although the driver is loaded and a debugger holds it in its
 * DriverEntry: it runs when it is let go. For as long as a host process has the driver among its modules, the start goes on.
 */
function followHeldStart(service: Handle, name: string, deadline: number, context: CallContext): ServiceStatus {
  for (;;) {
    const status = statusOf(service, name);
    if (status.state !== 'stopped' || findDriverHost(status.binaryPath) === 0 || performance.now() >= deadline) {
      return status;
    }
    if (context.cancelled()) {
      throw new CancelledError();
    }
    context.sleep(HELD_START_MS);
  }
}

/** Stops a service and follows it until it has stopped. One that is stopped already is left so. */
export function stopService(name: string, timeoutMs: number, context: CallContext): ServiceStatus {
  reportDeadHost(name);
  return withService(name, SERVICE_STOP | QUERY_RIGHTS, (service) => {
    const deadline = performance.now() + timeoutMs;
    const answer = Buffer.alloc(SERVICE_STATUS.size);
    if (ControlService(service, SERVICE_CONTROL_STOP, answer) === 0) {
      const error = GetLastError();
      const state = statusOf(service, name).state;
      const underWay =
        (error === ERROR_SERVICE_CANNOT_ACCEPT_CTRL || error === ERROR_SERVICE_REQUEST_TIMEOUT) &&
        state === 'stopPending';
      if (error !== ERROR_SERVICE_NOT_ACTIVE && !underWay && !(state === 'stopped')) {
        throw win32Error('ControlService', error, name);
      }
    }
    const status = follow(service, name, 'stopPending', deadline, context);
    if (status.state === 'stopPending') {
      throw timedOut('ControlService', name, timeoutMs, status);
    }
    return status;
  });
}

/**
 * Under Wine a driver's host process may have been ended: the driver is gone then, whatever the control manager says, and
 * it must be told before it starts or stops the service again.
 */
function reportDeadHost(name: string): void {
  const told = withService(name, QUERY_RIGHTS, (service) => statusOf(service, name));
  if (withHost(told).state === told.state) {
    return;
  }
  withService(name, SERVICE_SET_STATUS, (service) => {
    if (!reportStopped(service)) {
      throw win32Error('SetServiceStatus', GetLastError(), name);
    }
  });
}

/** The status with the driver's host under Wine, and the state that follows from it. */
function withHost(status: ServiceStatus): ServiceStatus {
  if (wineGetVersion === undefined || status.state === 'stopped' || status.processId !== 0) {
    return status;
  }
  const processId = findDriverHost(status.binaryPath);
  const isGone = processId === 0 && status.state !== 'startPending';
  return { ...status, processId, state: isGone ? 'stopped' : status.state };
}

function timedOut(call: string, name: string, timeoutMs: number, status: ServiceStatus): NativeError {
  return new NativeError(
    `${call} of ${name}: after ${timeoutMs} ms the service is still in the state ${status.state}: ` +
      describeWin32Error(ERROR_SERVICE_REQUEST_TIMEOUT),
    { call, code: ERROR_SERVICE_REQUEST_TIMEOUT, space: 'win32' },
  );
}

function follow(
  service: Handle,
  name: string,
  pending: ServiceStatus['state'],
  deadline: number,
  context: CallContext,
): ServiceStatus {
  for (;;) {
    const status = statusOf(service, name);
    if (status.state !== pending || performance.now() >= deadline) {
      return status;
    }
    context.sleep(FOLLOW_MS);
    if (context.cancelled()) {
      throw new CancelledError();
    }
  }
}

export function deleteService(name: string): void {
  withService(name, DELETE, (service) => {
    if (DeleteService(service) === 0) {
      throw win32Error('DeleteService', GetLastError(), name);
    }
  });
}

/** Undefined when there is no such service. */
export function queryService(name: string): ServiceStatus | undefined {
  for (let attempt = 1; ; attempt++) {
    try {
      return withHost(withService(name, QUERY_RIGHTS, (service) => statusOf(service, name)));
    } catch (error) {
      const code = error instanceof NativeError ? error.data.code : undefined;
      if (code === ERROR_SERVICE_DOES_NOT_EXIST) {
        return undefined;
      }
      // Seen under Wine, rarely: its control manager did not know a handle that it had just given. Asking changes nothing, so ask again.
      if (code !== ERROR_INVALID_HANDLE || attempt === QUERY_ATTEMPTS) {
        throw error;
      }
    }
  }
}

const needed = new Uint32Array(1);

function statusOf(service: Handle, name: string): ServiceStatus {
  const status = Buffer.alloc(SERVICE_STATUS_PROCESS.size);
  const processInformation = 0;
  if (QueryServiceStatusEx(service, processInformation, status, status.length, needed) === 0) {
    throw win32Error('QueryServiceStatusEx', GetLastError(), name);
  }
  return { name, ...stateFields(status, 0), ...configOf(service, name) };
}

function stateFields(
  bytes: Buffer,
  at: number,
): Pick<ServiceStatus, 'state' | 'win32ExitCode' | 'specificExitCode' | 'processId'> {
  const number = bytes.readUInt32LE(at + SERVICE_STATUS_PROCESS.dwCurrentState);
  const names = ['stopped', 'startPending', 'stopPending', 'running', 'continuePending', 'pausePending', 'paused'];
  return {
    state: v.parse(serviceState, names[number - 1]),
    win32ExitCode: bytes.readUInt32LE(at + SERVICE_STATUS_PROCESS.dwWin32ExitCode),
    specificExitCode: bytes.readUInt32LE(at + SERVICE_STATUS_PROCESS.dwServiceSpecificExitCode),
    processId: bytes.readUInt32LE(at + SERVICE_STATUS_PROCESS.dwProcessId),
  };
}

function configOf(service: Handle, name: string): Pick<ServiceStatus, 'binaryPath' | 'startType' | 'loadOrderGroup'> {
  let size = 8_192;
  for (let attempt = 0; attempt < 3; attempt++) {
    const memory = new NativeMemory(size);
    try {
      if (QueryServiceConfigW(service, memory.address, size, needed) !== 0) {
        return {
          binaryPath: memory.wideString(memory.bytes.readBigUInt64LE(QUERY_SERVICE_CONFIGW.lpBinaryPathName)),
          startType: memory.bytes.readUInt32LE(QUERY_SERVICE_CONFIGW.dwStartType),
          loadOrderGroup: memory.wideString(memory.bytes.readBigUInt64LE(QUERY_SERVICE_CONFIGW.lpLoadOrderGroup)),
        };
      }
      const error = GetLastError();
      if (error !== ERROR_INSUFFICIENT_BUFFER) {
        throw win32Error('QueryServiceConfigW', error, name);
      }
      size = (needed[0] ?? size) + 1_024;
    } finally {
      memory.free();
    }
  }
  throw win32Error('QueryServiceConfigW', ERROR_INSUFFICIENT_BUFFER, name);
}

/** All driver services, or all services that are programs. */
export function listServices(drivers: boolean, context: CallContext): ServiceStatus[] {
  return withManager(SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE, (manager) => {
    const names = serviceNames(manager, drivers ? SERVICE_DRIVER : SERVICE_WIN32, context);
    const found: ServiceStatus[] = [];
    for (const name of names) {
      if (context.cancelled()) {
        throw new CancelledError();
      }
      const service = OpenServiceW(manager, name, QUERY_RIGHTS);
      // One that went away or that we may not ask is left out of the list.
      if (service === 0) {
        continue;
      }
      try {
        found.push(statusOf(service, name));
      } finally {
        CloseServiceHandle(service);
      }
    }
    return found;
  });
}

function serviceNames(manager: Handle, type: number, context: CallContext): string[] {
  const names: string[] = [];
  const returned = new Uint32Array(1);
  const resume = new Uint32Array(1);
  // The most that the call takes.
  const memory = new NativeMemory(256 * 1024);
  try {
    for (;;) {
      const done = EnumServicesStatusExW(
        manager,
        0,
        type,
        SERVICE_STATE_ALL,
        memory.address,
        memory.size,
        needed,
        returned,
        resume,
        null,
      );
      const error = done === 0 ? GetLastError() : 0;
      if (error !== 0 && error !== ERROR_MORE_DATA) {
        throw win32Error('EnumServicesStatusExW', error);
      }
      for (let index = 0; index < (returned[0] ?? 0); index++) {
        const at = index * ENUM_SERVICE_STATUS_PROCESSW.size + ENUM_SERVICE_STATUS_PROCESSW.lpServiceName;
        names.push(memory.wideString(memory.bytes.readBigUInt64LE(at)));
      }
      if (error === 0 || returned[0] === 0 || context.cancelled()) {
        return names;
      }
    }
  } finally {
    memory.free();
  }
}
