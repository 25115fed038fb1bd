/** What the driver tells of itself, asked once for all views that show it. */
import * as vscode from 'vscode';
import type { RequestResult, ServiceStatus } from '../../protocol/agent-rpc.js';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import type { EventsysState } from '../../protocol/eventsys-ioctl.js';
import type { DriverObject } from '../../protocol/kernel-views.js';
import type { Operation } from '../../target/target.js';
import type { AgentConnection, Connection, ViewServices } from './services.js';

export type DriverImage = NonNullable<RequestResult<'driver/image'>['image']>;

export interface DriverSnapshot {
  readonly connection: Connection;
  /** Undefined: no such service. */
  readonly service: ServiceStatus | undefined;
  readonly image: DriverImage | undefined;
  /** Undefined: it is not running, or answers no such request; see stateFailure. */
  readonly state: EventsysState | undefined;
  readonly stateFailure: string | undefined;
  /** Target of the Win32 device's symbolic link; undefined: there is none. */
  readonly linkTarget: string | undefined;
  /** Of a machine that is stopped in the kernel debugger: what its memory tells, undefined in it when the driver is not loaded. */
  readonly stoppedKernel?: { readonly driver: DriverObject | undefined };
}

export class DriverWatch implements vscode.Disposable {
  readonly #services: ViewServices;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #snapshot: DriverSnapshot | undefined;
  #shared: ReadonlySet<string> = new Set();
  #refreshing: Promise<void> | undefined;

  constructor(services: ViewServices) {
    this.#services = services;
  }

  get snapshot(): DriverSnapshot | undefined {
    return this.#snapshot?.connection === this.#services.connection ? this.#snapshot : undefined;
  }

  /** Whether the driver shares the object at this path. */
  shares(path: string): boolean {
    return this.#shared.has(path.toLowerCase());
  }

  /** Asks anew; who asks meanwhile gets the same answer. The failure of the agent itself is thrown. */
  refresh(operation: Operation): Promise<void> {
    this.#refreshing ??= this.#refresh(operation).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(operation: Operation): Promise<void> {
    const { connection } = this.#services;
    const snapshot = connection === undefined ? undefined : await this.#ask(connection, operation);
    this.#snapshot = snapshot;
    const names = snapshot?.state?.events.map(({ name }) => name.toLowerCase()).filter((name) => name !== '') ?? [];
    this.#shared = new Set(names);
    this.#changed.fire();
  }

  async #ask(connection: Connection, operation: Operation): Promise<DriverSnapshot> {
    const nothing = { image: undefined, state: undefined, stateFailure: undefined, linkTarget: undefined };
    if (connection.stoppedKernel !== undefined) {
      const { project, stoppedKernel } = connection;
      const driver = project === undefined ? undefined : await stoppedKernel.driver(project.driver.service);
      return { connection, service: undefined, ...nothing, stoppedKernel: { driver } };
    }
    const { project, target, client } = connection;
    const { DriverService } = await import('../../target/driver-service.js');
    const service = await new DriverService(target, client, project.driver.service).query(operation);
    if (service?.state !== 'running') return { connection, service, ...nothing };
    const { state, stateFailure } = await this.#state(connection, operation);
    return {
      connection,
      service,
      image: await this.#image(connection, service, operation),
      state,
      stateFailure,
      linkTarget: await linkTarget(connection, operation),
    };
  }

  /** Looking through the modules of processes is dear: once for each start of the driver. */
  async #image(connection: Connection, service: ServiceStatus, operation: Operation): Promise<DriverImage | undefined> {
    const before = this.snapshot;
    if (before?.image !== undefined && before.service?.processId === service.processId) return before.image;
    const { binaryPath } = service;
    const answer = await connection.client.request('driver/image', { binaryPath }, { signal: operation.signal });
    return answer.image;
  }

  async #state(
    { project, client }: AgentConnection,
    operation: Operation,
  ): Promise<Pick<DriverSnapshot, 'state' | 'stateFailure'>> {
    const { queryDriverState } = await import('../../target/driver-state.js');
    try {
      return { state: await queryDriverState(client, project, operation), stateFailure: undefined };
    } catch (error) {
      if (error instanceof CancelledError || !(error instanceof EventscopeError)) throw error;
      if (error.id !== 'driver.state') throw error;
      return { state: undefined, stateFailure: error.why ?? error.what };
    }
  }

  dispose(): void {
    this.#changed.dispose();
  }
}

/** \\.\Name is \??\Name for the object manager. */
async function linkTarget({ project, client }: AgentConnection, operation: Operation): Promise<string | undefined> {
  const name = project.driver.device?.slice('\\\\.\\'.length);
  if (name === undefined) return undefined;
  const items = [{ path: `\\??\\${name}`, typeName: 'SymbolicLink' }];
  const { objects } = await client.request('object/query', { items }, { signal: operation.signal });
  const [object] = objects;
  if (object === undefined || 'status' in object) return undefined;
  return typeof object.linkTarget === 'string' ? object.linkTarget : undefined;
}
