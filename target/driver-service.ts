/**
 * A driver's service on a target, as deploying needs it: start and stop followed to their end, and every way they fail told in
 * the words of a driver developer.
 */
import type { ServiceStatus } from '../protocol/agent-rpc.js';
import { CancelledError, EventscopeError } from '../protocol/errors.js';
import { describeServiceStartError, describeWin32Error } from '../machine/status.js';
import type { AgentClient } from './agent-client.js';
import { captureDebugOutput, type DebugCapture } from './debug-capture.js';
import { driverFaultError, firstFault } from './driver-fault.js';
import { asError, pause } from './operation.js';
import { removeStaleLinks } from './stale-links.js';
import type { Operation, Target } from './target.js';

const START_TIMEOUT_MS = 30_000;
/** A driver that does not unload within this time is said to hang: unloading waits for nothing but its own work. */
const STOP_TIMEOUT_MS = 15_000;
const SETTLE_MS = 5_000;
/** The agent answers by its own bound; ours is only for an agent that hangs. */
const GRACE_MS = 10_000;

/** The id of the process that system threads belong to, on every Windows since XP. */
const SYSTEM_PROCESS = 4;

const ERROR_INVALID_HANDLE = 6;
const ERROR_ALREADY_EXISTS = 183;
const ERROR_SERVICE_REQUEST_TIMEOUT = 1_053;
const ERROR_SERVICE_CANNOT_ACCEPT_CTRL = 1_061;
const ERROR_SERVICE_NOT_ACTIVE = 1_062;
const ERROR_SERVICE_MARKED_FOR_DELETE = 1_072;
const ERROR_SERVICE_EXISTS = 1_073;

/** DriverEntry's STATUS_OBJECT_TYPE_MISMATCH and STATUS_OBJECT_NAME_COLLISION, as the control manager tells them. */
const NAME_IN_THE_WAY = new Set([ERROR_INVALID_HANDLE, ERROR_ALREADY_EXISTS]);

/** WAIT_TIMEOUT: the control manager itself did not answer the agent, because it waits for the driver. */
const STILL_STOPPING = new Set([258, ERROR_SERVICE_REQUEST_TIMEOUT, ERROR_SERVICE_CANNOT_ACCEPT_CTRL]);

/** How long to wait for a service to reach a state; a test has shorter ones. */
export interface ServiceTimeouts {
  readonly startMs: number;
  readonly stopMs: number;
}
const USUAL_TIMEOUTS: ServiceTimeouts = { startMs: START_TIMEOUT_MS, stopMs: STOP_TIMEOUT_MS };

/** Of a driver that was started under the debugger: the service of a do-nothing driver that holds its host process open. */
export const anchorServiceOf = (service: string): string => `eventscope-anchor-${service}`;

export class DriverService {
  readonly #target: Target;
  readonly #client: AgentClient;
  readonly #name: string;
  readonly #timeouts: ServiceTimeouts;

  constructor(target: Target, client: AgentClient, name: string, timeouts: ServiceTimeouts = USUAL_TIMEOUTS) {
    this.#target = target;
    this.#client = client;
    this.#name = name;
    this.#timeouts = timeouts;
  }

  /** Undefined when there is no such service. */
  async query(operation: Operation): Promise<ServiceStatus | undefined> {
    const answer = await this.#client.request('service/query', { name: this.#name }, { signal: operation.signal });
    return answer.status;
  }

  /**
   * Process whose records a running driver's are: its host under Wine, the system process on Windows. Undefined when it
   * cannot be told.
   */
  async hostProcess(status: ServiceStatus, operation: Operation): Promise<number | undefined> {
    if (status.processId !== 0) return status.processId;
    const info = await this.#client.request('agent/info', {}, { signal: operation.signal });
    return info.wineVersion === undefined ? SYSTEM_PROCESS : undefined;
  }

  /** @throws EventscopeError `driver.markedForDeletion` */
  async create(binaryPath: string, operation: Operation): Promise<ServiceStatus> {
    try {
      // No load-order group: the driver gets a host process of its own under Wine, and faults alone.
      return await this.#client.request(
        'service/create',
        { name: this.#name, displayName: this.#name, binaryPath },
        { signal: operation.signal },
      );
    } catch (error) {
      const code = win32CodeOf(error);
      if (code !== ERROR_SERVICE_MARKED_FOR_DELETE && code !== ERROR_SERVICE_EXISTS) throw error;
      throw new EventscopeError({
        id: code === ERROR_SERVICE_EXISTS ? 'driver.serviceExists' : 'driver.markedForDeletion',
        what: `The service ${this.#name} cannot be created`,
        target: this.#target.name,
        why: describeWin32Error(code),
        next: 'Close what holds the service open (its device, a services window), stop it, and deploy again.',
        data: { code },
        cause: error,
      });
    }
  }

  /**
   * Starts it and follows it to running. Under Wine a name that a faulted driver left may be in the way: it is removed, and the
   * start tried once more.
   * @throws EventscopeError `driver.start` (Windows name of the code), `driver.fault` (it faulted in DriverEntry); both with
   * what drivers printed in data.dbgPrint
   */
  async start(operation: Operation): Promise<ServiceStatus> {
    const first = await this.#startOnce(operation);
    if (first.failure === undefined) return first.status;
    if (NAME_IN_THE_WAY.has(first.failure.data['code'] as number) && (await this.#clearNames(operation))) {
      const second = await this.#startOnce(operation);
      if (second.failure === undefined) return second.status;
      throw second.failure;
    }
    throw first.failure;
  }

  async #startOnce(
    operation: Operation,
  ): Promise<{ readonly status: ServiceStatus; readonly failure?: undefined } | { readonly failure: EventscopeError }> {
    operation.progress(`Starting ${this.#name}`);
    const capture = await captureDebugOutput(this.#target, this.#client, operation);
    let status: ServiceStatus | undefined;
    let failure: Error | undefined;
    try {
      status = await this.#client.request(
        'service/start',
        { name: this.#name, timeoutMs: this.#timeouts.startMs },
        { signal: operation.signal, timeoutMs: this.#timeouts.startMs + GRACE_MS },
      );
      // A driver that faults just behind its DriverEntry takes its host down.
      if (status.state === 'running') status = await this.query(operation);
    } catch (error) {
      failure = asError(error);
    } finally {
      await capture.stop();
    }
    if (failure instanceof CancelledError) throw failure;
    if (failure === undefined && status?.state === 'running') return { status };
    return { failure: this.#startError(status, failure, capture) };
  }

  /** @throws the failure itself when it is none of the driver's */
  #startError(status: ServiceStatus | undefined, failure: Error | undefined, capture: DebugCapture): EventscopeError {
    const fault = firstFault(capture.lines);
    if (fault !== undefined) {
      return driverFaultError({
        id: 'driver.fault',
        driver: this.#name,
        target: this.#target.name,
        where: 'DriverEntry',
        fault,
        lines: capture.lines,
        next: 'Correct the driver and deploy again.',
      });
    }
    const code = failure === undefined ? (status?.win32ExitCode ?? ERROR_SERVICE_NOT_ACTIVE) : win32CodeOf(failure);
    if (code === undefined) throw failure ?? new Error('A start failed without an error');
    const explanation = describeServiceStartError(code);
    return new EventscopeError({
      id: 'driver.start',
      what: `The driver ${this.#name} did not start`,
      target: this.#target.name,
      why: explanation.why,
      next: explanation.next,
      data: { code, dbgPrint: capture.lines.map((line) => line.text) },
      cause: failure,
    });
  }

  /** @returns whether there was something to remove; never on Windows, where a faulted driver leaves no running system */
  async #clearNames(operation: Operation): Promise<boolean> {
    const info = await this.#client.request('agent/info', {}, { signal: operation.signal });
    return info.wineVersion !== undefined && (await removeStaleLinks(this.#client, operation)).length > 0;
  }

  /**
   * Stops it and follows it to stopped. A driver that hangs in its unload routine keeps its host process under Wine: that
   * process is ended, so that the target is usable again, and the hang is reported all the same.
   * @returns false when it was not running
   * @throws EventscopeError `driver.unload` (it hangs), `driver.fault` (it faulted while unloading)
   */
  async stop(operation: Operation): Promise<boolean> {
    const before = await this.#settledStart(operation);
    if (before === undefined || before.state === 'stopped') return false;
    operation.progress(`Stopping ${this.#name}`);
    const capture = await captureDebugOutput(this.#target, this.#client, operation);
    let failure: Error | undefined;
    try {
      await this.#stopNamed(this.#name, operation);
    } catch (error) {
      if (!(await this.#stopWithAnchor(error, operation))) failure = asError(error);
    } finally {
      await capture.stop();
    }
    const fault = firstFault(capture.lines);
    if (fault !== undefined) {
      throw driverFaultError({
        id: 'driver.fault',
        driver: this.#name,
        target: this.#target.name,
        where: 'DriverUnload',
        fault,
        lines: capture.lines,
        next: 'Its host process has ended and the service is stopped; correct the driver and deploy again.',
      });
    }
    if (failure === undefined) return true;
    const code = win32CodeOf(failure);
    if (code === undefined || !STILL_STOPPING.has(code)) throw failure;
    throw await this.#hungInUnload(before, operation);
  }

  /** A start that was cancelled goes on at the target: a stop is refused until it has ended. */
  async #settledStart(operation: Operation): Promise<ServiceStatus | undefined> {
    const until = Date.now() + SETTLE_MS;
    for (;;) {
      const status = await this.query(operation);
      if (status?.state !== 'startPending' || Date.now() >= until) return status;
      await pause(100, operation.signal);
    }
  }

  async #hungInUnload(before: ServiceStatus, operation: Operation): Promise<EventscopeError> {
    const info = await this.#client.request('agent/info', {}, { signal: operation.signal });
    const canEnd = info.wineVersion !== undefined && before.processId !== 0;
    if (canEnd) {
      await this.#client.request(
        'process/end',
        { process: before.processId, exitCode: 1 },
        { signal: operation.signal },
      );
      await this.#waitUntilStopped(operation);
    }
    const left = canEnd
      ? 'Its host process was ended and the service is stopped'
      : 'It stays loaded until the machine is restarted';
    return new EventscopeError({
      id: 'driver.unload',
      what: `The driver ${this.#name} hangs in its ${before.state === 'startPending' ? 'DriverEntry' : 'unload routine'}`,
      target: this.#target.name,
      why: `it did not stop within ${this.#timeouts.stopMs / 1000} s`,
      next: `${left}; correct what it waits for, then deploy again.`,
      data: { hostEnded: canEnd },
    });
  }

  /** The control manager notices the end of a host process by itself, shortly after. */
  async #waitUntilStopped(operation: Operation): Promise<void> {
    await this.#client
      .request('service/stop', { name: this.#name, timeoutMs: 5_000 }, { signal: operation.signal })
      .catch(() => undefined);
  }

  async #stopNamed(name: string, operation: Operation): Promise<void> {
    await this.#client.request(
      'service/stop',
      { name, timeoutMs: this.#timeouts.stopMs },
      { signal: operation.signal, timeoutMs: this.#timeouts.stopMs + GRACE_MS },
    );
  }

  /**
   * Wine's control manager forgets the host of a driver that a debugger held in its DriverEntry for over 10 s, and can stop the driver
   * beside it in the same host alone: that ends the host, which unloads both.
   */
  async #stopWithAnchor(error: unknown, operation: Operation): Promise<boolean> {
    if (win32CodeOf(error) !== ERROR_SERVICE_CANNOT_ACCEPT_CTRL) return false;
    if (!(await this.removeAnchor(operation))) return false;
    return (await this.query(operation))?.state === 'stopped';
  }

  /**
   * Takes away the service that a debugger has left beside a driver that it started. Ends their host process when the control manager
   * knows of no other driver in it.
   * @returns false when there was none
   */
  async removeAnchor(operation: Operation): Promise<boolean> {
    const name = anchorServiceOf(this.#name);
    const { status } = await this.#client.request('service/query', { name }, { signal: operation.signal });
    if (status === undefined) return false;
    if (status.state !== 'stopped') await this.#stopNamed(name, operation);
    await this.#client.request('service/delete', { name }, { signal: operation.signal });
    return true;
  }

  /** Deletes the service; nothing when there is none. */
  async remove(operation: Operation): Promise<void> {
    if ((await this.query(operation)) === undefined) return;
    try {
      await this.#client.request('service/delete', { name: this.#name }, { signal: operation.signal });
    } catch (error) {
      // Somebody has deleted it already, and it goes when its last handle is closed.
      if (win32CodeOf(error) !== ERROR_SERVICE_MARKED_FOR_DELETE) throw error;
    }
  }
}

/** Win32 code of a call that failed at the agent; undefined for everything else. */
export function win32CodeOf(error: unknown): number | undefined {
  if (!(error instanceof EventscopeError) || error.id !== 'agent.request') return undefined;
  const { space, code } = error.data;
  return space === 'win32' && typeof code === 'number' ? code : undefined;
}
