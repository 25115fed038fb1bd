/**
 * Starting a driver under the debugger on a Wine target, so that it can be stopped before its DriverEntry: drivers of one load-order
 * group share a host process there. A do-nothing driver of Wine's own is started first in the group of the real one; its host is
 * attached to; then the real driver starts in it, and its load is told before its first instruction runs.
 */
import { windowsBaseName } from '../../machine/command-line.js';
import type { ServiceStatus } from '../../protocol/agent-rpc.js';
import { EventscopeError } from '../../protocol/errors.js';
import type { AgentClient } from '../../target/agent-client.js';
import { anchorServiceOf } from '../../target/driver-service.js';
import type { EngineRequestOptions, SpaceId } from '../engine.js';
import type { Win32Engine } from './win32-engine.js';

/** Does nothing until somebody opens sockets in the kernel, can be unloaded, and nothing in a prefix loads it by itself. */
const ANCHOR_DRIVER = 'C:\\windows\\system32\\drivers\\netio.sys';
const SERVICE_TIMEOUT_MS = 15_000;
/** A person may look at DriverEntry for as long as they want: the start is followed for a day. */
const FOLLOWED_MS = 24 * 3_600_000;
const GRACE_MS = 10_000;
const SETTLE_MS = 10_000;
const SETTLE_PAUSE_MS = 100;

export interface StartedDriver {
  readonly space: SpaceId;
  /** Settles when the driver runs, or with why it does not; however long it was stopped meanwhile. */
  readonly running: Promise<ServiceStatus>;
  /**
   * Puts the service's group back, and takes the do-nothing driver away when the real one does not run. While it runs the do-nothing one
   * keeps its host alive; the next start under the debugger removes it.
   */
  close(): Promise<void>;
}

/**
 * Starts a driver's service, which must be stopped, in a host process that is debugged already. The load stops the target when
 * `stopOnLoad` was asked for its file name. @throws EventscopeError `debug.driverHost` where drivers have no host process
 */
export async function startDriver(
  engine: Win32Engine,
  client: AgentClient,
  service: string,
  options: EngineRequestOptions = {},
): Promise<StartedDriver> {
  const request = options.signal === undefined ? {} : { signal: options.signal };
  const before = (await client.request('service/query', { name: service }, request)).status;
  const anchor = anchorServiceOf(service);
  const group = before?.loadOrderGroup === undefined || before.loadOrderGroup === '' ? anchor : before.loadOrderGroup;
  const removeAnchor = async (): Promise<void> => {
    await client.request('service/stop', { name: anchor, timeoutMs: SERVICE_TIMEOUT_MS }).catch(() => {});
    await client.request('service/delete', { name: anchor }).catch(() => {});
  };
  const close = async (): Promise<void> => {
    if (before?.loadOrderGroup === '') {
      await client.request('service/setGroup', { name: service, loadOrderGroup: '' }).catch(() => {});
    }
    // Of a start that took over 10 s the control manager counts the anchor alone, and would end the host with it.
    if ((await settledState(client, service)) !== 'running') await removeAnchor();
  };
  await removeAnchor();
  try {
    await client.request(
      'service/create',
      { name: anchor, displayName: anchor, binaryPath: ANCHOR_DRIVER, loadOrderGroup: group },
      request,
    );
    await client.request('service/start', { name: anchor, timeoutMs: SERVICE_TIMEOUT_MS }, request);
    const host = (await client.request('service/query', { name: anchor }, request)).status;
    if (host === undefined || host.processId === 0) throw noHost(client.target, service);
    await client.request('service/setGroup', { name: service, loadOrderGroup: group }, request);
    const space = await engine.attach(host.processId, options);
    const running = client.request(
      'service/start',
      { name: service, timeoutMs: FOLLOWED_MS },
      { ...request, timeoutMs: FOLLOWED_MS + GRACE_MS },
    );
    running.catch(() => {});
    return { space, running, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A start that the debugger has let go of ends soon: what the driver is then, undefined when that cannot be told. */
async function settledState(client: AgentClient, service: string): Promise<ServiceStatus['state'] | undefined> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const answer = await client.request('service/query', { name: service }).catch(() => undefined);
    const state = answer?.status?.state;
    if (state !== 'startPending' || Date.now() >= until) return state;
    await new Promise((next) => setTimeout(next, SETTLE_PAUSE_MS));
  }
}

/** Attaches to the host process that a running driver is loaded in. @throws EventscopeError `debug.driverHost` */
export async function attachDriver(
  engine: Win32Engine,
  client: AgentClient,
  service: string,
  options: EngineRequestOptions = {},
): Promise<SpaceId> {
  const request = options.signal === undefined ? {} : { signal: options.signal };
  const { status } = await client.request('service/query', { name: service }, request);
  if (status === undefined || status.state !== 'running' || status.processId === 0) {
    throw noHost(client.target, service, status);
  }
  return engine.attach(status.processId, options);
}

function noHost(target: string, service: string, status?: ServiceStatus): EventscopeError {
  const driver = status === undefined ? service : windowsBaseName(status.binaryPath);
  return new EventscopeError({
    id: 'debug.driverHost',
    what: `No process holds the driver ${driver}`,
    target,
    why:
      status === undefined || status.state === 'running'
        ? 'drivers have host processes under Wine alone; on Windows they run in the kernel'
        : `its service is ${status.state}`,
    next: 'Start the driver first, or debug the kernel by a kernel-debugger link.',
  });
}
